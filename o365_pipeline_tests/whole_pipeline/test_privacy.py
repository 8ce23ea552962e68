"""Nobody is named where Dagster and the logs keep things, in the whole life of an approval."""

from __future__ import annotations

import datetime as dt
from pathlib import Path

import dagster as dg
import pytest
import sqlalchemy as sa

from o365_pipeline.consent.approvals import State
from o365_pipeline.deployment import load
from o365_pipeline_tests.conftest import DAY, read_decisions
from o365_pipeline_tests.runner import Runner

APPROVER, REASON = "grace.hopper@contoso.example", "Grace Hopper does not want her mails read"
SENSORS = ("consent_sensor", "landing_sensor", "purge_sensor", "reconciliation_sensor")


def test_logs_run_tags_metadata_and_asset_names_name_nobody(
    tmp_path: Path,
    instance: dg.DagsterInstance,
    caplog: pytest.LogCaptureFixture,
    capfd: pytest.CaptureFixture[str],
) -> None:
    caplog.set_level("DEBUG")
    deployment = load(home=tmp_path / "o365", sandbox_seconds=0, sandbox_users=12, initial_days=1, purge_grace_days=0)
    [customer] = deployment.customers
    runner, told = Runner(deployment, instance), []

    def decide(state: State, reason: str | None = None) -> None:
        request = customer.data_request
        deployment.sandbox.register(customer.tenant_id, request, [customer.sink])
        deployment.sandbox.decide(customer.tenant_id, request.application_id, state, APPROVER, reason)

    def tick() -> None:
        for name in SENSORS:
            result = runner.tick(name)
            for event in result.asset_events:
                instance.report_runless_asset_event(event)
            told.append(f"{result.skip_reason} {result.cursor} {result.run_requests} {result.asset_events}")

    decide(State.APPROVED)
    runner.move()
    tick()
    with deployment.database.begin() as connection:
        query = "SELECT display_name, mail FROM dim_person WHERE mail IS NOT NULL"
        people = [word for row in connection.execute(sa.text(query)) for word in row]
        subjects = connection.scalars(sa.text("SELECT sender_address FROM fact_message")).all()
    decide(State.DENIED, REASON)
    read_decisions(deployment, customer)
    assert not runner.execute_day("extraction_job", day=DAY + dt.timedelta(days=1)).success
    tick()
    config = {"ops": {"purge": {"config": {"customer": "contoso"}}}}
    told += _kept(instance)
    assert runner.execute("purge_job", {"o365/customer": "contoso"}, config=config).success
    tick()

    told += _kept(instance)
    told += [caplog.text, *capfd.readouterr()]
    told += [key.to_user_string() for key in runner.definitions.resolve_all_asset_keys()]
    text = "\n".join(told)
    assert "Denied since" in text
    assert len(people) > 10
    for word in (APPROVER, "Grace", *people, *subjects):
        assert word not in text


def _kept(instance: dg.DagsterInstance) -> list[str]:
    """All that Dagster keeps of runs: their tags, their configuration, every event with its message and metadata."""
    kept = []
    for run in instance.get_runs():
        kept += [str(run.tags), str(run.run_config)]
        for entry in instance.all_logs(run.run_id):
            kept += [entry.user_message, str(entry.dagster_event)]
    return kept
