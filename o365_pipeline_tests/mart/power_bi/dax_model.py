"""The semantic model over a mart on this machine: its measures are computed by an engine for DAX that is not ours.

What belongs here: filling the model's tables from the views that its queries name, and asking.
"""

from __future__ import annotations

import datetime as dt
import re
from typing import Any

import sqlalchemy as sa
from pbix_mcp.dax.engine import evaluate_measure

Filters = dict[str, list[object]]
"""The values that are chosen, by Table.Column."""

VIEW = re.compile(r'Item = "(\w+)"')


class DaxModel:
    """A written model with the rows of a mart."""

    def __init__(self, model: dict[str, Any], connection: sa.Connection) -> None:
        self._tables = {table["name"]: _rows(table, connection) for table in model["tables"]}
        self._measures = {
            measure["name"]: measure["expression"] for table in model["tables"] for measure in table["measures"]
        }
        self._relationships = [
            {
                "FromTable": one["from_table"],
                "FromColumn": one["from_column"],
                "ToTable": one["to_table"],
                "ToColumn": one["to_column"],
                "IsActive": one["is_active"],
            }
            for one in model["relationships"]
        ]

    def value(self, measure: str, filters: Filters | None = None) -> Any:
        """Returns what a report shows for the measure where these values are chosen; None for blank."""
        return evaluate_measure(
            measure,
            self._tables,
            self._measures,
            filters,
            date_table="Calendar",
            date_column="Date",
            relationships=self._relationships,
        )


def _rows(table: dict[str, Any], connection: sa.Connection) -> dict[str, Any]:
    columns = table["columns"]
    [partition] = table["partitions"]
    view = VIEW.search(partition["source"])
    if view is None:
        return {"columns": [column["name"] for column in columns], "rows": []}
    names = ", ".join(f'"{column["source_column"]}"' for column in columns)
    found = connection.exec_driver_sql(f"SELECT {names} FROM {view[1]}")
    kinds = [column["tmdl_data_type"] for column in columns]
    rows = [[_value(kind, value) for kind, value in zip(kinds, row, strict=True)] for row in found]
    return {"columns": [column["name"] for column in columns], "rows": rows}


def _value(kind: str, value: Any) -> Any:
    return dt.datetime.fromisoformat(value) if kind == "dateTime" and value is not None else value
