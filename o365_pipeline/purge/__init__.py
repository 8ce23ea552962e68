"""Purge: what no approval covers any more is deleted once its grace is over, and the deletion is recorded."""
