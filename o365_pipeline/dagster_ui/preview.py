"""Metadata that shows a table without showing any person: its schema, and a few rows with all text masked.

What belongs here: metadata made from a DuckDB relation or a SQL table, for the stages' assets.
"""

from __future__ import annotations

import datetime as dt
from pathlib import Path
from typing import Any

import duckdb
import numpy as np
import pandas as pd
from dagster import MetadataValue, TableColumn, TableColumnConstraints, TableSchema

from o365_pipeline.dagster_ui.markdown_metadata import Markdown, link, shown, table

MASKED = "•••"
PREVIEW_ROWS = 5
PREVIEW_COLUMNS = 12
SHOWN = (bool, int, float, dt.date, np.generic)


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


def masked_preview(rows: pd.DataFrame) -> MetadataValue:
    """Returns the first rows as Markdown: numbers, dates and truth values as they are, every text masked.

    Names, addresses, subjects and ids identify people, so they may not be stored in Dagster.
    """
    first = rows.head(PREVIEW_ROWS)
    filled = [name for name in first.columns if first[name].notna().any()][:PREVIEW_COLUMNS]
    if not filled:
        return shown(Markdown("no rows"))
    return shown(table(filled, ([_mask(value) for value in row] for row in first[filled].itertuples(index=False))))


def file_page(connection: duckdb.DuckDBPyConnection, local: Path, path: str, uri: str) -> dict[str, MetadataValue]:
    """What a partition's page shows of its Parquet file: a masked preview, and where it lies."""
    rows = connection.execute(
        "SELECT * FROM read_parquet(?, hive_partitioning = false) LIMIT ?", [str(local), PREVIEW_ROWS]
    ).df()
    return {"preview": masked_preview(rows), "file": shown(link(path, uri))}


def _mask(value: Any) -> str:
    if isinstance(value, SHOWN):
        return "" if value != value else str(value)
    return "" if value is None or value is pd.NA or value is pd.NaT else MASKED
