"""What the page of a partition shows: that customer's day, and no other's."""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import dagster as dg
import pytest
import sqlalchemy as sa

from o365_pipeline.customers.partitions import partition_key
from o365_pipeline.database.ledger import landing
from o365_pipeline.deployment import Deployment, load
from o365_pipeline.mart.tables import fact_message
from o365_pipeline_tests.conftest import DAY
from o365_pipeline_tests.finished_homes import SOME, data_request_of
from o365_pipeline_tests.runner import Runner

DAYS = [DAY + dt.timedelta(days=n) for n in range(3)]

Pages = Callable[[str], Mapping[dt.date, Mapping[str, Any]]]


@pytest.fixture
def deployment(tmp_path: Path) -> Deployment:
    request = data_request_of(SOME, tmp_path)
    return load(
        home=tmp_path / "o365", sandbox_seconds=0, sandbox_users=8, initial_days=len(DAYS), data_request=request
    )


@pytest.fixture
def pages(deployment: Deployment, instance: dg.DagsterInstance, decide: Callable[..., None]) -> Pages:
    """Moves three days in one run; gives the metadata of an asset's partitions by day, each from its only event."""
    decide()
    Runner(deployment, instance).move()

    def of(asset: str) -> Mapping[dt.date, Mapping[str, Any]]:
        found: dict[dt.date, Mapping[str, Any]] = {}
        for day in DAYS:
            wanted = dg.AssetRecordsFilter(
                asset_key=dg.AssetKey.from_user_string(asset), asset_partitions=[partition_key("contoso", day)]
            )
            [record] = instance.fetch_materializations(wanted, limit=10).records
            assert record.asset_materialization
            found[day] = {name: value.value for name, value in record.asset_materialization.metadata.items()}
        return found

    return of


def test_each_days_page_shows_that_days_rows_and_file(deployment: Deployment, pages: Pages) -> None:
    window = f"{DAYS[0]} to {DAYS[-1]}"
    for day, page in pages("raw/message").items():
        assert page["window"] == window, day
        assert page["rows_of_the_window"] > 0
        assert "dagster/row_count" not in page
        assert f"{DAYS[0]}_{DAYS[-1]}/" in page["manifest"]

    mails = pages("curated/message")
    assert sum(page["dagster/row_count"] for page in mails.values()) > 0
    assert len({page["dagster/row_count"] for page in mails.values()}) > 1
    for asset in ("curated/message", "curated/share_point_sites_current"):
        for day, page in pages(asset).items():
            file = rf"\S+/customer=contoso/day={day}/part-00000\.parquet"
            assert re.fullmatch(rf"\[{file}\]\(file://{file}\)", page["file"])
            assert (page["preview"] == "no rows") == (page["dagster/row_count"] == 0)
    assert {day for day, page in mails.items() if f"| {day}" not in page["preview"]} == set()

    loaded = pages("mart/fact_message")
    with deployment.database.begin() as connection:
        counted = sa.select(fact_message.c.day, sa.func.count()).group_by(fact_message.c.day)
        rows = {row[0]: row[1] for row in connection.execute(counted)}
    assert {day: page["dagster/row_count"] for day, page in loaded.items()} == rows
    for day, page in loaded.items():
        others = {other for other in DAYS if other != day}
        assert str(day) in page["preview"]
        assert not [other for other in others if f"| {other} |" in page["preview"]]


def test_a_landing_of_one_day_shows_its_rows(
    deployment: Deployment, instance: dg.DagsterInstance, decide: Callable[..., None]
) -> None:
    decide()
    raw = dg.AssetKey(["raw", "message"])
    result = Runner(deployment, instance).execute_day("landing_job", [raw])

    [event] = result.asset_materializations_for_node("raw__message")
    with deployment.database.begin() as connection:
        rows = connection.scalars(sa.select(landing.c.rows_landed)).one()
    assert rows > 0
    assert event.metadata["dagster/row_count"].value == rows
    assert event.metadata["window"].value == f"{DAY} to {DAY}"
    assert "rows_of_the_window" not in event.metadata
