"""Reconciliation in the asset graph: a check on each raw asset, and the sensor that evaluates it when records arrive.

What belongs here: the check as Dagster sees it, in numbers without names of people. The comparison belongs to
`reconciliation.py`.
"""

import datetime as dt
import time
from collections.abc import Iterable

import dagster as dg

from o365_pipeline.customers.customer import Customers
from o365_pipeline.dagster_ui.evaluation import evaluation
from o365_pipeline.dagster_ui.labels import stage_tag
from o365_pipeline.dagster_ui.markdown_metadata import Markdown, shown, table
from o365_pipeline.database.database import Database
from o365_pipeline.database.ledger import identity, operation, recorded_after
from o365_pipeline.datasets import Dataset, catalogue
from o365_pipeline.raw.assets import raw_key
from o365_pipeline.raw.comparison import FINE, RECORD_HOURS, Outcome
from o365_pipeline.raw.reconciliation import Case, Reconciliation, reconcile

COUNTED_CHECK = "rows_as_microsoft_counted"
MAX_RECORDS = 10_000
"""How many new records one tick reads; the rest follows in the next tick."""

RECONCILING_SECONDS = 2.0
"""After this time one tick reconciles no further dataset; the next tick continues."""


def reconciliation_check(dataset: Dataset) -> dg.AssetChecksDefinition:
    """Builds the check of the dataset's raw asset; it does not block, since Microsoft's records come hours after a
    landing.
    """

    @dg.asset_check(
        asset=raw_key(dataset),
        name=COUNTED_CHECK,
        description=(
            "All landings of all customers agree with Microsoft's own records of the same factory runs. It fails where "
            "row counts differ; it warns where people were not delivered, where Microsoft did not see the extraction "
            f"succeed, or where no record came within {RECORD_HOURS} hours."
        ),
    )
    def rows_as_microsoft_counted(
        database: dg.ResourceParam[Database], customers: dg.ResourceParam[Customers]
    ) -> dg.AssetCheckResult:
        return counted_check_result(reconcile(database, customers, dataset, dt.datetime.now(dt.UTC)))

    return rows_as_microsoft_counted


def build_reconciliation_sensor(default_status: dg.DefaultSensorStatus) -> dg.SensorDefinition:
    """Builds the sensor; its cursor is the last sequence number that it read, the ledger's identity, and the datasets
    that wait for the next tick: 17@<identity>;Event_v1,Message_v1.
    """

    @dg.sensor(
        minimum_interval_seconds=60,
        default_status=default_status,
        tags=stage_tag("raw"),
        description=(
            f"Evaluates {COUNTED_CHECK} for the datasets of which the consent sensor recorded what Microsoft counted. "
            "It launches no run."
        ),
    )
    def reconciliation_sensor(
        context: dg.SensorEvaluationContext,
        database: dg.ResourceParam[Database],
        customers: dg.ResourceParam[Customers],
    ) -> dg.SensorResult:
        ledger = identity(database)
        place, _, rest = (context.cursor or "0").partition("@")
        looked_in, _, waited = rest.partition(";")
        is_same = looked_in in ("", ledger)
        after = int(place) if is_same else 0
        recorded = recorded_after(database, operation.c.dataset, after, MAX_RECORDS)
        queue = _newest(waited.split(",") if is_same else ())
        queue += [dataset for dataset in _newest(name for _, name in recorded) if dataset not in queue]
        now, deadline = dt.datetime.now(dt.UTC), time.monotonic() + RECONCILING_SECONDS
        found: dict[Dataset, dg.AssetCheckResult] = {}
        while queue and (not found or time.monotonic() < deadline):
            dataset = queue.pop(0)
            found[dataset] = counted_check_result(reconcile(database, customers, dataset, now))
        evaluated = ", ".join(dataset.name for dataset in found)
        waiting = ",".join(dataset.name for dataset in queue)
        return dg.SensorResult(
            asset_events=[evaluation(raw_key(dataset), COUNTED_CHECK, result) for dataset, result in found.items()],
            skip_reason=f"Reconciled anew: {evaluated}." if found else "No new record of what Microsoft counted.",
            cursor=f"{recorded[-1][0] if recorded else after}@{ledger}" + (f";{waiting}" if waiting else ""),
        )

    return reconciliation_sensor


def _newest(names: Iterable[str]) -> list[Dataset]:
    """Returns the newest versions of those datasets that the catalogue has, each once, in the catalogue's order."""
    tables = {catalogue()[name].asset_name for name in set(names) if name in catalogue()}
    return [dataset for dataset in catalogue().newest if dataset.asset_name in tables]


def counted_check_result(found: Reconciliation) -> dg.AssetCheckResult:
    """Returns whether a reconciliation passes the check, how bad it is if not, and the numbers."""
    counts = ", ".join(f"{entry}: {count:,}" for entry in Outcome if (count := found.landings.get(entry)))
    is_wrong = found.worst is Outcome.DIFFERENT
    return dg.AssetCheckResult(
        passed=found.worst in FINE,
        severity=dg.AssetCheckSeverity.ERROR if is_wrong else dg.AssetCheckSeverity.WARN,
        description=counts or "nothing has landed",
        metadata={
            "landings_reconciled": found.count(Outcome.RECONCILED),
            "landings_awaiting_their_record": found.count(Outcome.AWAITING, Outcome.OVERDUE),
            "landings_differing": found.count(Outcome.DIFFERENT),
            "landings_with_people_undelivered": found.with_people_missing,
            "cases": shown(_table(found.cases)),
        },
    )


def _table(cases: tuple[Case, ...]) -> Markdown:
    if not cases:
        return Markdown("none")
    numbers = ("rows landed", "rows Microsoft counted", "people requested", "delivered", "undelivered")
    head = ("customer", "window", *numbers, "status", "what")
    return table(head, [_row(case) for case in cases], numbers)


def _row(case: Case) -> tuple[str, ...]:
    numbers = (
        case.rows_landed,
        case.rows_counted,
        case.people_requested,
        case.people_delivered,
        case.undelivered,
    )
    written = ("" if number is None else f"{number:,}" for number in numbers)
    return (case.customer, str(case.window), *written, case.status or "", case.outcome)
