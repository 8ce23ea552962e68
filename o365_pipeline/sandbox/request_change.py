"""What a changed data request adds to and drops from the approval in force.

What belongs here: the comparison, as pure functions. How it is told to the approver is `approver_page.py`'s.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from o365_pipeline.consent.approvals import ApprovalEvent, ApprovedDataset
from o365_pipeline.consent.data_request import DataRequest, RequestedDataset, Scope
from o365_pipeline.datasets import catalogue


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
        return self.table_name.partition(".")[2] or self.table_name

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
