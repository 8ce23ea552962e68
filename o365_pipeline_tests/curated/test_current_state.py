"""What there is as of a day: the last full snapshot and the changes since, the same whenever it is folded."""

from __future__ import annotations

import datetime as dt
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from o365_pipeline.curated.current.current_state import become_snapshot, current_folder, newest_current, rebuild_states
from o365_pipeline.curated.day_files import CURATED, QUARANTINE, day_folder, parts_of
from o365_pipeline.database.ledger import landing
from o365_pipeline.datasets import catalogue
from o365_pipeline.mart.upgrade import mart_database
from o365_pipeline.raw.lake import Lake
from o365_pipeline_tests.conftest import SAMPLES
from o365_pipeline_tests.history import CUSTOMER, History, names, site

MON, TUE, WED, THU = (dt.date(2026, 11, day) for day in (16, 17, 18, 19))
SITES = "SharePointSites_v1"


@pytest.fixture
def history(tmp_path: Path, lake: Lake) -> History:
    return History(mart_database(sa.URL.create("sqlite", database=str(tmp_path / "mart.db"))), lake)


@pytest.fixture
def four_days(history: History) -> History:
    """A full snapshot, two days of changes in one landing whose rows are out of order, a second full snapshot."""
    history.tell(SITES, MON, site("a", "a1"), site("b", "b1"), site("c", "c1"))
    history.tell(
        SITES,
        TUE,
        site("d", "d3", "Updated", SnapshotDate="2026-11-18T00:00:00Z"),
        site("c", "c3", "Created", SnapshotDate="2026-11-18T00:00:00Z"),
        site("d", "d2", "Created", SnapshotDate="2026-11-17T00:00:00Z"),
        site("c", "c2", "DELETED", SnapshotDate="2026-11-17T00:00:00Z"),
        site("b", "b2", "Updated", SnapshotDate="2026-11-17T00:00:00Z"),
        last_day=WED,
    )
    history.tell(SITES, THU, site("d", "d4", None), site("a", "a4", "full"))
    return history


def curated_files(lake: Lake, day: dt.date) -> list[str]:
    return parts_of(lake, day_folder(CURATED, catalogue()[SITES].asset_name, CUSTOMER, day))


def titles(rows: list[dict[str, Any]]) -> list[str]:
    return [row["root_web"]["title"] for row in rows]


def test_each_day_shows_the_last_row_of_each_site_without_the_deleted_ones(four_days: History) -> None:
    shown = {day: titles(four_days.current(SITES, day)) for day in (MON, TUE, WED, THU)}

    assert shown == {
        MON: ["a1", "b1", "c1"],
        TUE: ["a1", "b2", "d2"],
        WED: ["a1", "b2", "c3", "d3"],
        THU: ["a4", "d4"],
    }


def test_the_history_of_changes_stays_as_it_was_told(four_days: History) -> None:
    changes = four_days.rows(CURATED, SITES, WED)

    assert [(row["id"], row["operation"]) for row in changes] == [("c", "Created"), ("d", "Updated")]
    assert four_days.rows(QUARANTINE, SITES, TUE) == four_days.rows(QUARANTINE, SITES, WED) == []


def test_of_two_rows_of_one_day_with_one_key_one_is_in_quarantine(history: History) -> None:
    counts = history.tell(SITES, MON, site("a", "a1"), site("a", "a2"))

    assert (counts.curated, counts.quarantined) == (1, 1)


def test_folding_again_gives_the_same_bytes(four_days: History) -> None:
    before = {day: four_days.build_current_state(SITES, day) for day in (MON, TUE, WED, THU)}

    assert {day: four_days.build_current_state(SITES, day) for day in (THU, WED, TUE, MON)} == before


def test_a_day_before_the_first_full_snapshot_shows_what_was_told_since(history: History) -> None:
    history.tell(SITES, MON, site("a", "a1", "Created"))
    history.tell(SITES, TUE, site("b", "b2", "Created"))

    assert titles(history.current(SITES, TUE)) == ["a1", "b2"]


def test_what_was_purged_is_not_there_any_more(four_days: History) -> None:
    with four_days.database.begin() as connection:
        connection.execute(sa.delete(landing).where(landing.c.factory_run_id == f"run-{SITES}-{TUE}_{WED}"))

    assert titles(four_days.current(SITES, WED)) == ["a1", "b1", "c1"]


def test_a_landing_that_is_not_curated_tells_nothing(four_days: History) -> None:
    four_days.lake.delete(curated_files(four_days.lake, TUE))

    assert titles(four_days.current(SITES, WED)) == ["a1", "b1", "c3", "d3"]


def test_columns_that_may_not_go_on_are_left_out_of_earlier_days_too(history: History) -> None:
    history.tell(SITES, MON, site("a", "a1", Url="https://contoso.sharepoint.com/a"))
    history.tell(SITES, TUE)
    fewer = tuple(name for name in names(catalogue()[SITES]) if name != "Url")

    history.build_current_state(SITES, TUE, fewer)

    [row] = history.folded(SITES, TUE)
    assert (row["id"], row["url"]) == ("a", None)


def test_a_day_without_a_landing_shows_the_last_table_that_there_is(four_days: History) -> None:
    dataset = catalogue()[SITES]
    four_days.build_current_state(SITES, TUE)

    def newest(day: dt.date) -> list[str]:
        return newest_current(four_days.database, four_days.lake, dataset, CUSTOMER, day)

    assert newest(THU + dt.timedelta(days=9)) == parts_of(four_days.lake, current_folder(dataset, CUSTOMER, TUE))
    assert newest(MON) == []


def permission(scope: str, operation: str = "Full", **values: Any) -> dict[str, Any]:
    return {"SiteId": "s", "ItemType": "File", "ScopeId": scope, "Operation": operation, **values}


def test_a_permission_is_one_of_scope_role_and_link_whatever_its_item_is_called(history: History) -> None:
    history.tell(
        "SharePointPermissions_v1",
        MON,
        permission("1", RoleDefinition="Read", ItemURL="sites/a/old.txt"),
        permission("1", RoleDefinition="Edit", ItemURL="sites/a/old.txt"),
        permission("1", RoleDefinition="Read", LinkId="l1", ItemURL="sites/a/old.txt"),
        {"SiteId": "s", "ItemType": "SiteAdmin"},
    )
    history.tell(
        "SharePointPermissions_v1",
        TUE,
        permission("1", "Updated", RoleDefinition="Read", ItemURL="sites/a/new.txt"),
        permission("1", "Deleted", RoleDefinition="Edit", ItemURL="sites/a/new.txt"),
    )

    rows = history.current("SharePointPermissions_v1", TUE)

    assert {(row["role_definition"], row["link_id"], row["item_url"]) for row in rows} == {
        ("Read", None, "sites/a/new.txt"),
        ("Read", "l1", "sites/a/old.txt"),
        (None, None, None),
    }


def test_a_day_that_comes_late_changes_the_days_after_it(history: History) -> None:
    history.tell(SITES, MON, site("a", "a1"), site("b", "b1"))
    history.tell(SITES, WED, site("a", "a3", "Updated"))
    early = {day: titles(history.current(SITES, day)) for day in (MON, WED)}
    history.tell(SITES, TUE, site("b", "b2", "Deleted"), site("c", "c2", "Created"))

    sites = catalogue()[SITES]
    later = dict(rebuild_states(history.database, history.lake, sites, CUSTOMER, [TUE], names(sites)))

    assert early == {MON: ["a1", "b1"], WED: ["a3", "b1"]}
    assert later == {TUE: 2, WED: 2}
    assert titles(history.folded(SITES, WED)) == ["a3", "c2"]


@pytest.mark.skipif(not SAMPLES.is_dir(), reason="the published samples are not beside the project")
@pytest.mark.parametrize(("name", "rows"), [(SITES, 120), ("SharePointPermissions_v1", 154)])
def test_of_the_published_samples_every_row_is_there(history: History, name: str, rows: int) -> None:
    counts = history.tell(name, MON, (SAMPLES / f"BasicDataSet_v0.{name}.json").read_bytes())

    assert counts.total == rows
    assert counts.quarantined == len(history.rows(QUARANTINE, name, MON)) == 0
    assert len(history.current(name, MON)) == rows


def test_a_day_that_holds_the_state_needs_no_day_before_it(four_days: History, lake: Lake) -> None:
    columns = names(catalogue()[SITES])
    become_snapshot(four_days.database, lake, catalogue()[SITES], CUSTOMER, TUE, columns)
    become_snapshot(four_days.database, lake, catalogue()[SITES], CUSTOMER, TUE, columns)
    lake.delete(curated_files(lake, MON))

    shown = {day: titles(four_days.current(SITES, day)) for day in (TUE, WED, THU)}

    assert shown == {TUE: ["a1", "b2", "d2"], WED: ["a1", "b2", "c3", "d3"], THU: ["a4", "d4"]}
