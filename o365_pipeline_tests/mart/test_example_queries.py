"""The queries in examples/queries: each says what it answers, and finds what the hand-made mart has of it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
import sqlglot

from o365_pipeline.database.database import Database
from o365_pipeline.mart.tables.settings import write_minimum_group_size
from o365_pipeline.mart.upgrade import mart_database
from o365_pipeline_tests.mart.hand_made_mart import fill

ROOT = Path(__file__).parents[2]
QUERIES = sorted((ROOT / "examples" / "queries").glob("*.sql"))

FIRST_ROWS: dict[str, tuple[Any, ...]] = {
    "busiest_channels": ("Team", "General", 2, 50),
    "calls_by_month": (2026, 1, "call", 1, 12, 2, 1),
    "domains_of_guests": ("a.com", 1, 1, 1),
    "groups_to_clean_up": ("Ownerless", None, 5, 0, None),
    "outside_domains": ("fabrikam.com", 2, 2, 0, 0),
    "overshared_sites": ("https://contoso.example/sites/site", "Site", None, None, 6, 0, 0, 0),
    "response_times_by_department": ("Legal",),
    "storage_of_inactive_sites": ("https://contoso.example/sites/site", "Site", 100, 4, 25),
    "strongest_pairs_of_departments": ("Legal", "Sales", 8, 20, 0, 0),
    "time_by_department": ("Legal",),
    "widest_spans_of_managers": ("S1", "Sales", None, 8),
}
"""What the first row begins with, after the customer."""


@pytest.fixture
def mart(database: Database) -> Database:
    with database.begin() as connection:
        fill(connection)
        write_minimum_group_size(connection, 4)
    return database


@pytest.mark.parametrize("query", QUERIES, ids=lambda path: path.stem)
def test_a_query_finds_what_there_is(mart: Database, query: Path) -> None:
    with mart.begin() as connection:
        first = tuple(connection.execute(sa.text(query.read_text())).first() or ())

    expected = ("contoso", *FIRST_ROWS[query.stem])
    assert first[: len(expected)] == expected


@pytest.mark.parametrize("query", QUERIES, ids=lambda path: path.stem)
def test_a_query_says_what_it_answers_and_parses_on_every_kind_of_server(query: Path) -> None:
    text = query.read_text()

    assert text.startswith("-- ")
    assert text.splitlines()[0].endswith("?")
    for dialect in ("tsql", "postgres", "sqlite"):
        assert sqlglot.parse_one(text, dialect=dialect)
    assert not {"LIMIT", "TOP", "FETCH", "TRUE", "FALSE"} & set(text.upper().split())


def test_the_page_about_the_mart_lists_every_query_with_its_question() -> None:
    page = (ROOT / "docs" / "using-the-mart.md").read_text()

    for query in QUERIES:
        question = query.read_text().splitlines()[0].removeprefix("-- ")
        assert f"| [{query.name}](../examples/queries/{query.name}) | {question} |" in page


def test_on_postgresql_queries_find_the_same(postgres_url: str) -> None:
    with mart_database(sa.make_url(postgres_url)).begin() as connection:
        fill(connection)
        write_minimum_group_size(connection, 4)
        found = {query.stem: tuple(connection.execute(sa.text(query.read_text())).first() or ()) for query in QUERIES}

    for name, expected in FIRST_ROWS.items():
        assert found[name][: len(expected) + 1] == ("contoso", *expected), name
