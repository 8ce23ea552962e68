"""DuckDB as the pipeline uses it: bounded memory, spilling to a folder of its own, UTC.

What belongs here: opening connections. The SQL is its users'.
"""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import duckdb

MEMORY_LIMIT = "500MB"


@contextmanager
def duck() -> Iterator[tuple[duckdb.DuckDBPyConnection, Path]]:
    """A connection whose tables lie on disk, and the folder they lie in; both are gone afterwards."""
    with tempfile.TemporaryDirectory(prefix="o365-") as name:
        directory = Path(name)
        connection = duckdb.connect(directory / "work.duckdb")
        try:
            connection.execute(f"SET memory_limit = '{MEMORY_LIMIT}'; SET threads = 2; SET TimeZone = 'UTC'")
            connection.execute(f"SET temp_directory = '{directory / 'spill'}'")
            yield connection, directory
        finally:
            connection.close()
