"""Where the partitions begin and end, whoever the customers are."""

from __future__ import annotations

import datetime as dt
from pathlib import Path

import dagster as dg
import pytest

from o365_pipeline.customers.partitions import FIRST_DAY, customers_and_days
from o365_pipeline.deployment import Deployment, load
from o365_pipeline_tests.conftest import DAY
from o365_pipeline_tests.ledger_rows import note_extraction
from o365_pipeline_tests.runner import Runner

EARLIER = DAY - dt.timedelta(days=40)


def test_they_begin_with_the_customers_first_day(deployment: Deployment, tmp_path: Path) -> None:
    assert deployment.first_day == DAY
    assert load(home=tmp_path / "past", first_day="2024-05-06").first_day == dt.date(2024, 5, 6)


def test_the_sandboxs_week_moves_on_and_what_was_extracted_before_stays(deployment: Deployment) -> None:
    note_extraction(deployment.database, "x1", first_day=EARLIER, last_day=EARLIER)
    note_extraction(deployment.database, "x2", "r2", first_day=FIRST_DAY, last_day=FIRST_DAY, status="Purged")

    assert deployment.first_day == EARLIER


def test_where_the_ledger_cannot_be_read_no_day_is_left_out(tmp_path: Path) -> None:
    (tmp_path / "no database").mkdir()

    assert load(home=tmp_path, mart_url=f"sqlite:///{tmp_path}/no database").first_day == FIRST_DAY


def test_a_day_that_is_not_over_is_not_offered() -> None:
    today = dt.datetime.now(dt.UTC).date()
    days = customers_and_days(today - dt.timedelta(days=2)).get_partitions_def_for_dimension("day")

    assert days.get_partition_keys() == [str(today - dt.timedelta(days=n)) for n in (2, 1)]


def test_days_before_the_first_are_refused_in_a_line(deployment: Deployment, instance: dg.DagsterInstance) -> None:
    with pytest.raises(Exception, match=f"start {EARLIER} is before the partitions definition start time {DAY}"):
        Runner(deployment, instance).execute_day("landing_job", day=EARLIER)
