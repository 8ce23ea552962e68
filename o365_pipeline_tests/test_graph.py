"""The asset graph, as a reviewer sees a change to it."""

from __future__ import annotations

import datetime as dt
import re
import shutil
from pathlib import Path
from typing import Any

import dagster as dg
import pytest

from o365_pipeline.customers.configuration import example
from o365_pipeline.definitions import build_definitions
from o365_pipeline.deployment import Deployment, load
from o365_pipeline.mart.sql_files import is_fed
from o365_pipeline.mart.tables import MART_TABLES
from o365_pipeline_tests.conftest import DAY
from o365_pipeline_tests.customers.test_configuration import SHIPPED_REQUEST

SQL = Path(__file__).parents[1] / "o365_pipeline" / "mart" / "sql"
DATASETS = [
    "calendar_view",
    "event",
    "group_details",
    "group_members",
    "group_owners",
    "mailbox_settings",
    "manager",
    "message",
    "sent_item",
    "share_point_file_actions",
    "share_point_groups",
    "share_point_permissions",
    "share_point_sites",
    "team_chat",
    "teams_call_records",
    "teams_channel_details",
    "teams_standard_channel_messages",
    "user",
]
SNAPSHOTS = ["share_point_groups", "share_point_permissions", "share_point_sites"]
STAGES = ["consent", "extraction", "raw", "curated", "mart", "purge", "cost", "news", "managed_app"]
UNFED = {
    *("fact_task", "dim_device", "dim_sync_app", "fact_sync_error", "fact_group_message", "fact_viva_metric"),
    "agg_signal_day",
}
"""Tables that the shipped data request asks nothing for."""

KINDS = {"dim": "dimensions", "fact": "facts", "bridge": "bridges", "agg": "aggregates"}


@pytest.fixture
def datasets() -> tuple[str, ...]:
    """All of them: the graph is the shipped data request's."""
    return ()


@pytest.fixture
def definitions(deployment: Deployment) -> dg.Definitions:
    return build_definitions(deployment)


def test_the_assets_are_these(definitions: dg.Definitions) -> None:
    keys = {key.to_user_string() for key in definitions.resolve_all_asset_keys()}

    assert keys == {
        "consent/approval",
        "consent/report",
        "extraction",
        *(f"raw/{name}" for name in DATASETS),
        *(f"curated/{name}" for name in DATASETS),
        *(f"curated/{name}_current" for name in SNAPSHOTS),
        *(f"mart/{table.name}" for table in MART_TABLES if table.name not in UNFED),
        "cost/plan_and_actual",
        *(f"managed_app/{name}" for name in ("package", "service_catalog", "marketplace", "installations")),
    }


def test_each_stage_follows_the_one_before(definitions: dg.Definitions) -> None:
    edges = {
        spec.key.to_user_string(): {dep.asset_key.to_user_string() for dep in spec.deps}
        for spec in definitions.resolve_all_asset_specs()
    }

    assert edges["consent/approval"] == set()
    assert edges["extraction"] == {"consent/approval"}
    for name in DATASETS:
        assert edges[f"raw/{name}"] == {"extraction"}
        assert edges[f"curated/{name}"] == {f"raw/{name}"}
    assert edges["mart/fact_chat"] == {"curated/team_chat", "curated/user", "curated/manager"}
    for name in SNAPSHOTS:
        assert edges[f"curated/{name}_current"] == {f"curated/{name}"}


def test_a_mart_table_depends_on_what_its_sql_reads(deployment: Deployment, definitions: dg.Definitions) -> None:
    views = {path.name.removesuffix(".sql"): path.read_text() for path in SQL.iterdir() if path.name.endswith(".sql")}
    own = {f"mart/{table.name}" for table in MART_TABLES if table.name not in UNFED}

    def read_by(view: str) -> set[str]:
        """Curated datasets and mart tables that the SQL of a view reads, through shared views."""
        found: set[str] = set()
        for name in re.findall(r"(?:FROM|JOIN)\s+\"?([a-z_]+)", views[view]):
            if f"mart/{name}" in own:
                found.add(f"mart/{name}")
            elif name in views:
                found |= read_by(name)
            elif name in DATASETS:
                found.add(f"curated/{name}")
        return found

    for spec in definitions.resolve_all_asset_specs():
        if spec.key.path[0] == "mart":
            assert read_by(spec.key.path[1]) <= upstream(definitions, spec.key), spec.key


def upstream(definitions: dg.Definitions, key: dg.AssetKey) -> set[str]:
    """Everything that an asset depends on, directly or through other tables of the mart."""
    specs = {spec.key: spec for spec in definitions.resolve_all_asset_specs()}
    found: set[str] = set()
    for dep in specs[key].deps:
        found.add(dep.asset_key.to_user_string())
        if dep.asset_key.path[0] == "mart":
            found |= upstream(definitions, dep.asset_key)
    return found


def test_the_readmes_picture_shows_every_stage_and_what_is_in_it(
    deployment: Deployment, definitions: dg.Definitions
) -> None:
    text = (Path(__file__).parents[1] / "README.md").read_text()
    picture = text.split("```mermaid")[1].split("```")[0]
    boxes = dict(re.findall(r"\[\"<b>(\w+)</b><br/>([^\"]*)\"\]", picture))
    [customer] = deployment.customers
    requested = [entry.dataset for entry in customer.data_request.datasets]

    assert boxes.keys() == {key.path[0] for key in definitions.resolve_all_asset_keys()}
    for stage in ("raw", "curated"):
        number, *families = re.findall(r"\w+", boxes[stage].replace("<br/>", " ").replace("datasets", ""))
        assert number == str(len(requested))
        assert set(families) == {dataset.family for dataset in requested}
    for table in MART_TABLES:
        assert KINDS[table.name.split("_")[0]] in boxes["mart"]


def test_every_asset_has_a_face(definitions: dg.Definitions) -> None:
    for spec in definitions.resolve_all_asset_specs():
        assert spec.description, spec.key
        assert spec.owners, spec.key
        assert spec.kinds, spec.key
        assert spec.group_name
        assert spec.group_name.startswith(spec.key.path[0])


def test_the_marts_tables_are_grouped_by_subject(definitions: dg.Definitions) -> None:
    groups = {spec.key.path[-1]: spec.group_name for spec in definitions.resolve_all_asset_specs()}

    assert groups["dim_person"] == "mart_people"
    assert groups["bridge_message_recipient"] == "mart_mail"
    assert groups["agg_site_storage"] == "mart_sites"


def test_a_table_that_no_requested_dataset_feeds_is_no_asset(
    definitions: dg.Definitions,
) -> None:
    specs = [spec for spec in definitions.resolve_all_asset_specs() if spec.key.path[0] == "mart"]
    named = {spec.key for spec in specs} | {dep.asset_key for spec in specs for dep in spec.deps}

    tables = {key.path[1] for key in named if key.path[0] == "mart"}

    assert tables == {table.name for table in MART_TABLES} - UNFED


def test_a_table_is_fed_by_a_dataset_that_gives_it_rows_not_by_one_that_names_people() -> None:
    assert not is_fed("fact_group_message", frozenset({"user", "manager"}))
    assert is_fed("fact_group_message", frozenset({"outlook_group_conversations"}))
    assert is_fed("dim_date", frozenset())


def test_the_days_begin_with_the_customers_first_and_end_with_yesterday(deployment: Deployment) -> None:
    definitions = build_definitions(deployment)
    yesterday = dt.datetime.now(dt.UTC).date() - dt.timedelta(days=1)

    for spec in definitions.resolve_all_asset_specs():
        if spec.key.path[0] in ("extraction", "raw", "curated", "mart"):
            assert isinstance(spec.partitions_def, dg.MultiPartitionsDefinition)
            days = spec.partitions_def.get_partitions_def_for_dimension("day").get_partition_keys()
            assert (days[0], days[-1]) == (str(DAY), str(yesterday)), spec.key


def test_jobs_sensors_and_schedules_are_these(definitions: dg.Definitions) -> None:
    repository = definitions.get_repository_def()

    assert {job.name for job in repository.get_all_jobs() if not job.name.startswith("__")} == {
        "cost_job",
        "digest_job",
        "doctor_job",
        "extraction_job",
        "history_job",
        "landing_job",
        "purge_job",
        "replay_job",
        "support_desk_job",
    }
    assert {sensor.name for sensor in repository.sensor_defs} == {
        "consent_sensor",
        "installation_sensor",
        "landing_sensor",
        "news_sensor",
        "purge_sensor",
        "reconciliation_sensor",
    }
    assert {schedule.name for schedule in repository.schedule_defs} == {
        "daily_digest",
        "daily_doctor",
        "daily_extraction",
        "daily_history",
        "daily_retention",
        "hourly_cost",
        "support_desk",
    }


def test_jobs_sensors_and_schedules_have_a_face(definitions: dg.Definitions) -> None:
    repository = definitions.get_repository_def()
    jobs = [job for job in repository.get_all_jobs() if not job.name.startswith("__")]

    everything: list[Any] = [*jobs, *repository.sensor_defs, *repository.schedule_defs]
    for found in everything:
        assert found.description, found.name
        assert found.tags["o365/stage"] in STAGES, found.name


def test_resources_are_shown_by_their_class_with_a_description_and_without_a_value(tmp_path: Path) -> None:
    deployment = load(home=tmp_path, mart_url="mssql+pyodbc://sa:hunter2@server/mart")
    shown = build_definitions(deployment).get_repository_def().get_top_level_resources()

    assert shown.keys() == deployment.resources.keys()
    for name, resource in shown.items():
        assert resource.description, name
        assert resource.resource_fn.__name__ != "<lambda>", name
        schema = resource.config_schema
        assert not schema.default_provided or "hunter2" not in schema.default_value_as_json_str, name
    assert shown["database"].resource_fn.__module__ == "o365_pipeline.database.database"


@pytest.mark.parametrize("name", ["purge_job", "replay_job"])
def test_the_launchpad_is_filled_and_what_it_is_filled_with_can_be_launched(
    deployment: Deployment, definitions: dg.Definitions, instance: dg.DagsterInstance, name: str
) -> None:
    job = definitions.resolve_job_def(name)
    filled = job.run_config or {}
    [config] = [op["config"] for op in filled["ops"].values()]

    assert "customer" in config
    assert dg.validate_run_config(job, filled)
    assert job.execute_in_process(instance=instance, run_config=filled).success


def test_sensors_and_schedules_are_off_on_azure_and_what_belongs_to_an_offer_is_not_there_without_one(
    tmp_path: Path,
) -> None:
    (tmp_path / "customers.toml").write_text(example())
    shutil.copyfile(SHIPPED_REQUEST, tmp_path / "data_request.toml")
    mart_url = "mssql+pyodbc://@server.database.windows.net/mart"
    definitions = build_definitions(load(deployment="azure", customers=tmp_path / "customers.toml", mart_url=mart_url))
    repository = definitions.get_repository_def()

    assert {sensor.default_status for sensor in repository.sensor_defs} == {dg.DefaultSensorStatus.STOPPED}
    assert {schedule.default_status for schedule in repository.schedule_defs} == {dg.DefaultScheduleStatus.STOPPED}
    assert {key.path[0] for key in definitions.resolve_all_asset_keys()} == {*STAGES} - {"purge", "news", "managed_app"}
    schedules = {schedule.name for schedule in repository.schedule_defs}
    assert schedules == {
        *("daily_digest", "daily_doctor", "daily_extraction", "daily_history", "daily_retention", "hourly_cost")
    }
    assert "installation_sensor" not in {sensor.name for sensor in repository.sensor_defs}


def test_sensors_and_schedules_are_on_in_the_sandbox(definitions: dg.Definitions) -> None:
    repository = definitions.get_repository_def()

    for sensor in repository.sensor_defs:
        assert sensor.default_status is dg.DefaultSensorStatus.RUNNING, sensor.name
    for schedule in repository.schedule_defs:
        assert schedule.default_status is dg.DefaultScheduleStatus.RUNNING, schedule.name


def test_what_must_hold_blocks_what_follows(definitions: dg.Definitions) -> None:
    checks = {
        (check.asset_key.to_user_string(), check.name): check.blocking
        for asset in definitions.resolve_asset_graph().assets_defs
        for check in asset.check_specs
    }

    for name in DATASETS:
        assert checks[f"raw/{name}", "rows_landed_as_reported"]
        assert checks[f"curated/{name}", "keys_are_unique"]
        assert not checks[f"raw/{name}", "rows_as_microsoft_counted"]
