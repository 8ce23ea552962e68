"""That Power BI's numbers are right: each measure, computed by an engine for DAX, is what SQL and a hand tell.

Mails, meetings and pairs are those of the five people; teams, and sites of two customers, were made by hand.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator, Mapping
from functools import partial
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from o365_pipeline.mart.power_bi.measures import MEASURES
from o365_pipeline.mart.tables import agg_site_exposure, dim_customer, dim_date, dim_site
from o365_pipeline.mart.upgrade import mart_database
from o365_pipeline_tests.finished_homes import FinishedHomes
from o365_pipeline_tests.mart import hand_made_mart
from o365_pipeline_tests.mart.hand_made_mart import GIGABYTE, MONDAY, TUESDAY, add
from o365_pipeline_tests.mart.power_bi.dax_model import DaxModel, Filters
from o365_pipeline_tests.mart.test_five_people import move

OF_FIVE_PEOPLE = {
    "Mails": 9,
    "Recipients per mail": 10 / 9,
    "Mails sent": 7,
    "Mails received": 8,
    "External mails sent": 1,
    "External share of mails": 1 / 7,
    "After-hours mails sent": 3,
    "After-hours share of mails": 3 / 7,
    "Answers": 2,
    # 630 and 90 minutes.
    "Hours to an answer": 6,
    # 180, 60, 60, 30 and 60 minutes; two of them are of a series.
    "Meetings held": 5,
    "Minutes per meeting": 78,
    "Recurring share of meetings": 2 / 5,
    # Ann 330, Bob 180, Cat 60, Dan 60, Eve 210 minutes; half an hour of Bob's is twice in it.
    "Meeting hours": 14,
    "Busy hours": 13.5,
    "After-hours meeting hours": 10,
    "After-hours share of meetings": 10 / 14,
    "Chats sent": 2,
    "After-hours chats sent": 1,
    "Calls": None,
    "Active people": 5,
    # Ann 3810, Bob 3150, Cat 4320, Dan 3360, Eve 3810 minutes.
    "Focus hours": 307.5,
    "Meeting hours per person": 2.8,
    "Focus hours per person": 61.5,
    "Strength": 14.5,
    "Shared mails": 8,
    "Shared meetings": 7,
    "Shared chats": 2,
    "Counterparts": 5,
    "Outside organisations": 1,
    "Outside strength": 2,
    "Outside share of strength": 2 / 14.5,
    "People with outside contacts": 1,
}

OF_A_TEAM = {
    "Calls": 1,
    "Channel messages": 2,
    "Reply share of channel messages": 0.5,
    "Active people in groups": 5,
    "Active guests in groups": 1,
}

OF_SITES = {
    "Permissions": 10 + 2 + 4 + 4,
    "Links for anyone": 2 + 1,
    "Links for the organisation": 3 + 1,
    "Links for specific people": 1,
    "Grants to everyone but external people": 1,
    "Grants to everyone": 1,
    "Grants to unknown groups": 1,
    "Grants to guests": 2,
    "Open permissions": 3 + 4 + 1 + 1,
    "Open share of permissions": 9 / 20,
    "Shared sites": 3,
    "Sites with links for anyone": 2,
    "Shared sites without a label": 2,
    "Storage (GB)": 6 + 2 + 8,
    "Versions (GB)": 3 + 1,
    "Version share of storage": 4 / 16,
    "Inactive storage (GB)": 2,
    "Files": 20 + 5 + 7,
    "Sites": 4,
    "Inactive sites": 1,
    "Inactive share of sites": 1 / 4,
    "Sites without an owner": 2,
    "Sites with one owner": 1,
    "Sites in the recycle bin": 1,
    "Archived sites": 1,
}


class Numbers:
    """A mart, asked in DAX and in SQL."""

    def __init__(self, model: dict[str, Any], connection: sa.Connection) -> None:
        self.connection = connection
        self._dax = DaxModel(model, connection)
        self._sql = {measure.name: measure.sql for measure in MEASURES}

    def in_dax(self, measure: str, filters: Filters | None = None) -> Any:
        return self._dax.value(measure, filters)

    def in_sql(self, measure: str) -> Any:
        return self.connection.exec_driver_sql(self._sql[measure]).scalar_one()


def fill_sites(connection: sa.Connection) -> None:
    """What two customers' sites store and share. One customer's newest day is Tuesday, the other's is Monday; on
    Tuesday a site is gone that shared much.
    """
    for customer, day in (("contoso", MONDAY), ("contoso", TUESDAY), ("fabrikam", MONDAY)):
        of_day = {"customer": customer, "day": day}
        add(connection, dim_customer, **of_day)
        add(connection, dim_date, **of_day, date_key=day)
    monday, tuesday = {"day": MONDAY}, {"day": TUESDAY}
    for number, row in enumerate(
        (
            monday | {"site_id": "plan", "total_bytes": 4 * GIGABYTE, "owner_count": 1, "inactive_days": 10},
            monday | {"site_id": "gone", "total_bytes": GIGABYTE, "inactive_days": 400},
            tuesday
            | {"site_id": "plan", "total_bytes": 6 * GIGABYTE, "version_bytes": 3 * GIGABYTE, "file_count": 20}
            | {"owner_count": 1, "inactive_days": 11},
            tuesday
            | {"site_id": "old", "total_bytes": 2 * GIGABYTE, "file_count": 5, "inactive_days": 90}
            | {"is_archived": True},
            tuesday | {"site_id": "bin", "is_in_recycle_bin": True},
            monday
            | {"customer": "fabrikam", "site_id": "plan", "total_bytes": 8 * GIGABYTE, "version_bytes": GIGABYTE}
            | {"file_count": 7, "owner_count": 2, "inactive_days": 89},
        )
    ):
        add(connection, dim_site, url=f"https://site.example/{number}", **row)
    for row in (
        monday | {"site_id": "gone", "permissions": 50, "anyone_links": 50},
        tuesday
        | {"site_id": "plan", "level": "File", "extension": "docx", "sensitivity_label": "Secret", "permissions": 10}
        | {"anyone_links": 2, "organization_links": 3, "specific_people_links": 1, "direct_grants": 4}
        | {"everyone_except_external_grants": 1, "unknown_group_grants": 1, "guest_grants": 2},
        tuesday
        | {"site_id": "plan", "level": "Site", "sensitivity_label": "Secret", "permissions": 2, "everyone_grants": 1},
        tuesday | {"site_id": "old", "permissions": 4, "organization_links": 1},
        monday | {"customer": "fabrikam", "site_id": "plan", "permissions": 4, "anyone_links": 1},
    ):
        add(connection, agg_site_exposure, **row)


@pytest.fixture(scope="module")
def five_people(
    model: dict[str, Any], tmp_path_factory: pytest.TempPathFactory, finished_homes: FinishedHomes
) -> Iterator[Numbers]:
    home = tmp_path_factory.mktemp("five-people") / "o365"
    finished_homes.copy("five-people", partial(move, data=finished_homes.folder / "five-people-data"), home)
    with in_folder(home).connect() as connection:
        yield Numbers(model, connection)


@pytest.fixture(scope="module")
def made_by_hand(
    model: dict[str, Any], tmp_path_factory: pytest.TempPathFactory, finished_homes: FinishedHomes
) -> Iterator[Numbers]:
    home = tmp_path_factory.mktemp("made-by-hand") / "o365"
    finished_homes.copy_empty_mart(home)
    with in_folder(home).connect() as connection:
        hand_made_mart.fill(connection)
        yield Numbers(model, connection)


@pytest.fixture(scope="module")
def finished(
    model: dict[str, Any], tmp_path_factory: pytest.TempPathFactory, finished_homes: FinishedHomes
) -> Iterator[Numbers]:
    home = tmp_path_factory.mktemp("finished") / "o365"
    finished_homes.copy_days(1, home)
    with in_folder(home).connect() as connection:
        yield Numbers(model, connection)


@pytest.fixture(scope="module")
def sites(
    model: dict[str, Any], tmp_path_factory: pytest.TempPathFactory, finished_homes: FinishedHomes
) -> Iterator[Numbers]:
    home = tmp_path_factory.mktemp("sites") / "o365"
    finished_homes.copy_empty_mart(home)
    with in_folder(home).connect() as connection:
        fill_sites(connection)
        yield Numbers(model, connection)


def in_folder(home: Path) -> sa.Engine:
    return mart_database(sa.URL.create("sqlite", database=str(home / "mart.db"))).engine


def assert_agree(numbers: Numbers, wanted: Mapping[str, float | None]) -> None:
    for measure, number in wanted.items():
        told = numbers.in_sql(measure)
        assert numbers.in_dax(measure) == (pytest.approx(number) if number is not None else None), measure
        assert told == (pytest.approx(number) if number is not None else 0), measure


def test_the_measures_of_work_and_pairs_are_what_five_people_did(five_people: Numbers) -> None:
    assert_agree(five_people, OF_FIVE_PEOPLE)


def test_the_measures_of_teams_are_what_was_put_in(made_by_hand: Numbers) -> None:
    assert_agree(made_by_hand, OF_A_TEAM)


def test_the_measures_of_sites_are_of_each_customers_newest_day(sites: Numbers) -> None:
    assert_agree(sites, OF_SITES)


def test_sites_are_counted_where_nobody_asked_for_people(model: dict[str, Any], sites: Numbers) -> None:
    with sites.connection.begin_nested() as later:
        sites.connection.execute(sa.delete(dim_customer))
        assert_agree(Numbers(model, sites.connection), OF_SITES)
        later.rollback()


def test_every_measure_was_worked_out_by_hand() -> None:
    assert {measure.name for measure in MEASURES} == {*OF_FIVE_PEOPLE, *OF_A_TEAM, *OF_SITES}


def test_the_measures_of_a_finished_home_are_what_sql_tells(finished: Numbers) -> None:
    told = {measure.name: finished.in_sql(measure.name) or 0 for measure in MEASURES}

    assert {name: finished.in_dax(name) or 0 for name in told} == pytest.approx(told)
    assert sum(bool(number) for number in told.values()) > 50


@pytest.mark.parametrize(
    ("measure", "filters", "number"),
    [
        # Bob sent three: the department reaches what people did through the person.
        ("Mails sent", {"Person.Department": ["Sales"]}, 3),
        ("Meeting hours", {"Person.Department": ["Sales"]}, 4),
        # From Monday, 19 October, to Sunday: the first mail, and the meeting of the night in Ann's and Eve's days.
        ("Mails sent", {"Calendar.Week name": ["2026-W43"]}, 1),
        ("Meeting hours", {"Calendar.Week name": ["2026-W43"]}, 6),
        # The other one of two people has a table of people of its own.
        ("Strength", {"Person.Display name": ["Ann"], "Counterpart.Display name": ["Bob"]}, 2),
        # Ann with Eve twice, with Dan once; Bob with Dan, and twice with Eve; Cat with Dan.
        ("Strength", {"Counterpart.Department": ["Support"]}, 1 + 1 + 2 + 1 + 1 + 1 + 2),
        ("Outside strength", {"Person.Display name": ["Bob"]}, 2),
    ],
)  # fmt: skip
def test_what_is_chosen_reaches_the_facts(five_people: Numbers, measure: str, filters: Filters, number: float) -> None:
    assert five_people.in_dax(measure, filters) == pytest.approx(number)


def midnight(day: dt.date) -> dt.datetime:
    return dt.datetime.combine(day, dt.time())


@pytest.mark.parametrize(
    ("measure", "filters", "number"),
    [
        ("Links for anyone", {"Calendar.Date": [midnight(MONDAY)]}, 50 + 1),
        ("Links for anyone", {"Customer.Customer": ["fabrikam"]}, 1),
        # The site shared much on Monday, and is gone on its customer's newest day.
        ("Links for anyone", {"Site.Site key": ["contoso/gone"]}, None),
        ("Storage (GB)", {"Site.Site key": ["contoso/gone"]}, None),
        ("Storage (GB)", {"Site.Site key": ["contoso/gone"], "Calendar.Date": [midnight(MONDAY)]}, 1),
        ("Storage (GB)", {"Calendar.Year month": ["2026-01"], "Customer.Customer": ["contoso"]}, 6 + 2),
        ("Storage (GB)", {"Calendar.Date": [midnight(MONDAY)]}, 4 + 1 + 8),
        ("Sites", {"Site.Site key": ["contoso/plan"]}, 1),
        ("Open permissions", {"Site exposure.Level": ["Site"]}, 1),
    ],
)  # fmt: skip
def test_a_snapshot_is_of_the_newest_day_that_is_chosen(
    sites: Numbers, measure: str, filters: Filters, number: float | None
) -> None:
    assert sites.in_dax(measure, filters) == number
