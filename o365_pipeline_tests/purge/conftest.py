"""A customer whose data is purged as soon as no approval covers it, and ways to end its approval."""

from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import dagster as dg
import pytest

from o365_pipeline.consent.approvals import State
from o365_pipeline.customers.customer import Customer, Customers
from o365_pipeline.customers.data_request import RequestedDataset
from o365_pipeline.deployment import Deployment, load
from o365_pipeline_tests.conftest import read_decisions
from o365_pipeline_tests.finished_homes import FinishedHomes, data_request_of
from o365_pipeline_tests.runner import Runner


@pytest.fixture
def home(tmp_path: Path, finished_homes: FinishedHomes, datasets: tuple[str, ...]) -> Path:
    """Two days in the mart, and Dagster's memory of how they came there."""
    finished_homes.copy_days(2, tmp_path / "o365", datasets)
    return tmp_path / "o365"


@pytest.fixture
def deployment(home: Path, tmp_path: Path, datasets: tuple[str, ...]) -> Deployment:
    request = data_request_of(datasets, tmp_path)
    return load(
        home=home, sandbox_seconds=0, sandbox_users=12, initial_days=2, purge_grace_days=0, data_request=request
    )


@pytest.fixture
def instance(home: Path) -> Iterator[dg.DagsterInstance]:
    with dg.DagsterInstance.from_config(str(home / "dagster")) as instance:
        yield instance


@pytest.fixture
def moved(runner: Runner) -> Runner:
    """Two days in the mart."""
    return runner


Narrow = Callable[..., tuple[Runner, Customer]]


@pytest.fixture
def narrow(deployment: Deployment, customer: Customer, instance: dg.DagsterInstance) -> Narrow:
    """Have a smaller data request approved, without a dataset or without a column; gives the changed customer."""

    def narrow(dataset: str, column: str | None = None) -> tuple[Runner, Customer]:
        def smaller(entry: RequestedDataset) -> RequestedDataset:
            columns = tuple(name for name in entry.columns if name != column)
            return entry.model_copy(update={"columns": columns}) if entry.dataset.name == dataset else entry

        kept = [entry for entry in customer.data_request.datasets if column or entry.dataset.name != dataset]
        datasets = tuple(smaller(entry) for entry in kept)
        request = customer.data_request.model_copy(update={"datasets": datasets})
        changed = customer.model_copy(update={"data_request": request})
        deployment.sandbox.register(changed.tenant_id, request, [changed.sink])
        deployment.sandbox.decide(changed.tenant_id, request.application_id, State.APPROVED, "approver@contoso.example")
        read_decisions(deployment, changed)
        return Runner(replace(deployment, customers=Customers([changed])), instance), changed

    return narrow
