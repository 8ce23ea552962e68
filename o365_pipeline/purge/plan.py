"""The plan of a purge: which extractions, or which of their columns, no approval has covered for longer than the grace.

What belongs here: reading the ledgers and deciding. Nothing is deleted here; that belongs to `deletion.py`.
"""

from __future__ import annotations

import datetime as dt
import hashlib
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import sqlalchemy as sa
from pydantic import BaseModel, ConfigDict, Field

from o365_pipeline.consent import approval_ledger, feed_ledger
from o365_pipeline.consent.approvals import ApprovalEvent
from o365_pipeline.consent.authorization import ask_of
from o365_pipeline.consent.coverage import Held, Lapse, lapses
from o365_pipeline.customers.customer import Customer
from o365_pipeline.customers.data_request import Scope
from o365_pipeline.database.database import Database
from o365_pipeline.database.ledger import extraction, landing
from o365_pipeline.datasets import Dataset, catalogue
from o365_pipeline.extraction.extraction_ledger import PURGED, UNDER_WAY


class Deletion(BaseModel):
    """One extraction of which something is deleted: some of its columns, or all of it where none is named."""

    model_config = ConfigDict(frozen=True)

    extraction_id: str
    columns: tuple[str, ...] = ()


class Plan(BaseModel):
    """What is to be deleted of one customer, and why."""

    model_config = ConfigDict(frozen=True)

    customer: str
    reason: str
    event_id: str | None = Field(description="The consent event because of which; None where time ended the approval.")
    deletions: tuple[Deletion, ...]

    @property
    def purge_id(self) -> str:
        """The same for the same plan, so that two that purge at once do it once."""
        return hashlib.sha256(self.model_dump_json().encode()).hexdigest()[:32]

    @property
    def whole(self) -> list[str]:
        """The extractions of which nothing is left."""
        return [deletion.extraction_id for deletion in self.deletions if not deletion.columns]


class Alike(NamedTuple):
    """What extractions have in common; of what is not landed, and so has no manifest, columns cannot be taken out."""

    dataset: str
    columns: str
    scope: str
    approval_event_id: str
    is_landed: bool


@dataclass(frozen=True)
class Uncovered:
    """Extractions alike in what they hold, the columns that are not covered (none named: all), and since when."""

    extraction_ids: tuple[str, ...]
    columns: tuple[str, ...]
    lapse: Lapse


def due(database: Database, customer: Customer, at: dt.datetime, although_in_doubt: bool = False) -> Plan | None:
    """What is to be deleted of a customer's data at a moment, or None.

    Args:
        although_in_doubt: also where a renewal may have been missed, because the feed was not read.
    """
    grace = dt.timedelta(days=customer.purge_grace_days)
    found = [entry for entry in uncovered(database, customer, at) if entry.lapse.since + grace <= at]
    if not found or (in_doubt(database, customer, at) and not although_in_doubt):
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


def everything(database: Database, customer: Customer, reason: str) -> Plan:
    """The deletion of all that is held of a customer, whatever was approved."""
    query = (
        sa.select(extraction.c.extraction_id)
        .where(extraction.c.customer == customer.name, extraction.c.status.not_in((*UNDER_WAY, PURGED)))
        .order_by(extraction.c.extraction_id)
    )
    with database.begin() as connection:
        deletions = tuple(Deletion(extraction_id=extraction_id) for extraction_id in connection.scalars(query))
    return Plan(customer=customer.name, reason=reason, event_id=None, deletions=deletions)


def in_doubt(database: Database, customer: Customer, at: dt.datetime) -> str | None:
    """Why a decision that allows what seems to have lapsed may have been missed; None where that cannot be."""
    since = min((entry.lapse.since for entry in uncovered(database, customer, at)), default=None)
    return feed_ledger.doubt(database, customer, since, at) if since else None


def next_due(database: Database, customer: Customer, at: dt.datetime) -> dt.datetime | None:
    """When the first of what is not covered becomes due; None where all that is held is covered."""
    grace = dt.timedelta(days=customer.purge_grace_days)
    return min((entry.lapse.since + grace for entry in uncovered(database, customer, at)), default=None)


def uncovered(database: Database, customer: Customer, at: dt.datetime) -> list[Uncovered]:
    """What is held of a customer's data and not covered at a moment."""
    events = approval_ledger.events(database, customer)
    by_id = {event.event_id: event for event in events}
    found: list[Uncovered] = []
    for alike, ids in _held(database, customer).items():
        if alike.dataset not in catalogue():
            continue
        dataset = catalogue()[alike.dataset]
        ask = ask_of(customer, dataset, tuple(json.loads(alike.columns)), Scope.model_validate_json(alike.scope))
        held = Held(ask, _deny_groups(by_id.get(alike.approval_event_id), dataset.table_name))
        lapsed = lapses(held, events, at)
        if not alike.is_landed and lapsed:
            found.append(Uncovered(tuple(ids), (), min(lapsed.values(), key=lambda lapse: lapse.since)))
            continue
        if whole := _whole(dataset, ask.columns, lapsed):
            found.append(Uncovered(tuple(ids), (), whole))
        found += _by_lapse(tuple(ids), lapsed)
    return found


def _whole(dataset: Dataset, columns: Sequence[str], lapsed: Mapping[str, Lapse]) -> Lapse | None:
    """Since when nothing of the rows may be kept: without a column of the key, or without any, a row is none."""
    key = [name for name in dataset.natural_key if name in columns]
    if of_key := [lapsed[name] for name in key if name in lapsed]:
        return min(of_key, key=lambda lapse: lapse.since)
    if not key and all(name in lapsed for name in columns):
        return max(lapsed.values(), key=lambda lapse: lapse.since, default=None)
    return None


def _by_lapse(ids: tuple[str, ...], lapsed: Mapping[str, Lapse]) -> Iterator[Uncovered]:
    groups: dict[Lapse, list[str]] = {}
    for name, lapse in lapsed.items():
        groups.setdefault(lapse, []).append(name)
    return (Uncovered(ids, tuple(names), lapse) for lapse, names in groups.items())


def _held(database: Database, customer: Customer) -> dict[Alike, list[str]]:
    """The extractions that left, or may have left, data in the lake, by what they hold."""
    query = (
        sa.select(extraction, landing.c.manifest)
        .outerjoin(landing, landing.c.extraction_id == extraction.c.extraction_id)
        .where(extraction.c.customer == customer.name, extraction.c.status.not_in((*UNDER_WAY, PURGED)))
        .order_by(extraction.c.extraction_id)
    )
    found: dict[Alike, list[str]] = {}
    with database.begin() as connection:
        for row in connection.execute(query):
            alike = Alike(row.dataset, row.columns, row.scope, row.approval_event_id, row.manifest is not None)
            found.setdefault(alike, []).append(row.extraction_id)
    return found


def _deny_groups(approval: ApprovalEvent | None, table_name: str) -> tuple[str, ...]:
    approved = approval.dataset(table_name) if approval else None
    return approved.deny_groups if approved else ()
