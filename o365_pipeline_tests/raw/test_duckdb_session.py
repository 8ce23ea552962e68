"""DuckDB as the pipeline uses it."""

from __future__ import annotations

import dagster as dg
import duckdb
import pytest

from o365_pipeline.raw.duckdb_session import define_function, duckdb_session


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
