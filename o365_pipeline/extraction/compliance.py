"""Policy compliance: does a customer's installation comply with the policies that its approver saw?

What belongs here: asking Azure Policy, and refusing. Data Connect fails every run of a managed application that
violates one of them, so compliance is checked before a run is paid for. The moment of the check belongs to
`submission.py`.
"""

from __future__ import annotations

from functools import lru_cache

from azure.core.exceptions import AzureError, ClientAuthenticationError, HttpResponseError
from azure.mgmt.policyinsights import PolicyInsightsClient
from azure.mgmt.policyinsights.models import PolicyState, QueryOptions

from o365_pipeline.azure.cloud import Cloud, sign_in_failure
from o365_pipeline.azure.policies import policies
from o365_pipeline.customers.customer import Customer
from o365_pipeline.errors import ExtractionError, PolicyViolationError, SettingsError
from o365_pipeline.extraction.factory_retries import FactoryRetryPolicy, repeatable

VIOLATED = QueryOptions(filter="ComplianceState eq 'NonCompliant'")
FORBIDDEN = (
    "the pipeline may not ask for it: its identity needs Resource Policy Contributor on the resource group, or a role "
    "with Microsoft.PolicyInsights/policyStates/queryResults/action"
)
"""The right to read is not enough (Microsoft: permissions of Microsoft.PolicyInsights)."""


def check_policies(cloud: Cloud, customer: Customer) -> None:
    """Checks that nothing in the customer's managed resource group violates a policy that the data request lists.

    Skips customers without a managed application, and data requests without policies.

    Raises:
        SettingsError: the data request lists a policy that cannot be checked.
        PolicyViolationError: a resource violates a policy; the message names both.
        ExtractionError: Azure did not answer the question; the message says what is missing.
    """
    shown = customer.data_request.policies
    if customer.installation is None or not shown:
        return
    known = {policy.definition_id.lower(): policy.display_name for policy in policies().values()}
    if unknown := set(shown) - set(known.values()):
        raise SettingsError(
            f"{customer.name}: the data request lists {', '.join(sorted(unknown))}, which is no policy that an "
            f"installation is asked about; there are {', '.join(known.values())}"
        )
    client = _client(cloud, customer.subscription_id, customer.azure_tenant_id)
    try:
        states = list(
            client.policy_states.list_query_results_for_resource_group(
                "latest", customer.subscription_id, customer.resource_group, VIOLATED, **repeatable()
            )
        )
    except AzureError as error:
        raise ExtractionError(
            f"{customer.name}: whether {customer.resource_group} complies with its policies is not known, so nothing "
            f"was extracted: {_describe_error(error)}"
        ) from error
    violations = {
        f"'{name}' by {_named(state)}" for state in states if (name := known.get(_definition(state))) in shown
    }
    if violations:
        raise PolicyViolationError(
            f"{customer.name}: a policy that the approver was shown is violated: {', '.join(sorted(violations))}; "
            f"nothing was extracted: bring what is named into compliance in {customer.resource_group}, then extract "
            "again (Azure takes up to a day to notice it; `az policy state trigger-scan` is quicker)"
        )


@lru_cache(maxsize=2048)
def _client(cloud: Cloud, subscription_id: str, tenant_id: str) -> PolicyInsightsClient:
    return PolicyInsightsClient(
        cloud.credential(tenant_id),
        subscription_id,
        base_url=cloud.arm_url,
        credential_scopes=[f"{cloud.arm_url}/.default"],
        retry_policy=FactoryRetryPolicy(),
        transport=cloud.transport(),
    )


def _definition(state: PolicyState) -> str:
    return (state.policy_definition_id or "").lower()


def _named(state: PolicyState) -> str:
    """Returns the resource's own name, the last part of its id."""
    return (state.resource_id or "").rpartition("/")[2]


def _describe_error(error: AzureError) -> str:
    if isinstance(error, ClientAuthenticationError):
        return sign_in_failure(error)
    status = error.status_code if isinstance(error, HttpResponseError) else None
    if status == 403:
        return FORBIDDEN
    if status == 404:
        return "Azure has no such resource group: see whether the application is still installed"
    if status == 429:
        return "Azure Policy is asked too often: extract again in some minutes"
    return f"Azure Policy does not answer ({status or type(error).__name__}): extract again in some minutes"
