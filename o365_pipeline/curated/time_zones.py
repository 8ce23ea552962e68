"""Names of time zones for SQL: Windows' and IANA's, as Exchange writes them.

What belongs here: the macro `zone_of`. The names come from tzlocal and DuckDB.
"""

from __future__ import annotations

import duckdb
from tzlocal.windows_tz import win_tz


def define_time_zones(connection: duckdb.DuckDBPyConnection) -> None:
    """Registers `zone_of(name)` with the connection: the IANA name of a zone, null if it is unknown."""
    connection.execute(
        "CREATE OR REPLACE TEMP TABLE time_zone AS SELECT lower(name) AS name, name AS zone FROM pg_timezone_names()"
    )
    connection.executemany(
        "INSERT INTO time_zone SELECT lower(?), ?",
        [*win_tz.items(), ("tzone://Microsoft/Utc", "UTC"), ("UTC", "UTC")],
    )
    connection.execute(
        "SET VARIABLE zones = (SELECT map(list(name), list(zone)) FROM "
        "(SELECT name, min(zone) AS zone FROM time_zone GROUP BY name))"
    )
    connection.execute("CREATE OR REPLACE TEMP MACRO zone_of(name) AS getvariable('zones')[lower(name)]")
