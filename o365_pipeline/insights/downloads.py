"""Downloads: the rows of a page as CSV, for a spreadsheet.

What belongs here: the file's form. Its rows are those that the page may show.
"""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Iterable, Sequence

from starlette.responses import Response

FORMULA = re.compile(r"(^|[;|\t\r\n])(\s*)(?=[=+\-@\uff1d\uff0b\uff0d\uff20]|[\t\r])")
"""Where a formula begins for a spreadsheet: at the beginning of a cell, and after a semicolon, which ends a cell where
commas are decimal, whatever quotes there are. Whoever names a site must not run anything elsewhere.
"""


def csv_of(name: str, columns: Sequence[str], rows: Iterable[Sequence[object]]) -> Response:
    """Returns rows as a file to download."""
    written = io.StringIO()
    writer = csv.writer(written)
    writer.writerow(columns)
    writer.writerows([_cell(value) for value in row] for row in rows)
    headers = {"Content-Disposition": f'attachment; filename="{name}.csv"'}
    return Response(written.getvalue(), media_type="text/csv", headers=headers)


def _cell(value: object) -> object:
    if isinstance(value, str):
        return FORMULA.sub(r"\1\2'", value)
    return round(value, 4) if isinstance(value, float) else value
