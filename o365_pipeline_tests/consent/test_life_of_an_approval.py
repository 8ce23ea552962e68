"""Ten thousand decisions in any order: one standing, and no extraction outside an approval in force."""

from __future__ import annotations

import datetime as dt
import random
import uuid
from collections.abc import Iterator
from dataclasses import dataclass, replace

import sqlalchemy as sa
from hypothesis import given
from hypothesis import strategies as st

from o365_pipeline.consent import approval_ledger
from o365_pipeline.consent.approvals import CLOCK_SKEW, ApprovalEvent, State, consent_status
from o365_pipeline.customers.customer import Customer
from o365_pipeline.customers.data_request import RequestedDataset
from o365_pipeline.deployment import Deployment
from o365_pipeline.errors import NotAuthorizedError
from o365_pipeline.extraction.submission import Submitter
from o365_pipeline.mart.upgrade import mart_database
from o365_pipeline_tests.conftest import few
from o365_pipeline_tests.extraction.test_submission import FakeFactory

START = dt.datetime(2026, 1, 1, tzinfo=dt.UTC)
EVENTS = 10_000
SEEDS = st.integers(min_value=0, max_value=2**32)
DECISIONS = (State.APPROVED, State.DENIED, State.EXPIRED, State.UPDATE_AVAILABLE, State.PENDING)


@dataclass(frozen=True)
class Told:
    """What a history says of one moment, worked out the slow way: step by step in the order of time."""

    state: State | None
    approval: ApprovalEvent | None


def history(chance: random.Random, customer: Customer, count: int) -> list[ApprovalEvent]:
    """Random decisions: approvals of the whole request or of one column less, ends, updates, some at one moment."""
    events: list[ApprovalEvent] = []
    moment = START
    for number in range(count):
        moment += dt.timedelta(days=chance.choice([0, 0.001, 1, 20, 200]))
        state = chance.choices(DECISIONS, weights=[4, 2, 1, 2, 1])[0]
        narrow = chance.random() < 0.3
        events.append(
            ApprovalEvent.model_validate(
                {
                    "event_id": f"{chance.getrandbits(64):016x}-{number}",
                    "created_at": moment + dt.timedelta(seconds=chance.choice([0, 0, 5])),
                    "application_id": customer.data_request.application_id,
                    "application_tenant_id": customer.data_request.application_tenant_id,
                    "destination_tenant_id": customer.tenant_id,
                    "sinks": [customer.sink],
                    "state": state,
                    "updated_at": moment,
                    "expires_at": moment + dt.timedelta(days=180) if state is State.APPROVED else None,
                    "datasets": [
                        {"name": entry.dataset.table_name, "columns": entry.columns[: -1 if narrow else None]}
                        for entry in customer.data_request.datasets[:1]
                    ],
                }
            )
        )
    return events


def delivered(chance: random.Random, events: list[ApprovalEvent]) -> list[ApprovalEvent]:
    """Another order, with repeats."""
    repeated = [*events, *chance.choices(events, k=len(events) // 10)]
    chance.shuffle(repeated)
    return repeated


def told_slowly(events: list[ApprovalEvent], at: dt.datetime) -> Told:
    """The documented states, one event after the other; among equals the one that lets less move comes last."""
    strict = [State.PENDING, State.APPROVED, State.UPDATE_AVAILABLE, State.EXPIRED, State.DENIED]
    state: State | None = None
    approval: ApprovalEvent | None = None
    known = [event for event in events if event.updated_at <= at]
    for event in sorted(known, key=lambda e: (e.updated_at, e.created_at, strict.index(e.state), e.event_id)):
        state = event.state
        approval = {State.APPROVED: event, State.DENIED: None, State.EXPIRED: None}.get(state, approval)
    if approval and approval.expires_at and approval.expires_at <= at:
        return Told(State.EXPIRED, None)
    return Told(state, approval)


@few(3)
@given(SEEDS)
def test_ten_thousand_events_fold_to_one_standing_in_any_order_of_delivery(customer: Customer, seed: int) -> None:
    chance = random.Random(seed)
    events = history(chance, customer, EVENTS)
    orders = [delivered(chance, events) for _ in range(3)]
    ages = [0, 100, 179, 180]
    moments = [chance.choice(events).updated_at + dt.timedelta(days=chance.choice(ages)) for _ in range(10)]

    for moment in moments:
        expected = told_slowly(events, moment)
        for order in orders:
            found = consent_status(order, moment)
            assert (found.state, found.approval) == (expected.state, expected.approval)


@few(2)
@given(SEEDS)
def test_no_extraction_is_created_outside_an_approval_in_force(
    deployment: Deployment, customer: Customer, seed: int
) -> None:
    chance = random.Random(seed)
    deployment = _empty(deployment, seed)
    events = history(chance, customer, EVENTS)
    factory = FakeFactory(deployment)
    [requested, *_] = customer.data_request.datasets
    known: list[ApprovalEvent] = []
    allowed = refused = 0
    extracted: set[dt.date] = set()

    for batch in _batches(chance, delivered(chance, events), 40):
        with deployment.database.begin() as connection:
            approval_ledger.record(connection, customer, batch, START)
        known += batch
        at = chance.choice(known).updated_at + dt.timedelta(days=chance.choice([0, 1, 100, 180]))
        ends = [event.updated_at for event in known if event.state in (State.DENIED, State.EXPIRED)]
        expected = told_slowly(known, max([at, *(end for end in ends if end <= at + CLOCK_SKEW)])).approval
        before = len(factory.runs)
        # Of days that are kept, one for each batch: a day is not paid twice.
        day = next(day for ago in range(4, 100) if (day := at.date() - dt.timedelta(days=ago)) not in extracted)
        extracted.add(day)
        try:
            _extract(deployment, factory, customer, requested, day, at)
        except NotAuthorizedError:
            refused += 1
            assert not _covers(expected, requested)
            assert len(factory.runs) == before
        else:
            allowed += 1
            assert _covers(expected, requested)
            assert len(factory.runs) == before + 1

    final = max(event.updated_at for event in events)
    assert (
        approval_ledger.consent_status_of(deployment.database, customer, final).state
        == told_slowly(events, final).state
    )
    assert len(approval_ledger.events(deployment.database, customer)) == EVENTS
    assert allowed
    assert refused


def _empty(deployment: Deployment, seed: int) -> Deployment:
    """The deployment with a ledger of its own for each example."""
    url = sa.URL.create("sqlite", database=str(deployment.home / f"{seed}-{uuid.uuid4()}.db"))
    return replace(deployment, database=mart_database(url))


def _batches(chance: random.Random, events: list[ApprovalEvent], count: int) -> Iterator[list[ApprovalEvent]]:
    """Small ones first, since to look at a long history takes long: as many end before 10 events as before 100."""
    cuts: set[int] = set()
    while len(cuts) < count - 1:
        cuts.add(int(len(events) ** chance.random()))
    return (events[start:end] for start, end in zip([0, *sorted(cuts)], [*sorted(cuts), len(events)], strict=True))


def _extract(
    deployment: Deployment,
    factory: FakeFactory,
    customer: Customer,
    requested: RequestedDataset,
    day: dt.date,
    at: dt.datetime,
) -> None:
    Submitter(deployment.database, factory, "run", "extraction", clock=lambda: at).submit_days(
        customer, requested, [day]
    )


def _covers(approval: ApprovalEvent | None, requested: RequestedDataset) -> bool:
    approved = approval.dataset(requested.dataset.table_name) if approval else None
    return approved is not None and set(requested.columns) <= set(approved.columns)
