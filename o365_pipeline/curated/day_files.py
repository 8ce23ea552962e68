"""The files of a dataset's day: where they lie in the lake, how SQL reads them, and how they are replaced.

    curated/message/customer=contoso/day=2026-11-16/part-00000.parquet

What belongs here: the layout, which is Hive's, so that engines read a dataset by its folder as one table. `customer`
and `day` are columns of the folders' names; no file has them. What the rows are belongs to `curation.py` and
`current_state.py`.

A day whose file would be larger than PART_BYTES is several. Such files are named by their content, and `_parts.json`
beside them names those that count: it is replaced as a whole, so that our readers see the old files or the new ones,
whenever the writer is killed. Engines leave out files whose names begin with an underscore.
"""

from __future__ import annotations

import datetime as dt
import hashlib
import json
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

import duckdb

from o365_pipeline.datasets import PARTITION_COLUMNS, Dataset
from o365_pipeline.errors import LakeError
from o365_pipeline.raw.lake import Lake

CURATED, USER_ROWS, QUARANTINE = "curated", "user_rows", "quarantine"

EXTRACTION_ID = "extraction_id"
"""The key in each Parquet file's metadata that names the extraction of its rows, also if the file is empty."""

PART_BYTES = 256 * 1024 * 1024
"""About the most that one file has."""

GROUP_ROWS = 122_880
"""The most rows of a row group: what DuckDB takes where nothing is said, and reads at once."""

VECTOR_ROWS = 2_048

GROUP_BYTES = 32 * 1024 * 1024
"""About the most that a row group's rows have before they are compressed; whoever reads or writes holds some groups."""

ONLY_PART = "part-00000.parquet"
PARTS = "_parts.json"


def table_folder(stage: str, name: str, customer: str) -> str:
    """Returns the folder of all days of a customer's table."""
    return f"{stage}/{name}/{PARTITION_COLUMNS[0]}={customer}"


def day_folder(stage: str, name: str, customer: str, day: dt.date) -> str:
    """Returns the folder of one day: curated/message/customer=contoso/day=2026-11-16."""
    return f"{table_folder(stage, name, customer)}/{PARTITION_COLUMNS[1]}={day}"


def day_of(path: str) -> dt.date:
    """Returns the day of an object in a day's folder."""
    return dt.date.fromisoformat(PurePosixPath(path).parent.name.partition("=")[2])


def parts_of(lake: Lake, folder: str) -> list[str]:
    """Returns the paths of a day's files, in the order of the rows; none if the day was not written yet."""
    return [path for path, _ in parts_below(lake, folder)]


def parts_below(lake: Lake, folder: str) -> list[tuple[str, int]]:
    """Returns (path, bytes) of the files that count, of all days below a folder."""
    sizes = dict(lake.objects(folder))
    found: list[tuple[str, int]] = []
    for day in sorted({path.rpartition("/")[0] for path in sizes}):
        for path in _counted(lake, day, sizes):
            if path not in sizes:
                raise LakeError(f"{path} is not in the lake any more: curate its day again")
            found.append((path, sizes[path]))
    return found


@dataclass(frozen=True)
class DayFiles:
    """The files of a day that count, and their version: another after each of them is replaced."""

    day: dt.date
    paths: tuple[str, ...]
    version: str


def day_files(lake: Lake, folder: str) -> list[DayFiles]:
    """Returns the files of each day below a folder, in the order of the days."""
    versions = lake.versions(folder)
    found = []
    for of_day in sorted({path.rpartition("/")[0] for path in versions}):
        if paths := tuple(_counted(lake, of_day, versions)):
            told = "\n".join(f"{path.rpartition('/')[2]} {versions.get(path)}" for path in paths)
            found.append(DayFiles(day_of(paths[0]), paths, hashlib.sha256(told.encode()).hexdigest()[:16]))
    return found


def files_below(lake: Lake, folder: str) -> list[tuple[str, int]]:
    """Returns (path, bytes) of every file with rows below a folder, also of those that a killed writer left there."""
    return [(path, size) for path, size in lake.objects(folder) if path.endswith(".parquet")]


def _counted(lake: Lake, folder: str, held: Collection[str]) -> list[str]:
    """Returns which of a day's objects count."""
    if f"{folder}/{PARTS}" in held:
        return [f"{folder}/{name}" for name in json.loads(lake.read(f"{folder}/{PARTS}"))]
    return [path for path in [f"{folder}/{ONLY_PART}"] if path in held]


def parquet(files: Iterable[Path | str], options: str = "") -> str:
    """Returns the table function that reads Parquet files as they are, whatever their folders are called."""
    names = ", ".join("'" + str(file).replace("'", "''") + "'" for file in files)
    return f"read_parquet([{names}], hive_partitioning = false, union_by_name = true{', ' if options else ''}{options})"


def rows_in(dataset: Dataset, files: Sequence[Path], with_file: bool = False) -> str:
    """Returns SQL that reads curated files of a dataset; without files it returns no rows.

    If a file was curated before the catalogue knew a column, the column is null.

    Args:
        with_file: add the column `filename`.
    """
    schema = dataset.curated_schema | ({"filename": "VARCHAR"} if with_file else {})
    query = "SELECT " + ", ".join(f'NULL::{kind} AS "{name}"' for name, kind in schema.items()) + " WHERE false"
    found = parquet(files, f"filename = {str(with_file).lower()}")
    return f"{query} UNION ALL BY NAME SELECT * FROM {found}" if files else query


def extraction_of(connection: duckdb.DuckDBPyConnection, file: Path) -> str | None:
    """Returns the extraction of a file's rows; None if they are of several."""
    found = connection.execute(
        "SELECT value FROM parquet_kv_metadata(?) WHERE key = ?", [str(file), EXTRACTION_ID.encode()]
    ).fetchall()
    return found[0][0].decode() if found else None


def write_day(
    connection: duckdb.DuckDBPyConnection,
    lake: Lake,
    folder: str,
    query: str,
    extraction_id: str | None,
    directory: Path,
    row_bytes: int = 0,
) -> int:
    """Replaces a day's files by a query's rows, in its order, completely or not at all; returns how many rows.

    The same rows give the same files.

    Args:
        row_bytes: the mean size of a row, if it is known.
    """
    whole = directory / "day.parquet"
    group = max(VECTOR_ROWS, min(GROUP_ROWS, GROUP_BYTES // max(row_bytes, 1) // VECTOR_ROWS * VECTOR_ROWS))
    rows = _copy(connection, query, whole, extraction_id, group)
    files = [whole]
    if (count := -(-whole.stat().st_size // PART_BYTES)) > 1:
        files = [directory / f"day-{number}.parquet" for number in range(count)]
        each = -(-rows // count)
        for number, file in enumerate(files):
            place = f"file_row_number >= {number * each} AND file_row_number < {(number + 1) * each}"
            numbered = parquet([whole], "file_row_number = true")
            some = f"SELECT * EXCLUDE file_row_number FROM {numbered} WHERE {place}"
            _copy(connection, some, file, extraction_id, group)
    held = [path for path, _ in lake.objects(folder)]
    if files == [whole] and f"{folder}/{PARTS}" not in held:
        lake.write(f"{folder}/{ONLY_PART}", whole)
        lake.delete([path for path in held if path != f"{folder}/{ONLY_PART}"])
    else:
        _let_count(lake, folder, [_write_part(lake, folder, number, file) for number, file in enumerate(files)])
    for file in {whole, *files}:
        file.unlink()
    return rows


def rewrite_part(
    connection: duckdb.DuckDBPyConnection, lake: Lake, path: str, local: Path, query: str, directory: Path
) -> None:
    """Replaces one file by a query's rows, as rows of the same extraction; one that does not count is deleted.

    Args:
        local: the file's content as it is.
    """
    folder = path.rpartition("/")[0]
    counted = _counted(lake, folder, [found for found, _ in lake.objects(folder)])
    if path not in counted:
        lake.delete([path])
        return
    new = directory / "part.parquet"
    found = connection.execute("SELECT max(row_group_num_rows) FROM parquet_metadata(?)", [str(local)]).fetchall()
    _copy(connection, query, new, extraction_of(connection, local), max(VECTOR_ROWS, found[0][0] or 0))
    if counted == [f"{folder}/{ONLY_PART}"]:
        lake.write(path, new)
    else:
        place = counted.index(path)
        counted[place] = _write_part(lake, folder, place, new)
        _let_count(lake, folder, counted)
    new.unlink()


def _write_part(lake: Lake, folder: str, number: int, file: Path) -> str:
    """Writes one of a day's files under the name of its content; nobody reads it yet."""
    with file.open("rb") as content:
        digest = hashlib.file_digest(content, "sha256").hexdigest()
    path = f"{folder}/part-{number:05d}-{digest[:16]}.parquet"
    lake.write(path, file)
    return path


def _let_count(lake: Lake, folder: str, paths: Sequence[str]) -> None:
    """Lets a day's files count from now on, then deletes the others."""
    names = [PurePosixPath(path).name for path in paths]
    lake.write(f"{folder}/{PARTS}", json.dumps(names, indent=1).encode())
    lake.delete([path for path, _ in lake.objects(folder) if path not in {*paths, f"{folder}/{PARTS}"}])


def _copy(
    connection: duckdb.DuckDBPyConnection, query: str, file: Path, extraction_id: str | None, group_rows: int
) -> int:
    metadata = "" if extraction_id is None else f", KV_METADATA {{{EXTRACTION_ID}: '{extraction_id}'}}"
    options = f"FORMAT parquet, COMPRESSION zstd, ROW_GROUP_SIZE {group_rows}{metadata}"
    return int(connection.execute(f"COPY ({query}) TO '{file}' ({options})").fetchall()[0][0])
