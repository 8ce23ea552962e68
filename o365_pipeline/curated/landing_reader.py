"""Reads a landing's files, and finds the positions of rejected rows in them.

What belongs here: files, lines and texts. The meaning of the rows, and their rejection, belong to `curation.py`.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

import duckdb

from o365_pipeline.raw.duckdb_session import raise_memory_limit
from o365_pipeline.raw.json_lines import BLANK, KEPT_CHARACTERS, LARGE_BYTES, objects_in, pieces
from o365_pipeline.raw.manifest import Manifest

MEMORY_FOR_LARGE = 64
"""DuckDB may request this multiple of a large object's size to read it; it never touches most of that memory."""

TOO_LARGE = "an object too large to be read"
NOT_READABLE = "not JSON that can be read"

LINE_NUMBER_BYTES = 8


@dataclass(frozen=True)
class Source:
    """A local file with one object per line, and the landed file that the objects come from."""

    local: Path
    path: str
    rows: int
    lines: Path | None = None
    """A file of numbers with LINE_NUMBER_BYTES each: the line of the landed file where each object begins. None: the
    same line.
    """

    largest: int = 0
    """The object's size in bytes if it is a large one."""

    structure: str | None = None
    """What the manifest says of a clean part's rows."""


def read(
    connection: duckdb.DuckDBPyConnection, manifest: Manifest, staged: Sequence[Path], directory: Path
) -> list[Source]:
    """Makes the unreadable lines of a landing's staged parts the table `unreadable`.

    Returns first the sources whose rows have a structure in common, and last the large objects.
    """
    connection.execute("CREATE TABLE unreadable (file VARCHAR, line BIGINT, raw VARCHAR, reason VARCHAR)")
    sources: list[Source] = []
    for number, (part, local) in enumerate(zip(manifest.parts, staged, strict=True)):
        if part.is_clean:
            sources.append(Source(local, part.path, part.rows, structure=part.structure))
        else:
            sources += _split_objects(connection, local, part.path, directory / f"taken-apart-{number}.jsonl")
    if largest := max((source.largest for source in sources), default=0):
        _raise_memory_limit(connection, largest)
    return sorted(sources, key=lambda source: (source.structure is None, source.largest > 0))


def objects_of(sources: Sequence[Source]) -> str:
    """Returns the table function that reads the sources' objects, one column `json`."""
    return objects_in([source.local for source in sources], max(source.largest for source in sources))


def locate_rows(connection: duckdb.DuckDBPyConnection, sources: Iterable[Source], directory: Path) -> None:
    """Makes the table `located` (row_id, file, line, raw) of the rows that are `kept` and no curated ones.

    The rowid of `typed` counts the sources' rows, so that a row's text is found by its place.
    """
    connection.execute(
        "CREATE TABLE sought AS SELECT row_id FROM kept WHERE reason IS NOT NULL OR is_user_row;"
        "CREATE TABLE located (row_id BIGINT, file VARCHAR, line BIGINT, raw VARCHAR)"
    )
    first = 0
    for source in sources:
        within = f"row_id >= {first} AND row_id < {first + source.rows}"
        [(sought,)] = connection.execute(f"SELECT count(*) FROM sought WHERE {within}").fetchall()
        if sought:
            _locate(connection, source, first, directory)
        first += source.rows


def _raise_memory_limit(connection: duckdb.DuckDBPyConnection, largest: int) -> None:
    """Raises DuckDB's memory limit to what a large object needs."""
    raise_memory_limit(connection, MEMORY_FOR_LARGE * largest // 1_000_000)
    connection.execute("SET threads = 1")


def _split_objects(connection: duckdb.DuckDBPyConnection, odd: Path, path: str, target: Path) -> list[Source]:
    """Writes an odd file's objects one per line, large ones to files of their own, and the rest to `unreadable`."""
    rejected = target.with_suffix(".rejected")
    sources = _separate_unreadable(odd, path, target, rejected, {})
    refused = {
        (source.local, place): reason for source in sources for place, reason in _refused(connection, source).items()
    }
    if refused:
        sources = _separate_unreadable(odd, path, target, rejected, refused)
    connection.execute(
        "INSERT INTO unreadable SELECT ?, line, raw, reason FROM read_json(?, format = 'newline_delimited', "
        "columns = {'line': 'BIGINT', 'raw': 'VARCHAR', 'reason': 'VARCHAR'})",
        [path, str(rejected)],
    )
    return sources


def _refused(connection: duckdb.DuckDBPyConnection, source: Source) -> dict[int, str]:
    """Returns the objects, by their position in the file, that DuckDB refuses although Python accepts them, with the
    reason.
    """
    if source.largest:
        _raise_memory_limit(connection, source.largest)
    try:
        found = connection.execute(
            "SELECT place FROM (SELECT row_number() OVER () AS place, json, "
            f"json_extract_string(json, ['$.id', '$.Id']) AS v FROM {objects_of([source])}) "
            "WHERE json IS NULL OR hash(v) IS NULL"
        ).fetchall()
    except duckdb.OutOfMemoryException:
        if not source.largest:
            raise
        return {1: TOO_LARGE}
    return {place: NOT_READABLE for (place,) in found}


def _separate_unreadable(
    odd: Path, path: str, target: Path, rejected: Path, refused: dict[tuple[Path, int], str]
) -> list[Source]:
    """Separates an odd file's objects from unreadable text."""
    lines = target.with_suffix(".lines")
    larges: list[Source] = []
    place = number = written = 0
    with target.open("wb") as objects, lines.open("wb") as begins, rejected.open("w", encoding="utf-8") as rejects:
        for piece in pieces(odd):
            reason, content = piece.reason, b""
            if reason is None:
                content = piece.text.encode()
                large = target.with_suffix(f".{number}.large") if len(content) > LARGE_BYTES else None
                number += large is not None
                place += large is None
                reason = refused.get((large, 1) if large else (target, place))
            if reason is not None:
                raw = piece.text[:KEPT_CHARACTERS].encode("utf-8", errors="replace").decode("utf-8")
                rejects.write(json.dumps({"line": piece.line, "raw": raw, "reason": reason}) + "\n")
            elif large:
                large.write_bytes(content)
                begin = large.with_suffix(".lines")
                begin.write_bytes(piece.line.to_bytes(LINE_NUMBER_BYTES, "little"))
                larges.append(Source(large, path, 1, begin, len(content)))
            else:
                objects.write(content + b"\n")
                written += 1
                begins.write(piece.line.to_bytes(LINE_NUMBER_BYTES, "little"))
    return [Source(target, path, written, lines), *larges]


def _locate(connection: duckdb.DuckDBPyConnection, source: Source, first: int, directory: Path) -> None:
    """Adds the wanted rows of a file to the table `located`; `first` is the rowid of its first row."""
    connection.execute(
        f"""
        CREATE OR REPLACE TABLE found AS
        SELECT row_id, row_id - {first} + 1 AS place, left(json::VARCHAR, {KEPT_CHARACTERS}) AS raw
        FROM (SELECT json, {first} - 1 + row_number() OVER () AS row_id FROM {objects_of([source])})
        SEMI JOIN sought USING (row_id)
        """
    )
    places = connection.cursor().execute("SELECT place FROM found ORDER BY place")
    numbers = directory / "numbers.csv"
    with numbers.open("w", encoding="utf-8") as file:
        file.writelines(f"{place},{line}\n" for place, line in _numbered(places, source))
    connection.execute(
        "INSERT INTO located SELECT row_id, ?, line, raw FROM found "
        "JOIN read_csv(?, auto_detect = false, header = false, "
        "columns = {'place': 'BIGINT', 'line': 'BIGINT'}) USING (place)",
        [source.path, str(numbers)],
    )


def _numbered(places: duckdb.DuckDBPyConnection, source: Source) -> Iterator[tuple[int, int]]:
    """Returns (position, line) of some objects of a file, given in their order."""
    lines, before = _lines(source), 0
    while some := places.fetchmany(10_000):
        for (place,) in some:
            yield place, next(islice(lines, place - before - 1, None))
            before = place


def _lines(source: Source) -> Iterator[int]:
    """Returns the line of the landed file where each object begins."""
    if source.lines:
        with source.lines.open("rb") as numbers:
            while begin := numbers.read(LINE_NUMBER_BYTES):
                yield int.from_bytes(begin, "little")
        return
    with source.local.open("rb") as lines:
        for number, line in enumerate(lines, start=1):
            if line.strip(BLANK):
                yield number
