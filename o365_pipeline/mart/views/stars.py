"""The views of the star.

What belongs here: each table of the star as a view. What they hold and how they are related is in `mart/star/`.
"""

from __future__ import annotations

from collections.abc import Mapping

from o365_pipeline.mart.star.model import star_model
from o365_pipeline.mart.star.parts import StarTable
from o365_pipeline.mart.views.view import View


def _view_of(table: StarTable) -> View:
    return View(
        table.name,
        table.description,
        {column.name: column.description for column in table.columns},
        {column.name: column.type for column in table.columns},
        table.sql,
        refers_to={column.name: column.refers_to for column in table.columns if column.refers_to},
        captions={column.name: column.caption for column in table.columns if not column.is_hidden},
    )


STAR_VIEWS: Mapping[str, View] = {table.name: _view_of(table) for table in star_model().tables}
"""The views by name."""
