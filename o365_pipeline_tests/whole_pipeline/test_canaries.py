"""Invented people are carried through the life of their data: they are where `docs/privacy.md` says, and then gone."""

from __future__ import annotations

import datetime as dt
import json
import tempfile
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import dagster as dg
import pytest

from o365_pipeline.accountability.assets import REPORT
from o365_pipeline.cli.demo import write_report
from o365_pipeline.consent.approvals import State
from o365_pipeline.customers.customer import Customer
from o365_pipeline.customers.partitions import range_tags
from o365_pipeline.customers.retention import Horizon
from o365_pipeline.deployment import Deployment, load
from o365_pipeline.extraction.landing_runs import LANDING_JOB
from o365_pipeline.mart.replay_job import ReplayConfig, replay_request
from o365_pipeline.purge import deletion, erasure
from o365_pipeline.purge.job import purge_request
from o365_pipeline.purge.person import find_person
from o365_pipeline.purge.plan import Plan
from o365_pipeline_tests.conftest import read_decisions
from o365_pipeline_tests.finished_homes import MAILS, data_request_of
from o365_pipeline_tests.ledger_rows import NOW
from o365_pipeline_tests.privacy_page import places_of
from o365_pipeline_tests.runner import Runner, failure
from o365_pipeline_tests.traces import files_naming

LISTED = places_of("Where people's data lies", "scratch/", "sandbox/")
ANN, BOB, EVE = "Ann Canary", "Bob Birdseed", "Eve Ostrich"
APPROVER, REASON = "approver.finch@contoso.example", "Grace Finch has looked at it"
SECRETS = {
    "address_salt": "canary-of-the-salt-0f3a97c25e81d4b6",
    "notification_signature": "canary-of-the-signature-7c1e55b0a2",
    "news_urls": "json://news.example/canary-of-the-channel",
}
DAY = "2026-11-16T10:00:00Z"
DATASETS = (*MAILS, "SharePointSites_v1", "SharePointPermissions_v1")


def address(name: str) -> dict[str, Any]:
    mail = f"{name.lower().replace(' ', '.')}@{'contoso' if name != EVE else 'fabrikam'}.example"
    return {"emailAddress": {"name": name, "address": mail}}


def user(number: int, name: str) -> dict[str, Any]:
    mail = address(name)["emailAddress"]["address"]
    return {"puser": key(number), "id": key(number), "displayName": name, "mail": mail, "userPrincipalName": mail}


def key(number: int) -> str:
    return f"0{number}000000-0000-4000-8000-00000000000{number}"


def mail(number: int, mailbox: int, sender: str, *recipients: str, **values: Any) -> dict[str, Any]:
    return {
        "puser": key(mailbox),
        "id": f"m{number}",
        "internetMessageId": f"<{number}@contoso.example>",
        "conversationId": f"c{number}",
        "receivedDateTime": DAY,
        "sentDateTime": DAY,
        "isRead": True,
        "sender": address(sender),
        "from": address(sender),
        "toRecipients": [address(name) for name in recipients],
        "subject": f"{sender} and {recipients[0]}",
        **values,
    }


def one_drive(number: int, name: str) -> dict[str, Any]:
    """Somebody's OneDrive: it bears the name."""
    owner = {"aadObjectId": key(number), "name": name, "email": address(name)["emailAddress"]["address"]}
    web = {"Id": f"w{number}", "Title": name, "WebTemplate": "SPSPERS"}
    url = f"https://contoso-my.sharepoint.example/personal/{name.lower().replace(' ', '_')}"
    return {"Id": f"s{number}", "Url": url, "RootWeb": web, "Owner": owner, "SnapshotDate": DAY, "Operation": "Full"}


def link_for_anyone(number: int, name: str) -> dict[str, Any]:
    """A link to a file in somebody's OneDrive: the file bears the name too."""
    return {
        "SiteId": f"s{number}",
        "ItemType": "File",
        "ItemURL": f"personal/{name.lower().replace(' ', '_')}/Documents/{name}.docx",
        "ScopeId": f"c{number}",
        "LinkId": f"l{number}",
        "LinkScope": "Anyone",
        "RoleDefinition": "Read",
        "SnapshotDate": DAY,
        "Operation": "Full",
    }


@pytest.fixture
def deployment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Deployment:
    """Two people with a OneDrive each, mails between them and somebody from outside, rows that cannot be read, and a
    report on a mailbox.
    """
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "tmp"))
    (tmp_path / "tmp").mkdir()
    monkeypatch.setenv("DAGSTER_HOME", "")
    data = tmp_path / "data"
    data.mkdir()
    users = [user(1, ANN), user(2, BOB)]
    mails = [
        mail(1, 1, ANN, BOB, EVE),
        mail(2, 2, ANN, BOB, EVE),
        mail(3, 2, BOB, EVE),
        mail(4, 2, BOB, ANN, sentDateTime=f"when {ANN} says"),
        mail(5, 2, EVE, BOB, receivedDateTime=f"when {BOB} says"),
        {"puser": key(1), "rowinformation": {"errorInformation": f"the mailbox of {ANN} is away"}},
        {"puser": key(2), "rowinformation": {"errorInformation": f"the mailbox of {BOB} is away"}},
    ]
    lines = [json.dumps(row) for row in mails] + [f'{{"puser": "{ANN}', f'{{"puser": "{BOB}']
    (data / "User_v1.jsonl").write_text("\n".join(map(json.dumps, users)))
    (data / "Message_v1.jsonl").write_text("\n".join(lines))
    for dataset, make in (("SharePointSites_v1", one_drive), ("SharePointPermissions_v1", link_for_anyone)):
        rows = [make(number, name) for number, name in enumerate((ANN, BOB), start=1)]
        (data / f"{dataset}.jsonl").write_text("\n".join(map(json.dumps, rows)))
    request = data_request_of(DATASETS, tmp_path)
    request.write_text(request.read_text().replace('"bccRecipients"', '"bccRecipients", "subject"'))
    return opened(tmp_path)


def opened(folder: Path, **settings: Any) -> Deployment:
    return load(
        home=folder / "o365",
        tenant_data=folder / "data",
        sandbox_seconds=0,
        purge_grace_days=0,
        data_request=folder / f"{'-'.join(DATASETS)}.toml",
        hash_outside_addresses=True,
        own_domains=("contoso.example",),
        **SECRETS,
        **settings,
    )


@pytest.fixture
def customer(deployment: Deployment) -> Customer:
    [customer] = deployment.customers
    return customer


@pytest.fixture
def instance(deployment: Deployment) -> Iterator[dg.DagsterInstance]:
    deployment.use_dagster_home()
    with dg.DagsterInstance.get() as instance:
        yield instance


def execute(runner: Runner, customer: Customer, request: dg.RunRequest) -> None:
    runner.instance.add_dynamic_partitions("customer", [customer.name])
    keys = list(request.asset_selection) if request.asset_selection else None
    result = runner.execute(request.job_name or "", dict(request.tags), keys, config=dict(request.run_config))
    assert result.success, failure(result)


def places(deployment: Deployment, *names: str) -> set[str]:
    """Where below the home people are named, as the page calls the places."""
    words = [word for name in names for word in (name, address(name)["emailAddress"]["address"], name.split()[-1])]
    words += [key(number) for number, name in enumerate((ANN, BOB), start=1) if name in names]
    return named(deployment, words)


def named(deployment: Deployment, words: Iterable[str]) -> set[str]:
    """Where one of the words stands, as the page calls the places; what the sandbox has is its own."""
    found = (path.removesuffix("-wal") for path in files_naming(deployment.home, [*words]))
    return {"/".join(path.split("/")[:2]) + "/" if path.startswith("lake/") else path.split("/")[0] for path in found}


def identities(name: str) -> tuple[str, ...]:
    """What somebody is denied by: a name alone stays in texts."""
    return (address(name)["emailAddress"]["address"], key(1 + (ANN, BOB).index(name)))


def test_people_are_in_the_places_that_the_page_lists_and_after_erasure_age_and_purge_in_none(
    deployment: Deployment,
    customer: Customer,
    instance: dg.DagsterInstance,
    tmp_path: Path,
    caplog: pytest.LogCaptureFixture,
    capfd: pytest.CaptureFixture[str],
) -> None:
    caplog.set_level("DEBUG")
    runner, request = Runner(deployment, instance), customer.data_request
    deployment.sandbox.register(customer.tenant_id, request, [customer.sink])
    deployment.sandbox.decide(customer.tenant_id, request.application_id, State.APPROVED, APPROVER, REASON)
    read_decisions(deployment, customer)
    day = customer.first_day
    execute(runner, customer, dg.RunRequest(job_name="extraction_job", tags=dict(range_tags(customer.name, day, day))))
    [landing] = runner.tick("landing_sensor").run_requests or []
    execute(runner, customer, landing)
    execute(runner, customer, replay_request(ReplayConfig(customer=customer.name)))
    write_reports(runner, customer)
    assert "Somebody&#39;s OneDrive" in (deployment.home / "report.html").read_text()
    assert places(deployment, ANN, BOB, EVE) == LISTED.people
    assert places(deployment, ANN) == LISTED.people
    assert named(deployment, [APPROVER, "Finch"]) - {"sandbox"} == LISTED.approvers
    assert named(deployment, SECRETS.values()) == set()

    denying = Runner(opened(tmp_path, deny_people=identities(ANN)), instance)
    assert denying.execute(LANDING_JOB, dict(landing.tags), denying.keys("curated", "mart")).success
    # SQLite keeps deleted rows in its file's free pages, until a purge compacts it.
    deployment.database.compact()
    assert named(deployment, identities(ANN)) == {"lake/raw/"}
    assert places(deployment, BOB) == LISTED.people

    lake = deployment.lakes.of(customer)
    for name in (ANN, EVE):
        asked = address(name)["emailAddress"]["address"]
        person = find_person(deployment.marts, lake, customer, asked, [name])
        erasure.begin(deployment.database, customer, asked, person, f"{name} asked for it", NOW)
    execute(runner, customer, purge_request(customer.name))

    assert places(deployment, ANN, EVE) == set()
    assert places(deployment, BOB) == LISTED.people

    tomorrow = dt.datetime.now(dt.UTC).date() + dt.timedelta(days=1)
    expired = Plan(
        customer=customer.name, reason="old", event_id=None, horizon=Horizon(raw=tomorrow, quarantine=tomorrow)
    )
    deletion.begin(deployment.database, expired, NOW)
    execute(runner, customer, purge_request(customer.name))

    assert places(deployment, BOB) == LISTED.people - {"lake/raw/", "lake/quarantine/", "lake/user_rows/"}

    deployment.sandbox.decide(customer.tenant_id, request.application_id, State.DENIED, APPROVER)
    read_decisions(deployment, customer)
    execute(runner, customer, purge_request(customer.name))
    write_reports(runner, customer)

    assert places(deployment, ANN, BOB, EVE) == set()
    assert named(deployment, [APPROVER, "Finch"]) - {"sandbox"} == LISTED.approvers
    assert named(deployment, SECRETS.values()) == set()
    told = "\n".join([caplog.text, *capfd.readouterr()])
    assert not [
        word for word in (*SECRETS.values(), "Canary", "Birdseed", "Ostrich", "Finch", key(1), key(2)) if word in told
    ]
    assert [path for path in (tmp_path / "tmp").rglob("*") if path.is_file()] == []


def write_reports(runner: Runner, customer: Customer) -> None:
    """Writes the pages that stay, and sees that each place of which the page says that it names nobody is there."""
    job = runner.definitions.resolve_implicit_global_asset_job_def()
    result = job.execute_in_process(instance=runner.instance, partition_key=customer.name, asset_selection=[REPORT])
    assert result.success, failure(result)
    write_report(runner.deployment, customer)
    assert [place for place in LISTED.nobody if not (runner.deployment.home / place).exists()] == []
