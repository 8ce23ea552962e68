"""The origin of each column of the mart.

What belongs here: following columns through the files of `sql/` to curated fields and to columns of other mart tables.
Reading the SQL itself belongs to `sql_reading.py`.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from functools import cache

import dagster as dg
import sqlalchemy as sa

from o365_pipeline.mart.build import TABLE_NAMES, relations
from o365_pipeline.mart.lookback import LOOKBACKS
from o365_pipeline.mart.references import PARTITION, own_key
from o365_pipeline.mart.sql_files import Sources, columns_of

EARLIER = {lookback.relation: lookback.asset_name for lookback in LOOKBACKS}
"""Relations of days before the partition's, with the asset that holds those days."""


def column_lineage(table: sa.Table, shown: Collection[str]) -> dg.TableColumnLineage:
    """Returns the table's columns with their origins in the curated datasets and mart tables that are shown."""
    return dg.TableColumnLineage(
        {
            column: [
                dg.TableColumnDep(
                    asset_key=dg.AssetKey(["mart" if relation in TABLE_NAMES else "curated", relation]),
                    column_name=field,
                )
                for relation, field in sorted(found)
                if relation in shown
            ]
            for column, found in sources_of(table).items()
        }
    )


@cache
def sources_of(table: sa.Table) -> Mapping[str, Sources]:
    """Returns the origins of each column of the table, without the partition's own columns.

    A count of rows has no column as its origin; the key columns of the counted row are given instead.
    """
    traced = {
        column.name: _resolved(table.name, column.name) for column in table.columns if column.name not in PARTITION
    }
    key = frozenset[tuple[str, str]]().union(*(traced[name] for name in own_key(table)))
    return {name: found or key for name, found in traced.items()}


def _resolved(relation: str, column: str) -> Sources:
    """Returns the origins of a file's column, through files that are neither datasets nor tables."""
    found: set[tuple[str, str]] = set()
    for source, field in columns_of(relation).get(column, frozenset()):
        if source in TABLE_NAMES or source not in relations():
            found.add((EARLIER.get(source, source), field))
        else:
            found |= _resolved(source, field)
    return frozenset(found)
