"""DuckDB as the pipeline uses it: bounded memory, a temporary folder for spilling, UTC.

What belongs here: opening connections, and registering Python functions. The SQL belongs to the modules that run it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import dagster as dg
import duckdb
from duckdb.func import FunctionNullHandling

from o365_pipeline.dagster_ui.retries import INTERRUPTIONS
from o365_pipeline.raw.scratch import scratch_folder

MEMORY_LIMIT = "500MB"


@contextmanager
def duckdb_session() -> Iterator[tuple[duckdb.DuckDBPyConnection, Path]]:
    """Opens a connection whose tables go to disk beyond the limit, and yields it with its folder, deleted afterwards.

    A function that is interrupted gives an error of DuckDB, which a run would survive; it leaves as the interruption.
    """
    with scratch_folder() as directory:
        connection = duckdb.connect()
        try:
            connection.execute(f"SET memory_limit = '{MEMORY_LIMIT}'; SET threads = 2; SET TimeZone = 'UTC'")
            connection.execute(f"SET temp_directory = '{directory / 'spill'}'")
            yield connection, directory
        except duckdb.Error as error:
            if any(f"executing the UDF: {kind.__name__}" in str(error) for kind in INTERRUPTIONS):
                raise dg.DagsterExecutionInterruptedError from error
            raise
        finally:
            connection.close()


def define_function(
    connection: duckdb.DuckDBPyConnection,
    name: str,
    function: Callable[[str], str | bool | None],
    returns: str = "VARCHAR",
) -> None:
    """Registers a function of one text with DuckDB under a name; for null it returns null."""

    def of_text(text: str | None) -> str | bool | None:
        return None if text is None else function(text)

    connection.create_function(name, of_text, ["VARCHAR"], returns, null_handling=FunctionNullHandling.SPECIAL)
