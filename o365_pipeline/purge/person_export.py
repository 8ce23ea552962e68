"""Everything that is held about one person, as JSON Lines and as a page to read.

What belongs here: collecting the rows and writing both files. Which rows name the person is decided in
`person_rows.py`, so that an export holds what an erasure would take away.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Any

from o365_pipeline.customers.customer import Customer
from o365_pipeline.errors import DamagedLandingError, UsageError
from o365_pipeline.mart.marts import Marts
from o365_pipeline.purge.person import Person
from o365_pipeline.purge.person_files import NamingRow, rows_of_files, rows_of_landings
from o365_pipeline.purge.person_mart import rows_naming
from o365_pipeline.purge.person_rows import PersonRows
from o365_pipeline.raw.lake import Lake
from o365_pipeline.web.templates import templates_of

ROWS_SHOWN = 50
"""How many rows of a table the page shows; the other file has all."""

JSON_LINES, PAGE = "person.jsonl", "person.html"


@dataclass
class Section:
    """What one table or dataset holds about the person."""

    stage: str
    name: str
    rows: int = 0
    own: int = 0
    shown: list[dict[str, Any]] = field(default_factory=list)


@dataclass(frozen=True)
class Export:
    """What was written; a damaged landing's rows are missing."""

    sections: list[Section]
    damaged: list[str]

    def rows_of(self, *stages: str) -> int:
        return sum(section.rows for section in self.sections if section.stage in stages)


def export_person(marts: Marts, lake: Lake, customer: Customer, person: Person, folder: Path) -> Export:
    """Writes both files into a folder, for its owner alone.

    Raises:
        UsageError: the folder cannot be made, or holds such a file.
    """
    sections: dict[tuple[str, str], Section] = {}
    damaged: list[str] = []
    with _new_file(folder, JSON_LINES) as lines:
        for row in rows_held(marts, lake, customer, person, damaged):
            told = {"stage": row.stage, "of": row.name, "where": row.where, "own": row.is_own, "row": row.content}
            lines.write(json.dumps(told, ensure_ascii=False, default=str) + "\n")
            section = sections.setdefault((row.stage, row.name), Section(row.stage, row.name))
            section.rows += 1
            section.own += row.is_own
            if len(section.shown) < ROWS_SHOWN:
                section.shown.append(row.content if isinstance(row.content, dict) else {"text": row.content})
    export = Export(list(sections.values()), damaged)
    page = (
        templates_of("o365_pipeline.purge")
        .get_template("person.html")
        .render(customer=customer, person=person, sections=export.sections, damaged=damaged, all_rows=JSON_LINES)
    )
    with _new_file(folder, PAGE) as file:
        file.write(page)
    return export


def rows_held(marts: Marts, lake: Lake, customer: Customer, person: Person, damaged: list[str]) -> Iterator[NamingRow]:
    """Returns every row that names a person; landings that cannot be read are added to `damaged`."""
    rows = PersonRows(person)
    for landed in rows_of_landings(marts.ledger, lake, customer, rows):
        if isinstance(landed, DamagedLandingError):
            damaged.append(str(landed))
        else:
            yield landed
    yield from rows_of_files(lake, customer, rows)
    for table, row in rows_naming(marts[customer.name], customer, person):
        yield NamingRow("mart", table, f"day {row['day']}", table == "dim_person", row)


def _new_file(folder: Path, name: str) -> IO[str]:
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        file = (folder / name).open("x", encoding="utf-8")
    except OSError as error:
        raise UsageError(f"{folder / name} cannot be written ({error.strerror}): name an empty folder") from None
    (folder / name).chmod(0o600)
    return file
