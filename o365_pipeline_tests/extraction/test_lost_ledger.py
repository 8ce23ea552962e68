"""A ledger that was lost, or is another one, does not make us pay again for what the factory still lists."""

from __future__ import annotations

import datetime as dt
from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import dagster as dg
import pytest
import sqlalchemy as sa

from o365_pipeline.customers.customer import Customer
from o365_pipeline.customers.data_request import RequestedDataset
from o365_pipeline.deployment import Deployment
from o365_pipeline.extraction import extraction_ledger as ledger
from o365_pipeline.extraction.windows import Window
from o365_pipeline.mart.upgrade import mart_database
from o365_pipeline.sandbox.azure.factory_faults import RUNS_QUERY
from o365_pipeline_tests.conftest import read_decisions
from o365_pipeline_tests.extraction.test_days_paid_once import WEEK, days_paid, faults, submitter
from o365_pipeline_tests.extraction.test_days_paid_once import messages as messages
from o365_pipeline_tests.runner import Runner

Decide = Callable[..., None]


@pytest.mark.parametrize("asked", [WEEK[:2], WEEK[1:5], WEEK])
def test_another_ledger_does_not_pay_again_for_what_the_factory_lists(
    deployment: Deployment,
    customer: Customer,
    messages: RequestedDataset,
    decide: Decide,
    tmp_path: Path,
    asked: list[dt.date],
) -> None:
    decide()
    submitter(deployment, "a").submit_days(customer, messages, WEEK[:2])
    submitter(deployment, "a").submit_days(customer, messages, WEEK[3:5])
    runs = {run.run_id for run in deployment.sandbox.factory_runs()}
    other = replace(deployment, database=mart_database(sa.make_url(f"sqlite:///{tmp_path}/other.db")))
    read_decisions(other, customer)

    submission = submitter(other, "b").submit_days(customer, messages, asked)

    assert days_paid(deployment) == Counter({*WEEK[:2], *WEEK[3:5], *asked})
    taken = [entry for entry in submission.extractions if entry.factory_run_id in runs]
    assert {entry.window for entry in taken} <= {Window(*WEEK[:2]), Window(*WEEK[3:5])}
    assert submission.created == len(submission.extractions) - len(taken)


def test_a_mart_that_was_deleted_costs_nothing_and_is_loaded_again_from_what_the_factory_made(
    moved: Runner, deployment: Deployment, customer: Customer, instance: dg.DagsterInstance
) -> None:
    runs = {run.run_id for run in deployment.sandbox.factory_runs()}
    (deployment.home / "mart.db").rename(deployment.home / "lost.db")
    anew = Runner(
        replace(deployment, database=mart_database(sa.make_url(f"sqlite:///{deployment.home}/new.db"))), instance
    )
    read_decisions(anew.deployment, customer)

    assert anew.execute_day("extraction_job").success
    [landing] = anew.tick("landing_sensor").run_requests or []

    assert {run.run_id for run in deployment.sandbox.factory_runs()} == runs
    asked = {key.path[1] for key in landing.asset_selection or [] if key.path[0] == "raw"}
    assert asked == {requested.dataset.asset_name for requested in customer.data_request.datasets}


def test_what_was_purged_or_has_failed_is_paid_for_again_although_the_factory_lists_it(
    deployment: Deployment, customer: Customer, messages: RequestedDataset, decide: Decide
) -> None:
    decide()
    first = submitter(deployment, "a").submit_days(customer, messages, WEEK[:2])
    [entry] = first.extractions
    ledger.set_status(deployment.database, entry.extraction_id, entry.factory_run_id or "", ledger.PURGED)

    again = submitter(deployment, "b").submit_days(customer, messages, WEEK[:3])

    assert again.created == 1
    assert entry.factory_run_id not in {one.factory_run_id for one in again.extractions}


def test_runs_of_other_customers_and_datasets_in_the_same_factory_are_not_taken(
    deployment: Deployment, customer: Customer, messages: RequestedDataset, decide: Decide, tmp_path: Path
) -> None:
    decide()
    chats = customer.data_request.requested("TeamChat_v1")
    assert chats
    submitter(deployment, "a").submit_days(customer, messages, WEEK[:2])
    other = replace(deployment, database=mart_database(sa.make_url(f"sqlite:///{tmp_path}/other.db")))
    read_decisions(other, customer)

    assert submitter(other, "b").submit_days(customer, chats, WEEK[:2]).created == 1


def test_nothing_is_created_where_the_factory_does_not_say_what_it_has_made(
    deployment: Deployment, customer: Customer, messages: RequestedDataset, decide: Decide, monkeypatch: Any
) -> None:
    decide()
    monkeypatch.setattr("azure.core.pipeline.transport.RequestsTransport.sleep", lambda *_: None)
    faults(deployment).fail(20, 500, on=RUNS_QUERY)

    with pytest.raises(Exception, match=r"does not say which runs it has made before, retry in a minute: \w+"):
        submitter(deployment, "a").submit_days(customer, messages, WEEK[:1])

    assert deployment.sandbox.factory_runs() == []
