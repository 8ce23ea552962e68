"""How old the newest data may become before the UI warns.

What belongs here: the policy that raw, curated and mart assets share. Dagster looks at an asset's newest
materialization, of whichever partition: it notices that the nightly runs have stopped, not that those of one customer
have.
"""

from __future__ import annotations

import datetime as dt

import dagster as dg

NIGHTLY = dg.FreshnessPolicy.time_window(warn_window=dt.timedelta(hours=30), fail_window=dt.timedelta(hours=54))
"""Warns if a night is late by some hours, and fails if a second night is missing."""
