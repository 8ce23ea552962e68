"""The known installations, and the finished runs of their factories, in the vendor's ledger.

What belongs here: reading and writing both tables. Changing an installation belongs to `confirmation.py`; asking its
factory belongs to `factory_activity.py`.
"""

from __future__ import annotations

import datetime as dt
import hashlib
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from typing import Any

import sqlalchemy as sa

from o365_pipeline.database.database import Database
from o365_pipeline.database.ledger import insert_new, installed_run, put
from o365_pipeline.database.ledger import installation as table
from o365_pipeline.managed_app.installations.notifications import DELETED, DELETING

NAME_LENGTH, CODE_LENGTH = 56, 6


@dataclass(frozen=True)
class Installation:
    """One installation of the managed application, as far as Azure has confirmed it. Times are naive UTC."""

    application_id: str
    resource_id: str
    state: str
    event_at: dt.datetime
    definition: str | None = None
    version: str | None = None
    sku: str | None = None
    region: str | None = None
    resource_group: str | None = None
    factory: str | None = None
    installed_at: dt.datetime | None = None
    deleted_at: dt.datetime | None = None
    runs_read_at: dt.datetime | None = None
    error_code: str | None = None
    error_message: str | None = None

    @property
    def name(self) -> str:
        """The application's own name, and a code that tells applications of one name apart."""
        code = hashlib.sha256(self.application_id.encode()).hexdigest()[:CODE_LENGTH]
        own = re.sub(r"[^a-z0-9]+", "-", self.application_id.rsplit("/", 1)[-1]).strip("-")
        return f"{own[:NAME_LENGTH] or 'application'}-{code}"

    @property
    def stands(self) -> bool:
        """Whether it is installed, so that its factory can be asked. This stays true during an update."""
        return self.factory is not None and self.state not in (DELETING, DELETED)


@dataclass(frozen=True)
class InstalledRun:
    """One finished run of an installation's factory. Times are naive UTC."""

    factory_run_id: str
    application_id: str
    pipeline: str
    status: str
    ended_at: dt.datetime | None
    rows_reported: int | None
    error: str | None


_FIELDS = [table.c[entry.name] for entry in fields(Installation)]


def all_of(database: Database) -> list[Installation]:
    """Returns all installations there ever were, ordered by their names."""
    return sorted(_select(database), key=lambda entry: entry.name)


def of_application(database: Database, application_id: str) -> Installation | None:
    """Returns the installation of an application, whose id is in small letters."""
    return next(iter(_select(database, table.c.application_id == application_id)), None)


def save(database: Database, known: Installation) -> None:
    """Writes an installation; replaces what was known of it."""
    values = {column.name: getattr(known, column.name) for column in _FIELDS}
    database.run(lambda connection: put(connection, table, values))


def update(database: Database, application_id: str, **values: Any) -> None:
    """Changes some columns of an installation."""
    database.execute(table.update().where(table.c.application_id == application_id).values(**values))


def add_runs(database: Database, runs: Sequence[InstalledRun]) -> None:
    """Writes runs that the ledger does not have yet."""
    rows = [{column.name: getattr(run, column.name) for column in installed_run.columns} for run in runs]
    database.run(lambda connection: insert_new(connection, installed_run, rows))


def known_runs(database: Database, application_id: str) -> set[str]:
    """Returns the ids of the runs that the ledger has of an application."""
    query = sa.select(installed_run.c.factory_run_id).where(installed_run.c.application_id == application_id)
    with database.begin() as connection:
        return set(connection.scalars(query))


def runs_by_application(database: Database) -> Mapping[str, list[InstalledRun]]:
    """Returns the runs of all installations by application, the oldest first."""
    found: dict[str, list[InstalledRun]] = {}
    with database.begin() as connection:
        for row in connection.execute(sa.select(installed_run).order_by(installed_run.c.ended_at)).mappings():
            found.setdefault(row["application_id"], []).append(InstalledRun(**row))
    return found


def _select(database: Database, *conditions: sa.ColumnElement[bool]) -> list[Installation]:
    with database.begin() as connection:
        return [Installation(**row) for row in connection.execute(sa.select(*_FIELDS).where(*conditions)).mappings()]
