"""Silence is not consent: what is refused while a customer's feed is not read, and what says so where."""

from __future__ import annotations

import datetime as dt
import logging
from collections.abc import Callable
from itertools import pairwise
from typing import Any

import dagster as dg
import pytest
from azure.core.exceptions import ServiceRequestError

from o365_pipeline.cli.doctor import connections
from o365_pipeline.consent import feed_ledger, unread_blobs
from o365_pipeline.consent.activity_feed import ActivityFeed, Blob, Content, Page, Position, UnreadBlob
from o365_pipeline.consent.approval_ledger import consent_status_of, consent_statuses
from o365_pipeline.consent.approvals import State
from o365_pipeline.consent.feed_ledger import FeedState, save_feed_state
from o365_pipeline.consent.feed_reading import read_feeds
from o365_pipeline.consent.sensor import build_consent_sensor
from o365_pipeline.consent.silence import silences
from o365_pipeline.customers.customer import Customer, Customers
from o365_pipeline.deployment import Deployment
from o365_pipeline.doctor.examination import examine
from o365_pipeline.errors import FeedUnreadError, UsageError
from o365_pipeline.extraction.submission import Submitter
from o365_pipeline_tests.conftest import DAY
from o365_pipeline_tests.consent.fakes import NOW, FakeFeed, record
from o365_pipeline_tests.extraction.test_submission import FakeFactory
from o365_pipeline_tests.runner import Runner, failure

HOUR = dt.timedelta(hours=1)
LOG = logging.getLogger("o365_pipeline")
Decide = Callable[..., None]


class BadBlobFeed(FakeFeed):
    """A feed with one blob, of some hours ago, that cannot be read; it is requested again in vain, or is gone."""

    def __init__(self, hours: int, *records: dict[str, Any], is_lost: bool = False) -> None:
        super().__init__(*records)
        self.bad = UnreadBlob(Blob("b1", "https://b1", NOW - hours * HOUR), "HTTP 500", is_lost=is_lost)

    def read(self, customer: Customer, position: Position, now: dt.datetime) -> Page:
        page = super().read(customer, position, now)
        return Page(page.position, page.records, unread=(self.bad,))

    def read_blobs(self, customer: Customer, blobs: list[Blob]) -> Content:
        assert blobs == [self.bad.blob]
        return Content((), (), (self.bad,))


def read(deployment: Deployment, feed: FakeFeed, customer: Customer, now: dt.datetime = NOW) -> None:
    read_feeds(deployment.database, feed, Customers([customer]), now, 60, LOG)  # type: ignore[arg-type]


def reason(deployment: Deployment, customer: Customer, at: dt.datetime = NOW) -> str | None:
    statuses = consent_statuses(deployment.database, Customers([customer]), at)
    silence = silences(deployment.database, [customer], statuses, at).get(customer.name)
    return str(silence) if silence else None


def read_until(deployment: Deployment, customer: Customer, moment: dt.datetime) -> None:
    with deployment.database.begin() as connection:
        save_feed_state(connection, customer, FeedState(Position(moment), moment))


@pytest.mark.parametrize(("hours", "silent"), [(23, False), (25, True)])
def test_a_feed_counts_as_read_for_a_day(deployment: Deployment, customer: Customer, hours: int, silent: bool) -> None:
    read(deployment, FakeFeed(record(customer)), customer)

    told = reason(deployment, customer, NOW + hours * HOUR)

    assert (told is not None) is silent
    assert not silent or f"has not been read since {NOW:%Y-%m-%d %H:%M} UTC" in (told or "")


def test_how_long_is_a_setting_of_the_customer(deployment: Deployment, customer: Customer) -> None:
    read(deployment, FakeFeed(record(customer)), customer)
    strict = customer.model_copy(update={"unread_feed_hours": 2})

    assert reason(deployment, customer, NOW + 3 * HOUR) is None
    assert reason(deployment, strict, NOW + 3 * HOUR)


@pytest.mark.parametrize("is_lost", [False, True])
def test_a_blob_that_stays_unread_for_a_day_is_silence_until_there_is_a_later_decision(
    deployment: Deployment, customer: Customer, is_lost: bool
) -> None:
    given = (NOW - 40 * HOUR).isoformat()
    feed = BadBlobFeed(30, record(customer, ApprovalUpdatedDateInUTC=given), is_lost=is_lost)

    read(deployment, feed, customer)
    assert "a blob of the activity feed cannot be read since" in (reason(deployment, customer) or "")

    read(deployment, FakeFeed(record(customer, "e2")), customer, NOW + dt.timedelta(seconds=1))
    assert reason(deployment, customer) is None


def test_a_blob_of_today_does_not_stop_anything_yet(deployment: Deployment, customer: Customer) -> None:
    feed = BadBlobFeed(3, record(customer, ApprovalUpdatedDateInUTC=(NOW - 5 * HOUR).isoformat()))

    read(deployment, feed, customer)

    assert reason(deployment, customer) is None
    assert reason(deployment, customer, NOW + 22 * HOUR)


def test_decisions_that_the_feed_does_not_keep_any_more_are_silence_until_the_next_one(
    deployment: Deployment, customer: Customer
) -> None:
    before = NOW - 9 * 24 * HOUR
    approved = record(customer, ApprovalUpdatedDateInUTC=(before - HOUR).isoformat())
    read(deployment, FakeFeed(approved), customer, before)

    read(deployment, FakeFeed(), customer)
    assert "decisions may be missing" in (reason(deployment, customer) or "")

    read(deployment, FakeFeed(record(customer, "e2")), customer, NOW + HOUR)
    assert reason(deployment, customer, NOW + HOUR) is None


@pytest.mark.parametrize("is_lost", [False, True])
def test_whoever_compares_the_ledger_with_the_admin_center_ends_the_doubt_for_a_day(
    deployment: Deployment, customer: Customer, is_lost: bool
) -> None:
    with pytest.raises(UsageError, match="was never read"):
        feed_ledger.confirm(deployment.database, customer, "looked", NOW)
    denied = record(customer, State=State.DENIED, ApprovalUpdatedDateInUTC=(NOW - 40 * HOUR).isoformat())
    read(deployment, BadBlobFeed(30, denied, is_lost=is_lost), customer)
    assert reason(deployment, customer)

    feed_ledger.confirm(deployment.database, customer, "looked", NOW)

    assert reason(deployment, customer) is None
    assert feed_ledger.missing_decisions(deployment.database, customer, NOW - 40 * HOUR, NOW) is None
    assert reason(deployment, customer, NOW + 25 * HOUR)


def test_a_clock_that_was_put_back_reads_the_feed_anew_and_submits_nothing_before(
    deployment: Deployment, customer: Customer
) -> None:
    read(deployment, FakeFeed(record(customer)), customer, NOW + 72 * HOUR)
    assert "ahead of this clock" in (reason(deployment, customer) or "")

    feed = FakeFeed()
    read(deployment, feed, customer)

    assert [position.start for _, position in feed.asked] == [NOW - 24 * HOUR]
    assert reason(deployment, customer) is None


def test_a_blob_is_requested_again_with_growing_pauses_until_the_feed_keeps_it_no_longer(
    deployment: Deployment, customer: Customer
) -> None:
    bad = UnreadBlob(Blob("b1", "https://b1", NOW), "HTTP 500")
    at, tries = NOW, [NOW]
    while at < NOW + dt.timedelta(days=9):
        with deployment.database.begin() as connection:
            lost = unread_blobs.remember(connection, customer, [bad], at)
        if lost:
            break
        while not unread_blobs.due(deployment.database, [customer.name], at):
            at += dt.timedelta(minutes=1 if len(tries) < 9 else 60)
        tries.append(at)

    pauses = [(later - earlier) / dt.timedelta(minutes=1) for earlier, later in pairwise(tries)]
    assert pauses[:8] == [1, 2, 4, 8, 16, 32, 60, 60]
    assert dt.timedelta(days=8) <= at - NOW < dt.timedelta(days=8, hours=3)
    assert unread_blobs.due(deployment.database, [customer.name], at + 100 * HOUR) == {}


def test_a_submission_of_something_new_is_refused_and_what_is_there_is_found(
    deployment: Deployment, customer: Customer, decide: Decide
) -> None:
    decide()
    factory, [requested, *_] = FakeFactory(deployment), customer.data_request.datasets
    Submitter(deployment.database, factory, "a", "raw").submit_days(customer, requested, [DAY])
    read_until(deployment, customer, dt.datetime.now(dt.UTC) - 25 * HOUR)
    submitter = Submitter(deployment.database, factory, "b", "raw")

    assert submitter.submit_days(customer, requested, [DAY]).reattached == 1
    with pytest.raises(FeedUnreadError, match=r"contoso: nothing new is submitted.*has not been read since"):
        submitter.submit_days(customer, requested, [DAY + dt.timedelta(days=1)])
    with pytest.raises(FeedUnreadError):
        submitter.authorize_missing(customer, [requested], [DAY + dt.timedelta(days=1)])

    assert len(factory.runs) == 1


def test_the_extraction_job_the_schedule_and_the_doctor_say_why_nothing_is_submitted(
    deployment: Deployment, customer: Customer, runner: Runner, decide: Decide, monkeypatch: pytest.MonkeyPatch
) -> None:
    decide()
    read_until(deployment, customer, dt.datetime.now(dt.UTC) - 25 * HOUR)
    monkeypatch.setattr(ActivityFeed, "read", silent)
    words = "the activity feed has not been read since"

    result = runner.execute_day("extraction_job")
    assert not result.success
    assert words in failure(result)
    assert deployment.sandbox.factory_runs() == []
    [finding] = [finding for finding in examine(connections(deployment)) if finding.what == "contoso: activity feed"]
    assert finding.works is False
    assert words in finding.message


def silent(*_: object) -> Page:
    raise ServiceRequestError("no route")


def test_a_revocation_that_no_sensor_has_read_yet_lets_the_extraction_job_submit_nothing(
    deployment: Deployment, customer: Customer, runner: Runner, decide: Decide
) -> None:
    decide()
    deployment.sandbox.decide(
        customer.tenant_id, customer.data_request.application_id, State.DENIED, "approver@contoso.example"
    )

    result = runner.execute_day("extraction_job")

    assert "approved is Denied" in failure(result)
    assert deployment.sandbox.factory_runs() == []


def test_the_sensor_holds_back_what_was_approved_until_the_feed_is_read(
    deployment: Deployment, customer: Customer, instance: dg.DagsterInstance
) -> None:
    sensor, given = build_consent_sensor(dg.DefaultSensorStatus.STOPPED), (NOW - 40 * HOUR).isoformat()

    def tick(feed: FakeFeed, cursor: str | None) -> dg.SensorResult:
        resources = {**deployment.resources, "activity_feed": feed}
        with dg.build_sensor_context(instance=instance, cursor=cursor, resources=resources) as context:
            result = sensor(context)
        assert isinstance(result, dg.SensorResult)
        return result

    held = tick(BadBlobFeed(30, record(customer, ApprovalUpdatedDateInUTC=given)), None)
    assert held.run_requests == []
    assert "Nothing new is submitted for contoso: a blob of the activity feed cannot be read" in str(held.skip_reason)
    [told, check] = held.asset_events
    assert "cannot be read" in str(told.metadata["nothing_new_is_submitted"].value)
    assert check.severity is dg.AssetCheckSeverity.ERROR

    with deployment.database.begin() as connection:
        unread_blobs.forget(connection, customer, [BadBlobFeed(30).bad.blob])
    asked = tick(FakeFeed(), held.cursor)
    assert len(asked.run_requests or []) == 1
    assert tick(FakeFeed(), asked.cursor).run_requests == []


def test_a_purge_waits_while_a_renewal_may_lie_in_a_blob_that_cannot_be_read(
    deployment: Deployment, customer: Customer
) -> None:
    denied = record(customer, State=State.DENIED, ApprovalUpdatedDateInUTC=(NOW - 5 * HOUR).isoformat())
    read(deployment, BadBlobFeed(3, denied), customer)
    assert consent_status_of(deployment.database, customer, NOW).state is State.DENIED

    doubt = feed_ledger.missing_decisions(deployment.database, customer, NOW - 5 * HOUR, NOW)

    assert "cannot be read" in (doubt or "")


def test_a_denial_that_was_read_counts_although_the_clock_was_put_back_before_it(
    deployment: Deployment, customer: Customer, decide: Callable[..., None]
) -> None:
    decide()
    decide(State.DENIED)
    before = dt.datetime.now(dt.UTC) - dt.timedelta(minutes=30)

    for status in (
        consent_status_of(deployment.database, customer, before),
        consent_statuses(deployment.database, Customers([customer]), before)[customer.name],
    ):
        assert (status.state, status.approval) == (State.DENIED, None)
