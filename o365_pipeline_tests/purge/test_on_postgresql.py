"""The queries of retention, thinning and a person's request on a server that is strict about types."""

from __future__ import annotations

import datetime as dt
from pathlib import Path

import pytest
import sqlalchemy as sa

from o365_pipeline.customers.customer import Customer
from o365_pipeline.customers.retention import Horizon, record_horizon, recorded_horizon
from o365_pipeline.database.database import Database
from o365_pipeline.database.ledger import operation
from o365_pipeline.mart.tables import dim_person
from o365_pipeline.mart.upgrade import mart_database
from o365_pipeline.purge import erasure
from o365_pipeline.purge.person import Person
from o365_pipeline.purge.person_mart import rows_naming
from o365_pipeline.purge.person_rows import PersonRows
from o365_pipeline.purge.retention import overdue
from o365_pipeline.purge.thinning import thin
from o365_pipeline_tests.finished_homes import FinishedHomes
from o365_pipeline_tests.ledger_rows import DAY, NOW, note_extraction, note_landing, note_operation

ANN = Person(identities=("ann@contoso.com", "id-of-ann"), names=("Ann Lee",))


@pytest.fixture
def home(tmp_path: Path, finished_homes: FinishedHomes) -> Path:
    """The customer's home; what the tests look at is on the server."""
    finished_homes.copy_empty_mart(tmp_path / "o365")
    return tmp_path / "o365"


@pytest.fixture
def database(postgres_url: str) -> Database:
    database = mart_database(sa.make_url(postgres_url))
    note_extraction(database)
    note_landing(database)
    return database


def test_who_is_due_is_told(database: Database, customer: Customer) -> None:
    landed = (NOW - dt.timedelta(hours=1)).date()
    kept = {"keep_raw_days": 60, "keep_quarantine_days": 30, "keep_curated_days": 100, "keep_mart_days": 90}
    short = customer.model_copy(update=kept)

    assert overdue(database, [short], landed + dt.timedelta(days=30)) == {}
    later = landed + dt.timedelta(days=31)
    assert overdue(database, [short], later) == {"contoso": Horizon.of(short, later)}
    with database.begin() as connection:
        record_horizon(connection, "contoso", Horizon.of(short, later))
    assert recorded_horizon(database, "contoso") == Horizon.of(short, later)
    assert overdue(database, [short], later + dt.timedelta(days=1)) == {}
    assert list(overdue(database, [short], landed + dt.timedelta(days=95))) == ["contoso"]


def test_a_person_is_found_thinned_out_and_taken_out_of_the_ledger(database: Database, customer: Customer) -> None:
    with database.begin() as connection:
        for person_id, name in (("id-of-ann", "Ann Lee"), ("id-of-bob", "Bob 100% Ray")):
            row = {
                "customer": "contoso",
                "day": DAY,
                "person_id": person_id,
                "display_name": name,
                "extraction_id": "x",
            }
            connection.execute(dim_person.insert().values(row))
    note_operation(database, customer)
    database.execute(operation.update().values(undelivered='["Ann@contoso.com", "other"]'))

    assert [row["person_id"] for _, row in rows_naming(database, customer, ANN)] == ["id-of-ann"]
    request_id = erasure.begin(database, customer, "ann@contoso.com", ANN, "asked", NOW)
    assert erasure.begin(database, customer, "ANN@contoso.com", ANN, "asked", NOW) == request_id
    assert erasure.unfinished(database, customer) == [request_id]
    erasure._erase_from_ledger(database, customer, PersonRows(ANN))
    thin(database, customer, [DAY])

    with database.begin() as connection:
        assert connection.scalar(sa.select(operation.c.undelivered)) == '["other"]'
        assert connection.scalar(sa.select(sa.func.count()).select_from(dim_person)) == 0
