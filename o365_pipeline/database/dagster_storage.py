"""Dagster's storage in PostgreSQL, with connections that are kept between statements.

What belongs here: what `dagster.yaml` names as the storage of an instance. Dagster's own opens a connection for each
thing that it notes, some 900 in a run, for which the server forks and reads its catalogue each time.
"""

from __future__ import annotations

from typing import Any

from dagster_postgres import DagsterPostgresStorage

KEPT_SECONDS = 60
"""A connection that is older is replaced before it is used; what lies between may have closed it."""

MORE_AT_ONCE = 20
"""How many further connections threads may open at the same moment; these are closed after use."""

NO_TIMEOUT = 0


class KeptConnections(DagsterPostgresStorage):
    """Dagster's storage in PostgreSQL; each process keeps one connection for runs and one for events.

    A server that is restarted fails the statement that finds its connection closed, and the next one connects anew.
    """

    @classmethod
    def from_config_value(cls, inst_data: Any, config_value: Any) -> Any:
        storage = DagsterPostgresStorage.from_config_value(inst_data, config_value)
        for kept in (storage.run_storage, storage.event_log_storage):
            # As Dagster's web server does for itself.
            kept.optimize_for_webserver(NO_TIMEOUT, KEPT_SECONDS, MORE_AT_ONCE)
        return storage
