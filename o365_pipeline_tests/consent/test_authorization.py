"""Data Connect's rules, one by one."""

from __future__ import annotations

import datetime as dt
from dataclasses import replace

import pytest

from o365_pipeline.consent.approvals import ApprovalEvent, Standing, State
from o365_pipeline.consent.authorization import Ask, authorize, refusal
from o365_pipeline.consent.data_request import Scope
from o365_pipeline.errors import NotAuthorizedError

NOW = dt.datetime(2026, 11, 24, tzinfo=dt.UTC)
GROUPS = Scope(kind="List", groups=("g1", "g2"))
FILTER = Scope(kind="FilterUri", filter_uri="https://graph.microsoft.com/v1.0/users?$filter=department eq 'HR'")

ASK = Ask(
    application_id="app",
    application_tenant_id="vendor",
    destination_tenant_id="customer",
    sink="https://acc.dfs.core.windows.net/lake",
    dataset="BasicDataSet_v0.Message_v1",
    columns=("id", "sentDateTime"),
    scope=Scope(),
)


def approval(
    scope: Scope | None = None, sinks: tuple[str, ...] = ("https://acc.dfs.core.windows.net/lake",)
) -> Standing:
    scope = scope or Scope()
    event = ApprovalEvent.model_validate(
        {
            "event_id": "e1",
            "created_at": NOW,
            "application_id": "app",
            "application_tenant_id": "vendor",
            "destination_tenant_id": "customer",
            "sinks": sinks,
            "state": State.APPROVED,
            "updated_at": NOW,
            "expires_at": NOW + dt.timedelta(days=180),
            "datasets": [
                {
                    "name": "BasicDataSet_v0.Message_v1",
                    "columns": ["id", "sentDateTime", "from"],
                    "scope_kind": scope.kind,
                    "groups": scope.groups,
                    "filter_uri": scope.filter_uri,
                }
            ],
        }
    )
    return Standing(State.APPROVED, event)


@pytest.mark.parametrize(
    ("ask", "standing"),
    [
        (ASK, approval()),
        (replace(ASK, columns=("id",)), approval()),
        (replace(ASK, sink="https://acc.blob.core.windows.net/lake/raw/x"), approval()),
        (replace(ASK, scope=GROUPS), approval()),
        (replace(ASK, scope=FILTER), approval()),
        (replace(ASK, scope=Scope(kind="List", groups=("g2",))), approval(GROUPS)),
        (replace(ASK, scope=FILTER), approval(FILTER)),
        (ASK, Standing(State.UPDATE_AVAILABLE, approval().approval)),
    ],
)
def test_what_the_approval_covers_is_authorized(ask: Ask, standing: Standing) -> None:
    assert refusal(ask, standing) is None


@pytest.mark.parametrize(
    ("rule", "ask", "standing"),
    [
        ("authorization is approved", ASK, Standing(None, None)),
        ("authorization is approved", ASK, Standing(State.PENDING, None)),
        ("authorization is approved", ASK, Standing(State.DENIED, None)),
        ("authorization is approved", ASK, Standing(State.EXPIRED, None)),
        ("application is an authorized one", replace(ASK, application_id="other"), approval()),
        ("tenant is the registration's", replace(ASK, application_tenant_id="other"), approval()),
        ("destination's tenant", replace(ASK, destination_tenant_id="other"), approval()),
        ("within the approved sink", replace(ASK, sink="https://acc.dfs.core.windows.net/lake2"), approval()),
        ("within the approved sink", replace(ASK, sink="https://evil.dfs.core.windows.net/lake"), approval()),
        ("within the approved sink", ASK, approval(sinks=())),
        ("dataset is an authorized one", replace(ASK, dataset="BasicDataSet_v0.Event_v1"), approval()),
        ("subset of the authorized columns", replace(ASK, columns=("id", "subject")), approval()),
        ("scope fits", ASK, approval(GROUPS)),
        ("scope fits", replace(ASK, scope=Scope(kind="List", groups=("g1", "g3"))), approval(GROUPS)),
        ("scope fits", replace(ASK, scope=FILTER), approval(GROUPS)),
        ("scope fits", replace(ASK, scope=GROUPS), approval(FILTER)),
        ("scope fits", replace(ASK, scope=Scope(kind="FilterUri", filter_uri="https://x")), approval(FILTER)),
    ],
)
def test_what_it_does_not_cover_is_refused_by_the_rule(rule: str, ask: Ask, standing: Standing) -> None:
    found = refusal(ask, standing)

    assert found is not None
    assert rule in found.rule
    with pytest.raises(NotAuthorizedError, match=rule):
        authorize(ask, standing)


def test_a_refused_column_is_named_beside_the_approved_ones() -> None:
    with pytest.raises(NotAuthorizedError, match=r"asked for .*Message_v1 subject; approved is id, sentDateTime, from"):
        authorize(replace(ASK, columns=("id", "subject")), approval())
