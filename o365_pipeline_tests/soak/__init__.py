"""The soak: random steps over several customers, with faults, kills and clock steps, and what must hold after each.

What belongs here: the parts of `python -m benchmarks.soak`. What one step must do exactly is asked by the other tests.
"""
