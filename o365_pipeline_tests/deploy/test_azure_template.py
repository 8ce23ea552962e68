"""The infrastructure of one enterprise: the template is worked out as Azure would, and what it makes is looked at."""

from __future__ import annotations

import copy
import json
import re
from pathlib import Path
from typing import Any

import jsonschema
import pytest
import yaml
from azure.mgmt.appcontainers.models import ContainerApp, ManagedEnvironment

from o365_pipeline.customers.configuration import CustomerEntry
from o365_pipeline.customers.regions import REGION_NAMES
from o365_pipeline.deployment import Settings
from o365_pipeline.managed_app.package import arm_template
from o365_pipeline.managed_app.package.arm_template import Deployed, TemplateError, deploy
from o365_pipeline_tests.deploy.conftest import DEPLOY
from o365_pipeline_tests.deploy.test_container_file import command

SCHEMA = Path(arm_template.__file__).with_suffix(".schema.json")
NEEDED = {
    "location": "westeurope",
    "image": "registry.example/o365-pipeline:1.0.0",
    "sqlAdministratorName": "sql-administrators",
    "sqlAdministratorObjectId": "22222222-0000-4000-8000-000000000002",
}
OPTIONAL = {
    "containerRegistry": "acro365",
    "applicationObjectId": "of-the-application",
    "applicationSecret": "very secret",
    "uiApplicationId": "33333333-0000-4000-8000-000000000003",
    "uiApplicationSecret": "as secret",
}
ROLES = {
    "ba92f5b4-2d11-453d-a403-e96b0029c9fe": "Storage Blob Data Contributor",
    "673868aa-7521-48a0-acc6-0f60742d39f5": "Data Factory Contributor",
    "4633458b-17de-408a-b874-0445c86b69e6": "Key Vault Secrets User",
    "4e3d2b60-56ae-4dc6-a233-09c8e5a82e68": "Container Apps Jobs Contributor",
    "f1a07417-d97a-45cb-824c-7a7467783830": "Managed Identity Operator",
    "7f951dda-4ed3-4680-a7ca-43fe172d538d": "AcrPull",
}
"""Azure's built-in roles, as its documentation lists them."""

APP = "Microsoft.App/containerApps"


@pytest.fixture(scope="module")
def template() -> dict[str, Any]:
    content: dict[str, Any] = json.loads((DEPLOY / "azure" / "mainTemplate.json").read_text())
    return content


@pytest.fixture(scope="module")
def deployed(template: dict[str, Any]) -> Deployed:
    return deploy(template, **NEEDED, **OPTIONAL)


def test_the_template_has_the_form_of_one(template: dict[str, Any]) -> None:
    schema = json.loads(SCHEMA.read_text())
    inner = [one for one in template["resources"] if one["type"] == "Microsoft.Resources/deployments"]
    nested = [one["properties"]["template"] for one in inner]

    for one in (template, *nested):
        jsonschema.validate(one, schema)
    assert len(nested) == 1


@pytest.mark.parametrize("optional", [{}, OPTIONAL], ids=["least", "all"])
def test_everything_that_the_template_names_is_there(template: dict[str, Any], optional: dict[str, str]) -> None:
    assert len(deploy(template, **NEEDED, **optional).resources) >= 26


@pytest.mark.parametrize(
    ("written", "wrong", "said"),
    [
        ("variables('factory')", "variables('factorie')", "no such variable: factorie"),
        ("parameters('image')", "parameters('imag')", "no such parameter: imag"),
        ("[resourceId('Microsoft.KeyVault/vaults'", "[resourceId('Microsoft.KeyVault/vault'", "depends on what is not"),
        ("reference(resourceId('Microsoft.Op", "reference(resourceId('Microsoft.Opp", "a reference to what is not"),
        ("uniqueString(", "uniqString(", "no such function: uniqString"),
    ],
)
def test_a_name_of_nothing_would_be_noticed(template: dict[str, Any], written: str, wrong: str, said: str) -> None:
    text = json.dumps(template)
    assert written in text

    with pytest.raises(TemplateError, match=re.escape(said)):
        deploy(json.loads(text.replace(written, wrong)), **NEEDED, **OPTIONAL)


def test_what_is_declared_and_never_used_would_be_noticed(template: dict[str, Any]) -> None:
    idle = copy.deepcopy(template)
    idle["variables"]["idle"] = "value"

    with pytest.raises(TemplateError, match="idle"):
        deploy(idle, **NEEDED)


def test_everything_lies_in_a_region_that_data_connect_delivers_into(template: dict[str, Any]) -> None:
    allowed = template["parameters"]["location"]["allowedValues"]

    assert set(allowed) == set(REGION_NAMES)
    with pytest.raises(TemplateError, match="not allowed"):
        deploy(template, **{**NEEDED, "location": "swedencentral"})


def test_each_identity_has_the_documented_roles_that_it_needs_and_no_others(deployed: Deployed) -> None:
    granted = {
        (
            one["properties"]["principalId"],
            ROLES[one["properties"]["roleDefinitionId"].rsplit("/", 1)[-1]],
            one["scope"].split("/")[-2] if "scope" in one else "resourceGroup",
        )
        for one in deployed.of_type("Microsoft.Authorization/roleAssignments")
    }

    assert granted == {
        ("of-the-factory", "Key Vault Secrets User", "vaults"),
        ("of-the-pipeline", "Data Factory Contributor", "factories"),
        ("of-the-pipeline", "Storage Blob Data Contributor", "storageAccounts"),
        ("of-the-pipeline", "Container Apps Jobs Contributor", "resourceGroup"),
        ("of-the-pipeline", "Managed Identity Operator", "userAssignedIdentities"),
        ("of-the-pipeline", "AcrPull", "registries"),
        ("of-the-application", "Storage Blob Data Contributor", "storageAccounts"),
    }


def test_the_lake_is_gen2_storage_encrypted_over_tls_with_no_key_and_no_public_blob(deployed: Deployed) -> None:
    account = deployed.only("Microsoft.Storage/storageAccounts")
    properties = account["properties"]

    assert account["kind"] == "StorageV2"
    assert properties["isHnsEnabled"] is True
    assert properties["minimumTlsVersion"] == "TLS1_2"
    assert properties["supportsHttpsTrafficOnly"] is True
    assert properties["allowBlobPublicAccess"] is False
    assert properties["allowSharedKeyAccess"] is False
    assert properties["encryption"]["services"]["blob"]["enabled"] is True
    containers = deployed.of_type("Microsoft.Storage/storageAccounts/blobServices/containers")
    assert [one["name"].split("/")[-1] for one in containers] == ["lake", "dagster-logs"]
    assert {one["properties"]["publicAccess"] for one in containers} == {"None"}


def test_the_lake_is_open_to_data_connect_which_comes_from_no_address_of_ours(deployed: Deployed) -> None:
    properties = deployed.only("Microsoft.Storage/storageAccounts")["properties"]

    assert properties["publicNetworkAccess"] == "Enabled"
    assert properties["networkAcls"]["defaultAction"] == "Allow"


def test_the_databases_take_entra_sign_in_alone_over_tls(deployed: Deployed) -> None:
    sql = deployed.only("Microsoft.Sql/servers")["properties"]
    postgres = deployed.only("Microsoft.DBforPostgreSQL/flexibleServers")["properties"]
    secure = deployed.only("Microsoft.DBforPostgreSQL/flexibleServers/configurations")
    encryption = deployed.only("Microsoft.Sql/servers/databases/transparentDataEncryption")

    assert sql["administrators"]["azureADOnlyAuthentication"] is True
    assert "administratorLoginPassword" not in sql
    assert sql["minimalTlsVersion"] == "1.2"
    assert encryption["properties"]["state"] == "Enabled"
    assert postgres["authConfig"]["activeDirectoryAuth"] == "Enabled"
    assert postgres["authConfig"]["passwordAuth"] == "Disabled"
    assert (secure["name"].split("/")[-1], secure["properties"]["value"]) == ("require_secure_transport", "on")


def test_the_pipelines_identity_is_the_user_that_dagsters_storage_signs_in_as(deployed: Deployed) -> None:
    administrator = deployed.only("Microsoft.DBforPostgreSQL/flexibleServers/administrators")

    assert administrator["name"].split("/")[-1] == "of-the-pipeline"
    assert administrator["properties"]["principalName"] == variables(deployed, "daemon")["DAGSTER_PG_USER"]


def test_the_vault_is_read_by_roles_and_cannot_be_purged(deployed: Deployed) -> None:
    vault = deployed.only("Microsoft.KeyVault/vaults")["properties"]

    assert vault["enableRbacAuthorization"] is True
    assert vault["enablePurgeProtection"] is True


def test_secrets_go_to_the_vault_and_to_the_sign_in_of_the_ui_and_nowhere_else(
    template: dict[str, Any], deployed: Deployed
) -> None:
    secret = {name for name, one in template["parameters"].items() if one["type"].startswith("secure")}
    places = {
        one["type"] for one in deployed.resources.values() if any(OPTIONAL[name] in json.dumps(one) for name in secret)
    }

    assert secret == {"applicationSecret", "uiApplicationSecret"}
    assert all(template["parameters"][name]["defaultValue"] == "" for name in secret)
    assert places == {"Microsoft.KeyVault/vaults/secrets", APP}
    assert not any(OPTIONAL[name] in json.dumps(deployed.outputs) for name in secret)
    assert not any(OPTIONAL[name] in json.dumps(variables(deployed, "webserver")) for name in secret)


def test_the_ui_is_reachable_from_outside_only_with_a_sign_in(template: dict[str, Any], deployed: Deployed) -> None:
    closed = deploy(template, **NEEDED)

    assert ingress(deployed, "webserver")["external"] is True
    assert ingress(deployed, "webserver")["allowInsecure"] is False
    [sign_in] = deployed.of_type(f"{APP}/authConfigs")
    assert sign_in["properties"]["globalValidation"]["unauthenticatedClientAction"] == "RedirectToLoginPage"
    assert ingress(closed, "webserver")["external"] is False
    assert not closed.of_type(f"{APP}/authConfigs")


@pytest.mark.parametrize("role", ["code-server", "webserver", "daemon"])
def test_the_containers_are_started_as_the_image_says(deployed: Deployed, role: str) -> None:
    assert container(deployed, role.removesuffix("-server"))["command"] == command(role)


def test_the_webserver_and_daemon_find_the_code_server(deployed: Deployed) -> None:
    [location] = yaml.safe_load((DEPLOY / "workspace.yaml").read_text())["load_from"]

    assert variables(deployed, "daemon")["O365_CODE_SERVER"] == app(deployed, "code")["name"]
    assert ingress(deployed, "code")["exposedPort"] == location["grpc_server"]["port"]


def test_the_daemon_has_what_the_instance_and_the_launched_jobs_need(deployed: Deployed) -> None:
    instance = yaml.safe_load((DEPLOY / "dagster.yaml").read_text())

    assert set(instance["run_launcher"]["config"]["env_vars"]) <= set(variables(deployed, "daemon"))
    assert variables(deployed, "code")["DAGSTER_CURRENT_IMAGE"] == NEEDED["image"]


def test_the_projects_settings_are_given_under_their_names(deployed: Deployed) -> None:
    given = variables(deployed, "code")
    own = {name.removeprefix("O365_").lower(): value for name, value in given.items() if name.startswith("O365_")}
    own.pop("code_server")

    settings = Settings.model_validate(own)

    assert set(own) <= set(Settings.model_fields)
    assert (settings.deployment, settings.credential) == ("azure", "managed-identity")
    assert given["AZURE_CLIENT_ID"] == "client-id"


def test_container_apps_are_of_the_form_that_azures_own_client_knows(deployed: Deployed) -> None:
    for model, kind in ((ContainerApp, APP), (ManagedEnvironment, "Microsoft.App/managedEnvironments")):
        for resource in deployed.of_type(kind):
            known = model.deserialize(resource).serialize(keep_readonly=True)

            for part in ("identity", "properties"):
                assert known.get(part) == resource.get(part)


def test_the_outputs_make_a_customers_entry(deployed: Deployed) -> None:
    entry = CustomerEntry.model_validate(
        {**deployed.outputs["customerEntry"], "data_request": "data_request.toml", "first_day": "2026-11-16"}
    )

    assert entry.region == "westeurope"
    assert deployed.outputs["sink"] == f"https://{entry.storage_account}.dfs.core.windows.net/{entry.container}"
    assert deployed.outputs["martUrl"] == f"mssql+pyodbc://@{deployed.outputs['sqlHost']}/mart"


def test_names_keep_to_azures_limits_with_the_longest_prefix(template: dict[str, Any]) -> None:
    deployed = deploy(template, **NEEDED, **OPTIONAL, namePrefix="abcdefghij")

    assert re.fullmatch(r"[a-z0-9]{3,24}", deployed.only("Microsoft.Storage/storageAccounts")["name"])
    assert re.fullmatch(r"[a-z][a-z0-9-]{2,23}", deployed.only("Microsoft.KeyVault/vaults")["name"])
    for one in deployed.of_type(APP):
        assert re.fullmatch(r"[a-z][a-z0-9-]{0,30}[a-z0-9]", one["name"])


def app(deployed: Deployed, role: str) -> Any:
    [found] = [one for one in deployed.of_type(APP) if one["name"].endswith(role)]
    return found


def container(deployed: Deployed, role: str) -> Any:
    [found] = app(deployed, role)["properties"]["template"]["containers"]
    return found


def ingress(deployed: Deployed, role: str) -> Any:
    return app(deployed, role)["properties"]["configuration"]["ingress"]


def variables(deployed: Deployed, role: str) -> dict[str, str]:
    return {one["name"]: one["value"] for one in container(deployed, role)["env"]}
