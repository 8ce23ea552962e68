"""The installations in the asset graph: one table of all of them.

What belongs here: the table, as the UI and the terminal show it; it contains no person's name. Its content comes from
the ledgers.
"""

import datetime as dt
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass

import dagster as dg
import sqlalchemy as sa

from o365_pipeline.consent import approval_ledger
from o365_pipeline.cost.plan_and_actual import cost_so_far
from o365_pipeline.cost.rates import read_rates
from o365_pipeline.customers.customer import Customers
from o365_pipeline.dagster_ui.labels import VENDOR
from o365_pipeline.dagster_ui.markdown import markdown_table
from o365_pipeline.database.database import Database
from o365_pipeline.database.ledger import extraction, landing
from o365_pipeline.extraction.data_factory import SUCCEEDED
from o365_pipeline.managed_app.installations import installations
from o365_pipeline.managed_app.installations.installations import Installation, customer_of
from o365_pipeline.managed_app.installations.vendor import Vendor

INSTALLATIONS = dg.AssetKey(["managed_app", "installations"])
COLUMNS = ("customer", "version", "SKU", "state", "consent", "last extraction", "last error", "rows", "cost")
SHOWN_ERROR = 200


@dataclass(frozen=True)
class ExtractionSummary:
    """What was extracted of a customer so far."""

    last_extraction: dt.datetime | None = None
    rows: int = 0
    last_error: str = ""
    """The error of an extraction that has not succeeded since."""


@dataclass(frozen=True)
class InstallationRow:
    """One installation, as a row of the table."""

    customer: str
    version: str
    sku: str
    state: str
    consent: str
    last_extraction: str
    last_error: str
    rows: str
    cost: str

    @property
    def cells(self) -> Sequence[str]:
        return list(asdict(self).values())


@dg.asset(
    key=INSTALLATIONS,
    group_name="managed_app",
    kinds={"azure"},
    owners=[VENDOR],
    description=(
        "All installations of the managed application: version, SKU, state, consent, the last extraction and the last "
        "error, how many rows were extracted and what that cost. The installation sensor tells it anew when one "
        "changes; materialize it to see the present numbers."
    ),
)
def installed_applications(
    database: dg.ResourceParam[Database], vendor: dg.ResourceParam[Vendor]
) -> dg.MaterializeResult[None]:
    return dg.MaterializeResult(metadata=installations_metadata(database, vendor, dt.datetime.now(dt.UTC)))


def installations_metadata(database: Database, vendor: Vendor, at: dt.datetime) -> Mapping[str, dg.MetadataValue]:
    """Returns the table as metadata."""
    lines = installation_rows(database, vendor, at)
    return {
        "installations": dg.MetadataValue.md(markdown_table(COLUMNS, [line.cells for line in lines])),
        "customers": dg.MetadataValue.int(sum(entry.is_customer for entry in installations.all_of(database))),
    }


def installation_rows(database: Database, vendor: Vendor, at: dt.datetime) -> list[InstallationRow]:
    """Returns a row for every installation there ever was, ordered by customer name."""
    known = installations.all_of(database)
    customers = {entry.customer: customer_of(entry, vendor.offer) for entry in known if entry.secret_written_at}
    present = [customers[entry.customer] for entry in known if entry.is_customer]
    statuses = approval_ledger.consent_statuses(database, Customers(present), at)
    moved = _extraction_summaries(database)
    rates, currency = read_rates(), vendor.offer.skus[0].currency

    def line(entry: Installation) -> InstallationRow:
        so_far, cost = moved.get(entry.customer, ExtractionSummary()), ""
        if entry.customer in customers:
            spent = cost_so_far(database, customers[entry.customer], rates)
            cost = f"{rates.in_currency(spent, currency):,.2f} {currency}"
        consent = ""
        if stand := statuses.get(entry.customer):
            left = stand.days_left(at)
            consent = f"{stand.state or 'no decision yet'}{f', {left} days left' if left is not None else ''}"
        return InstallationRow(
            customer=entry.customer,
            version=entry.version or "",
            sku=entry.sku or "",
            state=f"{entry.state}, purged" if entry.purged_at else entry.state,
            consent=consent,
            last_extraction=f"{so_far.last_extraction:%Y-%m-%d %H:%M}" if so_far.last_extraction else "",
            last_error=_shortened(
                ": ".join(filter(None, (entry.error_code, entry.error_message))) or so_far.last_error
            ),
            rows=f"{so_far.rows:,}",
            cost=cost,
        )

    return [line(entry) for entry in known]


def _extraction_summaries(database: Database) -> dict[str, ExtractionSummary]:
    """Summarizes the extractions of every customer, with two queries for all of them."""
    query = (
        sa.select(
            extraction.c.customer,
            sa.func.max(extraction.c.finished_at).label("last"),
            sa.func.sum(landing.c.rows_landed).label("rows"),
        )
        .outerjoin(landing, landing.c.extraction_id == extraction.c.extraction_id)
        .group_by(extraction.c.customer)
    )
    failed = (
        sa.select(extraction.c.customer, extraction.c.error)
        .where(extraction.c.error.is_not(None), extraction.c.status != SUCCEEDED)
        .order_by(extraction.c.finished_at)
    )
    with database.begin() as connection:
        errors = {row.customer: str(row.error) for row in connection.execute(failed)}
        return {
            row.customer: ExtractionSummary(row.last, int(row.rows or 0), errors.get(row.customer, ""))
            for row in connection.execute(query)
        }


def _shortened(text: str) -> str:
    return text if len(text) <= SHOWN_ERROR else f"{text[:SHOWN_ERROR]}..."
