"""What a changed data request adds to and drops from the approval in force, and whether it needs a new one.

What belongs here: the comparison, as pure functions, for whoever edits a request and whoever approves it.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from o365_pipeline.consent.approvals import ApprovalEvent, ApprovedDataset, Standing
from o365_pipeline.consent.authorization import Refusal, ask_of, refusal
from o365_pipeline.customers.customer import Customer
from o365_pipeline.customers.data_request import DataRequest, RequestedDataset, Scope
from o365_pipeline.datasets import catalogue, short_name


@dataclass(frozen=True)
class DatasetChange:
    """One dataset that differs: columns added and dropped; whose data was approved, and whose is asked for now."""

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
        """The dataset's columns that hold what people wrote."""
        known = catalogue()
        return known[self.table_name].content_columns if self.table_name in known else ()


@dataclass(frozen=True)
class RequestChange:
    """All that differs between the approval in force and the request."""

    approved_version: str
    sinks_added: tuple[str, ...]
    sinks_dropped: tuple[str, ...]
    datasets: tuple[DatasetChange, ...]

    @property
    def touches_data(self) -> bool:
        """False where only the version or the policies changed."""
        return bool(self.sinks_added or self.sinks_dropped or self.datasets)

    def lines(self) -> Iterator[str]:
        """The differences, one on a line: + is asked for and not approved, - is approved and not asked for."""
        yield from (f"+ destination {sink}" for sink in self.sinks_added)
        yield from (f"- destination {sink}" for sink in self.sinks_dropped)
        for dataset in self.datasets:
            yield from (f"+ {dataset.name} {column}" for column in dataset.added)
            yield from (f"- {dataset.name} {column}" for column in dataset.dropped)
            if dataset.changes_scope:
                yield from (f"+ {dataset.name} of: {scope.in_full}" for scope in [dataset.asked_scope] if scope)
                yield from (f"- {dataset.name} of: {scope.in_full}" for scope in [dataset.approved_scope] if scope)


def request_change(approval: ApprovalEvent, request: DataRequest, sinks: Sequence[str]) -> RequestChange:
    """Compare what is asked for with what is approved."""
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


def refusals(customer: Customer, standing: Standing[ApprovalEvent]) -> list[Refusal]:
    """Why extractions of a customer's data request would be refused today: what a new approval has to cover."""
    found = (
        refusal(ask_of(customer, entry.dataset, entry.columns, entry.scope), standing)
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
