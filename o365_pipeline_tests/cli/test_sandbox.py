"""The commands that play a purchaser of the offer, and what the installed pipeline makes of them."""

from __future__ import annotations

import datetime as dt
import logging
import sys
from collections.abc import Callable
from functools import partial
from pathlib import Path

import pytest

from o365_pipeline.cli import main as cli
from o365_pipeline.cli.doctor import connections
from o365_pipeline.consent.approvals import State
from o365_pipeline.customers.configuration import read_customers
from o365_pipeline.customers.customer import Customer
from o365_pipeline.deployment import Deployment, load
from o365_pipeline.doctor.examination import examine
from o365_pipeline.errors import PolicyViolationError
from o365_pipeline.extraction.submission import Submitter
from o365_pipeline.managed_app.installations import installations
from o365_pipeline.managed_app.installations.applications import Applications
from o365_pipeline.managed_app.installations.confirmation import Confirmation
from o365_pipeline.sandbox.azure.installation import environment_of, found
from o365_pipeline.sandbox.azure.notification_sender import NotificationSender
from o365_pipeline.sandbox.azure.resources import Resources
from o365_pipeline_tests.conftest import DAY, read_decisions

NAME = "adventure-works"
Command = Callable[..., tuple[int, str, str]]


@pytest.fixture
def command(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]) -> Command:
    """Run `o365-pipeline sandbox` with arguments in a home of its own; gives status, stdout and stderr."""
    monkeypatch.setenv("O365_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("O365_SANDBOX_SECONDS", "0")
    monkeypatch.setenv("O365_SANDBOX_USERS", "12")
    monkeypatch.setenv("COLUMNS", "200")

    def command(*arguments: str) -> tuple[int, str, str]:
        capfd.readouterr()
        monkeypatch.setattr(sys, "argv", ["o365-pipeline", "sandbox", *arguments])
        with pytest.raises(SystemExit) as ended:
            cli.main()
        return (int(ended.value.code or 0), *capfd.readouterr())

    return command


def installed(name: str) -> tuple[Deployment, Customer]:
    """The deployment in the container of an installation, and its customer."""
    deployment = load()
    resources = Resources(deployment.sandbox_cloud.factories.state)
    given = environment_of(resources, found(resources, name))
    [customer] = read_customers(given["O365_CUSTOMERS"], {}).customers
    within = load(home=deployment.home / "own" / name, sandbox_home=deployment.sandbox_cloud.home,
                  customers=given["O365_CUSTOMERS"])  # fmt: skip
    return within, customer.model_copy(update={"first_day": DAY})


def applications() -> dict[str, str]:
    """The applications that the vendor knows, with their states, once it has taken in what Azure told it."""
    deployment = load()
    assert deployment.offer
    now, log = dt.datetime.now(dt.UTC), logging.getLogger("test")
    Confirmation(deployment.database, deployment.offer, Applications(deployment.cloud), now, log).run()
    return {entry.name[:-7]: entry.state for entry in installations.all_of(deployment.database)}


def submit(deployment: Deployment, customer: Customer) -> str | None:
    """Ask for a day of messages; the id of the factory run."""
    requested = customer.data_request.requested("Message_v1")
    assert requested
    submitter = Submitter(deployment.database, deployment.resources["data_factory"], "run-a", "extraction")
    [entry] = submitter.submit_days(customer, requested, [DAY]).extractions
    return entry.factory_run_id


def approve(deployment: Deployment, customer: Customer) -> None:
    request = customer.data_request
    deployment.sandbox.register(customer.tenant_id, request, [customer.sink])
    deployment.sandbox.decide(customer.tenant_id, request.application_id, State.APPROVED, "approver@contoso.example")
    read_decisions(deployment, customer)


def test_what_is_installed_is_a_pipeline_that_extracts(command: Command) -> None:
    status, told, error = command("install", "--name", NAME, "--sku", "weekly", "--region", "northeurope")
    assert (status, error) == (0, "")
    assert told.splitlines()[0] == f"{NAME}: Accepted"
    assert told.splitlines()[-1] == f"{NAME}: Succeeded"

    deployment, customer = installed(NAME)

    assert (customer.name, customer.region, customer.schedule) == (NAME, "northeurope", "0 4 * * 1")
    approve(deployment, customer)
    run_id = submit(deployment, customer)
    assert run_id
    assert deployment.resources["data_factory"].run(customer, run_id).status == "Succeeded"
    assert applications() == {NAME: "Succeeded"}


def test_a_violated_policy_holds_up_one_installation_until_it_complies(command: Command) -> None:
    command("install", "--name", NAME)
    command("install", "--name", "wide-world-importers")
    violating, complying = installed(NAME), installed("wide-world-importers")
    for one in (violating, complying):
        approve(*one)

    status, told, _ = command("violate", "no-public-access", "--application", NAME)
    assert (status, told.strip()) == (
        0,
        f"{NAME}: 'Storage account public access should be disallowed' is violated; `sandbox comply` ends it",
    )

    with pytest.raises(PolicyViolationError, match="public access should be disallowed"):
        submit(*violating)
    found = {line.what: line for line in examine(connections(violating[0]))}[f"{NAME}: policies"]
    assert (found.works, "public access should be disallowed" in found.message) == (False, True)
    assert submit(*complying)
    assert command("comply", "--application", NAME)[:2] == (0, f"{NAME}: complies\n")
    assert submit(*violating)


def test_the_container_of_an_installation_is_given_what_its_template_says(command: Command, tmp_path: Path) -> None:
    command("install", "--name", NAME)

    status, told, _ = command("exec", NAME, "customers", "check")

    assert status == 0
    assert NAME in told
    assert "Key Vault" in told
    assert command("exec", NAME, "extract", "--from", "nonsense")[0] == 2
    assert (tmp_path / "home" / "installations" / NAME).is_dir()
    command("uninstall", NAME)
    assert not (tmp_path / "home" / "installations" / NAME).exists()


def test_what_is_uninstalled_is_told(command: Command) -> None:
    command("install", "--name", NAME)
    applications()

    status, told, error = command("uninstall", NAME)

    assert (status, told, error) == (0, f"{NAME}: Deleting\n{NAME}: Deleted\n", "")
    assert applications() == {NAME: "Deleted"}


def test_an_installation_that_azure_fails_is_told_and_has_no_container(command: Command) -> None:
    status, told, error = command("install", "--name", NAME, "--fail")

    assert (status, error) == (0, "")
    assert "Failed: The resource operation completed with terminal provisioning state 'Failed'." in told
    assert applications() == {NAME: "Failed"}
    assert "installed no container" in command("exec", NAME, "doctor")[2]


def test_what_is_bought_at_the_marketplace_is_known_too(command: Command) -> None:
    status, _, error = command("install", "--name", NAME, "--marketplace")

    assert (status, error) == (0, "")
    assert applications() == {NAME: "Succeeded"}


@pytest.mark.parametrize(
    ("arguments", "status", "told"),
    [
        (("install", "--name", "x"), 2, "'x' is no name of a managed application"),
        (("install", "--name", NAME, "--sku", "huge"), 2, "no SKU 'huge'; it has standard, weekly"),
        (("install", "--name", NAME, "--region", "westus"), 1, f"{NAME} was not installed; the reason stands above"),
        (("install", "no-offer.toml", "--name", NAME), 2, "no-offer.toml"),
        (("install", "--name", NAME, "--notify", "ftp://vendor.example"), 2, "--notify ftp://vendor.example"),
        (("uninstall", NAME), 2, f"no application {NAME} is installed; there are none"),
        (("violate", "region", "--application", NAME), 2, f"no application {NAME} is installed"),
        (
            ("violate", "round-disks", "--application", NAME),
            2,
            "'round-disks' is not one of 'infrastructure-encryption'",
        ),
    ],
)
def test_what_cannot_be_done_is_told_in_one_line(
    command: Command, arguments: tuple[str, ...], status: int, told: str
) -> None:
    ended, _, error = command(*arguments)

    assert ended == status
    assert told in error
    assert len(error.splitlines()) == 1


def test_a_vendor_that_does_not_answer_is_told_and_the_installation_stands(
    command: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("o365_pipeline.cli.offer.purchaser.NotificationSender", partial(NotificationSender, pauses=()))

    status, told, error = command("install", "--name", NAME, "--notify", "http://127.0.0.1:9/notifications")

    assert status == 1
    assert f"{NAME}: Succeeded (the vendor was not told)" in told
    assert "http://127.0.0.1:9/notifications/resource did not take PUT Accepted (no answer), PUT Succeeded" in error
    assert "sig" not in error
    assert command("uninstall", NAME)[0] == 0
