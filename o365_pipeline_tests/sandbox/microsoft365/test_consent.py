"""The admin center and the feed: what is registered and decided, and how it is read."""

import datetime as dt
from pathlib import Path

import pytest

from o365_pipeline.consent.activity_feed import ActivityFeed, Position
from o365_pipeline.consent.approvals import ApprovalEvent, State
from o365_pipeline.consent.feed_records import classify_records
from o365_pipeline.errors import UsageError
from o365_pipeline.raw.lakes import Lakes
from o365_pipeline.sandbox.cloud import SandboxCloud
from o365_pipeline.sandbox.microsoft365.admin_center import Sandbox
from o365_pipeline_tests.sandbox.conftest import APPROVER, World, customer


def states(world: World) -> list[str]:
    return [record["State"] for record in world.records() if record["RecordType"] == 217]


def test_a_registration_waits_for_approval_and_is_announced_once(world: World) -> None:
    world.subscribe()
    for _ in range(2):
        world.sandbox.register("t1", world.customer.data_request, [world.customer.sink])
    world.clock.forward(minutes=1)
    assert states(world) == ["PendingAuthorization"]
    assert world.sandbox.consent_status_of("t1", "app").state is State.PENDING


def test_a_changed_request_is_pending_before_and_an_update_after_an_approval(world: World) -> None:
    world.subscribe()
    request = world.customer.data_request
    world.sandbox.register("t1", request, ["https://acc.dfs.core.windows.net/a"])
    world.approve(request)
    world.sandbox.register("t1", request.model_copy(update={"application_version": "2"}), [world.customer.sink])
    world.clock.forward(minutes=1)
    assert states(world) == ["PendingAuthorization", "PendingAuthorization", "Approved", "UpdateAvailable"]
    consent_status = world.sandbox.consent_status_of("t1", "app")
    assert consent_status.state is State.UPDATE_AVAILABLE
    assert consent_status.approval


def test_an_approval_holds_for_180_days_and_parses_as_an_event(world: World) -> None:
    world.subscribe()
    world.approve()
    decided = world.clock.now
    world.clock.forward(minutes=1)

    event = ApprovalEvent.model_validate(world.records()[-1])

    assert event.expires_at == decided + dt.timedelta(days=180)
    assert (event.approver, event.sinks) == (APPROVER, (world.customer.sink,))
    assert event.datasets[0].name == "BasicDataSet_v0.Message_v1"
    assert event.datasets[0].columns == world.customer.data_request.datasets[0].columns
    world.clock.forward(days=180)
    assert world.sandbox.consent_status_of("t1", "app").state is State.EXPIRED


def test_the_owner_cannot_approve(world: World) -> None:
    world.sandbox.register("t1", world.customer.data_request, [world.customer.sink])
    with pytest.raises(UsageError, match="App approver and owner cannot be the same user"):
        world.sandbox.decide("t1", "app", State.APPROVED, "Developer@Contoso.example")


def test_what_is_not_registered_cannot_be_decided(world: World) -> None:
    with pytest.raises(UsageError, match="application nope has no data request"):
        world.sandbox.decide("t1", "nope", State.APPROVED, APPROVER)


def test_an_operation_record_follows_every_run(world: World) -> None:
    world.subscribe()
    world.approve()
    good = world.run_to_end()
    world.sandbox.decide("t1", "app", State.DENIED, APPROVER)
    bad = world.run_to_end()
    world.clock.forward(minutes=1)

    records = {record["PipelineRunId"]: record for record in world.records() if record["RecordType"] == 183}

    assert records[good.run_id]["RowCount"] == len(world.rows(good.run_id))
    assert records[good.run_id]["Status"] == "Succeeded"
    assert records[bad.run_id]["RowCount"] == 0
    assert "authorization is approved" in records[bad.run_id]["Reason"]


def test_the_feed_is_read_in_pages_each_record_once(world: World) -> None:
    world.subscribe()
    world.sandbox.register("t1", world.customer.data_request, [world.customer.sink])
    for _ in range(24):
        world.clock.forward(minutes=1)
        world.sandbox.decide("t1", "app", State.APPROVED, APPROVER)
    world.clock.forward(minutes=1)

    page = world.get("subscriptions/content", contentType="Audit.General")

    assert len(page.json()) == 10
    assert len({record["Id"] for record in world.records()}) == len(world.records()) == 25


def test_a_window_includes_its_start_and_excludes_its_end(world: World) -> None:
    world.subscribe()
    world.sandbox.register("t1", world.customer.data_request, [world.customer.sink])
    at = world.clock.now
    world.clock.forward(hours=1)

    def count(start: dt.datetime, end: dt.datetime) -> int:
        window = {"startTime": start.isoformat()[:19], "endTime": end.isoformat()[:19]}
        return len(world.get("subscriptions/content", contentType="Audit.General", **window).json())

    second = dt.timedelta(seconds=1)
    assert (count(at, at + second), count(at - second, at)) == (1, 0)


@pytest.mark.parametrize(
    ("start", "end", "code"),
    [
        ("2026-11-23T00:00:00", "2026-11-24T00:00:01", "AF20030"),
        ("2026-11-24T00:00:00", "2026-11-23T00:00:00", "AF20030"),
        ("2026-11-23T00:00:00", None, "AF20030"),
        ("2026-11-17T08:59:59", "2026-11-17T10:00:00", "AF20055"),
        ("yesterday", "today", "AF20002"),
    ],
)
def test_a_window_that_is_too_long_or_too_old_is_refused(world: World, start: str, end: str | None, code: str) -> None:
    world.subscribe()
    window = {"startTime": start} | ({"endTime": end} if end else {})
    answer = world.get("subscriptions/content", contentType="Audit.General", **window)
    assert (answer.status_code, answer.json()["error"]["code"]) == (400, code)


def test_content_needs_a_subscription_which_is_started_once(world: World) -> None:
    refused = world.get("subscriptions/content", contentType="Audit.General")
    assert refused.json()["error"]["code"] == "AF20022"
    assert world.subscribe().status_code == 200
    assert world.subscribe().json()["error"]["code"] == "AF20024"


def test_the_pipeline_reads_the_sandbox_by_configuration_alone(tmp_path: Path) -> None:
    cloud = SandboxCloud(home=str(tmp_path), lakes=Lakes((tmp_path / "lake").as_uri()))
    Sandbox(tmp_path).register("t1", customer().data_request, [customer().sink])
    now = dt.datetime.now(dt.UTC)

    page = ActivityFeed(cloud=cloud).read(customer(), Position(now - dt.timedelta(hours=1)), now)

    assert page.subscribed
    assert [event.state for event in classify_records(page.records, "t1").approvals] == [State.PENDING]


def test_deny_groups_stand_in_every_dataset_of_the_approval(world: World) -> None:
    world.subscribe()
    world.sandbox.register("t1", world.customer.data_request, [world.customer.sink])
    world.sandbox.decide("t1", "app", State.APPROVED, APPROVER, deny_groups=["g1", "g2"])
    world.sandbox.decide("t1", "app", State.APPROVED, APPROVER)
    world.clock.forward(minutes=1)

    [_, without_some, with_all] = world.records()

    assert [entry["DenyGroups"] for entry in without_some["Datasets"]] == [["g1", "g2"]] * 2
    assert {entry["PrivacyPolicyType"] for entry in without_some["Datasets"]} == {"DenyList"}
    assert {entry["PrivacyPolicyType"] for entry in with_all["Datasets"]} == {"None"}
    assert not [entry for entry in with_all["Datasets"] if "DenyGroups" in entry]
    assert ApprovalEvent.model_validate(without_some).datasets[0].deny_groups == ("g1", "g2")


def test_only_an_approval_leaves_out_groups(world: World) -> None:
    world.sandbox.register("t1", world.customer.data_request, [world.customer.sink])
    with pytest.raises(UsageError, match="only Approved leaves out groups"):
        world.sandbox.decide("t1", "app", State.DENIED, APPROVER, "no", deny_groups=["g1"])


def test_data_requests_are_read_over_all_tenants_with_standing_and_history(world: World) -> None:
    world.approve()
    world.clock.forward(days=10)
    world.sandbox.register("t0", world.customer.data_request, [world.customer.sink])

    waiting, approved = world.sandbox.data_requests()

    assert (waiting.registration.tenant_id, waiting.state, waiting.days_left) == ("t0", State.PENDING, None)
    assert (approved.registration.tenant_id, approved.state, approved.days_left) == ("t1", State.APPROVED, 170)
    assert [event.state for event in approved.history] == [State.APPROVED, State.PENDING]
    assert world.sandbox.data_request("t1", "app") == approved
    assert world.sandbox.data_request("t1", "nope") is None
