"""The consent sensor: it reads the approvers' decisions and requests the agreed days once they are approved.

What belongs here: one tick, whose work is bounded however many customers there are. Reading, storing and judging
consent belong to the other files of this folder.
"""

import datetime as dt
from collections.abc import Collection, Iterable, Mapping, Sequence

import dagster as dg
from pydantic import BaseModel, Field

from o365_pipeline.consent import approval_ledger, feed_ledger
from o365_pipeline.consent.activity_feed import ActivityFeed
from o365_pipeline.consent.approval_ledger import RecordedDecision
from o365_pipeline.consent.approvals import ConsentStatus, Decision
from o365_pipeline.consent.assets import APPROVAL, IN_FORCE_CHECK, approval_report, expiry_check_result
from o365_pipeline.consent.feed_reading import read_feeds
from o365_pipeline.consent.silence import Silence, silences
from o365_pipeline.customers.customer import Customer, Customers
from o365_pipeline.customers.partitions import CUSTOMERS, customer_partitions, range_tags
from o365_pipeline.dagster_ui.evaluation import evaluation
from o365_pipeline.dagster_ui.labels import stage_tag
from o365_pipeline.database.database import Database
from o365_pipeline.database.ledger import approval_event, identity, recorded_after

EXTRACTION_JOB = "extraction_job"
READING_SECONDS = 3.0
"""How long one tick requests pages from the feeds; the next tick continues."""

MAX_REQUESTS, MAX_REPORTS, MAX_ADDED, MAX_DECISIONS = 25, 25, 1000, 1000
"""Limits of one tick: runs requested, customers reported, partitions added, decisions read."""

ONE_DAY = dt.timedelta(days=1)

SHOWN_WAITING = 10

ConsentStatuses = Mapping[str, ConsentStatus[RecordedDecision]]


class Cursor(BaseModel):
    """How far the sensor has requested runs.

    Dagster stores it after launching the runs of a tick. If a tick dies before, it is repeated and requests the same
    runs under the same keys.
    """

    ledger: str | None = Field(default=None, description="The ledger that it speaks of.")
    asked_up_to: int = Field(default=0, description="The place in the ledger up to which decisions were acted on.")
    day: dt.date | None = Field(default=None, description="The day for which agreed windows are looked through.")
    after: str = Field(default="", description="The customer up to whom they were, in the order of names.")
    held_back: list[str] = Field(
        default_factory=list, description="Customers whose runs wait until their feed has been read."
    )


def build_consent_sensor(default_status: dg.DefaultSensorStatus) -> dg.SensorDefinition:
    """Builds the sensor; `default_status` says whether it is on until somebody changes that in the UI."""

    @dg.sensor(
        job_name=EXTRACTION_JOB,
        minimum_interval_seconds=5,
        default_status=default_status,
        tags=stage_tag("consent"),
        description=(
            "Reads the approvers' decisions and Microsoft's counts of what was extracted from the Office 365 "
            "Management Activity API and records each once. Once a customer's data request is approved, its agreed "
            "days are extracted."
        ),
    )
    def consent_sensor(
        context: dg.SensorEvaluationContext,
        activity_feed: ActivityFeed,
        database: dg.ResourceParam[Database],
        customers: dg.ResourceParam[Customers],
    ) -> dg.SensorResult:
        now = dt.datetime.now(dt.UTC)
        progress = read_feeds(database, activity_feed, customers, now, READING_SECONDS, context.log)
        if progress.unreadable:
            context.log.warning(
                f"{progress.unreadable} records of the feed could not be read; the table ledger_record_aside keeps them"
            )
        if progress.unread_blobs:
            context.log.warning(
                f"{progress.unread_blobs} blobs of the feed could not be read and are requested again; the table "
                "ledger_feed_blob keeps them"
            )
        statuses = approval_ledger.consent_statuses(database, customers, now)
        silent = silences(database, customers, statuses, now)
        cursor = _cursor(context.cursor, identity(database))
        cursor, requests = _extractions_to_request(database, customers, statuses, silent, cursor, now.date())
        known = set(context.instance.get_dynamic_partitions(CUSTOMERS))
        added = [customer.name for customer in customers if customer.name not in known][:MAX_ADDED]
        return dg.SensorResult(
            run_requests=requests,
            skip_reason=None if requests else _waiting(statuses, silent, progress.behind),
            dynamic_partitions_requests=[customer_partitions.build_add_request(added)] if added else [],
            asset_events=_reports(database, customers, statuses, silent, now),
            cursor=cursor.model_dump_json(),
        )

    return consent_sensor


def _cursor(text: str | None, ledger: str) -> Cursor:
    """Reads the cursor; a cursor of another ledger is replaced by a new one."""
    cursor = Cursor.model_validate_json(text or "{}")
    return cursor.model_copy(update={"ledger": ledger}) if cursor.ledger in (None, ledger) else Cursor(ledger=ledger)


def initial_requests(customer: Customer, approval: Decision, today: dt.date, ledger: str) -> list[dg.RunRequest]:
    """Requests the extraction of the agreed days that are over, once under each approval that a ledger recorded.

    Runs that were extracted under an earlier approval are reused, not paid for again.
    """
    first_day, last_day = customer.initial_days_range
    last_day = min(last_day, today - ONE_DAY)
    if last_day < first_day:
        return []
    return [
        dg.RunRequest(
            run_key=f"{customer.name}:{first_day}:{last_day}:{approval.event_id}:{ledger}",
            job_name=EXTRACTION_JOB,
            tags=range_tags(customer.name, first_day, last_day),
        )
    ]


def _extractions_to_request(
    database: Database,
    customers: Customers,
    statuses: ConsentStatuses,
    silent: Collection[str],
    cursor: Cursor,
    today: dt.date,
) -> tuple[Cursor, list[dg.RunRequest]]:
    """Returns at most MAX_REQUESTS runs: for new decisions, and for days of an agreed window that are over now.

    Those of customers whose feed has been unread for too long are held back until it is read.
    """
    requests: dict[str, list[dg.RunRequest]] = {}
    held_back = set(cursor.held_back)
    for name in sorted(held_back - set(silent)):
        if len(requests) == MAX_REQUESTS:
            break
        held_back.discard(name)
        if asked := _of_customer(customers, statuses, name, today, cursor):
            requests[name] = asked
    asked_up_to = cursor.asked_up_to
    for sequence, name in recorded_after(database, approval_event.c.customer, asked_up_to, MAX_DECISIONS):
        if len(requests) == MAX_REQUESTS and name not in requests:
            break
        asked_up_to = sequence
        if name in silent:
            held_back.add(name)
        elif asked := _of_customer(customers, statuses, name, today, cursor):
            requests[name] = asked
    after = cursor.after if cursor.day == today else ""
    for customer in sorted(customers, key=lambda customer: customer.name):
        first_day, last_day = customer.initial_days_range
        if customer.name <= after or not first_day <= today - ONE_DAY <= last_day or len(requests) == MAX_REQUESTS:
            continue
        after = customer.name
        if customer.name in silent:
            held_back.add(customer.name)
        elif customer.name not in requests and (
            asked := _of_customer(customers, statuses, customer.name, today, cursor)
        ):
            requests[customer.name] = asked
    reached = Cursor(ledger=cursor.ledger, asked_up_to=asked_up_to, day=today, after=after, held_back=sorted(held_back))
    return reached, [request for asked in requests.values() for request in asked]


def _of_customer(
    customers: Customers, statuses: ConsentStatuses, name: str, today: dt.date, cursor: Cursor
) -> list[dg.RunRequest]:
    approval = statuses[name].approval if name in statuses else None
    return initial_requests(customers[name], approval, today, cursor.ledger or "") if approval else []


def _reports(
    database: Database,
    customers: Customers,
    statuses: ConsentStatuses,
    silent: Mapping[str, Silence],
    now: dt.datetime,
) -> Sequence[dg.AssetMaterialization | dg.AssetCheckEvaluation]:
    """Reports the customers whose status, days left or history the UI does not show yet, and the check of all
    customers.
    """
    news = feed_ledger.customers_with_news(database, statuses, silent, now, MAX_REPORTS)
    reports = [
        approval_report(
            customers[name], approval_ledger.events(database, customers[name]), now, summary, silent.get(name)
        )
        for name, summary in news.items()
    ]
    check = evaluation(APPROVAL, IN_FORCE_CHECK, expiry_check_result(statuses, silent, now))
    return [*reports, check] if reports else []


def _waiting(statuses: ConsentStatuses, silent: Mapping[str, Silence], behind: Iterable[str]) -> str:
    """Says why nothing is requested: whose feed is unread, who has not approved, whose feed is still being read."""
    waiting = [
        f"{name}: {consent_status.state or 'no decision yet'}"
        for name, consent_status in statuses.items()
        if not consent_status.approval
    ]
    parts = []
    if silent:
        told = [f"{name}: {silence}" for name, silence in silent.items()]
        more = f"; and {len(told) - SHOWN_WAITING} more" if len(told) > SHOWN_WAITING else ""
        parts.append(f"Nothing new is submitted for {'; '.join(told[:SHOWN_WAITING])}{more}")
    if waiting:
        more = f"; and {len(waiting) - SHOWN_WAITING} more" if len(waiting) > SHOWN_WAITING else ""
        parts.append(f"Waiting for approval: {'; '.join(waiting[:SHOWN_WAITING])}{more}")
    if unread := len(list(behind)):
        parts.append(f"the feeds of {unread} customers are read on in the next tick")
    return ". ".join(parts) or "No new decision."
