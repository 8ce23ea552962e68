"""The terminal, the sensors and the demonstration take the same days to the same mart."""

from __future__ import annotations

import datetime as dt
import io
from collections.abc import Callable
from pathlib import Path

import dagster as dg
import pytest
from rich.console import Console

from o365_pipeline.cli.demo import run_demo
from o365_pipeline.cli.extract import extract
from o365_pipeline.customers.customer import Customer
from o365_pipeline.deployment import Deployment, load
from o365_pipeline_tests.conftest import DAY
from o365_pipeline_tests.extraction.test_watch import approve
from o365_pipeline_tests.finished_homes import FinishedHomes, data_request_of
from o365_pipeline_tests.runner import Runner, mart_rows

DATASETS = ("User_v1", "SharePointSites_v1")
LAST_DAY = DAY + dt.timedelta(days=1)


def demonstrated(deployment: Deployment, customer: Customer, _: dg.DagsterInstance) -> None:
    run_demo(deployment, customer, Console(file=io.StringIO()))


def moved_by_sensors(deployment: Deployment, customer: Customer, instance: dg.DagsterInstance) -> None:
    approve(deployment, customer)
    Runner(deployment, instance).move()


def extracted(deployment: Deployment, customer: Customer, _: dg.DagsterInstance) -> None:
    approve(deployment, customer)
    extract.main(["--from", str(DAY), "--to", str(LAST_DAY)], standalone_mode=False)


def test_every_table_has_as_many_rows_whoever_moved_the_days(
    tmp_path: Path, finished_homes: FinishedHomes, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(dg.DagsterInstance, "get", dg.DagsterInstance.ephemeral)
    for name, value in {"DATA_REQUEST": data_request_of(DATASETS, tmp_path), "SANDBOX_SECONDS": 0}.items():
        monkeypatch.setenv(f"O365_{name}", str(value))
    monkeypatch.setenv("O365_SANDBOX_USERS", "12")
    monkeypatch.setenv("O365_INITIAL_DAYS", "2")

    def rows(move: Callable[[Deployment, Customer, dg.DagsterInstance], None]) -> dict[str, int]:
        home = tmp_path / move.__name__
        finished_homes.copy_empty_mart(home)
        monkeypatch.setenv("O365_HOME", str(home))
        deployment = load()
        [customer] = deployment.customers
        with dg.DagsterInstance.ephemeral() as instance:
            move(deployment, customer, instance)
        return {name: len(found) for name, found in mart_rows(deployment).items()}

    by_sensors = rows(moved_by_sensors)

    assert by_sensors["dim_site"] > 0
    assert rows(demonstrated) == by_sensors
    assert rows(extracted) == by_sensors
