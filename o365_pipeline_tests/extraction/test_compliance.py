"""Policy compliance: an installation that violates what its approver was shown is not extracted from."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from azure.core.credentials import TokenCredential
from azure.core.pipeline.transport import HttpTransport
from pydantic import PrivateAttr
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from o365_pipeline.azure.cloud import Cloud
from o365_pipeline.azure.policies import policies
from o365_pipeline.consent.approvals import State
from o365_pipeline.customers.customer import Customer
from o365_pipeline.customers.data_request import RequestedDataset
from o365_pipeline.deployment import Deployment
from o365_pipeline.errors import ExtractionError, NotAuthorizedError, PolicyViolationError, SettingsError
from o365_pipeline.extraction.compliance import check_policies
from o365_pipeline.extraction.submission import Submitter
from o365_pipeline.sandbox.transport import sandbox_transport
from o365_pipeline_tests.conftest import DAY
from o365_pipeline_tests.credentials import AnyToken

ENCRYPTED, PRIVATE = policies()["infrastructure-encryption"], policies()["no-public-access"]
INSTALLATION = "/subscriptions/s/resourceGroups/rg-contoso/providers/Microsoft.Solutions/applications/contoso"


class PolicyCloud(Cloud):
    """A cloud in which nothing but Azure Policy answers: with policy states, or with an error."""

    _status: int = PrivateAttr(default=200)
    _states: list[dict[str, str]] = PrivateAttr(default_factory=list)
    _asked: list[str] = PrivateAttr(default_factory=list)
    _tenants: list[str | None] = PrivateAttr(default_factory=list)

    def answers(self, status: int, *states: dict[str, str]) -> PolicyCloud:
        self._status, self._states, self._asked = status, list(states), []
        return self

    @property
    def asked(self) -> list[str]:
        """The resource groups that were asked about."""
        return self._asked

    @property
    def signed_in_to(self) -> list[str | None]:
        """The tenants that were signed in to; None is the vendor's own."""
        return self._tenants

    def credential(self, tenant_id: str | None = None) -> TokenCredential:
        self._tenants.append(tenant_id)
        return AnyToken()

    def transport(self) -> HttpTransport[Any, Any]:
        async def query(request: Request) -> Response:
            self._asked.append(request.path_params["group"])
            assert request.query_params["$filter"] == "ComplianceState eq 'NonCompliant'"
            if self._status == 200:
                return JSONResponse({"value": self._states})
            # A pause that is longer than the call may take ends it at once.
            return JSONResponse({"error": {"code": "x", "message": "canary"}}, self._status, {"Retry-After": "900"})

        path = "/subscriptions/{s}/resourceGroups/{group}/providers/Microsoft.PolicyInsights/policyStates/latest"
        return sandbox_transport(Starlette(routes=[Route(f"{path}/queryResults", query, methods=["POST"])]))


def violated(definition_id: str, resource: str = "stcontoso") -> dict[str, str]:
    resource_id = f"/subscriptions/s/resourceGroups/rg/providers/Microsoft.Storage/storageAccounts/{resource}"
    return {"policyDefinitionId": definition_id, "resourceId": resource_id, "complianceState": "NonCompliant"}


@pytest.fixture
def installed(customer: Customer) -> Customer:
    """The customer as a managed application installed it, whose approver was shown one policy."""
    request = customer.data_request.model_copy(update={"policies": (ENCRYPTED.display_name,)})
    return customer.model_copy(update={"installation": INSTALLATION, "data_request": request})


@pytest.fixture
def cloud() -> PolicyCloud:
    return PolicyCloud()


def test_a_violated_policy_is_named_with_the_resource_and_what_to_do(cloud: PolicyCloud, installed: Customer) -> None:
    cloud.answers(200, violated(ENCRYPTED.definition_id.upper()))

    with pytest.raises(PolicyViolationError) as error:
        check_policies(cloud, installed)

    told = str(error.value)
    assert f"'{ENCRYPTED.display_name}' by stcontoso; nothing was extracted: bring what is named into" in told
    assert "/subscriptions/" not in told
    assert cloud.asked == [installed.resource_group]


def test_it_is_asked_in_the_tenant_in_which_the_pipeline_is_installed(cloud: PolicyCloud, installed: Customer) -> None:
    check_policies(cloud.answers(200), installed)

    assert cloud.signed_in_to == [installed.tenant_id]


def test_a_violated_policy_that_the_data_request_does_not_list_is_no_reason(
    cloud: PolicyCloud, installed: Customer
) -> None:
    cloud.answers(200, violated(PRIVATE.definition_id), violated("/providers/x/policyDefinitions/the-customers-own"))

    check_policies(cloud, installed)

    assert len(cloud.asked) == 1


@pytest.mark.parametrize(
    ("status", "told"),
    [
        (
            403,
            "needs Resource Policy Contributor on the resource group, or a role with Microsoft.PolicyInsights",
        ),
        (404, "see whether the application is still installed"),
        (429, "asked too often: extract again in some minutes"),
        (500, r"does not answer \(500\)"),
    ],
)
def test_what_azure_does_not_tell_is_an_error_and_never_a_pass(
    cloud: PolicyCloud, installed: Customer, status: int, told: str
) -> None:
    cloud.answers(status)

    with pytest.raises(ExtractionError, match=f"is not known, so nothing was extracted: .*{told}") as error:
        check_policies(cloud, installed)

    assert "canary" not in str(error.value)


def test_a_policy_that_nobody_can_ask_about_is_an_error(cloud: PolicyCloud, installed: Customer) -> None:
    request = installed.data_request.model_copy(update={"policies": ("Disks should be round",)})

    with pytest.raises(SettingsError, match="lists Disks should be round, which is no policy"):
        check_policies(cloud, installed.model_copy(update={"data_request": request}))


def test_customers_whom_no_managed_application_installed_are_not_asked_about(
    cloud: PolicyCloud, installed: Customer
) -> None:
    cloud.answers(403)
    without_policies = installed.data_request.model_copy(update={"policies": ()})

    check_policies(cloud, installed.model_copy(update={"installation": None}))
    check_policies(cloud, installed.model_copy(update={"data_request": without_policies}))

    assert cloud.asked == []


class Asked:
    """What the submitter asks about instead of Azure."""

    def __init__(self) -> None:
        self.customers: list[str] = []
        self.violated = False

    def __call__(self, _: Cloud, customer: Customer) -> None:
        self.customers.append(customer.name)
        if self.violated:
            raise PolicyViolationError("a policy is violated")


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> Asked:
    asked = Asked()
    monkeypatch.setattr("o365_pipeline.extraction.submission.check_policies", asked)
    return asked


def submitter(deployment: Deployment) -> Submitter:
    return Submitter(deployment.database, deployment.resources["data_factory"], "run-a", "extraction")


def requested(customer: Customer) -> tuple[RequestedDataset, ...]:
    return customer.data_request.datasets[:3]


def test_a_violation_is_told_before_any_factory_run_is_created(
    deployment: Deployment, customer: Customer, decide: Callable[..., None], asked: Asked
) -> None:
    decide(State.APPROVED)
    asked.violated = True

    for ask in (
        lambda: submitter(deployment).authorize_missing(customer, requested(customer), [DAY]),
        lambda: submitter(deployment).submit_days(customer, requested(customer)[0], [DAY]),
    ):
        with pytest.raises(NotAuthorizedError, match="a policy is violated"):
            ask()

    assert deployment.sandbox.factory_runs() == []


def test_what_speaks_against_a_customer_is_not_asked_for_again_for_each_dataset(
    deployment: Deployment, customer: Customer, decide: Callable[..., None], asked: Asked
) -> None:
    decide(State.APPROVED)
    asked.violated = True
    first = submitter(deployment)

    for dataset in requested(customer):
        with pytest.raises(PolicyViolationError):
            first.submit_days(customer, dataset, [DAY])

    assert asked.customers == [customer.name]


def test_once_in_a_dagster_run_is_enough_and_a_later_run_asks_again(
    deployment: Deployment, customer: Customer, decide: Callable[..., None], asked: Asked
) -> None:
    decide(State.APPROVED)
    first = submitter(deployment)

    first.authorize_missing(customer, requested(customer), [DAY])
    for dataset in requested(customer):
        first.submit_days(customer, dataset, [DAY])
    assert asked.customers == [customer.name]

    submitter(deployment).submit_days(customer, requested(customer)[0], [DAY])
    assert asked.customers == [customer.name], "what was extracted before is not asked about"
    submitter(deployment).submit_days(customer, customer.data_request.datasets[3], [DAY])
    assert len(asked.customers) == 2
