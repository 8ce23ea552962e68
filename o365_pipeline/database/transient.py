"""Transient errors of a database: recognizing them, and repeating the work after one.

What belongs here: the errors and the pauses. The repeated work, a whole transaction, belongs to `database.py`.
"""

from __future__ import annotations

import re
import time
from collections.abc import Callable
from typing import TypeVar

import sqlalchemy as sa

from o365_pipeline.errors import DatabaseUnavailableError

Result = TypeVar("Result")

PAUSES = (1.0, 3.0, 9.0, 27.0)
"""Pauses in seconds before the work is repeated; most of Azure's reconfigurations end within a minute."""

PATIENCE_SECONDS = 40.0
"""After this time nothing is repeated, since a sensor's tick has one minute. A server that does not answer at all uses
it up.
"""

DEADLOCK = 1205
ERROR_NUMBERS = frozenset(
    {
        DEADLOCK,
        # https://learn.microsoft.com/azure/azure-sql/database/troubleshoot-common-errors-issues
        *(615, 926, 4060, 4221, 40197, 40501, 40613, 49918, 49919, 49920),
        # https://learn.microsoft.com/azure/azure-sql/database/resource-limits-logical-server: the limits of workers
        *(10928, 10929),
        # The network's: a connection aborted, reset, timed out; a login or a connection that the server ended.
        *(10053, 10054, 10060, 64, 233),
    }
)
SQL_STATES = frozenset({"40001", "40P01", "08S01", "HYT00", "08003", "08006", "57P01", "57P02", "57P03"})
"""A transaction chosen as a deadlock's victim, a lost connection, a login that took too long, a PostgreSQL server that
ends or begins.
"""

LOST_CONNECTION = "a lost connection"

NUMBER = re.compile(r"(?<=\s)\((\d+)\)(?=\s\(SQL|;|$)")
"""The error number at the end of each part of the driver's message, (1205) (SQLExecDirectW), unlike the size in
nvarchar(64).
"""


def transient_code(error: sa.exc.DBAPIError) -> str | None:
    """Returns the number or state of a transient error; None if the work would fail in the same way again."""
    if error.connection_invalidated:
        return LOST_CONNECTION
    words = [str(getattr(error.orig, "pgcode", None) or ""), *map(str, getattr(error.orig, "args", ()))]
    numbers = [int(number) for word in words for number in NUMBER.findall(word)]
    if known := [number for number in numbers if number in ERROR_NUMBERS]:
        return str(known[0])
    return next((word for word in words[:2] if word in SQL_STATES), None)


def _is_the_same_outage(error: sa.exc.DBAPIError) -> bool:
    """Tells whether PostgreSQL could not be reached: its driver then has no code, as for a password that is wrong."""
    return isinstance(error, sa.exc.OperationalError) and getattr(error.orig, "pgcode", "") is None


def retry_transient(work: Callable[[], Result], name: str) -> Result:
    """Returns the result of the work, which is repeated from its beginning after each transient error.

    Raises:
        DatabaseUnavailableError: every attempt ended with such an error.
    """
    pauses, started, tries = iter(PAUSES), time.monotonic(), 0
    while True:
        try:
            return work()
        except sa.exc.DBAPIError as error:
            code = transient_code(error) or (LOST_CONNECTION if tries and _is_the_same_outage(error) else None)
            if code is None:
                raise
            tries += 1
            if (pause := next(pauses, None)) is None or time.monotonic() - started > PATIENCE_SECONDS:
                raise DatabaseUnavailableError(
                    f"{name} failed {tries} times with a passing error, the last time {code}; nothing of the "
                    "work is done: try again later"
                ) from error
            time.sleep(pause)
