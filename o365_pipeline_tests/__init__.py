"""The tests mirror the package: a stage's tests are in the folder of its name."""
