"""The stages together: Dagster's own test tools, the real SDKs, the sandbox, SQLite."""

from __future__ import annotations

import contextlib
import dataclasses
import datetime as dt
import io
import sqlite3
from collections.abc import Callable
from pathlib import Path

import dagster as dg
import pytest
import sqlalchemy as sa
from rich.console import Console

from o365_pipeline.cli.demo import run_demo
from o365_pipeline.cli.headless import Headless
from o365_pipeline.consent import approval_ledger
from o365_pipeline.consent.approvals import State
from o365_pipeline.customers.customer import Customer, Customers
from o365_pipeline.customers.partitions import customer_days, partition_key, range_tags
from o365_pipeline.database.ledger import extraction, landing
from o365_pipeline.definitions import build_definitions
from o365_pipeline.deployment import Deployment, load
from o365_pipeline.errors import O365PipelineError
from o365_pipeline.extraction import extraction_ledger
from o365_pipeline.mart.tables import MART_TABLES
from o365_pipeline.raw.assets import raw_key
from o365_pipeline_tests.conftest import DAY, read_decisions
from o365_pipeline_tests.runner import Runner, failure, lake_of, mart_rows

Decide = Callable[..., None]
COUNTED = "rows_as_microsoft_counted"
RAW, CURATED = dg.AssetKey(["raw", "message"]), dg.AssetKey(["curated", "message"])


def test_nothing_moves_before_the_approval(runner: Runner, deployment: Deployment, customer: Customer) -> None:
    deployment.sandbox.register(customer.tenant_id, customer.data_request, [customer.sink])

    result = runner.tick("consent_sensor")

    assert result.skip_reason is not None
    assert "Waiting for approval: contoso: PendingAuthorization" in str(result.skip_reason)
    assert not result.run_requests
    assert not (runner.tick("landing_sensor").run_requests or [])
    assert deployment.sandbox.factory_runs() == []
    assert lake_of(deployment).objects("raw") == []


def test_an_approval_leads_to_a_filled_mart(moved: Runner, deployment: Deployment) -> None:
    rows = mart_rows(deployment)
    assert {name for name, found in rows.items() if found} > {"dim_person", "fact_message", "fact_chat", "dim_site"}
    assert len(deployment.sandbox.factory_runs()) == len(
        deployment.resources["customers"]["contoso"].data_request.datasets
    )
    assert {row[0] for table in rows.values() for row in table} == {"contoso"}
    assert {row[1] for table in rows.values() for row in table} == {DAY}


def test_a_launch_reconciles_each_raw_asset_that_it_selects_and_has_as_many_steps_as_is_told(
    runner: Runner, deployment: Deployment, instance: dg.DagsterInstance, decide: Decide
) -> None:
    decide()
    assert runner.execute_day("extraction_job").success
    [request] = runner.tick("landing_sensor").run_requests or []

    result = runner.execute("landing_job", dict(request.tags), list(request.asset_selection or []))

    assert result.success
    reconciled = [check for check in result.get_asset_check_evaluations() if check.check_name == COUNTED]
    assert {check.asset_key for check in reconciled} == {
        key for key in request.asset_selection or [] if key.path[0] == "raw"
    }
    steps = [event for event in result.all_events if event.is_step_success]
    assert len(steps) == Headless(deployment, instance).steps(request)


def test_microsofts_records_reconcile_what_landed_once_they_are_read(
    moved: Runner, deployment: Deployment, customer: Customer
) -> None:
    assert not moved.tick("reconciliation_sensor").asset_events

    read_decisions(deployment, customer)
    result = moved.tick("reconciliation_sensor")

    evaluations = [event for event in result.asset_events if isinstance(event, dg.AssetCheckEvaluation)]
    assert {event.asset_key.path[-1] for event in evaluations} == {
        entry.dataset.asset_name for entry in customer.data_request.datasets
    }
    assert [event.metadata["landings_reconciled"].value for event in evaluations] == [1] * len(evaluations)
    assert all(event.passed for event in evaluations)


def test_datasets_materialized_by_hand_are_all_asked_for_before_the_first_is_waited_for(
    runner: Runner, deployment: Deployment, customer: Customer, decide: Decide
) -> None:
    decide()
    raw = [raw_key(entry.dataset) for entry in customer.data_request.datasets]

    assert runner.execute_day("landing_job", raw).success

    with deployment.database.begin() as connection:
        asked = connection.scalars(sa.select(extraction.c.submitted_at)).all()
        first_sealed = connection.scalar(sa.select(sa.func.min(landing.c.sealed_at)))
    assert len(asked) == len(customer.data_request.datasets)
    assert max(asked) < first_sealed


def test_moving_again_adds_no_row_and_pays_for_no_run(moved: Runner, deployment: Deployment) -> None:
    rows, runs = mart_rows(deployment), len(deployment.sandbox.factory_runs())

    moved.move()
    assert moved.execute_day("landing_job", moved.keys("raw", "curated", "mart")).success

    assert mart_rows(deployment) == rows
    assert len(deployment.sandbox.factory_runs()) == runs


def test_two_deployments_started_on_one_customer_pay_once_and_record_each_event_once(
    runner: Runner, deployment: Deployment, customer: Customer, decide: Decide
) -> None:
    decide()
    events = len(approval_ledger.events(deployment.database, customer))

    with dg.DagsterInstance.ephemeral() as second:
        other = Runner(deployment, second)
        asked = [(one, one.tick("consent_sensor").run_requests or []) for one in (runner, other)]
        for one, requests in asked:
            [request] = requests
            assert one.execute(request.job_name or "", dict(request.tags)).success

    assert asked[0][1][0].run_key == asked[1][1][0].run_key
    assert len(deployment.sandbox.factory_runs()) == len(customer.data_request.datasets)
    assert len(approval_ledger.events(deployment.database, customer)) == events


def test_every_mart_row_traces_to_a_landing_and_its_approval(moved: Runner, deployment: Deployment) -> None:

    with deployment.database.begin() as connection:
        landed = set(connection.scalars(sa.select(landing.c.extraction_id)))
        extracted = {
            entry.extraction_id
            for entry in extraction_ledger.overlapping(deployment.database, "contoso", "Message_v1", DAY, DAY)
        }
        for table in MART_TABLES:
            assert set(connection.scalars(sa.select(table.c.extraction_id))) <= landed
    assert extracted <= landed


def test_a_raw_asset_materialized_by_hand_works_alone(runner: Runner, deployment: Deployment, decide: Decide) -> None:
    decide()

    result = runner.execute_day("landing_job", [RAW])

    assert result.success
    [run] = deployment.sandbox.factory_runs()
    assert run.pipeline == "o365_Message_v1"
    [manifest] = [path for path, _ in lake_of(deployment).objects("raw") if path.endswith("manifest.json")]
    assert run.run_id in manifest
    assert not (runner.tick("landing_sensor").run_requests or [])


def test_a_window_the_job_extracts_later_reuses_what_was_extracted_by_hand(
    runner: Runner, deployment: Deployment, decide: Decide
) -> None:
    decide()
    assert runner.execute_day("landing_job", [RAW]).success

    assert runner.execute_day("extraction_job").success

    messages = [run for run in deployment.sandbox.factory_runs() if run.pipeline == "o365_Message_v1"]
    assert len(messages) == 1
    [request] = runner.tick("landing_sensor").run_requests or []
    assert {RAW, CURATED} <= set(request.asset_selection or [])


def test_a_landing_that_was_not_curated_does_not_count_as_loaded(
    runner: Runner, deployment: Deployment, decide: Decide
) -> None:
    decide()
    assert runner.execute_day("extraction_job").success
    assert runner.execute_day("landing_job", [RAW]).success
    assert runner.execute_day("landing_job", runner.keys("mart")).success

    [again] = runner.tick("landing_sensor").run_requests or []

    assert CURATED in set(again.asset_selection or [])


@pytest.mark.parametrize("state", [None, State.DENIED])
@pytest.mark.parametrize(("job", "assets"), [("extraction_job", None), ("landing_job", [RAW])])
def test_without_approval_the_failure_names_the_rule_and_is_not_retried(
    runner: Runner,
    deployment: Deployment,
    decide: Decide,
    state: State | None,
    job: str,
    assets: list[dg.AssetKey] | None,
) -> None:
    if state:
        decide(state)

    result = runner.execute_day(job, assets)

    assert not result.success
    assert "rule 'the application's authorization is approved'" in failure(result)
    assert not [event for event in result.all_events if event.is_step_up_for_retry]
    assert deployment.sandbox.factory_runs() == []


def test_a_column_that_was_not_approved_is_refused_by_its_rule(
    deployment: Deployment, customer: Customer, instance: dg.DagsterInstance, decide: Decide
) -> None:
    decide()
    [wider] = [entry for entry in customer.data_request.datasets if entry.name == "Message_v1"]
    wider = wider.model_copy(update={"columns": (*wider.columns, "subject")})
    request = customer.data_request.model_copy(update={"datasets": (wider,)})
    customers = type(deployment.customers)([customer.model_copy(update={"data_request": request})])
    changed = dataclasses.replace(deployment, customers=customers)

    result = Runner(changed, instance).execute_day("extraction_job")

    assert "the columns are a subset of the authorized columns" in failure(result)
    assert "subject" in failure(result)
    assert deployment.sandbox.factory_runs() == []


def test_one_refused_dataset_lets_no_other_be_paid_for(
    deployment: Deployment, customer: Customer, instance: dg.DagsterInstance, decide: Decide
) -> None:
    decide()
    datasets = [
        entry.model_copy(update={"columns": (*entry.columns, "Subject")}) if entry.name == "TeamChat_v1" else entry
        for entry in customer.data_request.datasets
    ]
    request = customer.data_request.model_copy(update={"datasets": tuple(datasets)})
    customers = type(deployment.customers)([customer.model_copy(update={"data_request": request})])

    result = Runner(dataclasses.replace(deployment, customers=customers), instance).execute_day("extraction_job")

    assert "Subject" in failure(result)
    assert deployment.sandbox.factory_runs() == []


def test_what_was_sealed_but_not_loaded_is_launched_again(
    runner: Runner, deployment: Deployment, decide: Decide
) -> None:
    decide()
    assert runner.execute_day("extraction_job").success
    [request] = runner.tick("landing_sensor").run_requests or []
    raw = [key for key in request.asset_selection or [] if key.path[0] == "raw"]
    assert runner.execute_day("landing_job", raw).success

    [again] = runner.tick("landing_sensor").run_requests or []
    assert again.run_key == request.run_key
    assert runner.execute("landing_job", dict(again.tags), list(again.asset_selection or [])).success

    assert not runner.tick("landing_sensor").run_requests
    assert mart_rows(deployment)["fact_message"]


def test_a_demonstration_whose_landing_has_just_failed_tells_what_is_stuck(
    runner: Runner, deployment: Deployment, customer: Customer, decide: Decide, monkeypatch: pytest.MonkeyPatch
) -> None:
    decide()
    assert runner.execute_day("extraction_job").success
    [request] = runner.tick("landing_sensor").run_requests or []
    job = runner.definitions.resolve_job_def("landing_job")
    runner.instance.create_run_for_job(job, status=dg.DagsterRunStatus.FAILURE, tags=dict(request.tags))
    monkeypatch.setattr(dg.DagsterInstance, "get", lambda: contextlib.nullcontext(runner.instance))

    with pytest.raises(O365PipelineError, match=r"not in the mart: .* is stuck: .* o365-pipeline extract"):
        run_demo(deployment, customer, Console(file=io.StringIO()))


def test_a_sealed_landing_is_rebuilt_without_the_factory(
    moved: Runner, deployment: Deployment, customer: Customer
) -> None:
    with sqlite3.connect(deployment.home / "sandbox" / "sandbox.db") as connection:
        connection.execute("DELETE FROM run")
    raw = [raw_key(entry.dataset) for entry in customer.data_request.datasets]

    assert moved.execute_day("landing_job", [*raw, CURATED]).success


def test_the_marts_password_is_not_in_what_dagster_stores(tmp_path: Path) -> None:
    deployment = load(home=tmp_path, mart_url="mssql+pyodbc://sa:hunter2@server/mart")

    shown = repr(build_definitions(deployment).get_repository_def().get_top_level_resources()) + repr(deployment)

    assert "hunter2" not in shown


def test_a_landing_that_is_short_of_rows_stays_unsealed_and_blocks_what_follows(
    runner: Runner, deployment: Deployment, decide: Decide
) -> None:
    decide()
    assert runner.execute_day("extraction_job").success
    runner.tick("landing_sensor")
    path = next(path for path, _ in lake_of(deployment).objects("raw/contoso/message"))
    lake_of(deployment).write(path, b"".join(lake_of(deployment).read(path).splitlines(keepends=True)[:-1]))

    result = runner.execute_day("landing_job", [RAW, CURATED])

    assert "rows landed, the factory reported" in failure(result)
    [check] = [event for event in result.get_asset_check_evaluations() if event.check_name == "rows_landed_as_reported"]
    assert not check.passed
    assert not [
        path for path, _ in lake_of(deployment).objects("raw/contoso/message") if path.endswith("manifest.json")
    ]
    assert not result.asset_materializations_for_node("curated__message")


def test_a_dataset_that_the_catalogue_does_not_know_blocks_what_follows(
    runner: Runner, deployment: Deployment, decide: Decide
) -> None:
    decide()
    lake_of(deployment).write(f"raw/contoso/planets/{DAY}/r/part.json", b"{}")

    result = runner.execute_day("landing_job", [RAW, CURATED])

    [check] = [event for event in result.get_asset_check_evaluations() if event.check_name == "rows_landed_as_reported"]
    assert not check.passed
    assert check.metadata["unknown_datasets"].value == "planets"
    assert not result.asset_materializations_for_node("curated__message")


def test_rows_per_day_are_shown_on_the_days_own_partition(runner: Runner, decide: Decide) -> None:
    decide()
    two_days = dict(range_tags("contoso", DAY, DAY + dt.timedelta(days=1)))
    assert runner.execute("landing_job", two_days, [RAW, CURATED]).success

    counts = {}
    for day in (DAY, DAY + dt.timedelta(days=1)):
        event = runner.instance.get_latest_materialization_event(CURATED)
        records = runner.instance.fetch_materializations(
            dg.AssetRecordsFilter(asset_key=CURATED, asset_partitions=[partition_key("contoso", day)]), limit=1
        )
        assert event
        materialization = records.records[0].asset_materialization
        assert materialization
        counts[day] = materialization.metadata["dagster/row_count"].value

    assert all(counts.values())
    assert len(set(counts.values())) == 2


def test_metadata_and_run_tags_name_nobody(
    moved: Runner, remembering: dg.DagsterInstance, deployment: Deployment
) -> None:
    with deployment.database.begin() as connection:
        people = connection.execute(sa.text("SELECT display_name, mail FROM dim_person WHERE mail IS NOT NULL")).all()

    written = []
    for run in remembering.get_runs():
        written.append(str(run.tags))
        written += [
            str(entry.dagster_event.event_specific_data)
            for entry in remembering.all_logs(run.run_id)
            if entry.dagster_event
        ]
    text = "\n".join(written)

    assert people
    assert "fact_message" in text
    for name, mail in people:
        assert name not in text
        assert mail not in text


def test_a_customer_that_left_the_configuration_stops_no_sensor_and_its_runs_fail_at_once(
    runner: Runner, deployment: Deployment, customer: Customer, decide: Decide, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(dg.RetryPolicy, "calculate_delay", lambda _policy, _attempt: 0)
    decide()
    assert runner.execute_day("extraction_job").success
    fabrikam = {
        "name": "fabrikam",
        "tenant_id": "00000000-0000-4000-8000-0000000000f2",
        "subscription_id": "another",
    }
    others = Customers([customer.model_copy(update=fabrikam)])

    left = Runner(dataclasses.replace(deployment, customers=others), runner.instance)

    for sensor in ("consent_sensor", "landing_sensor", "reconciliation_sensor", "purge_sensor"):
        assert not left.tick(sensor).run_requests
    result = left.execute_day("extraction_job")
    assert "unknown customer 'contoso'; known are fabrikam" in failure(result)
    assert [event for event in result.all_events if event.is_step_up_for_retry] == []


def test_one_run_works_for_one_customer() -> None:
    with pytest.raises(dg.Failure, match="one run works for one customer, not for contoso, fabrikam"):
        customer_days(["contoso|2026-11-16", "fabrikam|2026-11-16"])


def test_an_unchanged_lake_rebuilds_the_same_mart_without_the_factory(moved: Runner, deployment: Deployment) -> None:
    def curated() -> dict[str, bytes]:
        """The tables; what a state was folded from names files by versions that each writing makes anew."""
        lake = lake_of(deployment)
        return {path: lake.read(path) for path, _ in lake.objects("curated") if path.endswith(".parquet")}

    rows, before = mart_rows(deployment), curated()
    lake_of(deployment).delete([path for path, _ in lake_of(deployment).objects("curated")])

    assert moved.execute_day("landing_job", moved.keys("curated", "mart")).success

    assert mart_rows(deployment) == rows
    assert curated() == before != {}
