"""The data dictionary of the mart, generated from its tables and views: a document, and rows for the database itself.

What belongs here: the form of the descriptions. The descriptions themselves are the comments in `tables/` and `views/`.
"""

from __future__ import annotations

import inspect
import re
from collections.abc import Iterator

import sqlalchemy as sa

from o365_pipeline.dagster_ui.markdown import code, markdown_table, section_link
from o365_pipeline.database.database import metadata
from o365_pipeline.mart import views
from o365_pipeline.mart.diagram import Subject, er_diagram, subjects
from o365_pipeline.mart.references import own_key, references
from o365_pipeline.mart.star.model import star_model
from o365_pipeline.mart.star.page import star_columns, star_section
from o365_pipeline.mart.views import STAR_VIEWS, VIEWS, View

WHOLE_ROW = "*"
"""The column name in the description of a whole table or view."""

INTRODUCTION = """# Data dictionary: the mart

`o365-pipeline docs` makes this page from the tables and views; do not edit it. How to ask them is in
[using-the-mart.md](using-the-mart.md), where their rows come from in [data-dictionary.md](data-dictionary.md). The
database says the same of itself: `SELECT * FROM data_dictionary`.
"""

TABLES = """## The tables

Every table begins with `customer` and `day`, the partition that loaded the row, and ends with `extraction_id`, by which
`ledger_row_provenance` tells who approved it. Joins of tables are on customer, day and the key; the diagrams leave the
three out.
"""

data_dictionary = sa.Table(
    "data_dictionary",
    metadata,
    sa.Column("table_name", sa.String(100), primary_key=True, comment="A table or view of this database"),
    sa.Column("column_name", sa.String(100), primary_key=True, comment="Its column; * where it tells what a row is"),
    sa.Column("type", sa.String(100), comment="The column's type, before the server's own name for it"),
    sa.Column(
        "key_of",
        sa.String(250),
        comment="The table and key that the column refers to, in the same partition; of a view, the view",
    ),
    sa.Column(
        "caption", sa.Unicode(100), comment="The name for people, with the unit, of a star's column that they read"
    ),
    sa.Column("description", sa.Unicode(1000), nullable=False, comment="What it holds"),
    comment="One row per table or view and per column of this database: what it holds",
)


def write_dictionary(connection: sa.Connection) -> None:
    """Writes the descriptions of the present tables and views into the database, in the caller's transaction."""
    connection.execute(sa.delete(data_dictionary))
    connection.execute(sa.insert(data_dictionary), list(dictionary_rows()))


def dictionary_rows() -> Iterator[dict[str, str | None]]:
    """Returns the rows of the table `data_dictionary`."""
    for table in metadata.tables.values():
        keys = {reference.column.name: reference.key for reference in references(table)}
        yield _row(table.name, WHOLE_ROW, None, None, table.comment)
        for column in table.columns:
            key = str(keys[column.name]) if column.name in keys else None
            yield _row(table.name, column.name, str(column.type), key, column.comment)
    for view in VIEWS.values():
        yield _row(view.name, WHOLE_ROW, None, None, view.description)
        for name, kind, comment in _columns_of(view):
            yield _row(view.name, name, kind, view.refers_to.get(name), comment, view.captions.get(name))


def mart_document() -> str:
    """Returns the stars, every table of the mart by subject (a diagram, then the tables' columns), and the views."""
    contents = [
        (section_link(subject.name), section_link(table.name), _first_words(table.comment or ""))
        for subject in subjects()
        for table in subject.tables
    ]
    contents += [
        (section_link("views"), section_link(view.name), _first_words(view.description)) for view in _other_views()
    ]
    shown = markdown_table(("subject", "table or view", "holds"), contents)
    parts = [INTRODUCTION.rstrip(), star_section(), TABLES.rstrip(), shown, *map(_subject, subjects()), _views()]
    return "\n\n".join([*parts, _star_views()]) + "\n"


def _first_words(description: str) -> str:
    """A description up to its first semicolon or full stop."""
    return re.split(r"[.;](?: |$)", description, maxsplit=1)[0]


def _row(
    table: str,
    column: str,
    kind: str | None,
    key_of: str | None,
    description: str | None,
    caption: str | None = None,
) -> dict[str, str | None]:
    return {
        "table_name": table,
        "column_name": column,
        "type": kind,
        "key_of": key_of,
        "caption": caption,
        "description": description or "",
    }


def _subject(subject: Subject) -> str:
    diagram = f"```mermaid\n{er_diagram(subject.tables)}```"
    return "\n\n".join([f"## {subject.name}", subject.description, diagram, *map(_table, subject.tables)])


def _table(table: sa.Table) -> str:
    keys = {reference.column.name: str(reference.key) for reference in references(table)}
    columns = markdown_table(
        ("column", "type", "null", "refers to", "what it holds"),
        (
            (
                code(column.name),
                str(column.type),
                "yes" if column.nullable else "",
                code(keys[column.name]) if column.name in keys else "",
                column.comment or "",
            )
            for column in table.columns
        ),
    )
    key = f"Key: {code('customer', 'day', *own_key(table))}."
    return "\n\n".join([f"### {table.name}", f"{table.comment}. {key}", columns])


def _views() -> str:
    description = (inspect.getdoc(views) or "").partition("\n\n")[0].replace("\n", " ")
    return "\n\n".join(["## views", description, *map(_view, _other_views())])


def _other_views() -> list[View]:
    """Those that are not of the star."""
    return [view for view in VIEWS.values() if view.name not in STAR_VIEWS]


def _star_views() -> str:
    found = [f"### {table.name}\n\n{table.description}\n\n{star_columns(table)}" for table in star_model().tables]
    return "\n\n".join(["## star", "The views of the stars. Columns without a name for people are hidden.", *found])


def _view(view: View) -> str:
    columns = markdown_table(
        ("column", "type", "what it holds"),
        ((code(name), kind, comment) for name, kind, comment in _columns_of(view)),
    )
    return "\n\n".join([f"### {view.name}", view.description, columns])


def _columns_of(view: View) -> Iterator[tuple[str, str, str]]:
    """Returns each column's name, type and description."""
    for name, kind in view.types.items():
        yield name, str(kind), view.comments[name]
