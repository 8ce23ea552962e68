"""Metadata that shows a table without showing any person: its schema, and a few rows with all text masked.

What belongs here: metadata made from a DuckDB relation or a SQL table, for the stages' assets.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import duckdb
from dagster import MetadataValue, TableColumn, TableColumnConstraints, TableSchema

from o365_pipeline.dagster_ui.markdown_metadata import Markdown, link, shown, table

MASKED = "•••"
PREVIEW_ROWS = 5
PREVIEW_COLUMNS = 12
SHOWN = (bool, int, float, dt.date)


def table_schema(
    columns: dict[str, str], keys: tuple[str, ...], descriptions: dict[str, str | None] | None = None
) -> TableSchema:
    """Returns a table's columns for the UI; keys are shown as not nullable."""
    return TableSchema(
        columns=[
            TableColumn(
                name,
                kind,
                description=(descriptions or {}).get(name),
                constraints=TableColumnConstraints(nullable=name not in keys),
            )
            for name, kind in columns.items()
        ]
    )


def masked_preview(columns: Sequence[str], rows: Sequence[Sequence[Any]]) -> MetadataValue:
    """Returns the first rows as Markdown: numbers, dates and truth values as they are, every text masked.

    Names, addresses, subjects and ids identify people, so they may not be stored in Dagster.
    """
    first = [[_mask(value) for value in row] for row in rows[:PREVIEW_ROWS]]
    filled = [place for place in range(len(columns)) if any(row[place] for row in first)][:PREVIEW_COLUMNS]
    if not filled:
        return shown(Markdown("no rows"))
    return shown(table([columns[place] for place in filled], ([row[place] for place in filled] for row in first)))


def file_page(connection: duckdb.DuckDBPyConnection, local: Path, path: str, uri: str) -> dict[str, MetadataValue]:
    """What a partition's page shows of its Parquet file: a masked preview, and where it lies."""
    found = connection.execute(
        "SELECT * FROM read_parquet(?, hive_partitioning = false) LIMIT ?", [str(local), PREVIEW_ROWS]
    )
    columns = [name for name, *_ in found.description or ()]
    return {"preview": masked_preview(columns, found.fetchall()), "file": shown(link(path, uri))}


def _mask(value: Any) -> str:
    if value is None or value != value:
        return ""
    return str(value) if isinstance(value, SHOWN) else MASKED
