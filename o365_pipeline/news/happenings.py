"""What is worth a message, found in the ledger: consent, windows that are stuck, extractions that failed, what is kept
too long, and costs beyond the plan.

What belongs here: reading the ledger. What Dagster remembers of runs and their checks is read in `run_history.py`.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator, Mapping, Sequence

import dagster as dg
import sqlalchemy as sa

from o365_pipeline.consent.approval_ledger import RecordedDecision
from o365_pipeline.consent.approvals import ConsentStatus, State
from o365_pipeline.consent.assets import WARNING_DAYS
from o365_pipeline.consent.silence import Silence
from o365_pipeline.cost.assumptions import Assumptions
from o365_pipeline.cost.plan_and_actual import MORE_THAN_PLANNED, plan_and_actual
from o365_pipeline.cost.rates import Rates
from o365_pipeline.customers.customer import Customer, Customers
from o365_pipeline.database.database import Database
from o365_pipeline.database.ledger import extraction, id_batches, naive_utc
from o365_pipeline.extraction import extraction_ledger
from o365_pipeline.extraction.data_factory import FAILED
from o365_pipeline.extraction.extraction_ledger import CONSENT_PENDING, Extraction
from o365_pipeline.extraction.landing_attempts import attempts_of, landing_tag, windows_of
from o365_pipeline.news.outbox import Happening, Kind
from o365_pipeline.purge.retention import overdue
from o365_pipeline.purge.schedule import KEPT_CHECK, LATE

REMINDERS = (1, 7, WARNING_DAYS)
"""So many days before an approval ends it is told, once each."""

LONG_UNDER_WAY = dt.timedelta(days=1)
"""A window that is under way for longer is stuck: the factory's own runs end after hours."""

FAILED_LATELY = dt.timedelta(days=7)
"""Extractions that failed before this time are no news, where news was off or nobody looked for so long."""

TAGS_PER_QUERY = 50

ENDED = {State.DENIED: "the data request was denied", State.EXPIRED: "the approval ended"}

Statuses = Mapping[str, ConsentStatus[RecordedDecision]]


def of_consent(statuses: Statuses, silent: Mapping[str, Silence], now: dt.datetime) -> Iterator[Happening]:
    """Tells which approvals are about to end, have ended or were denied, and whose feed is not read."""
    for name, status in statuses.items():
        if status.since and status.state in ENDED:
            subject = f"{ENDED[status.state]} on {status.since:%Y-%m-%d}"
            yield Happening(name, Kind.CONSENT, (name, status.state, status.since.isoformat()), subject)
        left = status.days_left(now)
        due = next((days for days in REMINDERS if left is not None and left <= days), None)
        if due and status.approval and status.approval.expires_at:
            ends = f"{status.approval.expires_at:%Y-%m-%d}"
            identity = (name, "ends", status.approval.event_id, str(due))
            yield Happening(name, Kind.CONSENT, identity, f"the approval ends on {ends}")
    for name, silence in silent.items():
        subject = "decisions may be missed, since the activity feed cannot be read: nothing new is submitted"
        yield Happening(name, Kind.CONSENT, (name, "silent", f"{silence.since:%Y-%m-%dT%H}"), subject)


def of_extractions(database: Database, customers: Customers, now: dt.datetime) -> Iterator[Happening]:
    """Tells which factory runs failed lately."""
    ended = sa.func.coalesce(extraction.c.finished_at, extraction.c.submitted_at, extraction.c.claimed_at)
    names = ("extraction_id", "customer", "dataset", "first_day", "last_day", "attempt", "factory_run_id")
    query = sa.select(*(extraction.c[name] for name in names)).where(
        extraction.c.status == FAILED, ended >= naive_utc(now - FAILED_LATELY)
    )
    with database.begin() as connection:
        for some in id_batches([customer.name for customer in customers]):
            for row in connection.execute(query.where(extraction.c.customer.in_(some))).all():
                identity = (row.extraction_id, str(row.attempt), row.factory_run_id or "")
                subject = f"{row.dataset}: the extraction failed"
                yield Happening(row.customer, Kind.RUNS, identity, subject, row.first_day, row.last_day)


def of_stuck_windows(
    database: Database, instance: dg.DagsterInstance, customers: Customers, statuses: Statuses, now: dt.datetime
) -> Iterator[Happening]:
    """Tells which windows go no further by themselves."""
    names = [customer.name for customer in customers]
    for entry in extraction_ledger.under_way(database, names):
        identity = (entry.extraction_id, str(entry.attempt), entry.status)
        if entry.status == CONSENT_PENDING:
            wanted = "an approver of Privileged Access Management has to consent within 24 hours"
            yield _of_window(entry, identity, f"{entry.dataset}: {wanted}")
        elif now - entry.claimed_at.replace(tzinfo=dt.UTC) > LONG_UNDER_WAY:
            yield _of_window(entry, (*identity[:2], "long"), f"{entry.dataset}: under way for more than a day")
    landed = {
        landing_tag(window, approval.event_id): window
        for window in windows_of(extraction_ledger.not_loaded(database, names))
        if (approval := statuses[window[0].customer].approval) and not any(entry.is_under_way for entry in window)
    }
    tags = list(landed)
    for start in range(0, len(tags), TAGS_PER_QUERY):
        for tag, attempts in attempts_of(instance, tags[start : start + TAGS_PER_QUERY]).items():
            if attempts.is_given_up:
                last = attempts.runs[0].dagster_run.run_id
                yield _of_window(landed[tag][0], (tag, last), "what landed does not get to the mart, and is given up")


def _of_window(entry: Extraction, identity: tuple[str, ...], subject: str) -> Happening:
    return Happening(entry.customer, Kind.STUCK, identity, subject, entry.first_day, entry.last_day)


def of_retention(database: Database, customers: Customers, now: dt.datetime) -> Iterator[Happening]:
    """Tells of whom something is older than it is kept, though no legal hold keeps it."""
    for name in overdue(database, customers, now.date() - LATE):
        if not customers[name].legal_hold:
            yield Happening(name, Kind.CHECKS, (name, KEPT_CHECK, str(now.date())), f"consent/approval: {KEPT_CHECK}")


def of_costs(
    database: Database, customers: Sequence[Customer], rates: Rates, assumptions: Assumptions, now: dt.datetime
) -> Iterator[Happening]:
    """Tells, once a month, whose extractions have cost more than planned."""
    for customer in customers:
        compared = plan_and_actual(database, customer, rates, assumptions)
        if not compared.is_within_plan:
            subject = (
                f"{compared.actual:,.2f} {rates.currency} were paid where {compared.planned:,.2f} were planned, over "
                f"{MORE_THAN_PLANNED:.0%} more"
            )
            yield Happening(customer.name, Kind.COST, (customer.name, f"{now:%Y-%m}"), subject)
