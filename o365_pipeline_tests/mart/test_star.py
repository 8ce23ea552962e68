"""The star: each fact joins each dimension by one column, and no row is lost or multiplied, on every server."""

from __future__ import annotations

import datetime as dt
import itertools
import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import networkx as nx
import pytest
import sqlalchemy as sa
from sqlalchemy.dialects import mssql, sqlite

from o365_pipeline.database.database import Database
from o365_pipeline.mart.dictionary import dictionary_rows
from o365_pipeline.mart.references import own_key, references
from o365_pipeline.mart.star.contents import DOES_NOT_ADD_UP, FACTS, WITH_HISTORY
from o365_pipeline.mart.star.model import star_model
from o365_pipeline.mart.star.parts import Kind, Relationship, StarTable
from o365_pipeline.mart.tables import MART_TABLES, agg_person_day, agg_site_exposure, dim_date, dim_person, fact_message
from o365_pipeline.mart.upgrade import mart_database
from o365_pipeline.mart.views import STAR_VIEWS, VIEWS
from o365_pipeline_tests.finished_homes import FinishedHomes
from o365_pipeline_tests.mart.tsql_model import TsqlModel

STAR = star_model()
TABLES = {table.name: table for table in MART_TABLES}

IDS = ("a", "A", "~41", "é", "É", "b c", "<B@x[1]>")
"""Ids that Power BI would hold for equal, or that a key might mix up."""

CUSTOMERS, DAYS = ("one", "one-a"), (dt.date(2025, 12, 30), dt.date(2026, 1, 5))


def made_up_rows(table: sa.Table) -> Iterator[dict[str, Any]]:
    """A row of each id for each customer and day; what refers to something refers to another id, or to nothing."""
    referring = {one.column.name for one in references(table)}
    for customer, day, (place, name) in itertools.product(CUSTOMERS, DAYS, enumerate(IDS)):
        row: dict[str, Any] = {"customer": customer, "day": day}
        for column in table.columns:
            if column.name in row:
                continue
            if isinstance(column.type, sa.DateTime):
                row[column.name] = dt.datetime.combine(day, dt.time(place))
            elif isinstance(column.type, sa.Date):
                row[column.name] = day + dt.timedelta(days=place)
            elif isinstance(column.type, sa.Boolean):
                row[column.name] = bool(place % 2)
            elif isinstance(column.type, sa.Integer | sa.Double):
                row[column.name] = place + 1
            elif column.name in own_key(table):
                row[column.name] = name
            elif column.name in referring:
                row[column.name] = None if column.nullable and place == 0 else IDS[place - 1]
            else:
                row[column.name] = name[:3]
        if own_key(table) or place == 0:
            yield row


class OnServer:
    """A mart on a server, in a transaction."""

    def __init__(self, connection: sa.Connection) -> None:
        self._connection = connection

    def insert(self, table: sa.Table, rows: Iterable[Mapping[str, Any]]) -> None:
        if rows := list(rows):
            self._connection.execute(sa.insert(table), rows)

    def rows(self, select: sa.Select[Any]) -> Sequence[Any]:
        return self._connection.execute(select).all()

    def answer(self, sql: str) -> Sequence[Any]:
        return self._connection.execute(sa.text(sql)).all()


Mart = OnServer | TsqlModel


@pytest.fixture(scope="module", params=["sqlite", "postgresql", "tsql"])
def server(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Database | TsqlModel:
    """An empty mart of each kind that can be had here."""
    if request.param == "sqlite":
        return mart_database(sa.URL.create("sqlite", database=str(tmp_path_factory.mktemp("star") / "mart.db")))
    if request.param == "postgresql":
        return mart_database(sa.make_url(request.getfixturevalue("postgres").create("star")))
    return TsqlModel(MART_TABLES, {name: view.sql(mssql.dialect()) for name, view in STAR_VIEWS.items()})


@pytest.fixture
def empty(server: Database | TsqlModel) -> Iterator[Mart]:
    """The empty mart; what a test writes is taken back."""
    if isinstance(server, TsqlModel):
        with server.tried():
            yield server
        return
    with server.engine.connect() as connection:
        yield OnServer(connection)
        connection.rollback()


@pytest.fixture
def made_up(empty: Mart) -> Mart:
    """A mart of two customers and two days, each table with rows of each id."""
    for table in MART_TABLES:
        empty.insert(table, made_up_rows(table))
    return empty


@pytest.fixture
def finished(empty: Mart, tmp_path: Path, finished_homes: FinishedHomes) -> Mart:
    """What a finished home's mart holds."""
    finished_homes.copy_days(1, tmp_path / "home")
    with mart_database(sa.URL.create("sqlite", database=str(tmp_path / "home" / "mart.db"))).begin() as home:
        for table in MART_TABLES:
            empty.insert(table, [dict(row) for row in home.execute(sa.select(table)).mappings()])
    return empty


def selected(table: StarTable) -> sa.TableClause:
    return sa.table(table.name, *(sa.column(column.name, column.type) for column in table.columns))


def totals(table: StarTable, view: sa.FromClause) -> list[sa.ColumnElement[Any]]:
    """The number of rows, and the sum of each number."""
    return [sa.func.count(), *(sa.func.sum(view.c[one.name]) for one in table.columns if one.is_summed)]


def one_of(rows: Sequence[Any]) -> Any:
    [row] = rows
    return row


def everything(table: StarTable) -> sa.Select[Any]:
    view = selected(table)
    return sa.select(*totals(table, view)).select_from(view)


def beside(relationship: Relationship) -> sa.Select[Any]:
    """What `everything` tells of the many side when it is joined; how many rows have a key, and how many meet one."""
    many, one = selected(relationship.many).alias("m"), selected(relationship.one).alias("o")
    column, key = many.c[relationship.column], one.c[relationship.key]
    columns = [*totals(relationship.many, many), sa.func.count(column), sa.func.count(key)]
    return sa.select(*columns).select_from(many.outerjoin(one, column == key))


def assert_joins(mart: Mart) -> Counter[str]:
    """Join each table to each that it refers to; returns how many rows found theirs, by the other table."""
    found: Counter[str] = Counter()
    for table in STAR.tables:
        alone = [float(total or 0) for total in one_of(mart.rows(everything(table)))]
        for one in STAR.of(table):
            *joined, told, met = one_of(mart.rows(beside(one)))
            assert [float(total or 0) for total in joined] == pytest.approx(alone), (table.name, one.column)
            assert told == met, f"{table.name}.{one.column} has keys that {one.one.name} has not"
            found[one.one.name] += met
    return found


def assert_keys(mart: Mart) -> None:
    """Each key is one row's, also for a tool that holds A and a for equal and leaves blanks at the end out."""
    for table in STAR.tables:
        if table.key:
            keys = [key for (key,) in mart.rows(sa.select(selected(table).c[table.key]))]
            assert len({str(key).casefold().rstrip() for key in keys}) == len(keys), table.name
            assert None not in keys


def test_every_join_of_a_finished_home_keeps_counts_and_sums(finished: Mart) -> None:
    found = assert_joins(finished)
    assert_keys(finished)

    assert found["star_person"] > 1000 and found["star_person_snapshot"] > 1000 and found["star_mail"] > 300


def test_every_join_keeps_counts_and_sums_whatever_ids_are(made_up: Mart) -> None:
    found = assert_joins(made_up)
    assert_keys(made_up)

    assert {name for name, rows in found.items() if rows} == {one.one.name for one in STAR.relationships}


def test_a_fact_has_the_rows_and_sums_of_its_table_and_a_snapshot_those_of_its_dimension(
    made_up: Mart,
) -> None:
    sources = {noun: name for name, noun in FACTS.items()} | {
        f"{noun}_snapshot": f"dim_{noun}" for noun in WITH_HISTORY
    }
    for noun, name in sources.items():
        star, table = STAR.table[f"star_{noun}"], TABLES[name]
        wanted = one_of(made_up.rows(sa.select(*totals(star, table)).select_from(table)))
        assert one_of(made_up.rows(everything(star))) == wanted, name


def test_every_table_of_the_mart_is_in_the_star() -> None:
    used = {*FACTS, *(f"dim_{table.noun}" for table in STAR.tables), "dim_date"}

    assert set(TABLES) <= used
    assert set(STAR_VIEWS) == {table.name for table in STAR.tables} <= set(VIEWS)


def test_what_is_nobodys_has_no_key(made_up: Mart) -> None:
    mail = selected(STAR.table["star_mail"])
    nobody = sa.select(sa.func.count()).where(mail.c.sender_key.is_(None), mail.c.sender_snapshot_key.is_(None))
    wanted = sa.select(sa.func.count()).where(fact_message.c.sender_id.is_(None))
    assert one_of(made_up.rows(nobody)) == one_of(made_up.rows(wanted)) == (4,)


def add_dates(mart: Mart, customer: str, *days: dt.date) -> None:
    numbers = dict.fromkeys(("year", "quarter", "month", "iso_week", "weekday"), 1)
    for day in days:
        mart.insert(dim_date, [{"customer": customer, "day": day, "date_key": day, "is_weekend": False, **numbers}])


def test_the_calendar_has_every_date_from_the_first_to_the_last(empty: Mart) -> None:
    first, last = dt.date(1999, 12, 31), dt.date(2027, 1, 2)
    add_dates(empty, "one", last, first)
    rows = empty.rows(sa.select(selected(STAR.table["star_calendar"])))

    days = [first + dt.timedelta(days=days) for days in range((last - first).days + 1)]
    assert sorted(row.date_key for row in rows) == days
    for row in rows:
        day: dt.date = row.date_key
        iso = day.isocalendar()
        assert (row.year, row.month, row.iso_year, row.iso_week, row.weekday) == (day.year, day.month, *iso)
        assert row.quarter_name == f"{day.year}-Q{row.quarter}" and row.quarter == (day.month - 1) // 3 + 1
        assert row.week_name == f"{iso.year}-W{iso.week:02}" and row.year_month == day.isoformat()[:7]
        assert (row.month_name, row.weekday_name) == (f"{day:%B}", f"{day:%A}")
        assert row.week_start == day - dt.timedelta(days=day.weekday()) and row.is_weekend == (iso.weekday > 5)


def test_a_customers_working_days_are_those_of_at_least_half_of_its_people(empty: Mart) -> None:
    sunday = dt.date(2026, 1, 4)
    saturday = sunday + dt.timedelta(days=6)
    people = [("one", "a", "sunday,monday"), ("one", "b", "sunday,monday"), ("one", "c", "monday"), ("two", "a", None)]
    for customer, person_id, work_days in people:
        of_person = {"customer": customer, "person_id": person_id, "extraction_id": "x"}
        empty.insert(dim_person, [{"day": sunday, "work_days": "tuesday", **of_person}])
        empty.insert(dim_person, [{"day": saturday, "work_days": work_days, **of_person}])
    for customer in ("one", "two"):
        add_dates(empty, customer, sunday, saturday)
    days = selected(STAR.table["star_customer_day"])
    found = {(row.customer, row.date_key): row.is_working_day for row in empty.rows(sa.select(days))}

    week = [sunday + dt.timedelta(days=days) for days in range(7)]
    assert [found["one", day] for day in week] == [1, 1, 0, 0, 0, 0, 0]
    assert [found["two", day] for day in week] == [0, 1, 1, 1, 1, 1, 0]


def test_who_has_left_is_there_as_last_known_and_everybody_as_on_the_day(empty: Mart) -> None:
    told = [(1, "left", "Sales"), (1, "stays", "Sales"), (2, "stays", "Legal")]
    for day, person_id, department in told:
        row = {"customer": "one", "day": dt.date(2026, 1, day), "person_id": person_id, "department": department}
        empty.insert(dim_person, [{"extraction_id": "x", **row}])
    now = empty.rows(sa.select(selected(STAR.table["star_person"])))
    then = empty.rows(sa.select(selected(STAR.table["star_person_snapshot"])))

    assert {(row.person_key, row.department, row.is_current) for row in now} == {
        ("one/left", "Sales", 0),
        ("one/stays", "Legal", 1),
    }
    assert {(row.person_snapshot_key, row.department) for row in then} == {
        (f"one/2026-01-{day:02}/{person_id}", department) for day, person_id, department in told
    }


def test_the_three_joins_of_the_document_find_each_row_once(made_up: Mart) -> None:
    text = (Path(__file__).parents[2] / "docs" / "mart.md").read_text().partition("\n## The stars\n")[0]
    queries = re.findall(r"```sql\n(.*?)```", text, re.DOTALL)
    assert len(queries) == 3

    found = [sum(float(row[-1]) for row in made_up.answer(query)) for query in queries]
    newest = agg_site_exposure.c.day == max(DAYS)
    wanted = (
        sa.select(sa.func.count()).select_from(fact_message),
        sa.select(sa.func.sum(agg_person_day.c.meeting_minutes) / sa.literal_column("60.0")),
        sa.select(sa.func.sum(agg_site_exposure.c.anyone_links)).where(newest),
    )
    assert found == pytest.approx([float(one_of(made_up.rows(select))[0]) for select in wanted])


def test_on_sqlite_a_join_looks_rows_up_instead_of_comparing_all_with_all(tmp_path: Path) -> None:
    mart = mart_database(sa.URL.create("sqlite", database=str(tmp_path / "mart.db")))
    with mart.begin() as connection:
        for one in STAR.relationships:
            sql = beside(one).compile(connection, compile_kwargs={"literal_binds": True})
            plan = [str(row[-1]) for row in connection.exec_driver_sql(f"EXPLAIN QUERY PLAN {sql}")]
            assert any(re.match("SEARCH o USING AUTOMATIC", step) for step in plan), (one.many.name, one.column, plan)


def test_between_two_tables_there_is_one_active_way() -> None:
    ways = nx.MultiDiGraph([(one.many.name, one.one.name) for one in STAR.relationships if one.is_active])

    assert nx.is_directed_acyclic_graph(ways)
    for start, end in itertools.permutations(ways, 2):
        assert len(list(nx.all_simple_paths(ways, start, end))) <= 1, (start, end)


@pytest.mark.parametrize("table", STAR.tables, ids=lambda table: table.name)
def test_a_table_of_the_star_says_what_people_and_tools_need(table: StarTable) -> None:
    captions = [column.caption for column in table.columns]

    assert len(set(captions)) == len(captions)
    assert [column.name for column in table.columns if not column.description] == []
    assert "day" not in table.column
    assert table.noun == "calendar" or "customer" in table.column
    assert table.key is None or table.key in table.column
    if table.kind is not Kind.DIMENSION:
        dates = [one for one in STAR.of(table) if one.one.name == "star_calendar" and one.is_active]
        assert [one.column for one in dates] == ["date_key"]
    for column in table.columns:
        assert not column.is_summed or isinstance(column.type, sa.Integer | sa.Double)
        assert column.is_hidden or not column.name.endswith(("_key", "_id")) or table.noun == "calendar"
        assert not column.is_flag or re.match(r"1 \w.+, else 0(;.+)?$", column.description), column.description
    if table.kind is Kind.EVENT:
        assert not re.search(r"\b(fact|bridge|agg|dim)_", " ".join(STAR_VIEWS[table.name].comments.values()))


def test_the_dictionary_in_the_database_tells_names_units_and_references() -> None:
    found = {row["column_name"]: row for row in dictionary_rows() if row["table_name"] == "star_meeting"}

    assert found["duration_minutes"]["caption"] == "Duration (minutes)"
    assert (found["organizer_key"]["caption"], found["organizer_key"]["key_of"]) == (None, "star_person")
    assert str(found["*"]["description"]).startswith("One row per occurrence of a meeting")


def test_what_is_said_not_to_add_up_is_a_column() -> None:
    names = {column.name for table in STAR.tables for column in table.columns}

    assert names >= DOES_NOT_ADD_UP
    of_mail = STAR.table["star_meeting"].column
    assert of_mail["duration_minutes"].caption == "Duration (minutes)" and of_mail["duration_minutes"].is_summed
    assert of_mail["starts_at"].caption == "Starts at (UTC)"


@pytest.mark.parametrize("dialect", [sqlite.dialect(), mssql.dialect()], ids=lambda dialect: str(dialect.name))
def test_text_of_several_collations_is_joined_where_the_server_asks_for_one(dialect: sa.Dialect) -> None:
    sql = STAR.table["star_mail"].sql(dialect)

    assert sql.count("COLLATE Latin1_General_100_BIN2 + '/'") == (4 if dialect.name == "mssql" else 0)
