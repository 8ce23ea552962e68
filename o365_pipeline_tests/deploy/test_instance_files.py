"""The files that Dagster reads: each is loaded by Dagster itself, on a PostgreSQL server, without Azure."""

from __future__ import annotations

import json
import os
import stat
from pathlib import Path

import dagster as dg
import pytest
import sqlalchemy as sa
import trustme
import yaml
from dagster_azure.blob import AzureBlobComputeLogManager
from dagster_azure.container_apps import AcaRunLauncher
from dagster_celery.launcher import CeleryRunLauncher
from dagster_postgres.utils import DagsterPostgresException

from o365_pipeline.extraction.assets import FACTORY_POOL
from o365_pipeline_tests.deploy.conftest import DEPLOY
from o365_pipeline_tests.deploy.services import Postgres

ENVIRONMENT = "/subscriptions/s/resourceGroups/rg/providers/Microsoft.App/managedEnvironments/cae"
IDENTITY = "/subscriptions/s/resourceGroups/rg/providers/Microsoft.ManagedIdentity/userAssignedIdentities/id"
AZURE = {
    "DAGSTER_PG_DB": "dagster",
    "DAGSTER_PG_HOST": "127.0.0.1",
    "DAGSTER_PG_PORT": "5432",
    "DAGSTER_PG_USER": "dagster",
    "DAGSTER_LOGS_ACCOUNT": "sto365",
    "DAGSTER_LOGS_CONTAINER": "dagster-logs",
    "DAGSTER_ACA_SUBSCRIPTION": "11111111-0000-4000-8000-000000000001",
    "DAGSTER_ACA_RESOURCE_GROUP": "rg-o365",
    "DAGSTER_ACA_REGION": "westeurope",
    "DAGSTER_ACA_ENVIRONMENT": ENVIRONMENT,
    "DAGSTER_ACA_IDENTITY": IDENTITY,
}


@pytest.fixture
def signed_in(postgres: Postgres, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Entra, played by an Azure CLI whose token is the server's password: azure-identity asks it, no network."""
    answer = json.dumps({"accessToken": postgres.password, "expires_on": 4_102_444_800, "tokenType": "Bearer"})
    cli = tmp_path / "bin" / "az"
    cli.parent.mkdir()
    cli.write_text(f"#!/bin/sh\necho '{answer}'\n")
    cli.chmod(cli.stat().st_mode | stat.S_IXUSR)
    monkeypatch.setenv("PATH", f"{cli.parent}:{os.environ['PATH']}")
    monkeypatch.setenv("AZURE_TOKEN_CREDENTIALS", "AzureCliCredential")


@pytest.fixture
def azure(signed_in: None, postgres: Postgres, postgres_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """The environment that the containers have on Azure."""
    for name, value in AZURE.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setenv("DAGSTER_PG_PORT", str(postgres.port))
    monkeypatch.setenv("DAGSTER_PG_DB", sa.make_url(postgres_url).database or "")
    monkeypatch.setenv("PGSSLROOTCERT", str(postgres.authority))


def test_the_production_instance_is_on_postgresql_signed_in_by_a_token(azure: None, postgres_url: str) -> None:
    with dg.DagsterInstance.from_config(str(DEPLOY)) as instance:
        instance.add_dynamic_partitions("customer", ["contoso"])

    with sa.create_engine(postgres_url).connect() as connection:
        assert connection.scalar(sa.text("SELECT partition FROM dynamic_partitions")) == "contoso"


def test_the_production_instance_refuses_a_server_without_a_trusted_certificate(
    azure: None, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    another = tmp_path / "another.pem"
    trustme.CA().cert_pem.write_to_path(another)
    monkeypatch.setenv("PGSSLROOTCERT", str(another))

    with pytest.raises(DagsterPostgresException) as refusal, dg.DagsterInstance.from_config(str(DEPLOY)) as instance:
        instance.get_runs(limit=1)

    assert "certificate verify failed" in str(refusal.value.__cause__)


def test_the_production_instance_launches_container_apps_jobs_as_the_pipelines_identity(azure: None) -> None:
    with dg.DagsterInstance.from_config(str(DEPLOY)) as instance:
        launcher = instance.run_launcher

        assert isinstance(launcher, AcaRunLauncher)
        assert launcher.identity_id == IDENTITY
        assert launcher.run_resources == {"cpu": "2", "memory": "4Gi"}
        assert launcher.supports_check_run_worker_health


def test_a_launched_job_is_given_every_variable_that_the_instance_reads(azure: None) -> None:
    text = (DEPLOY / "dagster.yaml").read_text()

    with dg.DagsterInstance.from_config(str(DEPLOY)) as instance:
        assert isinstance(instance.run_launcher, AcaRunLauncher)
        given = set(instance.run_launcher.env_vars)

    assert _variables(yaml.safe_load(text)) <= given
    assert {"O365_DEPLOYMENT", "O365_CUSTOMERS", "O365_MART_URL", "O365_CREDENTIAL", "AZURE_CLIENT_ID"} <= given


def test_the_production_instance_keeps_run_logs_in_blob_storage(azure: None) -> None:
    with dg.DagsterInstance.from_config(str(DEPLOY)) as instance:
        logs = instance.compute_log_manager

        assert isinstance(logs, AzureBlobComputeLogManager)
        assert logs.upload_interval == 30


def test_the_production_instance_limits_runs_and_the_factorys_pool_and_repeats_what_died(azure: None) -> None:
    with dg.DagsterInstance.from_config(str(DEPLOY)) as instance:
        queue = instance.get_concurrency_config().run_queue_config
        instance.event_log_storage.initialize_concurrency_limit_to_default(FACTORY_POOL)
        [pool] = instance.event_log_storage.get_pool_limits()

        assert queue is not None
        assert queue.max_concurrent_runs == 20
        assert [limit["key"] for limit in queue.tag_concurrency_limits] == ["o365/customer"]
        assert (pool.name, pool.limit) == (FACTORY_POOL, 4)
        assert instance.run_monitoring_enabled
        assert instance.run_retries_enabled
        assert not instance.telemetry_enabled


@pytest.fixture
def celery(postgres_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """The environment of Celery's launcher and workers."""
    monkeypatch.setenv("DAGSTER_PG_URL", postgres_url)
    monkeypatch.setenv("CELERY_BROKER_URL", "redis://127.0.0.1:6379/0")
    monkeypatch.setenv("CELERY_RESULT_BACKEND", "redis://127.0.0.1:6379/1")


def test_the_celery_instance_hands_runs_to_the_broker_that_the_environment_names(celery: None) -> None:
    with dg.DagsterInstance.from_config(str(DEPLOY / "celery")) as instance:
        launcher = instance.run_launcher

        assert isinstance(launcher, CeleryRunLauncher)
        assert launcher.celery.conf.broker_url == "redis://127.0.0.1:6379/0"
        assert launcher.celery.conf.result_backend == "redis://127.0.0.1:6379/1"


def test_the_celery_instance_keeps_a_connection_for_runs_and_one_for_events_and_replaces_lost_ones(
    celery: None,
) -> None:
    opened: list[object] = []

    def note(connection: object, _record: object) -> None:
        opened.append(connection)

    with (
        dg.DagsterInstance.from_config(str(DEPLOY / "celery")) as made,
        dg.DagsterInstance.from_ref(made.get_ref()) as instance,
    ):
        sa.event.listen(sa.Pool, "connect", note)
        try:
            for number in range(5):
                instance.add_dynamic_partitions("customer", [f"customer-{number}"])
                instance.get_runs_count()
        finally:
            sa.event.remove(sa.Pool, "connect", note)

        assert len(opened) == 2

        with sa.create_engine(os.environ["DAGSTER_PG_URL"]).connect() as server:
            ended = sa.text("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE pid <> pg_backend_pid()")
            server.execute(ended)
        assert instance.get_runs_count() == 0
        assert instance.get_dynamic_partitions("customer") == [f"customer-{number}" for number in range(5)]


@pytest.mark.parametrize("name", ["dagster.yaml", "celery/dagster.yaml"])
def test_what_the_laptops_instance_decides_holds_in_production(name: str) -> None:
    laptop = yaml.safe_load((DEPLOY.parent / "dagster.yaml").read_text())
    production = yaml.safe_load((DEPLOY / name).read_text())

    assert production["telemetry"] == laptop["telemetry"]
    assert production["run_retries"] == laptop["run_retries"]
    assert production["retention"]["sensor"] == laptop["retention"]["sensor"]
    assert production["concurrency"]["pools"]["granularity"] == laptop["concurrency"]["pools"]["granularity"]


def test_a_misspelt_key_of_an_instance_file_is_refused(tmp_path: Path) -> None:
    text = (DEPLOY / "dagster.yaml").read_text()
    (tmp_path / "dagster.yaml").write_text(text.replace("run_retries:", "run_retrys:"))

    with pytest.raises(dg.DagsterInvalidConfigError, match="run_retrys"):
        dg.DagsterInstance.from_config(str(tmp_path))


def _variables(part: object) -> set[str]:
    """The environment variables that a configuration names as { env: NAME }."""
    if isinstance(part, dict):
        if set(part) == {"env"}:
            return {part["env"]}
        return set().union(*(_variables(value) for value in part.values()))
    if isinstance(part, list):
        return set().union(*(_variables(value) for value in part))
    return set()
