"""Installing in the sandbox: a purchaser's choices become resources that the real clients see, and the vendor knows."""

from __future__ import annotations

import io
import json
import zipfile
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from azure.core.exceptions import ResourceNotFoundError
from azure.mgmt.datafactory import DataFactoryManagementClient
from azure.mgmt.keyvault import KeyVaultManagementClient
from azure.mgmt.policyinsights import PolicyInsightsClient
from azure.mgmt.resource.managedapplications import ApplicationClient

from o365_pipeline.azure.policies import policies
from o365_pipeline.errors import SettingsError, UsageError
from o365_pipeline.managed_app.offer import Offer, read_offer
from o365_pipeline.managed_app.publishing.service_catalog import definition_id
from o365_pipeline.managed_app.template.storage import CONTAINER
from o365_pipeline.raw.lakes import Lakes
from o365_pipeline.sandbox.azure.application_package import ApplicationPackage, package_of, unpacked
from o365_pipeline.sandbox.azure.compliance import Compliance
from o365_pipeline.sandbox.azure.documents import Documents
from o365_pipeline.sandbox.azure.installation import Installer, found
from o365_pipeline.sandbox.azure.key_vaults import missing_secret
from o365_pipeline.sandbox.azure.purchases import Purchase, Sold, published_endpoint, purchase, sold
from o365_pipeline.sandbox.azure.resources import IDENTITY_TYPE, Resources
from o365_pipeline.sandbox.azure.roles import ASSIGNMENT_TYPE, OWNER, SECRETS_USER, RoleAssignments
from o365_pipeline.sandbox.azure.subscriptions import Subscriptions
from o365_pipeline.sandbox.entra.directory import Directory
from o365_pipeline.sandbox.entra.sign_in import SandboxCredential
from o365_pipeline.sandbox.entra.tokens import ACTIVITY_FEED_READ, ARM, FEED
from o365_pipeline.sandbox.state import State
from o365_pipeline.sandbox.storage.storage_accounts import container_folder
from o365_pipeline.sandbox.tenant.organization import organization
from o365_pipeline.sandbox.transport import sandbox_transport
from o365_pipeline_tests.sandbox.conftest import World

FORM = {"parameters": {"outputs": {"location": "[location()]", "sku": "[steps('plan').sku]", "extractGroups": "[x]"}}}
FACTORY = "[resourceId('Microsoft.DataFactory/factories', 'adf')]"
TEMPLATE: Mapping[str, Any] = {
    "parameters": {
        "location": {"type": "string"},
        "sku": {"type": "string", "allowedValues": ["standard", "weekly"]},
        "extractGroups": {"type": "array"},
    },
    "resources": [
        # What needs the linked service comes before it, as a template may have it.
        {
            "type": "Microsoft.DataFactory/factories/datasets",
            "name": "adf/o365_lake_folder",
            "dependsOn": [FACTORY, "[resourceId('Microsoft.DataFactory/factories/linkedServices', 'adf', 'lake')]"],
            "properties": {
                "type": "Binary",
                "linkedServiceName": {"type": "LinkedServiceReference", "referenceName": "lake"},
            },
        },
        {
            "type": "Microsoft.DataFactory/factories/linkedServices",
            "name": "adf/lake",
            "dependsOn": [FACTORY],
            "properties": {"type": "AzureBlobFS", "typeProperties": {"url": "https://acc.dfs.core.windows.net"}},
        },
        {"type": "Microsoft.DataFactory/factories", "name": "adf", "location": "[parameters('location')]"},
        {"type": "Microsoft.KeyVault/vaults", "name": "kv", "location": "[parameters('location')]"},
        {"type": "Microsoft.Storage/storageAccounts", "name": "acc", "location": "[parameters('location')]"},
        {
            "type": "Microsoft.Authorization/policyAssignments",
            "name": "secure-transfer",
            "properties": {"policyDefinitionId": policies()["secure-transfer"].definition_id},
        },
    ],
    "outputs": {
        "tenantId": {"type": "string", "value": "[subscription().tenantId]"},
        "sku": {"type": "string", "value": "[parameters('sku')]"},
        "extractGroups": {"type": "array", "value": "[parameters('extractGroups')]"},
    },
}


class Vendor:
    """Remembers what it was told, and how Azure showed the application at that moment."""

    def __init__(self, resources: Resources) -> None:
        self._resources = resources
        self.told: list[dict[str, Any]] = []
        self.shown: list[str | None] = []

    def __call__(self, notification: Mapping[str, Any]) -> bool:
        application = self._resources.find(notification["applicationId"])
        self.shown.append(application["properties"]["provisioningState"] if application else None)
        self.told.append(dict(notification))
        return True

    @property
    def states(self) -> list[tuple[str, str]]:
        return [(entry["eventType"], entry["provisioningState"]) for entry in self.told]


@pytest.fixture
def offer() -> Offer:
    return read_offer(None)


@pytest.fixture
def resources(world: World) -> Resources:
    return Resources(world.factories.state)


@pytest.fixture
def vendor(resources: Resources) -> Vendor:
    return Vendor(resources)


@pytest.fixture
def lines() -> list[str]:
    return []


@pytest.fixture
def installer(world: World, vendor: Vendor, lines: list[str]) -> Installer:
    return Installer(world.factories.state, vendor, lines.append, world.clock)


@pytest.fixture
def buy(offer: Offer) -> Callable[..., Purchase]:
    return lambda name="fabrikam-customer", **choices: purchase(offer, name, **choices)


def small(offer: Offer, **changes: Any) -> Sold:
    """The offer with a template of a few resources."""
    return Sold(definition_id(offer), None, ApplicationPackage({**TEMPLATE, **changes}, FORM), "vendor")


def zipped(**files: object) -> bytes:
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w") as package:
        for name, value in files.items():
            package.writestr(f"{name}.json", json.dumps(value))
    return content.getvalue()


def test_what_is_installed_is_what_the_real_clients_see(
    world: World, installer: Installer, offer: Offer, buy: Callable[..., Purchase]
) -> None:
    bought = buy(groups=("g1",), region="northeurope")
    client: dict[str, Any] = {
        "credential": world.credential(bought.tenant_id),
        "subscription_id": bought.subscription_id,
    }

    installer.install(small(offer), bought)

    transport = sandbox_transport(world.app)
    application = ApplicationClient(**client, transport=transport).applications.get_by_id(bought.application_id)
    assert application.provisioning_state == "Succeeded"
    assert application.application_definition_id == definition_id(offer)
    assert application.parameters
    assert application.parameters["location"] == {"type": "String", "value": "northeurope"}
    assert application.outputs == {
        "tenantId": {"type": "String", "value": bought.tenant_id},
        "sku": {"type": "String", "value": "standard"},
        "extractGroups": {"type": "Array", "value": ["g1"]},
    }
    group = (application.managed_resource_group_id or "").rpartition("/")[2]
    factories = DataFactoryManagementClient(**client, transport=transport)
    assert factories.linked_services.get(group, "adf", "lake").properties.url == "https://acc.dfs.core.windows.net"
    assert factories.datasets.get(group, "adf", "o365_lake_folder").properties.type == "Binary"
    secrets = KeyVaultManagementClient(**client, transport=transport).secrets
    assert secrets.create_or_update(group, "kv", "s", {"properties": {"value": "x"}}).name == "s"
    states = PolicyInsightsClient(**client, transport=transport).policy_states
    [state] = states.list_query_results_for_resource_group("latest", bought.subscription_id, group)
    assert (state.policy_assignment_name, state.resource_location) == ("secure-transfer", "northeurope")


def test_the_vendor_is_told_of_each_state_when_azure_shows_it(
    installer: Installer, offer: Offer, vendor: Vendor, buy: Callable[..., Purchase]
) -> None:
    bought = buy()

    installer.install(small(offer), bought)
    installer.uninstall("fabrikam-customer")

    assert vendor.states == [("PUT", "Accepted"), ("PUT", "Succeeded"), ("DELETE", "Deleting"), ("DELETE", "Deleted")]
    assert vendor.shown == ["Accepted", "Succeeded", "Deleting", None]
    assert vendor.told[1] == {
        "eventType": "PUT",
        "applicationId": bought.application_id,
        "eventTime": "2026-11-24T09:00:00.000000Z",
        "provisioningState": "Succeeded",
        "applicationDefinitionId": definition_id(offer),
    }


def test_the_marketplace_tells_of_the_plan_instead_of_the_definition(
    installer: Installer, offer: Offer, vendor: Vendor, buy: Callable[..., Purchase]
) -> None:
    plan = {"publisher": "fabrikam", "product": "office365-insights", "version": "1.0.0"}
    of_marketplace = Sold(None, plan, ApplicationPackage(TEMPLATE, FORM), "vendor")

    application = installer.install(of_marketplace, buy(sku="weekly"))

    assert vendor.told[1]["plan"] == {**plan, "name": "weekly"}
    assert vendor.told[1]["billingDetails"] == application["properties"]["billingDetails"]
    assert "applicationDefinitionId" not in vendor.told[1]
    assert application["kind"] == "MarketPlace"


def test_an_installation_that_azure_fails_leaves_nothing_but_the_failed_application(
    installer: Installer, offer: Offer, vendor: Vendor, resources: Resources, buy: Callable[..., Purchase]
) -> None:
    bought = buy()

    installer.install(small(offer), bought, fails=True)

    assert vendor.states == [("PUT", "Accepted"), ("PUT", "Failed")]
    assert vendor.told[1]["error"]["details"][0]["code"] == "DeploymentFailed"
    assert resources.all(bought.target.group_id) == []
    assert installer.install(small(offer), bought)["properties"]["provisioningState"] == "Succeeded"


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"parameters": {"location": {"type": "string"}}}, "no such parameters"),
        (
            {
                "resources": [
                    entry if "dataset" not in entry["type"] else {**entry, "dependsOn": [FACTORY]}
                    for entry in TEMPLATE["resources"]
                ]
            },
            "invalid reference 'lake'",
        ),
    ],
)
def test_a_template_that_azure_would_refuse_fails_the_installation_with_the_reason(
    installer: Installer,
    offer: Offer,
    vendor: Vendor,
    lines: list[str],
    buy: Callable[..., Purchase],
    changes: dict[str, Any],
    told: str,
) -> None:
    application = installer.install(small(offer, **changes), buy())

    assert application["properties"]["provisioningState"] == "Failed"
    assert told in vendor.told[-1]["error"]["details"][0]["message"]
    assert told in lines[-1]


def test_uninstalling_takes_everything_away(
    world: World, installer: Installer, offer: Offer, resources: Resources, buy: Callable[..., Purchase]
) -> None:
    bought = buy()
    installer.install(small(offer), bought)

    installer.uninstall(bought.application_id)

    assert resources.all(f"/subscriptions/{bought.subscription_id}") == []
    factories = DataFactoryManagementClient(
        world.credential(bought.tenant_id), bought.subscription_id, transport=sandbox_transport(world.app)
    )
    with pytest.raises(ResourceNotFoundError):
        factories.linked_services.get(bought.target.resource_group, "adf", "lake")


def rows_of(state: State) -> dict[str, list[tuple[Any, ...]]]:
    """All that a sandbox remembers, by table; the audit log is each tenant's own, and stays."""
    with state.reading() as connection:
        tables = [row["name"] for row in connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'")]
        return {
            table: sorted(map(tuple, connection.execute(f'SELECT * FROM "{table}"')), key=repr)
            for table in tables
            if table not in ("record", "sqlite_sequence")
        }


def files_below(folder: Path) -> list[Path]:
    return [path for path in folder.rglob("*") if path.is_file() and not path.name.startswith("sandbox.db")]


@pytest.mark.parametrize("way", ["installer", "application", "group"])
def test_the_sandbox_is_after_an_uninstallation_what_it_was_before_the_installation(
    strict: World, offer: Offer, buy: Callable[..., Purchase], way: str
) -> None:
    state, directory = strict.factories.state, strict.entra.directory
    bought = replace(buy(), insights_client_id="33333333-0000-4000-8000-00000000000b")
    installer = Installer(state, lambda _: True, lambda _: None, strict.clock)
    Subscriptions(state).create(bought.subscription_id, bought.tenant_id)
    directory.register(bought.client_id, bought.tenant_id)
    owner = directory.register("owner", bought.tenant_id)
    RoleAssignments(Resources(state)).assign(f"/subscriptions/{bought.subscription_id}", OWNER, owner.object_id)
    strict.entra.tokens.write(strict.entra.application_token(bought.tenant_id, "owner", None, ARM)[1])
    before = rows_of(state), files_below(state.home)

    application = installer.install(sold(offer, Resources(state), Lakes(strict.lake.url)), bought)
    group, outputs = bought.target.group_id, application["properties"]["outputs"]
    identity = directory.by_object_id(outputs["identityObjectId"]["value"])
    assert identity
    identities = Resources(state).of_type(IDENTITY_TYPE, group)
    assert {one["name"] for one in identities} == {"o365-pipeline", outputs["insightsIdentity"]["value"]}
    assert len({one["properties"][key] for one in identities for key in ("principalId", "clientId")}) == 4
    assert outputs["insightsClientId"]["value"] in {one["properties"]["clientId"] for one in identities}
    directory.grant(identity, FEED, ACTIVITY_FEED_READ)
    use(strict, group, {name: entry["value"] for name, entry in outputs.items()})
    assert rows_of(state) != before[0]
    assert files_below(state.home) != before[1]
    if way == "installer":
        installer.uninstall(bought.name)
    else:
        signs_in = SandboxCredential(strict.entra, bought.tenant_id, "owner")
        for path in [bought.application_id] if way == "application" else [group, bought.application_id]:
            version = "2019-07-01" if path == bought.application_id else "2021-04-01"
            assert strict.arm("DELETE", path, version, credential=signs_in).status_code == 202

    assert (rows_of(state), files_below(state.home)) == before


def use(world: World, group: str, outputs: Mapping[str, str]) -> None:
    """Leave behind what an installation leaves behind that is in use."""
    container_folder(world.factories.state, outputs["storageAccount"], CONTAINER).mkdir(parents=True)
    (container_folder(world.factories.state, outputs["storageAccount"], CONTAINER) / "part.json").touch()
    mart = world.factories.state.home / "sql" / outputs["sqlServer"].partition(".")[0] / "mart.db"
    mart.parent.mkdir(parents=True)
    mart.touch()
    factory = f"{group}/providers/Microsoft.DataFactory/factories/{outputs['factory']}"
    pipeline = Documents(world.factories.state, factory).all("pipelines")[0].name
    window = {"startTime": "2026-11-16T00:00:00Z", "endTime": "2026-11-17T00:00:00Z"}
    run_id = world.factories.create_run(factory, pipeline, {"windowKey": "w1", "folder": "raw/x/w1", **window})
    world.clock.forward(seconds=6)
    assert world.factories.run(factory, run_id).status == "Failed"
    Compliance(world.factories.state).violate(group, policies()["secure-transfer"])


def test_an_installation_that_fails_halfway_leaves_no_identity(
    world: World, installer: Installer, offer: Offer, buy: Callable[..., Purchase]
) -> None:
    state, bought = world.factories.state, buy()
    Subscriptions(state).create(bought.subscription_id, bought.tenant_id)
    Directory(state).register(bought.client_id, bought.tenant_id)
    before = rows_of(state)
    identity = {"type": IDENTITY_TYPE, "name": "pipeline", "location": "[parameters('location')]"}
    [dataset, *_] = TEMPLATE["resources"]
    halfway = [identity, {**dataset, "dependsOn": [f"[resourceId('{IDENTITY_TYPE}', 'pipeline')]", FACTORY]}]
    others = [one for one in TEMPLATE["resources"] if "dataset" not in one["type"] and "linked" not in one["type"]]

    failed = installer.install(small(offer, resources=[*halfway, *others]), bought)
    installer.uninstall(bought.name)

    assert failed["properties"]["provisioningState"] == "Failed"
    assert rows_of(state) == before


def test_an_installed_factory_reads_the_secret_by_its_role_on_the_vault_alone(
    strict: World, offer: Offer, buy: Callable[..., Purchase]
) -> None:
    state, bought = strict.factories.state, buy()
    resources = Resources(state)
    application = Installer(state, lambda _: True, lambda _: None, strict.clock).install(
        sold(offer, resources, Lakes(strict.lake.url)), bought
    )
    factory = application["properties"]["outputs"]["factory"]["value"]
    factory_id = f"{bought.target.group_id}/providers/Microsoft.DataFactory/factories/{factory}"
    documents = Documents(state, factory_id)

    before = missing_secret(resources, documents, factory_id, strict=True)
    for entry in resources.of_type(ASSIGNMENT_TYPE, bought.target.group_id):
        if entry["properties"]["roleDefinitionId"].endswith(SECRETS_USER):
            resources.delete(entry["id"])

    assert before is None
    assert "ForbiddenByRbac" in (missing_secret(resources, documents, factory_id, strict=True) or "")
    assert missing_secret(resources, documents, factory_id, strict=False) is None


def test_what_is_installed_is_not_installed_twice(
    installer: Installer, offer: Offer, buy: Callable[..., Purchase]
) -> None:
    installer.install(small(offer), buy())

    with pytest.raises(UsageError, match="is installed already: `sandbox uninstall fabrikam-customer` removes it"):
        installer.install(small(offer), buy())


def test_an_application_that_is_not_there_is_told_with_those_that_are(
    installer: Installer, offer: Offer, buy: Callable[..., Purchase]
) -> None:
    installer.install(small(offer), buy())

    with pytest.raises(UsageError, match="no application other is installed; there are fabrikam-customer"):
        installer.uninstall("other")


def test_two_of_one_name_are_told_apart_by_their_ids(
    installer: Installer, offer: Offer, resources: Resources, buy: Callable[..., Purchase]
) -> None:
    first, second = buy(), buy(subscription_id="another")
    installer.install(small(offer), first)
    installer.install(small(offer), second)

    with pytest.raises(UsageError, match="give the id of one"):
        found(resources, "fabrikam-customer")
    assert found(resources, second.application_id)["id"] == second.application_id


def test_every_customer_has_a_tenant_of_people_of_its_own(buy: Callable[..., Purchase]) -> None:
    first, second = buy("adventure-works"), buy("wide-world")

    ours, theirs = (organization(bought.tenant_id, 40, 7).people for bought in (first, second))

    assert first.tenant_id != second.tenant_id
    assert first.subscription_id != second.subscription_id
    for part in ("id", "mail"):
        assert not {getattr(person, part) for person in ours} & {getattr(person, part) for person in theirs}
    assert [person.given_name for person in ours] != [person.given_name for person in theirs]
    assert buy("adventure-works") == first


def test_a_purchase_is_of_a_sku_that_there_is(buy: Callable[..., Purchase]) -> None:
    with pytest.raises(SettingsError, match="no SKU 'huge'"):
        buy(sku="huge")


@pytest.mark.parametrize("name", ["a/b", "x", "-x-"])
def test_a_name_that_no_application_can_have_is_refused(buy: Callable[..., Purchase], name: str) -> None:
    with pytest.raises(UsageError, match="no name of a managed application"):
        buy(name)


def test_a_form_that_asks_for_more_than_the_design_says_is_told(
    installer: Installer, offer: Offer, buy: Callable[..., Purchase], vendor: Vendor
) -> None:
    form = {"parameters": {"outputs": {"location": "x", "favouriteColour": "y"}}}
    asking = Sold(definition_id(offer), None, ApplicationPackage(TEMPLATE, form), "vendor")

    with pytest.raises(UsageError, match="the form puts out favouriteColour"):
        installer.install(asking, buy())

    assert vendor.told == []


@pytest.mark.parametrize("place", ["file", "lake"])
def test_a_published_package_is_read_from_where_the_definition_says(
    world: World, offer: Offer, resources: Resources, tmp_path: Path, place: str
) -> None:
    content = zipped(mainTemplate=TEMPLATE, createUiDefinition=FORM)
    world.lake.write("insights/1.0.0/abc.zip", content)
    uri = {
        "file": world.lake.uri("insights/1.0.0/abc.zip"),
        "lake": "https://stpackages.blob.core.windows.net/packages/insights/1.0.0/abc.zip?sig=x",
    }[place]
    endpoint = "https://vendor.example/notifications?sig=s"
    resources.put(
        {
            "id": definition_id(offer),
            "name": offer.name,
            "type": "Microsoft.Solutions/applicationDefinitions",
            "properties": {
                "packageFileUri": uri,
                "notificationPolicy": {"notificationEndpoints": [{"uri": endpoint}]},
            },
        }
    )

    published = sold(offer, resources, Lakes(world.lake.url))

    assert published.package.template == TEMPLATE
    assert published_endpoint(offer, resources) == endpoint


def test_a_published_package_that_is_not_there_is_told_without_its_signature(world: World) -> None:
    definition = {"properties": {"packageFileUri": "file:///nowhere/abc.zip?sig=canary"}}

    with pytest.raises(UsageError, match=r"/nowhere/abc.zip cannot be read \(FileNotFoundError\)") as error:
        package_of(definition, Lakes(world.lake.url))

    assert "canary" not in str(error.value)


@pytest.mark.parametrize("content", [b"no zip", zipped(mainTemplate=TEMPLATE)])
def test_a_package_that_lacks_something_is_told(content: bytes) -> None:
    with pytest.raises(UsageError, match="no zip with mainTemplate"):
        unpacked(content)
