"""The doctor, and what commands and sensors say where nobody is signed in."""

from __future__ import annotations

import dataclasses
import datetime as dt
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import dagster as dg
import pytest
import sqlalchemy as sa
from azure.core.exceptions import AzureError, ClientAuthenticationError, HttpResponseError, ServiceRequestError
from pydantic import SecretStr
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import HTMLResponse, Response
from starlette.routing import Route

from o365_pipeline.azure.cloud import AzureCloud
from o365_pipeline.cli.doctor import connections
from o365_pipeline.cli.headless import read_consent
from o365_pipeline.consent import approval_ledger, feed_ledger
from o365_pipeline.consent.activity_feed import ActivityFeed
from o365_pipeline.consent.approvals import State
from o365_pipeline.customers.configuration import example
from o365_pipeline.customers.customer import Customer, Customers, KeyVaultSecret
from o365_pipeline.definitions import build_definitions
from o365_pipeline.deployment import Deployment, load
from o365_pipeline.doctor.examination import examine
from o365_pipeline.doctor.findings import Finding
from o365_pipeline.doctor.page import SHOWN, findings_result
from o365_pipeline.errors import FeedError, RunInDoubtError
from o365_pipeline.extraction.data_factory import DataFactory
from o365_pipeline.mart.upgrade import mart_database
from o365_pipeline.news.channels import UrlChannels
from o365_pipeline.sandbox.azure.resources import Resources
from o365_pipeline.sandbox.cloud import SandboxCloud
from o365_pipeline.sandbox.transport import sandbox_transport
from o365_pipeline_tests.customers.test_configuration import SHIPPED_REQUEST
from o365_pipeline_tests.news.fakes import FakeChannel, FakeChannels

NOBODY = """DefaultAzureCredential failed to retrieve a token from the included credentials.
Attempted credentials:
\tAzureCliCredential: ann@contoso.example has to sign in again
"""
ONE_LINE = "failed to retrieve a token from the included credentials: set O365_CREDENTIAL to the way that works here"


class Refused:
    """Signs nobody in, for the reason given."""

    def __init__(self, reason: str) -> None:
        self.reason = reason

    def get_token(self, *_scopes: str, **_options: object) -> object:
        raise ClientAuthenticationError(self.reason)

    get_token_info = get_token


@pytest.fixture
def customers(tmp_path: Path) -> Path:
    (tmp_path / "customers.toml").write_text(example())
    shutil.copyfile(SHIPPED_REQUEST, tmp_path / "data_request.toml")
    return tmp_path / "customers.toml"


@pytest.fixture
def azure(customers: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Deployment:
    """A deployment on Azure where nobody is signed in."""
    refuse(monkeypatch, NOBODY)
    return load(
        deployment="azure",
        customers=customers,
        mart_url=f"sqlite:///{tmp_path / 'mart.db'}",
        lake_url=f"file://{tmp_path / 'lake'}",
    )


def refuse(monkeypatch: pytest.MonkeyPatch, reason: str) -> None:
    monkeypatch.setattr(AzureCloud, "credential", lambda *_: Refused(reason))


def told(deployment: Deployment) -> Iterator[tuple[str, bool | None, str]]:
    return (
        (finding.what.partition("contoso: ")[2] or finding.what, finding.works, finding.message)
        for finding in examine(connections(deployment))
    )


def test_everything_works_in_the_sandbox(deployment: Deployment) -> None:
    findings = list(examine(connections(deployment)))

    assert [finding.message for finding in findings if finding.works is False] == []
    assert len([finding for finding in findings if finding.works]) == 5
    assert deployment.sandbox.factory_runs() == []


def test_channels_for_news_are_looked_at_and_get_a_message_only_when_asked(deployment: Deployment) -> None:
    def found(deployment: Deployment, **options: bool) -> list[tuple[str, bool | None, str]]:
        findings = examine(connections(deployment), **options)
        return [(one.what, one.works, one.message) for one in findings if one.what.startswith("news")]

    urls = UrlChannels((SecretStr("json://host/T0K3N"), SecretStr("nosuch://T0K3N")))
    looked_at = found(dataclasses.replace(deployment, channels=urls))
    working, broken = FakeChannel("1 fake"), FakeChannel("2 fake", fails=True)
    fakes = FakeChannels([working, broken])
    assert len(found(dataclasses.replace(deployment, channels=fakes))) == 2
    assert working.messages == []
    sent = found(dataclasses.replace(deployment, channels=fakes), sends_news=True)

    assert [(what, works) for what, works, _ in looked_at] == [
        ("news channel 1 json", True),
        ("news channel 2 nosuch", False),
    ]
    assert "T0K3N" not in str(looked_at)
    assert [message.title for message in working.messages] == ["o365-pipeline: a test"]
    assert sent[1] == ("news channel 2 fake", False, "channel 2 fake: it fails")


def consent(deployment: Deployment) -> list[tuple[str, bool | None, str]]:
    return [found for found in told(deployment) if found[0] in ("registration with Data Connect", "approval")]


def test_what_is_missing_before_the_approval_is_told_in_one_line_each(
    deployment: Deployment, customer: Customer
) -> None:
    [registration, approval] = consent(deployment)

    assert (registration[1], approval[1]) == (None, None)
    assert registration[2].startswith(f"(a) nothing was heard of application {customer.data_request.application_id}:")
    assert f"single-tenant, with {customer.sink}" in registration[2]
    assert approval[2] == "(c) no decision yet: let a global administrator approve it in the admin center"


def test_after_the_approval_nothing_of_it_is_missing(
    deployment: Deployment, customer: Customer, decide: Callable[..., None]
) -> None:
    decide()

    assert consent(deployment) == [
        (
            "registration with Data Connect",
            True,
            f"application {customer.data_request.application_id}, {customer.sink}",
        ),
        ("approval", True, "it holds for 180 days"),
    ]


def approve(deployment: Deployment, customer: Customer) -> None:
    """Let the approver decide, and nobody read of it."""
    request = customer.data_request
    deployment.sandbox.register(customer.tenant_id, request, [customer.sink])
    deployment.sandbox.decide(customer.tenant_id, request.application_id, State.APPROVED, "approver@contoso.example")


def test_the_doctor_reads_itself_what_nobody_has_read_yet(deployment: Deployment, customer: Customer) -> None:
    approve(deployment, customer)

    assert [works for _, works, _ in consent(deployment)] == [True, True]
    status = approval_ledger.consent_status_of(deployment.database, customer, dt.datetime.now(dt.UTC))
    assert status.approval, "and it is kept"


def no_database(deployment: Deployment, monkeypatch: pytest.MonkeyPatch) -> Deployment:
    (deployment.home / "file").touch()
    nowhere = mart_database(sa.URL.create("sqlite", database=str(deployment.home / "file" / "mart.db")))
    return dataclasses.replace(deployment, database=nowhere)


def read_only(deployment: Deployment, monkeypatch: pytest.MonkeyPatch) -> Deployment:
    def refused(*_: object) -> None:
        raise sa.exc.OperationalError("INSERT", {}, Exception("attempt to write a readonly database"))

    monkeypatch.setattr(feed_ledger, "save_feed_state", refused)
    return deployment


@pytest.mark.parametrize("ledger", [no_database, read_only])
def test_where_the_ledger_cannot_be_written_the_doctor_listens_and_keeps_nothing(
    deployment: Deployment,
    customer: Customer,
    monkeypatch: pytest.MonkeyPatch,
    ledger: Callable[[Deployment, pytest.MonkeyPatch], Deployment],
) -> None:
    approve(deployment, customer)

    found = consent(ledger(deployment, monkeypatch))

    assert [(works, text) for _, works, text in found][1] == (True, "it holds for 180 days")
    assert approval_ledger.events(deployment.database, customer) == []


def test_where_neither_ledger_nor_feed_can_be_read_nothing_is_said_of_the_approval(
    deployment: Deployment, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse_feed(*_: object) -> bool:
        raise ServiceRequestError("no route")

    monkeypatch.setattr(ActivityFeed, "is_subscribed", refuse_feed)

    found = consent(no_database(deployment, monkeypatch))

    assert [(works, text[:3], text[4:]) for _, works, text in found] == [
        (None, mark, "neither the ledger nor the feed can be read") for mark in ("(a)", "(c)")
    ]


def page(deployment: Deployment, instance: dg.DagsterInstance) -> dg.AssetCheckEvaluation:
    """What the doctor's page in the UI says after it was executed there."""
    job = build_definitions(deployment).resolve_job_def("doctor_job")
    [evaluation] = job.execute_in_process(instance=instance).get_asset_check_evaluations()
    return evaluation


def test_the_doctors_page_has_its_lines_and_names_the_step_that_is_missing(
    deployment: Deployment, customer: Customer, instance: dg.DagsterInstance
) -> None:
    before = page(deployment, instance)
    approve(deployment, customer)
    after = page(deployment, instance)

    assert (before.passed, before.severity) == (False, dg.AssetCheckSeverity.WARN)
    assert "contoso: approval: (c) no decision yet: let a global administrator approve" in (before.description or "")
    assert before.metadata["contoso: factory adf-sandbox"].value == "works: it answers"
    assert str(before.metadata["contoso: approval"].value).startswith("later: (c) no decision yet")
    assert (after.passed, after.description) == (True, "Everything that an extraction needs works.")


def test_the_page_says_first_what_fails_and_stays_readable_with_many_customers() -> None:
    findings = [
        Finding(f"{number}: {what}", works, text)
        for number in range(1000)
        for what, works, text in [("lake", True, "it works"), ("secret", None, "at the first copy")]
    ]
    findings += [Finding("9: approval", None, "(c) no decision yet"), Finding("7: factory", False, "no such factory")]

    result = findings_result(findings)

    assert (result.passed, result.severity) == (False, dg.AssetCheckSeverity.ERROR)
    assert result.description == "7: factory: no such factory; 9: approval: (c) no decision yet"
    assert result.metadata
    assert list(result.metadata)[:2] == ["7: factory", "9: approval"]
    assert result.metadata["7: factory"] == dg.MetadataValue.text("FAILS: no such factory")
    assert len(result.metadata) == SHOWN


def test_a_registration_with_another_account_is_told(
    deployment: Deployment, customer: Customer, decide: Callable[..., None]
) -> None:
    decide()
    moved = customer.model_copy(update={"storage_account": "another"})

    [registration, approval] = consent(dataclasses.replace(deployment, customers=Customers([moved])))

    assert registration[1] is False
    assert registration[2].startswith("(a) it differs from the data request: ")
    assert "https://another.dfs.core.windows.net/lake" in registration[2]
    assert approval[2].startswith("(c) it does not cover the data request")


def test_a_feed_that_refuses_is_the_missing_grant(deployment: Deployment, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse_feed(*_: object) -> bool:
        answer = SimpleNamespace(status_code=401, reason="Unauthorized", headers={})
        raise HttpResponseError("no", response=cast("Any", answer))

    monkeypatch.setattr(ActivityFeed, "is_subscribed", refuse_feed)

    [feed] = [found for found in told(deployment) if found[0] == "activity feed"]

    assert feed[1] is False
    assert feed[2].startswith("(b) is missing, it refuses with 401: grant the pipeline's identity")


@pytest.mark.parametrize(
    ("there", "works", "said"),
    [
        ((), None, "the factory reads it by its own identity at the first copy"),
        (("vault",), False, "kv has no data-connect-application: put it there"),
        (("vault", "secret"), True, "the factory reads it by its own identity at the first copy"),
    ],
)
def test_whether_the_vault_has_the_secret_is_seen_without_reading_it(
    deployment: Deployment, customer: Customer, there: tuple[str, ...], works: bool | None, said: str
) -> None:
    group = f"/subscriptions/{customer.subscription_id}/resourceGroups/{customer.resource_group}"
    vault = f"{group}/providers/Microsoft.KeyVault/vaults/kv"
    resources = Resources(deployment.sandbox_cloud.factories.state)
    for name in there:
        kept = {"vault": vault, "secret": f"{vault}/secrets/data-connect-application"}[name]
        resources.put({"id": kept, "type": "Microsoft.KeyVault/vaults", "properties": {}})
    secret = KeyVaultSecret(key_vault="https://kv.vault.azure.net/secrets/data-connect-application")
    changed = customer.model_copy(update={"application_secret": secret})

    [found] = [
        found
        for found in told(dataclasses.replace(deployment, customers=Customers([changed])))
        if found[0] == "application secret"
    ]

    assert found[1] is works
    assert said in found[2]


def test_a_sandbox_without_a_mart_is_told(tmp_path: Path) -> None:
    (tmp_path / "file").touch()

    *_, mart = examine(connections(load(home=tmp_path / "home", mart_url=f"sqlite:///{tmp_path}/file/mart.db")))

    assert (mart.works, "check O365_MART_URL" in mart.message) == (False, True)


@pytest.fixture
def elsewhere(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let a proxy's page be what is answered to everything."""

    async def answered(_request: Request) -> Response:
        return HTMLResponse("<html>Please log in</html>")

    proxy = Starlette(routes=[Route("/{path:path}", answered, methods=["GET", "POST", "PUT"])])
    monkeypatch.setattr(SandboxCloud, "transport", lambda _: sandbox_transport(proxy))


@pytest.mark.usefixtures("elsewhere")
def test_that_something_else_answers_is_told(deployment: Deployment) -> None:
    found = {what: (works, text) for what, works, text in told(deployment)}

    [factory] = [text for what, (works, text) in found.items() if what.startswith("factory") and works is False]
    assert "was answered, not JSON: check O365_ARM_URL and the proxy" in factory
    assert found["activity feed"] == (
        False,
        "another service answers there: check O365_FEED_URL where it is set, and the proxy",
    )


@pytest.mark.usefixtures("elsewhere")
def test_a_run_that_something_else_answered_for_is_in_doubt(deployment: Deployment, customer: Customer) -> None:
    factory = deployment.resources["data_factory"]

    with pytest.raises(RunInDoubtError, match="check O365_ARM_URL and the proxy"):
        factory.create_run(customer, customer.data_request.datasets[0], {})
    with pytest.raises(AzureError):
        factory.runs_since(customer, dt.datetime.now(dt.UTC))


def test_where_nobody_is_signed_in_the_doctor_says_so_once_for_a_tenant(azure: Deployment) -> None:
    found = {what: (works, text) for what, works, text in told(azure)}

    works, text = found.pop(f"sign-in to tenant {azure.customers['contoso'].tenant_id}")
    assert (works, ONE_LINE in text, "\n" in text) == (False, True, False)
    for what in ("activity feed", "factory adf-o365"):
        assert found[what] == (None, "not tried: the sign-in to its tenant failed")
    assert [what for what, (works, _) in found.items() if works is False] == []


def test_a_directory_that_cannot_be_reached_is_a_matter_of_the_network(
    azure: Deployment, monkeypatch: pytest.MonkeyPatch
) -> None:
    refuse(monkeypatch, "Authentication failed: HTTPSConnection(host='login.example', port=443): Failed to resolve")

    _, works, text = next(told(azure))

    assert works is False
    assert "check the network, the proxy, and AZURE_AUTHORITY_HOST" in text
    assert "O365_CREDENTIAL" not in text


def test_commands_say_why_consent_cannot_be_read_and_again_when_it_is_asked_anew(azure: Deployment) -> None:
    with pytest.raises(FeedError, match=ONE_LINE) as first:
        read_consent(azure, list(azure.customers))
    with pytest.raises(
        FeedError, match=r"contoso: it failed before, and is asked again at \d\d:\d\d:\d\d UTC"
    ) as again:
        read_consent(azure, list(azure.customers))

    assert "\n" not in f"{first.value}{again.value}"


def test_the_consent_sensor_logs_one_line_that_names_nobody(
    azure: Deployment, instance: dg.DagsterInstance, capfd: pytest.CaptureFixture[str]
) -> None:
    with dg.build_sensor_context(instance=instance, resources=dict(azure.resources)) as context:
        build_definitions(azure).resolve_sensor_def("consent_sensor")(context)

    [line] = capfd.readouterr().err.splitlines()
    assert ONE_LINE in line


def test_a_factory_says_in_one_line_that_nobody_is_signed_in(azure: Deployment) -> None:
    factory, contoso = azure.resources["data_factory"], azure.customers["contoso"]
    assert isinstance(factory, DataFactory)

    with pytest.raises(Exception, match=ONE_LINE) as raised:
        factory.create_run(contoso, contoso.data_request.datasets[0], {})

    assert "\n" not in str(raised.value)
