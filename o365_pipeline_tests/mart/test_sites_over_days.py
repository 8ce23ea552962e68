"""SharePoint in the mart from landing to landing: each day shows what there is, until the data is purged."""

from __future__ import annotations

import datetime as dt
from pathlib import Path

import pytest
import sqlalchemy as sa

from o365_pipeline.customers.customer import Customer
from o365_pipeline.database.database import Database
from o365_pipeline.database.ledger import extraction
from o365_pipeline.datasets import catalogue
from o365_pipeline.extraction.windows import Window, extraction_id
from o365_pipeline.mart.loading import DayLoaded, load_day
from o365_pipeline.mart.marts import Marts
from o365_pipeline.mart.tables import agg_site_storage, dim_site
from o365_pipeline.mart.upgrade import mart_database
from o365_pipeline.purge import deletion
from o365_pipeline.purge.plan import Deletion, Plan
from o365_pipeline.raw.lake import Lake
from o365_pipeline_tests.history import CUSTOMER, History, site

MON, TUE, WED, THU = (dt.date(2026, 11, day) for day in (16, 17, 18, 19))
SITES = "SharePointSites_v1"
NOW = dt.datetime(2026, 11, 20, tzinfo=dt.UTC)


@pytest.fixture
def history(database: Database, tmp_path: Path) -> History:
    """A full snapshot on Monday, changes on Tuesday, nothing on Wednesday, changes on Thursday."""
    history = History(database, Lake.in_folder(tmp_path / "lake"))
    history.tell(SITES, MON, site("a", "a1", Url="https://a"), site("b", "b1", Url="https://b"))
    history.tell(SITES, TUE, site("a", "a2", "Updated", Url="https://a"), site("c", "c2", "Created"))
    history.tell(SITES, THU, site("c", "c4", "Deleted"))
    for day in (MON, TUE, THU):
        history.build_current_state(SITES, day)
    return history


def load(history: History, day: dt.date) -> DayLoaded:
    return load_day(Marts(history.database), history.lake, CUSTOMER, day, list(catalogue()))


def titles(history: History, day: dt.date) -> list[str]:
    with history.database.begin() as connection:
        return list(
            connection.scalars(sa.select(dim_site.c.title).where(dim_site.c.day == day).order_by(dim_site.c.title))
        )


def extraction_of(day: dt.date) -> str:
    return extraction_id(CUSTOMER, SITES, Window(day, day))


def purge(history: History, customer: Customer, *deletions: Deletion) -> None:
    plan = Plan(customer=CUSTOMER, reason="revoked", event_id=None, deletions=deletions)
    deletion.begin(history.database, plan, NOW)
    deletion.delete(Marts(history.database), history.lake, customer, plan)


def test_a_day_shows_what_there_is_as_of_it_also_where_nothing_landed(history: History) -> None:
    for day in (MON, TUE, WED, THU):
        load(history, day)

    assert titles(history, MON) == ["a1", "b1"]
    assert titles(history, TUE) == titles(history, WED) == ["a2", "b1", "c2"]
    assert titles(history, THU) == ["a2", "b1"]


def test_rows_lead_to_the_landing_that_told_them_and_only_a_days_own_counts_as_loaded(history: History) -> None:
    loaded = load(history, TUE)

    with history.database.begin() as connection:
        rows = connection.execute(sa.select(dim_site.c.site_id, dim_site.c.extraction_id))
        told = {row.site_id: row.extraction_id for row in rows}
    assert told == {"a": extraction_of(TUE), "b": extraction_of(MON), "c": extraction_of(TUE)}
    assert loaded.extractions == {extraction_of(TUE)}


def test_a_dataset_that_may_not_be_used_counts_as_empty(history: History) -> None:
    load_day(Marts(history.database), history.lake, CUSTOMER, TUE, [])

    assert titles(history, TUE) == []


def test_a_mart_that_lies_apart_explains_the_rows_of_earlier_landings_too(history: History, tmp_path: Path) -> None:
    own = mart_database(sa.URL.create("sqlite", database=str(tmp_path / "own.db")))

    load_day(Marts(history.database, {CUSTOMER: own}), history.lake, CUSTOMER, WED, list(catalogue()))

    with own.begin() as connection:
        explained = set(connection.scalars(sa.select(extraction.c.extraction_id)))
    assert explained == {extraction_of(MON), extraction_of(TUE)}


def test_after_a_purge_the_days_after_it_are_folded_and_loaded_anew(history: History, customer: Customer) -> None:
    for day in (MON, TUE, WED, THU):
        load(history, day)

    purge(history, customer, Deletion(extraction_id=extraction_of(MON)))

    assert history.state(SITES, MON) == b""
    assert titles(history, MON) == []
    assert titles(history, TUE) == ["a2", "c2"]
    assert titles(history, THU) == ["a2"]
    rebuilt = history.state(SITES, THU)
    assert rebuilt == history.build_current_state(SITES, THU)


def test_after_a_purge_of_a_column_no_later_day_holds_it(history: History, customer: Customer) -> None:
    for day in (MON, TUE, THU):
        load(history, day)

    purge(history, customer, *(Deletion(extraction_id=extraction_of(day), columns=("Url",)) for day in (MON, TUE, THU)))

    assert {row["url"] for day in (MON, TUE, THU) for row in history.current(SITES, day)} == {None}
    with history.database.begin() as connection:
        assert set(connection.scalars(sa.select(dim_site.c.url))) == {None}
        assert connection.scalar(sa.select(sa.func.count()).select_from(agg_site_storage)) == 3
    assert titles(history, THU) == ["a2", "b1"]


def test_when_all_is_purged_nothing_is_left(history: History, customer: Customer) -> None:
    for day in (MON, TUE, THU):
        load(history, day)

    purge(history, customer, *(Deletion(extraction_id=extraction_of(day)) for day in (MON, TUE, THU)))

    assert history.lake.objects("curated") == history.lake.objects("raw") == []
    assert [titles(history, day) for day in (MON, TUE, THU)] == [[], [], []]
