"""The plan of a purge: the extractions, or their columns, that no approval has covered for longer than the grace
period.

What belongs here: reading the ledgers and deciding. Deleting belongs to `deletion.py`.
"""

from __future__ import annotations

import datetime as dt
import hashlib
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import sqlalchemy as sa
from pydantic import BaseModel, ConfigDict, Field

from o365_pipeline.consent import approval_ledger, feed_ledger
from o365_pipeline.consent.approvals import ApprovalEvent
from o365_pipeline.consent.authorization import ask_of
from o365_pipeline.consent.coverage import HeldData, Lapse, lapses
from o365_pipeline.customers.customer import Customer
from o365_pipeline.customers.data_request import Scope
from o365_pipeline.customers.retention import Horizon
from o365_pipeline.database.database import Database
from o365_pipeline.database.ledger import extraction, landing
from o365_pipeline.datasets import Dataset, catalogue
from o365_pipeline.extraction.extraction_ledger import PURGED, UNDER_WAY


class Deletion(BaseModel):
    """One extraction of which something is deleted: some columns, or everything if no column is named."""

    model_config = ConfigDict(frozen=True)

    extraction_id: str
    columns: tuple[str, ...] = ()


class What(BaseModel):
    """What a plan deletes, as the ledger keeps it."""

    model_config = ConfigDict(frozen=True)

    deletions: tuple[Deletion, ...] = ()
    horizon: Horizon | None = Field(default=None, description="What is deleted because of its age; None: nothing is.")
    thinned_before: dt.date = Field(default=dt.date.min, description="Weeks before this day are thinned already.")


class Plan(What):
    """The data of one customer that is to be deleted, and the reason."""

    customer: str
    reason: str
    event_id: str | None = Field(description="The consent event because of which; None where time ended the approval.")

    @property
    def purge_id(self) -> str:
        """An id that is the same for equal plans, so that two processes that purge at once do it once."""
        return hashlib.sha256(self.model_dump_json().encode()).hexdigest()[:32]

    @property
    def whole(self) -> list[str]:
        """The extractions of which nothing is kept."""
        return [deletion.extraction_id for deletion in self.deletions if not deletion.columns]


class ExtractionGroup(NamedTuple):
    """What a group of extractions has in common. Columns can only be removed from landed ones, which have a
    manifest.
    """

    dataset: str
    columns: str
    scope: str
    approval_event_id: str
    is_landed: bool


_ALIKE = [extraction.c[name] for name in ExtractionGroup._fields if name != "is_landed"]


@dataclass(frozen=True)
class Uncovered:
    """A group of extractions, the columns that are not covered (none named: all), and since when."""

    extraction_ids: tuple[str, ...]
    columns: tuple[str, ...]
    lapse: Lapse


def plan_purge(database: Database, customer: Customer, at: dt.datetime, although_in_doubt: bool = False) -> Plan | None:
    """Plans what is to be deleted of a customer's data at a moment; None if nothing is.

    Args:
        although_in_doubt: also if a renewal may have been missed because the feed was not read.
    """
    return plan_of(database, customer, uncovered(database, customer, at), at, although_in_doubt)


def plan_of(
    database: Database,
    customer: Customer,
    lapsed: Sequence[Uncovered],
    at: dt.datetime,
    although_in_doubt: bool = False,
) -> Plan | None:
    """Plans as `plan_purge` does, from what is known not to be covered."""
    grace = dt.timedelta(days=customer.purge_grace_days)
    found = [entry for entry in lapsed if entry.lapse.since + grace <= at]
    if not found or (_missing_decisions(database, customer, lapsed, at) and not although_in_doubt):
        return None
    columns: dict[str, set[str]] = {}
    whole: set[str] = set()
    for entry in found:
        for extraction_id in entry.extraction_ids:
            if entry.columns:
                columns.setdefault(extraction_id, set()).update(entry.columns)
            else:
                whole.add(extraction_id)
    deletions = [Deletion(extraction_id=extraction_id) for extraction_id in sorted(whole)]
    deletions += [
        Deletion(extraction_id=extraction_id, columns=tuple(sorted(names)))
        for extraction_id, names in sorted(columns.items())
        if extraction_id not in whole
    ]
    first = min((entry.lapse for entry in found), key=lambda lapse: lapse.since)
    return Plan(customer=customer.name, reason=first.reason, event_id=first.event_id, deletions=tuple(deletions))


def missing_decisions(database: Database, customer: Customer, at: dt.datetime) -> str | None:
    """Says why a decision that still allows the data may have been missed; None if none can have been."""
    return _missing_decisions(database, customer, uncovered(database, customer, at), at)


def _missing_decisions(
    database: Database, customer: Customer, lapsed: Sequence[Uncovered], at: dt.datetime
) -> str | None:
    since = min((entry.lapse.since for entry in lapsed), default=None)
    return feed_ledger.missing_decisions(database, customer, since, at) if since else None


def next_purge_at(database: Database, customer: Customer, at: dt.datetime) -> dt.datetime | None:
    """Returns when the first deletion becomes due; None if all data is covered."""
    return first_due(customer, uncovered(database, customer, at))


def first_due(customer: Customer, lapsed: Sequence[Uncovered]) -> dt.datetime | None:
    """Returns when the first deletion of what is not covered becomes due; None if nothing is."""
    grace = dt.timedelta(days=customer.purge_grace_days)
    return min((entry.lapse.since + grace for entry in lapsed), default=None)


def uncovered(database: Database, customer: Customer, at: dt.datetime) -> list[Uncovered]:
    """Returns which of a customer's data is not covered at a moment."""
    events = approval_ledger.events(database, customer)
    by_id = {event.event_id: event for event in events}
    found: list[Uncovered] = []
    for group in _held(database, customer):
        if group.dataset not in catalogue():
            continue
        dataset = catalogue()[group.dataset]
        ask = ask_of(customer, dataset, tuple(json.loads(group.columns)), Scope.model_validate_json(group.scope))
        held = HeldData(ask, _deny_groups(by_id.get(group.approval_event_id), dataset.table_name))
        lapsed = lapses(held, events, at)
        if not lapsed:
            continue
        ids = _ids(database, customer, group)
        if not group.is_landed:
            found.append(Uncovered(ids, (), min(lapsed.values(), key=lambda lapse: lapse.since)))
            continue
        if whole := _whole(dataset, ask.columns, lapsed):
            found.append(Uncovered(ids, (), whole))
        found += _by_lapse(ids, lapsed)
    return found


def _whole(dataset: Dataset, columns: Sequence[str], lapsed: Mapping[str, Lapse]) -> Lapse | None:
    """Returns since when no row may be kept: a row cannot be kept without a column that its dataset cannot do without,
    or without any column.
    """
    needed = [name for name in dataset.indispensable_columns if name in columns]
    if of_needed := [lapsed[name] for name in needed if name in lapsed]:
        return min(of_needed, key=lambda lapse: lapse.since)
    if not needed and all(name in lapsed for name in columns):
        return max(lapsed.values(), key=lambda lapse: lapse.since, default=None)
    return None


def _by_lapse(ids: tuple[str, ...], lapsed: Mapping[str, Lapse]) -> Iterator[Uncovered]:
    groups: dict[Lapse, list[str]] = {}
    for name, lapse in lapsed.items():
        groups.setdefault(lapse, []).append(name)
    return (Uncovered(ids, tuple(names), lapse) for lapse, names in groups.items())


def _held(database: Database, customer: Customer) -> list[ExtractionGroup]:
    """Returns what the extractions hold that left, or may have left, data in the lake: few groups of many
    extractions.
    """
    is_landed = sa.case((landing.c.extraction_id.is_not(None), 1), else_=0).label("is_landed")
    query = _left(sa.select(*_ALIKE, is_landed).distinct(), customer).order_by(*_ALIKE, is_landed)
    with database.begin() as connection:
        return [
            ExtractionGroup(row.dataset, row.columns, row.scope, row.approval_event_id, bool(row.is_landed))
            for row in connection.execute(query)
        ]


def _ids(database: Database, customer: Customer, group: ExtractionGroup) -> tuple[str, ...]:
    """Returns the extractions of a group."""
    alike = [column == value for column, value in zip(_ALIKE, group, strict=False)]
    landed = landing.c.extraction_id.is_not(None) if group.is_landed else landing.c.extraction_id.is_(None)
    query = _left(sa.select(extraction.c.extraction_id), customer).where(*alike, landed)
    with database.begin() as connection:
        return tuple(connection.scalars(query.order_by(extraction.c.extraction_id)))


def _left(query: sa.Select[Any], customer: Customer) -> sa.Select[Any]:
    """Restricts a query to the customer's extractions that left, or may have left, data in the lake."""
    return query.select_from(
        extraction.outerjoin(landing, landing.c.extraction_id == extraction.c.extraction_id)
    ).where(extraction.c.customer == customer.name, extraction.c.status.not_in((*UNDER_WAY, PURGED)))


def _deny_groups(approval: ApprovalEvent | None, table_name: str) -> tuple[str, ...]:
    approved = approval.dataset(table_name) if approval else None
    return approved.deny_groups if approved else ()
