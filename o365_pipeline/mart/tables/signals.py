"""Signals of activity in Outlook and Teams, counted.

What belongs here: grain, columns, types and keys. The SQL that fills a table is in `sql/`, under its name.
"""

from __future__ import annotations

import sqlalchemy as sa

from o365_pipeline.mart.tables.columns import (
    count,
    date_key,
    exact_unicode,
    extraction_id,
    person_id,
    table,
    week_start,
)

agg_signal_day = table(
    "agg_signal_day",
    "One row per person, date, dataset of signals, type of signal and app",
    ("person_id", "date_key", "source", "signal_type", "app_name"),
    person_id("person_id", "The person in dim_person"),
    date_key("Date of the signal's start, UTC; where that is unknown, of its creation"),
    week_start(),
    sa.Column("source", sa.String(50), comment="The dataset: outlook_mail_activity, teams_channel_activity, ..."),
    sa.Column("signal_type", exact_unicode(100), comment="MessageSent, InstantMessage, ...; unknown where not given"),
    sa.Column("app_name", exact_unicode(100), comment="OWA, OutlookDesktop, Teams, ...; unknown where not given"),
    count("signals", "How many"),
    extraction_id(),
)
