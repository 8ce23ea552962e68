"""Reads out of the SQL what each relation of the mart reads, and where each of its columns comes from.

What belongs here: parsing the files of `sql/`, and writing `sql_origins.json` with what they say; `make docs` does it,
so that no run has to parse SQL. What is made of that file belongs to `sql_files.py` and `lineage.py`. A column that
cannot be followed has no origin; that is never an error.
"""

from __future__ import annotations

import json
import logging
from collections.abc import Iterator, Mapping
from graphlib import TopologicalSorter

import sqlglot
from sqlglot import exp
from sqlglot.errors import SqlglotError
from sqlglot.lineage import lineage
from sqlglot.optimizer.qualify import qualify
from sqlglot.optimizer.scope import Scope, build_scope
from sqlglot.schema import MappingSchema

from o365_pipeline.datasets import catalogue
from o365_pipeline.mart.build import TABLE_NAMES
from o365_pipeline.mart.lookback import lookbacks_at
from o365_pipeline.mart.sql_files import MACROS, ORIGINS, Sources, sql_files, text_of
from o365_pipeline.mart.tables import MART_TABLES


def origins_document() -> str:
    """Returns the content of `sql_origins.json`: for each file the relations that it reads, and for each of its columns
    the columns of those relations.
    """
    read = {name: _relations_in(name) for name in sorted(sql_files() - {MACROS})}
    traced = _traced(read)
    document = {
        name: {
            "reads": sorted(relations),
            "columns": {
                column: [f"{relation}.{field}" for relation, field in sorted(found)]
                for column, found in traced[name].items()
            },
        }
        for name, relations in read.items()
    }
    return json.dumps(document, indent=1) + "\n"


def _relations_in(name: str) -> frozenset[str]:
    """Returns the relations that a file reads: curated datasets and other files' relations, without its own CTEs."""
    tree = sqlglot.parse_one(text_of(name), read="duckdb")
    own = {cte.alias_or_name for cte in tree.find_all(exp.CTE)}
    return frozenset(table.name for table in tree.find_all(exp.Table)) - own


def _traced(read: Mapping[str, frozenset[str]]) -> Mapping[str, Mapping[str, Sources]]:
    """Returns, for each file, its columns with the columns of the relations that it reads."""
    # It tells of every subquery that it cannot look into.
    logging.getLogger("sqlglot").setLevel(logging.ERROR)
    schema = MappingSchema(dialect="duckdb")
    for dataset in catalogue().newest:
        names = [dataset.asset_name, *(lookback.relation for lookback in lookbacks_at(dataset.asset_name))]
        for name in (*names, dataset.current_name):
            if name:
                schema.add_table(name, dataset.curated_schema)
    schema.add_table("curated_day", {"asset_name": "VARCHAR", "day": "DATE"})
    for table in MART_TABLES:
        schema.add_table(table.name, {column.name: "VARCHAR" for column in table.columns})
    traced: dict[str, Mapping[str, Sources]] = {}
    for name in TopologicalSorter({name: sorted(found & read.keys()) for name, found in read.items()}).static_order():
        scope = _scope(name, schema)
        columns = scope.expression.named_selects if scope and isinstance(scope.expression, exp.Query) else []
        if name not in TABLE_NAMES:
            schema.add_table(name, dict.fromkeys(columns, "VARCHAR"))
        traced[name] = {column: _sources(column, scope, schema) for column in columns if scope}
    return traced


def _scope(name: str, schema: MappingSchema) -> Scope | None:
    try:
        tree = _by_position(_by_value(sqlglot.parse_one(text_of(name), read="duckdb")))
        tree = qualify(tree, "duckdb", schema=schema, validate_qualify_columns=False, identify=False)
        return build_scope(_by_position(tree))
    except SqlglotError:
        return None


def _sources(column: str, scope: Scope, schema: MappingSchema) -> Sources:
    try:
        node = lineage(column, scope.expression, schema, dialect="duckdb", scope=scope, trim_selects=False, copy=False)
    except (SqlglotError, ValueError):
        return frozenset()
    return frozenset(
        (leaf.source.name, leaf.name.rpartition(".")[2].strip('"'))
        for leaf in node.walk()
        if isinstance(leaf.source, exp.Table) and not leaf.downstream
    )


def _by_value(tree: exp.Expr) -> exp.Expr:
    """Rewrites the query: arg_min(value, order) becomes its value, and structures become columns.

    What only decides between values is not their origin.
    """
    for chosen in list(tree.find_all(exp.ArgMin, exp.ArgMax)):
        chosen.replace(chosen.this)
    structures: set[str] = set()
    for select in tree.find_all(exp.Select):
        for projection in list(select.selects):
            if isinstance(projection, exp.Alias) and isinstance(projection.this, exp.Struct):
                structures.add(projection.alias)
                fields = (
                    exp.alias_(one.expression, f"{projection.alias}_{one.name}") for one in projection.this.expressions
                )
                select.set("expressions", [*(one for one in select.selects if one is not projection), *fields])
    for column in list(tree.find_all(exp.Column)):
        if column.table in structures and column.name:
            flat = exp.column(f"{column.table}_{column.name}", table=column.db or None)
            named = isinstance(column.parent, exp.Select)
            column.replace(exp.alias_(flat, column.name) if named else flat)
    return tree


def _by_position(tree: exp.Expr) -> exp.Expr:
    """Rewrites UNION BY NAME as UNION: columns in one order, null where a part has none.

    A union with a star stays unchanged until the star is expanded.
    """
    for union in list(tree.find_all(exp.SetOperation)):
        if isinstance(union.parent, exp.SetOperation):
            continue
        unions = [
            one for one in union.find_all(exp.SetOperation) if one is union or isinstance(one.parent, exp.SetOperation)
        ]
        if not any(one.args.get("by_name") for one in unions) or any(part.is_star for part in _parts(union)):
            continue
        names: list[str] = []
        parts = [(part, _names(part, names)) for part in _parts(union)]
        for part, own in parts:
            selects = dict(zip(own, part.selects, strict=True))
            part.set("expressions", [selects.get(name) or exp.alias_(exp.null(), name) for name in names])
        for one in unions:
            one.set("by_name", False)
    return tree


def _parts(query: exp.Expr) -> Iterator[exp.Select]:
    if isinstance(query, exp.SetOperation):
        yield from _parts(query.left)
        yield from _parts(query.right)
    elif isinstance(query, exp.Select):
        yield query


def _names(part: exp.Select, known: list[str]) -> list[str]:
    """Returns the part's columns by the names that they have in the union; adds new names to the known ones.

    A part that follows without BY NAME takes the names of the parts before it, by position.
    """
    union, own = part.parent, part.named_selects
    if known and isinstance(union, exp.SetOperation) and union.right is part and not union.args.get("by_name"):
        return known[: len(own)]
    known += [name for name in own if name not in known]
    return own


if __name__ == "__main__":
    ORIGINS.write_text(origins_document(), encoding="utf-8")
