"""The Azure template of an enterprise, and the installed one: both are worked out as Azure would, and what they make is
looked at.
"""

from __future__ import annotations

import copy
import json
import re
from pathlib import Path
from typing import Any

import jsonschema
import pytest
import sqlalchemy as sa
import yaml
from azure.mgmt.appcontainers.models import AuthConfig, ContainerApp, ManagedEnvironment
from starlette.testclient import TestClient

from o365_pipeline.cli.docs import template_document
from o365_pipeline.customers.configuration import read_customers
from o365_pipeline.customers.customer import Customers
from o365_pipeline.customers.data_request import read_data_request
from o365_pipeline.customers.regions import REGION_NAMES
from o365_pipeline.database.database import Database
from o365_pipeline.insights.pages import insights_app
from o365_pipeline.insights.viewers import ContainerAppsSignIn
from o365_pipeline.managed_app.offer import read_offer
from o365_pipeline.managed_app.package import arm_template
from o365_pipeline.managed_app.package.arm_template import Deployed, TemplateError, deploy
from o365_pipeline.managed_app.template.azure_template import enterprise_template, main_template
from o365_pipeline.mart.marts import Marts
from o365_pipeline_tests.deploy.conftest import DEPLOY
from o365_pipeline_tests.deploy.test_container_file import command
from o365_pipeline_tests.managed_app.installing import APPLICATION, APPLICATION_OBJECT_ID, customer_of, environment

SCHEMA = Path(arm_template.__file__).with_suffix(".schema.json")
SECRETS = {
    "applicationSecret": "very secret",
    "uiApplicationSecret": "as secret",
    "insightsApplicationSecret": "no less secret",
}
SIGNATURE = "most secret"
UI = {"uiApplicationId": "33333333-0000-4000-8000-00000000000a", "uiPeople": ["of-ann"]}
ANALYSTS = ["00000000-0000-4000-8000-0000000000aa", "00000000-0000-4000-8000-0000000000bb"]
INSIGHTS = {"insightsApplicationId": "33333333-0000-4000-8000-00000000000b", "insightsAnalysts": ANALYSTS}
NEEDED = {
    "location": "westeurope",
    "image": "registry.example/o365-pipeline@sha256:0",
    **APPLICATION,
    "dataRequest": read_data_request(None).model_dump(mode="json"),
}
OPTIONAL = {
    "containerRegistry": "acro365",
    "offerFile": "/opt/o365/offer/offer.toml",
    "notificationSignature": SIGNATURE,
    **SECRETS,
    **UI,
    **INSIGHTS,
}
APP = "Microsoft.App/containerApps"
ROLES = {
    "ba92f5b4-2d11-453d-a403-e96b0029c9fe": "Storage Blob Data Contributor",
    "673868aa-7521-48a0-acc6-0f60742d39f5": "Data Factory Contributor",
    "4633458b-17de-408a-b874-0445c86b69e6": "Key Vault Secrets User",
    "4e3d2b60-56ae-4dc6-a233-09c8e5a82e68": "Container Apps Jobs Contributor",
    "f1a07417-d97a-45cb-824c-7a7467783830": "Managed Identity Operator",
    "7f951dda-4ed3-4680-a7ca-43fe172d538d": "AcrPull",
    "acdd72a7-3385-48ef-bd42-f606fba81ae7": "Reader",
    "36243c78-bf99-498c-9df9-86d9f8d28608": "Resource Policy Contributor",
}
"""Azure's built-in roles, as its documentation lists them."""

ALWAYS = {
    ("of-the-factory", "Key Vault Secrets User", "vaults"),
    ("of-the-pipeline", "Data Factory Contributor", "factories"),
    ("of-the-pipeline", "Storage Blob Data Contributor", "storageAccounts"),
    ("of-the-pipeline", "Container Apps Jobs Contributor", "resourceGroup"),
    ("of-the-pipeline", "Managed Identity Operator", "userAssignedIdentities"),
    ("of-the-pipeline", "Reader", "resourceGroup"),
    (APPLICATION_OBJECT_ID, "Storage Blob Data Contributor", "storageAccounts"),
}
OF_ONE = {
    "enterprise": {("of-the-pipeline", "AcrPull", "registries"), ("of-insights", "AcrPull", "registries")},
    "installed": {("of-the-pipeline", "Resource Policy Contributor", "resourceGroup")},
}


@pytest.fixture(scope="module")
def template() -> dict[str, Any]:
    content: dict[str, Any] = json.loads((DEPLOY / "azure" / "mainTemplate.json").read_text())
    return content


@pytest.fixture(scope="module")
def enterprise(template: dict[str, Any]) -> Deployed:
    return deploy(template, **NEEDED, **OPTIONAL)


@pytest.fixture(scope="module", params=["enterprise", "installed"])
def deployed(request: pytest.FixtureRequest, enterprise: Deployed) -> Deployed:
    if request.param == "enterprise":
        return enterprise
    sold = read_offer(None)
    given = {"location": "westeurope", "sku": "standard", **APPLICATION, **SECRETS, **UI, **INSIGHTS}
    return deploy(main_template(sold), **given)


def kind_of(deployed: Deployed) -> str:
    return "installed" if "packageVersion" in deployed.outputs else "enterprise"


def test_the_file_is_what_the_code_makes(template: dict[str, Any]) -> None:
    assert (DEPLOY / "azure" / "mainTemplate.json").read_text() == template_document()


def test_the_template_has_the_form_of_one(template: dict[str, Any]) -> None:
    schema = json.loads(SCHEMA.read_text())
    inner = [one for one in template["resources"] if one["type"] == "Microsoft.Resources/deployments"]
    nested = [one["properties"]["template"] for one in inner]

    for one in (template, *nested):
        jsonschema.validate(one, schema)
    assert len(nested) == 1


def test_both_templates_are_made_of_the_same_parts() -> None:
    alone = ("Microsoft.Authorization/", "Microsoft.DataFactory/factories/")
    differs = ("registries", "dependsOn")

    def common(template: dict[str, Any]) -> list[Any]:
        parts = [one for one in template["resources"] if not one["type"].startswith(alone)]
        return [without(differs, one) for one in parts if "notifications" not in one["name"]]

    installed = common(main_template(read_offer(None)))

    assert common(enterprise_template()) == installed
    assert len(installed) > 20


def without(names: tuple[str, ...], value: Any) -> Any:
    if isinstance(value, dict):
        return {name: without(names, part) for name, part in value.items() if name not in names}
    return [without(names, part) for part in value] if isinstance(value, list) else value


def test_no_container_is_made_before_it_may_get_its_image(enterprise: Deployed) -> None:
    pulls = {
        one["properties"]["principalId"]: str(name)
        for name, one in enterprise.resources.items()
        if role_of(one) == "AcrPull"
    }

    for one in enterprise.of_type(APP):
        whose = "of-insights" if one["name"].endswith("insights") else "of-the-pipeline"
        assert pulls[whose] in one["dependsOn"]
        [registry] = one["properties"]["configuration"]["registries"]
        assert [registry["identity"]] == list(one["identity"]["userAssignedIdentities"])


def role_of(resource: Any) -> str | None:
    return ROLES.get(str(resource.get("properties", {}).get("roleDefinitionId")).rsplit("/", 1)[-1])


@pytest.mark.parametrize("optional", [{}, OPTIONAL], ids=["least", "all"])
def test_everything_that_the_template_names_is_there(template: dict[str, Any], optional: dict[str, str]) -> None:
    assert len(deploy(template, **NEEDED, **optional).resources) >= 28


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


def test_each_identity_has_the_documented_roles_that_it_needs_each_with_a_reason(deployed: Deployed) -> None:
    assignments = deployed.of_type("Microsoft.Authorization/roleAssignments")
    granted = {
        (
            one["properties"]["principalId"],
            ROLES[one["properties"]["roleDefinitionId"].rsplit("/", 1)[-1]],
            one["scope"].split("/")[-2] if "scope" in one else "resourceGroup",
        )
        for one in assignments
    }

    assert granted == ALWAYS | OF_ONE[kind_of(deployed)]
    assert len(assignments) == len(granted)
    assert all(one["properties"]["description"].endswith(".") for one in assignments)


def test_the_lake_is_gen2_storage_encrypted_twice_over_tls_with_no_key_and_no_public_blob(deployed: Deployed) -> None:
    account = deployed.only("Microsoft.Storage/storageAccounts")
    properties = account["properties"]

    assert account["kind"] == "StorageV2"
    assert properties["isHnsEnabled"] is True
    assert properties["minimumTlsVersion"] == "TLS1_2"
    assert properties["supportsHttpsTrafficOnly"] is True
    assert properties["allowBlobPublicAccess"] is False
    assert properties["allowSharedKeyAccess"] is False
    assert properties["encryption"]["requireInfrastructureEncryption"] is True
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


def test_databases_and_vault_are_reached_from_the_containers_network_and_no_other_tenants(deployed: Deployed) -> None:
    network = deployed.only("Microsoft.Network/virtualNetworks")
    apps, databases = network["properties"]["subnets"]
    subnets = f"/providers/Microsoft.Network/virtualNetworks/{network['name']}/subnets"
    environment = deployed.only("Microsoft.App/managedEnvironments")["properties"]
    way_in = deployed.only("Microsoft.Sql/servers/virtualNetworkRules")["properties"]
    postgres = deployed.only("Microsoft.DBforPostgreSQL/flexibleServers")["properties"]["network"]
    vault = deployed.only("Microsoft.KeyVault/vaults")["properties"]["networkAcls"]

    assert environment["vnetConfiguration"]["infrastructureSubnetId"].endswith(f"{subnets}/{apps['name']}")
    assert way_in["virtualNetworkSubnetId"] == environment["vnetConfiguration"]["infrastructureSubnetId"]
    assert {one["service"] for one in apps["properties"]["serviceEndpoints"]} == {"Microsoft.Sql", "Microsoft.KeyVault"}
    assert postgres["delegatedSubnetResourceId"].endswith(f"{subnets}/{databases['name']}")
    assert vault["defaultAction"] == "Deny"
    assert vault["virtualNetworkRules"] == [{"id": way_in["virtualNetworkSubnetId"]}]
    assert not [one for one in deployed.resources.values() if one["type"].lower().endswith("/firewallrules")]


def test_the_private_name_of_postgres_is_known_in_the_network_before_the_server_is_made(deployed: Deployed) -> None:
    zone = deployed.only("Microsoft.Network/privateDnsZones")["name"]
    server = deployed.only("Microsoft.DBforPostgreSQL/flexibleServers")

    assert zone.endswith(".private.postgres.database.azure.com")
    assert server["properties"]["network"]["privateDnsZoneArmResourceId"].endswith(f"/privateDnsZones/{zone}")
    assert any("/virtualNetworkLinks/" in needed for needed in server["dependsOn"])


def test_the_pipelines_identity_administers_both_databases(deployed: Deployed) -> None:
    postgres = deployed.only("Microsoft.DBforPostgreSQL/flexibleServers/administrators")
    sql = deployed.only("Microsoft.Sql/servers")["properties"]["administrators"]

    assert postgres["name"].split("/")[-1] == "of-the-pipeline"
    assert postgres["properties"]["principalName"] == environment(deployed, "daemon")["DAGSTER_PG_USER"]
    assert (sql["principalType"], sql["sid"], sql["login"]) == ("Application", "client-id", "o365-pipeline")


def test_the_vault_is_read_by_roles_and_cannot_be_purged(deployed: Deployed) -> None:
    vault = deployed.only("Microsoft.KeyVault/vaults")["properties"]

    assert vault["enableRbacAuthorization"] is True
    assert vault["enableSoftDelete"] is True
    assert vault["enablePurgeProtection"] is True


def test_the_applications_secret_goes_to_the_vault_alone_and_not_at_all_where_it_is_left_out(
    template: dict[str, Any], deployed: Deployed
) -> None:
    places = {one["type"] for one in deployed.resources.values() if SECRETS["applicationSecret"] in json.dumps(one)}

    assert places == {"Microsoft.KeyVault/vaults/secrets"}
    assert not deploy(template, **NEEDED).of_type("Microsoft.KeyVault/vaults/secrets")
    assert not any(secret in json.dumps(deployed.outputs) for secret in SECRETS.values())


def test_every_secret_is_a_secure_parameter_that_is_empty_by_default_and_no_variable(
    template: dict[str, Any], enterprise: Deployed
) -> None:
    secret = {name for name, one in template["parameters"].items() if one["type"].startswith("secure")}
    given = [environment(enterprise, role) for role in ("code", "webserver", "daemon", "notifications", "insights")]

    assert secret == {*SECRETS, "notificationSignature"}
    assert all(template["parameters"][name]["defaultValue"] == "" for name in secret)
    assert not any(value in json.dumps(given) for value in (*SECRETS.values(), SIGNATURE))


def test_the_ui_is_reachable_from_outside_only_with_a_sign_in_of_chosen_people(
    template: dict[str, Any], deployed: Deployed
) -> None:
    closed = deploy(template, **NEEDED)

    assert ingress(deployed, "webserver")["external"] is True
    assert ingress(deployed, "webserver")["allowInsecure"] is False
    directory = directory_of(deployed, "webserver")
    assert directory["validation"]["defaultAuthorizationPolicy"]["allowedPrincipals"] == {"identities": ["of-ann"]}
    assert ingress(closed, "webserver")["external"] is False
    assert not closed.of_type(f"{APP}/authConfigs")


def directory_of(deployed: Deployed, role: str) -> Any:
    """The Entra that a container's pages stand behind: whoever is not signed in is sent there, from every path."""
    [sign_in] = [one for one in deployed.of_type(f"{APP}/authConfigs") if one["name"].endswith(f"{role}/current")]
    assert sign_in["properties"]["platform"] == {"enabled": True}
    assert sign_in["properties"]["globalValidation"] == {
        "unauthenticatedClientAction": "RedirectToLoginPage",
        "redirectToProvider": "azureactivedirectory",
    }
    [(provider, directory)] = sign_in["properties"]["identityProviders"].items()
    assert (provider, directory["enabled"]) == ("azureActiveDirectory", True)
    registration = directory["registration"]
    assert registration["openIdIssuer"].endswith("0000-4000-8000-2d7cd011db47/v2.0")
    [secret] = app(deployed, role)["properties"]["configuration"]["secrets"]
    assert secret["name"] == registration["clientSecretSettingName"]
    assert secret["value"] in SECRETS.values()
    return directory


def test_insights_is_not_there_unasked_and_else_behind_a_sign_in_of_its_own(
    template: dict[str, Any], deployed: Deployed
) -> None:
    unasked = deploy(template, **{**NEEDED, "uiApplicationId": UI["uiApplicationId"]}, containerRegistry="acro365")

    assert ingress(deployed, "insights")["external"] is True
    assert ingress(deployed, "insights")["allowInsecure"] is False
    registration = directory_of(deployed, "insights")["registration"]
    assert registration["clientId"] == INSIGHTS["insightsApplicationId"] != UI["uiApplicationId"]
    assert deployed.outputs["insights"] == "https://app.example/"
    assert deployed.outputs["insightsClientId"] == environment(deployed, "insights")["AZURE_CLIENT_ID"]
    assert not [name for name in unasked.resources if "insights" in name]
    assert (unasked.outputs["insights"], unasked.outputs["insightsClientId"]) == ("", "")


def test_insights_signs_in_as_an_identity_that_administers_nothing_and_has_no_role_but_to_get_its_image(
    deployed: Deployed,
) -> None:
    [identity] = app(deployed, "insights")["identity"]["userAssignedIdentities"]
    others = [one["identity"] for one in deployed.of_type(APP) if not one["name"].endswith("insights")]
    roles = deployed.of_type("Microsoft.Authorization/roleAssignments")
    granted = [role_of(one) for one in roles if one["properties"]["principalId"] == "of-insights"]

    assert identity.endswith(f"/{deployed.outputs['insightsIdentity']}")
    assert not [one for one in others if identity in one["userAssignedIdentities"]]
    assert granted == (["AcrPull"] if kind_of(deployed) == "enterprise" else [])
    assert "client-id-of-insights" not in json.dumps(deployed.only("Microsoft.Sql/servers"))


def test_insights_answers_its_probe_to_whoever_is_not_signed_in_and_nothing_else(deployed: Deployed) -> None:
    probes = container(deployed, "insights")["probes"]
    [path] = {one["httpGet"]["path"] for one in probes}
    assert {one["httpGet"]["port"] for one in probes} == {ingress(deployed, "insights")["targetPort"]}
    customers = Customers(read_customers(environment(deployed, "insights")["O365_CUSTOMERS"], {}).customers)
    marts = Marts(Database(sa.URL.create("sqlite")))
    client = TestClient(insights_app(marts, customers, ContainerAppsSignIn(customers, ANALYSTS, False)))

    assert client.get(path).status_code == 204
    assert client.get("/").status_code == 401


@pytest.mark.parametrize("role", ["code-server", "webserver", "daemon"])
def test_the_containers_are_started_as_the_image_says(deployed: Deployed, role: str) -> None:
    assert container(deployed, role.removesuffix("-server"))["command"] == command(role)


def test_the_webserver_and_daemon_find_the_code_server(deployed: Deployed) -> None:
    [location] = yaml.safe_load((DEPLOY / "workspace.yaml").read_text())["load_from"]

    assert environment(deployed, "daemon")["O365_CODE_SERVER"] == app(deployed, "code")["name"]
    assert ingress(deployed, "code")["exposedPort"] == location["grpc_server"]["port"]


def test_container_apps_are_of_the_form_that_azures_own_client_knows(deployed: Deployed) -> None:
    kinds = ((ContainerApp, APP), (ManagedEnvironment, "Microsoft.App/managedEnvironments"))
    for model, kind in (*kinds, (AuthConfig, f"{APP}/authConfigs")):
        for resource in deployed.of_type(kind):
            known = model.deserialize(resource).serialize(keep_readonly=True)

            for part in ("identity", "properties"):
                assert known.get(part) == resource.get(part)


def test_the_containers_are_told_a_customer_that_is_what_was_made(deployed: Deployed) -> None:
    customer = customer_of(deployed)

    assert customer.sink == deployed.outputs["sink"]
    assert customer.factory == deployed.only("Microsoft.DataFactory/factories")["name"]
    assert customer.storage_account == deployed.outputs["storageAccount"]
    assert customer.data_request.application_id == deployed.outputs["applicationId"]
    assert deployed.only("Microsoft.KeyVault/vaults")["name"] in str(customer.application_secret)


def test_an_enterprise_has_settings_of_its_own_or_a_file_or_only_sells(template: dict[str, Any]) -> None:
    denied = deploy(template, **NEEDED, customerSettings={"deny_groups": ["of-the-board"]}, customer="contoso")
    file = deploy(template, **{**NEEDED, "dataRequest": {}}, customersFile="/opt/o365/customers/customers.toml")
    selling = deploy(template, **{**NEEDED, "dataRequest": {}}, offerFile="/opt/o365/offer.toml")

    assert (customer_of(denied).name, customer_of(denied).deny_groups) == ("contoso", ("of-the-board",))
    assert environment(file)["O365_CUSTOMERS"] == "/opt/o365/customers/customers.toml"
    assert environment(selling)["O365_CUSTOMERS"] == ""
    assert environment(selling, "notifications")["O365_OFFER"] == "/opt/o365/offer.toml"
    assert not [one for one in file.of_type(APP) if one["name"].endswith("notifications")]


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
