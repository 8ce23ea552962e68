"""Carries out a plan in the lake and in the mart: the deletion is recorded first, then done, and can be repeated at any
moment.

What belongs here: the order of the steps. The plan belongs to `plan.py`; Dagster's memory belongs to
`dagster_history.py`. If a purge is interrupted, the ledger shows it as unfinished, and it is repeated to its end,
whatever was decided since.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from contextlib import suppress
from functools import partial
from typing import Any

import sqlalchemy as sa

from o365_pipeline.azure.cloud import Cloud
from o365_pipeline.curated.curation import curate
from o365_pipeline.curated.current.current_state import become_snapshot, build_current_state, current_folder
from o365_pipeline.curated.day_files import parts_of
from o365_pipeline.curated.people import people_of
from o365_pipeline.customers.customer import Customer
from o365_pipeline.customers.retention import Horizon, record_horizon, recorded_horizon
from o365_pipeline.database.database import Database
from o365_pipeline.database.deletion_ledger import purge as purge_table
from o365_pipeline.database.ledger import extraction, id_batches, insert_new, landing, naive_utc
from o365_pipeline.datasets import Dataset, catalogue
from o365_pipeline.errors import DamagedLandingError
from o365_pipeline.extraction import extraction_ledger
from o365_pipeline.extraction.extraction_ledger import PURGED, UNDER_WAY, under_way
from o365_pipeline.extraction.windows import Window
from o365_pipeline.mart import ledger_copies
from o365_pipeline.mart.loading import delete_partition, load_day, loaded_days
from o365_pipeline.mart.lookback import depending
from o365_pipeline.mart.marts import Marts
from o365_pipeline.mart.tables import MART_TABLES
from o365_pipeline.purge.column_removal import manifest_of, remove_columns, remove_curated_columns
from o365_pipeline.purge.live_data import Days, bases, dead_objects, folders_of, live_days
from o365_pipeline.purge.plan import Deletion, Plan, What
from o365_pipeline.purge.thinning import WEEK, days_to_thin, thin
from o365_pipeline.raw.lake import Lake
from o365_pipeline.raw.manifest import distinct_landings, landings_of
from o365_pipeline.raw.release import release_landing
from o365_pipeline.raw.scratch import sweep


def unfinished(database: Database, customer: Customer) -> Plan | None:
    """Returns a purge of the customer that was begun and not finished."""
    query = sa.select(purge_table).where(purge_table.c.customer == customer.name, purge_table.c.purged_at.is_(None))
    with database.begin() as connection:
        row = connection.execute(query.order_by(purge_table.c.started_at)).first()
    if row is None:
        return None
    what = What.model_validate_json(row.what)
    return Plan(customer=row.customer, reason=row.reason, event_id=row.event_id, **dict(what))


def records(database: Database, customer: Customer) -> Sequence[sa.Row[Any]]:
    """Returns what was purged of the customer's data, the first purge first."""
    query = sa.select(purge_table).where(purge_table.c.customer == customer.name).order_by(purge_table.c.started_at)
    with database.begin() as connection:
        return connection.execute(query).all()


def begin(database: Database, plan: Plan, now: dt.datetime) -> None:
    """Records what is going to be deleted; from now on it counts as deleted. Beginning again is harmless."""
    row = {
        "purge_id": plan.purge_id,
        "customer": plan.customer,
        "reason": plan.reason,
        "event_id": plan.event_id,
        "what": What(**{name: getattr(plan, name) for name in What.model_fields}).model_dump_json(),
        "dagster_runs": 0,
        "started_at": naive_utc(now),
    }

    def note(connection: sa.Connection) -> None:
        if not insert_new(connection, purge_table, [row]):
            return
        for ids in id_batches(plan.whole):
            # What was asked for again since the plan was made is not part of it any more.
            of_plan = extraction.c.extraction_id.in_(ids), extraction.c.status.not_in(UNDER_WAY)
            connection.execute(extraction.update().where(*of_plan).values(status=PURGED))
            purged = sa.select(extraction.c.extraction_id).where(*of_plan, extraction.c.status == PURGED)
            connection.execute(sa.delete(landing).where(landing.c.extraction_id.in_(purged)))
        if plan.horizon:
            record_horizon(connection, plan.customer, plan.horizon)

    database.run(note)


def delete(marts: Marts, lake: Lake, customer: Customer, plan: Plan, cloud: Cloud | None = None) -> set[dt.date]:
    """Deletes what the plan names, objects that the ledgers do not know, and what killed processes left in scratch;
    returns the affected days.
    """
    database = marts.ledger
    touched = _days_of(database, plan)
    _count(marts, lake, customer, plan)
    stripped: Days = set()
    for deletion in plan.deletions:
        if deletion.columns and (found := _window_of(database, deletion.extraction_id)):
            dataset, window = found
            _strip(database, lake, customer, deletion, dataset, window)
            stripped |= {(dataset, day) for day in window.days}
    if plan.horizon:
        _fold_bases(database, lake, customer, plan.horizon)
    lake.delete([path for path, _ in dead_objects(database, lake, customer)])
    if not under_way(database, [customer.name]):
        for prefix in folders_of(lake, customer):
            lake.delete_unfinished(prefix)
    _curate_again(database, lake, customer, stripped & live_days(database, customer), cloud)
    touched |= _fold_again(database, lake, customer, plan)
    rebuild_mart(marts, lake, customer, touched)
    if plan.horizon:
        _thin(marts, customer, plan.thinned_before)
    marts[customer.name].compact()
    sweep()
    return touched


def _strip(
    database: Database, lake: Lake, customer: Customer, deletion: Deletion, dataset: Dataset, window: Window
) -> None:
    """Removes columns from a landing, and from what was curated of it where its raw files are not kept any more; one
    that is damaged is given up as a whole, since nobody knows what it holds.
    """
    try:
        if not remove_columns(lake, database, deletion.extraction_id, deletion.columns):
            remove_curated_columns(lake, dataset, customer.name, window.days, deletion.columns)
    except DamagedLandingError as error:
        if entry := extraction_ledger.find(database, deletion.extraction_id):
            release_landing(database, lake, entry, f"columns could not be removed: {error}", dt.datetime.now(dt.UTC))


def finish(database: Database, plan: Plan, dagster_runs: int, now: dt.datetime) -> None:
    """Records that the purge is finished."""
    database.execute(
        purge_table.update()
        .where(purge_table.c.purge_id == plan.purge_id, purge_table.c.purged_at.is_(None))
        .values(purged_at=naive_utc(now), dagster_runs=purge_table.c.dagster_runs + dagster_runs)
    )


def _curate_again(database: Database, lake: Lake, customer: Customer, days: Days, cloud: Cloud | None) -> None:
    """Writes the days' curated files again, from landings whose columns changed."""
    if not days:
        return
    people = people_of(database, lake, customer, cloud)
    for dataset in {dataset for dataset, _ in days}:
        of_dataset = sorted(day for found, day in days if found == dataset)
        landings = landings_of(database, lake, customer.name, dataset, of_dataset)
        for landed in distinct_landings(landings.values()):
            held = [day for day in of_dataset if landings.get(day) is landed]
            curate(lake, dataset, landed, held, landed.manifest.columns, people)


def _fold_again(database: Database, lake: Lake, customer: Customer, plan: Plan) -> set[dt.date]:
    """Writes the current state again, from the plan's first day on, for datasets that deliver changes.

    Returns the days whose mart shows it: all from that day on, since a day without a table shows the newest one before
    it.
    """
    first_days: dict[Dataset, dt.date] = {}
    for deletion in plan.deletions:
        if (found := _window_of(database, deletion.extraction_id)) and found[0].current_name:
            dataset, window = found
            first_days[dataset] = min(window.first_day, first_days.get(dataset, window.first_day))
    live = live_days(database, customer)
    before = bases(lake, customer, recorded_horizon(database, customer.name))
    for dataset, first_day in first_days.items():
        held = {
            *(day for found, day in live if found == dataset),
            *(day for found, day in before.items() if found == dataset),
        }
        for day in sorted(day for day in held if day >= first_day):
            if parts_of(lake, current_folder(dataset, customer.name, day)):
                columns = _columns_of(database, customer, dataset, day)
                build_current_state(database, lake, dataset, customer.name, day, columns)
    return {day for _, day in live if day >= min(first_days.values())} if first_days else set()


def _fold_bases(database: Database, lake: Lake, customer: Customer, horizon: Horizon) -> None:
    """Lets the last day before the horizon hold what there was as of it, so that no change before it is needed."""
    for dataset, day in bases(lake, customer, horizon).items():
        become_snapshot(database, lake, dataset, customer.name, day, _columns_of(database, customer, dataset, day))


def _columns_of(database: Database, customer: Customer, dataset: Dataset, day: dt.date) -> tuple[str, ...]:
    """Returns the columns of the landing that holds a day."""
    found = extraction_ledger.overlapping(database, customer.name, dataset.name, day, day)
    return found[-1].columns if found else ()


def rebuild_mart(marts: Marts, lake: Lake, customer: Customer, touched: set[dt.date]) -> None:
    """Loads the affected days again from what is left in the lake, and deletes days of which nothing is left."""
    mart, live = marts[customer.name], live_days(marts.ledger, customer)
    horizon = recorded_horizon(marts.ledger, customer.name)
    before = bases(lake, customer, horizon)
    kept = {day for _, day in live if day >= horizon.mart}
    # Later days hold what was counted from the touched ones' mail.
    loaded = loaded_days(mart, customer.name)
    stale = touched | (depending(touched) & loaded)
    for day in sorted(stale & kept):
        held = {dataset for dataset, found in live if found == day or (dataset.current_name and found < day)}
        load_day(marts, lake, customer.name, day, held | before.keys(), customer.everyone_names)
    _thin_again(mart, customer, horizon, stale & kept)
    for day in sorted(loaded - kept):
        mart.run(partial(_delete_day, customer=customer, day=day))
    if marts.has_own_mart(customer.name):
        mart.run(partial(ledger_copies.remove_unused, ledger=marts.ledger, customer=customer.name))
        # What was loaded before the customer had a mart of its own.
        for day in sorted(loaded_days(marts.default, customer.name)):
            marts.default.run(partial(_delete_day, customer=customer, day=day))
        marts.default.compact()


def _thin(marts: Marts, customer: Customer, thinned_before: dt.date) -> None:
    """Thins the weeks that have become old enough since the last time."""
    mart, horizon = marts[customer.name], recorded_horizon(marts.ledger, customer.name)
    first = thinned_before - WEEK if thinned_before > dt.date.min else thinned_before
    found = days_to_thin(loaded_days(mart, customer.name), horizon.snapshots)
    thin(mart, customer, {day for day in found if day >= first})


def _thin_again(mart: Database, customer: Customer, horizon: Horizon, reloaded: set[dt.date]) -> None:
    if any(day < horizon.snapshots for day in reloaded):
        thin(mart, customer, days_to_thin(loaded_days(mart, customer.name), horizon.snapshots) & reloaded)


def _delete_day(connection: sa.Connection, customer: Customer, day: dt.date) -> None:
    for table in MART_TABLES:
        delete_partition(connection, table, customer.name, day)


def _count(marts: Marts, lake: Lake, customer: Customer, plan: Plan) -> None:
    """Records how much the plan deletes, before anything is deleted."""
    database = marts.ledger
    of_plan = purge_table.c.purge_id == plan.purge_id
    with database.begin() as connection:
        if connection.scalar(sa.select(purge_table.c.lake_objects).where(of_plan)) is not None:
            return
    objects = dead_objects(database, lake, customer)
    for deletion in plan.deletions:
        if deletion.columns:
            with suppress(DamagedLandingError):
                manifest = manifest_of(database, lake, deletion.extraction_id)
                objects += [(part.path, part.size) for part in manifest.parts] if manifest else []
    rows = _rows_of(marts, customer, plan)
    database.execute(
        purge_table.update()
        .where(of_plan)
        .values(lake_objects=len(objects), lake_bytes=sum(size for _, size in objects), mart_rows=rows)
    )


def _rows_of(marts: Marts, customer: Customer, plan: Plan) -> int:
    """Counts the mart's rows that come from a plan's extractions, and those that are too old.

    None of an extraction's rows is of a day before it.
    """
    batches = list(id_batches([deletion.extraction_id for deletion in plan.deletions]))
    with marts.ledger.begin() as connection:
        first_days = [
            connection.scalar(sa.select(sa.func.min(extraction.c.first_day)).where(extraction.c.extraction_id.in_(ids)))
            for ids in batches
        ]
    with marts[customer.name].begin() as connection:

        def count(table: sa.Table, *conditions: sa.ColumnElement[bool]) -> int:
            of_customer = sa.select(sa.func.count()).select_from(table).where(table.c.customer == customer.name)
            return connection.scalar(of_customer.where(*conditions)) or 0

        found = sum(
            count(table, table.c.day >= first_day, table.c.extraction_id.in_(ids))
            for table in MART_TABLES
            for ids, first_day in zip(batches, first_days, strict=True)
            if first_day
        )
        if plan.horizon:
            found += sum(count(table, table.c.day < plan.horizon.mart) for table in MART_TABLES)
        return found


def _days_of(database: Database, plan: Plan) -> set[dt.date]:
    windows = (_window_of(database, deletion.extraction_id) for deletion in plan.deletions)
    return {day for found in windows if found for day in found[1].days}


def _window_of(database: Database, extraction_id: str) -> tuple[Dataset, Window] | None:
    with database.begin() as connection:
        row = connection.execute(sa.select(extraction).where(extraction.c.extraction_id == extraction_id)).first()
    if row is None or row.dataset not in catalogue():
        return None
    return catalogue()[row.dataset], Window(row.first_day, row.last_day)
