"""The consent stage in the asset graph: each customer's approval, from which everything else follows.

What belongs here: the asset, one partition for each customer, its check, and what the sensor reports of both. Nobody
materializes consent; approvers give it.
"""

import datetime as dt
from collections.abc import Sequence

import dagster as dg

from o365_pipeline.consent import approval_ledger
from o365_pipeline.consent.approvals import ApprovalEvent, Standing, State, standing
from o365_pipeline.customers import Customer, Customers
from o365_pipeline.database import Database
from o365_pipeline.partitions import customer_partitions

APPROVAL = dg.AssetKey(["consent", "approval"])
IN_FORCE_CHECK = "approval_is_in_force"
WARNING_DAYS = 30
"""An approval that ends sooner is worth asking for again."""

approval = dg.AssetSpec(
    APPROVAL,
    group_name="consent",
    kinds={"m365"},
    owners=["team:data-engineering"],
    partitions_def=customer_partitions,
    description=(
        "What each customer's approvers said to the data request: read from the Office 365 Management Activity API by "
        "the consent sensor, kept in the approval ledger. Without an approval in force nothing downstream moves."
    ),
)


@dg.asset_check(
    asset=APPROVAL,
    name=IN_FORCE_CHECK,
    partitions_def=customer_partitions,
    description=(
        f"An approval that was given is in force: a warning {WARNING_DAYS} days before it expires, "
        "a failure from then on."
    ),
)
def approval_is_in_force(
    context: dg.AssetCheckExecutionContext,
    database: dg.ResourceParam[Database],
    customers: dg.ResourceParam[Customers],
) -> dg.AssetCheckResult:
    customer = customers[context.partition_key]
    now = dt.datetime.now(dt.UTC)
    passed, severity, description = judged(approval_ledger.standing_of(database, customer, now), now)
    return dg.AssetCheckResult(passed=passed, severity=severity, description=description)


def judged(stands: Standing[ApprovalEvent], at: dt.datetime) -> tuple[bool, dg.AssetCheckSeverity, str]:
    """Whether a standing passes the check; how bad it is if not; and why."""
    left = stands.days_left(at)
    if stands.state is State.EXPIRED:
        return False, dg.AssetCheckSeverity.ERROR, f"The approval expired: {stands}. Ask the approver to renew it."
    if left is not None and left < WARNING_DAYS:
        return False, dg.AssetCheckSeverity.WARN, f"The approval ends in {left} days. Ask the approver to renew it."
    ends = f"; {left} days left" if left is not None else ""
    return True, dg.AssetCheckSeverity.WARN, f"{stands}{ends}"


def reports(
    customer: Customer, events: Sequence[ApprovalEvent], at: dt.datetime, aside: int, missed: str | None
) -> tuple[dg.AssetMaterialization, dg.AssetCheckEvaluation]:
    """The present standing of a customer's data request and its history, for the UI; they name nobody.

    Args:
        aside: how many records of the customer's feed could not be read.
        missed: the time of which decisions may have been missed.
    """
    stands = standing(events, at)
    ends = stands.approval.expires_at if stands.approval else None
    metadata: dict[str, dg.MetadataValue] = {
        "state": dg.MetadataValue.text(str(stands.state or "no decision yet")),
        "since": dg.MetadataValue.text(f"{stands.since:%Y-%m-%d %H:%M} UTC" if stands.since else "-"),
        "expires": dg.MetadataValue.text(f"{ends:%Y-%m-%d}" if ends else "-"),
        "days_left": dg.MetadataValue.int(stands.days_left(at) or 0),
        "application": dg.MetadataValue.text(customer.data_request.application_id),
        "approved": dg.MetadataValue.md(_covered(stands.approval)),
        "history": dg.MetadataValue.md(_history(events)),
        "records_kept_aside": dg.MetadataValue.int(aside),
    }
    if missed:
        metadata["decisions_may_be_missing"] = dg.MetadataValue.text(missed)
    passed, severity, description = judged(stands, at)
    return (
        dg.AssetMaterialization(
            APPROVAL, partition=customer.name, description=f"{customer.name}: {stands}", metadata=metadata
        ),
        dg.AssetCheckEvaluation(
            asset_key=APPROVAL,
            check_name=IN_FORCE_CHECK,
            passed=passed,
            severity=severity,
            description=description,
            metadata={"state": str(stands.state or "no decision yet")},
            partition=customer.name,
        ),
    )


def _covered(approved: ApprovalEvent | None) -> str:
    if approved is None:
        return "nothing"
    rows = [
        f"| {entry.name} | {', '.join(entry.columns)} | {entry.scope} | {', '.join(entry.deny_groups)} |"
        for entry in approved.datasets
    ]
    return "\n".join(["| dataset | columns | scope | left out |", "|---|---|---|---|", *rows])


def _history(events: Sequence[ApprovalEvent]) -> str:
    rows = [
        f"| {event.updated_at:%Y-%m-%d %H:%M} | {event.state} | {event.application_version} | {len(event.datasets)} | "
        f"{f'{event.expires_at:%Y-%m-%d}' if event.expires_at else ''} |"
        for event in reversed(events)
    ]
    return "\n".join(
        ["| when (UTC) | state | version | datasets | until |", "|---|---|---|---|---|", *rows[:HISTORY_ROWS]]
    )


HISTORY_ROWS = 50
"""The newest; `o365-pipeline consent show` shows all."""
