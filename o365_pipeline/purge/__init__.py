"""The purge stage: it deletes data that no approval covers any more once the grace period is over, and records the
deletion.

What belongs here: the plan of a deletion, and deleting in lake, mart and Dagster. Which approval covers what is decided
in `consent/`.
"""
