"""Kept results of comparisons: whatever happens in whatever order, they are those of a reading of the whole ledger."""

from __future__ import annotations

import datetime as dt
import json
import random
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from o365_pipeline.consent import operation_ledger
from o365_pipeline.consent.operations import Operation
from o365_pipeline.customers.customer import Customer, Customers
from o365_pipeline.database.database import Database
from o365_pipeline.database.ledger import extraction, landing, operation, put
from o365_pipeline.datasets import catalogue
from o365_pipeline.deployment import Deployment
from o365_pipeline.extraction import extraction_ledger
from o365_pipeline.extraction.extraction_ledger import WITHOUT_DATA
from o365_pipeline.mart.upgrade import mart_database
from o365_pipeline.purge import deletion, erasure
from o365_pipeline.purge.landing_rewrite import replace_manifest
from o365_pipeline.purge.person import Person
from o365_pipeline.purge.person_rows import PersonRows
from o365_pipeline.purge.plan import Deletion, Plan
from o365_pipeline.raw import comparison
from o365_pipeline.raw.comparison import FINE, RECORD_HOURS, Compared, Outcome, outcome
from o365_pipeline.raw.lake import Lake
from o365_pipeline.raw.landing import folder, seal
from o365_pipeline.raw.manifest import MANIFEST_NAME, Manifest, Part
from o365_pipeline.raw.reconciliation import Reconciliation, reconcile
from o365_pipeline.raw.release import release_landing
from o365_pipeline_tests.ledger_rows import note_extraction, note_landing, note_operation

MESSAGES = catalogue()["Message_v1"]
DATASETS = ("Message_v1", "Event_v1")
ANN = PersonRows(Person(identities=("ann@contoso.com",), names=()))
STEPS = 160


class History:
    """What may happen to the ledger of three customers, one of whom is not in the deployment; by the stages' own
    functions.
    """

    def __init__(self, database: Database, lake: Lake, customer: Customer, seed: int) -> None:
        self.database, self.lake, self.draw = database, lake, random.Random(seed)
        self._names = ("contoso", "fabrikam", "elsewhere")
        self.all = [customer.model_copy(update={"name": name}) for name in self._names]
        self.customers = Customers(self.all[:2])
        self.now = dt.datetime.now(dt.UTC)
        self.runs = [(self.all[0], "a run of nobody")]
        self.count = 0

    def extract(self) -> None:
        """A window is extracted, for the first time or anew."""
        [customer], dataset = self.draw.choices(self.all, (4, 2, 1)), self.draw.choice(DATASETS)
        extraction_id = f"{customer.name} {dataset}"
        entry = extraction_ledger.find(self.database, extraction_id)
        if entry is None:
            self.runs.append((customer, self._new("run")))
            about = {"customer": customer.name, "dataset": dataset}
            note_extraction(self.database, extraction_id, self.runs[-1][1], **about)
        elif entry.is_without_data:
            self.runs.append((customer, self._new("run")))
            again = {"extraction_id": extraction_id, "status": "Succeeded", "factory_run_id": self.runs[-1][1]}
            with self.database.begin() as connection:
                put(connection, extraction, again)

    def seal(self) -> None:
        entry = self._extracted()
        if entry and not entry.is_without_data and not self.lake.exists(_path(entry)):
            manifest = self._manifest(entry, self.draw.choice((0, 9, 10, 10)))
            seal(self.lake, self.database, catalogue()[entry.dataset], entry, manifest)

    def rewrite(self) -> None:
        """Rows are taken out of a landing."""
        if (entry := self._extracted()) and not entry.is_without_data and self.lake.exists(_path(entry)):
            old, new = (self._manifest(entry, rows) for rows in (10, self.draw.choice((0, 9))))
            replace_manifest(self.lake, self.database, _path(entry), old, new)

    def release(self) -> None:
        if (entry := self._extracted()) and not entry.is_without_data:
            release_landing(self.database, self.lake, entry, "damaged", self.now)

    def purge(self) -> None:
        if entry := self._extracted():
            deletions = (Deletion(extraction_id=entry.extraction_id),)
            reason = self._new("reason")
            plan = Plan(customer=entry.customer, reason=reason, event_id=None, deletions=deletions)
            deletion.begin(self.database, plan, self.now)

    def record(self) -> None:
        """Microsoft's record of any run arrives: early, late, again, corrected, or in another customer's feed."""
        customer, run_id = self.draw.choice(self.runs)
        if (entry := self._extracted()) and self.draw.random() < 0.8:
            customer, run_id = self.all[self._names.index(entry.customer)], entry.factory_run_id or ""
        if self.draw.random() < 0.1:
            customer = self.draw.choice(self.all)
        values: dict[str, Any] = {
            "record_id": self._new("record"),
            "application_id": customer.data_request.application_id,
            "dataset": self.draw.choice(("BasicDataSet_v0.Message_v1", "BasicDataSet_v0.Planets_v1")),
            "pipeline_run_id": self.draw.choice((*[run_id] * 9, None)),
            "status": self.draw.choice((*["Succeeded"] * 6, "succeeded", "Failed")),
            "rows": self.draw.choice((None, 0, 9, 10, 10, 10)),
            "people_requested": self.draw.choice((None, 4)),
            "people_delivered": self.draw.choice((None, 3, 4, 4)),
            "undelivered": self.draw.choice(((), ("ann@contoso.com",), ("bob@contoso.com", "ann@contoso.com"))),
        }
        with self.database.begin() as connection:
            operation_ledger.record(connection, customer, [Operation.model_validate(values)], self.now)

    def erase(self) -> None:
        erasure._erase_from_ledger(self.database, self.draw.choice(self.all), ANN)

    def kill(self) -> None:
        """A process ends in the middle of a comparison."""
        with self.database.begin() as connection:
            comparison._compare_some(connection, MESSAGES)
            connection.rollback()

    def wait(self) -> None:
        self.now += dt.timedelta(hours=self.draw.choice((1, RECORD_HOURS)))

    def look(self) -> None:
        for name in DATASETS:
            found = reconcile(self.database, self.customers, catalogue()[name], self.now)
            landings, missing, bad = self._whole_reading(name)
            assert (found.landings, found.with_people_missing) == (landings, missing)
            told = Counter((case.outcome, case.customer, case.rows_landed, case.rows_counted) for case in found.cases)
            assert told == bad

    def _whole_reading(self, dataset: str) -> tuple[dict[Outcome, int], int, Counter[tuple[object, ...]]]:
        with self.database.begin() as connection:
            extractions = {row.extraction_id: row for row in connection.execute(sa.select(extraction))}
            landed = connection.execute(sa.select(landing)).all()
            recorded = connection.execute(sa.select(operation).order_by(operation.c.sequence)).all()
        newest = {(row.customer, row.pipeline_run_id): row for row in recorded}
        overdue_before = (self.now - dt.timedelta(hours=RECORD_HOURS)).replace(tzinfo=None)
        landings: Counter[Outcome] = Counter()
        bad: Counter[tuple[object, ...]] = Counter()
        missing = 0
        for entry in landed:
            asked = extractions[entry.extraction_id]
            if asked.dataset != dataset or asked.status in WITHOUT_DATA or asked.customer not in self.customers:
                continue
            told = newest.get((asked.customer, entry.factory_run_id))
            compared = _compared(entry, told) if told else Compared()
            missing += compared.people_missing
            kind = outcome(compared)
            if kind is Outcome.AWAITING and entry.sealed_at < overdue_before:
                kind = Outcome.OVERDUE
            landings[kind] += 1
            if kind not in FINE:
                bad[kind, asked.customer, entry.rows_landed, told.rows_counted if told else None] += 1
        return {kind: landings[kind] for kind in Outcome if landings[kind]}, missing, bad

    def _extracted(self) -> extraction_ledger.Extraction | None:
        with self.database.begin() as connection:
            ids = connection.scalars(sa.select(extraction.c.extraction_id).order_by(extraction.c.extraction_id)).all()
        return extraction_ledger.find(self.database, self.draw.choice(ids)) if ids else None

    def _manifest(self, entry: extraction_ledger.Extraction, rows: int) -> Manifest:
        part = Part(path="part.json", size=1, digest="", rows=rows, is_clean=True)
        names = ("extraction_id", "customer", "dataset", "first_day", "last_day", "columns")
        of_entry = {name: getattr(entry, name) for name in names}
        return Manifest(**of_entry, factory_run_id=entry.factory_run_id or "", rows_reported=rows, parts=(part,))

    def _new(self, what: str) -> str:
        self.count += 1
        return f"{what} {self.count}"


def _path(entry: extraction_ledger.Extraction) -> str:
    return f"{folder(catalogue()[entry.dataset], entry)}/{MANIFEST_NAME}"


def _compared(landed: sa.Row[Any], told: sa.Row[Any]) -> Compared:
    requested, delivered = told.people_requested, told.people_delivered
    return Compared(
        is_recorded=True,
        rows_differ=told.rows_counted not in (None, landed.rows_landed),
        people_missing=(None not in (requested, delivered) and delivered < requested)
        or bool(json.loads(told.undelivered)),
        not_succeeded=told.status.lower() != "succeeded" and landed.rows_landed > 0,
    )


@pytest.mark.parametrize("seed", range(3))
def test_kept_results_are_those_of_a_reading_of_the_whole_ledger(
    deployment: Deployment, customer: Customer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, seed: int
) -> None:
    monkeypatch.setattr(comparison, "MOST_AT_ONCE", 2)
    history = History(deployment.database, Lake.in_folder(tmp_path / "lake"), customer, seed)
    often = (History.extract, History.seal, History.record)
    changes = (History.rewrite, History.erase)
    seldom = (History.release, History.purge, History.kill, History.wait)
    steps: list[Callable[[History], None]] = [*often * 6, *changes * 3, *seldom]

    for step in history.draw.choices(steps, k=STEPS):
        if step in changes or history.draw.random() < 0.1:
            history.look()
        step(history)

    history.look()


def test_what_was_compared_is_not_compared_again(
    deployment: Deployment, customer: Customer, monkeypatch: pytest.MonkeyPatch
) -> None:
    for number in range(3):
        note_extraction(deployment.database, f"x{number}", f"r{number}")
        note_landing(deployment.database, f"x{number}", f"r{number}")
        note_operation(deployment.database, customer, f"r{number}")
    seen: list[Compared] = []

    def noted(compared: Compared) -> Outcome:
        seen.append(compared)
        return outcome(compared)

    monkeypatch.setattr(comparison, "outcome", noted)

    first = _reconciled(deployment.database, customer)
    note_operation(deployment.database, customer, "r2", "corrected", rows=7)
    second = _reconciled(deployment.database, customer)
    third = _reconciled(deployment.database, customer)

    assert first.landings == {Outcome.RECONCILED: 3}
    assert second.landings == third.landings == {Outcome.RECONCILED: 2, Outcome.DIFFERENT: 1}
    assert [compared.rows_differ for compared in seen] == [False, False, False, True]


def test_a_landing_that_is_rewritten_while_it_is_compared_is_compared_as_it_is_then(
    postgres_url: str, customer: Customer, monkeypatch: pytest.MonkeyPatch
) -> None:
    database = mart_database(sa.make_url(postgres_url))
    note_extraction(database)
    note_landing(database)
    note_operation(database, customer)

    def rewritten_meanwhile(compared: Compared) -> Outcome:
        monkeypatch.undo()
        database.execute(landing.update().values(rows_landed=9, **comparison.NOT_COMPARED))
        return outcome(compared)

    monkeypatch.setattr(comparison, "outcome", rewritten_meanwhile)

    assert _reconciled(database, customer).landings == {Outcome.DIFFERENT: 1}


def _reconciled(database: Database, customer: Customer) -> Reconciliation:
    return reconcile(database, Customers([customer]), MESSAGES, dt.datetime.now(dt.UTC))
