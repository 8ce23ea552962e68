"""Malformed days: parts of several datasets that go the whole way, to the mart's tables and views.

What belongs here: that kind of input. One part that is curated alone belongs to `kinds.py`.
"""

from __future__ import annotations

import datetime as dt
import json
import random
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import sqlalchemy as sa

from o365_pipeline.curated.current.current_state import build_current_state
from o365_pipeline.datasets import Dataset, catalogue
from o365_pipeline.mart.loading import delete_partition, load_day
from o365_pipeline.mart.marts import Marts
from o365_pipeline.mart.tables import MART_TABLES
from o365_pipeline.mart.upgrade import mart_database
from o365_pipeline.mart.views import VIEWS
from o365_pipeline.raw.lake import Lake
from o365_pipeline.sandbox.tenant.synthetic_tenant import SyntheticTenant
from o365_pipeline_tests.fuzz import malformed
from o365_pipeline_tests.history import CUSTOMER, History, names
from o365_pipeline_tests.sandbox.conftest import copy_job

PARTS, ROWS = 8, 10
"""How many datasets a day has at most, and how many rows of each at least."""

ALWAYS = ("User_v1", "Message_v1")
"""Datasets that most tables of the mart are made of."""

BETWEEN = b"\n\x00the next dataset\x00\n"
TENANT = SyntheticTenant(users=8)


class Days:
    """Parts of several datasets of one day, whose rows fit each other but for what is spoiled: landed, curated, folded,
    loaded, and read in every view.
    """

    def __init__(self, folder: Path, rows: int, mart: sa.URL) -> None:
        self.parts = max(len(ALWAYS), min(PARTS, rows // ROWS))
        self.rows, self.day = rows // self.parts, dt.date(2026, 1, 4)
        self.mart = mart_database(mart)
        self.history = History(self.mart, Lake.in_folder(folder / "days"))

    def good(self, chance: random.Random) -> bytes:
        return self._day(chance, [], is_good=True)

    def spoiled(self, chance: random.Random) -> bytes:
        newest = [dataset.name for dataset in catalogue().newest if dataset.name not in ALWAYS]
        return self._day(chance, chance.sample(newest, self.parts - len(ALWAYS)), is_good=False)

    def take(self, content: bytes) -> str:
        written, *parts = content.split(BETWEEN)
        day = dt.date.fromisoformat(written.decode())
        for part in parts:
            name, _, lines = part.partition(b"\n")
            dataset = catalogue()[name.decode()]
            self.history.tell(dataset.name, day, lines)
            if dataset.current_name:
                build_current_state(self.mart, self.history.lake, dataset, CUSTOMER, day, names(dataset))
        load_day(Marts(self.mart), self.history.lake, CUSTOMER, day, catalogue().newest)
        with self.mart.begin() as connection:
            for view in VIEWS:
                connection.execute(sa.select(sa.text("*")).select_from(sa.table(view))).all()
            # The views read the whole mart: what is there of earlier inputs would make each later one slower.
            for table in MART_TABLES:
                delete_partition(connection, table, CUSTOMER, day)
        return "taken"

    def _day(self, chance: random.Random, others: Sequence[str], is_good: bool) -> bytes:
        """Parts of the next day: what landed once is not landed again."""
        self.day += dt.timedelta(days=1)
        parts = [self._part(chance, catalogue()[name], is_good) for name in (*ALWAYS, *others)]
        return BETWEEN.join([self.day.isoformat().encode(), *parts])

    def _part(self, chance: random.Random, dataset: Dataset, is_good: bool) -> bytes:
        found = rows_of(dataset, self.day)
        rows = found if len(found) <= self.rows else chance.sample(found, self.rows)
        trees = [row if is_good or chance.random() < 0.3 else malformed.changed_tree(chance, row) for row in rows]
        lines = b"\n".join(malformed.as_json(chance, tree) for tree in trees)
        if not is_good and chance.random() < 0.1:
            lines = malformed.changed_bytes(chance, lines)
        return dataset.name.encode() + b"\n" + lines


def rows_of(dataset: Dataset, day: dt.date) -> list[dict[str, Any]]:
    """The rows that the sandbox's people have of a dataset on a day, with all columns."""
    end = day if dataset.slicing == "snapshot" else day + dt.timedelta(days=1)
    job = copy_job(
        dataset.name,
        [column.name for column in dataset.columns],
        table_name=dataset.table_name,
        date_column=dataset.date_filter,
        start=f"{day}T00:00:00Z",
        end=f"{end}T00:00:00Z",
    )
    return [json.loads(line.content) for line in TENANT.lines(job)]
