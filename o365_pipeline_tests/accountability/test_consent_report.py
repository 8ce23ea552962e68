"""The consent report: every number is the ledger's, nobody is named but the approver, and names are text."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable
from pathlib import Path
from typing import Any

import dagster as dg
import lxml.html
import pytest
import sqlalchemy as sa

from o365_pipeline.accountability.assets import consent_report_asset
from o365_pipeline.accountability.report import ConsentReport, consent_report, page_of
from o365_pipeline.consent.approvals import State
from o365_pipeline.cost.assumptions import read_assumptions
from o365_pipeline.cost.plan_and_actual import plan_and_actual
from o365_pipeline.cost.rates import read_rates
from o365_pipeline.curated.row_accounting import account
from o365_pipeline.customers.customer import Customer
from o365_pipeline.customers.data_request import Scope
from o365_pipeline.database.deletion_ledger import person_request, purge
from o365_pipeline.database.ledger import approval_event, extraction, naive_utc, operation
from o365_pipeline.deployment import Deployment, load
from o365_pipeline_tests.finished_homes import MAILS, data_request_of
from o365_pipeline_tests.ledger_rows import NOW, note_extraction, note_operation
from o365_pipeline_tests.purge.test_purge import purge as carry_out_purge
from o365_pipeline_tests.runner import DAY, Runner, lake_of, mart_rows

HOSTILE = "<img src=x onerror=alert(1)>\" ' {{ 7 * 7 }} </td>"
APPROVER = "approver@contoso.example"


@pytest.fixture
def datasets() -> tuple[str, ...]:
    return MAILS


@pytest.fixture
def deployment(home: Path, tmp_path: Path, datasets: tuple[str, ...]) -> Deployment:
    request = data_request_of(datasets, tmp_path)
    return load(
        home=home, sandbox_seconds=0, sandbox_users=12, initial_days=1, purge_grace_days=0, data_request=request
    )


def report_of(deployment: Deployment, customer: Customer) -> ConsentReport:
    now = dt.datetime.now(dt.UTC)
    return consent_report(deployment.database, deployment.marts, deployment.lakes, customer, now)


def tables(page: str) -> list[list[dict[str, str]]]:
    """The tables of the page, their rows by the headings."""
    found = []
    for table in lxml.html.document_fromstring(page).iter("table"):
        head = [cell.text_content() for cell in table.iter("th")]
        rows = [[cell.text_content() for cell in row.iter("td")] for row in table.find("tbody").iter("tr")]
        found.append([dict(zip(head, row, strict=True)) for row in rows if len(row) == len(head)])
    return found


def facts(page: str) -> dict[str, str]:
    tree = lxml.html.document_fromstring(page)
    return {
        name.text_content(): value.text_content() for name, value in zip(tree.iter("dt"), tree.iter("dd"), strict=True)
    }


def ledger(deployment: Deployment, table: sa.Table, *order: sa.Column[Any]) -> list[Any]:
    with deployment.database.begin() as connection:
        return list(connection.execute(sa.select(table).order_by(*order)))


def test_every_number_is_the_ledgers_from_the_approval_to_the_purge(
    moved: Runner, deployment: Deployment, customer: Customer, decide: Callable[..., None]
) -> None:
    lake_of(deployment).write("raw/contoso/stray.txt", b"abc")
    before = page_of(report_of(deployment, customer))
    asked, decided, extracted, purged, requested, lake, mart = tables(before)
    extractions = ledger(deployment, extraction, extraction.c.dataset)
    counted = {row.pipeline_run_id: row.rows_counted for row in ledger(deployment, operation, operation.c.sequence)}
    loaded = {row.extraction_id: row.loaded_at for row in ledger(deployment, extraction, extraction.c.extraction_id)}
    paid = {row.dataset: counted.get(row.factory_run_id, row.rows_reported) for row in extractions}
    compared = plan_and_actual(deployment.database, customer, read_rates(), read_assumptions())
    cost = {line.dataset: line.actual.cost for line in compared.datasets}
    events = ledger(deployment, approval_event, approval_event.c.sequence)

    assert [row["dataset"] for row in asked] == [entry.name for entry in customer.data_request.datasets]
    assert [row["columns"].split(", ") for row in asked] == [
        [*entry.columns] for entry in customer.data_request.datasets
    ]
    assert {row["not approved now"] for row in asked} == {"-"}
    assert [(row["when"], row["decision"], row["by"], row["until"], row["record"]) for row in decided] == [
        (
            f"{event.updated_at:%Y-%m-%d %H:%M}",
            event.state,
            event.approver or "-",
            f"{event.expires_at:%Y-%m-%d %H:%M}" if event.expires_at else "-",
            event.event_id,
        )
        for event in events
    ]
    assert len(extractions) == 2
    assert [tuple(row.values()) for row in extracted] == [
        (
            row.dataset,
            str(DAY),
            str(DAY),
            f"{row.submitted_at:%Y-%m-%d %H:%M}",
            f"{loaded[row.extraction_id]:%Y-%m-%d %H:%M}",
            "Succeeded",
            f"{paid[row.dataset]:,}",
            f"{cost[row.dataset]:,.2f}",
        )
        for row in extractions
    ]
    told = facts(before)
    assert told["Approved by"] == APPROVER
    assert told["Extracted"] == f"2 extractions, {sum(paid.values()):,} rows, {compared.actual:,.2f} USD"
    assert (purged, requested) == ([], [])
    rows = {name: str(len(found)) for name, found in mart_rows(deployment).items() if found}
    assert {row["what"]: row["rows"].replace(",", "") for row in mart} == rows
    assert {(row["days"], row["first day"], row["last day"]) for row in mart} >= {("1", str(DAY), str(DAY))}
    quarantined = {
        entry.dataset: entry.counts for entry in account(deployment.database, lake_of(deployment), customer, DAY)
    }
    [stray] = [row for row in lake if row["days"] == "0"]
    lake.remove(stray)
    assert (stray["what"], stray["first day"], stray["files"], stray["bytes"]) == ("stray.txt", "-", "1", "3")
    assert {(row["where"], row["what"]) for row in lake} == {
        (stage, name) for stage in ("raw", "curated", "user_rows", "quarantine") for name in ("message", "user")
    }
    for row in lake:
        objects = [
            size
            for path, size in lake_of(deployment).objects(row["where"])
            if row["what"] in path.split("/") and row["days"] == "1"
        ]
        assert (row["files"], row["bytes"].replace(",", "")) == (str(len(objects)), str(sum(objects)))
        if row["where"] == "quarantine":
            [counts] = [counts for name, counts in quarantined.items() if name.lower().startswith(row["what"])]
            assert row["rows"] == str(counts.quarantined)

    decide(State.DENIED)
    assert carry_out_purge(moved).success
    after = page_of(report_of(deployment, customer))
    asked, decided, extracted, purged, requested, lake, mart = tables(after)

    [deletion] = ledger(deployment, purge, purge.c.started_at)
    assert deletion.lake_objects
    assert [tuple(row.values()) for row in purged] == [
        (
            f"{deletion.started_at:%Y-%m-%d %H:%M}",
            f"{deletion.purged_at:%Y-%m-%d %H:%M}",
            deletion.reason,
            f"{deletion.lake_objects:,}",
            f"{deletion.lake_bytes:,}",
            f"{deletion.mart_rows:,}",
        )
    ]
    assert decided[-1]["decision"] == "Denied"
    assert {row["not approved now"] for row in asked} == {"all of it"}
    assert [(row["state"], row["rows"]) for row in extracted] == [
        ("Purged", f"{paid[row.dataset]:,}") for row in extractions
    ]
    assert (lake, mart) == ([], [])
    assert facts(after)["Denied or ended"] == "1 decisions"
    assert facts(after)["Data request"].startswith("Denied since")
    assert "Approved by" not in facts(after)


def test_what_was_erased_released_and_replaced_is_told_in_numbers_and_nobody_is_named(
    deployment: Deployment, customer: Customer, decide: Callable[..., None]
) -> None:
    secret = "Ann Example <ann@contoso.example>"
    decide()
    note_extraction(deployment.database, "x1", "r1", rows_reported=10, error=secret, approval_event_id="gone")
    note_operation(deployment.database, customer, "replaced", rows=2_500)
    rows = {"raw_rows": 7, "curated_rows": 5, "mart_rows": 1}
    with deployment.database.begin() as connection:
        connection.execute(approval_event.update().values(reason=secret))
        for number, (kind, more) in enumerate([("erase", rows), ("erase", {}), ("export", rows)]):
            row = {
                "request_id": str(number),
                "customer": "contoso",
                "kind": kind,
                "person": "d1gest",
                "reason": f"ticket {number}",
                "identity": secret,
                "started_at": naive_utc(NOW),
                **more,
            }
            connection.execute(person_request.insert().values(row))
    scope = Scope(kind="FilterUri", filter_uri=f"users?$filter=mail eq '{secret}'")
    request = customer.data_request
    entries = tuple(entry.model_copy(update={"scope": scope}) for entry in request.datasets)
    hidden = customer.model_copy(
        update={
            "deny_people": (secret,),
            "data_request": request.model_copy(update={"datasets": entries, "owner": secret}),
        }
    )

    page = page_of(report_of(deployment, hidden))

    told = facts(page)
    assert told["Requests of people"] == "2 erasures, 1 copies"
    assert told["Extracted"].startswith("1 extractions, 2,510 rows")
    *_, replaced, _, requests, _, _ = tables(page)
    assert [row["rows"] for row in replaced] == ["2,500"]
    assert [(row["what"], row["because"], row["ended"], row["rows that named the person"]) for row in requests] == [
        ("erasure", "ticket 0", "unfinished", "13"),
        ("erasure", "ticket 1", "unfinished", "0"),
        ("copy", "ticket 2", "unfinished", "13"),
    ]
    assert "leave out 1 people" in page
    assert "Under decisions that the ledger does not hold" in page
    for part in ("Ann", "ann@", "d1gest", "Example"):
        assert part not in page


def test_hostile_names_are_text(deployment: Deployment, customer: Customer, decide: Callable[..., None]) -> None:
    decide(approver=HOSTILE)
    hostile = customer.model_copy(
        update={
            "legal_hold": HOSTILE,
            "data_request": customer.data_request.model_copy(update={"application_name": HOSTILE}),
        }
    )
    with deployment.database.begin() as connection:
        connection.execute(approval_event.update().values(application_version=HOSTILE))
        row = {"purge_id": "p", "customer": "contoso", "reason": HOSTILE, "what": "{}", "dagster_runs": 0}
        connection.execute(purge.insert().values(row | {"started_at": naive_utc(NOW)}))
    note_extraction(deployment.database, "x1", "r1", dataset=HOSTILE, status=HOSTILE[:20], rows_reported=3)

    page = page_of(report_of(deployment, hostile))

    tree = lxml.html.document_fromstring(page)
    assert not list(tree.iter("img", "script", "link", "iframe"))
    assert facts(page)["Legal hold"] == HOSTILE
    assert facts(page)["Approved by"] == HOSTILE
    _, decided, extracted, purged, *_ = tables(page)
    assert (decided[0]["version"], extracted[0]["dataset"], purged[0]["because"]) == (HOSTILE,) * 3
    assert (extracted[0]["rows"], extracted[0]["USD"]) == ("3", "-")


def test_the_asset_writes_the_page_beside_the_data_and_tells_numbers_without_names(
    deployment: Deployment, decide: Callable[..., None], instance: dg.DagsterInstance
) -> None:
    decide()
    instance.add_dynamic_partitions("customer", ["contoso"])
    names = ("database", "marts", "lakes", "customers")
    resources = {name: deployment.resources[name] for name in names}

    made = dg.materialize([consent_report_asset], partition_key="contoso", instance=instance, resources=resources)

    [event] = made.get_asset_materialization_events()
    metadata = event.materialization.metadata
    [(path, _)] = lake_of(deployment).objects("reports")
    assert str(metadata["page"].value).endswith(path)
    assert b"<h1>Consent report of contoso</h1>" in lake_of(deployment).read(path)
    assert "Approved since" in str(metadata["summary"].value)
    assert APPROVER not in str(metadata)
