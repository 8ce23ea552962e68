"""What is worth a message, found in what Dagster remembers: runs that failed, and checks that failed in them.

What belongs here: reading runs in the order in which they ended, a bounded number at a time. Of a run the job, the
customer and the days are told, of a check its name; what they say may hold values of rows.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import dagster as dg

from o365_pipeline.consent.assets import IN_FORCE_CHECK
from o365_pipeline.cost.assets import PLAN_CHECK
from o365_pipeline.customers.customer import Customers
from o365_pipeline.customers.partitions import CUSTOMER_TAG, RANGE_END_TAG, RANGE_START_TAG
from o365_pipeline.news.outbox import OF_THE_DEPLOYMENT, Happening, Kind
from o365_pipeline.purge.schedule import KEPT_CHECK

RUNS_PER_TICK = 200
OVERLAP = dt.timedelta(minutes=5)
"""Runs end by the clocks of their machines, and are written when they are: so much of the past is read again."""

LEAST = dt.timedelta(microseconds=1)
PARTITION_TAG = "dagster/partition"
BY_HAND = "__ASSET_JOB"

TOLD_BY_THE_LEDGER = (IN_FORCE_CHECK, PLAN_CHECK, KEPT_CHECK)
"""Checks of what `happenings.py` tells."""


@dataclass(frozen=True)
class Ended:
    """What was found in some runs, and from when on the next ones are to be read."""

    happenings: Sequence[Happening]
    read_until: dt.datetime


def ended_runs(instance: dg.DagsterInstance, customers: Customers, since: dt.datetime, now: dt.datetime) -> Ended:
    """Reads runs that ended after a moment; where that lies ahead, the clock was put back since."""
    since = since if since <= now else now - OVERLAP
    wanted = dg.RunsFilter(statuses=[dg.DagsterRunStatus.SUCCESS, dg.DagsterRunStatus.FAILURE], updated_after=since)
    records = instance.get_run_records(wanted, limit=RUNS_PER_TICK, order_by="update_timestamp", ascending=True)
    found = [happening for record in records for happening in _of_run(instance, customers, record)]
    if len(records) < RUNS_PER_TICK:
        return Ended(found, now - OVERLAP)
    last = _utc(records[-1].update_timestamp)
    return Ended(found, last - LEAST if last - LEAST > since else last)


def _of_run(instance: dg.DagsterInstance, customers: Customers, record: dg.RunRecord) -> Iterator[Happening]:
    run, day = record.dagster_run, str(_utc(record.update_timestamp).date())
    customer, first_day, last_day = _about(run, customers)
    if run.status == dg.DagsterRunStatus.FAILURE:
        job = "assets that were materialized by hand" if run.job_name.startswith(BY_HAND) else run.job_name
        yield Happening(customer, Kind.RUNS, (run.run_id,), job, first_day, last_day)
    events = instance.get_records_for_run(run.run_id, of_type=dg.DagsterEventType.ASSET_CHECK_EVALUATION).records
    for event in (entry.event_log_entry.dagster_event for entry in events):
        check = event.asset_check_evaluation_data if event else None
        if check and not check.passed and check.check_name not in TOLD_BY_THE_LEDGER:
            subject = f"{check.asset_key.to_user_string()}: {check.check_name}"
            identity = (subject, customer, str(first_day), str(last_day), day)
            warns = " (a warning)" if check.severity is dg.AssetCheckSeverity.WARN else ""
            yield Happening(customer, Kind.CHECKS, identity, f"{subject}{warns}", first_day, last_day)


def _about(run: dg.DagsterRun, customers: Customers) -> tuple[str, dt.date | None, dt.date | None]:
    """Returns the customer and the days of a run; people may write tags too, so that what is no such is left out."""
    partition = run.tags.get(PARTITION_TAG, "")
    first, last = (run.tags.get(tag, partition).partition("|") for tag in (RANGE_START_TAG, RANGE_END_TAG))
    name = run.tags.get(CUSTOMER_TAG) or first[0]
    days = _day(first[2]), _day(last[2])
    return (name if name in customers else OF_THE_DEPLOYMENT, *(days if None not in days else (None, None)))


def _day(text: str) -> dt.date | None:
    try:
        return dt.date.fromisoformat(text)
    except ValueError:
        return None


def _utc(moment: dt.datetime) -> dt.datetime:
    return moment if moment.tzinfo else moment.replace(tzinfo=dt.UTC)
