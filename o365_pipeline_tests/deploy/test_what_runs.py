"""What the deployments set is what the code reads: the environment, the identity and the mounts of each container are
taken from the template, and exactly that is started.
"""

from __future__ import annotations

import copy
import json
import os
import re
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import dagster as dg
import pytest
import yaml
from starlette.testclient import TestClient

from o365_pipeline.cli.insights import insights_of
from o365_pipeline.definitions import build_definitions
from o365_pipeline.deployment import load
from o365_pipeline.errors import O365PipelineError, TemplateError
from o365_pipeline.managed_app.offer import read_offer
from o365_pipeline.managed_app.package.arm_template import Deployed, deploy, worked_out
from o365_pipeline.managed_app.template.azure_template import enterprise_template, main_template
from o365_pipeline.managed_app.template.roles import ASKS_ABOUT_POLICIES, GRANTS, PULLS_IMAGE, Grant
from o365_pipeline_tests.deploy.conftest import DEPLOY
from o365_pipeline_tests.deploy.deployed import (
    CONTAINERS,
    IMAGE_AND_SIGN_IN,
    JOBS,
    LEFT_TO_DEFAULTS,
    OF_A_VENDOR,
    OF_INSIGHTS,
    SETTINGS,
    containers,
    made,
    named_in,
    problems,
    read_by_dagster,
    settings_to_set,
    variables,
)
from o365_pipeline_tests.deploy.test_azure_template import ANALYSTS, INSIGHTS, NEEDED
from o365_pipeline_tests.managed_app.installing import APPLICATION


def start(environment: Mapping[str, str], monkeypatch: pytest.MonkeyPatch) -> dg.Definitions:
    """Start what a code server or a run starts, with exactly this environment."""
    with only(environment, monkeypatch):
        definitions = build_definitions(load())
        dg.Definitions.validate_loadable(definitions)
        return definitions


@contextmanager
def only(environment: Mapping[str, str], monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Lets the block have exactly this environment."""
    with monkeypatch.context() as patch:
        for name in [name for name in os.environ if name not in ("PATH", "HOME", "PYTHONPATH", "LANG")]:
            patch.delenv(name)
        for name, value in environment.items():
            patch.setenv(name, value)
        yield


def installed(change: Callable[[Any], None] = lambda _: None, **more: Any) -> Deployed:
    template = copy.deepcopy(main_template(read_offer(None)))
    change(template)
    return worked_out(template, location="westeurope", sku="standard", **APPLICATION, **more)


def enterprise(change: Callable[[Any], None] = lambda _: None, **more: Any) -> Deployed:
    template = copy.deepcopy(enterprise_template())
    change(template)
    return deploy(template, **{**NEEDED, **more})


@pytest.mark.parametrize("make", [installed, enterprise])
def test_every_setting_that_is_read_is_set_and_every_setting_that_is_set_is_read(make: Callable[[], Deployed]) -> None:
    assert list(problems(make())) == []


@pytest.mark.parametrize("make", [installed, enterprise])
def test_insights_is_told_what_it_reads_starts_so_and_believes_nobody_without_a_sign_in(
    make: Callable[..., Deployed], monkeypatch: pytest.MonkeyPatch
) -> None:
    deployed = make(**INSIGHTS)
    given = variables(containers(deployed)["insights"])

    with only(given, monkeypatch):
        deployment = load()
        application = TestClient(insights_of(deployment))
        assert [application.get(path).status_code for path in ("/alive", "/", "/me")] == [204, 401, 401]

    assert list(problems(deployed)) == []
    assert deployment.insights_analysts == tuple(ANALYSTS)
    with only({**given, "O365_INSIGHTS_SIGN_IN": "none"}, monkeypatch), pytest.raises(O365PipelineError, match="none"):
        insights_of(load())


def without_sign_in(template: Any) -> None:
    template["resources"] = [one for one in template["resources"] if not one["type"].endswith("/authConfigs")]


@pytest.mark.parametrize("name", sorted(OF_INSIGHTS | {"AZURE_CLIENT_ID", "O365_CUSTOMERS", "O365_MART_URL"}))
def test_a_variable_that_insights_lacks_is_named(name: str) -> None:
    assert f"insights: {name} is not set" in list(problems(installed(without_variable(name), **INSIGHTS)))


def test_insights_without_a_sign_in_is_named() -> None:
    assert list(problems(installed(without_sign_in, **INSIGHTS))) == ["insights: no sign-in stands in front of it"]


def test_the_settings_that_no_template_sets_are_settings() -> None:
    assert set(LEFT_TO_DEFAULTS) | OF_INSIGHTS < set(SETTINGS)
    assert settings_to_set() >= {"O365_CUSTOMERS", "O365_MART_URL", "O365_START_SENSORS", *OF_A_VENDOR}


@pytest.mark.parametrize("role", [*CONTAINERS, "job"])
def test_an_installation_starts_with_exactly_what_its_template_gives_it(
    role: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    apps = containers(installed())
    given = variables(apps["daemon" if role == "job" else role])
    given = {name: given[name] for name in JOBS} if role == "job" else given

    definitions = start(given, monkeypatch)

    sensors = {one.name: one.default_status for one in definitions.sensors or []}
    assert {"consent_sensor", "landing_sensor"} <= set(sensors)
    if role != "job":
        assert set(sensors.values()) == {dg.DefaultSensorStatus.RUNNING}, "nobody turns them on"
    assert not any("installation" in name for name in sensors)


def test_an_enterprise_starts_with_its_sensors_off(monkeypatch: pytest.MonkeyPatch) -> None:
    definitions = start(variables(containers(enterprise())["code"]), monkeypatch)

    assert {one.default_status for one in definitions.sensors or []} == {dg.DefaultSensorStatus.STOPPED}


def test_a_vendor_that_only_sells_starts_with_what_looks_after_installations(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Any
) -> None:
    from o365_pipeline.managed_app.offer import example

    (tmp_path / "offer.toml").write_text(example())
    sold = enterprise(dataRequest={}, offerFile=str(tmp_path / "offer.toml"), notificationSignature="x" * 32)
    listens = variables(containers(sold)["notifications"])

    definitions = start({**listens, "O365_NOTIFICATION_SIGNATURE": "x" * 32}, monkeypatch)

    assert [one.name for one in definitions.sensors or []] == ["installation_sensor"]
    assert listens["O365_NOTIFICATION_SIGNATURE"] == "of a secret"


def without_variable(name: str) -> Callable[[Any], None]:
    def change(template: Any) -> None:
        for one in template["resources"]:
            if one["type"] == "Microsoft.App/containerApps":
                [container] = one["properties"]["template"]["containers"]
                container["env"] = [entry for entry in container["env"] if entry["name"] != name]

    return change


def without_identity(template: Any) -> None:
    for one in template["resources"]:
        if one["type"] == "Microsoft.App/containerApps":
            one.pop("identity")


def without_role(reason: str) -> Callable[[Any], None]:
    def change(template: Any) -> None:
        template["resources"] = [
            one for one in template["resources"] if one.get("properties", {}).get("description") != reason
        ]

    return change


@pytest.mark.parametrize("name", sorted((settings_to_set() - OF_A_VENDOR) | read_by_dagster() | IMAGE_AND_SIGN_IN))
def test_a_variable_that_is_dropped_is_named(name: str) -> None:
    found = list(problems(installed(without_variable(name))))

    told = [line for line in found if not line.endswith("None")]
    assert told == [f"{role}: {name} is not set" for role in CONTAINERS]


def test_a_variable_that_nothing_reads_is_named() -> None:
    def change(template: Any) -> None:
        text = json.dumps(template["resources"]).replace('"O365_HOME"', '"O365_HOUSE"')
        template["resources"] = json.loads(text)

    assert "code: nothing reads O365_HOUSE" in list(problems(installed(change)))


def test_an_identity_that_is_dropped_is_named() -> None:
    found = list(problems(installed(without_identity)))

    assert len(found) == len(CONTAINERS)
    assert all("does not have the identity" in line and line.endswith("/o365-pipeline") for line in found)


@pytest.mark.parametrize("grant", [*GRANTS, ASKS_ABOUT_POLICIES], ids=lambda grant: f"{grant.role} of {grant.who}")
def test_a_role_that_is_dropped_is_named(grant: Grant) -> None:
    found = list(problems(installed(without_role(grant.reason))))

    assert found == [f"the role {grant.role} of the {grant.who} is missing"]


def test_without_the_role_that_pulls_its_image_no_container_is_made() -> None:
    with pytest.raises(TemplateError, match=r"o365-code depends on what is not there: .*/registries/acr/"):
        enterprise(without_role(PULLS_IMAGE.reason), containerRegistry="acr")


READER_OF_A_VAULT = "21090545-7ca7-4776-b22c-e363652d74d2"


@pytest.mark.parametrize(
    "change",
    [
        {"roleDefinitionId": f"[concat('/providers/Microsoft.Authorization/roleDefinitions/', '{READER_OF_A_VAULT}')]"},
        {"principalId": "[subscription().tenantId]"},
        {"scope": "[resourceId('Microsoft.OperationalInsights/workspaces', variables('logs'))]"},
    ],
    ids=lambda change: next(iter(change)),
)
def test_a_role_that_is_another_or_somebody_elses_or_elsewhere_is_named(change: dict[str, str]) -> None:
    def changed(template: Any) -> None:
        for one in template["resources"]:
            if one["type"] == "Microsoft.Authorization/roleAssignments":
                (one if "scope" in change else one["properties"]).update(change)

    assert list(problems(installed(changed))) == [
        f"the role {grant.role} of the {grant.who} is missing" for grant in (*GRANTS, ASKS_ABOUT_POLICIES)
    ]


def test_a_variable_that_points_elsewhere_is_named() -> None:
    names = [*made(installed(), containers(installed())["code"]), "O365_MART_URL", "DAGSTER_LOGS_CONTAINER"]

    def elsewhere(template: Any) -> None:
        for one in template["resources"]:
            if one["type"] == "Microsoft.App/containerApps":
                [container] = one["properties"]["template"]["containers"]
                for entry in container["env"]:
                    entry["value"] = "sqlite:///elsewhere" if entry["name"] in names else entry["value"]

    found = list(problems(installed(elsewhere)))

    for role in CONTAINERS:
        assert [name for name in names if not any(line.startswith(f"{role}: {name} is ") for line in found)] == []


@pytest.mark.parametrize("server", ["SQL", "PostgreSQL"])
def test_a_database_server_that_somebody_else_administers_is_named(server: str) -> None:
    def changed(template: Any) -> None:
        for one in template["resources"]:
            if server == "SQL" and one["type"] == "Microsoft.Sql/servers":
                one["properties"]["administrators"]["sid"] = "[parameters('applicationId')]"
            if server == "PostgreSQL" and one["type"] == "Microsoft.Resources/deployments":
                one["properties"]["parameters"]["principalId"]["value"] = "[parameters('applicationId')]"

    found = list(problems(installed(changed)))

    assert found == [f"the pipeline's identity does not administer the {server} server"]


@pytest.mark.parametrize("name", ["O365_CUSTOMERS", "O365_MART_URL"])
def test_without_what_has_no_default_nothing_starts_and_one_line_says_why(
    name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    given = variables(containers(installed())["code"])

    with pytest.raises(O365PipelineError, match=f"^{name} is missing: .+$"):
        start({key: value for key, value in given.items() if key != name}, monkeypatch)


def test_helms_values_set_what_is_read_and_no_more() -> None:
    values = yaml.safe_load((DEPLOY / "kubernetes" / "values.yaml").read_text())
    [code] = values["dagster-user-deployments"]["deployments"]

    # Sensors are turned on in the UI, and a vendor adds what is its own.
    assert set(code["env"]) == settings_to_set() - {"O365_START_SENSORS", *OF_A_VENDOR}


def test_celerys_page_sets_what_its_file_reads() -> None:
    read = named_in(yaml.safe_load((DEPLOY / "celery" / "dagster.yaml").read_text()))
    _, _, page = (DEPLOY / "README.md").read_text().partition("## Celery")

    exported = set(re.findall(r"\b([A-Z][A-Z0-9_]+)=", page))

    assert read <= exported
    # The workspace's file reads where the code server is; a worker of several on one machine has one thread.
    of_its_own = {"O365_CODE_SERVER", "O365_THREADS"}
    assert {name for name in exported if name.startswith("O365_")} - of_its_own == settings_to_set() - {
        "O365_START_SENSORS",
        *OF_A_VENDOR,
    }
