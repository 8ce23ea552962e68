"""Since when the approvers no longer allow what is held."""

from __future__ import annotations

import datetime as dt
from dataclasses import replace
from typing import Any

from o365_pipeline.consent.approvals import ApprovalEvent, State
from o365_pipeline.consent.authorization import Ask
from o365_pipeline.consent.coverage import HeldData, lapses
from o365_pipeline.customers.data_request import Scope

START = dt.datetime(2026, 1, 1, tzinfo=dt.UTC)
TABLE = "BasicDataSet_v0.Message_v1"
HELD = HeldData(Ask("app", "vendor", "customer", "https://a/lake", TABLE, ("id", "subject"), Scope()), ())


def day(number: int) -> dt.datetime:
    return START + dt.timedelta(days=number)


def event(number: int, state: Any = State.APPROVED, columns: Any = "id, subject", **parts: Any) -> ApprovalEvent:
    """An event of a day; `columns` None leaves the dataset out."""
    dataset = {"name": TABLE, "columns": columns, **parts}
    return ApprovalEvent.model_validate(
        {
            "event_id": f"e{number}",
            "created_at": day(number),
            "application_id": "app",
            "application_tenant_id": "vendor",
            "destination_tenant_id": "customer",
            "state": state,
            "updated_at": day(number),
            "expires_at": day(number + 180) if state is State.APPROVED else None,
            "datasets": [dataset] if columns else [],
        }
    )


def since(held: HeldData, *events: ApprovalEvent, at: int = 300) -> dict[str, int]:
    return {name: (lapse.since - START).days for name, lapse in lapses(held, events, day(at)).items()}


def test_what_the_approval_in_force_covers_has_not_lapsed() -> None:
    assert since(HELD, event(0), at=100) == {}


def test_all_of_it_lapses_with_a_revocation_an_expiry_or_a_dataset_dropped() -> None:
    assert since(HELD, event(0), event(10, State.DENIED)) == {"id": 10, "subject": 10}
    assert since(HELD, event(0)) == {"id": 180, "subject": 180}
    assert since(HELD, event(0), event(20, columns=None), at=50) == {"id": 20, "subject": 20}


def test_a_dropped_column_lapses_alone() -> None:
    assert since(HELD, event(0), event(20, columns="id"), at=50) == {"subject": 20}


def test_what_is_approved_again_has_not_lapsed_and_lapses_anew() -> None:
    events = (event(0), event(10, State.DENIED), event(20))

    assert since(HELD, *events, at=50) == {}
    assert since(HELD, *events, event(60, State.DENIED), at=70) == {"id": 60, "subject": 60}


def test_a_later_narrow_approval_does_not_restart_the_time() -> None:
    assert since(HELD, event(0), event(20, columns="id"), event(40, columns="id"), at=50) == {"subject": 20}


def test_an_update_that_waits_for_approval_changes_nothing() -> None:
    assert since(HELD, event(0), event(20, State.UPDATE_AVAILABLE, columns="id"), at=50) == {}


def test_a_narrower_scope_or_more_people_left_out_lets_all_lapse() -> None:
    groups = {"scope_kind": "List", "groups": ["g1"]}

    assert since(HELD, event(0), event(20, **groups), at=50) == {"id": 20, "subject": 20}
    assert since(HELD, event(0), event(20, deny_groups=["g9"]), at=50) == {"id": 20, "subject": 20}
    assert since(replace(HELD, deny_groups=("g9",)), event(0), event(20, deny_groups=["g9"]), at=50) == {}


def test_a_lapse_names_the_event_that_caused_it_unless_time_did() -> None:
    [revoked] = {lapse.event_id for lapse in lapses(HELD, [event(0), event(10, State.DENIED)], day(50)).values()}
    [expired] = {lapse.event_id for lapse in lapses(HELD, [event(0)], day(300)).values()}

    assert (revoked, expired) == ("e10", None)
