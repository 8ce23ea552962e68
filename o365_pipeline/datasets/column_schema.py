"""What the UI is shown of a dataset's columns: types, descriptions, and which of them nobody asked for.

What belongs here: the schemas of the raw and the curated table. What a column is stands in the catalogue.
"""

from __future__ import annotations

from collections.abc import Collection

import dagster as dg

from o365_pipeline.dagster_ui.preview import table_schema
from o365_pipeline.datasets.model import SYSTEM_COLUMNS, UNKNOWN_COLUMNS, Column, Dataset

NOT_REQUESTED = "Not in the data request, so it is empty."

SYSTEM_DESCRIPTIONS = {
    "puser": "The object id of the person whose row it is.",
    "pObjectId": "The object id of the group whose row it is.",
    "ptenant": "The tenant that the row comes from.",
    "rowinformation": "Whether the row stands for a person without data, and why.",
    UNKNOWN_COLUMNS: "Columns of the row that the catalogue does not know, as JSON.",
    "extraction_id": "The extraction that the row comes from; the ledger leads from it to the approval.",
}
"""Columns that Data Connect or the pipeline adds to every row; the others of Data Connect's are undocumented."""


def raw_schema(dataset: Dataset, asked: Collection[str]) -> dg.TableSchema:
    """The documented columns of all versions, and those that Data Connect adds by itself.

    Args:
        asked: the curated names of the columns that somebody asks for.
    """
    columns = {
        **dict.fromkeys(SYSTEM_COLUMNS, "string, added by Data Connect"),
        **{column.name: column.documented_type for column in dataset.curated_columns},
    }
    told = {column.name: _told(column, asked) for column in dataset.curated_columns}
    return table_schema(columns, dataset.natural_key, {**SYSTEM_DESCRIPTIONS, **told})


def curated_schema(dataset: Dataset, keys: tuple[str, ...], asked: Collection[str]) -> dg.TableSchema:
    """The curated table's fields; `keys` are those that every row has."""
    told = {field: _told(column, asked) for column in dataset.curated_columns for field, _ in column.curated_fields}
    owner = {dataset.owner_field: SYSTEM_DESCRIPTIONS[dataset.owner]} if dataset.owner_field else {}
    return table_schema(dataset.curated_schema, keys, {**SYSTEM_DESCRIPTIONS, **told, **owner})


def _told(column: Column, asked: Collection[str]) -> str:
    parts = [column.description, "" if column.curated_name in asked else NOT_REQUESTED]
    return " ".join(filter(None, parts))
