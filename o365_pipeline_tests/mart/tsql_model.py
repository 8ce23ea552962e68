"""A model of SQL Server for selects: T-SQL as sqlglot reads it, run by DuckDB.

What belongs here: what T-SQL means by the words that the mart's views use. It knows nothing of rights and locks.
"""

from __future__ import annotations

from collections import namedtuple
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from itertools import chain
from typing import Any

import duckdb
import sqlalchemy as sa
import sqlglot
from sqlalchemy.dialects import postgresql
from sqlglot import exp

AT_ONCE = 100

TEXTS = {exp.DataType.Type.CHAR, exp.DataType.Type.VARCHAR, exp.DataType.Type.NVARCHAR}


class TsqlModel:
    """An empty database in memory."""

    def __init__(self, tables: Iterable[sa.Table], views: Mapping[str, str]) -> None:
        self._connection = duckdb.connect()
        for table in tables:
            columns = ", ".join(f'"{column.name}" {_kind(column.type)}' for column in table.columns)
            self._connection.execute(f"CREATE TABLE {table.name} ({columns})")
        for name, sql in views.items():
            self._connection.execute(f"CREATE VIEW {name} AS {in_duckdb(sql)}")

    def insert(self, table: sa.Table, rows: Iterable[Mapping[str, Any]]) -> None:
        values = [[row.get(column.name) for column in table.columns] for row in rows]
        marks = f"({', '.join('?' for _ in table.columns)})"
        for first in range(0, len(values), AT_ONCE):
            some = values[first : first + AT_ONCE]
            every = ", ".join(marks for _ in some)
            self._connection.execute(f"INSERT INTO {table.name} VALUES {every}", [*chain.from_iterable(some)])

    def rows(self, select: sa.Select[Any]) -> list[Any]:
        """Returns what a plain select finds, as it does on every server."""
        sql = str(select.compile(dialect=postgresql.dialect(), compile_kwargs={"literal_binds": True}))
        found = self._connection.execute(sql)
        row = namedtuple("row", [name for name, *_ in found.description or ()], rename=True)  # type: ignore[misc]
        return [row(*values) for values in found.fetchall()]

    def answer(self, tsql: str) -> list[Any]:
        """Returns what a statement of T-SQL finds."""
        return self._connection.execute(in_duckdb(tsql)).fetchall()

    @contextmanager
    def tried(self) -> Iterator[None]:
        """Takes back what is written."""
        self._connection.begin()
        yield
        self._connection.rollback()


def in_duckdb(tsql: str) -> str:
    """Returns a select in DuckDB's words."""
    tree = sqlglot.parse_one(tsql, dialect="tsql")
    texts = [node for node in tree.find_all(exp.Add) if _is_text(node)]
    for add in texts:
        add.replace(exp.DPipe(this=add.this, expression=add.expression, safe=False))
    for node in list(tree.find_all(exp.Collate, exp.Div, exp.DateAdd, exp.Convert, exp.Like)):
        _translate(node)
    return tree.sql("duckdb")


def _kind(kind: sa.types.TypeEngine[Any]) -> str:
    kinds = {sa.Boolean: "INTEGER", sa.BigInteger: "BIGINT", sa.Integer: "INTEGER", sa.Double: "DOUBLE"}
    kinds |= {sa.DateTime: "TIMESTAMP", sa.Date: "DATE"}
    return next((name for base, name in kinds.items() if isinstance(kind, base)), "VARCHAR")


def _translate(node: exp.Expr) -> None:
    """Puts in a node's place what DuckDB calls it; what is within stays the same nodes."""
    if isinstance(node, exp.Collate):
        node.replace(node.this)
    elif isinstance(node, exp.Div) and node.expression.is_int:
        node.replace(exp.IntDiv(this=node.this, expression=node.expression))
    elif isinstance(node, exp.DateAdd):
        date = exp.Cast(to=exp.DataType.build("DATE"))
        node.replace(date)
        date.set("this", node)
    elif isinstance(node, exp.Like):
        matches = exp.Anonymous(
            this="regexp_matches", expressions=[node.this, exp.Literal.string(node.expression.name.strip("%"))]
        )
        node.replace(exp.Not(this=matches) if node.args.get("negate") else matches)
    elif isinstance(node, exp.Convert) and (style := node.args.get("style")):
        node.replace(_converted(node, style.name))


def _converted(node: exp.Convert, style: str) -> exp.Expr:
    """By style 23 the first characters of an ISO date, by style 2 hexadecimals of bytes."""
    if style == "23":
        text = exp.Cast(this=node.expression, to=exp.DataType.build("TEXT"))
        return exp.Anonymous(this="substr", expressions=[text, exp.Literal.number(1), node.this.expressions[0].this])
    assert style == "2"
    return exp.Anonymous(this="hex", expressions=[node.expression.expression])


def _is_text(node: exp.Expr) -> bool:
    if isinstance(node, exp.Add):
        return _is_text(node.this) or _is_text(node.expression)
    if isinstance(node, exp.Cast | exp.Convert):
        target = node.this if isinstance(node, exp.Convert) else node.to
        return target.this in TEXTS
    return (isinstance(node, exp.Literal) and node.is_string) or isinstance(node, exp.Collate)
