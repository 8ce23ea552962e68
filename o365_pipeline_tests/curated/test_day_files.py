"""A dataset's folder is one table to whoever reads it, and whoever replaces a day may be killed at any moment."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

import duckdb
import pytest

from o365_pipeline.curated import day_files
from o365_pipeline.curated.day_files import (
    CURATED,
    ONLY_PART,
    PARTS,
    day_folder,
    day_of,
    extraction_of,
    files_below,
    parquet,
    parts_below,
    parts_of,
    rewrite_part,
    rows_in,
    table_folder,
    write_day,
)
from o365_pipeline.curated.quarantine import Selection, opened
from o365_pipeline.customers.customer import Customer
from o365_pipeline.datasets import Dataset, catalogue
from o365_pipeline.errors import LakeError
from o365_pipeline.raw.duckdb_session import duckdb_session
from o365_pipeline.raw.lake import Lake
from o365_pipeline.raw.lakes import Lakes
from o365_pipeline_tests.curated.conftest import FIRST, Landing, row
from o365_pipeline_tests.duckdb_files import connection as reader

SECOND = FIRST + dt.timedelta(days=1)
FOLDER = day_folder(CURATED, "message", "contoso", FIRST)
MANY = "SELECT md5(n::VARCHAR) AS id, n FROM range({rows}) AS numbers(n) ORDER BY id"

Write = Callable[[int], int]


@pytest.fixture
def write(lake: Lake) -> Iterator[Write]:
    """Writes the day anew with so many rows."""
    with duckdb_session() as (connection, directory):
        yield lambda rows: write_day(connection, lake, FOLDER, MANY.format(rows=rows), "x1", directory)


@pytest.fixture
def small_parts(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(day_files, "PART_BYTES", 12_000)


def rows_of(lake: Lake, paths: list[str]) -> list[tuple[str, int]]:
    return [
        found for file in lake.stage(paths, Path()) for found in reader().execute(f"FROM {parquet([file])}").fetchall()
    ]


def expected(rows: int) -> list[tuple[str, int]]:
    return reader().execute(MANY.format(rows=rows)).fetchall()


def names(lake: Lake) -> list[str]:
    return [path.rpartition("/")[2] for path, _ in lake.objects(FOLDER)]


def test_a_day_of_ordinary_size_is_one_file_that_is_replaced_where_it_lies(lake: Lake, write: Write) -> None:
    assert [write(2_000), write(10)] == [2_000, 10]

    assert parts_of(lake, FOLDER) == [f"{FOLDER}/{ONLY_PART}"]
    assert day_of(f"{FOLDER}/{ONLY_PART}") == FIRST
    assert names(lake) == [ONLY_PART]


@pytest.mark.usefixtures("small_parts")
def test_a_large_day_is_files_of_bounded_size_in_the_order_of_its_rows(lake: Lake, write: Write) -> None:
    write(1_500)

    parts = parts_below(lake, table_folder(CURATED, "message", "contoso"))
    assert len(parts) > 2
    assert max(size for _, size in parts) < 1.5 * 12_000
    assert rows_of(lake, [path for path, _ in parts]) == expected(1_500)
    files = lake.stage([path for path, _ in parts], Path())
    assert {extraction_of(reader(), file) for file in files} == {"x1"}


@pytest.mark.usefixtures("small_parts")
def test_the_same_large_day_gives_the_same_objects_and_another_leaves_none_of_them(lake: Lake, write: Write) -> None:
    write(1_500)
    first = {path: lake.read(path) for path, _ in lake.objects(FOLDER)}

    write(1_500)
    assert {path: lake.read(path) for path, _ in lake.objects(FOLDER)} == first
    write(10)

    assert rows_of(lake, parts_of(lake, FOLDER)) == expected(10)
    assert [path for path, _ in files_below(lake, FOLDER)] == parts_of(lake, FOLDER)


class KilledError(Exception):
    """The process dies here."""


@pytest.mark.usefixtures("small_parts")
@pytest.mark.parametrize(("before", "after"), [(10, 1_500), (1_500, 10), (1_500, 2_000), (0, 1_500)])
def test_whenever_the_writer_is_killed_readers_see_the_old_day_or_the_new_one(
    lake: Lake, write: Write, monkeypatch: pytest.MonkeyPatch, before: int, after: int
) -> None:
    write(before)
    seen, acts = [], 0
    while True:
        acts += 1
        left = acts
        with monkeypatch.context() as patch:

            def counted(act: Callable[..., None]) -> Callable[..., None]:
                def killed(*arguments: object) -> None:
                    nonlocal left
                    left -= 1
                    if left < 0:
                        raise KilledError
                    act(*arguments)

                return killed

            for name in ("write", "delete"):
                patch.setattr(Lake, name, counted(getattr(Lake, name)))
            try:
                write(after)
            except KilledError:
                seen.append(len(rows_of(lake, parts_of(lake, FOLDER))))
                continue
            break

    assert set(seen) <= {before, after}
    assert seen == sorted(seen, key=[before, after].index)
    assert rows_of(lake, parts_of(lake, FOLDER)) == expected(after)
    assert [path for path, _ in files_below(lake, FOLDER)] == parts_of(lake, FOLDER)


@pytest.mark.usefixtures("small_parts")
def test_one_file_of_a_large_day_is_rewritten_and_what_does_not_count_is_deleted(lake: Lake, write: Write) -> None:
    write(1_500)
    first, second, *rest = parts_of(lake, FOLDER)
    lake.write(f"{FOLDER}/part-00009-left.parquet", lake.read(first))

    with duckdb_session() as (connection, directory):
        for path, _ in files_below(lake, FOLDER):
            if path not in rest and path != first:
                [local] = lake.stage([path], directory)
                rewrite_part(connection, lake, path, local, f"FROM {parquet([local])} WHERE false", directory)

    kept = parts_of(lake, FOLDER)
    assert [kept[0], *kept[2:]] == [first, *rest]
    assert kept[1] != second
    assert rows_of(lake, kept) == rows_of(lake, [first, *rest])
    assert [path for path, _ in files_below(lake, FOLDER)] == kept
    assert extraction_of(reader(), lake.stage([kept[1]], Path())[0]) == "x1"


@pytest.mark.usefixtures("small_parts")
def test_a_file_that_was_lost_is_named(lake: Lake, write: Write) -> None:
    write(1_500)
    lake.delete([lost := parts_of(lake, FOLDER)[1]])

    with pytest.raises(LakeError, match=f"{lost} is not in the lake any more: curate its day again"):
        parts_of(lake, FOLDER)


def test_a_folder_of_a_day_adds_no_column_to_its_files(lake: Lake, write: Write) -> None:
    write(1)
    [file] = lake.stage(parts_of(lake, FOLDER), Path())

    assert [name for name, *_ in reader().execute(f"DESCRIBE FROM {parquet([file])}").fetchall()] == ["id", "n"]
    assert [name for name, *_ in duckdb.execute(f"DESCRIBE FROM '{file}'").fetchall()] == ["id", "n", "customer", "day"]


def describe(table: str) -> dict[str, str]:
    return {name: kind for name, kind, *_ in reader().execute(f"DESCRIBE FROM {table}").fetchall()}


@pytest.fixture(scope="module")
def every_dataset(tmp_path_factory: pytest.TempPathFactory) -> Mapping[Path, Dataset]:
    """The folder of each table: one row, and a day of each of two customers without rows."""
    lake = Lake.in_folder(tmp_path_factory.mktemp("lake"))
    tables = {name: dataset for dataset in catalogue().newest for name in (dataset.asset_name, dataset.current_name)}
    with duckdb_session() as (connection, directory):
        for name, dataset in tables.items():
            empty = rows_in(dataset, [])
            one = f"SELECT * REPLACE ('x1' AS extraction_id) FROM (SELECT 1) LEFT JOIN ({empty}) AS nothing ON true"
            columns = ", ".join(f'"{field}"' for field in dataset.curated_schema)
            for query, customer, day in ((empty, "a-1", FIRST), (one, "42", SECOND), (empty, "42", FIRST)):
                folder = day_folder(CURATED, str(name), customer, day)
                write_day(connection, lake, folder, f"SELECT {columns} FROM ({query})", "x1", directory)
    return {Path(str(lake.folder), CURATED, str(name)): dataset for name, dataset in tables.items()}


def test_every_dataset_is_one_table_to_duckdb(every_dataset: Mapping[Path, Dataset]) -> None:
    for folder, dataset in every_dataset.items():
        types = "hive_types = {'customer': VARCHAR, 'day': DATE}"
        table = f"read_parquet('{folder}/**/*.parquet', hive_partitioning = true, {types})"
        found = describe(table)
        assert list(found) == [*dataset.curated_schema, "customer", "day"]
        assert (found["customer"], found["day"]) == ("VARCHAR", "DATE")
        rows = reader().execute(f"SELECT customer, day, extraction_id FROM {table}").fetchall()
        assert rows == [("42", SECOND, "x1")]


def test_every_dataset_is_one_table_to_polars(every_dataset: Mapping[Path, Dataset]) -> None:
    polars = pytest.importorskip("polars")
    for folder, dataset in every_dataset.items():
        frame = polars.scan_parquet(folder, hive_schema={"customer": polars.String, "day": polars.Date})
        found = frame.collect_schema()
        assert list(found) == [*dataset.curated_schema, "customer", "day"]
        assert (found["customer"], found["day"]) == (polars.String, polars.Date)
        assert frame.select("customer", "day", "extraction_id").collect().rows() == [("42", SECOND, "x1")]


def test_what_is_curated_of_two_versions_reads_as_one_table(landing: Landing) -> None:
    mail = {"SentDateTime": "2026-11-16T10:00:00Z"}
    landing.curate(
        "Message_v0", [row(Id="m1", **mail), row(Id="m2", SentDateTime="2026-11-17T10:00:00Z")], last_day=SECOND
    )
    landing.curate("Message_v1", [row(id="m3", sentDateTime="2026-11-16T10:00:00Z")])

    table = f"read_parquet('{landing.lake.folder}/{CURATED}/message/**/*.parquet', hive_partitioning = true)"

    found = reader().execute(f"SELECT day, id, customer FROM {table} ORDER BY day").fetchall()
    assert found == [(FIRST, "m3", "contoso"), (SECOND, "m2", "contoso")]
    assert list(describe(table)) == [*catalogue()["Message_v1"].curated_schema, "customer", "day"]


def test_a_dataset_may_not_have_a_column_of_the_folders() -> None:
    told = {"table_name": "BasicDataSet_v0.Day_v1", "description": "Days.", "family": "outlook", "scopes": ("All",)}
    values = {**told, "free_of_charge": True, "natural_key": ("id",), "slicing": "none"}

    with pytest.raises(ValueError, match="the folders of its files have day already"):
        Dataset.model_validate({**values, "columns": {"id": "string", "Day": "datetime"}})


def test_rejected_rows_of_several_files_count_once(
    landing: Landing, customer: Customer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(day_files, "PART_BYTES", 2_000)
    rows = [row(puser="u1", importance=f"{number:09}" * 60) for number in range(300)]
    landing.curate("Message_v1", rows)
    folder = day_folder("quarantine", "message", "contoso", FIRST)
    lake = landing.lake
    lake.write(f"{folder}/part-00009-left.parquet", lake.read(parts_of(lake, folder)[0]))

    assert f"{folder}/{PARTS}" in dict(lake.objects(folder))
    with opened(Lakes(lake.url), [customer], Selection()) as connection:
        assert connection.execute("SELECT count(*), count(DISTINCT line) FROM quarantine").fetchall() == [(300, 300)]
