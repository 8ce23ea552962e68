"""Whether the clock is believed when it says that something is due to be deleted: a clock that jumps years ahead would
let everything be older than it is kept, and every approval have ended long ago.

What belongs here: remembering the last day on which somebody looked, and the doubt about the next. Asking for it
belongs to whoever deletes.
"""

from __future__ import annotations

import datetime as dt

import sqlalchemy as sa

from o365_pipeline.database.database import Database
from o365_pipeline.database.deletion_ledger import last_look
from o365_pipeline.database.ledger import put
from o365_pipeline.errors import UsageError

MOST_DAYS = 31
"""The sensor and the schedule look every day; a deployment that was off for longer is asked about."""

LOOK = "purge"


def doubt(database: Database, now: dt.datetime) -> str | None:
    """Returns why it cannot be the day that the clock says; if it can, the day is remembered.

    The first look is believed. A clock that goes back deletes nothing too early.
    """
    today = now.date()
    with database.begin() as connection:
        seen = connection.scalar(sa.select(last_look.c.day).where(last_look.c.name == LOOK))
    if seen and today - seen > dt.timedelta(days=MOST_DAYS):
        return (
            f"the clock says {today}, but when this was last looked at it was {seen}: nothing is deleted until "
            "somebody says that it is right, by o365-pipeline purge --clock-is-right"
        )
    if seen is None or seen < today:
        believe(database, now)
    return None


def check(database: Database, now: dt.datetime) -> None:
    """Checks that the clock can be believed.

    Raises:
        UsageError: it cannot.
    """
    if found := doubt(database, now):
        raise UsageError(found)


def believe(database: Database, now: dt.datetime) -> None:
    """Remembers that it was that day."""
    database.run(lambda connection: put(connection, last_look, {"name": LOOK, "day": now.date()}))
