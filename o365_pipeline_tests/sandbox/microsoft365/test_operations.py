"""Operation records: Microsoft's own count of the people and rows of a run, and when the feed has it."""

import datetime as dt
import json
from pathlib import Path

import pytest

from o365_pipeline.consent.approvals import State
from o365_pipeline.customers.data_request import DataRequest
from o365_pipeline.sandbox.microsoft365.admin_center import Sandbox
from o365_pipeline.sandbox.state import State as SandboxState
from o365_pipeline.sandbox.tenant.synthetic_tenant import OTHER_REGION, UNREADABLE, SyntheticTenant
from o365_pipeline_tests.sandbox.conftest import (
    APPROVER,
    FACTORY,
    GROUP,
    World,
    copied_in,
    counts,
    customer,
    everything,
)


@pytest.mark.parametrize("dataset", ["Message_v1", "User_v1"])
def test_who_has_no_data_is_delivered_too(world: World, dataset: str) -> None:
    world.approve()
    run = world.run_to_end(dataset)

    record = world.operation(run.run_id)

    assert counts(record) == (20, 20)
    assert "UndeliveredScope" not in record
    assert record["RowCount"] == len(world.rows(run.run_id)) == world.activity(run.run_id).output["rowsCopied"]
    assert (record["Status"], record["Reason"]) == ("Succeeded", None)


def test_people_without_a_row_count_as_delivered(tmp_path: Path) -> None:
    request = {
        "application_id": "app",
        "application_name": "Insights",
        "application_tenant_id": "vendor",
        "owner": "developer@contoso.example",
        "datasets": [{"name": "Manager_v0", "columns": ["id"]}],
    }
    world = World(tmp_path, SyntheticTenant(users=20))
    world.customer = world.customer.model_copy(update={"data_request": DataRequest.model_validate(request)})
    world.approve()
    run = world.run_to_end("Manager_v0")

    assert counts(world.operation(run.run_id)) == (20, 20)
    assert len(world.rows(run.run_id)) < 20


def test_microsofts_count_may_differ_from_the_factorys(tmp_path: Path) -> None:
    world = World(tmp_path, SyntheticTenant(users=20), miscount=3)
    world.approve()
    run = world.run_to_end()
    rows = world.activity(run.run_id).output["rowsCopied"]
    assert world.operation(run.run_id)["RowCount"] == rows + 3 == len(world.rows(run.run_id)) + 3


def test_a_run_that_was_refused_counts_no_people(tmp_path: Path) -> None:
    world = World(tmp_path, SyntheticTenant(users=20), miscount=3)
    record = world.operation(world.run_to_end().run_id)
    assert (record["Status"], record["RowCount"]) == ("Failed", 0)
    assert "ScopeCountRequested" not in record


def test_an_operation_record_comes_late_and_an_approval_does_not(tmp_path: Path) -> None:
    world = World(tmp_path, SyntheticTenant(users=20), feed_lag_seconds=7200)
    world.subscribe()
    world.approve()
    run = world.run_to_end()
    ended = world.clock.now
    world.clock.forward(minutes=30)
    world.sandbox.decide("t1", "app", State.APPROVED, APPROVER)
    world.clock.forward(minutes=30)
    window = {"startTime": "2026-11-24T09:00", "endTime": "2026-11-25T09:00"}
    early = world.blobs(**window)
    world.clock.forward(hours=1)
    late = world.blobs(**window)

    assert len(early) == 3
    assert late[:-1] == early
    assert dt.datetime.fromisoformat(late[-1]["contentCreated"]) == ended + dt.timedelta(hours=2)
    [record] = world.get(late[-1]["contentUri"]).json()
    assert record["RecordType"] == 183
    assert (record["PipelineRunId"], record["CreationTime"][:16]) == (run.run_id, f"{ended:%Y-%m-%dT%H:%M}")


def test_a_record_that_is_not_in_the_feed_yet_cannot_be_fetched(tmp_path: Path) -> None:
    world = World(tmp_path, SyntheticTenant(users=20), feed_lag_seconds=60)
    world.subscribe()
    world.approve()
    world.run_to_end()
    with world.factories.state.reading() as connection:
        (content_id,) = connection.execute("SELECT content_id FROM record WHERE record_type = 183").fetchone()
    early = world.get(f"audit/{content_id}")
    world.clock.forward(seconds=60)
    assert (early.status_code, world.get(f"audit/{content_id}").status_code) == (404, 200)


@pytest.mark.parametrize("seconds", [0, 2])
def test_a_run_is_cancelled_in_the_queue_or_at_work_and_its_record_says_so(world: World, seconds: int) -> None:
    world.approve()
    run_id = world.start(world.deploy())
    world.clock.forward(seconds=seconds)
    before = world.status(run_id).status

    world.client.pipeline_runs.cancel(GROUP, FACTORY, run_id)
    world.clock.forward(minutes=1)
    after = world.status(run_id)

    assert (before, after.status) == ("InProgress" if seconds else "Queued", "Cancelled")
    assert world.landed() == []
    record = world.operation(run_id)
    assert (record["Status"], record["RowCount"]) == ("Cancelled", 0)
    assert record["RunStartTime"] <= record["RunEndTime"]
    activities = world.client.activity_runs.query_by_pipeline_run(GROUP, FACTORY, run_id, everything()).value
    assert [activity.status for activity in activities] == (["Cancelled"] if seconds else [])


def test_a_sandbox_counts_by_its_configuration(tmp_path: Path) -> None:
    Sandbox(tmp_path).register("t1", customer().data_request, [customer().sink])
    Sandbox(tmp_path).decide("t1", "app", State.APPROVED, APPROVER)
    run = copied_in(tmp_path, out_of_region=0.4, failing=0.4, feed_lag_seconds=3600, miscount=5)

    assert run.status == "Succeeded"
    with SandboxState(tmp_path).reading() as connection:
        row = connection.execute("SELECT available_at, content FROM record WHERE record_type = 183").fetchone()
    record = json.loads(row["content"])
    rows = [json.loads(line) for path in (tmp_path / "lake").rglob("*.json") for line in path.open()]
    told = {row["rowinformation"]["errorInformation"] for row in rows}
    assert told == {None, OTHER_REGION, UNREADABLE}
    assert record["RowCount"] == len(rows) + 5
    lag = dt.datetime.fromisoformat(row["available_at"]) - dt.datetime.fromisoformat(record["CreationTime"] + "Z")
    assert lag == dt.timedelta(hours=1)
