"""The values for Dagster's Helm chart: keys that the chart knows, and the instance that it makes of them."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import dagster as dg
import jsonschema
import pytest
import sqlalchemy as sa
import yaml
from dagster_azure.blob import AzureBlobComputeLogManager

from o365_pipeline.deployment import Settings
from o365_pipeline.extraction.assets import FACTORY_POOL
from o365_pipeline_tests.deploy.conftest import DEPLOY
from o365_pipeline_tests.deploy.services import Postgres
from o365_pipeline_tests.deploy.test_container_file import command, named

FILE = DEPLOY / "kubernetes" / "values.yaml"
SCHEMA = json.loads((Path(__file__).parent / "helm_values.schema.json").read_text())
USES_IDENTITY = {"azure.workload.identity/use": "true"}


@pytest.fixture
def values() -> dict[str, Any]:
    content: dict[str, Any] = yaml.safe_load(FILE.read_text())
    return content


@pytest.fixture
def code(values: dict[str, Any]) -> dict[str, Any]:
    [deployment] = values["dagster-user-deployments"]["deployments"]
    return dict(deployment)


def test_every_key_is_one_of_the_charts(values: dict[str, Any]) -> None:
    jsonschema.validate(values, SCHEMA)


@pytest.mark.parametrize(
    "key", ["codeServerArgs", "postgresqlHost", "runK8sConfig", "pollIntervalSeconds", "mountPath"]
)
def test_a_misspelt_key_would_be_noticed(key: str) -> None:
    text = FILE.read_text()
    assert f"{key}:" in text

    with pytest.raises(jsonschema.ValidationError, match=key[:-1]):
        jsonschema.validate(yaml.safe_load(text.replace(f"{key}:", f"{key[:-1]}:")), SCHEMA)


def test_the_code_server_is_started_as_the_image_says(code: dict[str, Any]) -> None:
    by_the_chart = ["dagster", "code-server", "start", "--host", "0.0.0.0", "--port", str(code["port"])]

    assert [*by_the_chart, *code["codeServerArgs"]] == command("code-server")
    assert [str(code["podSecurityContext"]["runAsUser"])] == [one.arguments for one in named("USER")]


def test_the_projects_settings_are_given_under_their_names(code: dict[str, Any]) -> None:
    given = {name.removeprefix("O365_").lower(): value for name, value in code["env"].items()}

    settings = Settings.model_validate(given)

    assert set(given) <= set(Settings.model_fields)
    assert (settings.deployment, settings.credential) == ("azure", "workload-identity")


def test_the_customers_file_is_mounted_where_the_settings_look_for_it(code: dict[str, Any]) -> None:
    [volume], [mount] = code["volumes"], code["volumeMounts"]

    assert volume["name"] == mount["name"]
    assert Path(code["env"]["O365_CUSTOMERS"]).parent == Path(mount["mountPath"])
    assert code["includeConfigInLaunchedRuns"]["enabled"]


def test_every_pod_that_signs_in_uses_the_federated_account(values: dict[str, Any], code: dict[str, Any]) -> None:
    launcher = values["runLauncher"]["config"]["k8sRunLauncher"]

    assert values["serviceAccount"]["name"] == values["global"]["serviceAccountName"]
    assert "azure.workload.identity/client-id" in values["serviceAccount"]["annotations"]
    assert values["dagsterWebserver"]["labels"] == USES_IDENTITY
    assert values["dagsterDaemon"]["labels"] == USES_IDENTITY
    assert code["labels"] == USES_IDENTITY
    assert launcher["runK8sConfig"]["podTemplateSpecMetadata"]["labels"] == USES_IDENTITY


def test_nothing_in_the_values_is_secret(values: dict[str, Any]) -> None:
    assert "postgresqlPassword" not in values["postgresql"]
    assert values["generatePostgresqlPasswordSecret"] is False
    assert not re.search(r"(?i)://[^/@\s]+:[^/@\s]+@", FILE.read_text())


def test_the_instance_that_the_chart_makes_decides_what_the_one_on_azure_does(
    values: dict[str, Any], postgres: Postgres, postgres_url: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    azure = yaml.safe_load((DEPLOY / "dagster.yaml").read_text())
    values["postgresql"] |= {"postgresqlHost": "127.0.0.1", "service": {"port": postgres.port}}
    values["postgresql"]["postgresqlDatabase"] = sa.make_url(postgres_url).database
    monkeypatch.setenv("DAGSTER_PG_PASSWORD", postgres.password)
    monkeypatch.setenv("PGSSLROOTCERT", str(postgres.authority))
    (tmp_path / "dagster.yaml").write_text(yaml.safe_dump(rendered(values)))

    with dg.DagsterInstance.from_config(str(tmp_path)) as instance:
        queue = instance.get_concurrency_config().run_queue_config
        instance.event_log_storage.initialize_concurrency_limit_to_default(FACTORY_POOL)
        [pool] = instance.event_log_storage.get_pool_limits()

        assert queue is not None
        assert queue.max_concurrent_runs == azure["concurrency"]["runs"]["max_concurrent_runs"]
        assert queue.tag_concurrency_limits == azure["concurrency"]["runs"]["tag_concurrency_limits"]
        assert pool.limit == azure["concurrency"]["pools"]["default_limit"]
        assert isinstance(instance.compute_log_manager, AzureBlobComputeLogManager)
        for section in ("run_retries", "run_monitoring", "sensors", "schedules", "telemetry", "nux"):
            for key, decided in azure[section].items():
                if (section, key) != ("run_monitoring", "max_runtime_seconds"):  # The chart has no key for it.
                    assert instance.get_settings(section)[key] == decided, (section, key)
        for kind, ticks in azure["retention"].items():
            assert (
                ticks["purge_after_days"].items()
                <= instance.get_settings("retention")[kind]["purge_after_days"].items()
            )


def rendered(values: dict[str, Any]) -> dict[str, Any]:
    """dagster.yaml, as the chart's templates make it; the launcher, which needs a cluster, is left out."""
    database, daemon = values["postgresql"], values["dagsterDaemon"]
    storage = {
        "username": database["postgresqlUsername"],
        "password": {"env": "DAGSTER_PG_PASSWORD"},
        "hostname": database["postgresqlHost"],
        "db_name": database["postgresqlDatabase"],
        "port": database["service"]["port"],
        "params": database["postgresqlParams"],
        "scheme": database["postgresqlScheme"],
    }
    logs = values["computeLogManager"]["config"]["azureBlobComputeLogManager"]
    credential = logs.pop("defaultAzureCredential")
    return {
        "storage": {"postgres": {"postgres_db": storage}},
        "compute_logs": {
            "module": "dagster_azure.blob.compute_log_manager",
            "class": "AzureBlobComputeLogManager",
            "config": {**snake_case(logs), "default_azure_credential": credential},
        },
        "run_monitoring": snake_case(daemon["runMonitoring"]),
        "sensors": snake_case(daemon["sensors"]),
        "schedules": snake_case(daemon["schedules"]),
        "telemetry": values["telemetry"],
        "retention": {kind: snake_case(values["retention"][kind]) for kind in ("sensor", "schedule")},
        **values["additionalInstanceConfig"],
    }


def snake_case(part: dict[str, Any]) -> dict[str, Any]:
    return {re.sub(r"[A-Z]", lambda letter: f"_{letter.group().lower()}", key): value for key, value in part.items()}
