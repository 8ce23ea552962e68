"""A file whose connections come and go waits for the disk as seldom as one that stays open, and loses nothing."""

from __future__ import annotations

import os
import sqlite3
import threading
from collections import OrderedDict
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from functools import cache
from pathlib import Path

import pytest
import sqlalchemy as sa

from o365_pipeline.database import kept_open


@pytest.fixture(autouse=True)
def kept(monkeypatch: pytest.MonkeyPatch) -> Iterator[kept_open._KeptOpen]:
    of_processes = cache(lambda _process: kept_open._KeptOpen())
    monkeypatch.setattr(kept_open, "_kept", of_processes)
    yield (of_test := of_processes(os.getpid()))
    for connection in of_test._connections.values():
        connection.close()


def write(path: Path, number: int) -> None:
    """One event, as Dagster writes it: by an engine of its own."""
    engine = sa.create_engine(f"sqlite:///{path}", poolclass=sa.NullPool)
    with engine.begin() as connection:
        connection.exec_driver_sql("PRAGMA journal_mode = WAL")
        connection.exec_driver_sql("CREATE TABLE IF NOT EXISTS numbers (number INTEGER)")
        connection.exec_driver_sql(f"INSERT INTO numbers VALUES ({number})")


def numbers(path: Path) -> list[int]:
    """What another program reads."""
    with sqlite3.connect(path) as connection:
        return [number for (number,) in connection.execute("SELECT number FROM numbers ORDER BY number")]


def log_of(path: Path) -> Path:
    return path.with_name(f"{path.name}-wal")


def test_the_log_is_not_emptied_at_each_event_and_everybody_reads_it(tmp_path: Path) -> None:
    path = tmp_path / "events.db"
    write(path, 0)
    assert not log_of(path).exists(), "before the file had a log nobody could hold it open"
    for number in range(1, 4):
        write(path, number)
        assert log_of(path).stat().st_size > 0
    assert numbers(path) == [0, 1, 2, 3]


def test_a_file_that_is_made_anew_at_the_same_place_has_a_log_of_its_own(tmp_path: Path) -> None:
    path = tmp_path / "events.db"
    for number in range(3):
        write(path, number)
    for file in tmp_path.iterdir():
        file.unlink()
    for number in range(10, 13):
        write(path, number)
    assert numbers(path) == [10, 11, 12]


def test_no_more_files_are_held_open_than_is_said(
    tmp_path: Path, kept: kept_open._KeptOpen, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(kept_open, "FILES_KEPT", 3)
    paths = [tmp_path / f"{number}.db" for number in range(8)]
    for path in paths * 2:
        write(path, 1)
    assert len(kept._connections) == 3
    assert [path for path in paths if log_of(path).exists()] == paths[-3:]
    assert all(numbers(path) == [1, 1] for path in paths)


class Hesitant(OrderedDict[kept_open.Identity, sqlite3.Connection]):
    """Lets other threads go on between a look and what follows from it."""

    def __contains__(self, identity: object) -> bool:
        found = super().__contains__(identity)
        threading.Event().wait(0.001)
        return found


def test_threads_that_open_many_files_at_once_disturb_nobody(
    tmp_path: Path, kept: kept_open._KeptOpen, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(kept_open, "FILES_KEPT", 1)
    kept._connections = Hesitant()
    paths = [tmp_path / f"{number}.db" for number in range(4)]
    for path in paths:
        write(path, 0)

    def open_often(path: Path) -> None:
        connection = sqlite3.connect(path)
        for _ in range(20):
            kept.keep(connection)
        connection.close()

    with ThreadPoolExecutor(len(paths)) as pool:
        waiting = [pool.submit(open_often, path) for path in paths]
    assert [each.result() for each in waiting] == [None] * len(paths)


def test_a_forked_process_leaves_alone_what_its_parent_holds_open(tmp_path: Path) -> None:
    path = tmp_path / "events.db"
    write(path, 0)
    write(path, 1)
    if not (child := os.fork()):
        write(path, 2)
        os._exit(0)
    assert os.waitpid(child, 0)[1] == 0
    write(path, 3)
    assert numbers(path) == [0, 1, 2, 3]
