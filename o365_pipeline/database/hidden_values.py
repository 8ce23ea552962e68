"""Removes the values of rows from a database's error messages, which end up in logs.

What belongs here: the places in messages where servers repeat values. Transient errors belong to `transient.py`.
"""

from __future__ import annotations

import re

from sqlalchemy.engine.interfaces import ExceptionContext as ErrorContext

VALUES = re.compile(
    r"(duplicate key value is|Truncated value:|DETAIL:|CONTEXT:|invalid input syntax for type [\w ]+:)\s"
    r"(?:.*(?=\s\(\d+\)\s\(SQL)|.*)",
    re.DOTALL,
)
"""Where SQL Server's messages, and PostgreSQL's details, repeat what a row holds."""


def hide_values(context: ErrorContext) -> None:
    """Removes rows' values from an error that SQLAlchemy is about to raise."""
    for error in (context.original_exception, context.sqlalchemy_exception):
        if error is not None:
            error.args = tuple(
                VALUES.sub(r"\1 (hidden)", part) if isinstance(part, str) else part for part in error.args
            )
