"""The fold of consent events into a standing."""

from __future__ import annotations

import datetime as dt

import pytest
from hypothesis import given
from hypothesis import strategies as st

from o365_pipeline.consent.approvals import ApprovalEvent, State, consent_status

START = dt.datetime(2026, 1, 1, tzinfo=dt.UTC)
DAYS = st.integers(min_value=0, max_value=400)


def event(number: int, state: State, day: int) -> ApprovalEvent:
    moment = START + dt.timedelta(days=day)
    return ApprovalEvent(
        event_id=f"e{number}",
        created_at=moment,
        application_id="app",
        application_tenant_id="vendor",
        destination_tenant_id="customer",
        state=state,
        updated_at=moment,
        expires_at=moment + dt.timedelta(days=180) if state is State.APPROVED else None,
    )


HISTORIES = st.lists(st.tuples(st.sampled_from(list(State)), DAYS), max_size=12).map(
    lambda steps: [event(number, state, day) for number, (state, day) in enumerate(steps)]
)


@given(HISTORIES, DAYS, st.randoms())
def test_order_and_repeats_of_delivery_change_nothing(events: list[ApprovalEvent], day: int, random: object) -> None:
    at = START + dt.timedelta(days=day)
    delivered = [*events, *events[::2]]
    random.shuffle(delivered)  # type: ignore[attr-defined]

    assert consent_status(delivered, at) == consent_status(events, at)


@given(HISTORIES, DAYS)
def test_an_approval_in_force_was_given_before_and_has_not_ended(events: list[ApprovalEvent], day: int) -> None:
    at = START + dt.timedelta(days=day)

    approval = consent_status(events, at).approval

    if approval:
        assert approval.expires_at
        assert approval.updated_at <= at < approval.expires_at
        later = [e for e in events if approval.updated_at < e.updated_at <= at]
        assert not any(e.state in (State.DENIED, State.EXPIRED, State.APPROVED) for e in later)


@pytest.mark.parametrize(
    ("states", "state", "in_force"),
    [
        ([], None, False),
        ([State.PENDING], State.PENDING, False),
        ([State.PENDING, State.APPROVED], State.APPROVED, True),
        ([State.APPROVED, State.UPDATE_AVAILABLE], State.UPDATE_AVAILABLE, True),
        ([State.APPROVED, State.DENIED], State.DENIED, False),
        ([State.APPROVED, State.EXPIRED], State.EXPIRED, False),
        ([State.APPROVED, State.DENIED, State.APPROVED], State.APPROVED, True),
    ],
)
def test_the_documented_states_follow_from_the_events(states: list[State], state: State | None, in_force: bool) -> None:
    events = [event(day, step, day) for day, step in enumerate(states)]

    found = consent_status(events, START + dt.timedelta(days=10))

    assert found.state == state
    assert (found.approval is not None) == in_force


def test_an_approval_ends_after_180_days() -> None:
    events = [event(0, State.APPROVED, 0)]

    assert consent_status(events, START + dt.timedelta(days=179)).approval
    assert consent_status(events, START + dt.timedelta(days=180)).state is State.EXPIRED


def test_what_has_expired_stays_so_until_a_new_decision() -> None:
    events = [event(0, State.APPROVED, 0), event(1, State.UPDATE_AVAILABLE, 200)]

    assert consent_status(events, START + dt.timedelta(days=210)).state is State.EXPIRED
    renewed = consent_status([*events, event(2, State.APPROVED, 220)], START + dt.timedelta(days=230))
    assert (renewed.state, renewed.since) == (State.APPROVED, START + dt.timedelta(days=220))


def test_an_approval_that_does_not_say_until_when_ends_after_its_days_or_180() -> None:
    record = {
        "Id": "e1",
        "CreationTime": "2026-01-01T00:00:00",
        "ApplicationId": "app",
        "AppRegistrationTenantId": "vendor",
        "DestinationTenantId": "customer",
        "State": "Approved",
        "ApprovalExpiryDateInUTC": None,
    }

    assert ApprovalEvent.model_validate(record).expires_at == START + dt.timedelta(days=180)
    shorter = ApprovalEvent.model_validate({**record, "ApprovalValidDays": 30})
    assert shorter.expires_at == START + dt.timedelta(days=30)


def test_of_decisions_of_one_moment_the_stricter_counts() -> None:
    for events in (
        [event(1, State.APPROVED, 5), event(2, State.DENIED, 5)],
        [event(2, State.APPROVED, 5), event(1, State.DENIED, 5)],
    ):
        assert consent_status(events, START + dt.timedelta(days=6)).state is State.DENIED


def test_a_record_in_microsofts_format_is_read() -> None:
    record = {
        "Id": "9f1c",
        "CreationTime": "2026-11-24T08:00:00",
        "RecordType": 217,
        "Operation": "Consent",
        "ApplicationId": "app",
        "AppRegistrationTenantId": "vendor",
        "DestinationTenantId": "customer",
        "DestinationSinks": "https://acc.dfs.core.windows.net/lake",
        "Approver": "admin@contoso.example",
        "State": "Approved",
        "ApprovalUpdatedDateInUTC": "2026-11-24T08:00:00Z",
        "ApprovalExpiryDateInUTC": "2027-05-23T08:00:00",
        "Datasets": [
            {
                "DatasetName": "BasicDataSet_v0.Message_v1",
                "DatasetColumns": "[id, sentDateTime]",
                "Scope": "List",
                "ScopeList": ["g1"],
                "ScopeFiltersUris": None,
            }
        ],
    }

    read = ApprovalEvent.model_validate(record)

    assert read.sinks == ("https://acc.dfs.core.windows.net/lake",)
    assert read.datasets[0].columns == ("id", "sentDateTime")
    assert read.datasets[0].scope.groups == ("g1",)
    assert read.expires_at == dt.datetime(2027, 5, 23, 8, tzinfo=dt.UTC)
