"""Staging a landing from Azure's storage: the lake's own way beside azure-storage-blob, from the same Azurite.

Every way copies the same objects to files, in a process of its own, the ways one after the other and that several
times; the table has the middle of each. What one would write first is `download_blob` of one object after the other;
the other way of the SDK reads each object by eight connections, as the lake does. The exit status is 1 where a copy
differs from its object.
"""

from __future__ import annotations

import argparse
import hashlib
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from azure.storage.blob import ContainerClient
from measures import Measure, add_json_option, tell
from pydantic import SecretStr
from steps import peak

from o365_pipeline.raw.lake import Lake
from o365_pipeline.raw.lakes import Lakes
from o365_pipeline_tests.azurite import ACCOUNTS, MISSING, Azurite, installed, running

CONNECTIONS = 8


@dataclass(frozen=True)
class Storage:
    """The container that is staged."""

    url: str
    container: str
    key: str

    @property
    def lake(self) -> Lake:
        return Lakes(endpoint=f"{self.url}/{{account}}", account_key=SecretStr(self.key)).at(
            ACCOUNTS[0], self.container
        )

    @property
    def client(self) -> ContainerClient:
        signed = {"account_name": ACCOUNTS[0], "account_key": self.key}
        return ContainerClient(f"{self.url}/{ACCOUNTS[0]}", self.container, credential=signed)


def by_lake(storage: Storage, directory: Path) -> None:
    storage.lake.stage([path for path, _ in storage.lake.objects("raw")], directory)


def by_sdk(storage: Storage, directory: Path) -> None:
    _download(storage, directory, 1)


def by_sdk_in_parallel(storage: Storage, directory: Path) -> None:
    _download(storage, directory, CONNECTIONS)


def _download(storage: Storage, directory: Path, connections: int) -> None:
    with storage.client as client:
        for name in client.list_blob_names():
            with (directory / Path(name).name).open("wb") as file:
                client.download_blob(name, max_concurrency=connections).readinto(file)


WAYS: dict[str, Callable[[Storage, Path], None]] = {
    "lake.stage": by_lake,
    "download_blob, one by one": by_sdk,
    f"download_blob, {CONNECTIONS} connections": by_sdk_in_parallel,
}


def main() -> int:
    options = _options()
    if options.way:
        _stage(options.way, Storage(*sys.stdin.read().split()), options.directory)
        return 0
    program = installed()
    if program is None:
        print(f"left out: {MISSING}")
        return 0
    with running(program) as azurite, tempfile.TemporaryDirectory() as work:
        return _compare(azurite, options, Path(work))


def _compare(azurite: Azurite, options: argparse.Namespace, work: Path) -> int:
    objects, megabytes, rounds = options.objects, options.megabytes, options.rounds
    storage = Storage(azurite.url, azurite.make_container(), azurite.key)
    print(f"{objects} objects of {megabytes} MB in Azurite, the middle of {rounds} rounds", flush=True)
    expected = sorted(_fill(storage.lake, number, megabytes, work) for number in range(objects))
    measured: dict[str, list[tuple[float, float]]] = {way: [] for way in WAYS}
    for _ in range(rounds):
        for way in WAYS:
            with tempfile.TemporaryDirectory(dir=work) as directory:
                measured[way].append(_in_a_process(way, storage, Path(directory)))
                if sorted(_digest(file) for file in Path(directory).iterdir()) != expected:
                    print(f"FAILED: {way}: a copy differs from its object", file=sys.stderr)
                    return 1
    _print_table(measured, objects * megabytes)
    ours, theirs = (statistics.median(seconds for seconds, _ in measured[way]) for way in list(WAYS)[:2])
    what = f"staging of {objects} objects of {megabytes} MB"
    tell(options.json, [Measure(what, ours, "s", "azure-storage-blob, one by one", theirs)])
    return 0


def _fill(lake: Lake, number: int, megabytes: int, work: Path) -> str:
    source = work / "source"
    with source.open("wb") as file:
        for _ in range(megabytes):
            file.write(os.urandom(1_000_000))
    lake.write(f"raw/part-{number:05d}.json", source)
    return _digest(source)


def _digest(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _in_a_process(way: str, storage: Storage, directory: Path) -> tuple[float, float]:
    """(seconds, peak MB) of one way; the key goes by standard input, where no list of processes shows it."""
    ended = subprocess.run(  # noqa: S603 - this script
        [sys.executable, __file__, "--way", way, "--directory", str(directory)],
        input=f"{storage.url} {storage.container} {storage.key}",
        stdout=subprocess.PIPE,
        text=True,
        check=True,
    )
    seconds, peak_mb = ended.stdout.split()
    return float(seconds), float(peak_mb)


def _stage(way: str, storage: Storage, directory: Path) -> None:
    began = time.perf_counter()
    WAYS[way](storage, directory)
    print(f"{time.perf_counter() - began:.3f} {peak():.0f}")


def _print_table(measured: dict[str, list[tuple[float, float]]], megabytes: int) -> None:
    width = max(map(len, measured))
    print(f"{'':{width}} {'seconds':>8} {'MB/s':>6} {'peak MB':>8}")
    own = statistics.median(seconds for seconds, _ in measured["lake.stage"])
    for way, runs in measured.items():
        seconds, peak_mb = (statistics.median(values) for values in zip(*runs, strict=True))
        times = f"{seconds / own:.1f}x" if seconds != own else ""
        print(f"{way:{width}} {seconds:8.2f} {megabytes / seconds:6.0f} {peak_mb:8.0f}  {times}")


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--objects", type=int, default=8)
    parser.add_argument("--megabytes", type=int, default=40, help="size of each object")
    parser.add_argument("--rounds", type=int, default=3)
    add_json_option(parser)
    parser.add_argument("--way", choices=WAYS, help=argparse.SUPPRESS)
    parser.add_argument("--directory", type=Path, help=argparse.SUPPRESS)
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
