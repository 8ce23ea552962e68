"""The consent stage in the asset graph: each customer's approval, on which everything else depends.

What belongs here: the asset, with one partition for each customer, its check, and what the sensor reports of both.
Nobody materializes consent; approvers give it.
"""

import datetime as dt
from collections.abc import Mapping, Sequence

import dagster as dg

from o365_pipeline.consent import approval_ledger
from o365_pipeline.consent.approval_ledger import RecordedDecision
from o365_pipeline.consent.approvals import ApprovalEvent, ConsentStatus, State, consent_status
from o365_pipeline.consent.feed_ledger import Summary
from o365_pipeline.consent.silence import Silence, silences
from o365_pipeline.customers.customer import Customer, Customers
from o365_pipeline.customers.partitions import customer_partitions
from o365_pipeline.dagster_ui.labels import PRIVACY
from o365_pipeline.dagster_ui.markdown_metadata import Markdown, shown, table
from o365_pipeline.database.database import Database

APPROVAL = dg.AssetKey(["consent", "approval"])
IN_FORCE_CHECK = "approval_in_force"
WARNING_DAYS = 30
"""An approval that ends within so many days should be renewed."""

SHOWN_CASES = 20
HISTORY_ROWS = 50
"""How many of the newest decisions are shown; `o365-pipeline consent show` shows all."""

approval = dg.AssetSpec(
    APPROVAL,
    group_name="consent",
    kinds={"m365"},
    owners=[PRIVACY],
    partitions_def=customer_partitions,
    description=(
        "What each customer's approvers said to the data request: read from the Office 365 Management Activity API by "
        "the consent sensor, kept in the approval ledger. Without an approval in force nothing downstream moves."
    ),
)


@dg.asset_check(
    asset=APPROVAL,
    name=IN_FORCE_CHECK,
    description=(
        "Every customer's approval is in force. It fails where approvers denied or revoked it, or let it expire, and "
        "where the activity feed was not read for so long that a revocation may be missed; it "
        f"warns where they have not decided yet, and {WARNING_DAYS} days before an approval expires."
    ),
)
def approval_in_force(
    database: dg.ResourceParam[Database], customers: dg.ResourceParam[Customers]
) -> dg.AssetCheckResult:
    now = dt.datetime.now(dt.UTC)
    statuses = approval_ledger.consent_statuses(database, customers, now)
    return expiry_check_result(statuses, silences(database, customers, statuses, now), now)


def expiry_check_result(
    statuses: Mapping[str, ConsentStatus[RecordedDecision]], silent: Mapping[str, Silence], at: dt.datetime
) -> dg.AssetCheckResult:
    """Checks the consent of all customers; the result names those that need the approver, the most urgent first.

    Args:
        silent: the customers whose feed has been unread for too long, with the reason.
    """
    unread = [f"{name}: nothing new is submitted, {silence}" for name, silence in silent.items()]
    ended = [f"{name}: {statuses[name]}" for name in statuses if statuses[name].state in (State.DENIED, State.EXPIRED)]
    undecided = [
        f"{name}: {consent_status.state or 'no decision yet'}"
        for name, consent_status in statuses.items()
        if consent_status.approval is None and consent_status.state not in (State.DENIED, State.EXPIRED)
    ]
    days_left = {name: left for name in statuses if (left := statuses[name].days_left(at)) is not None}
    ending = [
        f"{name}: ends in {left} days"
        for name, left in sorted(days_left.items(), key=lambda item: item[1])
        if left <= WARNING_DAYS
    ]
    cases = [*ended, *unread, *ending, *undecided]
    more = f"; and {len(cases) - SHOWN_CASES} more" if len(cases) > SHOWN_CASES else ""
    return dg.AssetCheckResult(
        passed=not cases,
        severity=dg.AssetCheckSeverity.ERROR if ended or unread else dg.AssetCheckSeverity.WARN,
        description=f"Ask the approvers. {'; '.join(cases[:SHOWN_CASES])}{more}" if cases else "All are in force.",
        metadata={
            "customers": len(statuses),
            "denied_or_expired": len(ended),
            "feed_unread": len(unread),
            "ending_soon": len(ending),
            "without_a_decision": len(undecided),
        },
    )


def approval_report(
    customer: Customer, events: Sequence[ApprovalEvent], at: dt.datetime, summary: Summary, silence: Silence | None
) -> dg.AssetMaterialization:
    """Returns the present status of a customer's data request and its history for the UI, without names of people.

    Args:
        summary: what of the customer's feed could not be read.
        silence: why nothing new is submitted, although an approval may be in force.
    """
    status = consent_status(events, at)
    ends = status.approval.expires_at if status.approval else None
    metadata: dict[str, dg.MetadataValue] = {
        "state": dg.MetadataValue.text(str(status.state or "no decision yet")),
        "since": dg.MetadataValue.text(f"{status.since:%Y-%m-%d %H:%M} UTC" if status.since else "-"),
        "expires": dg.MetadataValue.text(f"{ends:%Y-%m-%d}" if ends else "-"),
        "days_left": dg.MetadataValue.int(status.days_left(at) or 0),
        "application": dg.MetadataValue.text(customer.data_request.application_id),
        "approved": shown(_covered(status.approval)),
        "history": shown(_history(events)),
        "kept": dg.MetadataValue.text(customer.days_kept()),
        "records_kept_aside": dg.MetadataValue.int(summary.unreadable),
        "unread_blobs": dg.MetadataValue.int(summary.unread_blobs),
    }
    if customer.legal_hold:
        metadata["legal_hold"] = dg.MetadataValue.text(customer.legal_hold)
    if summary.missed:
        metadata["decisions_may_be_missing"] = dg.MetadataValue.text(summary.missed)
    if silence:
        metadata["nothing_new_is_submitted"] = dg.MetadataValue.text(str(silence))
    return dg.AssetMaterialization(
        APPROVAL, partition=customer.name, description=f"{customer.name}: {status}", metadata=metadata
    )


def _covered(approved: ApprovalEvent | None) -> Markdown:
    if approved is None:
        return Markdown("nothing")
    rows = [
        (entry.name, ", ".join(entry.columns), str(entry.scope), ", ".join(entry.deny_groups))
        for entry in approved.datasets
    ]
    return table(("dataset", "columns", "scope", "left out"), rows)


def _history(events: Sequence[ApprovalEvent]) -> Markdown:
    rows = [
        (
            f"{event.updated_at:%Y-%m-%d %H:%M}",
            str(event.state),
            event.application_version,
            str(len(event.datasets)),
            f"{event.expires_at:%Y-%m-%d}" if event.expires_at else "",
        )
        for event in reversed(events)
    ]
    return table(("when (UTC)", "state", "version", "datasets", "until"), rows[:HISTORY_ROWS])
