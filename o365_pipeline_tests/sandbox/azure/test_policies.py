"""Azure Policy in the sandbox: as the SDK's PolicyInsightsClient queries it, and what a violation does to a copy."""

from __future__ import annotations

import pytest
from azure.core.exceptions import HttpResponseError
from azure.mgmt.policyinsights import PolicyInsightsClient
from azure.mgmt.policyinsights.models import PolicyState, QueryOptions

from o365_pipeline.azure.policies import policies
from o365_pipeline.errors import UsageError
from o365_pipeline.sandbox.azure.compliance import Compliance
from o365_pipeline.sandbox.azure.resources import Resources
from o365_pipeline.sandbox.tenant.synthetic_tenant import SyntheticTenant
from o365_pipeline.sandbox.transport import sandbox_transport
from o365_pipeline_tests.sandbox.conftest import GROUP, World

GROUP_ID = f"/subscriptions/sub/resourceGroups/{GROUP}"
ENCRYPTED, PRIVATE, SQL = "infrastructure-encryption", "no-public-access", "sql-encryption"


def assign(world: World, *keys: str) -> Compliance:
    """A storage account and a database in the customer's resource group, with policies assigned to it."""
    resources = Resources(world.factories.state)
    for kind, name in (("Microsoft.Storage/storageAccounts", "acc"), ("Microsoft.Sql/servers/databases", "mart")):
        resources.put({"id": f"{GROUP_ID}/providers/{kind}/{name}", "name": name, "type": kind})
    for key in keys:
        kind = "Microsoft.Authorization/policyAssignments"
        properties = {"policyDefinitionId": policies()[key].definition_id}
        resources.put({"id": f"{GROUP_ID}/providers/{kind}/{key}", "name": key, "type": kind, "properties": properties})
    return Compliance(world.factories.state)


def states(world: World, condition: str | None = None) -> list[PolicyState]:
    client = PolicyInsightsClient(world.credential(), "sub", transport=sandbox_transport(world.app))
    options = QueryOptions(filter=condition) if condition else None
    return list(client.policy_states.list_query_results_for_resource_group("latest", "sub", GROUP, options))


def test_every_assigned_policy_judges_the_resources_that_it_is_about(world: World) -> None:
    assign(world, ENCRYPTED, SQL)

    found = states(world)

    assert {(state.policy_assignment_name, (state.resource_id or "").split("/")[-1]) for state in found} == {
        (ENCRYPTED, "acc"),
        (SQL, "mart"),
    }
    assert {state.compliance_state for state in found} == {"Compliant"}


def test_a_violated_policy_is_what_is_not_compliant(world: World) -> None:
    compliance = assign(world, ENCRYPTED, PRIVATE)
    compliance.violate(GROUP_ID, policies()[ENCRYPTED])

    [state] = states(world, "ComplianceState eq 'NonCompliant'")

    assert state.policy_definition_id == policies()[ENCRYPTED].definition_id
    assert state.is_compliant is False
    assert len(states(world, "complianceState eq 'Compliant'")) == 1
    compliance.comply(GROUP_ID)
    assert states(world, "ComplianceState eq 'NonCompliant'") == []


def test_a_filter_that_the_sandbox_does_not_read_is_refused(world: World) -> None:
    assign(world, ENCRYPTED)

    with pytest.raises(HttpResponseError, match="InvalidFilterInQueryString"):
        states(world, "IsCompliant eq false")


def test_a_policy_that_is_not_assigned_cannot_be_violated(world: World) -> None:
    compliance = assign(world, ENCRYPTED)

    with pytest.raises(UsageError, match="not assigned the policy sql-encryption; there are infrastructure-encryption"):
        compliance.violate(GROUP_ID, policies()[SQL])


def test_data_connect_refuses_a_run_whose_installation_violates_a_policy(world: World) -> None:
    assign(world, ENCRYPTED).violate(GROUP_ID, policies()[ENCRYPTED])
    world.approve()

    run = world.run_to_end()

    assert run.status == "Failed"
    assert "not compliant with the policy assignments: Storage accounts should have infrastructure" in run.message
    assert world.landed() == []


def test_data_connect_copies_again_once_the_installation_complies(world: World) -> None:
    compliance = assign(world, ENCRYPTED)
    compliance.violate(GROUP_ID, policies()[ENCRYPTED])
    compliance.comply(GROUP_ID)
    world.approve()

    assert world.run_to_end().status == "Succeeded"


def test_in_an_older_tenant_a_violation_fails_the_run_and_waits_for_no_consent(world: World) -> None:
    older = World(world.home / "older", SyntheticTenant(users=5), privileged_access=True)
    assign(older, ENCRYPTED).violate(GROUP_ID, policies()[ENCRYPTED])
    older.approve()

    assert older.run_to_end().status == "Failed"
