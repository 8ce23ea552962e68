"""What the pipeline sends to Data Factory, and what the sandbox answers, has the shape of the public specification."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from typing import Any

import pytest
from jsonschema import Draft202012Validator, ValidationError
from pydantic import SecretStr
from starlette.testclient import TestClient

from o365_pipeline.customers.customer import Customer, KeyVaultSecret
from o365_pipeline.customers.data_request import Scope
from o365_pipeline.deployment import Deployment
from o365_pipeline.extraction import factory_definitions
from o365_pipeline.extraction.data_factory import DataFactory
from o365_pipeline.extraction.submission import Submitter
from o365_pipeline.sandbox.azure.factory_faults import FactoryRequest
from o365_pipeline.sandbox.cloud import SandboxCloud
from o365_pipeline.sandbox.entra.tokens import ARM
from o365_pipeline_tests.conftest import DAY
from o365_pipeline_tests.extraction import factory_shapes as shapes

VAULT = KeyVaultSecret(key_vault="https://kv-contoso.vault.azure.net/secrets/data-connect")
FACTORY = r"^/subscriptions/[^/]+/resourceGroups/[^/]+/providers/Microsoft\.DataFactory/factories/[^/]+"
REQUESTS = {
    ("PUT", "/integrationRuntimes/[^/]+"): shapes.definition_request("integrationRuntimes"),
    ("PUT", "/linkedservices/[^/]+"): shapes.definition_request("linkedservices"),
    ("PUT", "/datasets/[^/]+"): shapes.definition_request("datasets"),
    ("PUT", "/pipelines/[^/]+"): shapes.definition_request("pipelines"),
    ("POST", "/pipelines/[^/]+/createRun"): shapes.RUN_REQUEST,
    ("POST", "/queryPipelineRuns"): shapes.RUN_QUERY,
    ("POST", "/pipelineruns/[^/]+/queryActivityruns"): shapes.RUN_QUERY,
    ("POST", "/pipelineruns/[^/]+/cancel"): shapes.closed({}),
    ("GET", "/(integrationRuntimes|linkedservices|datasets|pipelines|pipelineruns)/[^/]+"): shapes.closed({}),
}
"""(method, path within the factory) -> the shape of the body."""


@pytest.fixture
def cloud(deployment: Deployment) -> SandboxCloud:
    assert isinstance(deployment.cloud, SandboxCloud)
    return deployment.cloud


@pytest.fixture
def call(cloud: SandboxCloud, customer: Customer) -> Callable[..., Any]:
    """Ask the sandbox over plain HTTP; returns the answer."""
    root = (
        f"https://management.azure.com/subscriptions/{customer.subscription_id}/resourceGroups/"
        f"{customer.resource_group}/providers/Microsoft.DataFactory/factories/{customer.factory}"
    )

    def call(method: str, path: str, body: Any = None) -> Any:
        return TestClient(cloud.app, headers=signed_in(cloud, customer)).request(
            method, f"{root}{path}", params={"api-version": "2018-06-01"}, json=body if body is not None else {}
        )

    return call


def signed_in(cloud: SandboxCloud, customer: Customer) -> dict[str, str]:
    token = cloud.credential(customer.tenant_id).get_token(f"{ARM}/.default").token
    return {"Authorization": f"Bearer {token}"}


def check(value: object, schema: dict[str, Any]) -> None:
    Draft202012Validator(schema).validate(value)


def schema_of(request: FactoryRequest) -> dict[str, Any]:
    [found] = [
        schema
        for (method, path), schema in REQUESTS.items()
        if method == request.method and re.match(f"{FACTORY}{path}$", request.path)
    ]
    return found


@pytest.mark.parametrize("secret", [SecretStr("one"), VAULT])
@pytest.mark.parametrize("storage", ["adls-gen2", "blob"])
def test_every_request_of_the_pipeline_has_the_specified_shape(
    deployment: Deployment,
    cloud: SandboxCloud,
    customer: Customer,
    decide: Callable[..., None],
    storage: str,
    secret: SecretStr | KeyVaultSecret,
) -> None:
    decide()
    customer = customer.model_copy(update={"storage": storage, "application_secret": secret})
    factory = DataFactory(cloud=cloud)
    for requested in customer.data_request.datasets:
        [entry] = (
            Submitter(deployment.database, factory, "a", "raw").submit_days(customer, requested, [DAY]).extractions
        )
        run = factory.run(customer, entry.factory_run_id or "")
        factory.copy_outcome(customer, run)
        factory.cancel(customer, run.run_id)
        assert entry.submitted_at
    factory.runs_since(customer, run.ended_at or pytest.fail("the run has not ended"))

    for request in cloud.factory_faults.requests:
        check(request.body, schema_of(request))
    seen = {
        (request.method, re.sub(FACTORY, "", request.path).split("/")[1]) for request in cloud.factory_faults.requests
    }
    assert {("PUT", "pipelines"), ("POST", "queryPipelineRuns"), ("POST", "pipelineruns")} <= seen


@pytest.mark.parametrize(
    "scope",
    [
        Scope(kind="List", groups=("g1", "g2")),
        Scope(kind="FilterUri", filter_uri="https://graph.microsoft.com/v1.0/users?$filter=x"),
    ],
)
def test_a_scope_has_the_specified_shape(customer: Customer, scope: Scope) -> None:
    requested = customer.data_request.datasets[0].model_copy(update={"scope": scope})

    check(factory_definitions.copy_pipeline(requested).as_dict(), shapes.definition_request("pipelines"))


def test_every_answer_of_the_sandbox_has_the_specified_shape(
    customer: Customer, cloud: SandboxCloud, decide: Callable[..., None], call: Callable[..., Any]
) -> None:
    decide()
    factory, requested = DataFactory(cloud=cloud), customer.data_request.requested("Message_v1")
    assert requested
    factory.deploy(customer, requested)
    for kind, name in (
        ("integrationRuntimes", "o365-runtime"),
        ("linkedservices", "o365_source"),
        ("linkedservices", "o365_lake"),
        ("datasets", "o365_lake_folder"),
        ("datasets", "o365_Message_v1"),
        ("pipelines", "o365_Message_v1"),
    ):
        held = answered(call("GET", f"/{kind}/{name}"), shapes.definition_answer(kind))
        assert held["id"].endswith(f"/factories/{customer.factory}/{kind.lower()}/{name}")
        again = {"properties": {key: held["properties"][key] for key in held["properties"] if key != "lastPublishTime"}}
        answered(call("PUT", f"/{kind}/{name}", again), shapes.definition_answer(kind))

    parameters = {
        "windowKey": "k",
        "startTime": "2026-11-16T00:00:00Z",
        "endTime": "2026-11-17T00:00:00Z",
        "folder": "f",
    }
    run_id = answered(call("POST", "/pipelines/o365_Message_v1/createRun", parameters), shapes.RUN_CREATED)["runId"]
    everything = {"lastUpdatedAfter": "2026-01-01T00:00:00Z", "lastUpdatedBefore": "2036-01-01T00:00:00Z"}
    answered(call("GET", f"/pipelineruns/{run_id}"), shapes.PIPELINE_RUN)
    answered(call("POST", "/queryPipelineRuns", everything), shapes.RUNS)
    activities = answered(call("POST", f"/pipelineruns/{run_id}/queryActivityruns", everything), shapes.ACTIVITY_RUNS)
    check(activities["value"][0]["output"], shapes.COPY_OUTPUT)


def test_a_cancelled_run_is_answered_with_200_and_nothing_else(
    customer: Customer, deployment: Deployment, decide: Callable[..., None]
) -> None:
    decide()
    sandbox = deployment.cloud
    assert isinstance(sandbox, SandboxCloud)
    slow = SandboxCloud(home=sandbox.home, lakes=deployment.lakes, queued_seconds=3600)
    factory, requested = DataFactory(cloud=slow), customer.data_request.datasets[0]
    factory.deploy(customer, requested)
    run_id = factory.create_run(
        customer, requested, {"windowKey": "k", "startTime": "a", "endTime": "b", "folder": "f"}
    )
    root = slow.factory_faults.requests[-1].path.split("/pipelines/")[0]

    answer = TestClient(slow.app, headers=signed_in(slow, customer)).post(
        f"https://management.azure.com{root}/pipelineruns/{run_id}/cancel?api-version=2018-06-01"
    )

    assert (answer.status_code, answer.content) == (200, b"")


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [("GET", "/pipelines/none", 404), ("GET", "/pipelineruns/none", 404), ("POST", "/pipelines/none/createRun", 404)],
)
def test_an_error_comes_in_azures_envelope(call: Callable[..., Any], method: str, path: str, status: int) -> None:
    answer = call(method, path)

    assert answer.status_code == status
    check(answer.json(), shapes.ERROR)


def test_the_shapes_refuse_what_has_another_name() -> None:
    wrong = {"properties": {"type": "AzureBlobFS", "typeProperties": {"uri": "https://acc.dfs.core.windows.net"}}}

    with pytest.raises(ValidationError):
        check(wrong, shapes.definition_request("linkedservices"))


def answered(answer: Any, schema: dict[str, Any]) -> Any:
    assert answer.status_code == 200, answer.text
    body = json.loads(answer.content)
    check(body, schema)
    return body
