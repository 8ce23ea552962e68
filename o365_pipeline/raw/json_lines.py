"""Reads JSON Lines as Data Connect writes them, with the oddities of real files.

What belongs here: telling clean files from odd ones (DuckDB, in bulk) and splitting the odd ones, one window of text at
a time: several objects on a line, byte-order marks, UTF-16, JSON across lines, arrays, large objects, lines that are
not JSON. Finding the end of a large object belongs to `large_json.py`; the meaning of the rows belongs to `curated/`.
"""

from __future__ import annotations

import codecs
import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import IO

import duckdb

from o365_pipeline.raw.large_json import Scan
from o365_pipeline.raw.row_structure import MOST_STRUCTURES, structure_of

WINDOW = 1024 * 1024
"""How many characters are read at once; a longer value counts as large."""

LARGEST_OBJECT = 128 * 1024 * 1024
"""Objects with more characters are not read."""

KEPT_CHARACTERS = 1_000_000
"""How many characters of unreadable text are kept; the whole text stays in the lake's file."""

LARGE_BYTES = 4 * 1024 * 1024
"""Objects with more bytes are large: they are read one by one, and a file that has one counts as odd."""

CLOSE_TO_THE_END = 16
"""An error this close to a window's end may only be a word or an escape that the end cuts off."""

BLANK = b" \t\r\n\xef\xbb\xbf"
BETWEEN = re.compile("[ \t\r\n,\\]\ufeff]*")
ARRAY = re.compile("\\[[ \t\r\n]*")
HALF_CHARACTER = re.compile(r"\\(?:u[dD][89abAB]..\\u[dD][c-fC-F]..|(u[dD][89a-fA-F]..)|.)")
NO_OBJECT = "JSON, but not an object"
NOT_UTF_8 = "not UTF-8 text"


@dataclass(frozen=True)
class Contents:
    """The contents of a file: its rows (objects, plus one for each line that is none), and whether every line is one
    object that is not large.
    """

    rows: int
    is_clean: bool
    structure: str | None = None
    """The keys and types that the rows of a clean file have in common (`row_structure.py`); None if a text in them may
    hold U+0000, or if they have too little in common.
    """


@dataclass(frozen=True)
class Piece:
    """A part of an odd file: the text of an object on one line, or unreadable text with the reason."""

    line: int
    """The line in the file where it begins, from 1."""

    text: str
    reason: str | None


def contents(connection: duckdb.DuckDBPyConnection, path: Path) -> Contents:
    """Counts the rows of a file."""
    # The structure of an object with keys says that it is one; each look at the JSON itself parses it anew.
    is_object = "CASE WHEN starts_with(structure, '{') THEN true ELSE json_type(json) = 'OBJECT' END"
    try:
        connection.execute(
            f"""
            CREATE OR REPLACE TEMP TABLE structures AS
            SELECT structure, count(*) AS lines,
                count(*) FILTER ({is_object} AND strlen(json) <= {LARGE_BYTES}) AS objects,
                bool_or(contains(json, '\\u0000')) AS has_nul
            FROM (SELECT json, json_structure(json)::VARCHAR AS structure FROM {objects_in([path])}) GROUP BY structure
            """
        )
    except (duckdb.InvalidInputException, duckdb.ConversionException, duckdb.OutOfMemoryException):
        return Contents(sum(1 for _ in pieces(path)), is_clean=False)
    [(lines, objects, has_nul)] = connection.execute(
        "SELECT coalesce(sum(lines), 0)::BIGINT, coalesce(sum(objects), 0)::BIGINT, bool_or(has_nul) FROM structures"
    ).fetchall()
    if lines != objects:
        return Contents(sum(1 for _ in pieces(path)), is_clean=False)
    if has_nul:
        return Contents(objects, is_clean=True)
    found = connection.execute("SELECT structure FROM structures ORDER BY structure LIMIT ?", [MOST_STRUCTURES + 1])
    return Contents(objects, is_clean=True, structure=structure_of(row for (row,) in found.fetchall()))


def objects_in(paths: list[Path], largest: int = 0) -> str:
    """Returns the table function that reads these clean files, one column `json`, one row per line.

    Args:
        largest: the bytes of the largest line, if it may exceed DuckDB's default, 16 MB.
    """
    names = ", ".join("'" + str(path).replace("'", "''") + "'" for path in paths)
    size = f", maximum_object_size = {largest + 1024}" if largest else ""
    return f"read_ndjson_objects([{names}], ignore_errors = true, filename = true{size})"


def is_line_by_line(path: Path) -> bool:
    """Tells whether a file is UTF-8 with each object on its own line: not UTF-16, not across lines, no arrays."""
    if _encoding(path) != "utf-8":
        return False
    with path.open("rb") as file:
        lines = (line.strip(BLANK) for line in file)
        return not any(line.startswith(b"[") or (line.startswith(b"{") and not line.endswith(b"}")) for line in lines)


def pieces(path: Path) -> Iterator[Piece]:
    """Splits a file into pieces; text that is not blank gives at least one piece, so that nothing is lost.

    A line with unreadable text is one piece, which holds the whole line as far as it is within one window.
    """
    encoding = _encoding(path)
    errors = "surrogateescape" if encoding == "utf-8" else "replace"
    with path.open(encoding=encoding, errors=errors, newline="\n") as file:
        window = _Window(file)
        on_line: list[Piece] = []
        begun = window.place
        while True:
            is_there = window.find_next()
            if window.place[:2] != begun[:2]:
                yield from on_line
                on_line = []
            if not is_there:
                yield from on_line
                return
            if not on_line:
                begun = window.place
            if window.enter_array():
                continue
            try:
                on_line.append(window.take_value())
            except _LargeError:
                yield from on_line
                on_line = []
                yield window.take_large()
            except _BrokenError as error:
                if error.is_across_lines or not window.go_back(begun):
                    yield from on_line
                on_line = []
                yield window.take_broken(error)


class _LargeError(Exception):
    """A value that does not end within a window."""


class _BrokenError(Exception):
    """Text that is not JSON."""

    def __init__(self, reason: str, is_across_lines: bool) -> None:
        super().__init__(reason)
        self.is_across_lines = is_across_lines


class _Window:
    """A part of a file's text, and a position in it."""

    def __init__(self, file: IO[str]) -> None:
        self._file = file
        self._text = ""
        self._is_last = False
        self._moves = 0
        self.at = 0
        self.line = 1

    @property
    def place(self) -> tuple[int, int, int]:
        """The window, the line and the position."""
        return self._moves, self.line, self.at

    def go_back(self, place: tuple[int, int, int]) -> bool:
        """Goes to an earlier position on the line; False if it is not in the window any more."""
        if place[0] != self._moves:
            return False
        _, self.line, self.at = place
        return True

    def find_next(self) -> bool:
        """Goes past blanks, commas and ends of arrays; False if nothing follows."""
        while True:
            self._go(BETWEEN.match(self._text, self.at).end())  # type: ignore[union-attr]
            if self.at < len(self._text):
                return True
            if not self._move():
                return False

    def enter_array(self) -> bool:
        """Goes past the bracket that opens an array of objects or of arrays; False if there is none here."""
        found = ARRAY.match(self._text, self.at)
        if found is None:
            return False
        if found.end() == len(self._text) and self.at > 0 and self._move():
            return self.enter_array()
        if self._text[found.end() : found.end() + 1] not in ("", "{", "[", "]"):
            return False
        self._go(found.end())
        return True

    def take_value(self) -> Piece:
        """Returns the value at the position, and goes past it.

        Raises:
            _LargeError: it is longer than a window.
            _BrokenError: it is not JSON.
        """
        while True:
            broken = None
            try:
                value, end = DECODER.raw_decode(self._text, self.at)
            except json.JSONDecodeError as error:
                is_cut_off = error.msg.startswith("Unterminated") or error.pos > len(self._text) - CLOSE_TO_THE_END
                broken = self._broken(f"not JSON: {error.msg}", error.pos)
            except (ValueError, RecursionError):
                is_cut_off = False
                broken = self._broken("not JSON that can be read: a number too long, or nested too deeply", 0)
            else:
                is_cut_off = end == len(self._text) and not isinstance(value, dict | list | str)
                if not is_cut_off or self._is_last:
                    return self._piece(end, None if isinstance(value, dict) else NO_OBJECT)
            if broken and (self._is_last or (not is_cut_off and "\n" in self._text[self.at :])):
                raise broken
            if self.at == 0 and self._moves > 1:
                raise _LargeError
            self._move()

    def take_large(self) -> Piece:
        """Returns the large value, or the rest of its line if it is unreadable, and goes past it."""
        line, scan = self.line, Scan(LARGEST_OBJECT, KEPT_CHARACTERS)
        is_object = self._text[self.at] == "{"
        while (end := scan.feed(self._text, self.at)) is None:
            self._go(len(self._text))
            if not self._move():
                break
        if end is not None:
            self._go(end)
        reason = scan.reason or (None if is_object else NO_OBJECT)
        return _piece(line, scan.text(), reason)

    def take_broken(self, error: _BrokenError) -> Piece:
        """Returns the rest of the line, or of the object across lines, and goes past it."""
        end = self._end_of_object() if error.is_across_lines else self._text.find("\n", self.at)
        return self._piece(end if end >= 0 else len(self._text), str(error))

    def _broken(self, reason: str, place: int) -> _BrokenError:
        end = self._text.find("\n", self.at)
        return _BrokenError(reason, 0 <= end < place and self._text[self.at : end].strip() == "{")

    def _end_of_object(self) -> int:
        """Returns where the next object or array begins on a line with the same or a smaller indent; -1 if there is
        none.
        """
        indent = self.at - self._text.rfind("\n", 0, self.at) - 1
        found = re.compile(f"\n(?=[ \t]{{0,{indent}}}[{{\\[\\]])").search(self._text, self.at)
        return found.start() if found else -1

    def _piece(self, end: int, reason: str | None) -> Piece:
        line, text = self.line, self._text[self.at : end]
        self._go(end)
        return _piece(line, text, reason)

    def _go(self, place: int) -> None:
        self.line += self._text.count("\n", self.at, place)
        self.at = place

    def _move(self) -> bool:
        """Makes the window begin at the position; False if there is no more text."""
        more = "" if self._is_last else self._file.read(WINDOW)
        self._is_last = len(more) < WINDOW
        self._text, self.at = self._text[self.at :] + more, 0
        self._moves += 1
        return bool(more)


def _piece(line: int, text: str, reason: str | None) -> Piece:
    """Makes a piece of text on one line; half of a surrogate pair, which other readers refuse, becomes a question
    mark.
    """
    try:
        text.encode()
    except UnicodeEncodeError:
        content = text.encode("utf-8", errors="surrogateescape")
        text, reason = content.decode("utf-8", errors="backslashreplace"), NOT_UTF_8
    if reason is not None:
        return Piece(line, text[:KEPT_CHARACTERS].strip(), reason)
    if "\\ud" in text or "\\uD" in text:
        text = HALF_CHARACTER.sub(lambda found: "?" if found[1] else found[0], text)
    return Piece(line, text.replace("\n", " ").replace("\r", " "), None)


def _encoding(path: Path) -> str:
    with path.open("rb") as file:
        return "utf-16" if file.read(2) in (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE) else "utf-8"


def _refuse(constant: str) -> object:
    raise json.JSONDecodeError(f"{constant} is no JSON value", constant, 0)


DECODER = json.JSONDecoder(parse_constant=_refuse)
