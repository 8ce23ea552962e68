"""What the answers are made of: who approved which data, until when, how fresh it is, and what is left out.

What belongs here: the questions of the page *About this data*.
"""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import Sequence
from dataclasses import dataclass

from o365_pipeline.customers.customer import Customer
from o365_pipeline.datasets import catalogue
from o365_pipeline.insights.reader import Reader


@dataclass(frozen=True)
class Approved:
    """A dataset, as it was last approved and extracted."""

    dataset: str
    description: str
    first_day: dt.date
    last_day: dt.date
    approver: str | None
    approved_at: dt.datetime
    expires_at: dt.datetime | None
    scope: str | None
    not_asked_for: Sequence[str]
    """Columns that the dataset has and that were not extracted; what people wrote is among them."""
    is_without_content: bool
    """Whether the dataset has columns with what people wrote, and none was extracted."""


@dataclass(frozen=True)
class DataState:
    datasets: Sequence[Approved]
    newest_day: dt.date | None
    group_size: int
    left_out: Sequence[str]
    """What is left out of everything, in words."""


def data_state(reader: Reader, customer: Customer) -> DataState:
    """Answers the page's questions."""
    newest: dict[str, Approved] = {}
    names = ("dataset", "first_day", "last_day", "extracted_columns", "approver", "approved_at", "expires_at")
    query = reader.of_view("ledger_row_provenance", *names, "approved_scope")
    for row in reader.rows(query):
        before = newest.get(row.dataset)
        columns, content = _columns(row.dataset)
        extracted = set(json.loads(row.extracted_columns))
        if before is None or before.last_day < row.last_day:
            newest[row.dataset] = Approved(
                row.dataset,
                catalogue()[row.dataset].description if row.dataset in catalogue() else "",
                min(row.first_day, before.first_day if before else row.first_day),
                row.last_day,
                row.approver,
                row.approved_at,
                row.expires_at,
                row.approved_scope,
                [name for name in columns if name not in extracted],
                bool(content) and not content & extracted,
            )
    return DataState(
        [newest[name] for name in sorted(newest)], reader.newest_day, reader.group_size, _left_out(customer)
    )


def _left_out(customer: Customer) -> list[str]:
    told = []
    if customer.deny_people or customer.deny_groups:
        told.append("People whom the organization named, and members of groups that it named, are in no row.")
    if customer.hash_outside_addresses:
        told.append("Addresses of people outside are hashes.")
    return told


def _columns(dataset: str) -> tuple[list[str], set[str]]:
    """Returns the columns that a dataset has, and those of them that hold what people wrote."""
    if dataset not in catalogue():
        return [], set()
    found = catalogue()[dataset]
    return [column.name for column in found.columns], set(found.content_columns)
