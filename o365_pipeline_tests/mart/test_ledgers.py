"""The ledgers on the mart's database, whichever it is: from an approver's yes to the purge."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable

import pytest
import sqlalchemy as sa

from o365_pipeline.consent import approval_ledger
from o365_pipeline.customers.customer import Customer
from o365_pipeline.database.database import Database
from o365_pipeline.database.deletion_ledger import purge as purge_table
from o365_pipeline.database.ledger import approval_event, extraction, landing, recorded_after, truncated
from o365_pipeline.deployment import Deployment
from o365_pipeline.extraction import extraction_ledger
from o365_pipeline.extraction.extraction_ledger import PURGED, Extraction
from o365_pipeline.mart.loading import mark_loaded
from o365_pipeline.mart.tables import dim_customer, dim_person
from o365_pipeline.purge import deletion
from o365_pipeline.purge.plan import Deletion, Plan
from o365_pipeline_tests.conftest import DAY
from o365_pipeline_tests.ledger_rows import note_landing

NOW = dt.datetime(2026, 11, 20, 12, 0, 0, 123456)


def wanted(customer: Customer, event_id: str) -> Extraction:
    return Extraction(
        extraction_id="x1",
        customer=customer.name,
        dataset="User_v1",
        first_day=DAY,
        last_day=DAY,
        columns=("id", "mail"),
        scope='{"kind": "All"}',
        approval_event_id=event_id,
        requested_by="extraction",
        status=extraction_ledger.CLAIMED,
        claim="me",
        claimed_at=NOW,
        attempt=1,
        factory_run_id=None,
        submitted_at=None,
        looked_at=None,
        error=None,
    )


def test_an_approval_a_claim_a_landing_and_a_purge_are_recorded_as_they_were(
    deployment: Deployment, customer: Customer, decide: Callable[..., None]
) -> None:
    database, now = deployment.database, dt.datetime.now(dt.UTC)
    decide()
    decide()
    events = approval_ledger.events(database, customer)
    assert [event.approver for event in events] == [None, *["approver@contoso.example"] * 2]
    assert [place for place, _ in recorded_after(database, approval_event.c.customer, 0, 10)] == [1, 2, 3]

    entry = wanted(customer, events[-1].event_id)
    assert extraction_ledger.claim(database, entry)
    assert not extraction_ledger.claim(database, entry)
    assert extraction_ledger.find(database, "x1") == entry
    assert extraction_ledger.take_over(database, entry, entry)
    assert not extraction_ledger.take_over(database, entry, entry)
    extraction_ledger.attach(database, "x1", "me", "r1", NOW)
    extraction_ledger.set_status(database, "x1", "r1", "Succeeded", "first")
    extraction_ledger.set_status(database, "x1", "r1", "Succeeded", "second")
    found = extraction_ledger.find(database, "x1")
    assert found
    assert (found.status, found.error, found.submitted_at, found.attempt) == ("Succeeded", "first", NOW, 2)

    note_landing(database)
    assert [one.extraction_id for one in extraction_ledger.not_loaded(database, [customer.name])] == ["x1"]
    mark_loaded(database, customer.name, {DAY: frozenset({"x1"})})
    assert extraction_ledger.not_loaded(database, [customer.name]) == []

    with database.begin() as connection:
        person = {"customer": customer.name, "day": DAY, "person_id": "ann", "extraction_id": "x1"}
        connection.execute(dim_person.insert().values(person))
        connection.execute(dim_customer.insert().values(customer=customer.name, day=DAY, people=1, guests=0))
        provenance = sa.text("SELECT approver FROM ledger_row_provenance WHERE extraction_id = 'x1'")
        assert connection.scalars(provenance).all() == ["approver@contoso.example"]
    plan = Plan(customer=customer.name, reason="Denied", event_id=None, deletions=(Deletion(extraction_id="x1"),))
    deletion.begin(database, plan, now)
    deletion.begin(database, plan, now)
    assert deletion.unfinished(database, customer) == plan
    deletion.delete(deployment.marts, deployment.lakes.of(customer), customer, plan)
    deletion.finish(database, plan, 3, now)

    with database.begin() as connection:
        assert connection.execute(sa.select(dim_person)).all() == []
        assert connection.execute(sa.select(landing)).all() == []
        [row] = connection.execute(sa.select(purge_table)).all()
    assert (row.mart_rows, row.dagster_runs, row.purged_at is not None) == (1, 3, True)
    purged = extraction_ledger.find(database, "x1")
    assert purged and purged.status == PURGED


def test_an_error_of_the_server_does_not_repeat_what_the_row_holds(database: Database) -> None:
    row = {"customer": "contoso", "day": DAY, "person_id": "ann-the-person", "extraction_id": "x1"}
    with database.begin() as connection:
        connection.execute(dim_person.insert().values(row))

    with pytest.raises(sa.exc.IntegrityError) as caught, database.begin() as connection:
        connection.execute(dim_person.insert().values(row))

    assert "ann-the-person" not in f"{caught.value} {caught.value.orig}"


@pytest.mark.parametrize(
    ("text", "kept"), [("x" * 5000, 4000), ("😀" * 4000, 2000), ("x" + "😀" * 4000, 2000), (None, 0)]
)
def test_text_is_cut_in_the_units_in_which_sql_server_counts(text: str | None, kept: int) -> None:
    cut = truncated(text, extraction.c.error)

    assert len(cut or "") == kept
    assert len((cut or "").encode("utf-16-le")) <= 2 * 4000
    assert text is None or text.startswith(cut or "-")
    assert truncated(text, extraction.c.columns) == text


def test_what_is_open_is_found_without_reading_what_is_done(database: Database) -> None:
    if database.engine.dialect.name != "sqlite":
        pytest.skip("the plan is SQLite's")
    asked: list[tuple[str, object]] = []

    def note(_connection: object, _cursor: object, statement: str, parameters: object, *_: object) -> None:
        asked.append((statement, parameters))

    sa.event.listen(database.engine, "before_cursor_execute", note)
    extraction_ledger.under_way(database, ["contoso"])
    extraction_ledger.not_loaded(database, ["contoso"])
    sa.event.remove(database.engine, "before_cursor_execute", note)

    with database.begin() as connection:
        plans = [connection.exec_driver_sql(f"EXPLAIN QUERY PLAN {text}", given).all() for text, given in asked]  # type: ignore[arg-type]
    steps = [str(step[-1]) for plan in plans for step in plan]
    assert len(plans) == 2
    assert [step for step in steps if step.startswith("SCAN ledger_")] == []
    assert any("ix_ledger_extraction_loaded_at" in step for step in steps)
