"""DuckDB as the pipeline uses it: bounded memory, a temporary folder for spilling, UTC.

What belongs here: opening connections within the process's limits, and registering Python functions. The SQL belongs to
the modules that run it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import dagster as dg
import duckdb
from duckdb.func import FunctionNullHandling

from o365_pipeline.dagster_ui.retries import INTERRUPTIONS
from o365_pipeline.raw.scratch import scratch_folder

MEMORY_MB, MEMORY_MB_OF_A_THREAD = 500, 250
"""What one session may hold in memory if nothing else is set: the larger of the one, and the other for each thread,
since DuckDB lets no more threads insert at a time than have memory. The rest of its tables lies on disk.
"""


@dataclass
class _Limits:
    memory_mb: int | None = None
    threads: int | None = None


_limits = _Limits()


def limit_duckdb(memory_mb: int | None, threads: int | None) -> None:
    """Bounds the sessions that this process opens from now on; without a number they have as many threads as cores, and
    memory for these.
    """
    _limits.memory_mb, _limits.threads = memory_mb, threads


@contextmanager
def duckdb_session() -> Iterator[tuple[duckdb.DuckDBPyConnection, Path]]:
    """Opens a connection whose tables go to disk beyond the limit, and yields it with its folder, deleted afterwards.

    A function that is interrupted gives an error of DuckDB, which a run would survive; it leaves as the interruption.
    """
    with scratch_folder() as directory:
        connection = duckdb.connect()
        try:
            connection.execute("SET TimeZone = 'UTC'")
            if _limits.threads is not None:
                connection.execute(f"SET threads = {_limits.threads}")
            raise_memory_limit(connection, 0)
            connection.execute(f"SET temp_directory = '{directory / 'spill'}'")
            yield connection, directory
        except duckdb.Error as error:
            if any(f"executing the UDF: {kind.__name__}" in str(error) for kind in INTERRUPTIONS):
                raise dg.DagsterExecutionInterruptedError from error
            raise
        finally:
            connection.close()


def raise_memory_limit(connection: duckdb.DuckDBPyConnection, megabytes: int) -> None:
    """Lets a session hold so much in memory, or what the limit is if that is more."""
    limit = _limits.memory_mb
    if limit is None:
        [(threads,)] = connection.execute("SELECT current_setting('threads')").fetchall()
        limit = max(MEMORY_MB, MEMORY_MB_OF_A_THREAD * threads)
    connection.execute(f"SET memory_limit = '{max(limit, megabytes)}MB'")


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
