"""What the deployments set is what the code reads: the environment, the identity and the mounts of each container are
taken from the template, and exactly that is started.
"""

from __future__ import annotations

import copy
import json
import os
import re
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import dagster as dg
import pytest
import yaml

from o365_pipeline.definitions import build_definitions
from o365_pipeline.deployment import Settings, load
from o365_pipeline.deployment.settings import OF_OTHERS
from o365_pipeline.errors import O365PipelineError
from o365_pipeline.managed_app.offer import read_offer
from o365_pipeline.managed_app.package.arm_template import Deployed, deploy, worked_out
from o365_pipeline.managed_app.template.azure_template import enterprise_template, main_template
from o365_pipeline.managed_app.template.roles import GRANTS
from o365_pipeline_tests.deploy.conftest import DEPLOY
from o365_pipeline_tests.deploy.test_azure_template import NEEDED
from o365_pipeline_tests.managed_app.installing import APPLICATION

SETTINGS = {f"O365_{name.upper()}": field for name, field in Settings.model_fields.items()}
LEFT_TO_DEFAULTS = {
    "O365_LAKE_URL": "each customer has a container of its own",
    "O365_STORAGE_URL": "storage accounts answer where Azure has them",
    "O365_STORAGE_KEY": "no key is accepted",
    "O365_ARM_URL": "the public cloud, but for a rehearsal",
    "O365_FEED_URL": "the feed answers where the tenant's plan says",
}
OF_A_VENDOR = {"O365_OFFER", "O365_NOTIFICATION_SIGNATURE"}
IMAGE_AND_SIGN_IN = {"AZURE_CLIENT_ID", "AZURE_TOKEN_CREDENTIALS", "DAGSTER_CURRENT_IMAGE"}
"""What azure-identity and Dagster's launcher read."""

INSTANCE = yaml.safe_load((DEPLOY / "dagster.yaml").read_text())
JOBS = INSTANCE["run_launcher"]["config"]["env_vars"]
CONTAINERS = ("code", "webserver", "daemon")


def settings_to_set() -> set[str]:
    """The settings that somebody has to set: not those of the sandbox, nor those that a customer's entry holds."""
    elsewhere = {
        name for name, field in SETTINGS.items() if str(field.description).startswith(("Sandbox:", "Customer:"))
    }
    return set(SETTINGS) - elsewhere - set(LEFT_TO_DEFAULTS)


def named_in(part: Any) -> set[str]:
    """The variables that a file of Dagster's names as { env: NAME }."""
    if isinstance(part, dict):
        return {part["env"]} if set(part) == {"env"} else set().union(*map(named_in, part.values()))
    return set().union(*map(named_in, part)) if isinstance(part, list) else set()


def read_by_dagster() -> set[str]:
    return named_in(INSTANCE) | named_in(yaml.safe_load((DEPLOY / "workspace.yaml").read_text())) | set(JOBS)


def containers(deployed: Deployed) -> dict[str, Any]:
    apps = deployed.of_type("Microsoft.App/containerApps")
    return {one["name"].rpartition("-")[2]: one for one in apps}


def variables(app: Any) -> dict[str, str]:
    [container] = app["properties"]["template"]["containers"]
    return {one["name"]: one.get("value", "of a secret") for one in container["env"]}


def problems(deployed: Deployed) -> Iterator[str]:
    """Why what was deployed would not run: one line each."""
    apps = containers(deployed)
    for role in CONTAINERS:
        given, app = variables(apps[role]), apps[role]
        needed = (settings_to_set() - {"O365_NOTIFICATION_SIGNATURE"}) | read_by_dagster() | IMAGE_AND_SIGN_IN
        yield from (f"{role}: {name} is not set" for name in sorted(needed - set(given)))
        of_ours = {name for name in given if name.startswith("O365_")}
        yield from (f"{role}: nothing reads {name}" for name in sorted(of_ours - set(SETTINGS) - set(OF_OTHERS)))
        signs_in_as = set(app.get("identity", {}).get("userAssignedIdentities", {}))
        if given.get("DAGSTER_ACA_IDENTITY") not in signs_in_as:
            yield f"{role}: it does not have the identity {given.get('DAGSTER_ACA_IDENTITY')}"
        if app["properties"]["template"].get("volumes"):
            yield f"{role}: it has volumes, which a run's job does not get"
    assigned = [one["properties"]["description"] for one in deployed.of_type("Microsoft.Authorization/roleAssignments")]
    yield from (f"the role {one.role} of the {one.who} is missing" for one in GRANTS if one.reason not in assigned)


def start(environment: Mapping[str, str], monkeypatch: pytest.MonkeyPatch) -> dg.Definitions:
    """Start what a code server or a run starts, with exactly this environment."""
    with monkeypatch.context() as patch:
        for name in [name for name in os.environ if name not in ("PATH", "HOME", "PYTHONPATH", "LANG")]:
            patch.delenv(name)
        for name, value in environment.items():
            patch.setenv(name, value)
        definitions = build_definitions(load())
        dg.Definitions.validate_loadable(definitions)
        return definitions


def installed(change: Callable[[Any], None] = lambda _: None) -> Deployed:
    template = copy.deepcopy(main_template(read_offer(None)))
    change(template)
    return worked_out(template, location="westeurope", sku="standard", **APPLICATION)


def enterprise(change: Callable[[Any], None] = lambda _: None, **more: Any) -> Deployed:
    template = copy.deepcopy(enterprise_template())
    change(template)
    return deploy(template, **{**NEEDED, **more})


@pytest.mark.parametrize("make", [installed, enterprise])
def test_every_setting_that_is_read_is_set_and_every_setting_that_is_set_is_read(make: Callable[[], Deployed]) -> None:
    assert list(problems(make())) == []


def test_the_settings_that_no_template_sets_are_settings() -> None:
    assert set(LEFT_TO_DEFAULTS) < set(SETTINGS)
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


@pytest.mark.parametrize("grant", GRANTS, ids=lambda grant: f"{grant.role} of {grant.who}")
def test_a_role_that_is_dropped_is_named(grant: Any) -> None:
    found = list(problems(installed(without_role(grant.reason))))

    assert found == [f"the role {grant.role} of the {grant.who} is missing"]


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
    assert {name for name in exported if name.startswith("O365_")} == settings_to_set() - {
        "O365_START_SENSORS",
        *OF_A_VENDOR,
    }
