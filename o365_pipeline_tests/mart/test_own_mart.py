"""A customer with a mart of its own: its rows are there alone, can be traced there alone, and are purged there."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import dagster as dg
import pytest
import sqlalchemy as sa

from o365_pipeline.consent.approvals import State
from o365_pipeline.customers.customer import Customer, Customers
from o365_pipeline.database import transient
from o365_pipeline.database.database import Database
from o365_pipeline.database.ledger import approval_dataset, approval_event, extraction, landing, operation
from o365_pipeline.datasets import catalogue
from o365_pipeline.definitions import requested_datasets
from o365_pipeline.deployment import Deployment, load
from o365_pipeline.errors import UsageError
from o365_pipeline.mart.assets import mart_keys
from o365_pipeline.mart.checks import REFERENCES_CHECK
from o365_pipeline.mart.loading import load_day
from o365_pipeline.mart.person_lookup import person_of
from o365_pipeline.mart.tables import MART_TABLES, dim_customer, dim_person
from o365_pipeline.mart.upgrade import mart_database
from o365_pipeline_tests.conftest import DAY, read_decisions
from o365_pipeline_tests.finished_homes import SOME, data_request_of
from o365_pipeline_tests.mart.conftest import empty_mart
from o365_pipeline_tests.runner import Runner

OWN, SHARED = "contoso", "fabrikam"
UNTRACED = """
SELECT count(*) FROM fact_message m
WHERE NOT EXISTS (SELECT 1 FROM ledger_row_provenance p
    WHERE p.extraction_id = m.extraction_id AND p.approver = 'approver@contoso.example' AND p.approved_columns <> '')
"""


def decide(deployment: Deployment, customer: Customer, state: State = State.APPROVED) -> None:
    request = customer.data_request
    deployment.sandbox.register(customer.tenant_id, request, [customer.sink])
    deployment.sandbox.decide(customer.tenant_id, request.application_id, state, "approver@contoso.example")
    read_decisions(deployment, customer)


def rows(database: Database) -> dict[str, list[tuple[Any, ...]]]:
    with database.begin() as connection:
        return {
            table.name: [tuple(row) for row in connection.execute(sa.select(table).order_by(*table.primary_key))]
            for table in MART_TABLES
        }


def customers_in(database: Database) -> set[str]:
    return {str(row[0]) for found in rows(database).values() for row in found}


def count(database: Database, table: sa.Table) -> int:
    with database.begin() as connection:
        return connection.scalar(sa.select(sa.func.count()).select_from(table)) or 0


@pytest.fixture(scope="module")
def runner(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Runner]:
    """A day of two customers in their marts; the first test's purge is the last."""
    home = tmp_path_factory.mktemp("marts")
    deployment = load(
        home=home / "o365",
        sandbox_seconds=0,
        sandbox_users=6,
        initial_days=1,
        purge_grace_days=0,
        data_request=data_request_of(SOME, home),
    )
    [contoso] = deployment.customers
    fabrikam = contoso.model_copy(
        update={"name": SHARED, "tenant_id": "00000000-0000-4000-8000-0000000000f1", "subscription_id": "another"}
    )
    with empty_mart(home) as url:
        deployment = replace(
            deployment,
            customers=Customers([contoso, fabrikam]),
            own_marts={OWN: mart_database(_apart(url, deployment))},
        )
        for customer in deployment.customers:
            decide(deployment, customer)
        with dg.DagsterInstance.ephemeral() as instance:
            instance.add_dynamic_partitions("customer", [SHARED])
            runner = Runner(deployment, instance)
            runner.move()
            yield runner


def _apart(url: sa.URL, deployment: Deployment) -> sa.URL:
    """Another database than the ledger's."""
    return url.set(database=str(deployment.home / "own.db")) if url.get_backend_name() == "sqlite" else url


@pytest.fixture
def deployment(runner: Runner) -> Deployment:
    return runner.deployment


@pytest.fixture
def own(deployment: Deployment) -> Database:
    return deployment.marts[OWN]


def test_rows_are_in_their_customers_mart_alone(deployment: Deployment, own: Database) -> None:
    assert own != deployment.database
    assert deployment.marts[SHARED] == deployment.database
    assert customers_in(own) == {OWN}
    assert customers_in(deployment.database) == {SHARED}
    filled = [{name for name, found in rows(mart).items() if found} for mart in (own, deployment.database)]
    assert filled[0] == filled[1] > {"dim_person", "fact_message", "fact_chat", "dim_site"}


def test_rows_lead_to_their_approval_in_both_marts(deployment: Deployment, own: Database) -> None:
    for database in (own, deployment.database):
        with database.begin() as connection:
            assert connection.scalar(sa.text(UNTRACED)) == 0


def test_the_own_mart_holds_copies_of_what_explains_its_rows_and_no_more(own: Database, deployment: Deployment) -> None:
    datasets = len(deployment.customers[OWN].data_request.datasets)
    assert count(own, extraction) == count(own, landing) == count(own, approval_dataset) == datasets
    assert count(deployment.database, extraction) == 2 * datasets
    assert count(own, operation) == 0
    with own.begin() as connection:
        [event] = connection.execute(sa.select(approval_event)).all()
    assert (event.customer, event.event, event.reason) == (OWN, "{}", None)


def test_the_check_of_rows_and_landings_passes_for_the_own_mart(runner: Runner) -> None:
    result = runner.execute_day("landing_job", runner.keys("mart"))

    found = [check for check in result.get_asset_check_evaluations() if check.check_name == REFERENCES_CHECK]
    assert result.success
    assert len(found) == len(mart_keys(requested_datasets(runner.deployment)))
    assert not any(check.metadata["untraceable"].value for check in found)


def test_addresses_are_looked_up_in_the_customers_mart(deployment: Deployment, own: Database) -> None:
    with own.begin() as connection:
        found = connection.execute(sa.select(dim_person).where(dim_person.c.mail.is_not(None))).first()
    assert found
    customer = deployment.customers[OWN]

    assert person_of(own, customer, found.mail) == found.person_id
    with pytest.raises(UsageError, match="nobody of contoso"):
        person_of(deployment.database, customer, found.mail)


def test_a_day_that_meets_a_deadlock_is_loaded_whole_with_its_explanations(
    deployment: Deployment, own: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(transient, "PAUSES", (0, 0))
    before, errors = rows(own), ["1205"] * 2

    def raise_next(_connection: Any, _cursor: Any, statement: str, *_: Any) -> None:
        if "INSERT INTO agg_person_day" in statement and errors:
            raise own.engine.dialect.loaded_dbapi.OperationalError("40001", f"deadlocked ({errors.pop()})")

    sa.event.listen(own.engine, "before_cursor_execute", raise_next)
    loaded = load_day(deployment.marts, deployment.lakes.of(deployment.customers[OWN]), OWN, DAY, list(catalogue()))

    assert errors == []
    assert rows(own) == before
    assert {table.name: number for table, number in loaded.rows.items()} == {
        name: len(found) for name, found in before.items()
    }


def test_a_purge_empties_the_own_mart_and_leaves_the_other(runner: Runner, own: Database) -> None:
    deployment = runner.deployment
    others = rows(deployment.database)
    with deployment.database.begin() as connection:
        # From before the customer had a mart of its own.
        before = {"customer": OWN, "day": dt.date(2026, 1, 1)}
        connection.execute(dim_customer.insert().values(**before, people=1, guests=0))
        connection.execute(dim_person.insert().values(**before, person_id="old", extraction_id="x"))
    decide(deployment, deployment.customers[OWN], State.DENIED)

    config = {"ops": {"purge": {"config": {"customer": OWN}}}}
    assert runner.execute("purge_job", {"o365/customer": OWN}, config=config).success

    assert not any(rows(own).values())
    assert rows(deployment.database) == others
    assert [count(own, table) for table in (extraction, landing, approval_event, approval_dataset)] == [0, 0, 0, 0]
    assert count(deployment.database, approval_event) > 0
    if own.url.get_backend_name() == "sqlite":
        assert b"approver@contoso.example" not in Path(own.url.database or "").read_bytes()
