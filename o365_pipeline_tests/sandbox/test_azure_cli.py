"""The real azure-cli, pointed at the sandbox over HTTPS: what a person types by docs/azure-cli.md.

It runs where `make azure-cli` installed az, or az is on the path; else it is skipped.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from o365_pipeline.azure.policies import policies
from o365_pipeline.sandbox.app import served_app
from o365_pipeline.sandbox.azure.compliance import ACCOUNT_TYPE, ASSIGNMENT_TYPE
from o365_pipeline.sandbox.azure.resources import Resources
from o365_pipeline.sandbox.azure.subscriptions import Subscriptions
from o365_pipeline_tests.sandbox.azure.test_installation import FORM, TEMPLATE
from o365_pipeline_tests.sandbox.conftest import FACTORY, GROUP, PIPELINE, World
from o365_pipeline_tests.served import certificate, serving

INSTALLED = Path(__file__).parents[2] / ".azure-cli" / "bin" / "az"
PROGRAM = str(INSTALLED) if INSTALLED.exists() else shutil.which("az")
TENANT, SUBSCRIPTION = "00000000-0000-4000-8000-0000000000c1", "00000000-0000-4000-8000-0000000000d1"
GROUPS = f"/subscriptions/{SUBSCRIPTION}/resourceGroups"
VENDOR = "11111111-0000-4000-8000-000000000001:8e3af657-a8ff-443c-a75c-2fe8c4bcb635"

pytestmark = pytest.mark.skipif(PROGRAM is None, reason="az is missing: make azure-cli")


class RefusedError(Exception):
    """What az wrote when it ended with an error."""


Az = Callable[..., Any]


@pytest.fixture
def az(world: World, tmp_path: Path) -> Iterator[Az]:
    """Runs az, which knows the sandbox's cloud and is signed in; returns what it answers."""
    Subscriptions(world.factories.state).create(SUBSCRIPTION, TENANT)
    files, authority = certificate(tmp_path)
    environment = {
        **os.environ,
        "AZURE_CONFIG_DIR": str(tmp_path / "az"),
        "REQUESTS_CA_BUNDLE": str(authority),
        "AZURE_CORE_COLLECT_TELEMETRY": "false",
        "AZURE_CORE_ONLY_SHOW_ERRORS": "true",
        "AZURE_CORE_INSTANCE_DISCOVERY": "false",
    }

    def az(*arguments: str) -> Any:
        assert PROGRAM
        ended = subprocess.run(
            [PROGRAM, *arguments, "--output", "json"], env=environment, capture_output=True, text=True, check=False
        )
        if ended.returncode:
            raise RefusedError(ended.stderr)
        return json.loads(ended.stdout) if ended.stdout.strip() else None

    with serving(served_app(world.factories, world.entra), files) as address:
        az("cloud", "register", "--name", "sandbox", "--endpoint-resource-manager", address)
        az("cloud", "set", "--name", "sandbox")
        az("login", "--service-principal", "--username", PIPELINE, "--password", "any", "--tenant", TENANT)
        yield az


def test_somebody_signs_in_and_makes_a_group(az: Az) -> None:
    [account] = az("account", "list")
    made = az("group", "create", "--name", "rg-vendor", "--location", "westeurope")

    assert (account["id"], account["tenantId"]) == (SUBSCRIPTION, TENANT)
    assert made["properties"]["provisioningState"] == "Succeeded"
    assert [group["name"] for group in az("group", "list")] == ["rg-vendor"]
    assert [az("group", "exists", "--name", name) for name in ("rg-vendor", "rg-other")] == [True, False]
    with pytest.raises(RefusedError, match="ResourceGroupNotFound"):
        az("group", "show", "--name", "rg-other")


def test_a_definition_is_published_and_an_application_installed_from_it(az: Az, world: World) -> None:
    for group in ("rg-vendor", "rg-customer"):
        az("group", "create", "--name", group, "--location", "westeurope")
    described = ["--display-name", "Insights", "--description", "d", "--lock-level", "ReadOnly"]
    files = ["--main-template", json.dumps(TEMPLATE), "--create-ui-definition", json.dumps(FORM)]
    where = ["--resource-group", "rg-vendor", "--name", "insights"]
    az("managedapp", "definition", "create", *where, *described, *files, "--authorizations", VENDOR)
    definition = az("managedapp", "definition", "show", *where)
    values = {"location": "westeurope", "sku": "weekly", "extractGroups": ["g1"]}
    order = [
        *("--resource-group", "rg-customer", "--kind", "ServiceCatalog"),
        *("--managedapp-definition-id", definition["id"], "--managed-rg-id", f"{GROUPS}/mrg-insights"),
    ]

    made = az("managedapp", "create", "--name", "insights", *order, "--parameters", json.dumps(given(values)))

    assert definition["lockLevel"] == "ReadOnly"
    assert (made["provisioningState"], made["outputs"]["sku"]["value"]) == ("Succeeded", "weekly")
    assert [one["name"] for one in az("managedapp", "list", "--resource-group", "rg-customer")] == ["insights"]
    in_group = ["--resource-group", "mrg-insights"]
    assert [one["name"] for one in az("deployment", "group", "list", *in_group)] == ["insights"]
    assert ACCOUNT_TYPE in [one["type"] for one in az("resource", "list", *in_group)]
    with pytest.raises(RefusedError, match="the parameter location is missing"):
        az("managedapp", "create", "--name", "broken", *order, "--parameters", "{}")
    az("managedapp", "delete", "--resource-group", "rg-customer", "--name", "insights")
    assert Resources(world.factories.state).all(f"{GROUPS}/mrg-insights") == []


def given(values: dict[str, Any]) -> dict[str, dict[str, Any]]:
    return {name: {"value": value} for name, value in values.items()}


def test_a_pipeline_is_run_and_policies_are_read(az: Az, world: World) -> None:
    Subscriptions(world.factories.state).create("sub", "t1")
    group = f"/subscriptions/sub/resourceGroups/{GROUP}"
    pipeline = f"{group}/providers/Microsoft.DataFactory/factories/{FACTORY}/pipelines/{world.deploy()}"
    resources, policy = Resources(world.factories.state), policies()["secure-transfer"]
    resources.put({"id": f"{group}/providers/{ACCOUNT_TYPE}/acc", "type": ACCOUNT_TYPE, "name": "acc"})
    assignment = {"type": ASSIGNMENT_TYPE, "name": "p", "properties": {"policyDefinitionId": policy.definition_id}}
    resources.put({"id": f"{group}/providers/{ASSIGNMENT_TYPE}/p", **assignment})
    az("login", "--service-principal", "--username", PIPELINE, "--password", "any", "--tenant", "t1")

    def rest(method: str, path: str, *more: str) -> Any:
        return az("rest", "--method", method, "--url", f"{path}?api-version=2018-06-01", *more)

    window = {"startTime": "2026-11-16T00:00:00Z", "endTime": "2026-11-17T00:00:00Z"}
    body = json.dumps({**window, "windowKey": "w1", "folder": "raw/w1"})
    run_id = rest("POST", f"{pipeline}/createRun", "--body", body)["runId"]

    assert rest("GET", pipeline)["name"] == pipeline.rpartition("/")[2]
    assert len(rest("GET", pipeline.rpartition("/")[0])["value"]) == 1
    run = rest("GET", f"{pipeline.partition('/pipelines/')[0]}/pipelineruns/{run_id}")
    assert (run["runId"], run["status"]) == (run_id, "Queued")
    in_group = ["--resource-group", GROUP, "--subscription", "sub"]
    [state] = az("policy", "state", "list", *in_group)
    assert state["complianceState"] == "Compliant"
    assert [one["name"] for one in az("policy", "assignment", "list", *in_group)] == ["p"]
