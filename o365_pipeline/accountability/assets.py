"""The consent report in the asset graph: one partition for each customer, beside its approval.

What belongs here: the asset as Dagster sees it, and where its page lies. What the page says belongs to `report.py`.
"""

import datetime as dt

import dagster as dg

from o365_pipeline.accountability.report import ConsentReport, consent_report, page_of
from o365_pipeline.consent.assets import APPROVAL
from o365_pipeline.customers.customer import Customers
from o365_pipeline.customers.partitions import customer_partitions
from o365_pipeline.dagster_ui.labels import PRIVACY
from o365_pipeline.dagster_ui.markdown_metadata import Markdown, shown, table
from o365_pipeline.dagster_ui.steps import working_on
from o365_pipeline.database.database import Database
from o365_pipeline.mart.marts import Marts
from o365_pipeline.raw.lakes import Lakes

REPORT = dg.AssetKey(["consent", "report"])
REPORTS = "reports"
"""The folder of a lake that holds the page; no purge deletes it, since it holds no data."""


@dg.asset(
    key=REPORT,
    group_name="consent",
    kinds={"m365"},
    owners=[PRIVACY],
    deps=[APPROVAL],
    partitions_def=customer_partitions,
    description=(
        "What a data protection officer files: what was asked, who approved it until when, every extraction under it "
        "with rows and cost, what was denied and deleted, what is held now and where. Materialize it at any time; "
        "`o365-pipeline consent report` writes the same page."
    ),
)
def consent_report_asset(
    context: dg.AssetExecutionContext,
    database: dg.ResourceParam[Database],
    marts: dg.ResourceParam[Marts],
    lakes: dg.ResourceParam[Lakes],
    customers: dg.ResourceParam[Customers],
) -> dg.MaterializeResult:
    with working_on(context):
        customer = customers[context.partition_key]
        report = consent_report(database, marts, lakes, customer, dt.datetime.now(dt.UTC))
        lake, path = lakes.of(customer), f"{REPORTS}/{customer.name}/consent-report.html"
        lake.write(path, page_of(report).encode())
    return dg.MaterializeResult(
        metadata={"page": dg.MetadataValue.url(lake.uri(path)), "summary": shown(_summary(report))}
    )


def _summary(report: ConsentReport) -> Markdown:
    history = report.history
    held = [f"{where}: {sum(one.where == where for one in report.lake)} datasets" for where in ("raw", "curated")]
    rows = [
        ("data request", str(report.status)),
        ("decisions", f"{len(history.decisions):,}"),
        ("denied or ended", f"{len(report.no_longer):,}"),
        ("extractions", f"{len(history.extractions):,}"),
        ("rows", f"{history.rows:,}"),
        (f"cost, {report.rates.currency}", f"{history.cost:,.2f}"),
        ("purges", f"{len(history.purges):,}"),
        ("requests of people", f"{len(history.requests):,}"),
        ("held now", f"{', '.join(held)}, mart: {sum(one.rows or 0 for one in report.mart):,} rows"),
    ]
    return table(("what", "how much"), rows)
