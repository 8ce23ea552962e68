"""Data Connect's authorization rules, as pure functions: is this extraction covered by that approval?

What belongs here: the rules that Data Connect applies to every run, checked before a run is paid for. Where the
approval comes from is `approvals.py`'s. Source: Microsoft Graph documentation, app authorization.
"""

from __future__ import annotations

from dataclasses import dataclass

from o365_pipeline.consent.approvals import Standing
from o365_pipeline.consent.data_request import Scope
from o365_pipeline.errors import NotAuthorizedError


@dataclass(frozen=True)
class Ask:
    """What an extraction asks of Data Connect."""

    application_id: str
    application_tenant_id: str
    destination_tenant_id: str
    sink: str
    dataset: str
    columns: tuple[str, ...]
    scope: Scope


@dataclass(frozen=True)
class Refusal:
    """Why an extraction is not covered: the rule, what was asked, what is approved."""

    rule: str
    asked: str
    approved: str

    def __str__(self) -> str:
        return f"rule '{self.rule}': asked for {self.asked}; approved is {self.approved}"


def refusal(ask: Ask, standing: Standing) -> Refusal | None:
    """The first of Data Connect's rules that does not hold, or None where all hold."""
    approval = standing.approval
    if approval is None:
        state = standing.state or "nothing: no approver has decided yet"
        return Refusal("the application's authorization is approved", f"application {ask.application_id}", str(state))
    if ask.application_id != approval.application_id:
        return Refusal("the application is an authorized one", ask.application_id, approval.application_id)
    if ask.application_tenant_id != approval.application_tenant_id:
        return Refusal(
            "the application's tenant is the registration's", ask.application_tenant_id, approval.application_tenant_id
        )
    if ask.destination_tenant_id != approval.destination_tenant_id:
        return Refusal(
            "the destination's tenant is the approved one", ask.destination_tenant_id, approval.destination_tenant_id
        )
    if not any(_lies_within(ask.sink, sink) for sink in approval.sinks):
        return Refusal("the destination lies within the approved sink", ask.sink, ", ".join(approval.sinks) or "none")
    approved = next((entry for entry in approval.datasets if entry.name == ask.dataset), None)
    if approved is None:
        names = ", ".join(entry.name for entry in approval.datasets)
        return Refusal("the dataset is an authorized one", ask.dataset, names or "none")
    if extra := [column for column in ask.columns if column not in approved.columns]:
        return Refusal(
            "the columns are a subset of the authorized columns",
            f"{ask.dataset} {', '.join(extra)}",
            ", ".join(approved.columns),
        )
    if not _scope_fits(ask.scope, approved.scope):
        return Refusal("the scope fits the authorized scope", str(ask.scope), str(approved.scope))
    return None


def authorize(ask: Ask, standing: Standing) -> None:
    """Let an extraction pass that the approval in force covers.

    Raises:
        NotAuthorizedError: a rule does not hold; the message names it and says what to do.
    """
    if reason := refusal(ask, standing):
        remedy = (
            "ask the customer's approver to approve the data request"
            if standing.approval is None
            else "change the data request, or have it approved anew"
        )
        raise NotAuthorizedError(f"not authorized by {reason}; nothing was extracted: {remedy}")


def _lies_within(sink: str, approved: str) -> bool:
    """A folder lies within itself and its parents; the account's DFS and Blob endpoints are one destination."""
    folder, parent = (uri.lower().replace(".blob.", ".dfs.").rstrip("/") + "/" for uri in (sink, approved))
    return folder.startswith(parent)


def _scope_fits(asked: Scope, approved: Scope) -> bool:
    if approved.kind == "All":
        return True
    if approved.kind == "List":
        return asked.kind == "List" and set(asked.groups) <= set(approved.groups)
    return asked.kind == "FilterUri" and asked.filter_uri == approved.filter_uri
