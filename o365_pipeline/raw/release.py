"""Release: landings are given up, so that their days can be extracted anew. Why is recorded.

What belongs here: the record, and deleting the landings' raw files. What was curated and loaded from them stays until
the days land anew. Deleting because consent ended belongs to `purge/`.
"""

from __future__ import annotations

import datetime as dt

import sqlalchemy as sa

from o365_pipeline.customers.customer import Customer
from o365_pipeline.customers.retention import Horizon
from o365_pipeline.database.database import Database
from o365_pipeline.database.ledger import extraction, insert_new, landing, naive_utc, release, truncated
from o365_pipeline.datasets import Dataset, catalogue
from o365_pipeline.errors import DamagedLandingError, UsageError
from o365_pipeline.extraction import extraction_ledger
from o365_pipeline.extraction.data_factory import CopyOutcome
from o365_pipeline.extraction.extraction_ledger import RELEASED, UNDER_WAY, Extraction
from o365_pipeline.extraction.windows import Window, unavailable_days
from o365_pipeline.raw import landing as landings
from o365_pipeline.raw.lake import Lake
from o365_pipeline.raw.parts import check_parts


def release_days(
    database: Database, lake: Lake, customer: Customer, dataset: Dataset, window: Window, reason: str
) -> Window:
    """Gives up all landings of a dataset that hold one of the days; returns the window that holds all of their days.

    What was given up before, and is not in the mart since, is left to go on: an interrupted command that is repeated
    does not pay again.

    Raises:
        UsageError: a legal hold forbids it, one is under way, or Data Connect does not have the days of one any more;
            nothing was given up.
    """
    customer.check_may_delete()
    now = dt.datetime.now(dt.UTC)
    found = extraction_ledger.overlapping(database, customer.name, dataset.name, window.first_day, window.last_day)
    given_up = [entry for entry in found if not _is_being_mended(database, lake, dataset, entry)]
    for entry in given_up:
        if entry.is_under_way:
            raise UsageError(
                f"{customer.name} {dataset.name} {entry.window} is under way ({entry.status}): wait for it"
            )
        first_kept = Horizon.of(customer, now.date()).mart
        if lacking := unavailable_days(dataset, entry.window.days, now.date(), first_kept):
            raise UsageError("; ".join(lacking))
    for entry in given_up:
        release_landing(database, lake, entry, reason, now)
    return Window(
        min([window.first_day, *(entry.first_day for entry in found)]),
        max([window.last_day, *(entry.last_day for entry in found)]),
    )


def _is_being_mended(database: Database, lake: Lake, dataset: Dataset, entry: Extraction) -> bool:
    """Tells whether an extraction takes the place of one that was given up, and is whole so far."""
    query = sa.select(extraction.c.loaded_at, extraction.c.rows_reported, extraction.c.files_reported)
    with database.begin() as connection:
        row = connection.execute(query.where(extraction.c.extraction_id == entry.extraction_id)).one()
    if row.loaded_at or not extraction_ledger.released_runs(database, entry.extraction_id):
        return False
    if entry.is_under_way:
        return True
    try:
        if manifest := landings.sealed(lake, database, dataset, entry):
            check_parts(lake, manifest)
            return True
    except DamagedLandingError:
        return False
    outcome = CopyOutcome(row.rows_reported, row.files_reported, None)
    return landings.difference(landings.count(lake, dataset, entry, outcome), outcome) is None


def release_landing(database: Database, lake: Lake, entry: Extraction, reason: str, now: dt.datetime) -> bool:
    """Gives an extraction's landing up and deletes its files; False if it was given up, or asked for anew, before.

    The record comes first; if it is interrupted after that, the purge deletes the files.
    """
    row = {
        "extraction_id": entry.extraction_id,
        "factory_run_id": entry.factory_run_id,
        "customer": entry.customer,
        "dataset": entry.dataset,
        "first_day": entry.first_day,
        "last_day": entry.last_day,
        "reason": truncated(reason, release.c.reason),
        "released_at": naive_utc(now),
    }
    change = (
        extraction.update()
        .where(extraction.c.extraction_id == entry.extraction_id, extraction.c.status.not_in(UNDER_WAY))
        .where(extraction.c.factory_run_id == entry.factory_run_id, extraction.c.status == entry.status)
        .values(status=RELEASED, error=truncated(reason, extraction.c.error), loaded_at=None)
    )

    def note(connection: sa.Connection) -> bool:
        if not connection.execute(change).rowcount:
            return False
        insert_new(connection, release, [row])
        connection.execute(sa.delete(landing).where(landing.c.extraction_id == entry.extraction_id))
        return True

    is_released = database.run(note)
    if is_released:
        folder = f"{entry.folder(catalogue()[entry.dataset].asset_name)}/{entry.factory_run_id}"
        lake.delete([path for path, _ in lake.objects(folder)])
    return is_released
