"""Snapshot datasets: whole or as what changed, when they are there, and no further back than they go."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable
from typing import Any

import pytest

from o365_pipeline.customers.customer import Customer
from o365_pipeline.customers.data_request import RequestedDataset
from o365_pipeline.datasets import catalogue
from o365_pipeline.deployment import Deployment
from o365_pipeline.errors import UsageError
from o365_pipeline.extraction import extraction_ledger as ledger
from o365_pipeline.extraction.submission import Submitter
from o365_pipeline.extraction.windows import Window, available_days, midnight, requested_times, unavailable_days
from o365_pipeline_tests.conftest import DAY
from o365_pipeline_tests.extraction.test_submission import FakeFactory, end

Decide = Callable[..., None]
SITES, ACTIONS, MESSAGES = (
    catalogue()[name] for name in ("SharePointSites_v1", "SharePointFileActions_v1", "Message_v1")
)
TODAY = dt.date(2026, 11, 25)
ONE_DAY = dt.timedelta(days=1)


class Asked(FakeFactory):
    """A factory that remembers the times that it was asked for."""

    @property
    def times(self) -> list[tuple[str, str]]:
        return self._times

    def __init__(self, deployment: Deployment) -> None:
        super().__init__(deployment)
        self._times: list[tuple[str, str]] = []

    def create_run(self, customer: Customer, requested: RequestedDataset, parameters: dict[str, Any]) -> str:
        self._times.append((parameters["startTime"], parameters["endTime"]))
        return super().create_run(customer, requested, parameters)


@pytest.fixture
def factory(deployment: Deployment) -> Asked:
    return Asked(deployment)


@pytest.fixture
def submitter(deployment: Deployment, factory: Asked, decide: Decide) -> Submitter:
    decide()
    return Submitter(deployment.database, factory, "run-a", "extraction")


@pytest.fixture
def sites(customer: Customer) -> RequestedDataset:
    requested = customer.data_request.requested("SharePointSites_v1")
    assert requested
    return requested


def days(first: int, last: int) -> list[dt.date]:
    """So many days after the first one, to so many."""
    return [DAY + ONE_DAY * n for n in range(first, last + 1)]


def test_sharepoint_is_there_after_two_days_and_for_three_weeks() -> None:
    there = available_days(SITES, TODAY)

    assert (there.first_day, there.last_day) == (dt.date(2026, 11, 4), dt.date(2026, 11, 23))
    assert available_days(MESSAGES, TODAY).last_day == dt.date(2026, 11, 24)
    assert dt.date(2020, 1, 1) in available_days(MESSAGES, TODAY)


def test_what_is_not_there_is_told_in_a_line_each() -> None:
    asked = Window(dt.date(2026, 11, 2), dt.date(2026, 11, 24)).days

    assert unavailable_days(SITES, asked, TODAY) == [
        "SharePointSites_v1 2026-11-24: Data Connect has a day after 48 hours, these from 2026-11-26 (UTC) on: extract "
        "them then",
        "SharePointSites_v1 2026-11-02 to 2026-11-03: too old, Data Connect goes 21 days back: extract days from "
        "2026-11-04 on",
    ]
    assert unavailable_days(MESSAGES, asked, TODAY) == []


def test_a_snapshot_is_asked_for_by_one_date_and_changes_by_two() -> None:
    week = Window(dt.date(2026, 11, 16), dt.date(2026, 11, 22))
    last, before = "2026-11-22T00:00:00Z", dt.date(2026, 11, 15)

    assert requested_times(SITES, week, None) == (last, last)
    assert requested_times(SITES, week, before) == ("2026-11-15T00:00:00Z", last)
    assert requested_times(ACTIONS, week, None) == ("2026-11-16T00:00:00Z", last)
    assert requested_times(MESSAGES, week, None) == ("2026-11-16T00:00:00Z", "2026-11-23T00:00:00Z")


def test_the_first_window_is_whole_and_the_next_what_changed_since(
    submitter: Submitter, factory: Asked, customer: Customer, sites: RequestedDataset
) -> None:
    submitter.submit_days(customer, sites, days(0, 2))
    submitter.submit_days(customer, sites, days(3, 4))
    submitter.submit_days(customer, sites, days(6, 6))

    third, fifth, seventh = (midnight(DAY + ONE_DAY * n) for n in (2, 4, 6))
    assert factory.times == [(third, third), (third, fifth), (seventh, seventh)]


@pytest.mark.parametrize("status", ["Failed", "Cancelled", "Purged"])
def test_what_holds_no_data_is_no_base_for_changes(
    submitter: Submitter,
    deployment: Deployment,
    factory: Asked,
    customer: Customer,
    sites: RequestedDataset,
    status: str,
) -> None:
    submitter.submit_days(customer, sites, days(0, 0))
    end(deployment, factory, status)

    submitter.submit_days(customer, sites, days(1, 1))

    assert factory.times[-1] == (midnight(DAY + ONE_DAY), midnight(DAY + ONE_DAY))


def test_other_columns_are_no_base_for_changes(
    submitter: Submitter, factory: Asked, customer: Customer, sites: RequestedDataset
) -> None:
    submitter.submit_days(customer, sites.model_copy(update={"columns": sites.columns[:-1]}), days(0, 0))

    submitter.submit_days(customer, sites, days(1, 1))

    assert factory.times[-1] == (midnight(DAY + ONE_DAY), midnight(DAY + ONE_DAY))


def test_a_retry_takes_the_run_as_it_was_asked_for(
    submitter: Submitter, deployment: Deployment, factory: Asked, customer: Customer, sites: RequestedDataset
) -> None:
    submitter.submit_days(customer, sites, days(0, 0))
    factory.die_after_creating()
    with pytest.raises(KeyboardInterrupt):
        submitter.submit_days(customer, sites, days(1, 1))
    first, _ = factory.runs
    ledger.set_status(deployment.database, first.window_key, first.run_id, "Failed")

    [entry] = submitter.submit_days(customer, sites, days(1, 1)).extractions

    assert entry.factory_run_id == "run-2"
    assert factory.times[1:] == [(midnight(DAY), midnight(DAY + ONE_DAY))]


def test_a_day_that_is_not_there_yet_is_refused_or_left_out_but_never_paid_for(
    submitter: Submitter, factory: Asked, customer: Customer, sites: RequestedDataset
) -> None:
    today = dt.datetime.now(dt.UTC).date()
    recent = [today - ONE_DAY * 2, today - ONE_DAY]

    with pytest.raises(UsageError, match=f"{today - ONE_DAY}: Data Connect has a day after 48 hours"):
        submitter.submit_days(customer, sites, recent)
    submission = submitter.submit_days(customer, sites, recent, leave_out=True)

    assert [entry.window.days for entry in submission.extractions] == [(today - ONE_DAY * 2,)]
    assert len(factory.runs) == 1


def test_a_day_that_is_too_old_is_refused_unless_it_is_held(
    submitter: Submitter, deployment: Deployment, factory: Asked, customer: Customer, sites: RequestedDataset
) -> None:
    later = Submitter(
        deployment.database,
        factory,
        "run-a",
        "raw",
        clock=lambda: dt.datetime.combine(DAY + ONE_DAY * 40, dt.time(9), dt.UTC),
    )
    submitter.submit_days(customer, sites, days(0, 0))

    assert later.submit_days(customer, sites, days(0, 0)).reattached == 1
    with pytest.raises(UsageError, match=f"{DAY + ONE_DAY}: too old, Data Connect goes 21 days back"):
        later.submit_days(customer, sites, days(0, 1))


def test_days_that_are_older_than_they_are_kept_are_too_old_too() -> None:
    first_kept = TODAY - dt.timedelta(days=5)
    asked = [first_kept - dt.timedelta(days=1), first_kept]

    for dataset in (SITES, MESSAGES):
        [line] = unavailable_days(dataset, asked, TODAY, first_kept)
        assert line.endswith(f"too old, keep_mart_days keeps no such day: extract days from {first_kept} on")
        assert unavailable_days(dataset, asked[1:], TODAY, first_kept) == []
        assert available_days(dataset, TODAY, first_kept).first_day == first_kept
