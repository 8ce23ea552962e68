"""The feed as its reference describes it: the forms of a time, dates of answers, publishers, subscriptions."""

import datetime as dt
from pathlib import Path

import pytest
from azure.core.rest import HttpResponse

from o365_pipeline.consent.activity_feed import ActivityFeed, Position
from o365_pipeline.raw.lakes import Lakes
from o365_pipeline.sandbox.cloud import SandboxCloud
from o365_pipeline_tests.sandbox.conftest import World, customer

VENDOR = "46b472a7-c68e-4adf-8ade-3db49497518e"


def code(answer: HttpResponse) -> str:
    assert answer.status_code == 400
    return answer.json()["error"]["code"]


@pytest.mark.parametrize(
    ("start", "end"),
    [
        ("2026-11-24", "2026-11-25"),
        ("2026-11-24T09:00", "2026-11-24T09:01"),
        ("2026-11-24T09:00:00", "2026-11-24T09:00:01"),
        ("2026-11-24T09:00:00.000000", "2026-11-24T09:00:00.000001"),
        ("2026-11-24T09:00:00Z", "2026-11-24T09:00:00.5Z"),
    ],
)
def test_a_window_is_given_to_the_day_the_minute_or_the_second(world: World, start: str, end: str) -> None:
    world.subscribe()
    world.sandbox.register("t1", world.customer.data_request, [world.customer.sink])
    assert len(world.blobs(startTime=start, endTime=end)) == 1


@pytest.mark.parametrize(
    "start", ["20261124", "2026-W48-2", "2026-11-24 09:00", "2026-11-24T09", "2026-11-24T09:00+01:00", "2026-13-01"]
)
def test_other_forms_of_a_time_are_refused(world: World, start: str) -> None:
    world.subscribe()
    window = {"startTime": start, "endTime": "2026-11-24T09:30"}
    assert code(world.get("subscriptions/content", contentType="Audit.General", **window)) == "AF20002"


def test_every_answer_carries_the_date_of_the_sandboxs_clock(world: World) -> None:
    refused = world.get("subscriptions/content", contentType="Audit.General")
    world.clock.forward(hours=1)
    started = world.subscribe()

    assert refused.headers["Date"] == "Tue, 24 Nov 2026 09:00:00 GMT"
    assert started.headers["Date"] == "Tue, 24 Nov 2026 10:00:00 GMT"


def test_the_publisher_may_be_named_in_every_call_and_a_test_sees_it(world: World) -> None:
    who = {"PublisherIdentifier": VENDOR}
    general = {"contentType": "Audit.General"}
    world.post("subscriptions/start", **general, **who)
    world.sandbox.register("t1", world.customer.data_request, [world.customer.sink])
    world.clock.forward(minutes=1)
    [blob] = world.blobs(**who)
    answers = [
        world.get(blob["contentUri"], **who),
        world.get("subscriptions/list", **who),
        world.post("subscriptions/stop", **general, **who),
        world.get("subscriptions/list"),
    ]

    assert {answer.status_code for answer in answers} == {200}
    assert [(request.method, request.path.partition("/feed/")[2]) for request in world.feed_faults.requests] == [
        ("POST", "subscriptions/start"),
        ("GET", "subscriptions/content"),
        ("GET", f"audit/{blob['contentId']}"),
        ("GET", "subscriptions/list"),
        ("POST", "subscriptions/stop"),
        ("GET", "subscriptions/list"),
    ]
    assert [request.publisher_identifier for request in world.feed_faults.requests] == [VENDOR] * 5 + [None]


def test_subscriptions_are_listed_until_they_are_stopped(world: World) -> None:
    world.post("subscriptions/start", contentType="Audit.SharePoint")
    world.subscribe()
    both = world.get("subscriptions/list").json()

    stopped = world.post("subscriptions/stop", contentType="Audit.SharePoint")

    assert both == [
        {"contentType": "Audit.General", "status": "enabled", "webhook": None},
        {"contentType": "Audit.SharePoint", "status": "enabled", "webhook": None},
    ]
    assert (stopped.status_code, stopped.text()) == (200, "")
    assert world.get("subscriptions/list").json() == both[:1]


def test_content_of_a_stopped_subscription_is_neither_listed_nor_given(world: World) -> None:
    world.subscribe()
    world.sandbox.register("t1", world.customer.data_request, [world.customer.sink])
    world.clock.forward(minutes=1)
    [blob] = world.blobs()

    world.post("subscriptions/stop", contentType="Audit.General")

    assert code(world.get("subscriptions/content", contentType="Audit.General")) == "AF20022"
    assert code(world.get(blob["contentUri"])) == "AF20022"
    assert code(world.post("subscriptions/stop", contentType="Audit.General")) == "AF20022"
    assert world.subscribe().status_code == 200
    assert world.get(blob["contentUri"]).status_code == 200


def test_the_requests_of_the_pipelines_own_client_are_seen(tmp_path: Path) -> None:
    cloud = SandboxCloud(home=str(tmp_path), lakes=Lakes((tmp_path / "lake").as_uri()))
    now = dt.datetime.now(dt.UTC)
    ActivityFeed(cloud=cloud).read(customer(), Position(now - dt.timedelta(hours=1)), now)
    assert [request.method for request in cloud.feed_faults.requests] == ["GET", "POST", "GET"]
