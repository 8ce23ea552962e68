"""Moves Office 365 data through Microsoft Graph Data Connect into a lake and a SQL mart, as far as the approvers allow
it.

What belongs here: one folder for each stage, and three files: `definitions.py`, `deployment.py` and `errors.py`. Code
that has a stage does not belong at this level.
"""
