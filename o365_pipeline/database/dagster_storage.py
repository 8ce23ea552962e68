"""Dagster's storage in PostgreSQL, with connections that are kept between statements.

What belongs here: what `dagster.yaml` names as the storage of an instance. Dagster's own opens a connection for each
thing that it notes, some 900 in a run, for which the server forks and reads its catalogue each time.
"""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa
from dagster_postgres import DagsterPostgresStorage

KEPT_SECONDS = 60
"""A connection that is older is replaced before it is used; what lies between may have closed it."""

MORE_AT_ONCE = 20
"""How many further connections threads may open at the same moment; these are closed after use."""

NO_TIMEOUT = 0


class KeptConnections(DagsterPostgresStorage):
    """Dagster's storage in PostgreSQL; each process keeps one connection for runs and one for events."""

    @classmethod
    def from_config_value(cls, inst_data: Any, config_value: Any) -> Any:
        storage = DagsterPostgresStorage.from_config_value(inst_data, config_value)
        for kept in (storage.run_storage, storage.event_log_storage):
            # As Dagster's web server does for itself.
            kept.optimize_for_webserver(NO_TIMEOUT, KEPT_SECONDS, MORE_AT_ONCE)
        return storage


@sa.event.listens_for(sa.QueuePool, "checkout")
def _replace_lost(connection: Any, _record: object, _proxy: object) -> None:
    """Lets a kept connection be replaced that the server, or what lies between, has closed.

    Dagster's connections are those that commit each statement; sqlite3 has a number for how it does.
    """
    if getattr(connection, "autocommit", None) is True:
        try:
            with connection.cursor() as cursor:
                cursor.execute("SELECT 1")
        except (connection.OperationalError, connection.InterfaceError) as error:
            raise sa.exc.DisconnectionError from error
