"""A tenant made of files in Data Connect's own format: their rows replace synthetic ones, whatever their dates are.

What belongs here: passing the files' lines on. Lines that are not rows are passed on unchanged, as Data Connect's
binary copy would do: handling them is the pipeline's task. Which files there are belongs to `tenant_files.py`.
"""

from __future__ import annotations

import gzip
import json
import shutil
import tempfile
import zlib
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from o365_pipeline.datasets import SYSTEM_COLUMNS
from o365_pipeline.errors import UsageError
from o365_pipeline.raw.json_lines import is_line_by_line, pieces
from o365_pipeline.sandbox.azure.copy_job import CopyJob
from o365_pipeline.sandbox.microsoft365.data_connect import OutputLine
from o365_pipeline.sandbox.tenant.tenant_files import COMPRESSED, files_in

BYTE_ORDER_MARK = b"\xef\xbb\xbf"
BLANK = b" \t\r\n\x00"
"""NUL counts as blank, since it is half of a line's end in UTF-16."""

SYSTEM_KEYS = {*SYSTEM_COLUMNS, "pObjectId"}


class FileTenant:
    """A tenant whose rows are in a folder; every window of a dataset lands all rows of its files.

    Args:
        directory: the folder.
        scratch: where compressed files are unpacked, one at a time.
    """

    def __init__(self, directory: Path, scratch: Path | None = None) -> None:
        files_in(directory)
        self._directory = directory
        self._scratch = scratch

    def lines(self, job: CopyJob) -> Iterator[OutputLine]:
        """Returns the lines of the dataset's files, each file as one part, with the requested columns."""
        for part, file in enumerate(files_in(self._directory).taken.get(job.dataset.name, ())):
            try:
                with _unpacked(file, self._scratch) as plain:
                    yield from _lines(job, part, plain)
            except (OSError, EOFError, zlib.error) as error:
                reason = getattr(error, "strerror", None) or error
                raise UsageError(f"tenant data {file}: cannot be read ({reason})") from error


@contextmanager
def _unpacked(file: Path, scratch: Path | None) -> Iterator[Path]:
    """Returns the file itself, or a file with what a compressed one holds."""
    if not file.name.lower().endswith(COMPRESSED):
        yield file
        return
    if scratch:
        scratch.mkdir(parents=True, exist_ok=True)
    with tempfile.NamedTemporaryFile(dir=scratch) as plain:
        with gzip.open(file) as packed:
            shutil.copyfileobj(packed, plain)
        plain.flush()
        yield Path(plain.name)


def _lines(job: CopyJob, part: int, file: Path) -> Iterator[OutputLine]:
    keep = SYSTEM_KEYS | job.dataset.spellings_of(job.columns)
    known = SYSTEM_KEYS | job.dataset.spellings_of(column.name for column in job.dataset.columns)
    if not is_line_by_line(file):
        found = list(pieces(file))
        rows = [json.loads(piece.text) for piece in found if piece.reason is None]
        yield OutputLine(part, file.read_bytes(), len(found), _people(rows))
        return
    with file.open("rb") as lines:
        for number, line in enumerate(lines):
            mark = BYTE_ORDER_MARK if number == 0 and line.startswith(BYTE_ORDER_MARK) else b""
            content, count, people = _projected(line[len(mark) :], keep, known)
            yield OutputLine(part, mark + content, count, people)


def _projected(line: bytes, keep: set[str], known: set[str]) -> tuple[bytes, int, frozenset[str]]:
    """Returns the line without the documented keys that are not kept, the number of objects, and their owners; the
    line is unchanged if it has no objects.
    """
    unread = (line, 1 if line.strip(BLANK) else 0, frozenset[str]())
    try:
        text = line.decode("utf-8")
        found = list(_objects(text))
    except (ValueError, RecursionError):
        return unread
    people = _people(row for _, _, row in found)
    parts: list[str] = []
    at = 0
    for start, end, row in found:
        # A line within a pretty-printed object may be an object by itself: it has none of the dataset's columns.
        if not known.intersection(row):
            return line, len(found), people
        parts.append(text[at:start])
        # What the catalogue does not know cannot have been left out by name.
        kept = {key: value for key, value in row.items() if key in keep or key not in known}
        parts.append(text[start:end] if len(kept) == len(row) else json.dumps(kept, separators=(",", ":")))
        at = end
    parts.append(text[at:])
    return "".join(parts).encode("utf-8"), len(found), people


def _people(rows: Iterable[dict[str, Any]]) -> frozenset[str]:
    return frozenset(row["puser"] for row in rows if isinstance(row.get("puser"), str))


def _objects(text: str) -> Iterator[tuple[int, int, dict[str, Any]]]:
    """Returns (start, end, object) of the JSON objects in the line.

    Raises:
        ValueError: the line holds something else.
    """
    decoder = json.JSONDecoder(parse_constant=_refuse_constant)
    at = _after_space(text, 0)
    while at < len(text):
        value, end = decoder.raw_decode(text, at)
        if not isinstance(value, dict):
            raise ValueError("not an object")
        yield at, end, value
        at = _after_space(text, end)


def _after_space(text: str, at: int) -> int:
    while at < len(text) and text[at] in " \t\r\n":
        at += 1
    return at


def _refuse_constant(name: str) -> object:
    raise ValueError(f"{name} is not JSON")
