"""Draws the mart as Mermaid's entity-relationship diagrams, one for each subject, generated from the tables.

What belongs here: the subjects and the notation. The references between tables belong to `references.py`.
"""

from __future__ import annotations

import inspect
import pkgutil
from collections.abc import Iterator
from dataclasses import dataclass
from importlib import import_module

import sqlalchemy as sa

from o365_pipeline.mart import tables as subjects_package
from o365_pipeline.mart.references import PARTITION, own_key, references
from o365_pipeline.mart.tables import MART_TABLES

NOT_DRAWN = (*PARTITION, "extraction_id")
"""Columns that every table has; the text beside the diagrams mentions them once."""


@dataclass(frozen=True)
class Subject:
    """Tables that belong together: a module of `tables/`, with the text of its docstring."""

    name: str
    description: str
    tables: tuple[sa.Table, ...]


def subjects() -> tuple[Subject, ...]:
    """Returns the mart's tables by subject, each table once, in the order in which they are loaded."""
    found = []
    for module_info in pkgutil.iter_modules(subjects_package.__path__):
        module = import_module(f"{subjects_package.__name__}.{module_info.name}")
        source = inspect.getsource(module)
        if own := tuple(table for table in MART_TABLES if f'"{table.name}"' in source):
            description = (inspect.getdoc(module) or "").partition("\n\n")[0].replace("\n", " ")
            found.append(Subject(module_info.name, description, own))
    return tuple(sorted(found, key=lambda subject: MART_TABLES.index(subject.tables[0])))


def er_diagram(tables: tuple[sa.Table, ...] = MART_TABLES) -> str:
    """Returns Mermaid's erDiagram of these tables; other tables that they refer to are drawn without columns."""
    lines = ["erDiagram"]
    for table in tables:
        lines += [f"    {table.name} {{", *(f"        {line}" for line in _attributes(table)), "    }"]
    for table in tables:
        for reference in references(table):
            optional = "|o" if reference.column.nullable else "||"
            lines.append(f"    {reference.key.table.name} {optional}--o{{ {table.name} : {reference.column.name}")
    return "\n".join(lines) + "\n"


def _attributes(table: sa.Table) -> Iterator[str]:
    referring = {reference.column.name for reference in references(table)}
    for column in table.columns:
        if column.name not in NOT_DRAWN:
            marks = [
                mark
                for mark, holds in (("PK", column.name in own_key(table)), ("FK", column.name in referring))
                if holds
            ]
            yield " ".join([str(column.type).replace(" ", "_"), column.name, ", ".join(marks)]).rstrip()
