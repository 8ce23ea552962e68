"""Managed applications in the sandbox, as the SDK's ApplicationClient meets them."""

from __future__ import annotations

from typing import Any

import pytest
from azure.core.exceptions import HttpResponseError, ResourceExistsError, ResourceNotFoundError
from azure.mgmt.resource.managedapplications import ApplicationClient
from azure.mgmt.resource.managedapplications import models as solutions

from o365_pipeline.sandbox.azure.resources import Resources
from o365_pipeline.sandbox.transport import sandbox_transport
from o365_pipeline_tests.sandbox.conftest import World

GROUP, NAME = "rg-managed-app", "office365-insights"
PACKAGE = "https://stpackages.blob.core.windows.net/packages/office365-insights-1.0.0.zip"
SECRETS = ("signature-of-the-endpoint", "signature-of-the-package")
APPLICATION_ID = "/subscriptions/sub/resourceGroups/rg-fabrikam/providers/Microsoft.Solutions/applications/fabrikam"


@pytest.fixture
def client(world: World) -> ApplicationClient:
    return ApplicationClient(world.credential(), "sub", transport=sandbox_transport(world.app))


def definition(**changes: Any) -> solutions.ApplicationDefinition:
    fields: dict[str, Any] = {
        "location": "westeurope",
        "lock_level": "ReadOnly",
        "display_name": "Office 365 insights",
        "authorizations": [
            solutions.ApplicationAuthorization(
                principal_id="22222222-0000-4000-8000-0000000000f2",
                role_definition_id="b24988ac-6180-42a0-ab88-20f7382dd24c",
            )
        ],
        "package_file_uri": f"{PACKAGE}?sig={SECRETS[1]}",
        "notification_policy": endpoints(f"https://vendor.example/notifications?sig={SECRETS[0]}"),
    }
    return solutions.ApplicationDefinition(**{**fields, **changes})


def endpoints(*uris: str) -> solutions.ApplicationNotificationPolicy:
    return solutions.ApplicationNotificationPolicy(
        notification_endpoints=[solutions.ApplicationNotificationEndpoint(uri=uri) for uri in uris]
    )


def publish(client: ApplicationClient, **changes: Any) -> solutions.ApplicationDefinition:
    return client.application_definitions.begin_create_or_update(GROUP, NAME, definition(**changes)).result()


def installed(world: World, state: str = "Succeeded") -> Resources:
    resources = Resources(world.factories.state)
    resources.put(
        {
            "id": APPLICATION_ID,
            "name": "fabrikam",
            "type": "Microsoft.Solutions/applications",
            "location": "westeurope",
            "kind": "ServiceCatalog",
            "properties": {
                "provisioningState": state,
                "managedResourceGroupId": "/subscriptions/sub/resourceGroups/mrg-fabrikam",
                "outputs": {"factory": {"type": "String", "value": "adf"}},
            },
        }
    )
    return resources


def test_a_published_definition_is_found_again(client: ApplicationClient) -> None:
    published = publish(client)

    found = client.application_definitions.get(GROUP, NAME)
    [listed] = client.application_definitions.list_by_resource_group(GROUP)

    assert published.id == found.id == listed.id
    assert found.lock_level == "ReadOnly"
    assert found.is_enabled is True
    assert found.authorizations
    assert found.authorizations[0].role_definition_id == "b24988ac-6180-42a0-ab88-20f7382dd24c"


def test_signatures_of_a_definition_are_never_answered(client: ApplicationClient) -> None:
    published = publish(client)

    found = client.application_definitions.get(GROUP, NAME)

    for answered in (published, found):
        assert answered.package_file_uri == PACKAGE
        assert answered.notification_policy.notification_endpoints[0].uri == "https://vendor.example/notifications"
        assert not any(secret in str(answered.as_dict()) for secret in SECRETS)


def test_publishing_again_replaces_the_definition(client: ApplicationClient) -> None:
    publish(client)

    publish(client, display_name="Office 365 insights 2")

    [found] = client.application_definitions.list_by_resource_group(GROUP)
    assert found.display_name == "Office 365 insights 2"


def test_a_definition_stays_where_it_is(client: ApplicationClient) -> None:
    publish(client)

    with pytest.raises(ResourceExistsError, match="InvalidResourceLocation"):
        publish(client, location="northeurope")


@pytest.mark.parametrize(
    ("changes", "refused"),
    [
        ({"lock_level": "ReadWrite"}, "'lockLevel' is one of CanNotDelete, ReadOnly, None"),
        ({"location": None}, "The location property is required"),
        ({"package_file_uri": None}, "give 'packageFileUri', or both"),
        ({"main_template": {"resources": []}}, "give 'packageFileUri', or both"),
        ({"package_file_uri": None, "main_template": {"resources": []}}, "give 'packageFileUri', or both"),
        ({"package_file_uri": "packages/insights.zip"}, "'packageFileUri' must be an absolute address"),
        ({"notification_policy": endpoints()}, "takes one endpoint, not 0"),
        ({"notification_policy": endpoints("https://a.example", "https://b.example")}, "takes one endpoint, not 2"),
        ({"notification_policy": endpoints("http://a.example")}, "must be over https"),
        (
            {"authorizations": [solutions.ApplicationAuthorization(principal_id="group", role_definition_id="Reader")]},
            "'principalId' must be a GUID",
        ),
    ],
)
def test_a_definition_that_azure_would_refuse_is_refused(
    client: ApplicationClient, changes: dict[str, Any], refused: str
) -> None:
    with pytest.raises(HttpResponseError, match=refused) as error:
        publish(client, **changes)

    assert error.value.status_code == 400
    assert list(client.application_definitions.list_by_resource_group(GROUP)) == []


def test_a_template_may_stand_in_the_definition_itself(client: ApplicationClient) -> None:
    template: dict[str, Any] = {"resources": []}

    published = publish(client, package_file_uri=None, main_template=template, create_ui_definition={"handler": "x"})

    assert published.main_template == template


def test_a_deleted_definition_is_gone_and_deleting_it_again_is_no_error(client: ApplicationClient) -> None:
    publish(client)

    client.application_definitions.begin_delete(GROUP, NAME).result()
    client.application_definitions.begin_delete(GROUP, NAME).result()

    with pytest.raises(ResourceNotFoundError, match="ResourceNotFound"):
        client.application_definitions.get(GROUP, NAME)


def test_another_version_of_the_api_is_refused(world: World) -> None:
    transport = sandbox_transport(world.app)
    later = ApplicationClient(world.credential(), "sub", transport=transport, api_version="2021-07-01")

    with pytest.raises(HttpResponseError, match="use 2019-07-01"):
        later.application_definitions.get(GROUP, NAME)


@pytest.mark.parametrize("application_id", [APPLICATION_ID, APPLICATION_ID[1:], APPLICATION_ID.lower()[1:]])
def test_an_application_is_found_by_its_id_however_it_is_written(
    world: World, client: ApplicationClient, application_id: str
) -> None:
    if application_id.islower():
        application_id = application_id.replace("resourcegroups", "resourceGroups").replace(
            "microsoft.solutions", "Microsoft.Solutions"
        )
    installed(world)

    found = client.applications.get_by_id(application_id)

    assert found.provisioning_state == "Succeeded"
    assert found.outputs == {"factory": {"type": "String", "value": "adf"}}
    assert found.managed_resource_group_id.endswith("/mrg-fabrikam")


def test_the_applications_of_a_subscription_are_listed(world: World, client: ApplicationClient) -> None:
    installed(world)
    elsewhere = ApplicationClient(world.credential(), "su", transport=sandbox_transport(world.app))

    assert [found.name for found in client.applications.list_by_subscription()] == ["fabrikam"]
    assert [found.name for found in client.applications.list_by_resource_group("rg-fabrikam")] == ["fabrikam"]
    assert list(elsewhere.applications.list_by_subscription()) == []


def test_a_deleted_application_takes_its_managed_resource_group_along(world: World, client: ApplicationClient) -> None:
    resources = installed(world)
    vault = "/subscriptions/sub/resourceGroups/mrg-fabrikam/providers/Microsoft.KeyVault/vaults/kv"
    resources.put({"id": vault, "name": "kv", "type": "Microsoft.KeyVault/vaults"})

    client.applications.begin_delete_by_id(APPLICATION_ID).result()

    assert resources.find(vault) is None
    with pytest.raises(ResourceNotFoundError):
        client.applications.get("rg-fabrikam", "fabrikam")


@pytest.mark.parametrize("state", ["Accepted", "Deleting"])
def test_an_application_in_motion_cannot_be_deleted(world: World, client: ApplicationClient, state: str) -> None:
    installed(world, state)

    with pytest.raises(ResourceExistsError, match=f"is {state}; try again later"):
        client.applications.begin_delete("rg-fabrikam", "fabrikam")
