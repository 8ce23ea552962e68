"""Faults of the factory that a test asks for: throttling, failures, hidden runs, small pages, failing copies."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from azure.core.exceptions import HttpResponseError, ResourceNotFoundError

from o365_pipeline.extraction.factory_retries import requested_pause
from o365_pipeline.sandbox.azure.factory_faults import RUNS_QUERY, RUNS_START, CopyError, FactoryRequest
from o365_pipeline_tests.sandbox.conftest import FACTORY, GROUP, World, everything

ONCE: dict[str, Any] = {"retry_total": 0}


def listed(world: World) -> list[str | None]:
    return [
        run.run_id for run in world.client.pipeline_runs.query_by_factory(GROUP, FACTORY, everything(), **ONCE).value
    ]


def test_the_next_requests_are_too_many_with_a_time_to_wait(world: World) -> None:
    world.faults.throttle(2, retry_after=30)

    for _ in range(2):
        with pytest.raises(HttpResponseError) as raised:
            listed(world)
        assert raised.value.status_code == 429
        assert requested_pause(raised.value) == 30
    assert listed(world) == []


def test_a_run_is_made_or_not_before_the_request_fails(world: World) -> None:
    name = world.deploy()
    world.faults.fail(1, 500, on=RUNS_START)
    world.faults.fail(1, 500, after_acting=True, on=RUNS_START)
    parameters = {"windowKey": "w", "startTime": "", "endTime": "", "folder": "f"}

    made = []
    for _ in range(2):
        with pytest.raises(HttpResponseError):
            world.client.pipelines.create_run(GROUP, FACTORY, name, parameters=parameters, **ONCE)
        made.append(len(listed(world)))

    assert made == [0, 1]


def test_a_fault_waits_for_the_operation_that_it_is_meant_for(world: World) -> None:
    world.faults.fail(1, 503, on=RUNS_QUERY)

    world.deploy()

    with pytest.raises(HttpResponseError):
        listed(world)
    assert listed(world) == []


def test_a_new_run_is_unknown_to_the_next_requests_and_older_ones_are_not(world: World) -> None:
    name = world.deploy()
    older = world.start(name)
    world.faults.hide_new_runs(2)
    newer = world.start(name)

    assert listed(world) == [older]
    with pytest.raises(ResourceNotFoundError, match="was not found in the factory"):
        world.status(newer)
    assert world.status(newer).status == "Queued"
    assert listed(world) == [older, newer]


def test_a_hidden_run_cannot_be_cancelled_nor_its_activities_asked_for(world: World) -> None:
    world.faults.hide_new_runs(2)
    run_id = world.start(world.deploy())

    with pytest.raises(ResourceNotFoundError):
        world.client.pipeline_runs.cancel(GROUP, FACTORY, run_id)
    with pytest.raises(ResourceNotFoundError):
        world.client.activity_runs.query_by_pipeline_run(GROUP, FACTORY, run_id, everything())
    world.client.pipeline_runs.cancel(GROUP, FACTORY, run_id)


def test_pages_are_as_small_as_is_asked_for_and_the_first_may_be_empty(world: World) -> None:
    name = world.deploy()
    made = [world.start(name) for _ in range(3)]
    world.faults.page_size, world.faults.first_page_empty = 2, True
    query = everything()
    pages: list[list[str | None]] = []

    while not pages or query.continuation_token:
        page = world.client.pipeline_runs.query_by_factory(GROUP, FACTORY, query)
        pages.append([run.run_id for run in page.value])
        query.continuation_token = page.continuation_token

    assert pages == [[], made[:2], made[2:]]


@pytest.mark.parametrize("error", CopyError)
def test_the_next_copy_fails_for_a_known_reason_and_lands_nothing(world: World, error: CopyError) -> None:
    world.approve()
    world.faults.fail_copies(1, error)

    failed, next_one = (world.run_to_end() for _ in range(2))

    assert (failed.status, next_one.status) == ("Failed", "Succeeded")
    told = world.activity(failed.run_id).error
    assert (told["errorCode"], told["failureType"]) == ("2200", "UserError")
    assert f"Message=Office365 data loading failed to execute. {error}," in told["message"]
    assert not any(failed.run_id in path for path in world.landed())


def test_requests_are_logged_with_their_content_and_without_secrets(world: World) -> None:
    name = world.deploy()
    world.start(name)

    [put] = [entry for entry in world.faults.requests if entry.path.endswith("/linkedservices/o365_source")]
    assert (put.method, put.api_version) == ("PUT", "2018-06-01")
    assert put.body["properties"]["typeProperties"]["servicePrincipalKey"]["value"] == "**********"
    assert isinstance(world.faults.requests[-1], FactoryRequest)
    assert world.faults.requests[-1].body["windowKey"] == "w1"
    assert world.faults.count("POST", RUNS_START) == 1


def test_threads_meet_as_many_faults_as_were_asked_for(world: World) -> None:
    world.faults.fail(5, 503)

    def works(_: int) -> bool:
        try:
            listed(world)
        except HttpResponseError:
            return False
        return True

    with ThreadPoolExecutor(4) as pool:
        answers = list(pool.map(works, range(12)))

    assert (answers.count(False), len(world.faults.requests)) == (5, 12)
