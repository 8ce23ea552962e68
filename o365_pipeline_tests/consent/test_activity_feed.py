"""The feed's client, over azure-core's pipeline, against the sandbox's feed and its faults."""

from __future__ import annotations

import datetime as dt
import logging
import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from azure.core.credentials import AccessToken, AccessTokenInfo
from azure.core.exceptions import HttpResponseError

from o365_pipeline.azure.cloud import TenantCredential
from o365_pipeline.consent import approval_ledger, feed_ledger
from o365_pipeline.consent.activity_feed import ROOTS, ActivityFeed, Page, Position, _blobs
from o365_pipeline.consent.approvals import State
from o365_pipeline.consent.feed_reading import read_feeds
from o365_pipeline.consent.feed_records import classify_records
from o365_pipeline.customers.customer import Customer, Customers
from o365_pipeline.deployment import Deployment
from o365_pipeline.errors import FeedThrottledError
from o365_pipeline.sandbox.clock import stamp
from o365_pipeline.sandbox.cloud import SandboxCloud
from o365_pipeline.sandbox.microsoft365.feed_faults import BlobFault, FeedFaults, strange_records

HOUR = dt.timedelta(hours=1)


@pytest.fixture
def cloud(deployment: Deployment) -> SandboxCloud:
    assert isinstance(deployment.cloud, SandboxCloud)
    return deployment.cloud


@pytest.fixture
def faults(cloud: SandboxCloud) -> FeedFaults:
    return cloud.feed_faults


@pytest.fixture
def feed(cloud: SandboxCloud) -> ActivityFeed:
    return ActivityFeed(cloud=cloud, poll_seconds=0)


def decide(deployment: Deployment, customer: Customer, times: int = 1) -> None:
    """Register, then approve and deny in turn."""
    request = customer.data_request
    deployment.sandbox.register(customer.tenant_id, request, [customer.sink])
    for number in range(times):
        state = State.DENIED if number % 2 else State.APPROVED
        deployment.sandbox.decide(customer.tenant_id, request.application_id, state, "approver@contoso.example")


def now() -> dt.datetime:
    return dt.datetime.now(dt.UTC)


def pages(feed: ActivityFeed, customer: Customer, position: Position) -> list[Page]:
    found: list[Page] = []
    at = now()
    while not found or not found[-1].is_last:
        found.append(feed.read(customer, found[-1].position if found else position, at))
    return found


def consents(found: list[Page], customer: Customer) -> list[str]:
    records = [record for page in found for record in page.records]
    return sorted({event.event_id for event in classify_records(records, customer.tenant_id).approvals})


def test_seven_days_are_read_in_windows_of_a_day_and_pages(
    feed: ActivityFeed, deployment: Deployment, customer: Customer
) -> None:
    decide(deployment, customer, 25)

    found = pages(feed, customer, Position(now() - dt.timedelta(days=6, hours=23)))

    assert len(consents(found, customer)) == 26
    assert len(found) > 7
    assert found[0].subscribed
    assert not any(page.subscribed for page in found[1:])


def test_the_next_reading_finds_what_came_since_and_nothing_is_skipped(
    feed: ActivityFeed, deployment: Deployment, customer: Customer
) -> None:
    decide(deployment, customer)
    first = pages(feed, customer, Position(now() - HOUR))
    decide(deployment, customer)

    second = pages(feed, customer, first[-1].position)

    assert len(set(consents(first, customer)) | set(consents(second, customer))) == 3


def test_every_request_carries_the_vendors_tenant(
    feed: ActivityFeed, faults: FeedFaults, deployment: Deployment, customer: Customer
) -> None:
    decide(deployment, customer, 12)

    pages(feed, customer, Position(now() - HOUR))

    assert {request.method for request in faults.requests} == {"GET", "POST"}
    vendor = customer.data_request.application_tenant_id
    assert {request.publisher_identifier for request in faults.requests} == {vendor}


def test_blobs_listed_twice_are_fetched_once(
    feed: ActivityFeed, faults: FeedFaults, deployment: Deployment, customer: Customer
) -> None:
    faults.lists_twice = True
    decide(deployment, customer, 3)

    pages(feed, customer, Position(now() - HOUR))

    fetched = [request.path for request in faults.requests if "/audit/" in request.path]
    assert len(fetched) == len(set(fetched)) == 4


@pytest.mark.parametrize(("retry_after", "pause"), [(30, 30), (None, 60)])
def test_throttling_is_an_error_that_says_for_how_long(
    feed: ActivityFeed,
    faults: FeedFaults,
    deployment: Deployment,
    customer: Customer,
    retry_after: int | None,
    pause: float,
) -> None:
    decide(deployment, customer)
    faults.throttle(1, retry_after)

    with pytest.raises(FeedThrottledError, match=f"a pause of {pause} s") as raised:
        feed.read(customer, Position(now() - HOUR), now())

    assert raised.value.seconds == pause
    assert len(faults.requests) == 1
    assert consents(pages(feed, customer, Position(now() - HOUR)), customer)


@pytest.mark.parametrize("fault", list(BlobFault))
def test_a_blob_that_cannot_be_read_is_told_and_blocks_nothing(
    feed: ActivityFeed, faults: FeedFaults, deployment: Deployment, customer: Customer, fault: BlobFault
) -> None:
    decide(deployment, customer, 3)
    faults.spoil_blobs(1, fault)

    found = pages(feed, customer, Position(now() - HOUR))

    assert len(consents(found, customer)) == 3
    [entry] = [entry for page in found for entry in page.unread]
    assert entry.blob.content_id
    assert "blob" in entry.reason
    assert entry.is_lost is (fault in (BlobFault.EXPIRED, BlobFault.MISSING))


@pytest.mark.parametrize("fault", [BlobFault.SERVER_ERROR, BlobFault.NOT_JSON])
def test_a_denial_after_a_blob_that_is_bad_for_good_is_seen_at_once(
    feed: ActivityFeed, faults: FeedFaults, deployment: Deployment, customer: Customer, fault: BlobFault
) -> None:
    log, customers = logging.getLogger("o365_pipeline"), Customers([customer])
    decide(deployment, customer)
    faults.spoil_blobs(1, fault)

    read_feeds(deployment.database, feed, customers, now(), 60, log)
    deployment.sandbox.decide(
        customer.tenant_id, customer.data_request.application_id, State.DENIED, "approver@contoso.example"
    )
    read_feeds(deployment.database, feed, customers, now(), 60, log)

    assert approval_ledger.consent_status_of(deployment.database, customer, now()).state is State.DENIED


def test_a_blob_that_can_be_read_later_is_read_apart_and_nothing_of_it_is_lost(
    feed: ActivityFeed, faults: FeedFaults, deployment: Deployment, customer: Customer
) -> None:
    log, customers = logging.getLogger("o365_pipeline"), Customers([customer])
    decide(deployment, customer)
    faults.spoil_blobs(2, BlobFault.SERVER_ERROR)
    first = read_feeds(deployment.database, feed, customers, now(), 60, log)
    assert (first.unread_blobs, first.behind) == (2, frozenset())
    faults.mend_blobs()
    later = now() + dt.timedelta(minutes=2)

    second = read_feeds(deployment.database, feed, customers, later, 60, log)
    third = read_feeds(deployment.database, feed, customers, later + HOUR, 60, log)

    assert (second.approvals, second.unread_blobs, third.approvals) == (2, 0, 0)
    assert feed_ledger.summaries(deployment.database)[customer.name].unread_blobs == 0
    assert approval_ledger.consent_status_of(deployment.database, customer, now()).state is State.APPROVED


def test_a_pause_in_the_middle_of_a_page_keeps_what_was_read(
    feed: ActivityFeed, faults: FeedFaults, deployment: Deployment, customer: Customer
) -> None:
    log, customers = logging.getLogger("o365_pipeline"), Customers([customer])
    decide(deployment, customer, 3)
    read_feeds(deployment.database, feed, customers, now() - HOUR, 60, log)
    faults.throttle_blob(after=2, retry_after=30)

    first = read_feeds(deployment.database, feed, customers, now(), 60, log)
    second = read_feeds(deployment.database, feed, customers, now() + dt.timedelta(minutes=2), 60, log)

    assert (first.approvals, first.unread_blobs, first.behind) == (2, 2, {customer.name})
    assert (second.approvals, second.behind) == (2, frozenset())


def test_where_many_blobs_fail_in_a_row_the_rest_of_the_page_is_left_for_later(
    feed: ActivityFeed, faults: FeedFaults, deployment: Deployment, customer: Customer
) -> None:
    decide(deployment, customer, 8)
    faults.spoil_blobs(8, BlobFault.SERVER_ERROR)

    [page] = pages(feed, customer, Position(now() - HOUR))

    assert [entry.was_requested for entry in page.unread] == [True] * 3 + [False] * 6


@pytest.mark.parametrize("listed", [{}, {"contentId": "b1"}, "b1", {"contentId": "b1", "contentCreated": "never"}])
def test_an_entry_of_a_page_without_an_address_is_lost_and_blocks_nothing(listed: object) -> None:
    end = now()

    found = _blobs(
        [listed, {"contentId": "b2", "contentUri": "https://x", "contentCreated": "2026-11-20T10:00:00Z"}], end
    )

    assert [(blob.uri, blob.available_at == end) for blob in found] == [("", True), ("https://x", False)]


def test_a_page_that_is_no_longer_valid_is_read_from_its_window_again(
    feed: ActivityFeed, faults: FeedFaults, deployment: Deployment, customer: Customer
) -> None:
    decide(deployment, customer, 25)
    faults.refuse_pages(1)

    assert len(consents(pages(feed, customer, Position(now() - HOUR)), customer)) == 26


def test_a_window_that_the_api_refuses_is_an_error(feed: ActivityFeed, customer: Customer) -> None:
    with pytest.raises(HttpResponseError):
        feed.read(customer, Position(now() - dt.timedelta(days=30)), now())


def test_crowded_and_strange_blobs_lead_to_the_same_standing(
    feed: ActivityFeed, faults: FeedFaults, deployment: Deployment, customer: Customer
) -> None:
    decide(deployment, customer, 7)
    faults.records_per_blob = 3
    faults.lists_twice = True
    faults.extra_records = strange_records(customer.tenant_id, customer.data_request.application_id, now())
    log = logging.getLogger("o365_pipeline")

    progress = read_feeds(deployment.database, feed, Customers([customer]), now(), 60, log)

    assert progress.approvals == 8
    assert progress.unreadable == len([record for record in faults.extra_records if not _is_another_matter(record)])
    assert approval_ledger.consent_status_of(deployment.database, customer, now()).state is State.APPROVED


def _is_another_matter(record: Any) -> bool:
    return isinstance(record, dict) and record.get("RecordType") == 25


def test_a_subscription_that_somebody_ended_is_started_again_and_the_gap_is_told(
    feed: ActivityFeed, deployment: Deployment, customer: Customer, caplog: pytest.LogCaptureFixture
) -> None:
    customers, log = Customers([customer]), logging.getLogger("o365_pipeline")
    decide(deployment, customer)
    read_feeds(deployment.database, feed, customers, now(), 60, log)
    with deployment.sandbox._state.writing() as connection:
        connection.execute("DELETE FROM subscription")
    decide(deployment, customer, 2)

    read_feeds(deployment.database, feed, customers, now(), 60, log)

    assert "somebody ended the subscription" in caplog.text
    assert feed_ledger.summaries(deployment.database)[customer.name].missed
    assert approval_ledger.consent_status_of(deployment.database, customer, now()).state is State.DENIED


def test_each_kind_of_plan_has_its_own_api(feed: ActivityFeed, faults: FeedFaults, customer: Customer) -> None:
    assert ROOTS == {
        "worldwide": "https://manage.office.com",
        "gcc": "https://manage-gcc.office.com",
        "gcc-high": "https://manage.office365.us",
        "dod": "https://manage.protection.apps.mil",
    }
    with pytest.raises(HttpResponseError, match=r"does not answer GET https://manage-gcc\.office\.com"):
        feed.read(customer.model_copy(update={"national_cloud": "gcc"}), Position(now() - HOUR), now())


class RememberingCredential:
    """A credential that remembers in which tenant it was asked for a token."""

    def __init__(self) -> None:
        self.tenants: list[str | None] = []

    def get_token(self, *_scopes: str, tenant_id: str | None = None, **_: Any) -> AccessToken:
        self.tenants.append(tenant_id)
        return AccessToken("token", 0)

    def get_token_info(self, *_scopes: str, options: Any = None) -> AccessTokenInfo:
        self.tenants.append((options or {}).get("tenant_id"))
        return AccessTokenInfo("token", 0)


def test_a_token_is_asked_for_in_the_customers_own_tenant() -> None:
    remembering = RememberingCredential()
    credential = TenantCredential(remembering, "customer")  # type: ignore[arg-type]

    credential.get_token("scope")
    credential.get_token_info("scope", options={"enable_cae": True})

    assert remembering.tenants == ["customer", "customer"]


@pytest.mark.parametrize("seconds", [2, 60, 115])
def test_a_decision_is_read_that_is_listed_some_moments_after_the_time_it_bears(
    feed: ActivityFeed, deployment: Deployment, customer: Customer, home: Path, seconds: int
) -> None:
    decide(deployment, customer)
    [page] = pages(feed, customer, Position(now() - HOUR))
    application_id = customer.data_request.application_id
    deployment.sandbox.decide(customer.tenant_id, application_id, State.DENIED, "approver@contoso.example")
    with closing(sqlite3.connect(home / "sandbox" / "sandbox.db")) as connection, connection:
        late = "UPDATE record SET available_at = ? WHERE sequence = (SELECT max(sequence) FROM record)"
        connection.execute(late, (stamp(now() - dt.timedelta(seconds=seconds)),))

    assert not {*consents(pages(feed, customer, page.position), customer)} <= {*consents([page], customer)}
