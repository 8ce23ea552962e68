"""How old the newest data may get before the UI says so.

What belongs here: the policy that raw, curated and mart assets share. Dagster looks at an asset's newest
materialization, whichever partition it is of: it sees that the nights have stopped, not that one customer's have.
"""

from __future__ import annotations

import datetime as dt

import dagster as dg

NIGHTLY = dg.FreshnessPolicy.time_window(warn_window=dt.timedelta(hours=30), fail_window=dt.timedelta(hours=54))
"""A night that is late by some hours warns, a second night that is missing fails."""
