"""Reads a landing's files, and finds the positions of rejected rows in them.

What belongs here: files, lines and texts. The meaning of the rows, and their rejection, belong to `curation.py`.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

import duckdb

from o365_pipeline.curated.duckdb_session import MEMORY_LIMIT
from o365_pipeline.raw.json_lines import BLANK, KEPT_CHARACTERS, LARGE_BYTES, objects_in, pieces
from o365_pipeline.raw.lake import Lake
from o365_pipeline.raw.manifest import Manifest
from o365_pipeline.raw.parts import stage_parts

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
    lines: Path | None = None
    """A file of numbers with LINE_NUMBER_BYTES each: the line of the landed file where each object begins. None: the
    same line.
    """

    largest: int = 0
    """The object's size in bytes if it is a large one."""


def read(connection: duckdb.DuckDBPyConnection, lake: Lake, manifest: Manifest, directory: Path) -> list[Source]:
    """Makes the landing's rows the view `source` (json, file), and its unreadable lines the table `unreadable`."""
    connection.execute("CREATE TABLE unreadable (file VARCHAR, line BIGINT, raw VARCHAR, reason VARCHAR)")
    sources: list[Source] = []
    staged = stage_parts(lake, manifest, directory)
    for number, (part, local) in enumerate(zip(manifest.parts, staged, strict=True)):
        if part.is_clean:
            sources.append(Source(local, part.path))
        else:
            sources += _split_objects(connection, local, part.path, directory / f"taken-apart-{number}.jsonl")
    connection.execute("CREATE TABLE part (local VARCHAR, path VARCHAR)")
    if not sources:
        connection.execute("CREATE VIEW source AS SELECT NULL::JSON AS json, NULL::VARCHAR AS file WHERE false")
        return sources
    connection.executemany("INSERT INTO part VALUES (?, ?)", [(str(entry.local), entry.path) for entry in sources])
    large = [entry for entry in sources if entry.largest]
    if large:
        _raise_memory_limit(connection, max(entry.largest for entry in large))
    groups = ([entry for entry in sources if not entry.largest], large)
    objects = " UNION ALL ".join(f"SELECT json, filename FROM {_objects(group)}" for group in groups if group)
    connection.execute(
        f"CREATE VIEW source AS SELECT json, part.path AS file FROM ({objects}) AS o "
        "JOIN part ON part.local = o.filename"
    )
    return sources


def locate_rejected_rows(connection: duckdb.DuckDBPyConnection, sources: list[Source], directory: Path) -> None:
    """Makes the table `rejected` (file, line, reason, raw, day) of the rows of `typed` that have a reason.

    Rows are found by a fingerprint of their text. Of several rows with the same text, the first is the one that was
    kept.
    """
    connection.execute(
        "CREATE TABLE sought AS SELECT DISTINCT fingerprint FROM typed WHERE reason IS NOT NULL;"
        "CREATE TABLE origin (fingerprint UBIGINT, file VARCHAR, line BIGINT, raw VARCHAR)"
    )
    [(sought,)] = connection.execute("SELECT count(*) FROM sought").fetchall()
    for source in sources if sought else []:
        _find(connection, source, directory)
    connection.execute(
        """
        CREATE TABLE rejected AS
        WITH judged AS (
            SELECT fingerprint, reason, day, raw, file,
                row_number() OVER (PARTITION BY fingerprint ORDER BY day) AS copy
            FROM typed WHERE reason IS NOT NULL
        ),
        placed AS (
            SELECT *, row_number() OVER (PARTITION BY fingerprint ORDER BY file DESC, line DESC) AS copy FROM origin
        )
        SELECT coalesce(placed.file, judged.file) AS file, line, reason, coalesce(placed.raw, judged.raw) AS raw, day
        FROM judged LEFT JOIN placed USING (fingerprint, copy)
        """
    )


def _objects(sources: list[Source]) -> str:
    return objects_in([source.local for source in sources], max(source.largest for source in sources))


def _raise_memory_limit(connection: duckdb.DuckDBPyConnection, largest: int) -> None:
    """Raises DuckDB's memory limit to what a large object needs."""
    megabytes = max(int(MEMORY_LIMIT.removesuffix("MB")), MEMORY_FOR_LARGE * largest // 1_000_000)
    connection.execute(f"SET memory_limit = '{megabytes}MB'; SET threads = 1")


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
            f"json_extract_string(json, ['$.id', '$.Id']) AS v FROM {_objects([source])}) "
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
    sources = [Source(target, path, lines)]
    place = number = 0
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
                sources.append(Source(large, path, begin, len(content)))
            else:
                objects.write(content + b"\n")
                begins.write(piece.line.to_bytes(LINE_NUMBER_BYTES, "little"))
    return sources


def _find(connection: duckdb.DuckDBPyConnection, source: Source, directory: Path) -> None:
    """Adds the wanted rows of a file to the table `origin`."""
    connection.execute(
        f"""
        CREATE OR REPLACE TABLE found AS
        SELECT fingerprint, place, left(json::VARCHAR, {KEPT_CHARACTERS}) AS raw
        FROM (SELECT json, hash(json) AS fingerprint, row_number() OVER () AS place FROM {_objects([source])})
        SEMI JOIN sought USING (fingerprint)
        """
    )
    places = connection.cursor().execute("SELECT place FROM found ORDER BY place")
    numbers = directory / "numbers.csv"
    with numbers.open("w", encoding="utf-8") as file:
        file.writelines(f"{place},{line}\n" for place, line in _numbered(places, source))
    connection.execute(
        "INSERT INTO origin SELECT fingerprint, ?, line, raw FROM found "
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
