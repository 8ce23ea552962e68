"""The raw column that each curated field comes from, according to the catalogue.

What belongs here: the column lineage that the UI shows for curated assets.
"""

from __future__ import annotations

import dagster as dg

from o365_pipeline.datasets import Dataset
from o365_pipeline.raw.assets import raw_key


def column_lineage(dataset: Dataset) -> dg.TableColumnLineage:
    """Returns the curated fields with their raw columns; fields that curation adds have none."""
    sources: dict[str, str] = {dataset.owner_field: dataset.owner} if dataset.owner_field else {}
    sources |= {field: column.name for column in dataset.curated_columns for field, _ in column.curated_fields}
    return dg.TableColumnLineage(
        {field: [dg.TableColumnDep(asset_key=raw_key(dataset), column_name=name)] for field, name in sources.items()}
    )
