"""DuckDB as the pipeline uses it."""

from __future__ import annotations

import dagster as dg
import duckdb
import pytest

from o365_pipeline.raw.duckdb_session import define_function, duckdb_session, limit_duckdb


@pytest.mark.parametrize(("memory_mb", "threads", "limit"), [(None, 1, 500), (None, 4, 1000), (120, 4, 120)])
def test_each_thread_has_memory_unless_the_setting_says_how_much_there_is(
    memory_mb: int | None, threads: int, limit: int
) -> None:
    limit_duckdb(memory_mb, threads)
    with duckdb_session() as (connection, _):
        [(told,)] = connection.execute("SELECT current_setting('memory_limit')").fetchall()

    number, unit = told.split()
    assert unit == "MiB"
    assert float(number) == pytest.approx(limit * 1e6 / 2**20, abs=0.1)


@pytest.mark.parametrize(
    ("raised", "left"),
    [
        (dg.DagsterExecutionInterruptedError(), dg.DagsterExecutionInterruptedError),
        (KeyboardInterrupt(), dg.DagsterExecutionInterruptedError),
        (ValueError("no KeyboardInterrupt"), duckdb.Error),
    ],
)
def test_a_run_that_is_terminated_within_a_function_is_terminated(
    raised: BaseException, left: type[BaseException]
) -> None:
    def function(_: str) -> str:
        raise raised

    def work() -> None:
        with duckdb_session() as (connection, _):
            define_function(connection, "function", function)
            connection.execute("SELECT function('a')")

    with pytest.raises(left):
        work()
