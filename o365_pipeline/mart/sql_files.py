"""The SQL files that make the mart's rows, and what each of them reads.

What belongs here: finding the files and reading names out of them. Running them belongs to `build.py`.
"""

from __future__ import annotations

from functools import cache
from importlib import resources

import sqlglot
from sqlglot import exp


def text_of(name: str) -> str:
    """The SQL that makes the relation of that name."""
    return (resources.files("o365_pipeline.mart") / "sql" / f"{name}.sql").read_text(encoding="utf-8")


@cache
def sql_files() -> frozenset[str]:
    """The names of the relations that have a file."""
    folder = resources.files("o365_pipeline.mart") / "sql"
    return frozenset(file.name.removesuffix(".sql") for file in folder.iterdir() if file.name.endswith(".sql"))


@cache
def relations_in(name: str) -> frozenset[str]:
    """The relations that a file reads: curated datasets, other files' relations; its own CTEs are left out."""
    tree = sqlglot.parse_one(text_of(name), read="duckdb")
    own = {cte.alias_or_name for cte in tree.find_all(exp.CTE)}
    return frozenset(table.name for table in tree.find_all(exp.Table)) - own


@cache
def reads(name: str, of: frozenset[str]) -> frozenset[str]:
    """Which of the relations `of` a file reads, itself or by way of files whose relations are not among them."""
    found: set[str] = set()
    for relation in relations_in(name):
        if relation in of:
            found.add(relation)
        elif relation in sql_files():
            found |= reads(relation, of)
    return frozenset(found)
