"""Data Connect's rules, one by one."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import pytest

from o365_pipeline.consent import authorization as rules
from o365_pipeline.consent.approvals import ApprovalEvent, ConsentStatus, State
from o365_pipeline.consent.authorization import RULES, Ask, Rule, authorize, refusal
from o365_pipeline.customers.data_request import Scope
from o365_pipeline.errors import NotAuthorizedError

NOW = dt.datetime(2026, 11, 24, tzinfo=dt.UTC)
MESSAGES = "BasicDataSet_v0.Message_v1"
LAKE = "https://acc.dfs.core.windows.net/lake"
HR = "https://graph.microsoft.com/v1.0/users?$filter=department eq 'HR'"
GROUPS = Scope(kind="List", groups=("g1", "g2"))
FILTER = Scope(kind="FilterUri", filter_uri=HR)
ENCODED_FILTER = Scope(kind="FilterUri", filter_uri=HR.replace(" ", "%20"))

ASK = Ask("app", "vendor", "customer", LAKE, MESSAGES, ("id", "sentDateTime"), Scope())


def approval(scope: Scope | None = None, **changes: Any) -> ApprovalEvent:
    scope = scope or Scope()
    dataset = {
        "name": MESSAGES,
        "columns": ["id", "sentDateTime", "from"],
        "scope_kind": scope.kind,
        "groups": scope.groups,
        "filter_uri": scope.filter_uri,
    }
    event = {
        "event_id": "e1",
        "created_at": NOW,
        "application_id": "app",
        "application_tenant_id": "vendor",
        "destination_tenant_id": "customer",
        "sinks": (LAKE,),
        "state": State.APPROVED,
        "updated_at": NOW,
        "expires_at": NOW + dt.timedelta(days=180),
        "datasets": [dataset],
    }
    return ApprovalEvent.model_validate({**event, **changes})


APPROVAL = approval()
Case = tuple[Ask, ApprovalEvent]

ALLOWED: Sequence[tuple[Rule, Case]] = [
    (rules.application_is_authorized, (ASK, APPROVAL)),
    (rules.application_tenant_is_the_registrations, (ASK, APPROVAL)),
    (rules.destination_tenant_is_approved, (ASK, APPROVAL)),
    (rules.destination_lies_within_the_sink, (ASK, APPROVAL)),
    (rules.destination_lies_within_the_sink, (replace(ASK, sink=f"{LAKE}/raw/contoso"), APPROVAL)),
    (rules.destination_lies_within_the_sink, (replace(ASK, sink=LAKE.replace(".dfs.", ".blob.")), APPROVAL)),
    (rules.destination_lies_within_the_sink, (replace(ASK, sink=f"{LAKE}/"), APPROVAL)),
    (rules.destination_lies_within_the_sink, (replace(ASK, sink=LAKE.upper()), APPROVAL)),
    (rules.destination_lies_within_the_sink, (ASK, approval(sinks=("https://other.dfs.core.windows.net", LAKE)))),
    (rules.dataset_is_authorized, (ASK, APPROVAL)),
    (rules.columns_are_authorized, (ASK, APPROVAL)),
    (rules.columns_are_authorized, (replace(ASK, columns=("id",)), APPROVAL)),
    (rules.columns_are_authorized, (replace(ASK, columns=("from", "id", "sentDateTime")), APPROVAL)),
    (rules.scope_fits, (ASK, APPROVAL)),
    (rules.scope_fits, (replace(ASK, scope=GROUPS), APPROVAL)),
    (rules.scope_fits, (replace(ASK, scope=FILTER), APPROVAL)),
    (rules.scope_fits, (replace(ASK, scope=Scope(kind="List", groups=("g2",))), approval(GROUPS))),
    (rules.scope_fits, (replace(ASK, scope=FILTER), approval(FILTER))),
]

REFUSED: Sequence[tuple[Rule, Case]] = [
    (rules.application_is_authorized, (replace(ASK, application_id="other"), APPROVAL)),
    (rules.application_tenant_is_the_registrations, (replace(ASK, application_tenant_id="other"), APPROVAL)),
    (rules.destination_tenant_is_approved, (replace(ASK, destination_tenant_id="other"), APPROVAL)),
    (rules.destination_lies_within_the_sink, (replace(ASK, sink=f"{LAKE}2"), APPROVAL)),
    (rules.destination_lies_within_the_sink, (replace(ASK, sink="https://acc.dfs.core.windows.net"), APPROVAL)),
    (rules.destination_lies_within_the_sink, (replace(ASK, sink=LAKE.replace("acc", "evil")), APPROVAL)),
    (rules.destination_lies_within_the_sink, (ASK, approval(sinks=()))),
    (rules.dataset_is_authorized, (replace(ASK, dataset="BasicDataSet_v0.Event_v1"), APPROVAL)),
    (rules.dataset_is_authorized, (ASK, approval(datasets=()))),
    (rules.columns_are_authorized, (replace(ASK, columns=("id", "subject")), APPROVAL)),
    (rules.columns_are_authorized, (replace(ASK, columns=("ID",)), APPROVAL)),
    (rules.scope_fits, (ASK, approval(GROUPS))),
    (rules.scope_fits, (replace(ASK, scope=Scope(kind="List", groups=("g1", "g3"))), approval(GROUPS))),
    (rules.scope_fits, (replace(ASK, scope=FILTER), approval(GROUPS))),
    (rules.scope_fits, (ASK, approval(FILTER))),
    (rules.scope_fits, (replace(ASK, scope=GROUPS), approval(FILTER))),
    (
        rules.scope_fits,
        (replace(ASK, scope=Scope(kind="FilterUri", filter_uri=HR.replace(" ", "%20"))), approval(FILTER)),
    ),
]


def name_of(value: object) -> str:
    return getattr(value, "__name__", "")


@pytest.mark.parametrize(("rule", "case"), ALLOWED, ids=name_of)
def test_the_rule_lets_pass_what_it_allows(rule: Rule, case: Case) -> None:
    assert rule(*case) is None
    assert refusal(case[0], ConsentStatus(State.APPROVED, case[1])) is None


@pytest.mark.parametrize(("rule", "case"), REFUSED, ids=name_of)
def test_the_rule_refuses_what_it_forbids_and_is_named(rule: Rule, case: Case) -> None:
    found = rule(*case)

    assert found is not None
    assert refusal(case[0], ConsentStatus(State.APPROVED, case[1])) == found
    with pytest.raises(NotAuthorizedError) as raised:
        authorize(case[0], ConsentStatus(State.APPROVED, case[1]))
    assert f"rule '{found.rule}': asked for {found.asked}; approved is {found.approved}" in str(raised.value)


def test_every_rule_has_a_case_on_either_side() -> None:
    for table in (ALLOWED, REFUSED):
        assert {rule for rule, _ in table} == set(RULES)


@pytest.mark.parametrize("state", [None, State.PENDING, State.DENIED, State.EXPIRED])
def test_without_an_approval_in_force_nothing_is_authorized(state: State | None) -> None:
    with pytest.raises(NotAuthorizedError, match=r"authorization is approved.* ask the customer's approver"):
        authorize(ASK, ConsentStatus(state, None))


def test_after_an_update_the_earlier_approval_still_counts_for_what_it_covered() -> None:
    status = ConsentStatus(State.UPDATE_AVAILABLE, APPROVAL)

    assert authorize(ASK, status) == APPROVAL
    assert refusal(replace(ASK, columns=("id", "subject")), status) is not None


def test_a_refused_column_is_named_beside_the_approved_ones() -> None:
    with pytest.raises(NotAuthorizedError, match=r"asked for .*Message_v1 subject; approved is id, sentDateTime, from"):
        authorize(replace(ASK, columns=("id", "subject")), ConsentStatus(State.APPROVED, APPROVAL))
