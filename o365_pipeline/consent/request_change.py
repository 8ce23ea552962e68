"""What a changed data request adds to the approval in force and drops from it, and whether it needs a new approval.

What belongs here: the comparison, as pure functions, for people who edit a request and for approvers.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from o365_pipeline.consent.approvals import ApprovalEvent, ApprovedDataset, ConsentStatus
from o365_pipeline.consent.authorization import Refusal, ask_of, refusal
from o365_pipeline.customers.customer import Customer
from o365_pipeline.customers.data_request import DataRequest, RequestedDataset, Scope
from o365_pipeline.datasets import catalogue, short_name


@dataclass(frozen=True)
class DatasetChange:
    """One dataset that differs: columns added and dropped, the approved scope, and the requested scope."""

    table_name: str
    added: tuple[str, ...]
    dropped: tuple[str, ...]
    approved_scope: Scope | None
    asked_scope: Scope | None

    @property
    def name(self) -> str:
        return short_name(self.table_name)

    @property
    def is_new(self) -> bool:
        return self.approved_scope is None

    @property
    def is_gone(self) -> bool:
        return self.asked_scope is None

    @property
    def changes_scope(self) -> bool:
        return self.approved_scope != self.asked_scope

    @property
    def content_columns(self) -> tuple[str, ...]:
        """The dataset's columns that hold text written by people."""
        known = catalogue()
        return known[self.table_name].content_columns if self.table_name in known else ()


@dataclass(frozen=True)
class RequestChange:
    """All differences between the approval in force and the request."""

    approved_version: str
    sinks_added: tuple[str, ...]
    sinks_dropped: tuple[str, ...]
    datasets: tuple[DatasetChange, ...]

    @property
    def touches_data(self) -> bool:
        """False if only the version or the policies changed."""
        return bool(self.sinks_added or self.sinks_dropped or self.datasets)

    def lines(self) -> Iterator[str]:
        """The differences, one per line: + is requested and not approved, - is approved and not requested."""
        yield from (f"+ destination {sink}" for sink in self.sinks_added)
        yield from (f"- destination {sink}" for sink in self.sinks_dropped)
        for dataset in self.datasets:
            yield from (f"+ {dataset.name} {column}" for column in dataset.added)
            yield from (f"- {dataset.name} {column}" for column in dataset.dropped)
            if dataset.changes_scope:
                yield from (f"+ {dataset.name} of: {scope.in_full}" for scope in [dataset.asked_scope] if scope)
                yield from (f"- {dataset.name} of: {scope.in_full}" for scope in [dataset.approved_scope] if scope)


def request_change(approval: ApprovalEvent, request: DataRequest, sinks: Sequence[str]) -> RequestChange:
    """Compares a request with an approval."""
    approved = {dataset.name: dataset for dataset in approval.datasets}
    asked = {requested.dataset.table_name: requested for requested in request.datasets}
    pairs = [(name, approved.get(name), asked.get(name)) for name in dict.fromkeys([*asked, *approved])]
    changes = [_dataset_change(name, before, now) for name, before, now in pairs]
    return RequestChange(
        approval.application_version,
        _without(sinks, approval.sinks),
        _without(approval.sinks, sinks),
        tuple(change for change in changes if change.added or change.dropped or change.changes_scope),
    )


def refusals(customer: Customer, consent_status: ConsentStatus[ApprovalEvent]) -> list[Refusal]:
    """Returns why extractions of a customer's data request would be refused today, that is, what a new approval must
    cover.
    """
    found = (
        refusal(ask_of(customer, entry.dataset, entry.columns, entry.scope), consent_status)
        for entry in customer.data_request.datasets
    )
    return list(dict.fromkeys(reason for reason in found if reason))


def _dataset_change(name: str, approved: ApprovedDataset | None, asked: RequestedDataset | None) -> DatasetChange:
    before, now = approved.columns if approved else (), asked.columns if asked else ()
    return DatasetChange(
        name,
        _without(now, before),
        _without(before, now),
        approved.scope if approved else None,
        asked.scope if asked else None,
    )


def _without(names: Sequence[str], others: Sequence[str]) -> tuple[str, ...]:
    return tuple(name for name in names if name not in others)
