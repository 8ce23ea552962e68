"""The current state of datasets that deliver changes: what there is as of each day.

What belongs here: folding changes into states. The changes themselves are curated files like any other.
"""
