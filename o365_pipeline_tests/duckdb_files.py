"""DuckDB as tests look at files with it: one connection for all tests of a process, since each takes 15 ms to open."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import Any

import duckdb


@cache
def connection() -> duckdb.DuckDBPyConnection:
    """The connection; nothing that a test leaves in it may matter to another."""
    return duckdb.connect()


def rows_of_file(file: Path) -> list[dict[str, Any]]:
    """The rows of a Parquet file, in their order."""
    found = connection().execute("SELECT * FROM read_parquet(?, hive_partitioning = false)", [str(file)])
    names = [column[0] for column in found.description or []]
    return [dict(zip(names, values, strict=True)) for values in found.fetchall()]
