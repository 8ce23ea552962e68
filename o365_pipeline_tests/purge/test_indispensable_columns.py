"""An approval that covers a dataset's changes without what they are: nothing is made of it, and nothing is kept."""

from __future__ import annotations

import datetime as dt
import json
from pathlib import Path

import pytest

from o365_pipeline.consent import approval_ledger
from o365_pipeline.consent.approvals import ApprovalEvent, State
from o365_pipeline.curated.assets import approved_columns
from o365_pipeline.customers.customer import Customer
from o365_pipeline.customers.data_request import Scope
from o365_pipeline.datasets import catalogue
from o365_pipeline.deployment import Deployment
from o365_pipeline.errors import NotAuthorizedError
from o365_pipeline.purge.plan import uncovered
from o365_pipeline_tests.finished_homes import FinishedHomes
from o365_pipeline_tests.ledger_rows import NOW, note_extraction, note_landing

SITES = catalogue()["SharePointSites_v1"]
COLUMNS = ("Id", "Url", "SnapshotDate", "Operation")


@pytest.fixture
def home(tmp_path: Path, finished_homes: FinishedHomes) -> Path:
    """An empty mart."""
    finished_homes.copy_empty_mart(tmp_path / "o365")
    return tmp_path / "o365"


@pytest.fixture
def narrowed(deployment: Deployment, customer: Customer) -> None:
    """Sites of which all columns were approved and landed; then their Operation was approved no more."""
    note_extraction(
        deployment.database, dataset=SITES.name, columns=json.dumps(COLUMNS), scope=Scope().model_dump_json()
    )
    note_landing(deployment.database)
    now = dt.datetime.now(dt.UTC)
    for number, columns in enumerate((COLUMNS, COLUMNS[:-1])):
        at = now - dt.timedelta(days=10 - number)
        event = ApprovalEvent.model_validate(
            {
                "event_id": f"e{number}",
                "created_at": at,
                "application_id": customer.data_request.application_id,
                "application_tenant_id": customer.data_request.application_tenant_id,
                "destination_tenant_id": customer.tenant_id,
                "destination_sinks": [customer.sink],
                "state": State.APPROVED,
                "updated_at": at,
                "expires_at": at + dt.timedelta(days=180),
                "datasets": [{"name": SITES.table_name, "columns": ", ".join(columns)}],
            }
        )
        with deployment.database.begin() as connection:
            approval_ledger.record(connection, customer, [event], NOW)


@pytest.mark.usefixtures("narrowed")
def test_nothing_is_made_of_changes_of_which_nobody_may_know_what_they_are(
    deployment: Deployment, customer: Customer
) -> None:
    with pytest.raises(NotAuthorizedError, match="does not cover Operation of SharePointSites_v1"):
        approved_columns(deployment.database, customer, SITES)


@pytest.mark.usefixtures("narrowed")
def test_they_are_purged_as_a_whole(deployment: Deployment, customer: Customer) -> None:
    found = uncovered(deployment.database, customer, dt.datetime.now(dt.UTC))

    assert [entry.columns for entry in found] == [(), ("Operation",)]
