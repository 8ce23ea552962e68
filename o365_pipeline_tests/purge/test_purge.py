"""Purging: nothing is left of what no approval covers, all is left of the rest, and the ledger says so."""

from __future__ import annotations

import datetime as dt
import json
import logging
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import dagster as dg
import duckdb
import pytest
import sqlalchemy as sa

from o365_pipeline.consent import feed_ledger
from o365_pipeline.consent.activity_feed import Position
from o365_pipeline.consent.approvals import State
from o365_pipeline.customers.customer import Customer
from o365_pipeline.database.deletion_ledger import purge as purge_table
from o365_pipeline.database.ledger import extraction, landing, release
from o365_pipeline.deployment import Deployment
from o365_pipeline.extraction import extraction_ledger
from o365_pipeline.purge import deletion
from o365_pipeline.purge.job import carry_out
from o365_pipeline.purge.plan import missing_decisions, next_purge_at, plan_purge
from o365_pipeline.raw.lake import Lake
from o365_pipeline_tests.conftest import DAY
from o365_pipeline_tests.purge.conftest import Narrow
from o365_pipeline_tests.runner import Runner, lake_of, mart_rows

Decide = Callable[..., None]
STAGES = ("raw", "curated", "user_rows", "quarantine")
MESSAGES = dg.AssetKey(["curated", "message"])


def purge(runner: Runner) -> Any:
    config = {"ops": {"purge": {"config": {"customer": "contoso"}}}}
    return runner.execute("purge_job", {"o365/customer": "contoso"}, config=config)


def records(deployment: Deployment) -> list[Any]:
    with deployment.database.begin() as connection:
        return list(connection.execute(sa.select(purge_table).order_by(purge_table.c.started_at)))


def objects(deployment: Deployment) -> list[str]:
    return [path for stage in STAGES for path, _ in lake_of(deployment).objects(stage)]


def test_while_the_approval_is_in_force_nothing_is_purged(moved: Runner, deployment: Deployment) -> None:
    before = (objects(deployment), mart_rows(deployment))

    assert purge(moved).success

    assert (objects(deployment), mart_rows(deployment)) == before
    assert records(deployment) == []
    assert "Nothing is to be purged" in str(moved.tick("purge_sensor").skip_reason)


def test_after_a_revocation_nothing_is_left(moved: Runner, deployment: Deployment, decide: Decide) -> None:
    with deployment.database.begin() as connection:
        [name, *_] = connection.scalars(sa.text("SELECT display_name FROM dim_person")).all()
    lake_before, rows_before = objects(deployment), sum(len(rows) for rows in mart_rows(deployment).values())
    previews = moved.instance.get_latest_materialization_event(MESSAGES)
    assert previews
    assert previews.asset_materialization
    assert "preview" in previews.asset_materialization.metadata
    decide(State.DENIED)

    assert purge(moved).success

    assert objects(deployment) == []
    assert not any(mart_rows(deployment).values())
    assert name.encode() not in (deployment.home / "mart.db").read_bytes()
    for key in moved.definitions.resolve_all_asset_keys():
        if key.path[0] in ("raw", "curated", "mart"):
            latest = moved.instance.get_latest_materialization_event(key)
            assert latest is None or "preview" not in latest.asset_materialization.metadata
            found = moved.instance.fetch_materializations(key, limit=100).records
            assert not [record for record in found if "preview" in record.asset_materialization.metadata]
    [record] = records(deployment)
    assert record.purged_at
    assert record.reason.startswith("Denied since")
    assert record.event_id
    assert record.lake_objects == len(lake_before)
    assert record.mart_rows == rows_before
    assert record.dagster_runs > 0


def test_nothing_that_killed_processes_were_at_work_on_is_left(
    moved: Runner, deployment: Deployment, decide: Decide
) -> None:
    work = deployment.home / "scratch" / "killed" / "work.duckdb"
    half = [
        deployment.home / "lake" / path / "part.parquet#1"
        for path in ("raw/contoso/user/2026-11-16/run", "curated/message/customer=contoso")
    ]
    for left in (work, *half):
        left.parent.mkdir(parents=True, exist_ok=True)
        left.write_text("Ann Example")
    decide(State.DENIED)

    assert purge(moved).success

    assert [left for left in (work, *half) if left.exists()] == []
    assert [path for path in work.parents[1].iterdir() if path.is_dir()] == []


def test_after_an_expiry_the_purge_waits_for_the_grace(
    moved: Runner, deployment: Deployment, customer: Customer
) -> None:
    patient = customer.model_copy(update={"purge_grace_days": 30})
    ends = dt.datetime.now(dt.UTC) + dt.timedelta(days=180)

    def is_due(days: int) -> bool:
        at = ends + dt.timedelta(days=days)
        return plan_purge(deployment.database, patient, at, although_in_doubt=True) is not None

    assert not is_due(29)
    assert is_due(31)
    day = next_purge_at(deployment.database, patient, ends + dt.timedelta(days=1))
    assert day
    assert day.date() == (ends + dt.timedelta(days=30)).date()
    assert next_purge_at(deployment.database, patient, ends - dt.timedelta(days=1)) is None


def test_nothing_is_purged_while_a_renewal_may_have_been_missed(
    moved: Runner, deployment: Deployment, customer: Customer, decide: Decide
) -> None:
    decide(State.DENIED)
    later = dt.datetime.now(dt.UTC) + dt.timedelta(days=2)
    assert plan_purge(deployment.database, customer, later) is None
    assert missing_decisions(deployment.database, customer, later) == "the feed of decisions was not read for a day"

    log = logging.getLogger("o365_pipeline")
    customers = deployment.customers
    much_later = later + dt.timedelta(days=20)
    place = feed_ledger.read_feed_states(deployment.database, customers, much_later, log)[customer.name]
    with deployment.database.begin() as connection:
        feed_ledger.save_feed_state(connection, customer, replace(place, position=Position(much_later)))
    assert "may be missing" in (missing_decisions(deployment.database, customer, much_later) or "")
    assert plan_purge(deployment.database, customer, much_later) is None
    assert plan_purge(deployment.database, customer, much_later, although_in_doubt=True) is not None


def test_data_within_its_grace_stays_in_the_mart_when_other_data_is_purged(
    moved: Runner, deployment: Deployment, customer: Customer, narrow: Narrow, decide: Decide
) -> None:
    before = mart_rows(deployment)
    _, changed = narrow("TeamChat_v1")
    chats = plan_purge(deployment.database, changed, dt.datetime.now(dt.UTC))
    assert chats
    decide(State.DENIED)

    deletion.begin(deployment.database, chats, dt.datetime.now(dt.UTC))
    deletion.delete(deployment.marts, lake_of(deployment), changed, chats)

    after = mart_rows(deployment)
    assert after["fact_chat"] == []
    assert after["fact_message"] == before["fact_message"] != []


def test_a_day_that_lands_while_a_purge_runs_stays(
    moved: Runner,
    deployment: Deployment,
    customer: Customer,
    narrow: Narrow,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    runner, changed = narrow("TeamChat_v1")
    plan = plan_purge(deployment.database, changed, dt.datetime.now(dt.UTC))
    assert plan
    third = DAY + dt.timedelta(days=2)
    others = runner.keys("raw", "curated", "mart")
    curate_again = deletion._curate_again

    def land_meanwhile(*arguments: Any) -> None:
        assert runner.execute_day("landing_job", others, third).success
        curate_again(*arguments)

    monkeypatch.setattr(deletion, "_curate_again", land_meanwhile)
    deletion.begin(deployment.database, plan, dt.datetime.now(dt.UTC))
    deletion.delete(deployment.marts, lake_of(deployment), changed, plan)

    days = {row[1] for row in mart_rows(deployment)["fact_message"]}
    assert third in days
    assert len(days) == 3


def test_a_kill_before_dagsters_runs_are_deleted_leaves_no_preview_after_the_repeat(
    moved: Runner, deployment: Deployment, customer: Customer, decide: Decide, monkeypatch: pytest.MonkeyPatch
) -> None:
    decide(State.DENIED)
    with monkeypatch.context() as patch:

        def die(*_: object) -> None:
            raise Killed

        patch.setattr(type(moved.instance), "delete_run", die)
        plan = plan_purge(deployment.database, customer, dt.datetime.now(dt.UTC))
        assert plan
        with pytest.raises(Killed):
            carry_out(moved.instance, deployment.marts, lake_of(deployment), customer, plan)

    assert purge(moved).success

    for key in moved.definitions.resolve_all_asset_keys():
        latest = moved.instance.get_latest_materialization_event(key)
        assert latest is None or "preview" not in latest.asset_materialization.metadata


def test_the_sensor_says_when_it_will_purge_and_then_does(
    moved: Runner, deployment: Deployment, customer: Customer, decide: Decide
) -> None:
    decide(State.DENIED)
    moved.deployment.resources["customers"]._customers["contoso"] = customer.model_copy(update={"purge_grace_days": 30})
    assert "contoso: what is no longer approved is purged on" in str(moved.tick("purge_sensor").skip_reason)

    moved.deployment.resources["customers"]._customers["contoso"] = customer
    [request] = moved.tick("purge_sensor").run_requests or []

    assert request.job_name == "purge_job"
    assert moved.execute("purge_job", dict(request.tags), config=dict(request.run_config)).success
    assert objects(deployment) == []


def test_purging_again_changes_nothing_and_records_nothing(
    moved: Runner, deployment: Deployment, decide: Decide
) -> None:
    decide(State.DENIED)
    assert purge(moved).success
    before = records(deployment)

    assert purge(moved).success

    assert records(deployment) == before


def test_purged_days_are_extracted_again_under_a_new_approval(
    moved: Runner, deployment: Deployment, decide: Decide
) -> None:
    rows, runs = mart_rows(deployment), len(deployment.sandbox.factory_runs())
    decide(State.DENIED)
    assert purge(moved).success
    decide()

    moved.move()

    assert {table: len(found) for table, found in mart_rows(deployment).items()} == {
        table: len(found) for table, found in rows.items()
    }
    assert len(deployment.sandbox.factory_runs()) == 2 * runs


def test_a_dropped_dataset_is_purged_alone(moved: Runner, deployment: Deployment, narrow: Narrow) -> None:
    before = mart_rows(deployment)
    runner, _ = narrow("TeamChat_v1")

    assert purge(runner).success

    assert not [path for path in objects(deployment) if "/team_chat/" in path]
    after = mart_rows(deployment)
    assert before["fact_chat"]
    assert after["fact_chat"] == []
    assert after["fact_message"] == before["fact_message"]
    assert after["dim_site"] == before["dim_site"] != []
    [record] = records(deployment)
    assert "not covered by the approval of" in record.reason


def test_a_dropped_column_is_purged_from_raw_curated_and_mart_and_the_rest_stays(
    moved: Runner, deployment: Deployment, narrow: Narrow
) -> None:
    before = mart_rows(deployment)
    runner, _ = narrow("User_v1", "jobTitle")

    assert purge(runner).success

    raw = [lake_of(deployment).read(path) for path, _ in lake_of(deployment).objects("raw/contoso/user")]
    assert raw
    assert not [content for content in raw if b"jobTitle" in content]
    curated = [path for path, _ in lake_of(deployment).objects("curated/user/customer=contoso")]
    files = lake_of(deployment).stage(curated, deployment.home)
    with duckdb.connect() as connection:
        titles, names = connection.execute(
            "SELECT count(job_title), count(display_name) FROM read_parquet(?)", [[str(file) for file in files]]
        ).fetchall()[0]
    assert titles == 0
    assert names > 0
    after = mart_rows(deployment)
    assert len(after["dim_person"]) == len(before["dim_person"])
    assert after["fact_message"] == before["fact_message"]
    with deployment.database.begin() as connection:
        assert not connection.scalars(sa.text("SELECT 1 FROM dim_person WHERE job_title IS NOT NULL")).all()
        columns = connection.scalars(sa.select(extraction.c.columns).where(extraction.c.dataset == "User_v1")).all()
    assert "jobTitle" not in json.loads(columns[0])


def test_a_damaged_landing_of_a_dropped_column_is_given_up_as_a_whole(
    moved: Runner, deployment: Deployment, narrow: Narrow
) -> None:
    lake = lake_of(deployment)
    part = next(path for path, _ in lake.objects("raw/contoso/user") if path.endswith(".json") and "part-" in path)
    lake.write(part, lake.read(part)[:-2])
    runner, _ = narrow("User_v1", "jobTitle")

    assert purge(runner).success

    assert not [path for path in objects(deployment) if "/user/" in path]
    with deployment.database.begin() as connection:
        [record] = connection.execute(sa.select(release))
    assert (record.dataset, record.reason.split(":")[0]) == ("User_v1", "columns could not be removed")
    with deployment.database.begin() as connection:
        assert not connection.scalars(sa.text("SELECT 1 FROM dim_person WHERE job_title IS NOT NULL")).all()
    assert mart_rows(deployment)["fact_message"]


def test_a_failed_extraction_of_a_dropped_column_is_purged_once(
    moved: Runner, deployment: Deployment, customer: Customer, narrow: Narrow
) -> None:
    with deployment.database.begin() as connection:
        ids = connection.scalars(sa.select(extraction.c.extraction_id).where(extraction.c.dataset == "User_v1")).all()
        connection.execute(extraction.update().where(extraction.c.extraction_id.in_(ids)).values(status="Failed"))
        connection.execute(sa.delete(landing).where(landing.c.extraction_id.in_(ids)))
    runner, changed = narrow("User_v1", "jobTitle")

    assert purge(runner).success

    assert plan_purge(deployment.database, changed, dt.datetime.now(dt.UTC)) is None
    assert len(records(deployment)) == 1
    assert not [path for path in objects(deployment) if "/user/" in path]


def test_a_window_asked_for_again_since_the_plan_was_made_is_left_alone(
    moved: Runner, deployment: Deployment, customer: Customer, decide: Decide
) -> None:
    decide(State.DENIED)
    plan = plan_purge(deployment.database, customer, dt.datetime.now(dt.UTC))
    assert plan
    again = plan.whole[0]
    with deployment.database.begin() as connection:
        connection.execute(extraction.update().where(extraction.c.extraction_id == again).values(status="Queued"))

    deletion.begin(deployment.database, plan, dt.datetime.now(dt.UTC))

    with deployment.database.begin() as connection:
        statuses = dict(connection.execute(sa.select(extraction.c.extraction_id, extraction.c.status)).all())
    assert statuses.pop(again) == "Queued"
    assert set(statuses.values()) == {"Purged"}


def test_after_a_column_was_purged_the_landing_is_still_sealed_and_can_be_rebuilt(
    moved: Runner, deployment: Deployment, narrow: Narrow
) -> None:
    runner, _ = narrow("User_v1", "jobTitle")
    assert purge(runner).success
    runs, rows = len(deployment.sandbox.factory_runs()), mart_rows(deployment)

    assert runner.execute_day("landing_job", runner.keys("raw", "curated", "mart")).success

    assert len(deployment.sandbox.factory_runs()) == runs
    assert mart_rows(deployment) == rows


def test_what_is_kept_is_still_shown_as_there_without_a_preview(
    moved: Runner, deployment: Deployment, narrow: Narrow
) -> None:
    runner, _ = narrow("TeamChat_v1")
    assert purge(runner).success

    def partitions(*path: str) -> set[str | None]:
        found = moved.instance.fetch_materializations(dg.AssetKey(path), limit=100).records
        assert not [record for record in found if "preview" in record.asset_materialization.metadata]
        return {record.partition_key for record in found}

    days = {f"contoso|{DAY}", f"contoso|{DAY + dt.timedelta(days=1)}"}
    assert partitions("raw", "message") == partitions("curated", "user") == partitions("mart", "fact_chat") == days
    assert len(partitions("raw", "team_chat")) <= 1


class Killed(BaseException):
    """The process dies here."""


STEPS = [
    "_count",
    "dead_objects",
    "live_days",
    "rebuild_mart",
]


@pytest.mark.parametrize("step", STEPS)
def test_a_purge_that_is_killed_is_ended_by_the_next_whatever_was_decided_since(
    moved: Runner,
    deployment: Deployment,
    customer: Customer,
    decide: Decide,
    monkeypatch: pytest.MonkeyPatch,
    step: str,
) -> None:
    decide(State.DENIED)
    plan = plan_purge(deployment.database, customer, dt.datetime.now(dt.UTC))
    assert plan
    with monkeypatch.context() as patch:

        def die(*_: object) -> None:
            raise Killed

        patch.setattr(deletion, step, die)
        deletion.begin(deployment.database, plan, dt.datetime.now(dt.UTC))
        with pytest.raises(Killed):
            deletion.delete(deployment.marts, lake_of(deployment), customer, plan)
    decide()

    assert deletion.unfinished(deployment.database, customer) == plan
    assert purge(moved).success

    assert objects(deployment) == []
    assert not any(mart_rows(deployment).values())
    [record] = records(deployment)
    assert record.purged_at
    assert record.lake_objects > 0


def test_a_kill_between_two_deletions_loses_no_count(
    moved: Runner, deployment: Deployment, customer: Customer, decide: Decide, monkeypatch: pytest.MonkeyPatch
) -> None:
    decide(State.DENIED)
    found = len(objects(deployment))
    deleted = Lake.delete

    def delete_half(lake: Lake, paths: list[str]) -> None:
        deleted(lake, paths[: len(paths) // 2])
        raise Killed

    plan = plan_purge(deployment.database, customer, dt.datetime.now(dt.UTC))
    assert plan
    with monkeypatch.context() as patch:
        patch.setattr(Lake, "delete", delete_half)
        deletion.begin(deployment.database, plan, dt.datetime.now(dt.UTC))
        with pytest.raises(Killed):
            deletion.delete(deployment.marts, lake_of(deployment), customer, plan)
    assert 0 < len(objects(deployment)) < found

    assert purge(moved).success

    assert objects(deployment) == []
    assert [record.lake_objects for record in records(deployment)] == [found]


def test_what_was_landed_anew_while_a_purge_was_unfinished_stays(
    moved: Runner, deployment: Deployment, customer: Customer, decide: Decide
) -> None:
    decide(State.DENIED)
    plan = plan_purge(deployment.database, customer, dt.datetime.now(dt.UTC))
    assert plan
    deletion.begin(deployment.database, plan, dt.datetime.now(dt.UTC))
    decide()
    moved.move()
    rows = mart_rows(deployment)
    assert rows["fact_message"]

    assert purge(moved).success

    assert mart_rows(deployment) == rows
    landed = extraction_ledger.overlapping(
        deployment.database, "contoso", "Message_v1", DAY, DAY + dt.timedelta(days=1)
    )
    assert [entry.status for entry in landed] == ["Succeeded"]
    assert len([path for path in objects(deployment) if path.endswith("manifest.json")]) == len(
        customer.data_request.datasets
    )


def test_a_revoked_customers_data_goes_no_further(moved: Runner, deployment: Deployment, decide: Decide) -> None:
    decide(State.DENIED)

    for stage in ("raw", "curated", "mart"):
        assert not moved.execute_day("landing_job", moved.keys(stage)).success
