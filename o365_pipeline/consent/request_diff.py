"""What a data request adds to, and drops from, the approval in force; and whether it needs a new one.

What belongs here: the comparison, a pure function. Whether one extraction is covered is `authorization.py`'s.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from o365_pipeline.consent import authorization as rules
from o365_pipeline.consent.approvals import ApprovalEvent, Standing
from o365_pipeline.consent.authorization import Rule, ask_of
from o365_pipeline.consent.data_request import RequestedDataset, Scope
from o365_pipeline.customers import Customer

REGISTRATION: Mapping[str, Rule] = {
    "application": rules.application_is_authorized,
    "application's tenant": rules.application_tenant_is_the_registrations,
    "destination tenant": rules.destination_tenant_is_approved,
    "destination": rules.destination_lies_within_the_sink,
}
"""What of a request concerns all its datasets, with the rule that says whether the approval covers it."""


@dataclass(frozen=True)
class Difference:
    """Something that the request adds (+) to the approval in force, or drops (-) from it."""

    sign: str
    what: str
    needs_approval: bool = False


@dataclass(frozen=True)
class RequestDiff:
    """All differences, and what they mean."""

    differences: tuple[Difference, ...]
    verdict: str

    @property
    def needs_approval(self) -> bool:
        return any(difference.needs_approval for difference in self.differences)


def request_diff(customer: Customer, standing: Standing[ApprovalEvent]) -> RequestDiff:
    """Compare a customer's data request with the approval in force.

    A new approval is needed for what is not covered yet. What is only dropped goes on under the approval in force; once
    the smaller request is approved, the data of what was dropped is purged after the customer's grace.
    """
    approval = standing.approval
    if approval is None:
        every = tuple(Difference("+", _whole(entry), True) for entry in customer.data_request.datasets)
        return RequestDiff(every, f"No approval is in force ({standing}): the whole request needs one.")
    found = (*_registration(customer, approval), *_datasets(customer, approval), *_dropped(customer, approval))
    if any(difference.needs_approval for difference in found):
        return RequestDiff(found, "A new approval is needed before this is put to work: extractions would be refused.")
    if found:
        return RequestDiff(found, "No new approval is needed: the approval in force covers all that is asked.")
    return RequestDiff((), "No difference: the approval in force is for exactly this.")


def _registration(customer: Customer, approval: ApprovalEvent) -> Iterator[Difference]:
    first = customer.data_request.datasets[0]
    ask = ask_of(customer, first.dataset, first.columns, first.scope)
    for what, rule in REGISTRATION.items():
        if reason := rule(ask, approval):
            yield Difference("+", f"{what} {reason.asked}", True)
            yield Difference("-", f"{what} {reason.approved}")


def _datasets(customer: Customer, approval: ApprovalEvent) -> Iterator[Difference]:
    for entry in customer.data_request.datasets:
        table = entry.dataset.table_name
        approved = approval.dataset(table)
        if approved is None:
            yield Difference("+", _whole(entry), True)
            continue
        for column in entry.columns:
            if column not in approved.columns:
                yield Difference("+", f"{table} {column}", True)
        for column in approved.columns:
            if column not in entry.columns:
                yield Difference("-", f"{table} {column}")
        if not _same(entry.scope, approved.scope):
            fits = rules.scope_fits(ask_of(customer, entry.dataset, entry.columns, entry.scope), approval) is None
            yield Difference("+", f"{table} scope: {entry.scope}", not fits)
            yield Difference("-", f"{table} scope: {approved.scope}")


def _dropped(customer: Customer, approval: ApprovalEvent) -> Iterator[Difference]:
    asked = {entry.dataset.table_name for entry in customer.data_request.datasets}
    return (Difference("-", entry.name) for entry in approval.datasets if entry.name not in asked)


def _whole(entry: RequestedDataset) -> str:
    return f"{entry.dataset.table_name}: {', '.join(entry.columns)} (scope: {entry.scope})"


def _same(one: Scope, other: Scope) -> bool:
    return (one.kind, set(one.groups), one.filter_uri) == (other.kind, set(other.groups), other.filter_uri)
