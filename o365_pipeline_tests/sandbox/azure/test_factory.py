"""The factory through the real SDK: deploying, running, refusing, cancelling, querying."""

import datetime as dt
import multiprocessing
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from azure.core.exceptions import HttpResponseError, ResourceNotFoundError
from azure.mgmt.datafactory import models as adf
from pydantic import SecretStr

from o365_pipeline.consent.approvals import State
from o365_pipeline.extraction import factory_definitions
from o365_pipeline.sandbox.azure.copy_job import CopyJob
from o365_pipeline.sandbox.microsoft365.data_connect import OutputLine
from o365_pipeline_tests.sandbox.conftest import APPROVER, FACTORY, GROUP, GROUP_ID, World, everything


def test_a_deployed_pipeline_runs_from_queued_to_succeeded_and_lands_its_rows(world: World) -> None:
    world.approve()
    run_id = world.start(world.deploy())

    seen = [world.status(run_id).status]
    for seconds in (2, 4):
        world.clock.forward(seconds=seconds)
        seen.append(world.status(run_id).status)

    assert seen == ["Queued", "InProgress", "Succeeded"]
    output = world.activity(run_id).output
    files = world.landed()
    assert files == [f"raw/contoso/o365_Message_v1/w1/{run_id}/part-{n:05d}.json" for n in range(3)]
    assert output["rowsCopied"] == output["rowsRead"] == len(world.rows(run_id)) > 200
    assert (output["filesWritten"], output["errors"]) == (3, [])
    assert output["dataWritten"] == sum(len(world.lake.read(path)) for path in files)
    assert world.status(run_id).duration_in_ms == 5000


def test_what_was_deployed_is_answered_without_its_secret(world: World) -> None:
    world.customer = world.customer.model_copy(update={"application_secret": SecretStr("not-for-eyes")})
    name = world.deploy()

    service: Any = world.client.linked_services.get(GROUP, FACTORY, factory_definitions.SOURCE_SERVICE)
    pipeline: Any = world.client.pipelines.get(GROUP, FACTORY, name)

    assert "not-for-eyes" not in str(service.as_dict())
    assert pipeline.etag
    assert pipeline.as_dict()["properties"]["activities"][0]["name"] == "copy_Message_v1"


@pytest.mark.parametrize("name", ["o365_runtime", "rt", "-runtime", "r" * 64])
def test_a_name_that_the_factory_does_not_take_is_refused(name: str, world: World) -> None:
    runtime = factory_definitions.runtime(world.customer)

    with pytest.raises(HttpResponseError, match="is not valid") as caught:
        world.client.integration_runtimes.create_or_update(GROUP, FACTORY, name, runtime)

    assert caught.value.status_code == 400


def test_what_is_not_deployed_is_not_found(world: World) -> None:
    with pytest.raises(ResourceNotFoundError, match="does not exist") as caught:
        world.client.pipelines.get(GROUP, FACTORY, "o365_Message_v1")
    assert caught.value.error
    assert caught.value.error.code == "NotFound"
    with pytest.raises(ResourceNotFoundError):
        world.client.pipelines.create_run(GROUP, FACTORY, "o365_Message_v1", parameters={})
    with pytest.raises(ResourceNotFoundError):
        world.status("00000000-0000-4000-8000-000000000000")


def test_a_definition_must_refer_to_what_is_there(world: World) -> None:
    with pytest.raises(HttpResponseError, match="invalid reference 'o365_lake'"):
        world.client.datasets.create_or_update(GROUP, FACTORY, "x", factory_definitions.lake_folder(world.customer))


def test_a_run_needs_its_parameters(world: World) -> None:
    name = world.deploy()
    with pytest.raises(HttpResponseError, match="endTime"):
        world.client.pipelines.create_run(GROUP, FACTORY, name, parameters={"folder": "raw"})


def test_another_api_version_is_refused(world: World) -> None:
    answer = world.arm("GET", f"{GROUP_ID}/providers/Microsoft.DataFactory/factories/f/pipelines/p", "2017-09-01")
    assert (answer.status_code, answer.json()["error"]["code"]) == (400, "InvalidApiVersionParameter")


@pytest.mark.parametrize("decisions", [[], [State.DENIED], [State.APPROVED, State.DENIED]])
def test_without_an_approval_in_force_the_run_fails_and_lands_nothing(world: World, decisions: list[State]) -> None:
    request = world.customer.data_request
    world.sandbox.register("t1", request, [world.customer.sink])
    for decision in decisions:
        world.sandbox.decide("t1", request.application_id, decision, APPROVER)

    run = world.run_to_end()

    assert run.status == "Failed"
    assert "the application's authorization is approved" in run.message
    error = world.activity(run.run_id).error
    assert (error["failureType"], error["errorCode"]) == ("UserError", "2200")
    assert world.landed() == []


def test_a_column_that_was_not_approved_fails_the_run(world: World) -> None:
    world.approve()
    requested = world.customer.data_request.requested("Message_v1")
    assert requested
    wider = requested.model_copy(update={"columns": (*requested.columns, "subject")})
    run_id = world.start(world.deploy(pipeline=factory_definitions.copy_pipeline(wider)))
    world.clock.forward(seconds=6)

    assert world.status(run_id).status == "Failed"
    assert "subset of the authorized columns" in world.status(run_id).message
    assert "subject" in world.status(run_id).message


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"dateFilterColumn": None, "startTime": None, "endTime": None}, "requires a date filter"),
        ({"endTime": None}, "must both be given"),
        ({"allowedGroups": [f"g{n}" for n in range(11)]}, "at most 10 groups"),
        ({"startTime": {"type": "Expression", "value": "@utcnow()"}}, "cannot evaluate '@utcnow\\(\\)'"),
    ],
)
def test_what_data_connect_refuses_fails_the_run(world: World, change: dict[str, object], reason: str) -> None:
    world.approve()
    requested = world.customer.data_request.requested("Message_v1")
    assert requested
    pipeline = factory_definitions.copy_pipeline(requested).as_dict()
    pipeline["properties"]["activities"][0]["typeProperties"]["source"].update(change)
    run_id = world.start(world.deploy(pipeline=adf.PipelineResource(pipeline)))
    world.clock.forward(seconds=6)

    run = world.status(run_id)
    assert run.status == "Failed"
    with pytest.raises(AssertionError, match=reason):
        raise AssertionError(run.message)


def test_a_decision_after_the_start_does_not_save_a_run(world: World) -> None:
    run_id = world.start(world.deploy())
    world.clock.forward(seconds=2)
    world.approve()
    world.clock.forward(seconds=4)
    assert world.status(run_id).status == "Failed"


def test_a_cancelled_run_lands_nothing(world: World) -> None:
    world.approve()
    run_id = world.start(world.deploy())
    world.clock.forward(seconds=2)

    world.client.pipeline_runs.cancel(GROUP, FACTORY, run_id)
    canceling = world.status(run_id).status
    world.clock.forward(seconds=60)

    assert (canceling, world.status(run_id).status) == ("Canceling", "Cancelled")
    assert world.landed() == []
    with pytest.raises(HttpResponseError, match="has ended as Cancelled"):
        world.client.pipeline_runs.cancel(GROUP, FACTORY, run_id)


def test_runs_are_queried_by_status_and_pipeline_in_pages(world: World) -> None:
    world.approve()
    messages, users = world.deploy("Message_v1"), world.deploy("User_v1")
    done = world.start(users)
    world.clock.forward(seconds=10)
    waiting = [world.start(messages) for _ in range(102)]
    query = everything()
    query.filters = [
        adf.RunQueryFilter(operand="PipelineName", operator="Equals", values_property=[messages]),
        adf.RunQueryFilter(operand="Status", operator="NotIn", values_property=["Succeeded", "Failed"]),
    ]

    first = world.client.pipeline_runs.query_by_factory(GROUP, FACTORY, query)
    query.continuation_token = first.continuation_token
    second = world.client.pipeline_runs.query_by_factory(GROUP, FACTORY, query)
    query = everything()
    query.filters = [adf.RunQueryFilter(operand="Status", operator="Equals", values_property=["Succeeded"])]
    ended = world.client.pipeline_runs.query_by_factory(GROUP, FACTORY, query)

    assert [run.run_id for run in (*first.value, *second.value)] == waiting
    assert len(first.value) == 100
    assert second.continuation_token is None
    assert [(run.run_id, run.parameters) for run in ended.value] == [(done, world.status(done).parameters)]
    assert len(world.sandbox.factory_runs()) == 103


class CountingTenant:
    """Notes every copy in a file, so that processes can be counted."""

    def __init__(self, notes: Path) -> None:
        self.notes = notes

    def lines(self, job: CopyJob) -> Iterator[OutputLine]:
        with self.notes.open("a") as notes:
            notes.write(f"{job.folder}\n")
        for number in range(20_000):
            yield OutputLine(0, b'{"id":"%d"}\n' % number, 1)


def read_run(home: Path, now: dt.datetime, run_id: str) -> None:
    """What another process does with the sandbox in that folder."""
    world = World(home, CountingTenant(home / "notes"))
    world.clock.now = now
    world.status(run_id)


def test_two_processes_that_read_at_once_copy_once(tmp_path: Path) -> None:
    world = World(tmp_path, CountingTenant(tmp_path / "notes"))
    world.approve()
    run_id = world.start(world.deploy())
    world.clock.forward(seconds=6)

    # Both are forked from one process that has imported all.
    processes = multiprocessing.get_context("forkserver")
    processes.set_forkserver_preload([__name__])
    with ProcessPoolExecutor(2, mp_context=processes) as pool:
        reads = [pool.submit(read_run, tmp_path, world.clock.now, run_id) for _ in range(4)]
        for read in reads:
            read.result(timeout=60)

    assert world.status(run_id).status == "Succeeded"
    assert len((tmp_path / "notes").read_text().splitlines()) == 1
    world.subscribe()
    world.clock.forward(seconds=1)
    assert [record["RowCount"] for record in world.records() if record["RecordType"] == 183] == [20_000]


def test_threads_that_read_at_once_copy_once(tmp_path: Path) -> None:
    world = World(tmp_path, CountingTenant(tmp_path / "notes"))
    world.approve()
    run_id = world.start(world.deploy())
    world.clock.forward(seconds=6)

    with ThreadPoolExecutor(4) as pool:
        list(pool.map(world.status, [run_id] * 8))

    assert world.status(run_id).status == "Succeeded"
    assert len((tmp_path / "notes").read_text().splitlines()) == 1


def test_an_interrupted_copy_is_repeated_over_its_files(world: World) -> None:
    world.approve()
    run_id = world.start(world.deploy())
    world.clock.forward(seconds=6)
    path = f"raw/contoso/o365_Message_v1/w1/{run_id}/part-00000.json"
    world.lake.write(path, b"half a")
    assert world.status(run_id).status == "Succeeded"
    assert b"half a" not in world.lake.read(path)
