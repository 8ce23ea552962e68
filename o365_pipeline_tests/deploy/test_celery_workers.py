"""Runs on Celery workers by configuration alone: the benchmark's small sister, which fails where rows differ."""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from unittest import mock

import dagster as dg
import pytest

from o365_pipeline_tests.deploy.celery_workers import alone, by_workers
from o365_pipeline_tests.deploy.many_customers import ManyCustomers
from o365_pipeline_tests.deploy.services import Postgres, redis_server

CUSTOMERS = 3
"""A worker takes a run and reserves another one: the third is for whoever is free."""


@pytest.fixture
def broker(redis_installed: str) -> Iterator[str]:
    with redis_server(redis_installed) as url:
        yield url


def test_two_workers_share_the_runs_and_load_what_one_process_loads(
    postgres: Postgres, broker: str, instance: dg.DagsterInstance, tmp_path: Path
) -> None:
    many = ManyCustomers(tmp_path / "alone", customers=CUSTOMERS, mails=6)

    with mock.patch.dict(os.environ):
        os.environ.update(many.environment)
        many.deliver()
        by_this_process = alone(many, instance)
        found = by_workers(replace(many, home=tmp_path / "workers"), 2, postgres, broker)

    assert (found.processes, found.at_once) == (2, 2)
    assert {row[0] for row in found.rows["fact_message"]} == {f"customer-{number:02}" for number in (1, 2, 3)}
    assert found.rows == by_this_process.rows
