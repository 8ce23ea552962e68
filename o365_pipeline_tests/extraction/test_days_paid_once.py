"""Days are paid for once, whoever asks for them at the same moment and whatever became of the ledger."""

from __future__ import annotations

import datetime as dt
import random
import subprocess
import sys
import threading
from collections import Counter
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import dagster as dg
import pytest
import sqlalchemy as sa
from hypothesis import given
from hypothesis import strategies as st

from o365_pipeline.cli.headless import Headless, extraction_of_days
from o365_pipeline.consent.approvals import State
from o365_pipeline.customers.customer import Customer
from o365_pipeline.customers.data_request import RequestedDataset
from o365_pipeline.database.ledger import naive_utc
from o365_pipeline.deployment import Deployment, load
from o365_pipeline.errors import BeingSubmittedError, NotAuthorizedError, RunInDoubtError
from o365_pipeline.extraction import extraction_ledger as ledger
from o365_pipeline.extraction.submission import CLAIM_LIFETIME, PATIENCE, Submitter
from o365_pipeline.extraction.windows import Window, extraction_id, window_of_folder
from o365_pipeline.mart.upgrade import mart_database
from o365_pipeline.sandbox.azure.factory_faults import RUNS_QUERY, RUNS_START
from o365_pipeline.sandbox.cloud import SandboxCloud
from o365_pipeline_tests.conftest import DAY, few, read_decisions
from o365_pipeline_tests.extraction.test_submission_in_doubt import SetClock, killed

Decide = Callable[..., None]
WEEK = [DAY + dt.timedelta(days=n) for n in range(7)]

PROCESS = """
import datetime as dt, sys, time
from pathlib import Path
from o365_pipeline.deployment import load
from o365_pipeline.extraction.submission import PATIENCE, Submitter

home, first, last, name = Path(sys.argv[1]), *map(dt.date.fromisoformat, sys.argv[2:4]), sys.argv[4]
deployment = load(home=home, sandbox_seconds=60, sandbox_users=12, initial_days=1)
[customer] = deployment.customers
requested = customer.data_request.requested("Message_v1")
submitter = Submitter(
    deployment.database, deployment.resources["data_factory"], name, "raw", sleep=lambda _: time.sleep(0.1),
    patience=PATIENCE * 10,
)
print("ready", flush=True)
sys.stdin.readline()
days = [first + dt.timedelta(days=n) for n in range((last - first).days + 1)]
print(submitter.submit_days(customer, requested, days).created)
"""


@pytest.fixture
def messages(customer: Customer) -> RequestedDataset:
    requested = customer.data_request.requested("Message_v1")
    assert requested is not None
    return requested


def submitter(deployment: Deployment, claimant: str, **changes: Any) -> Submitter:
    factory = deployment.resources["data_factory"]
    return Submitter(deployment.database, factory, claimant, "extraction", **changes)


def days_paid(deployment: Deployment) -> Counter[dt.date]:
    """How many of the factory's runs that did not fail hold each day."""
    paid: Counter[dt.date] = Counter()
    for run in deployment.sandbox.factory_runs():
        window = window_of_folder(run.parameters["folder"])
        assert window is not None
        if run.status not in ledger.WITHOUT_DATA:
            paid.update(window.days)
    return paid


def test_two_processes_that_ask_for_overlapping_days_at_once_pay_each_day_once(
    deployment: Deployment, decide: Decide
) -> None:
    decide()
    asked = [(WEEK[0], WEEK[1], "a"), (WEEK[0], WEEK[2], "b")]
    processes = [
        subprocess.Popen(
            [sys.executable, "-c", PROCESS, str(deployment.home), str(first), str(last), name],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        for first, last, name in asked
    ]
    for process in processes:
        assert process.stdout
        assert process.stdout.readline() == "ready\n"
    for process in processes:
        assert process.stdin
        process.stdin.write("\n")
        process.stdin.flush()
    assert [process.wait(60) for process in processes] == [0, 0]

    assert days_paid(deployment) == Counter(WEEK[:3])


@few(4)
@given(st.integers(0, 10**6))
def test_any_spans_asked_for_at_once_by_several_deployments_are_paid_once(
    tmp_path_factory: pytest.TempPathFactory, finished_homes: Any, seed: int
) -> None:
    chance = random.Random(seed)
    home = tmp_path_factory.mktemp("spans") / "o365"
    finished_homes.copy_empty_mart(home)
    several = [load(home=home, sandbox_seconds=60, sandbox_users=12, initial_days=1) for _ in range(4)]
    [customer] = several[0].customers
    approve(several[0], customer)
    [requested, *_] = customer.data_request.datasets
    spans = [sorted(chance.choices(range(7), k=2)) for _ in several]
    together = threading.Barrier(len(several), timeout=60)

    def ask(place: int) -> set[dt.date]:
        days = WEEK[spans[place][0] : spans[place][1] + 1]
        one = submitter(several[place], f"run-{place}", sleep=short, patience=1000)
        together.wait()
        extractions = one.submit_days(customer, requested, days).extractions
        assert set(days) <= {day for entry in extractions for day in entry.window.days}
        return set(days)

    with ThreadPoolExecutor(len(several)) as pool:
        asked = set[dt.date]().union(*pool.map(ask, range(len(several))))

    assert days_paid(several[0]) == Counter(asked)


@pytest.mark.parametrize("server", ["sqlite", "postgres"])
def test_of_claims_made_at_once_no_two_share_a_day(server: str, request: pytest.FixtureRequest, tmp_path: Path) -> None:
    url = request.getfixturevalue("postgres_url") if server == "postgres" else f"sqlite:///{tmp_path}/mart.db"
    database, claimants = mart_database(sa.make_url(url)), 6
    together = threading.Barrier(claimants, timeout=60)

    def claim(place: int) -> list[str]:
        won = []
        for number in range(10):
            together.wait()
            if ledger.claim(database, claimed(f"dataset-{number}", Window(WEEK[0], WEEK[place]), f"run-{place}")):
                won.append(f"dataset-{number}")
        return won

    with ThreadPoolExecutor(claimants) as pool:
        won = Counter(name for names in pool.map(claim, range(claimants)) for name in names)

    assert won == Counter({f"dataset-{number}": 1 for number in range(10)})


def claimed(dataset: str, window: Window, claimant: str) -> ledger.Extraction:
    now = naive_utc(dt.datetime.now(dt.UTC))
    return ledger.Extraction(
        extraction_id=extraction_id("contoso", dataset, window),
        customer="contoso",
        dataset=dataset,
        first_day=window.first_day,
        last_day=window.last_day,
        columns=("id",),
        scope="{}",
        approval_event_id="e1",
        requested_by="extraction",
        status=ledger.CLAIMED,
        claim=claimant,
        claimed_at=now,
        attempt=1,
        factory_run_id=None,
        submitted_at=None,
        looked_at=None,
        error=None,
    )


def test_whoever_comes_second_is_told_where_it_has_no_patience(
    deployment: Deployment, customer: Customer, messages: RequestedDataset, decide: Decide, monkeypatch: Any
) -> None:
    decide()
    crash_after_creating(submitter(deployment, "a"), customer, messages, WEEK[:2], monkeypatch)

    with pytest.raises(BeingSubmittedError, match="is being submitted by another run: retry in a minute"):
        submitter(deployment, "b").submit_days(customer, messages, WEEK[:3])

    assert days_paid(deployment) == Counter(WEEK[:2])


def test_the_days_of_a_process_that_died_are_found_by_one_that_asks_for_more(
    deployment: Deployment, customer: Customer, messages: RequestedDataset, decide: Decide, monkeypatch: Any
) -> None:
    decide()
    clock = SetClock()
    crash_after_creating(submitter(deployment, "a", clock=clock), customer, messages, WEEK[:2], monkeypatch)
    patient = submitter(deployment, "b", clock=clock, sleep=clock.sleep, patience=PATIENCE)

    submission = patient.submit_days(customer, messages, WEEK[1:4])

    assert [entry.window for entry in submission.extractions] == [Window(*WEEK[:2]), Window(*WEEK[2:4])]
    assert (submission.created, submission.reattached) == (1, 1)
    assert days_paid(deployment) == Counter(WEEK[:4])
    assert CLAIM_LIFETIME.total_seconds() <= sum(clock.slept) < 2 * CLAIM_LIFETIME.total_seconds()


def test_the_days_of_a_process_that_died_before_it_asked_the_factory_are_free(
    deployment: Deployment, customer: Customer, messages: RequestedDataset, decide: Decide, monkeypatch: Any
) -> None:
    decide()
    clock = SetClock()
    first = submitter(deployment, "a", clock=clock)
    with monkeypatch.context() as patched:
        patched.setattr(type(first.factory), "deploy", killed)
        with pytest.raises(KeyboardInterrupt):
            first.submit_days(customer, messages, WEEK[:2])
    clock.sleep(61)

    submission = submitter(deployment, "b", clock=clock).submit_days(customer, messages, WEEK[1:4])

    assert [entry.window for entry in submission.extractions] == [Window(WEEK[1], WEEK[3])]


def test_a_run_that_is_created_after_another_process_took_over_is_cancelled(
    deployment: Deployment, customer: Customer, messages: RequestedDataset, decide: Decide, monkeypatch: Any
) -> None:
    decide()
    clock, deployment = SetClock(), load(home=deployment.home, sandbox_seconds=60)
    slow = submitter(deployment, "a", clock=clock)
    create = type(slow.factory).create_run

    def sleeping(factory: Any, *arguments: Any) -> str:
        monkeypatch.setattr(type(slow.factory), "create_run", create)
        clock.sleep(200)
        submitter(deployment, "b", clock=clock, sleep=clock.sleep).submit_days(customer, messages, WEEK[:1])
        return create(factory, *arguments)

    monkeypatch.setattr(type(slow.factory), "create_run", sleeping)
    with pytest.raises(BeingSubmittedError, match="was taken over by another run"):
        slow.submit_days(customer, messages, WEEK[:1])

    assert len(deployment.sandbox.factory_runs()) == 2
    assert days_paid(deployment) == Counter(WEEK[:1])


def test_what_the_factory_refuses_gives_its_days_free(
    deployment: Deployment, customer: Customer, messages: RequestedDataset, decide: Decide
) -> None:
    decide()
    faults(deployment).fail(1, 400, on=RUNS_START)
    with pytest.raises(Exception, match="did not start Message_v1"):
        submitter(deployment, "a").submit_days(customer, messages, WEEK[:2])
    refused = ledger.find(deployment.database, extraction_id("contoso", "Message_v1", Window(*WEEK[:2])))
    assert refused
    assert (refused.status, "did not start" in (refused.error or "")) == ("Failed", True)

    submitter(deployment, "b").submit_days(customer, messages, WEEK[1:4])

    assert days_paid(deployment) == Counter(WEEK[1:4])


def test_an_approval_that_is_revoked_while_the_factory_is_busy_lets_no_run_be_created(
    deployment: Deployment, customer: Customer, messages: RequestedDataset, decide: Decide
) -> None:
    decide()
    faults(deployment).throttle(1, retry_after=200, on=RUNS_START)

    def revoke(_: float) -> None:
        decide(State.DENIED)

    with pytest.raises(NotAuthorizedError, match="approved is Denied"):
        submitter(deployment, "a", sleep=revoke).submit_days(customer, messages, WEEK[:1])

    assert deployment.sandbox.factory_runs() == []


def test_two_terminals_are_not_one_claimant(
    deployment: Deployment,
    customer: Customer,
    messages: RequestedDataset,
    decide: Decide,
    instance: dg.DagsterInstance,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    decide()
    headless = Headless(deployment, instance)

    def extract() -> object:
        return extraction_of_days(deployment, headless, customer, [messages.dataset], Window(DAY, DAY))

    monkeypatch.setattr("o365_pipeline.cli.headless.PATIENCE", 0)
    with monkeypatch.context() as patched:
        patched.setattr(ledger, "attach", killed)
        with pytest.raises(KeyboardInterrupt):
            extract()

    with pytest.raises(BeingSubmittedError):
        extract()
    assert days_paid(deployment) == Counter([DAY])


def test_a_run_in_doubt_of_a_factory_that_does_not_answer_keeps_its_days_claimed(
    deployment: Deployment, customer: Customer, messages: RequestedDataset, decide: Decide, monkeypatch: Any
) -> None:
    decide()
    monkeypatch.setattr("azure.core.pipeline.transport.RequestsTransport.sleep", lambda *_: None)
    clock = SetClock()
    first = submitter(deployment, "a", clock=clock, sleep=clock.sleep)
    first.submit_days(customer, messages, WEEK[6:])
    faults(deployment).fail(1, 500, after_acting=True, on=RUNS_START)
    faults(deployment).fail(1000, 500, on=RUNS_QUERY)
    with pytest.raises(RunInDoubtError):
        first.submit_days(customer, messages, WEEK[:2])
    faults(deployment).end()

    later = submitter(deployment, "b", clock=clock, sleep=clock.sleep, patience=PATIENCE)
    assert later.submit_days(customer, messages, WEEK[:3]).created == 1

    assert days_paid(deployment) == Counter([*WEEK[:3], *WEEK[6:]])


def test_a_claim_of_the_future_is_given_up_since_the_clock_was_put_back(
    deployment: Deployment, customer: Customer, messages: RequestedDataset, decide: Decide, monkeypatch: Any
) -> None:
    decide()
    ahead = SetClock()
    ahead.sleep(20 * 3600)
    crash_after_creating(submitter(deployment, "a", clock=ahead), customer, messages, WEEK[:2], monkeypatch)
    clock = SetClock()

    submission = submitter(deployment, "b", clock=clock, sleep=clock.sleep).submit_days(customer, messages, WEEK[:2])

    assert submission.created == 0
    assert days_paid(deployment) == Counter(WEEK[:2])


def approve(deployment: Deployment, customer: Customer) -> None:
    request = customer.data_request
    deployment.sandbox.register(customer.tenant_id, request, [customer.sink])
    deployment.sandbox.decide(customer.tenant_id, request.application_id, State.APPROVED, "a@contoso.example")
    read_decisions(deployment, customer)


def crash_after_creating(
    first: Submitter, customer: Customer, requested: RequestedDataset, days: Sequence[dt.date], monkeypatch: Any
) -> None:
    with monkeypatch.context() as patched:
        patched.setattr(ledger, "attach", killed)
        with pytest.raises(KeyboardInterrupt):
            first.submit_days(customer, requested, days)


def faults(deployment: Deployment) -> Any:
    assert isinstance(deployment.cloud, SandboxCloud)
    return deployment.cloud.factory_faults


def short(_: float) -> None:
    threading.Event().wait(0.02)
