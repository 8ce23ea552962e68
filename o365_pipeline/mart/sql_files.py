"""The SQL files that make the mart's rows, and the relations and columns that each of them reads.

What belongs here: finding the files, and what `sql_origins.json` says of them, which `sql_reading.py` writes. Running
them belongs to `build.py`.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from functools import cache
from importlib import resources
from pathlib import Path
from typing import Any

ORIGINS = Path(__file__).with_name("sql_origins.json")
MACROS = "macros"
"""The file that makes no relation."""

Sources = frozenset[tuple[str, str]]
"""(relation, column) of curated assets and of mart tables, by their names."""

PEOPLE = frozenset({"address_book", "dim_person"})
"""The relations that other tables look people up in."""


OF_EVERY_DAY = frozenset({"dim_customer", "dim_date"})
"""The tables that have a row of each day, also where nothing is curated."""


def text_of(name: str) -> str:
    """Returns the SQL that makes the relation of that name."""
    return (resources.files("o365_pipeline.mart") / "sql" / f"{name}.sql").read_text(encoding="utf-8")


@cache
def sql_files() -> frozenset[str]:
    """Returns the names of the relations that have a file."""
    folder = resources.files("o365_pipeline.mart") / "sql"
    return frozenset(file.name.removesuffix(".sql") for file in folder.iterdir() if file.name.endswith(".sql"))


def relations_in(name: str) -> frozenset[str]:
    """Returns the relations that a file reads: curated datasets and other files' relations, without its own CTEs."""
    return frozenset(_origins()[name]["reads"])


def columns_of(name: str) -> Mapping[str, Sources]:
    """Returns a file's columns with the columns of the relations that it reads."""
    columns: Mapping[str, list[str]] = _origins()[name]["columns"]
    return {column: frozenset(_source(text) for text in found) for column, found in columns.items()}


def _source(text: str) -> tuple[str, str]:
    relation, _, column = text.partition(".")
    return relation, column


@cache
def _origins() -> Mapping[str, Any]:
    origins: Mapping[str, Any] = json.loads(ORIGINS.read_text(encoding="utf-8"))
    return origins


@cache
def reads(name: str, of: frozenset[str]) -> frozenset[str]:
    """Returns which of the relations `of` a file reads, directly or through files whose relations are not among
    them.
    """
    found: set[str] = set()
    for relation in relations_in(name):
        if relation in of:
            found.add(relation)
        elif relation in sql_files():
            found |= reads(relation, of)
    return frozenset(found)


def is_fed(name: str, of: frozenset[str]) -> bool:
    """Tells whether a table can have rows: from one of the curated datasets `of`, or of every day; a dataset that only
    says who somebody is gives none.
    """
    return name in OF_EVERY_DAY or not reads(name, of | PEOPLE) <= PEOPLE
