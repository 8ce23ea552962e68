"""The asset graph, as a reviewer sees a change to it."""

from __future__ import annotations

import re
from pathlib import Path

import dagster as dg
import pytest

from o365_pipeline.definitions import build_definitions
from o365_pipeline.deployment import Deployment
from o365_pipeline.mart.tables import MART_TABLES

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
KINDS = {"dim": "dimensions", "fact": "facts", "bridge": "bridges", "agg": "aggregates"}


@pytest.fixture
def definitions(deployment: Deployment) -> dg.Definitions:
    return build_definitions(deployment)


def test_the_assets_are_these(definitions: dg.Definitions) -> None:
    keys = {key.to_user_string() for key in definitions.resolve_all_asset_keys()}

    assert keys == {
        "consent/approval",
        "extraction",
        *(f"raw/{name}" for name in DATASETS),
        *(f"curated/{name}" for name in DATASETS),
        *(f"curated/{name}_current" for name in SNAPSHOTS),
        *(f"mart/{table.name}" for table in MART_TABLES),
        *(
            f"managed_app/{name}"
            for name in ("package", "service_catalog", "marketplace", "installations", "plan_and_actual")
        ),
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
    own = {f"mart/{table.name}" for table in MART_TABLES}

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
        if spec.group_name == "mart":
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
        assert spec.group_name == spec.key.path[0]


def test_jobs_sensors_and_schedules_are_these(definitions: dg.Definitions) -> None:
    repository = definitions.get_repository_def()

    assert {job.name for job in repository.get_all_jobs() if not job.name.startswith("__")} == {
        "extraction_job",
        "landing_job",
        "purge_job",
        "replay_job",
        "support_desk_job",
        "uninstallation_job",
    }
    assert {sensor.name for sensor in repository.sensor_defs} == {
        "consent_sensor",
        "installation_sensor",
        "landing_sensor",
        "purge_sensor",
        "reconciliation_sensor",
    }
    assert {schedule.name for schedule in repository.schedule_defs} == {
        "daily_extraction",
        "extraction_at_0_4_any_any_1",
        "support_desk",
    }


def test_sensors_are_on_in_the_sandbox(definitions: dg.Definitions) -> None:
    for sensor in definitions.get_repository_def().sensor_defs:
        assert sensor.default_status is dg.DefaultSensorStatus.RUNNING


def test_what_must_hold_blocks_what_follows(definitions: dg.Definitions) -> None:
    checks = {
        (check.asset_key.to_user_string(), check.name): check.blocking
        for asset in definitions.resolve_asset_graph().assets_defs
        for check in asset.check_specs
    }

    for name in DATASETS:
        assert checks[f"raw/{name}", "rows_landed_as_reported"]
        assert checks[f"raw/{name}", "known_datasets_only"]
        assert checks[f"curated/{name}", "keys_are_unique"]
        assert not checks[f"raw/{name}", "rows_as_microsoft_counted"]
