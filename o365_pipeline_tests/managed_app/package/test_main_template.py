"""The template of an offer: it is worked out as Azure would, and what it makes is looked at."""

from __future__ import annotations

import json
import re
from typing import Any

import pytest

from o365_pipeline.azure.policies import policies
from o365_pipeline.customers.data_request import Scope
from o365_pipeline.extraction.factory_definitions import copy_definitions
from o365_pipeline.managed_app.installations.applications import Outputs
from o365_pipeline.managed_app.offer import Offer
from o365_pipeline.managed_app.package.arm_template import SAMPLE, Deployed, Target, TemplateError
from o365_pipeline.managed_app.template.azure_template import main_template
from o365_pipeline.managed_app.template.factory import KINDS
from o365_pipeline.managed_app.template.roles import GRANTS
from o365_pipeline_tests.managed_app.installing import (
    APPLICATION_OBJECT_ID,
    GROUPS,
    NARROWED,
    customer_of,
    installed,
    offer,
    offer_of,
    scoped,
)

FACTORY = "Microsoft.DataFactory/factories"
ROLES = "Microsoft.Authorization/roleAssignments"
POLICIES = "Microsoft.Authorization/policyAssignments"


@pytest.fixture(scope="module")
def sold() -> Offer:
    return offer()


@pytest.fixture(scope="module")
def deployed(sold: Offer) -> Deployed:
    return installed(sold)


def test_the_lake_is_gen2_storage_encrypted_twice_over_tls_with_no_key_and_no_public_blob(deployed: Deployed) -> None:
    account = deployed.only("Microsoft.Storage/storageAccounts")
    container = deployed.only("Microsoft.Storage/storageAccounts/blobServices/containers")
    properties = account["properties"]

    assert account["kind"] == "StorageV2"
    assert properties["isHnsEnabled"] is True
    assert properties["encryption"]["requireInfrastructureEncryption"] is True
    assert properties["encryption"]["services"]["blob"]["enabled"] is True
    assert properties["minimumTlsVersion"] == "TLS1_2"
    assert properties["supportsHttpsTrafficOnly"] is True
    assert properties["allowBlobPublicAccess"] is False
    assert properties["allowSharedKeyAccess"] is False
    assert container["name"] == f"{account['name']}/default/lake"
    assert container["properties"]["publicAccess"] == "None"


def test_the_vault_is_read_by_roles_cannot_be_purged_and_comes_without_a_secret(deployed: Deployed) -> None:
    vault = deployed.only("Microsoft.KeyVault/vaults")["properties"]

    assert vault["enableRbacAuthorization"] is True
    assert vault["enableSoftDelete"] is True
    assert vault["enablePurgeProtection"] is True
    assert not deployed.of_type("Microsoft.KeyVault/vaults/secrets")


def test_the_mart_takes_entra_sign_ins_alone_over_tls_and_is_encrypted(sold: Offer, deployed: Deployed) -> None:
    server = deployed.only("Microsoft.Sql/servers")["properties"]
    encryption = deployed.only("Microsoft.Sql/servers/databases/transparentDataEncryption")["properties"]

    assert server["administrators"]["azureADOnlyAuthentication"] is True
    assert "administratorLoginPassword" not in server
    assert server["minimalTlsVersion"] == "1.2"
    assert encryption["state"] == "Enabled"


def test_the_application_administers_the_mart_by_its_client_id(sold: Offer, deployed: Deployed) -> None:
    administrator = deployed.only("Microsoft.Sql/servers")["properties"]["administrators"]

    assert administrator["principalType"] == "Application"
    assert administrator["sid"] == sold.request.application_id
    assert administrator["login"] == sold.request.application_name


def test_only_azures_own_addresses_reach_the_mart(deployed: Deployed) -> None:
    rule = deployed.only("Microsoft.Sql/servers/firewallRules")["properties"]

    assert (rule["startIpAddress"], rule["endIpAddress"]) == ("0.0.0.0", "0.0.0.0")


@pytest.mark.parametrize("sku", ["small", "large"])
def test_the_database_has_the_size_of_the_chosen_sku(sku: str) -> None:
    first, second = offer().skus
    sold = offer(
        skus=(
            first.model_copy(update={"name": "small", "database": "S1"}),
            second.model_copy(update={"name": "large", "database": "GP_Gen5_4"}),
        )
    )

    deployed = installed(sold, sku=sku)

    size = deployed.only("Microsoft.Sql/servers/databases")["sku"]["name"]
    assert size == {"small": "S1", "large": "GP_Gen5_4"}[sku]
    assert deployed.outputs["sku"] == sku


def test_every_role_assignment_is_one_of_two_and_has_a_reason(deployed: Deployed) -> None:
    granted = {
        (
            one["properties"]["principalId"],
            one["properties"]["roleDefinitionId"].rsplit("/", 1)[-1],
            one["scope"].split("/providers/")[-1].rsplit("/", 1)[0],
            one["properties"]["description"],
        )
        for one in deployed.of_type(ROLES)
    }

    assert granted == {
        (
            "of-the-factory",
            "4633458b-17de-408a-b874-0445c86b69e6",  # Key Vault Secrets User
            "Microsoft.KeyVault/vaults",
            "The factory reads the application's secret, which it signs in to Data Connect and to the lake with.",
        ),
        (
            APPLICATION_OBJECT_ID,
            "ba92f5b4-2d11-453d-a403-e96b0029c9fe",  # Storage Blob Data Contributor
            "Microsoft.Storage/storageAccounts",
            "Data Connect writes to the lake as the application, and by no other way; the application reads it there.",
        ),
    }
    assert len(GRANTS) == len(granted)


def test_azure_is_told_whose_identity_the_factory_has_only_in_another_tenant_than_the_vendors(sold: Offer) -> None:
    vendors = Target(tenant_id=sold.request.application_tenant_id.upper())

    def told(target: Target) -> list[Any]:
        properties = [one["properties"] for one in installed(sold, target).of_type(ROLES)]
        return [one.get("delegatedManagedIdentityResourceId", "not said") for one in properties]

    assert told(vendors) == [None, "not said"]
    assert told(SAMPLE)[0].startswith(f"{SAMPLE.group_id}/providers/{FACTORY}/")


def test_each_policy_of_the_offer_is_assigned_and_no_other(sold: Offer, deployed: Deployed) -> None:
    assigned = {one["properties"]["policyDefinitionId"]: one for one in deployed.of_type(POLICIES)}

    assert set(assigned) == {policies()[key].definition_id for key in sold.policies}
    assert {one["properties"]["displayName"] for one in assigned.values()} == set(sold.request.policies)
    assert {one["properties"]["enforcementMode"] for one in assigned.values()} == {"Default"}
    assert not installed(offer(policies=())).of_type(POLICIES)


def test_the_policy_of_regions_allows_the_chosen_one_and_the_others_keep_their_defaults(sold: Offer) -> None:
    parameters = {
        one["name"]: one["properties"]["parameters"]
        for one in installed(sold, location="northeurope").of_type(POLICIES)
    }

    assert parameters.pop("region") == {"listOfAllowedLocations": {"value": ["northeurope"]}}
    assert all(one == {} for one in parameters.values())


def test_there_is_a_pipeline_for_each_dataset_that_is_asked_for_and_for_no_other() -> None:
    sold = offer_of(scoped("User_v1", Scope()), scoped("Message_v1", Scope()))

    names = {one["name"].split("/")[-1] for one in installed(sold).of_type(f"{FACTORY}/pipelines")}

    assert names == {"o365_User_v1", "o365_Message_v1"}


@pytest.mark.parametrize("groups", [[], GROUPS], ids=["everybody", "groups"])
@pytest.mark.parametrize("region", ["westeurope", "northeurope"])
@pytest.mark.parametrize("sold", [offer(), NARROWED], ids=["example", "scopes"])
def test_an_extraction_finds_the_definitions_that_it_would_write(sold: Offer, region: str, groups: list[str]) -> None:
    deployed = installed(sold, groups=groups, location=region)
    customer = customer_of(sold, deployed)
    live = {
        (f"{FACTORY}/{KINDS[definition.kind]}", f"{customer.factory}/{definition.name}"): definition.properties
        for requested in customer.data_request.datasets
        for definition in copy_definitions(customer, requested)
    }

    provisioned = {
        (one["type"], one["name"]): one["properties"]
        for one in deployed.resources.values()
        if one["type"].startswith(f"{FACTORY}/")
    }

    assert provisioned == live
    people = json.dumps(provisioned[f"{FACTORY}/pipelines", f"{customer.factory}/o365_User_v1"])
    assert ("allowedGroups" in people) == bool(groups)


def test_what_a_definition_refers_to_is_made_before_it(deployed: Deployed) -> None:
    made: set[str] = set()
    for identifier, one in deployed.resources.items():
        if one["type"].startswith(f"{FACTORY}/"):
            named = set(re.findall(r'"referenceName": "(\w+)"', json.dumps(one["properties"])))
            waited_for = {needed.rsplit("/", 1)[-1] for needed in one["dependsOn"]}
            assert named <= waited_for
            assert set(one["dependsOn"]) <= made
        made.add(identifier)


def test_the_factory_finds_the_applications_secret_in_the_vault_alone(deployed: Deployed) -> None:
    services = [one["properties"]["typeProperties"] for one in deployed.of_type(f"{FACTORY}/linkedservices")]
    keys = [one["servicePrincipalKey"] for one in services if "servicePrincipalKey" in one]

    assert len(keys) == 2
    assert {key["type"] for key in keys} == {"AzureKeyVaultSecret"}
    assert {key["secretName"] for key in keys} == {deployed.outputs["secretName"]}


def test_everything_lies_in_the_chosen_region(sold: Offer) -> None:
    deployed = installed(sold, location="northeurope")

    assert {one["location"] for one in deployed.resources.values() if "location" in one} == {"northeurope"}
    assert deployed.outputs["region"] == "northeurope"


@pytest.mark.parametrize(
    ("parameters", "said"),
    [
        ({"location": "swedencentral"}, "not allowed"),
        ({"sku": "none"}, "not allowed"),
        ({"applicationObjectId": "short"}, "too short or too long"),
        ({"extractGroups": GROUPS * 6}, "too short or too long"),
        ({"extractGroups": "none"}, "is no array"),
    ],
)
def test_parameters_that_cannot_be_are_refused(sold: Offer, parameters: dict[str, Any], said: str) -> None:
    with pytest.raises(TemplateError, match=said):
        installed(sold, **parameters)


def test_the_outputs_are_those_that_an_installation_is_registered_by(sold: Offer, deployed: Deployed) -> None:
    assert set(deployed.outputs) == {
        "region", "tenantId", "sku", "packageVersion", "storageAccount", "container", "factory", "keyVault",
        "secretName", "sqlServer", "database", "extractGroups",
    }  # fmt: skip
    assert Outputs.model_validate(deployed.outputs).package_version == sold.version
    assert re.fullmatch(r"https://[a-z0-9-]+\.vault\.azure\.net", deployed.outputs["keyVault"])
    assert re.fullmatch(r"[a-z0-9-]+\.database\.windows\.net", deployed.outputs["sqlServer"])


def test_names_keep_to_azures_limits_and_differ_from_group_to_group(sold: Offer, deployed: Deployed) -> None:
    other = installed(sold, Target(resource_group="another"))

    assert re.fullmatch(r"[a-z0-9]{3,24}", deployed.only("Microsoft.Storage/storageAccounts")["name"])
    assert re.fullmatch(r"[a-z][a-z0-9-]{2,23}", deployed.only("Microsoft.KeyVault/vaults")["name"])
    assert not {one["name"] for one in other.of_type(FACTORY)} & {one["name"] for one in deployed.of_type(FACTORY)}


def test_the_template_is_small_and_names_its_version(sold: Offer) -> None:
    template = main_template(sold)

    assert template["contentVersion"] == f"{sold.version}.0"
    assert len(json.dumps(template)) < 200_000


def test_no_address_of_one_cloud_and_no_policys_id_is_written_down(sold: Offer) -> None:
    written = main_template(sold)
    text = json.dumps({key: part for key, part in written.items() if key != "$schema"})

    assert not re.findall(r"core\.windows\.net|database\.windows\.net|vault\.azure\.net|management\.azure\.com", text)
    ids = [one["properties"]["policyDefinitionId"] for one in written["resources"] if one["type"] == POLICIES]
    assert ids
    assert all(
        re.fullmatch(r"\[tenantResourceId\('Microsoft.Authorization/policyDefinitions', '.*'\)\]", one) for one in ids
    )


def test_a_version_of_azures_interface_is_younger_than_two_years_where_there_is_such_a_one(sold: Offer) -> None:
    newest = {"Microsoft.DataFactory": "2018-06-01", ROLES: "2022-04-01"}

    for one in main_template(sold)["resources"]:
        known = newest.get(one["type"]) or newest.get(one["type"].split("/")[0])
        assert one["apiVersion"] == known if known else one["apiVersion"] >= "2025-01-01"
