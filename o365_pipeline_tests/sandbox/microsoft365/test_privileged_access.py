"""Older tenants: a run that no approval covers waits for consent, goes on with it, and fails a day later without."""

from pathlib import Path

import pytest
from azure.mgmt.datafactory import models as adf

from o365_pipeline.consent.approvals import State
from o365_pipeline.extraction import factory_definitions
from o365_pipeline.sandbox.tenant.synthetic_tenant import SyntheticTenant
from o365_pipeline_tests.sandbox.conftest import APPROVER, FACTORY, GROUP, World, copied_in, everything


@pytest.fixture
def older(tmp_path: Path) -> World:
    return World(tmp_path, SyntheticTenant(users=20), privileged_access=True)


def details(world: World, run_id: str) -> str:
    [entry] = world.activity(run_id).output["executionDetails"]
    return entry["status"]


def waiting(world: World, seconds: float = 2) -> str:
    """A run that has been asked for so long ago; it starts after one second."""
    run_id = world.start(world.deploy())
    world.clock.forward(seconds=seconds)
    return run_id


def test_a_run_without_approval_requests_consent_and_waits(older: World) -> None:
    run_id = waiting(older)
    seen = [(older.status(run_id).status, older.activity(run_id).status, details(older, run_id))]
    for parts in ({"seconds": 58}, {"seconds": 1}, {"hours": 23}):
        older.clock.forward(**parts)
        seen.append((older.status(run_id).status, older.activity(run_id).status, details(older, run_id)))

    assert seen == [
        ("InProgress", "InProgress", "RequestingConsent"),
        ("InProgress", "InProgress", "RequestingConsent"),
        ("InProgress", "InProgress", "ConsentPending"),
        ("InProgress", "InProgress", "ConsentPending"),
    ]
    assert older.landed() == []


def test_a_waiting_run_is_found_among_those_in_progress(older: World) -> None:
    run_id = waiting(older)
    query = everything()
    query.filters = [adf.RunQueryFilter(operand="Status", operator="Equals", values_property=["InProgress"])]
    page = older.client.pipeline_runs.query_by_factory(GROUP, FACTORY, query)
    assert [run.run_id for run in page.value] == [run_id]


def test_an_approval_lets_a_waiting_run_go_on(older: World) -> None:
    run_id = waiting(older, 3600)
    older.status(run_id)
    older.approve()
    going_on = older.status(run_id)
    output = older.activity(run_id).output
    older.clock.forward(seconds=4)

    assert going_on.status == "InProgress"
    assert output == {}
    assert older.status(run_id).status == "Succeeded"
    assert older.activity(run_id).output["rowsCopied"] == len(older.rows(run_id)) > 200
    assert older.status(run_id).duration_in_ms == 3_604_000


def test_the_approval_that_ends_the_wait_may_deny_groups(older: World) -> None:
    run_id = waiting(older, 3600)
    older.approve_denying("Message_v1", ["g1"])
    older.clock.forward(seconds=4)

    assert older.status(run_id).status == "Succeeded"
    denied = older.operation(run_id)["UndeliveredScope"]
    assert denied
    assert not {row["puser"] for row in older.rows(run_id)} & set(denied)


def test_it_does_not_matter_when_a_waiting_run_is_looked_at(older: World) -> None:
    run_id = waiting(older, 3600)
    older.approve()
    older.clock.forward(days=3)
    assert older.status(run_id).status == "Succeeded"
    assert older.status(run_id).duration_in_ms == 3_604_000


def test_a_run_that_is_covered_does_not_wait(older: World) -> None:
    older.approve()
    run_id = waiting(older)
    assert older.activity(run_id).output == {}
    older.clock.forward(seconds=3)
    assert older.status(run_id).status == "Succeeded"


def test_an_approval_of_less_leaves_the_run_waiting(older: World) -> None:
    requested = older.customer.data_request.requested("Message_v1")
    assert requested
    wider = requested.model_copy(update={"columns": (*requested.columns, "subject")})
    run_id = older.start(older.deploy(pipeline=factory_definitions.copy_pipeline(wider)))
    older.clock.forward(seconds=120)
    older.approve()
    older.clock.forward(seconds=120)
    assert (older.status(run_id).status, details(older, run_id)) == ("InProgress", "ConsentPending")


@pytest.mark.parametrize("denied", [False, True])
def test_a_request_that_nobody_approves_lapses_after_a_day(older: World, denied: bool) -> None:
    run_id = waiting(older)
    if denied:
        older.sandbox.register("t1", older.customer.data_request, [older.customer.sink])
        older.sandbox.decide("t1", "app", State.DENIED, APPROVER)
    older.clock.forward(hours=23, minutes=59, seconds=58)
    before = older.status(run_id).status
    older.clock.forward(seconds=1)
    run = older.status(run_id)
    older.approve()
    older.clock.forward(minutes=1)

    assert (before, run.status, older.status(run_id).status) == ("InProgress", "Failed", "Failed")
    error = older.activity(run_id).error
    assert error["errorCode"] == "2200"
    assert error["message"] == run.message == "The request for consent lapsed: nobody approved it within 24 hours."
    assert older.landed() == []
    older.subscribe()
    [record] = [record for record in older.records() if record["RecordType"] == 183]
    assert (record["Status"], record["Reason"]) == ("Failed", run.message)


def test_an_approval_after_the_lapse_is_too_late_even_for_a_run_that_nobody_looked_at(older: World) -> None:
    run_id = waiting(older)
    older.clock.forward(hours=25)
    older.approve()
    older.clock.forward(hours=1)
    assert older.status(run_id).status == "Failed"


def test_a_waiting_run_can_be_cancelled(older: World) -> None:
    run_id = waiting(older, 120)
    older.client.pipeline_runs.cancel(GROUP, FACTORY, run_id)
    canceling = older.status(run_id).status
    older.approve()
    older.clock.forward(hours=25)

    assert (canceling, older.status(run_id).status) == ("Canceling", "Cancelled")
    assert older.activity(run_id).output == {}
    assert older.landed() == []


def test_what_data_connect_refuses_in_any_case_does_not_wait(older: World) -> None:
    requested = older.customer.data_request.requested("Message_v1")
    assert requested
    pipeline = factory_definitions.copy_pipeline(requested).as_dict()
    pipeline["properties"]["activities"][0]["typeProperties"]["source"]["endTime"] = None
    run_id = older.start(older.deploy(pipeline=adf.PipelineResource(pipeline)))
    older.clock.forward(seconds=2)
    assert older.status(run_id).status == "Failed"


def test_a_sandbox_is_an_older_tenant_by_configuration_alone(tmp_path: Path) -> None:
    assert copied_in(tmp_path, privileged_access=True).status == "InProgress"
    assert copied_in(tmp_path).status == "Failed"
