"""The consent sensor: reads what approvers decided and, once approved, asks for the windows agreed on.

What belongs here: the tick. How consent is read, kept and judged is in the other files of this folder.
"""

import datetime as dt
import json
from collections.abc import Iterable

import dagster as dg
from azure.core.exceptions import AzureError
from pydantic import ValidationError

from o365_pipeline.consent import approval_ledger
from o365_pipeline.consent.activity_feed import MAX_AGE, ActivityFeed
from o365_pipeline.consent.approvals import CONSENT_RECORD_TYPE, ApprovalEvent
from o365_pipeline.consent.assets import reported
from o365_pipeline.customers import Customer, Customers
from o365_pipeline.database import Database
from o365_pipeline.partitions import CUSTOMERS, customer_partitions, range_tags

EXTRACTION_JOB = "extraction_job"


def build_consent_sensor(default_status: dg.DefaultSensorStatus) -> dg.SensorDefinition:
    """The sensor, on or off until somebody says otherwise in the UI."""

    @dg.sensor(
        job_name=EXTRACTION_JOB,
        minimum_interval_seconds=5,
        default_status=default_status,
        description=(
            "Reads the approvers' decisions from the Office 365 Management Activity API and records each once. "
            "A customer whose data request is approved becomes a partition, and its agreed days are extracted."
        ),
    )
    def consent_sensor(
        context: dg.SensorEvaluationContext,
        activity_feed: ActivityFeed,
        database: dg.ResourceParam[Database],
        customers: dg.ResourceParam[Customers],
    ) -> dg.SensorResult:
        now = dt.datetime.now(dt.UTC)
        cursors: dict[str, str] = json.loads(context.cursor) if context.cursor else {}
        requests: list[dg.RunRequest] = []
        reports: list[dg.AssetMaterialization] = []
        approved: list[str] = []
        waiting: list[str] = []
        for customer in customers:
            try:
                new = _read_decisions(context, activity_feed, database, customer, cursors.get(customer.name), now)
                cursors[customer.name] = now.isoformat()
            except AzureError as error:
                context.log.error(f"{customer.name}: the activity feed does not answer, read again next time: {error}")
                new = 0
            standing = approval_ledger.standing_of(database, customer, now)
            if new:
                reports.append(reported(customer, standing))
            if standing.approval is None:
                waiting.append(f"{customer.name}: {standing.state or 'no decision yet'}")
                continue
            approved.append(customer.name)
            requests += initial_requests(customer, standing.approval, now.date())
        known = set(context.instance.get_dynamic_partitions(CUSTOMERS))
        added = [name for name in approved if name not in known]
        return dg.SensorResult(
            run_requests=requests,
            skip_reason=f"Waiting for approval: {'; '.join(waiting)}" if waiting and not requests else None,
            dynamic_partitions_requests=[customer_partitions.build_add_request(added)] if added else [],
            asset_events=reports,
            cursor=json.dumps(cursors),
        )

    return consent_sensor


def initial_requests(customer: Customer, approval: ApprovalEvent, today: dt.date) -> list[dg.RunRequest]:
    """The extraction of the agreed days that are over, asked for once under each approval.

    What was extracted under an earlier approval is re-attached to, not paid for again.
    """
    first_day, last_day = customer.initial_days_range
    last_day = min(last_day, today - dt.timedelta(days=1))
    if last_day < first_day:
        return []
    return [
        dg.RunRequest(
            run_key=f"{customer.name}:{first_day}:{last_day}:{approval.event_id}",
            job_name=EXTRACTION_JOB,
            tags={**range_tags(customer.name, first_day, last_day), "o365/customer": customer.name},
        )
    ]


def _read_decisions(
    context: dg.SensorEvaluationContext,
    feed: ActivityFeed,
    database: Database,
    customer: Customer,
    last_read: str | None,
    now: dt.datetime,
) -> int:
    """Record the consent events since the last tick; returns how many are new."""
    oldest = now - MAX_AGE + dt.timedelta(minutes=1)
    if last_read:
        start = dt.datetime.fromisoformat(last_read)
        if start < oldest:
            context.log.warning(
                f"{customer.name}: consent was last read {start:%Y-%m-%d %H:%M} UTC; the feed reaches back seven days, "
                f"so decisions before {oldest:%Y-%m-%d %H:%M} UTC may be missing: check the customer's approvals."
            )
    else:
        feed.start(customer.tenant_id)
        start = oldest
    events = _consent_events(context, feed.records(customer.tenant_id, max(start, oldest), now), customer)
    new = approval_ledger.record(database, customer, events, now)
    context.log.debug(f"{customer.name}: {new} new consent events")
    return new


def _consent_events(
    context: dg.SensorEvaluationContext, records: Iterable[dict[str, object]], customer: Customer
) -> list[ApprovalEvent]:
    events = []
    for record in records:
        if record.get("RecordType") != CONSENT_RECORD_TYPE:
            continue
        try:
            event = ApprovalEvent.model_validate(record)
        except ValidationError as error:
            fields = ", ".join(".".join(str(part) for part in problem["loc"]) for problem in error.errors())
            context.log.warning(f"{customer.name}: a consent record was left aside, its {fields} cannot be read")
            continue
        if event.destination_tenant_id == customer.tenant_id:
            events.append(event)
    return events
