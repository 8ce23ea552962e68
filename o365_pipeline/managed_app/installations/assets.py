"""The installations in the asset graph: one table of all of them.

What belongs here: the table, as the UI and the terminal show it; it contains no person's name. Its content comes from
the vendor's ledger, which holds what Azure Resource Manager told.
"""

import datetime as dt
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from decimal import Decimal

import dagster as dg

from o365_pipeline.cost.rates import Rates, read_rates
from o365_pipeline.dagster_ui.labels import VENDOR
from o365_pipeline.dagster_ui.markdown_metadata import shown, table
from o365_pipeline.database.database import Database
from o365_pipeline.datasets import catalogue
from o365_pipeline.extraction.data_factory import SUCCEEDED, DataFactory
from o365_pipeline.managed_app.installations import installations
from o365_pipeline.managed_app.installations.factory_activity import read_activity
from o365_pipeline.managed_app.installations.installations import Installation, InstalledRun
from o365_pipeline.managed_app.offer import Offer

INSTALLATIONS = dg.AssetKey(["managed_app", "installations"])
COLUMNS = ("installation", "version", "SKU", "state", "last extraction", "last error", "runs", "rows", "cost")
SHOWN_ERROR = 200
PIPELINE = "o365_"
"""What the name of a dataset's pipeline begins with."""


@dataclass(frozen=True)
class InstallationRow:
    """One installation, as a row of the table."""

    name: str
    version: str
    sku: str
    state: str
    last_extraction: str
    last_error: str
    runs: str
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
        "All installations of the managed application: version, SKU, state, the last extraction and the last error, "
        "how many rows were extracted and what that cost. To materialize it asks the factories of all installations, "
        "through Azure Resource Manager alone."
    ),
)
def installed_applications(
    context: dg.AssetExecutionContext,
    database: dg.ResourceParam[Database],
    data_factory: DataFactory,
    offer: dg.ResourceParam[Offer],
) -> dg.MaterializeResult[None]:
    read_activity(database, data_factory, dt.datetime.now(dt.UTC), context.log)
    return dg.MaterializeResult(metadata=installations_metadata(database, offer))


def installations_metadata(database: Database, offer: Offer) -> Mapping[str, dg.MetadataValue]:
    """Returns the table as metadata."""
    lines = installation_rows(database, offer)
    return {
        "installations": shown(table(COLUMNS, [line.cells for line in lines])),
        "standing": dg.MetadataValue.int(sum(entry.stands for entry in installations.all_of(database))),
    }


def installation_rows(database: Database, offer: Offer) -> list[InstallationRow]:
    """Returns a row for every installation there ever was, ordered by name."""
    runs, rates = installations.runs_by_application(database), read_rates()
    return [_row(entry, runs.get(entry.application_id, []), offer, rates) for entry in installations.all_of(database)]


def _row(entry: Installation, runs: Sequence[InstalledRun], offer: Offer, rates: Rates) -> InstallationRow:
    currency = offer.skus[0].currency
    cost = rates.in_currency(sum((_cost(run, rates) for run in runs), Decimal(0)), currency)
    last = runs[-1] if runs else None
    told = ": ".join(filter(None, (entry.error_code, entry.error_message)))
    # The error of a run stands there until a later run succeeds.
    failed = last.error or last.status if last and last.status != SUCCEEDED else ""
    version = entry.version or ""
    is_behind = entry.stands and version not in ("", offer.version)
    return InstallationRow(
        name=entry.name,
        version=f"{version}, {offer.version} is offered" if is_behind else version,
        sku=entry.sku or "",
        state=entry.state,
        last_extraction=f"{last.ended_at:%Y-%m-%d %H:%M}" if last and last.ended_at else "",
        last_error=_shortened(told or failed),
        runs=f"{len(runs):,}",
        rows=f"{sum(run.rows_reported or 0 for run in runs):,}",
        cost=f"{cost:,.2f} {currency}",
    )


def _cost(run: InstalledRun, rates: Rates) -> Decimal:
    """Returns what Data Connect charges for a run, in the rates' currency."""
    name = run.pipeline.removeprefix(PIPELINE)
    if not run.rows_reported or name not in catalogue():
        return Decimal(0)
    dataset = catalogue()[name]
    return rates.of(dataset).price * rates.units(dataset, Decimal(run.rows_reported))


def _shortened(text: str) -> str:
    return text if len(text) <= SHOWN_ERROR else f"{text[:SHOWN_ERROR]}..."
