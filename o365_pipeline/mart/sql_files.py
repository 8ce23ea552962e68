"""The SQL files that make the mart's rows, and the relations that each of them reads.

What belongs here: finding the files and reading names from them. Running them belongs to `build.py`.
"""

from __future__ import annotations

from functools import cache
from importlib import resources

import sqlglot
from sqlglot import exp

PEOPLE = frozenset({"address_book", "dim_person"})
"""The relations that other tables look people up in."""


def text_of(name: str) -> str:
    """Returns the SQL that makes the relation of that name."""
    return (resources.files("o365_pipeline.mart") / "sql" / f"{name}.sql").read_text(encoding="utf-8")


@cache
def sql_files() -> frozenset[str]:
    """Returns the names of the relations that have a file."""
    folder = resources.files("o365_pipeline.mart") / "sql"
    return frozenset(file.name.removesuffix(".sql") for file in folder.iterdir() if file.name.endswith(".sql"))


@cache
def relations_in(name: str) -> frozenset[str]:
    """Returns the relations that a file reads: curated datasets and other files' relations, without its own CTEs."""
    tree = sqlglot.parse_one(text_of(name), read="duckdb")
    own = {cte.alias_or_name for cte in tree.find_all(exp.CTE)}
    return frozenset(table.name for table in tree.find_all(exp.Table)) - own


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


def fed_by(name: str, of: frozenset[str]) -> frozenset[str]:
    """Which of the curated datasets `of` can give a table rows; those that only say who somebody is cannot."""
    return reads(name, of | PEOPLE) - PEOPLE
