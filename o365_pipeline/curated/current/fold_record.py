"""The record of what a day's state was folded from, beside its files: `_folded.json`.

What belongs here: writing it, and telling whether a state is still what would be folded. A state counts as right while
its files are those that were written, with the columns that may be used now, and the changes up to its day are the very
files that it was folded from: no day came late, was curated again, given up or purged since. Folding belongs to
`current_state.py`.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Collection, Iterable, Sequence

from pydantic import BaseModel, ConfigDict, ValidationError

from o365_pipeline.curated.day_files import DayFiles, day_files
from o365_pipeline.raw.lake import Lake

FOLDED = "_folded.json"


class FoldRecord(BaseModel):
    """What a state was folded from."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    columns: tuple[str, ...]
    """The columns that might be used."""

    since: dt.date | None
    """The day of the last full snapshot; None if there was none."""

    changes: dict[dt.date, str]
    """The versions of the files of each day from that one on."""

    state: str = ""
    """The version of the state's files."""

    def is_right(self, changes: Sequence[DayFiles], columns: Collection[str], base: dt.date) -> bool:
        """Tells whether folding the changes, up to the state's day, would give the same.

        Args:
            base: the day whose state stands for all changes up to it, which are not kept any more.
        """
        after_base = base + dt.timedelta(days=1) if changes[-1].day >= base else dt.date.min
        first = max(after_base, self.since or dt.date.min)
        expected = {one.day: one.version for one in changes if one.day >= first}
        return self.columns == tuple(sorted(columns)) and expected == self._from(first)

    def followed_by(self, changes: Iterable[DayFiles], base: dt.date) -> FoldRecord:
        """Returns the record of a state that is folded from this one and later changes."""
        days = self._from(base) | {one.day: one.version for one in changes}
        return self.model_copy(update={"changes": dict(sorted(days.items()))})

    def _from(self, first: dt.date) -> dict[dt.date, str]:
        return {day: version for day, version in self.changes.items() if day >= first}


def read_record(lake: Lake, folder: str) -> FoldRecord | None:
    """Returns the record of a day's state; None if there is none, or the state's files are others."""
    path = f"{folder}/{FOLDED}"
    if not lake.exists(path):
        return None
    try:
        record = FoldRecord.model_validate_json(lake.read(path))
    except ValidationError:
        return None
    return record if record.state == _version(lake, folder) else None


def write_record(lake: Lake, folder: str, record: FoldRecord) -> None:
    """Writes the record of a day's state, whose files are written before."""
    left = record.model_copy(update={"state": _version(lake, folder)})
    lake.write(f"{folder}/{FOLDED}", left.model_dump_json().encode())


def _version(lake: Lake, folder: str) -> str:
    return "".join(one.version for one in day_files(lake, folder))
