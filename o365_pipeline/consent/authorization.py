"""Data Connect's authorization rules as pure functions: does an approval cover an extraction?

What belongs here: the rules that Data Connect applies to every run, checked before a run is paid for. The approval
itself comes from `approvals.py`. Source of each rule: Microsoft Graph documentation, app authorization.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from o365_pipeline.consent.approvals import ApprovalEvent, ConsentStatus
from o365_pipeline.customers.customer import Customer
from o365_pipeline.customers.data_request import Scope
from o365_pipeline.datasets import Dataset
from o365_pipeline.errors import NotAuthorizedError


@dataclass(frozen=True)
class Ask:
    """The data that an extraction requests from Data Connect."""

    application_id: str
    application_tenant_id: str
    destination_tenant_id: str
    sink: str
    dataset: str
    columns: tuple[str, ...]
    scope: Scope


def ask_of(customer: Customer, dataset: Dataset, columns: tuple[str, ...], scope: Scope) -> Ask:
    """Describes an extraction of these columns of a customer's dataset."""
    request = customer.data_request
    return Ask(
        application_id=request.application_id,
        application_tenant_id=request.application_tenant_id,
        destination_tenant_id=customer.azure_tenant_id,
        sink=customer.sink,
        dataset=dataset.table_name,
        columns=columns,
        scope=scope,
    )


@dataclass(frozen=True)
class Refusal:
    """Why an extraction is not covered: the rule, what was requested, and what is approved."""

    rule: str
    asked: str
    approved: str

    def __str__(self) -> str:
        return f"rule '{self.rule}': asked for {self.asked}; approved is {self.approved}"


Rule = Callable[[Ask, ApprovalEvent], Refusal | None]


def application_is_authorized(ask: Ask, approval: ApprovalEvent) -> Refusal | None:
    """The application id is that of an authorized application."""
    if ask.application_id == approval.application_id:
        return None
    return Refusal("the application is an authorized one", ask.application_id, approval.application_id)


def application_tenant_is_the_registrations(ask: Ask, approval: ApprovalEvent) -> Refusal | None:
    """The application's tenant is the one in which it is registered."""
    if ask.application_tenant_id == approval.application_tenant_id:
        return None
    return Refusal(
        "the application's tenant is the registration's", ask.application_tenant_id, approval.application_tenant_id
    )


def destination_tenant_is_approved(ask: Ask, approval: ApprovalEvent) -> Refusal | None:
    """The tenant that receives the data is the approved one."""
    if ask.destination_tenant_id == approval.destination_tenant_id:
        return None
    return Refusal(
        "the destination's tenant is the approved one", ask.destination_tenant_id, approval.destination_tenant_id
    )


def destination_lies_within_the_sink(ask: Ask, approval: ApprovalEvent) -> Refusal | None:
    """The place that the data goes to lies within an approved sink."""
    if any(_lies_within(ask.sink, sink) for sink in approval.sinks):
        return None
    return Refusal("the destination lies within the approved sink", ask.sink, ", ".join(approval.sinks) or "none")


def dataset_is_authorized(ask: Ask, approval: ApprovalEvent) -> Refusal | None:
    """The dataset is one of the authorized ones."""
    if approval.dataset(ask.dataset):
        return None
    names = ", ".join(entry.name for entry in approval.datasets)
    return Refusal("the dataset is an authorized one", ask.dataset, names or "none")


def columns_are_authorized(ask: Ask, approval: ApprovalEvent) -> Refusal | None:
    """The requested columns are a subset of the dataset's authorized columns."""
    approved = approval.dataset(ask.dataset)
    known = approved.columns if approved else ()
    if not (extra := [column for column in ask.columns if column not in known]):
        return None
    return Refusal(
        "the columns are a subset of the authorized columns", f"{ask.dataset} {', '.join(extra)}", ", ".join(known)
    )


def scope_fits(ask: Ask, approval: ApprovalEvent) -> Refusal | None:
    """Checks the scope: All allows any scope, List allows any subset of its groups, FilterUri allows only the identical
    filter.
    """
    approved = approval.dataset(ask.dataset)
    if approved and _scope_fits(ask.scope, approved.scope):
        return None
    return Refusal(
        "the scope fits the authorized scope", str(ask.scope), str(approved.scope) if approved else "nothing"
    )


RULES: tuple[Rule, ...] = (
    application_is_authorized,
    application_tenant_is_the_registrations,
    destination_tenant_is_approved,
    destination_lies_within_the_sink,
    dataset_is_authorized,
    columns_are_authorized,
    scope_fits,
)
"""The rules in the order in which they are checked. Before all of them: an approval must be in force."""


def refusal(ask: Ask, consent_status: ConsentStatus[ApprovalEvent]) -> Refusal | None:
    """Returns the first of Data Connect's rules that does not hold, or None if all hold."""
    if consent_status.approval is None:
        state = consent_status.state or "nothing: no approver has decided yet"
        return Refusal("the application's authorization is approved", f"application {ask.application_id}", str(state))
    found = (rule(ask, consent_status.approval) for rule in RULES)
    return next((reason for reason in found if reason), None)


def authorize(ask: Ask, consent_status: ConsentStatus[ApprovalEvent]) -> ApprovalEvent:
    """Returns the approval in force if it covers the extraction.

    Raises:
        NotAuthorizedError: a rule does not hold; the message names the rule and says what to do.
    """
    reason = refusal(ask, consent_status)
    if reason is None and consent_status.approval is not None:
        return consent_status.approval
    remedy = (
        "ask the customer's approver to approve the data request"
        if consent_status.approval is None
        else "change the data request, or have it approved anew; o365-pipeline consent diff shows the difference"
    )
    raise NotAuthorizedError(f"not authorized by {reason}; nothing was extracted: {remedy}")


def _lies_within(sink: str, approved: str) -> bool:
    """A folder lies within itself and its parents; the DFS and Blob endpoints of an account count as one
    destination.
    """
    folder, parent = (uri.lower().replace(".blob.", ".dfs.").rstrip("/") + "/" for uri in (sink, approved))
    return folder.startswith(parent)


def _scope_fits(asked: Scope, approved: Scope) -> bool:
    if approved.kind == "All":
        return True
    if approved.kind == "List":
        return asked.kind == "List" and set(asked.groups) <= set(approved.groups)
    return asked.kind == "FilterUri" and asked.filter_uri == approved.filter_uri
