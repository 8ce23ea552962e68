"""The consent stage in the asset graph: each customer's approval, from which everything else follows.

What belongs here: the asset, one partition for each customer, its check, and what the sensor reports of both. Nobody
materializes consent; approvers give it.
"""

import datetime as dt
from collections.abc import Mapping, Sequence

import dagster as dg

from o365_pipeline.consent import approval_ledger
from o365_pipeline.consent.approval_ledger import RecordedDecision
from o365_pipeline.consent.approvals import ApprovalEvent, Standing, State, standing
from o365_pipeline.customers.customer import Customer, Customers
from o365_pipeline.customers.partitions import customer_partitions
from o365_pipeline.database.database import Database

APPROVAL = dg.AssetKey(["consent", "approval"])
EXPIRY_CHECK = "no_approval_has_expired"
WARNING_DAYS = 30
"""An approval that ends so soon is worth asking for again."""

SHOWN_CASES = 20
HISTORY_ROWS = 50
"""The newest decisions; `o365-pipeline consent show` shows all."""

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
    name=EXPIRY_CHECK,
    description=(
        f"No customer's approval has expired: a warning {WARNING_DAYS} days before one does, a failure from then on."
    ),
)
def no_approval_has_expired(
    database: dg.ResourceParam[Database], customers: dg.ResourceParam[Customers]
) -> dg.AssetCheckResult:
    now = dt.datetime.now(dt.UTC)
    return judged(approval_ledger.standings(database, customers, now), now)


def judged(stands: Mapping[str, Standing[RecordedDecision]], at: dt.datetime) -> dg.AssetCheckResult:
    """The check of all customers' standings; it names those that need the approver, the most urgent first."""
    expired = [name for name, standing in stands.items() if standing.state is State.EXPIRED]
    ending = {
        name: left
        for name, standing in stands.items()
        if (left := standing.days_left(at)) is not None and left <= WARNING_DAYS
    }
    cases = [f"{name}: expired" for name in expired]
    cases += [f"{name}: ends in {left} days" for name, left in sorted(ending.items(), key=lambda item: item[1])]
    return dg.AssetCheckResult(
        asset_key=APPROVAL,
        check_name=EXPIRY_CHECK,
        passed=not cases,
        severity=dg.AssetCheckSeverity.ERROR if expired else dg.AssetCheckSeverity.WARN,
        description=(
            f"Ask the approver to renew: {'; '.join(cases[:SHOWN_CASES])}"
            if cases
            else "None has expired or ends soon."
        ),
        metadata={"expired": len(expired), "ending_soon": len(ending), "customers": len(stands)},
    )


def evaluated(stands: Mapping[str, Standing[RecordedDecision]], at: dt.datetime) -> dg.AssetCheckEvaluation:
    """The same, as a sensor reports it.

    It has no partition: outside of runs Dagster (1.13) records a check once for each partition, and never again.
    """
    result = judged(stands, at)
    return dg.AssetCheckEvaluation(
        asset_key=APPROVAL,
        check_name=EXPIRY_CHECK,
        passed=result.passed,
        severity=result.severity,
        description=result.description,
        metadata=result.metadata,
    )


def report(
    customer: Customer, events: Sequence[ApprovalEvent], at: dt.datetime, aside: int, missed: str | None
) -> dg.AssetMaterialization:
    """The present standing of a customer's data request and its history, for the UI; it names nobody.

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
    return dg.AssetMaterialization(
        APPROVAL, partition=customer.name, description=f"{customer.name}: {stands}", metadata=metadata
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
