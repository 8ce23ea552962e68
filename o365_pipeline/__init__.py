"""Moves Office 365 data through Microsoft Graph Data Connect into a lake and a SQL mart, as far as approvers allow it.

What belongs here: one folder for each stage, `definitions.py`, which merges the stages, and `errors.py`. Code that has
a stage does not belong at this level.
"""

import warnings

# Dagster calls this parameter beta, and says so once for each asset. Without it, a backfill of thirty days would be
# thirty factory runs, each of them paid.
warnings.filterwarnings("ignore", message="Parameter `backfill_policy`")
