"""Takes a person out of the files of a customer's lake: raw files under a new manifest, and all stages' Parquet files.

What belongs here: finding and rewriting files, in bounded memory. What of a row is hers is decided in `person_rows.py`.
"""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any

import duckdb
import sqlalchemy as sa

from o365_pipeline.curated.day_files import CURATED, day_of, files_below, parquet, rewrite_part, table_folder
from o365_pipeline.customers.customer import Customer
from o365_pipeline.database.database import Database
from o365_pipeline.database.ledger import extraction, landing
from o365_pipeline.datasets import Dataset, catalogue
from o365_pipeline.errors import DamagedLandingError
from o365_pipeline.extraction import extraction_ledger
from o365_pipeline.extraction.extraction_ledger import WITHOUT_DATA, Extraction
from o365_pipeline.purge.landing_rewrite import LINES, replace_manifest, rewritten
from o365_pipeline.purge.live_data import CURATED_STAGES
from o365_pipeline.purge.person_rows import PersonRows
from o365_pipeline.raw.duckdb_session import define_function, duckdb_session
from o365_pipeline.raw.json_lines import objects_in, pieces
from o365_pipeline.raw.lake import Lake
from o365_pipeline.raw.manifest import Part, read_manifest, sealed_landing
from o365_pipeline.raw.parts import parts_in_turn
from o365_pipeline.raw.release import release_landing

MARK_LENGTH = 8
ROWS_AT_ONCE = 1_000

PLACE = "file_row_number"
"""What DuckDB calls a row's place in a Parquet file."""

PLACES = f"{PLACE} = true"


@dataclass(frozen=True)
class DayFile:
    """A Parquet file of a dataset's day."""

    path: str
    size: int
    dataset: Dataset
    day: dt.date

    @property
    def is_loaded(self) -> bool:
        """Whether the mart is made of it."""
        return self.path.startswith(f"{CURATED}/")


def landed(database: Database, customer: Customer) -> Iterator[tuple[Extraction, str]]:
    """Returns the customer's landings whose raw files are kept, with the paths of their manifests."""
    query = (
        sa.select(extraction.c.extraction_id)
        .join(landing, landing.c.extraction_id == extraction.c.extraction_id)
        .where(extraction.c.customer == customer.name, extraction.c.status.not_in(WITHOUT_DATA))
        .order_by(extraction.c.extraction_id)
    )
    with database.begin() as connection:
        ids = connection.scalars(query).all()
    for extraction_id in ids:
        entry = extraction_ledger.find(database, extraction_id)
        sealed = sealed_landing(database, entry) if entry else None
        if entry and sealed and sealed.is_kept and entry.dataset in catalogue():
            yield entry, sealed.path


@dataclass(frozen=True)
class NamingRow:
    """A row that names a person, and where it is."""

    stage: str
    name: str
    where: str
    is_own: bool
    content: Any
    """The row's values by name, or text that is no row."""


def rows_of_landings(
    database: Database, lake: Lake, customer: Customer, rows: PersonRows
) -> Iterator[NamingRow | DamagedLandingError]:
    """Returns the rows of raw files that name a person; instead of a damaged landing's, the error."""
    for entry, path in landed(database, customer):
        dataset = catalogue()[entry.dataset]
        try:
            with duckdb_session() as (connection, _):
                search = _Search(connection, rows)
                for part, local in parts_in_turn(lake, read_manifest(lake, entry, path)):
                    if part.is_clean:
                        search.find(dataset, _lines(local))
                        naming = _hits(connection)
                    else:
                        naming = _pieces_naming(rows, dataset, local)
                    for text, is_own in naming:
                        yield NamingRow("raw", dataset.asset_name, part.path, is_own, _content(text))
        except DamagedLandingError as error:
            yield error


def rows_of_files(lake: Lake, customer: Customer, rows: PersonRows) -> Iterator[NamingRow]:
    """Returns the rows of Parquet files that name a person."""
    files = {file.path: file for file in day_files(lake, customer)}
    with duckdb_session() as (connection, _):
        search = _Search(connection, rows)
        for path, local in lake.staged_in_turn((file.path, file.size) for file in files.values()):
            if search.find(files[path].dataset, _numbered(local)):
                stage, folder, *_ = PurePosixPath(path).parts
                for text, is_own in _hits(connection):
                    yield NamingRow(stage, folder, path, is_own, _content(text))


def _hits(connection: duckdb.DuckDBPyConnection) -> Iterator[tuple[str, bool]]:
    found = connection.execute("SELECT text, made IS NULL FROM hit ORDER BY place")
    while some := found.fetchmany(ROWS_AT_ONCE):
        yield from some


def _pieces_naming(rows: PersonRows, dataset: Dataset, file: Path) -> Iterator[tuple[str, bool]]:
    for piece in pieces(file):
        if (left := rows.erased(piece.text, dataset)) != piece.text:
            yield piece.text, left is None


def _content(text: str) -> Any:
    try:
        row = json.loads(text)
    except (ValueError, RecursionError):
        return text
    return {name: value for name, value in row.items() if name != PLACE} if isinstance(row, dict) else row


def erase_from_raw(database: Database, lake: Lake, customer: Customer, rows: PersonRows, request_id: str) -> int:
    """Takes the person out of all landings; returns how many rows named her.

    A landing that is damaged is given up as a whole, since nobody knows what it holds.
    """
    return sum(_erase_landing(database, lake, rows, request_id, *found) for found in landed(database, customer))


def _erase_landing(
    database: Database, lake: Lake, rows: PersonRows, request_id: str, entry: Extraction, path: str
) -> int:
    dataset, changed, search = catalogue()[entry.dataset], 0, None

    def rewrite(connection: duckdb.DuckDBPyConnection, part: Part, source: Path, target: Path) -> bool:
        nonlocal changed, search
        search = search or _Search(connection, rows)
        if part.is_clean:
            count = _rewrite(connection, search, dataset, source, target)
        else:
            count = _rewrite_odd(rows, dataset, source, target)
        changed += count
        return count > 0

    try:
        manifest = read_manifest(lake, entry, path)
        left = rewritten(lake, manifest, f"erased-{request_id[:MARK_LENGTH]}", rewrite)
    except DamagedLandingError as error:
        release_landing(database, lake, entry, f"a person could not be erased: {error}", dt.datetime.now(dt.UTC))
        return 0
    replace_manifest(lake, database, path, manifest, left if changed else manifest)
    return changed


def _rewrite(
    connection: duckdb.DuckDBPyConnection, search: _Search, dataset: Dataset, source: Path, target: Path
) -> int:
    """Writes a clean file's rows without the person; returns how many were hers or named her."""
    numbered = _lines(source)
    if not (count := search.find(dataset, numbered)):
        return 0
    query = (
        f"SELECT CASE WHEN hit.place IS NULL THEN line.text ELSE made END AS text FROM ({numbered}) AS line "
        "LEFT JOIN hit USING (place) WHERE hit.place IS NULL OR made IS NOT NULL ORDER BY place"
    )
    connection.execute(f"COPY ({query}) TO '{target}' {LINES}")
    return count


def _rewrite_odd(rows: PersonRows, dataset: Dataset, source: Path, target: Path) -> int:
    """Writes an odd file's pieces without the person, one on a line; one by one, since some may be large."""
    count = 0
    with target.open("w", encoding="utf-8", errors="surrogateescape") as file:
        for piece in pieces(source):
            left = rows.erased(piece.text, dataset)
            count += left != piece.text
            if left is not None:
                file.write(left + "\n")
    if not count:
        target.unlink()
    return count


class _Search:
    """Finds the rows that name a person, with one connection to DuckDB.

    Few rows match the pattern: only these are judged in Python.
    """

    def __init__(self, connection: duckdb.DuckDBPyConnection, rows: PersonRows) -> None:
        self._connection = connection
        self._rows = rows
        self._defined: set[str] = set()

    def find(self, dataset: Dataset, numbered: str) -> int:
        """Makes the table `hit` (place, text, made) of rows (place, text) that name the person; returns how many."""
        erased = f"erased_{dataset.asset_name}"
        if erased not in self._defined:
            self._defined.add(erased)
            define_function(self._connection, erased, lambda text: self._rows.erased(text, dataset))
        self._connection.execute(
            "CREATE OR REPLACE TEMP TABLE hit AS SELECT place, text, made FROM ("
            f"SELECT place, text, {erased}(text) AS made FROM ({numbered}) WHERE regexp_matches(text, ?)"
            ") WHERE made IS DISTINCT FROM text",
            [self._rows.sql_pattern],
        )
        return int(self._connection.execute("SELECT count(*) FROM hit").fetchall()[0][0])


def day_files(lake: Lake, customer: Customer) -> Iterator[DayFile]:
    """Returns the customer's Parquet files of all stages."""
    by_folder = {dataset.asset_name: dataset for dataset in catalogue().newest}
    by_folder |= {dataset.current_name: dataset for dataset in catalogue().newest if dataset.current_name}
    for stage in CURATED_STAGES:
        for folder in lake.folders(stage):
            of_customer = table_folder(stage, folder, customer.name)
            for path, size in files_below(lake, of_customer) if folder in by_folder else ():
                yield DayFile(path, size, by_folder[folder], day_of(path))


def files_naming(lake: Lake, customer: Customer, rows: PersonRows) -> list[DayFile]:
    """Returns the Parquet files with rows that name the person."""
    files = {file.path: file for file in day_files(lake, customer)}
    with duckdb_session() as (connection, _):
        search = _Search(connection, rows)
        return [
            files[path]
            for path, local in lake.staged_in_turn((file.path, file.size) for file in files.values())
            if search.find(files[path].dataset, _numbered(local))
        ]


def rewrite_files(lake: Lake, files: Sequence[DayFile], rows: PersonRows) -> int:
    """Writes Parquet files without the person; returns how many of their rows were hers or named her."""
    count, by_path = 0, {file.path: file for file in files}
    with duckdb_session() as (connection, directory):
        search = _Search(connection, rows)
        for path, local in lake.staged_in_turn((file.path, file.size) for file in files):
            count += search.find(by_path[path].dataset, _numbered(local))
            rewrite_part(connection, lake, path, local, _left(connection, local), directory)
    return count


def _lines(file: Path) -> str:
    return f"SELECT row_number() OVER () AS place, json::VARCHAR AS text FROM {objects_in([file])}"


def _numbered(file: Path) -> str:
    return (
        "SELECT found.file_row_number AS place, to_json(found)::VARCHAR AS text "
        f"FROM {parquet([file], PLACES)} AS found"
    )


def _left(connection: duckdb.DuckDBPyConnection, file: Path) -> str:
    """Returns SQL for a file's rows without what the table `hit` names, in their order."""
    rows = parquet([file], PLACES)
    schema = connection.execute(f"DESCRIBE SELECT * FROM {rows}").fetchall()
    columns = ", ".join(f'"{name}"' for name, *_ in schema if name != "file_row_number")
    shape = ", ".join(f'"{name}" {kind}' for name, kind, *_ in schema)
    return (
        f"SELECT {columns} FROM (SELECT * FROM {rows} WHERE file_row_number NOT IN (SELECT place FROM hit) UNION ALL "
        f"SELECT unnest(made::JSON::STRUCT({shape})) FROM hit WHERE made IS NOT NULL) ORDER BY file_row_number"
    )
