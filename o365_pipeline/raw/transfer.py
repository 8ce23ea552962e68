"""Transfers between a store and the local disk: in pieces, several at a time, in bounded memory, with progress reports.

What belongs here: moving whole objects. What a lake is belongs to `lake.py`; its errors belong to `lake_errors.py`.
"""

from __future__ import annotations

import logging
import shutil
import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, as_completed, wait
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

import obstore
from obstore.store import ObjectStore

from o365_pipeline.errors import LakeError

if TYPE_CHECKING:
    from obstore import GetOptions

PIECE_BYTES = 8 * 1024 * 1024
WORKERS = 8
"""How many pieces are transferred at a time: 64 MB in all, whatever the objects' sizes are."""

PROGRESS_SECONDS = 10

Progress = Callable[[str, int, int], None]
"""Is called with the action, the bytes done and the bytes in all."""

Item = TypeVar("Item")
Result = TypeVar("Result")


def no_progress(_what: str, _done: int, _total: int) -> None:
    """Ignores progress."""


def log_progress(log: logging.Logger, of: str) -> Progress:
    """Reports progress as lines of a log, one every few seconds."""
    last_report = time.monotonic()

    def report(what: str, done: int, total: int) -> None:
        nonlocal last_report
        if time.monotonic() - last_report >= PROGRESS_SECONDS:
            last_report = time.monotonic()
            log.info(f"{of}: {what} {done / 1e6:,.0f} of {total / 1e6:,.0f} MB")

    return report


@dataclass(frozen=True)
class Piece:
    """A range of an object, and the file that it is written to."""

    path: str
    version: str | None
    file: Path
    start: int
    end: int


def download(store: ObjectStore, targets: Mapping[str, Path], progress: Progress = no_progress) -> None:
    """Copies objects to local files; each file is complete or missing.

    Raises:
        LakeError: the disk has no room for them; nothing was copied.
        PreconditionError: an object was replaced meanwhile.
    """
    with _workers() as pool:
        found = dict(zip(targets, pool.map(lambda path: obstore.head(store, path), targets), strict=True))
        total = sum(meta["size"] for meta in found.values())
        for directory in {target.parent for target in targets.values()}:
            _check_room(directory, total)
        files = {path: target.with_name(f"{target.name}.part") for path, target in targets.items()}
        pieces = [
            Piece(path, meta["e_tag"], files[path], start, min(start + PIECE_BYTES, meta["size"]))
            for path, meta in found.items()
            for start in range(0, meta["size"], PIECE_BYTES)
        ]
        left = Counter(piece.path for piece in pieces)
        try:
            for path, file in files.items():
                file.touch()
                if not left[path]:
                    file.replace(targets[path])
            done = 0
            for piece in _as_done(pool, lambda piece: _fetch(store, piece), pieces):
                done += piece.end - piece.start
                left[piece.path] -= 1
                if not left[piece.path]:
                    piece.file.replace(targets[piece.path])
                progress("staged", done, total)
        finally:
            pool.shutdown(cancel_futures=True)
            for file in files.values():
                file.unlink(missing_ok=True)


def upload(store: ObjectStore, path: str, source: Path, progress: Progress = no_progress) -> None:
    """Uploads a local file, completely or not at all: in blocks that become the object when all of them are there."""
    total = source.stat().st_size
    if total <= PIECE_BYTES:
        obstore.put(store, path, source.read_bytes())
    else:
        obstore.put(store, path, _counted(source, total, progress), chunk_size=PIECE_BYTES, max_concurrency=WORKERS)


def _counted(source: Path, total: int, progress: Progress) -> Iterator[bytes]:
    done = 0
    with source.open("rb") as file:
        while piece := file.read(PIECE_BYTES):
            yield piece
            done += len(piece)
            progress("wrote", done, total)


def _check_room(directory: Path, needed: int) -> None:
    free = shutil.disk_usage(directory).free
    if needed > free:
        raise LakeError(
            f"{directory} has {free / 1e6:,.0f} MB free, {needed / 1e6:,.0f} MB of the lake are to be staged there; "
            "make room, or set TMPDIR to a folder on a larger disk"
        )


def _fetch(store: ObjectStore, piece: Piece) -> Piece:
    of_version: GetOptions = {"range": (piece.start, piece.end), "if_match": piece.version}
    content = obstore.get(store, piece.path, options=of_version).bytes()
    with piece.file.open("r+b") as file:
        file.seek(piece.start)
        file.write(content)
    return piece


@contextmanager
def _workers() -> Iterator[ThreadPoolExecutor]:
    """Opens a pool of threads; if the work is interrupted, items that have not begun are cancelled."""
    with ThreadPoolExecutor(WORKERS, thread_name_prefix="lake") as pool:
        try:
            yield pool
        finally:
            pool.shutdown(cancel_futures=True)


def _as_done(pool: ThreadPoolExecutor, work: Callable[[Item], Result], items: Iterable[Item]) -> Iterator[Result]:
    """Returns the results of the work in the order of their completion, with few items queued ahead."""
    waiting: set[Future[Result]] = set()
    for item in items:
        waiting.add(pool.submit(work, item))
        if len(waiting) >= 2 * WORKERS:
            done, waiting = wait(waiting, return_when=FIRST_COMPLETED)
            yield from (future.result() for future in done)
    yield from (future.result() for future in as_completed(waiting))
