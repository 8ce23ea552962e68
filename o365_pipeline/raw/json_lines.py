"""Reading what Data Connect writes: JSON Lines, with the oddities that real files have.

What belongs here: telling clean files from odd ones (DuckDB, in bulk) and taking the odd ones apart (line by line):
two objects on a line, byte-order marks, UTF-16, JSON across lines, lines that are no JSON. What the rows mean is
the curated stage's.
"""

from __future__ import annotations

import codecs
import io
import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import IO

import duckdb

UTF_8 = "utf-8"
BLANK = b" \t\r\n\xef\xbb\xbf"
LARGE_DOCUMENT_BYTES = 256 * 1024 * 1024
"""Files of JSON across lines are read whole, up to this size; larger ones are read line by line."""

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
    if not is_line_by_line(path) and (found := _document(path)) is not None:
        yield from found
        return
    with path.open("rb") as file:
        for number, line in enumerate(_decoded_lines(file, _encoding(path)), start=1):
            if isinstance(line, bytes):
                yield Piece(number, line.decode("utf-8", errors="backslashreplace").strip(), "not UTF-8 text")
            elif line.strip():
                yield from _objects_on(line.strip(), number)


def is_line_by_line(path: Path) -> bool:
    """Whether a file is UTF-8 with objects on lines: not UTF-16, not pretty-printed, not one array of objects."""
    if _encoding(path) != UTF_8:
        return False
    with path.open("rb") as file:
        first = next((line for line in file if line.strip(BLANK)), b"").removeprefix(codecs.BOM_UTF8).strip()
    return first != b"{" and not first.startswith(b"[")


def _encoding(path: Path) -> str:
    with path.open("rb") as file:
        return "utf-16" if file.read(2) in (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE) else UTF_8


def _decoded_lines(file: IO[bytes], encoding: str) -> Iterator[str | bytes]:
    """Lines as text; as bytes where they are no text."""
    if encoding != UTF_8:
        yield from io.TextIOWrapper(file, encoding, errors="replace", newline="\n")
        return
    for line in file:
        try:
            yield line.decode(UTF_8).lstrip("\ufeff")
        except UnicodeDecodeError:
            yield line


def _document(path: Path) -> list[Piece] | None:
    """The objects of a file that is JSON across lines: pretty-printed objects, arrays of objects; None if it is not."""
    if path.stat().st_size > LARGE_DOCUMENT_BYTES:
        return None
    text = path.read_bytes().decode(_encoding(path), errors="replace").lstrip("\ufeff")
    found: list[Piece] = []
    at = _next_value(text, 0)
    while at < len(text):
        try:
            value, end = DECODER.raw_decode(text, at)
        except (ValueError, RecursionError):
            return None
        line = text.count("\n", 0, at) + 1
        found += [_piece(entry, json.dumps(entry), line) for entry in (value if isinstance(value, list) else [value])]
        at = _next_value(text, end)
    return found


def _next_value(text: str, at: int) -> int:
    while at < len(text) and text[at] in " \t\r\n,":
        at += 1
    return at


def _objects_on(line: str, number: int) -> list[Piece]:
    """The objects on one line, or the whole line with the reason why it cannot be read."""
    at = 0
    found: list[Piece] = []
    while at < len(line):
        try:
            value, end = DECODER.raw_decode(line, at)
        except json.JSONDecodeError as error:
            return [Piece(number, line, f"not JSON: {error.msg}")]
        except (ValueError, RecursionError):
            return [Piece(number, line, "not JSON that can be read: a number too long, or nested too deeply")]
        if not isinstance(value, dict):
            return [Piece(number, line, "JSON, but not an object")]
        found.append(_piece(value, line[at:end], number))
        at = end
        while at < len(line) and line[at] in " \t\r":
            at += 1
    return found


def _piece(value: object, text: str, line: int) -> Piece:
    """An object as a piece; half a character, which other readers refuse, becomes a question mark."""
    if not isinstance(value, dict):
        return Piece(line, text, "JSON, but not an object")
    if len(text) > LARGE_OBJECT_BYTES:
        return Piece(line, text, f"an object of more than {LARGE_OBJECT_BYTES // 1024**2} MB")
    if "\\ud" in text.lower():
        text = json.dumps(value, ensure_ascii=False).encode(UTF_8, errors="replace").decode(UTF_8)
    return Piece(line, text, None)


def _refuse(constant: str) -> object:
    raise json.JSONDecodeError(f"{constant} is no JSON value", constant, 0)


DECODER = json.JSONDecoder(parse_constant=_refuse)
