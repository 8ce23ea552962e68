"""Reading what Data Connect writes: JSON Lines, with the oddities that real files have.

What belongs here: telling clean files from odd ones (DuckDB, in bulk) and taking the odd ones apart (line by line):
two objects on a line, byte-order marks, lines that are no JSON. What the rows mean is the curated stage's.
"""

from __future__ import annotations

import codecs
import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import IO

import duckdb

LARGE_OBJECT_BYTES = 16 * 1024 * 1024
"""DuckDB's default limit of one JSON object; files with larger ones are taken apart line by line."""


@dataclass(frozen=True)
class Contents:
    """What a file holds: rows (objects, plus one for each line that is none), and whether every line is one object."""

    rows: int
    is_clean: bool


@dataclass(frozen=True)
class Piece:
    """A part of an odd file: an object's text, or a line that could not be read, with the reason."""

    line: int
    text: str
    reason: str | None


def contents(connection: duckdb.DuckDBPyConnection, path: Path) -> Contents:
    """Count a file's rows."""
    try:
        lines, objects = connection.execute(
            "SELECT count(*), count(*) FILTER (json_type(json) = 'OBJECT') FROM " + objects_in([path])
        ).fetchall()[0]
    except (duckdb.InvalidInputException, duckdb.ConversionException):
        lines, objects = None, 0
    if lines == objects:
        return Contents(objects, is_clean=True)
    return Contents(sum(1 for _ in pieces(path)), is_clean=False)


def objects_in(paths: list[Path]) -> str:
    """The table function that reads these clean files, one column `json`, one row per line."""
    names = ", ".join("'" + str(path).replace("'", "''") + "'" for path in paths)
    return f"read_ndjson_objects([{names}], ignore_errors = true, filename = true)"


def pieces(path: Path) -> Iterator[Piece]:
    """Take a file apart; every non-blank line gives at least one piece, so that nothing is lost."""
    with path.open("rb") as file:
        for number, line in enumerate(_decoded_lines(file), start=1):
            if isinstance(line, bytes):
                yield Piece(number, line.decode("utf-8", errors="backslashreplace").strip(), "not UTF-8 text")
            elif line.strip():
                yield from _objects_on(line.strip(), number)


def _decoded_lines(file: IO[bytes]) -> Iterator[str | bytes]:
    """Lines as text; as bytes where they are no text."""
    encoding = _encoding(file)
    if encoding != "utf-8":
        with codecs.getreader(encoding)(file) as text:
            yield from text
        return
    for line in file:
        try:
            yield line.decode("utf-8").lstrip("\ufeff")
        except UnicodeDecodeError:
            yield line


def _encoding(file: IO[bytes]) -> str:
    start = file.read(2)
    file.seek(0)
    return "utf-16" if start in (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE) else "utf-8"


def _objects_on(line: str, number: int) -> list[Piece]:
    """The objects on one line, or the whole line with the reason why it cannot be read."""
    decoder, at = json.JSONDecoder(), 0
    found: list[Piece] = []
    while at < len(line):
        try:
            value, end = decoder.raw_decode(line, at)
        except json.JSONDecodeError as error:
            return [Piece(number, line, f"not JSON: {error.msg} at character {error.pos + 1}")]
        except RecursionError:
            return [Piece(number, line, "not JSON: nested too deeply")]
        if not isinstance(value, dict):
            return [Piece(number, line, "JSON, but not an object")]
        if end - at > LARGE_OBJECT_BYTES:
            return [Piece(number, line, f"an object of more than {LARGE_OBJECT_BYTES // 1024**2} MB")]
        found.append(Piece(number, line[at:end], None))
        at = end
        while at < len(line) and line[at] in " \t\r":
            at += 1
    return found
