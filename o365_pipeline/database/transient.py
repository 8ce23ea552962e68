"""Errors of a database that pass by themselves: which they are, and doing the work again when one comes.

What belongs here: the errors and the pauses. What is done again, a whole transaction, belongs to `database.py`.
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
"""Seconds before the work is done again; most of Azure's reconfigurations end within a minute."""

PATIENCE_SECONDS = 40.0
"""After so long, which a server that does not answer at all takes up by itself, nothing is begun again: a sensor's tick
has a minute."""

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
SQL_STATES = frozenset({"40001", "08S01", "HYT00"})
"""A transaction chosen as a deadlock's victim, a connection that was lost, a login that took too long."""

NUMBER = re.compile(r"(?<=\s)\((\d+)\)(?=\s\(SQL|;|$)")
"""How Microsoft's driver ends each part of its message, (1205) (SQLExecDirectW), unlike the size in nvarchar(64)."""


def passing(error: sa.exc.DBAPIError) -> str | None:
    """The number or state of an error that passes; None where the work would fail in the same way again."""
    words = [str(word) for word in getattr(error.orig, "args", ())]
    numbers = [int(number) for word in words for number in NUMBER.findall(word)]
    if known := [number for number in numbers if number in ERROR_NUMBERS]:
        return str(known[0])
    return words[0] if words and words[0] in SQL_STATES else None


def repeated(work: Callable[[], Result], name: str) -> Result:
    """What the work returns, which is done again from its beginning while errors come that pass.

    Raises:
        DatabaseUnavailableError: they came each time.
    """
    pauses, started, tries = iter(PAUSES), time.monotonic(), 0
    while True:
        try:
            return work()
        except sa.exc.DBAPIError as error:
            if (code := passing(error)) is None:
                raise
            tries += 1
            if (pause := next(pauses, None)) is None or time.monotonic() - started > PATIENCE_SECONDS:
                raise DatabaseUnavailableError(
                    f"{name} failed {tries} times with a passing error, the last time {code}; nothing of the "
                    "work is done: try again later"
                ) from error
            time.sleep(pause)
