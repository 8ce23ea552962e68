"""Parts: the files of a landing that hold rows, and whether they are still what was sealed.

What belongs here: telling parts from the files beside them, digests, and reading a sealed landing's parts. Sealing
belongs to `landing.py`; giving a damaged landing up belongs to `release.py`.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from functools import partial
from pathlib import Path

import duckdb

from o365_pipeline.raw import json_lines
from o365_pipeline.raw.lake import Lake
from o365_pipeline.raw.manifest import MANIFEST_NAME, Manifest, Part, damaged

BESIDE = ("_", ".")
"""How the names of markers and of hidden files begin: _SUCCESS, .part-0.json.crc."""

METADATA_FOLDER = "metadata"

NAMED_PARTS = 3
"""How many damaged parts a message names."""


def is_part(path: str, size: int) -> bool:
    """Tells whether an object below a run's folder holds rows; the path is the one within that folder."""
    *folders, name = path.split("/")
    beside = [part for part in (*folders, name) if part.startswith(BESIDE)]
    in_metadata = METADATA_FOLDER in (folder.lower() for folder in folders)
    return size > 0 and not beside and not in_metadata and name != MANIFEST_NAME


def part_of(connection: duckdb.DuckDBPyConnection, path: str, local: Path) -> Part:
    """Returns the part that an object becomes; the local file holds its content."""
    with ThreadPoolExecutor(max_workers=1) as beside:
        digest = beside.submit(_digest_of, local)
        held = json_lines.contents(connection, local)
        return Part(
            path=path,
            size=local.stat().st_size,
            digest=digest.result(),
            rows=held.rows,
            is_clean=held.is_clean,
            structure=held.structure,
        )


def _digest_of(file: Path) -> str:
    """Returns the SHA-256 of a file's content."""
    with file.open("rb") as content:
        return hashlib.file_digest(content, "sha256").hexdigest()


@contextmanager
def staged_parts(lake: Lake, manifest: Manifest, directory: Path) -> Iterator[list[Path]]:
    """Yields local files with the content of all parts, in their order, which is compared with what was sealed while
    the body reads it; nothing may be written before the body's end.

    Raises:
        DamagedLandingError: a part is not what was sealed, whatever error the body made of that.
    """
    _check_listing(lake, manifest)
    staged = lake.stage([part.path for part in manifest.parts], directory)
    beside = ThreadPoolExecutor(max_workers=1)
    checks = beside.map(partial(_check_content, manifest), manifest.parts, staged)
    try:
        yield staged
    except Exception:
        list(checks)
        raise
    else:
        list(checks)
    finally:
        beside.shutdown(cancel_futures=True)


def parts_in_turn(lake: Lake, manifest: Manifest) -> Iterator[tuple[Part, Path]]:
    """Returns each part with a local file of its content, while the disk holds only some of them.

    Raises:
        DamagedLandingError: a part is not what was sealed.
    """
    _check_listing(lake, manifest)
    staged = lake.staged_in_turn([(part.path, part.size) for part in manifest.parts])
    for part, (_, local) in zip(manifest.parts, staged, strict=True):
        _check_content(manifest, part, local)
        yield part, local


def check_parts(lake: Lake, manifest: Manifest) -> None:
    """Reads all parts of a sealed landing.

    Raises:
        DamagedLandingError: a part is not what was sealed.
    """
    for _ in parts_in_turn(lake, manifest):
        pass


def _check_listing(lake: Lake, manifest: Manifest) -> None:
    """Compares the names and sizes of the parts with the lake's, before anything is read."""
    folders = {part.path.rpartition("/")[0] for part in manifest.parts}
    sizes = dict(found for folder in sorted(folders) for found in lake.objects(folder))
    problems = []
    for part in manifest.parts:
        if part.path not in sizes:
            problems.append(f"{_name(part)} is not there any more")
        elif sizes[part.path] != part.size:
            problems.append(f"{_name(part)} has {sizes[part.path]:,} bytes, {part.size:,} were sealed")
    if problems:
        more = f", and {len(problems) - NAMED_PARTS} more" if len(problems) > NAMED_PARTS else ""
        raise damaged(manifest, f"{', '.join(problems[:NAMED_PARTS])}{more}")


def _check_content(manifest: Manifest, part: Part, local: Path) -> None:
    if _digest_of(local) != part.digest:
        raise damaged(manifest, f"{_name(part)} has other contents than were sealed")


def _name(part: Part) -> str:
    return part.path.rpartition("/")[2]
