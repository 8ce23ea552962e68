"""Azure Resource Manager in the sandbox: whose token, of which tenant, with which role, opens what."""

from __future__ import annotations

import pytest
from azure.core.exceptions import ClientAuthenticationError, HttpResponseError, ResourceNotFoundError
from azure.core.rest import HttpRequest, HttpResponse
from azure.mgmt.datafactory import DataFactoryManagementClient

from o365_pipeline.sandbox.azure.arm_access import action_of
from o365_pipeline.sandbox.azure.resources import Resources
from o365_pipeline.sandbox.azure.roles import CONTRIBUTOR, FACTORY_CONTRIBUTOR, OWNER, READER, RoleAssignments
from o365_pipeline.sandbox.azure.solutions import APPLICATION_TYPE
from o365_pipeline.sandbox.azure.subscriptions import Subscriptions
from o365_pipeline.sandbox.entra.sign_in import SandboxCredential
from o365_pipeline.sandbox.entra.tokens import FEED
from o365_pipeline.sandbox.transport import sandbox_transport
from o365_pipeline_tests.sandbox.conftest import FACTORY, GROUP, GROUP_ID, PIPELINE, World

FACTORY_ID = f"{GROUP_ID}/providers/Microsoft.DataFactory/factories/{FACTORY}"
MANAGED_GROUP = "/subscriptions/sub/resourceGroups/mrg-insights"


@pytest.fixture
def azure(strict: World) -> World:
    """A subscription of the tenant t1, and an application that has no role there."""
    Subscriptions(strict.factories.state).create("sub", "t1")
    strict.entra.directory.register(PIPELINE, "t1")
    return strict


def assign(world: World, scope: str, role: str, object_id: str | None = None) -> None:
    principal = world.entra.directory.find("t1", PIPELINE)
    assert principal
    RoleAssignments(Resources(world.factories.state)).assign(scope, role, object_id or principal.object_id)


def refusal(answer: HttpResponse) -> tuple[int, str]:
    return answer.status_code, answer.json()["error"]["code"]


def read(world: World, path: str = FACTORY_ID, credential: SandboxCredential | None = None) -> HttpResponse:
    return world.arm("GET", path, "2018-06-01", credential=credential)


def test_an_identity_without_a_role_may_do_nothing(azure: World) -> None:
    with pytest.raises(HttpResponseError, match="does not have authorization to perform action"):
        azure.deploy()

    assert refusal(read(azure)) == (403, "AuthorizationFailed")


@pytest.mark.parametrize("scope", [FACTORY_ID, GROUP_ID, GROUP_ID.upper(), "/subscriptions/sub"])
@pytest.mark.parametrize("role", [FACTORY_CONTRIBUTOR, CONTRIBUTOR, OWNER])
def test_a_role_holds_on_its_scope_and_all_below(azure: World, scope: str, role: str) -> None:
    assign(azure, scope, role)

    assert azure.status(azure.start(azure.deploy())).status == "Queued"


@pytest.mark.parametrize(
    "scope",
    [f"{FACTORY_ID}2", f"{GROUP_ID}2", "/subscriptions/su", "/subscriptions/other", f"{FACTORY_ID}/pipelines/p"],
)
def test_a_role_holds_nowhere_else(azure: World, scope: str) -> None:
    assign(azure, scope, OWNER)

    assert refusal(read(azure)) == (403, "AuthorizationFailed")


def test_a_reader_sees_and_changes_nothing(azure: World) -> None:
    assign(azure, GROUP_ID, READER)

    assert read(azure).status_code == 200
    with pytest.raises(HttpResponseError, match="factories/integrationRuntimes/write"):
        azure.deploy()


def test_the_role_of_another_identity_is_of_no_use(azure: World) -> None:
    assign(azure, GROUP_ID, OWNER, object_id="somebody else")

    assert refusal(read(azure)) == (403, "AuthorizationFailed")


def test_a_token_of_another_tenant_is_refused_whatever_its_roles(azure: World) -> None:
    assign(azure, GROUP_ID, OWNER)
    there = azure.entra.directory.register("guest", "t2")
    assign(azure, GROUP_ID, OWNER, there.object_id)
    guest = SandboxCredential(azure.entra, "t2", "guest")
    client = DataFactoryManagementClient(guest, "sub", transport=sandbox_transport(azure.app))

    with pytest.raises(ClientAuthenticationError, match="InvalidAuthenticationTokenTenant"):
        client.factories.get(GROUP, FACTORY)


def test_a_subscription_that_nobody_created_is_not_found(azure: World) -> None:
    client = DataFactoryManagementClient(azure.credential(), "another", transport=sandbox_transport(azure.app))
    with pytest.raises(ResourceNotFoundError, match="SubscriptionNotFound"):
        client.factories.get(GROUP, FACTORY)


def test_a_request_without_a_token_or_with_one_for_another_service_is_refused(world: World) -> None:
    url = f"https://management.azure.com{FACTORY_ID}"
    for_the_feed, unsigned = world.get(url), world.feed_client().send_request(HttpRequest("GET", url))

    assert refusal(for_the_feed) == (401, "InvalidAuthenticationTokenAudience")
    assert FEED in for_the_feed.json()["error"]["message"]
    assert refusal(unsigned) == (401, "AuthenticationFailed")


def test_a_publisher_reaches_what_its_application_manages_and_nothing_else(azure: World) -> None:
    publisher = azure.entra.directory.register("publisher", "vendor")
    install(azure, "vendor", publisher.object_id, READER)
    outside = SandboxCredential(azure.entra, "vendor", "publisher")
    managed = f"{MANAGED_GROUP}/providers/Microsoft.DataFactory/factories/adf"

    assert read(azure, managed, outside).status_code == 200
    assert refusal(azure.arm("PUT", managed, "2018-06-01", credential=outside)) == (403, "AuthorizationFailed")
    assert refusal(read(azure, FACTORY_ID, outside)) == (403, "AuthorizationFailed")
    application = f"{GROUP_ID}/providers/{APPLICATION_TYPE}/insights"
    assert azure.arm("GET", application, "2019-07-01", credential=outside).status_code == 200


def test_a_publisher_whom_the_application_does_not_authorize_reaches_nothing(azure: World) -> None:
    azure.entra.directory.register("publisher", "vendor")
    install(azure, "vendor", "somebody else", OWNER)
    outside = SandboxCredential(azure.entra, "vendor", "publisher")

    managed = f"{MANAGED_GROUP}/providers/Microsoft.DataFactory/factories/adf"
    assert refusal(read(azure, managed, outside)) == (403, "AuthorizationFailed")


def install(world: World, publisher_tenant: str, principal: str, role: str) -> None:
    Resources(world.factories.state).put(
        {
            "id": f"{GROUP_ID}/providers/{APPLICATION_TYPE}/insights",
            "name": "insights",
            "type": APPLICATION_TYPE,
            "properties": {
                "managedResourceGroupId": MANAGED_GROUP,
                "publisherTenantId": publisher_tenant,
                "authorizations": [{"principalId": principal, "roleDefinitionId": role}],
            },
        }
    )


@pytest.mark.parametrize(
    ("method", "path", "action"),
    [
        ("GET", "/subscriptions/s", "Microsoft.Resources/subscriptions/read"),
        ("PUT", "/subscriptions/s/resourceGroups/g", "Microsoft.Resources/subscriptions/resourceGroups/write"),
        ("DELETE", f"{FACTORY_ID}/pipelines/p", "Microsoft.DataFactory/factories/pipelines/delete"),
        ("POST", f"{FACTORY_ID}/pipelines/p/createRun", "Microsoft.DataFactory/factories/pipelines/createRun/action"),
        (
            "POST",
            f"{GROUP_ID}/providers/Microsoft.PolicyInsights/policyStates/latest/queryResults",
            "Microsoft.PolicyInsights/policyStates/queryResults/action",
        ),
        (
            "PUT",
            f"{FACTORY_ID}/providers/Microsoft.Authorization/roleAssignments/a",
            "Microsoft.Authorization/roleAssignments/write",
        ),
    ],
)
def test_a_request_is_the_action_that_azure_names_so(method: str, path: str, action: str) -> None:
    assert action_of(method, path) == action
