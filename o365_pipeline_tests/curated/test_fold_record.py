"""A day is folded from the state before it, and comes to what folding everything would, whatever happened between."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import pytest
import sqlalchemy as sa
from hypothesis import example, given
from hypothesis import strategies as st

from o365_pipeline.curated.current.current_state import (
    become_snapshot,
    build_current_state,
    current_folder,
    rebuild_states,
)
from o365_pipeline.curated.day_files import CURATED, day_folder, files_below, parquet, parts_of, rewrite_part, write_day
from o365_pipeline.customers.retention import Horizon, record_horizon
from o365_pipeline.database.ledger import landing
from o365_pipeline.datasets import catalogue
from o365_pipeline.mart.upgrade import mart_database
from o365_pipeline.raw.duckdb_session import duckdb_session
from o365_pipeline.raw.lake import Lake
from o365_pipeline_tests.conftest import few
from o365_pipeline_tests.finished_homes import FinishedHomes
from o365_pipeline_tests.history import CUSTOMER, History, names

SITES = catalogue()["SharePointSites_v1"]
DAYS = [dt.date(2026, 11, 16) + dt.timedelta(days=number) for number in range(5)]
MON, TUE, WED, THU, FRI = DAYS
ALL = names(SITES)

Changes = Mapping[str, str]
"""What happened to sites: their ids, and the operations."""


@dataclass
class Sites:
    """A customer's sites over five days that landed."""

    history: History
    told: int = 0

    def begin(self) -> None:
        """Forget everything but what landed."""
        self.lake.delete([path for path, _ in self.lake.objects(CURATED)])
        self.keep(None)

    @property
    def lake(self) -> Lake:
        return self.history.lake

    def change(self, day: dt.date, changes: Changes) -> None:
        """Let a day's curated file hold some changes, each with another URL than any before."""
        self.told += 1
        given = {"id": "key", "operation": "operation", "url": f"'{day}-{self.told}'"}
        fields = ", ".join(
            f'{given.get(name, "NULL")}::{kind} AS "{name}"' for name, kind in SITES.curated_schema.items()
        )
        values = ", ".join(f"('{key}', '{operation}')" for key, operation in (changes or {"": ""}).items())
        rows = f"SELECT {fields} FROM (VALUES {values}) AS told(key, operation) WHERE key <> '' ORDER BY key"
        with duckdb_session() as (connection, directory):
            folder = day_folder(CURATED, SITES.asset_name, CUSTOMER, day)
            write_day(connection, self.lake, folder, rows, "x1", directory)

    def fold(self, day: dt.date, columns: tuple[str, ...] = ALL) -> bytes:
        build_current_state(self.history.database, self.lake, SITES, CUSTOMER, day, columns)
        return self.history.state(SITES.name, day)

    def fold_again(self, day: dt.date) -> None:
        """What a run does that curated a day: the states from it on are folded anew."""
        list(rebuild_states(self.history.database, self.lake, SITES, CUSTOMER, [day], ALL))

    def lose(self, day: dt.date) -> None:
        """Delete a state, and leave the record of it."""
        self.lake.delete(parts_of(self.lake, current_folder(SITES, CUSTOMER, day)))

    def keep(self, first: dt.date | None) -> None:
        """Let retention keep the days from one on."""
        with self.history.database.begin() as connection:
            record_horizon(connection, CUSTOMER, Horizon(curated=first or dt.date.min))
        if first is None:
            return
        days = [one for one in DAYS if one < first and self.is_curated(one)]
        for base in days[-1:]:
            become_snapshot(self.history.database, self.lake, SITES, CUSTOMER, base, ALL)
            for older in days[:-1]:
                self.lake.delete(parts_of(self.lake, day_folder(CURATED, SITES.asset_name, CUSTOMER, older)))
                self.lose(older)

    def is_curated(self, day: dt.date) -> bool:
        return bool(parts_of(self.lake, day_folder(CURATED, SITES.asset_name, CUSTOMER, day)))

    def erase(self, key: str) -> None:
        """Take a row out of every file, as an erasure does."""
        with duckdb_session() as (connection, directory):
            for path, _ in files_below(self.lake, CURATED):
                [file] = self.lake.stage([path], directory)
                left = f"FROM {parquet([file])} WHERE id <> '{key}'"
                rewrite_part(connection, self.lake, path, file, left, directory)

    def shown(self, day: dt.date) -> list[tuple[str, str]]:
        return [(row["id"], row["url"]) for row in self.history.folded(SITES.name, day)]


@pytest.fixture(scope="module")
def landed(tmp_path_factory: pytest.TempPathFactory, finished_homes: FinishedHomes) -> History:
    """What is curated of the days is up to the tests."""
    home = tmp_path_factory.mktemp("landed")
    finished_homes.copy_empty_mart(home)
    database = mart_database(sa.URL.create("sqlite", database=str(home / "mart.db")))
    history = History(database, Lake.in_folder(home / "lake"))
    for day in DAYS:
        history.tell(SITES.name, day)
    return history


@pytest.fixture
def sites(landed: History) -> Sites:
    sites = Sites(landed)
    sites.begin()
    return sites


@pytest.fixture
def staged(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The days of the objects that are read, and of which table."""
    found: list[str] = []
    stage = Lake.stage

    def noted(lake: Lake, paths: list[str], directory: Path) -> list[Path]:
        found.extend(
            f"{path.split('/')[1].removeprefix('share_point_')} {path.split('day=')[1][:10]}" for path in paths
        )
        return stage(lake, paths, directory)

    monkeypatch.setattr(Lake, "stage", noted)
    return found


@pytest.fixture
def folded(sites: Sites) -> Sites:
    """A snapshot, and three days of changes, all folded."""
    sites.change(MON, {"a": "Full", "b": "Full"})
    sites.change(TUE, {"a": "Updated"})
    sites.change(WED, {"b": "Deleted"})
    sites.change(THU, {"c": "Created"})
    for day in (MON, TUE, WED, THU):
        sites.fold(day)
    return sites


def anew(sites: Sites, day: dt.date) -> bytes:
    """The bytes of a state that is folded without any before it."""
    for one in DAYS:
        sites.lose(one)
    return sites.fold(day)


def test_a_day_reads_its_own_changes_and_the_state_before_it(folded: Sites, staged: list[str]) -> None:
    folded.change(FRI, {"a": "Deleted"})

    made = folded.fold(FRI)

    assert staged == [f"sites {FRI}", f"sites_current {THU}"]
    assert [key for key, _ in folded.shown(FRI)] == ["c"]
    assert made == anew(folded, FRI)


def test_a_full_snapshot_needs_nothing_before_it(folded: Sites, staged: list[str]) -> None:
    folded.change(FRI, {"d": "Full"})

    folded.fold(FRI)

    assert staged == [f"sites {FRI}"]


def test_a_late_day_is_folded_from_the_one_before_it_and_so_are_those_after_it(
    folded: Sites, staged: list[str]
) -> None:
    folded.change(TUE, {"a": "Deleted", "d": "Created"})

    folded.fold_again(TUE)

    found = [f"sites {TUE}", f"sites_current {MON}", f"sites {WED}", f"sites_current {TUE}", f"sites {THU}"]
    assert staged == [*found, f"sites_current {WED}"]
    assert [key for key, _ in folded.shown(THU)] == ["c", "d"]


@pytest.mark.parametrize("what", ["a day was curated again", "a day was given up", "a column may not go on"])
def test_a_state_that_would_be_another_now_is_not_gone_on_from(folded: Sites, staged: list[str], what: str) -> None:
    columns = ALL
    if what == "a day was curated again":
        folded.change(TUE, {"e": "Created"})
    elif what == "a day was given up":
        with folded.history.database.begin() as connection:
            of_day = landing.c.factory_run_id == f"run-{SITES.name}-{WED}"
            lost = connection.execute(sa.select(landing).where(of_day)).mappings().one()
            connection.execute(sa.delete(landing).where(of_day))
    else:
        columns = tuple(name for name in ALL if name != "Url")

    folded.fold(FRI, columns)

    if what == "a day was curated again":
        assert staged == [f"sites {THU}", f"sites {WED}", f"sites {TUE}", f"sites_current {MON}"]
        assert [key for key, _ in folded.shown(FRI)] == ["a", "c", "e"]
    elif what == "a day was given up":
        assert staged == [f"sites {THU}", f"sites_current {TUE}"]
        assert [key for key, _ in folded.shown(FRI)] == ["a", "b", "c"]
        with folded.history.database.begin() as connection:
            connection.execute(landing.insert().values(**lost))
    else:
        assert folded.shown(FRI) == [("a", None), ("c", None)]


def test_the_state_before_it_may_have_been_deleted(folded: Sites, staged: list[str]) -> None:
    expected = anew(folded, THU)
    folded.fold(TUE)
    folded.lose(THU)

    assert folded.fold(THU) == expected
    assert staged[-3:] == [f"sites {THU}", f"sites {WED}", f"sites_current {TUE}"]


def test_what_retention_leaves_of_old_days_is_enough_and_later_states_are_gone_on_from(
    folded: Sites, staged: list[str]
) -> None:
    folded.change(FRI, {"e": "Created"})
    folded.keep(WED)
    staged.clear()

    folded.fold(FRI)

    assert staged == [f"sites {FRI}", f"sites_current {THU}"]
    after = folded.shown(FRI)
    anew(folded, FRI)
    assert folded.shown(FRI) == after
    assert not folded.is_curated(MON)


def test_a_writer_that_is_killed_before_the_record_leaves_a_state_that_nobody_goes_on_from(
    folded: Sites, staged: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patch:
        patch.setattr("o365_pipeline.curated.current.current_state.write_record", lambda *_: None)
        folded.fold(THU)
    staged.clear()

    folded.fold(FRI)

    assert staged == [f"sites {THU}", f"sites_current {WED}"]


PLACES = st.sampled_from(DAYS)
OPERATIONS = st.sampled_from(["Full", "Created", "Updated", "Deleted"])
STEPS = st.one_of(
    st.tuples(st.just("change"), PLACES, st.dictionaries(st.sampled_from("abc"), OPERATIONS, max_size=3)),
    st.tuples(st.sampled_from(["fold", "fold again", "lose", "keep"]), PLACES, st.none()),
    st.tuples(st.just("erase"), PLACES, st.just("a")),
)


def carry_out(sites: Sites, steps: list[tuple[str, dt.date, object]]) -> None:
    first = MON
    for what, day, detail in steps:
        if what == "change" and day >= first:
            assert isinstance(detail, dict)
            sites.change(day, detail)
        elif what == "fold" and day >= first:
            sites.fold(day)
        elif what == "fold again" and day >= first:
            sites.fold_again(day)
        elif what == "lose" and day >= first:
            sites.lose(day)
        elif what == "keep" and day > first:
            sites.keep(first := day)
        elif what == "erase":
            sites.erase("a")


@few(8)
@given(st.lists(STEPS, min_size=5, max_size=10))
@example(
    [
        ("change", MON, {"a": "Full"}),
        ("change", TUE, {"b": "Created"}),
        ("fold", TUE, None),
        ("change", MON, {"c": "Full"}),
    ]
)
def test_whatever_happens_a_state_is_what_folding_everything_gives(
    sites: Sites, steps: list[tuple[str, dt.date, object]]
) -> None:
    sites.begin()
    carry_out(sites, steps)
    sites.fold(FRI)
    made = sites.shown(FRI)

    anew(sites, FRI)

    assert sites.shown(FRI) == made
