"""Plan and actual in the asset graph: one asset, and the check that warns if an extraction cost more than planned.

What belongs here: the asset as Dagster sees it. The comparison belongs to `plan_and_actual.py`.
"""

from collections.abc import Mapping
from decimal import Decimal

import dagster as dg

from o365_pipeline.cost.assumptions import read_assumptions
from o365_pipeline.cost.plan_and_actual import MORE_THAN_PLANNED, Compared, PlanAndActual, plan_and_actual
from o365_pipeline.cost.rates import read_rates
from o365_pipeline.customers.customer import Customers
from o365_pipeline.dagster_ui.labels import FINOPS
from o365_pipeline.dagster_ui.markdown_metadata import Markdown, shown, table
from o365_pipeline.dagster_ui.steps import working_on
from o365_pipeline.database.database import Database
from o365_pipeline.extraction.assets import EXTRACTION

PLAN_AND_ACTUAL = dg.AssetKey(["cost", "plan_and_actual"])
PLAN_CHECK = "within_plan"
SHOWN_CUSTOMERS = 50


@dg.asset(
    key=PLAN_AND_ACTUAL,
    group_name="cost",
    kinds={"m365", "azure"},
    owners=[FINOPS],
    deps=[EXTRACTION],
    check_specs=[
        dg.AssetCheckSpec(
            PLAN_CHECK,
            asset=PLAN_AND_ACTUAL,
            description=(
                "No customer's extractions have cost more than planned by over "
                f"{MORE_THAN_PLANNED:.0%}; a warning, since nothing can be done about what is paid."
            ),
        )
    ],
    description=(
        "What Data Connect has charged for each customer's extractions, by dataset, beside what the assumptions let "
        "expect for the same days: objects as Microsoft counted them, else the factory, rounded up for every run."
    ),
)
def plan_and_actual_asset(
    context: dg.AssetExecutionContext, database: dg.ResourceParam[Database], customers: dg.ResourceParam[Customers]
) -> dg.MaterializeResult:
    with working_on(context):
        rates, assumptions = read_rates(), read_assumptions()
        found = {customer.name: plan_and_actual(database, customer, rates, assumptions) for customer in customers}
    first = dict(list(found.items())[:SHOWN_CUSTOMERS])
    planned, actual = (
        sum((getattr(each, part) for each in found.values()), Decimal(0)) for part in ("planned", "actual")
    )
    return dg.MaterializeResult(
        metadata={
            "dagster/row_count": sum(len(each.datasets) for each in found.values()),
            "plan_and_actual": shown(_table(first, rates.currency)),
            "cost_planned": float(planned),
            "cost_actual": float(actual),
            "currency": rates.currency,
            "rates_of": rates.dated.isoformat(),
            **{f"cost_of/{name}": float(each.actual) for name, each in first.items()},
        },
        check_results=[_judged(found)],
    )


def _judged(found: Mapping[str, PlanAndActual]) -> dg.AssetCheckResult:
    beyond = [name for name, each in found.items() if not each.is_within_plan]
    return dg.AssetCheckResult(
        check_name=PLAN_CHECK,
        asset_key=PLAN_AND_ACTUAL,
        passed=not beyond,
        severity=dg.AssetCheckSeverity.WARN,
        description=(
            f"More than planned: {', '.join(beyond[:SHOWN_CUSTOMERS])}. See which datasets in the asset's table."
            if beyond
            else "Everything is within the plan."
        ),
        metadata={"customers": len(found), "customers_beyond": len(beyond)},
    )


def _table(found: Mapping[str, PlanAndActual], currency: str) -> Markdown:
    head = (
        "customer",
        "dataset",
        "runs",
        "objects planned",
        "objects",
        "units planned",
        "units",
        f"planned, {currency}",
        f"actual, {currency}",
        "difference",
    )
    rows = [_row(name, compared) for name, each in found.items() for compared in each.datasets]
    return table(head, rows) if rows else Markdown("nothing has been extracted")


def _row(customer: str, compared: Compared) -> tuple[str, ...]:
    planned, actual = compared.planned, compared.actual
    numbers = (actual.runs, planned.objects, actual.objects, planned.units, actual.units)
    difference = "" if compared.percent is None else f"{compared.percent:+.0f} %"
    written = (f"{number:,.0f}" for number in numbers)
    return (customer, compared.dataset, *written, f"{planned.cost:,.2f}", f"{actual.cost:,.2f}", difference)
