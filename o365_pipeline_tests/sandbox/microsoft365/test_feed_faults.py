"""Faults of the feed that a test asks for: throttling, blobs that are repeated, crowded or spoiled, pages refused."""

import json
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from azure.core.rest import HttpResponse

from o365_pipeline.consent.approvals import State
from o365_pipeline.sandbox.microsoft365.feed_faults import BlobFault, strange_records
from o365_pipeline_tests.sandbox.conftest import APPROVER, World


def decided(world: World, times: int) -> World:
    """The world after a registration and so many decisions, a minute apart; its feed is subscribed to."""
    world.subscribe()
    world.sandbox.register("t1", world.customer.data_request, [world.customer.sink])
    for _ in range(times):
        world.clock.forward(minutes=1)
        world.sandbox.decide("t1", "app", State.APPROVED, APPROVER)
    world.clock.forward(minutes=1)
    return world


def listing(world: World, **params: str) -> HttpResponse:
    return world.get("subscriptions/content", contentType="Audit.General", **params)


def error(answer: HttpResponse) -> tuple[int, str]:
    return answer.status_code, answer.json()["error"]["code"]


def records_of(world: World, blob: dict[str, str]) -> list[Any]:
    return world.get(blob["contentUri"]).json()


def test_the_next_requests_are_too_many_with_a_time_to_wait(world: World) -> None:
    world.subscribe()
    world.feed_faults.throttle(2, retry_after=30)

    answers = [listing(world) for _ in range(3)]

    assert [answer.status_code for answer in answers] == [429, 429, 200]
    assert [answer.headers.get("Retry-After") for answer in answers] == ["30", "30", None]
    assert error(answers[0]) == (429, "AF429")


def test_the_next_requests_are_too_many_and_answered_403_as_microsoft_does(world: World) -> None:
    [blob] = decided(world, 0).blobs()
    world.feed_faults.throttle(2)

    anonymous = world.get(blob["contentUri"])
    named = listing(world, PublisherIdentifier="p1")

    assert anonymous.status_code == 403
    assert "Retry-After" not in anonymous.headers
    assert anonymous.json() == {
        "error": {
            "code": "AF429",
            "message": "Too many requests. Method=GetBlob, PublisherId=00000000-0000-0000-0000-000000000000",
        }
    }
    assert named.json()["error"]["message"] == "Too many requests. Method=GetContents, PublisherId=p1"
    assert world.get(blob["contentUri"]).status_code == 200


def test_threads_are_throttled_as_often_as_was_asked_for(world: World) -> None:
    world.subscribe()
    world.feed_faults.throttle(7)

    with ThreadPoolExecutor(8) as pool:
        statuses = list(pool.map(lambda _: listing(world).status_code, range(24)))

    assert sorted(statuses) == [200] * 17 + [403] * 7
    assert len(world.feed_faults.requests) == 25


def test_blobs_are_listed_twice(world: World) -> None:
    decided(world, 2)
    once = [blob["contentId"] for blob in world.blobs()]

    world.feed_faults.lists_twice = True

    assert [blob["contentId"] for blob in world.blobs()] == [once[n // 2] for n in range(6)]


def test_several_records_lie_in_one_blob_the_latest_first(world: World) -> None:
    decided(world, 4)
    world.feed_faults.records_per_blob = 3

    first, second = world.blobs()

    times = [[record["CreationTime"][11:16] for record in records_of(world, blob)] for blob in (first, second)]
    assert times == [["09:02", "09:01", "09:00"], ["09:04", "09:03"]]
    assert first["contentCreated"] == "2026-11-24T09:02:00.000000Z"


def test_crowded_blobs_are_read_in_pages_each_record_once(world: World) -> None:
    decided(world, 24)
    world.feed_faults.records_per_blob = 2

    pages = [listing(world)]
    while "NextPageUri" in pages[-1].headers:
        pages.append(world.get(pages[-1].headers["NextPageUri"]))

    assert [len(page.json()) for page in pages] == [10, 3]
    assert len({record["Id"] for record in world.records()}) == len(world.records()) == 25


def test_other_and_malformed_records_lie_before_those_of_a_blob(world: World) -> None:
    [blob] = decided(world, 0).blobs()
    [record] = records_of(world, blob)
    world.feed_faults.extra_records = strange_records("t1", "app", world.clock.now)

    teams, nameless, text, unknown, operation, real = records_of(world, blob)

    assert real == record
    assert teams["RecordType"] not in (183, 217)
    assert nameless["RecordType"] == 217
    assert "Id" not in nameless
    assert not isinstance(text, dict)
    assert unknown["RecordType"] == 217
    assert unknown["State"] not in list(State)
    assert operation["RecordType"] == 183
    assert "DatasetName" not in operation


@pytest.mark.parametrize(
    ("fault", "answered"), [(BlobFault.EXPIRED, (400, "AF20051")), (BlobFault.MISSING, (404, "AF20050"))]
)
def test_a_blob_that_was_listed_is_gone_for_good_and_the_others_are_not(
    world: World, fault: BlobFault, answered: tuple[int, str]
) -> None:
    spoiled, sound = decided(world, 1).blobs()
    world.feed_faults.spoil_blobs(1, fault)

    answers = [error(world.get(spoiled["contentUri"])) for _ in range(2)]

    assert answers == [answered] * 2
    assert len(records_of(world, sound)) == 1
    assert len(world.blobs()) == 2


def test_a_blob_is_no_json(world: World) -> None:
    [blob] = decided(world, 0).blobs()
    world.feed_faults.spoil_blobs(1, BlobFault.NOT_JSON)

    answer = world.get(blob["contentUri"])

    assert answer.status_code == 200
    with pytest.raises(json.JSONDecodeError):
        json.loads(answer.text())


def test_a_further_page_is_refused_once_and_not_the_first_page(world: World) -> None:
    decided(world, 12)
    world.feed_faults.refuse_pages(1)
    next_page = listing(world).headers["NextPageUri"]

    assert error(world.get(next_page)) == (400, "AF20031")
    assert len(world.get(next_page).json()) == 3
