"""The views that reports read: their numbers, small groups left out, and that they are made and changed once."""

from __future__ import annotations

from typing import Any

import pytest
import sqlalchemy as sa
import sqlglot
from click.testing import CliRunner
from sqlalchemy.dialects import mssql, postgresql

from o365_pipeline.cli.main import cli
from o365_pipeline.database.database import Database, _engine
from o365_pipeline.mart.tables.settings import mart_setting, write_minimum_group_size
from o365_pipeline.mart.views import VIEWS, schema
from o365_pipeline_tests.mart.conftest import sqlite_only
from o365_pipeline_tests.mart.hand_made_mart import SALES, fill

GROUPS = ("department_week", "response_week", "department_collaboration_week")


@pytest.fixture
def mart(database: Database) -> Database:
    with database.begin() as connection:
        fill(connection)
    return database


def rows(mart: Database, view: str, **where: object) -> list[dict[str, Any]]:
    columns: list[sa.ColumnClause[Any]] = [sa.column(name) for name in VIEWS[view].comments]
    with mart.begin() as connection:
        found = connection.execute(sa.select(*columns).select_from(sa.table(view))).mappings().all()
    return [dict(row) for row in found if all(row[name] == value for name, value in where.items())]


def suppress(mart: Database, people: int) -> None:
    with mart.begin() as connection:
        write_minimum_group_size(connection, people)


def test_a_local_date_is_summed_over_its_partitions_with_the_newest_department(mart: Database) -> None:
    [row] = rows(mart, "person_day", person_id="s1")

    assert (row["mails_sent"], row["meeting_minutes"], row["focus_minutes"]) == (4, 90, 120)
    assert row["department"] == "Sales"


def test_a_department_of_five_is_there_and_one_of_four_is_not(mart: Database) -> None:
    [row] = rows(mart, "department_week")

    assert (row["department"], row["people"], row["mails_sent"]) == ("Sales", 5, 20)
    assert float(row["meeting_hours"]) == 7.5
    assert float(row["focus_hours_per_person"]) == 2
    assert float(row["after_hours_share"]) == 0.25


@pytest.mark.parametrize("view", GROUPS)
def test_where_no_group_is_too_small_the_department_of_four_is_there_too(mart: Database, view: str) -> None:
    assert {row["department"] for row in rows(mart, view)} == {"Sales"}

    suppress(mart, 1)
    assert {row["department"] for row in rows(mart, view)} == {"Sales", "Legal"}


@pytest.mark.parametrize("view", GROUPS)
def test_without_the_setting_no_group_is_large_enough(mart: Database, view: str) -> None:
    mart.execute(sa.delete(mart_setting).where(mart_setting.c.name == "minimum_group_size"))

    assert rows(mart, view) == []


def test_answers_are_counted_by_the_responders_department(mart: Database) -> None:
    [row] = rows(mart, "response_week")

    assert (row["people"], row["responses"], row["responses_to_outsiders"]) == (5, 15, 5)
    assert float(row["mean_minutes"]) == 60


def test_pairs_of_departments_are_there_in_both_orders_and_within_one_count_once(mart: Database) -> None:
    suppress(mart, 1)
    found = {(row["department"], row["other_department"]): row for row in rows(mart, "department_collaboration_week")}

    assert {pair: row["mails"] for pair, row in found.items()} == {
        ("Sales", "Sales"): 10,
        ("Legal", "Legal"): 6,
        ("Sales", "Legal"): 20,
        ("Legal", "Sales"): 20,
    }
    assert {pair: (row["people"], row["other_people"]) for pair, row in found.items()} == {
        ("Sales", "Sales"): (5, 5),
        ("Legal", "Legal"): (4, 4),
        ("Sales", "Legal"): (5, 4),
        ("Legal", "Sales"): (4, 5),
    }
    assert float(found["Sales", "Legal"]["weight"]) == 10


def test_a_pair_of_departments_is_left_out_where_either_is_small(mart: Database) -> None:
    found = {(row["department"], row["other_department"]) for row in rows(mart, "department_collaboration_week")}

    assert found == {("Sales", "Sales")}


def test_people_of_a_groups_week_are_counted_once_and_kept_back_where_they_are_few(mart: Database) -> None:
    suppress(mart, 1)
    [row] = rows(mart, "group_week")
    assert (row["messages"], row["active_members"], row["active_guests"], row["senders"]) == (10, 4, 1, 4)
    assert row["call_minutes"] == 20

    suppress(mart, 6)
    [row] = rows(mart, "group_week")
    told = {name for name, value in row.items() if value is not None}
    assert told == {"customer", "group_id", "week_start"}


def test_one_persons_numbers_are_kept_back_where_five_were_active(mart: Database) -> None:
    suppress(mart, 4)
    [row] = rows(mart, "group_week")

    # Four wrote; a fifth, a guest, took part in the calls and is the one who did not write.
    assert (row["messages"], row["active_members"], row["mails"], row["replies"]) == (10, 4, 0, 0)
    assert {row[name] for name in ("call_minutes", "active_guests")} == {None}


def test_what_is_counted_in_several_rows_is_rounded_down(mart: Database) -> None:
    suppress(mart, 4)

    [row] = rows(mart, "department_collaboration_week", department="Sales", other_department="Legal")
    assert {name: row[name] for name in ("people", "other_people", "mails", "weight")} == {
        "people": 4,
        "other_people": 4,
        "mails": 20,
        "weight": 8,
    }
    assert [row["people"] for row in rows(mart, "response_week", department="Sales")] == [4]


def test_a_weeks_pairs_include_the_domains_of_outsiders(mart: Database) -> None:
    outside = rows(mart, "collaboration_week", outside_domain="fabrikam.com")

    assert {row["person_a"] for row in outside} == set(SALES[:2])
    assert {row["mails"] for row in outside} == {1}


def test_permissions_are_those_since_the_last_full_snapshot_that_were_not_deleted(mart: Database) -> None:
    found = {row["permission_id"]: row["role"] for row in rows(mart, "current_sharing_link")}

    assert found == {"kept": None, "changed": "Edit"}


def test_sites_people_and_groups_are_those_of_the_newest_day(mart: Database) -> None:
    assert [row["department"] for row in rows(mart, "current_person", person_id="s2")] == ["Sales"]
    assert {row["is_enabled"] for row in rows(mart, "current_person")} == {1}
    assert {row["group_id"] for row in rows(mart, "current_group", is_team=1)} == {"team", "quiet", "ownerless"}
    assert [row["sites"] for row in rows(mart, "site_storage")] == [6]
    assert [(row["title"], row["anyone_links"]) for row in rows(mart, "site_exposure")] == [("Site", 6)]
    assert [(row["title"], row["is_personal"]) for row in rows(mart, "current_site")] == [("Site", 0)]


def test_every_column_of_every_view_says_what_it_holds() -> None:
    for view in VIEWS.values():
        assert list(view.comments) == list(view.types)
        assert [name for name, comment in view.comments.items() if not comment] == []
        assert view.description.endswith(".")


@pytest.mark.parametrize(("dialect", "name"), [(mssql.dialect(), "tsql"), (postgresql.dialect(), "postgres")])
def test_every_view_parses_in_the_sql_of_servers(dialect: sa.Dialect, name: str) -> None:
    for view in VIEWS.values():
        assert sqlglot.parse_one(view.sql(dialect), dialect=name)


@sqlite_only
def test_a_start_makes_changed_views_anew_and_no_others(mart: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    suppress(mart, 3)
    made: list[sa.Connection] = []
    create = schema.create

    def create_and_note(connection: sa.Connection) -> None:
        made.append(connection)
        create(connection)

    monkeypatch.setattr(schema, "create", create_and_note)

    _engine.cache_clear()
    _ = mart.engine
    assert made == []

    mart.execute(mart_setting.update().where(mart_setting.c.name == "view person_day").values(value="older"))
    mart.execute(mart_setting.insert().values(name="view of_before", value="older", comment=""))
    with mart.begin() as connection:
        connection.exec_driver_sql("CREATE VIEW of_before AS SELECT 1 AS one")
    _engine.cache_clear()

    assert set(sa.inspect(mart.engine).get_view_names()) == set(VIEWS)
    assert len(made) == 1
    assert {row["department"] for row in rows(mart, "department_week")} == {"Sales", "Legal"}


@sqlite_only
def test_the_command_says_below_how_many_people_groups_are_left_out(
    mart: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("O365_MART_URL", str(mart.url))
    result = CliRunner().invoke(cli, ["mart", "suppress", "--below", "4"])

    assert result.output == "Views about groups leave out those of fewer than 4 people\n"
    assert {row["department"] for row in rows(mart, "department_week")} == {"Sales", "Legal"}
    assert CliRunner().invoke(cli, ["mart", "suppress", "--below", "0"]).exit_code == 2
