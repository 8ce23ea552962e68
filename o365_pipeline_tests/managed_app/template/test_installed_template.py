"""The template of an offer: what it has beside the parts that an enterprise deploys too."""

from __future__ import annotations

import datetime as dt
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
from o365_pipeline.managed_app.package.readme import readme
from o365_pipeline.managed_app.template.azure_template import enterprise_template, main_template
from o365_pipeline.managed_app.template.factory import KINDS
from o365_pipeline_tests.managed_app.installing import (
    APPLICATION_ID,
    APPLICATION_OBJECT_ID,
    GROUPS,
    NARROWED,
    customer_of,
    environment,
    example_costs,
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


def test_azure_is_told_whose_identities_they_are_only_in_another_tenant_than_the_vendors(sold: Offer) -> None:
    vendors = Target(tenant_id=sold.management.tenant_id.upper())

    def told(target: Target) -> dict[str, set[Any]]:
        found: dict[str, set[Any]] = {}
        for one in installed(sold, target).of_type(ROLES):
            said = one["properties"].get("delegatedManagedIdentityResourceId", "not said")
            found.setdefault(one["properties"]["principalId"], set()).add(said)
        return found

    assert told(vendors) == {"of-the-pipeline": {None}, "of-the-factory": {None}, APPLICATION_OBJECT_ID: {"not said"}}
    [pipeline], [factory] = told(SAMPLE)["of-the-pipeline"], told(SAMPLE)["of-the-factory"]
    assert pipeline.startswith(f"{SAMPLE.group_id}/providers/Microsoft.ManagedIdentity/userAssignedIdentities/")
    assert factory.startswith(f"{SAMPLE.group_id}/providers/{FACTORY}/")


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
    customer = customer_of(deployed)
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
    lies = {one["location"] for one in deployed.resources.values() if "location" in one}

    assert lies == {"northeurope", "global"}, "private names lie nowhere"
    assert deployed.outputs["region"] == "northeurope"


@pytest.mark.parametrize(
    ("parameters", "said"),
    [
        ({"location": "swedencentral"}, "not allowed"),
        ({"sku": "none"}, "not allowed"),
        ({"applicationId": "short"}, "too short or too long"),
        ({"applicationObjectId": "short"}, "too short or too long"),
        ({"extractGroups": GROUPS * 6}, "too short or too long"),
        ({"extractGroups": "none"}, "is no array"),
    ],
)
def test_parameters_that_cannot_be_are_refused(sold: Offer, parameters: dict[str, Any], said: str) -> None:
    with pytest.raises(TemplateError, match=said):
        installed(sold, **parameters)


def test_the_outputs_are_what_the_readme_and_the_vendor_need(sold: Offer, deployed: Deployed) -> None:
    text = readme(sold, example_costs())

    named = set(re.findall(r"\$\(out (\w+)", text)) | {"applicationId", "storageAccount", "sink", "identityObjectId"}

    assert named <= set(deployed.outputs)
    assert Outputs.model_validate(deployed.outputs).package_version == sold.version


@pytest.mark.parametrize("groups", [[], GROUPS], ids=["everybody", "groups"])
@pytest.mark.parametrize("sold", [offer(), NARROWED], ids=["example", "scopes"])
def test_the_pipeline_asks_for_what_the_offer_asks_as_the_purchasers_application(
    sold: Offer, groups: list[str]
) -> None:
    asked = customer_of(installed(sold, groups=groups)).data_request

    assert (asked.application_id, asked.application_tenant_id) == (APPLICATION_ID, SAMPLE.tenant_id)
    assert asked.policies == sold.request.policies
    for one, offered in zip(asked.datasets, sold.request.datasets, strict=True):
        narrowed = bool(groups) and offered.scope.kind == "All" and "List" in offered.dataset.scopes
        scope = Scope(kind="List", groups=tuple(groups)) if narrowed else offered.scope
        assert (one.name, one.columns, one.scope) == (offered.name, offered.columns, scope)


@pytest.mark.parametrize("number", [0, 1])
def test_history_and_schedule_are_those_of_the_bought_plan(sold: Offer, number: int) -> None:
    sku = sold.skus[number]

    customer = customer_of(installed(sold, sku=sku.name, installedOn="2026-11-29"))

    assert customer.first_day == dt.date(2026, 11, 29) - dt.timedelta(days=sku.history_days)
    assert (customer.initial_days, customer.schedule) == (sku.history_days, sku.schedule)
    assert customer.installation == SAMPLE.group_id


def test_a_vendors_tenant_may_stay_the_registrations(sold: Offer) -> None:
    customer = customer_of(installed(sold, applicationTenantId="the-vendors"))

    assert customer.data_request.application_tenant_id == "the-vendors"


def test_an_installation_begins_by_itself_and_sells_nothing(deployed: Deployed) -> None:
    given = environment(deployed)

    assert (given["O365_START_SENSORS"], given["O365_OFFER"]) == ("true", "")


def test_the_image_is_the_vendors_by_digest(sold: Offer, deployed: Deployed) -> None:
    apps = deployed.of_type("Microsoft.App/containerApps")
    images = {one["properties"]["template"]["containers"][0]["image"] for one in apps}

    assert images == {sold.image}
    assert all(one["properties"]["configuration"]["registries"] == [] for one in apps)


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
    text = re.sub(r'"\$schema": "[^"]*"', "", json.dumps(written))

    assert not re.findall(r"core\.windows\.net|database\.windows\.net|vault\.azure\.net|management\.azure\.com", text)
    ids = [one["properties"]["policyDefinitionId"] for one in written["resources"] if one["type"] == POLICIES]
    assert ids
    assert all(
        re.fullmatch(r"\[tenantResourceId\('Microsoft.Authorization/policyDefinitions', '.*'\)\]", one) for one in ids
    )


def test_a_version_of_azures_interface_is_younger_than_three_years_where_there_is_such_a_one(sold: Offer) -> None:
    newest = {"Microsoft.DataFactory": "2018-06-01", ROLES: "2022-04-01"}

    for template in (main_template(sold), enterprise_template()):
        for one in template["resources"]:
            known = newest.get(one["type"]) or newest.get(one["type"].split("/")[0])
            assert one["apiVersion"] == known if known else one["apiVersion"] >= "2024-01-01"
