"""The data dictionary of Data Connect's datasets, as a document generated from the catalogue.

What belongs here: the form of the description. Its content is in `entries/`.
"""

from __future__ import annotations

from itertools import groupby

from o365_pipeline.dagster_ui.markdown import code, markdown_table, section_link
from o365_pipeline.datasets.catalogue import catalogue
from o365_pipeline.datasets.model import Column, Dataset

SLICED = {
    "column": "by the date-filter column",
    "window": "by start and end alone",
    "snapshot": "all where start is end, else what changed from start to end",
    "none": "whole at every run",
}
OWNERS = {"puser": "a person: `puser`", "pObjectId": "a group: `pObjectId`", "none": "nobody"}

INTRODUCTION = """# Data dictionary: the datasets

`o365-pipeline docs` makes this page from the catalogue; do not edit it. The mart's tables are in [mart.md](mart.md).

Each dataset has a table in the raw and one in the curated stage. Versions of a dataset share the curated one; it has
the columns of all of them, and `extraction_id`. A column that is written **bold** holds what people wrote: the shipped
data request does not ask for it.
"""


def catalogue_document() -> str:
    """Describes every dataset of the catalogue, by family, with a table of contents."""
    datasets = sorted(catalogue(), key=lambda dataset: (dataset.family, dataset.name))
    contents = [
        f"- {family}: " + ", ".join(section_link(dataset.name) for dataset in members)
        for family, members in groupby(datasets, key=lambda dataset: dataset.family)
    ]
    return (
        "\n\n".join([INTRODUCTION.rstrip(), "\n".join(contents), *(_section(dataset) for dataset in datasets)]) + "\n"
    )


def _section(dataset: Dataset) -> str:
    facts = [
        ("table in Data Connect", code(dataset.table_name)),
        ("assets", code(f"raw/{dataset.asset_name}", f"curated/{dataset.asset_name}")),
        ("family", f"{dataset.family}, {'free of charge' if dataset.free_of_charge else 'billed by the row'}"),
        ("scopes", ", ".join(dataset.scopes) or "none"),
        ("whose a row is", OWNERS[dataset.owner]),
        ("key", code(*dataset.natural_key) if dataset.natural_key else "none"),
        ("sliced", SLICED[dataset.slicing]),
        ("date filters", _date_filters(dataset)),
        ("there after", f"{dataset.delay_days} days" if dataset.delay_days else "the day's end"),
        ("goes back", f"{dataset.history_days} days" if dataset.history_days else "without a known limit"),
    ]
    columns = markdown_table(
        ("column", "what it holds", "documented type", "curated field", "curated type"),
        (_column(dataset, column) for column in dataset.columns),
    )
    return "\n\n".join([f"## {dataset.name}", dataset.description, markdown_table(("", ""), facts), columns])


def _date_filters(dataset: Dataset) -> str:
    if not dataset.date_filters:
        return "none"
    used = f"; the pipeline's is {code(dataset.date_filter)}" if dataset.date_filter else ""
    return code(*dataset.date_filters) + used + (", required" if dataset.date_filter_required else "")


def _column(dataset: Dataset, column: Column) -> tuple[str, str, str, str, str]:
    name = f"**{code(column.name)}**" if column.name in dataset.content_columns else code(column.name)
    shaped = next((one for one in dataset.curated_columns if one.curated_name == column.curated_name), column)
    fields = shaped.curated_fields
    return (
        name,
        column.description,
        code(column.documented_type),
        code(*(field for field, _ in fields)),
        code(*(kind for _, kind in fields)),
    )
