"""What the factories of the installations did, asked through Azure Resource Manager: runs, rows, errors.

What belongs here: asking, and keeping the answers. It reads no lake and no database of a customer: for those the vendor
has no token. What a run cost is worked out in `assets.py`.
"""

from __future__ import annotations

import datetime as dt
import logging
import time
from collections.abc import Iterator
from dataclasses import dataclass

from azure.core.exceptions import AzureError

from o365_pipeline.database.database import Database
from o365_pipeline.database.ledger import installation as table
from o365_pipeline.database.ledger import installed_run, naive_utc, truncated
from o365_pipeline.extraction.data_factory import DataFactory, FactoryRun
from o365_pipeline.managed_app.installations import installations
from o365_pipeline.managed_app.installations.installations import Installation, InstalledRun
from o365_pipeline.managed_app.installations.notifications import without_addresses

KEPT_DAYS = dt.timedelta(days=45)
"""How long Data Factory keeps its runs."""

OVERLAP = dt.timedelta(hours=1)
"""How far before the last look runs are asked for again: a run that has ended is not listed for some seconds."""

LOOK_SECONDS = 300.0
"""After this time no further factory is asked; those that were asked longest ago come first."""


@dataclass(frozen=True)
class InstalledFactory:
    """Where the factory of an installation is. The vendor signs in to its own tenant, as its authorizations want."""

    subscription_id: str
    resource_group: str
    factory: str
    azure_tenant_id: str | None = None


def read_activity(database: Database, factories: DataFactory, now: dt.datetime, log: logging.Logger) -> None:
    """Reads what the factories did since the last look; one that does not answer keeps out no other."""
    deadline = time.monotonic() + LOOK_SECONDS
    standing = [known for known in installations.all_of(database) if known.stands]
    for known in sorted(standing, key=lambda entry: (entry.runs_read_at is not None, entry.runs_read_at)):
        if time.monotonic() > deadline:
            log.warning(f"{known.name}: not asked in time; the next look begins with it")
            return
        try:
            runs = list(_finished(database, factories, known, now))
        except AzureError as error:
            reason = without_addresses(" ".join((error.message or type(error).__name__).split()))
            log.warning(f"{known.name}: its factory does not answer: {reason}")
            told = {"error_code": type(error).__name__, "error_message": truncated(reason, table.c.error_message)}
            installations.update(database, known.application_id, **told)
            continue
        installations.add_runs(database, runs)
        installations.update(
            database, known.application_id, runs_read_at=naive_utc(now), error_code=None, error_message=None
        )


def _finished(
    database: Database, factories: DataFactory, known: Installation, now: dt.datetime
) -> Iterator[InstalledRun]:
    """Returns the finished runs that the ledger does not have yet."""
    assert known.resource_group
    assert known.factory
    place = InstalledFactory(known.resource_id.strip("/").split("/")[1], known.resource_group, known.factory)
    since = (
        max(known.runs_read_at.replace(tzinfo=dt.UTC) - OVERLAP, now - KEPT_DAYS)
        if known.runs_read_at
        else now - KEPT_DAYS
    )
    kept = installations.known_runs(database, known.application_id)
    for run in factories.runs_since(place, since):
        if run.is_finished and run.run_id not in kept:
            yield _kept(factories, place, known, run)


def _kept(factories: DataFactory, place: InstalledFactory, known: Installation, run: FactoryRun) -> InstalledRun:
    outcome = factories.copy_outcome(place, run)
    error = without_addresses(outcome.error) if outcome.error else None
    return InstalledRun(
        factory_run_id=run.run_id,
        application_id=known.application_id,
        pipeline=run.pipeline,
        status=run.status,
        ended_at=naive_utc(run.ended_at) if run.ended_at else None,
        rows_reported=outcome.rows,
        error=truncated(error, installed_run.c.error),
    )
