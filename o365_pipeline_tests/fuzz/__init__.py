"""The fuzzer: malformed inputs of every kind that comes from outside, and what must hold for each of them.

What belongs here: the parts of `python -m benchmarks.fuzz`. What one input must become exactly is asked by the other
tests.
"""
