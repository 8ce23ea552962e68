"""The lake: the objects of one container or folder, through obstore.

What belongs here: writing, reading, listing and staging objects. Which customer has which lake belongs to `lakes.py`;
moving many bytes belongs to `transfer.py`; the meaning of the objects belongs to the stages.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager, suppress
from dataclasses import dataclass, field, replace
from datetime import timedelta
from pathlib import Path

import obstore
from obstore.exceptions import AlreadyExistsError, PermissionDeniedError, UnauthenticatedError
from obstore.store import AzureStore, LocalStore, ObjectStore

from o365_pipeline.errors import LakeError
from o365_pipeline.raw import transfer
from o365_pipeline.raw.lake_errors import LakeAccess, as_lake_errors
from o365_pipeline.raw.scratch import scratch_folder
from o365_pipeline.raw.transfer import Progress, no_progress

DELETED_AT_ONCE = 250
"""Azure deletes up to 256 blobs by one request."""

STAGED_AT_ONCE = 512 * 1024 * 1024
"""The most bytes that `staged_in_turn` keeps on the local disk at once; a larger file is staged alone."""


@dataclass(frozen=True)
class Lake:
    """The lake's objects, by path.

    Every method raises LakeError, in one line, if the lake refuses or cannot be reached.
    """

    url: str
    """file:///path, or az://account/container."""

    store: ObjectStore = field(repr=False)
    access: LakeAccess
    folder: Path | None = None
    """The folder that holds the objects, if they are files of this machine."""

    progress: Progress = no_progress
    """Is called with the number of bytes while they are staged or written."""

    @classmethod
    def in_folder(cls, folder: Path) -> Lake:
        """Opens a lake in a local folder; creates the folder if it is missing."""
        url = folder.as_uri()
        try:
            folder.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise LakeError(f"{url}: no folder can be made there ({error.strerror}); choose another") from None
        return cls(url, LocalStore(folder), LakeAccess(url), folder)

    def with_progress(self, progress: Progress) -> Lake:
        """Returns the same lake with progress reports for its transfers."""
        return replace(self, progress=progress)

    def uri(self, path: str) -> str:
        """Returns a link to an object, for people."""
        return f"{self.url.rstrip('/')}/{path}"

    def readable_url(self, path: str, valid_for: timedelta) -> str:
        """Returns a URL that reads an object without sign-in for a time, so it is a secret; for a local lake, the
        file's URL.
        """
        if not isinstance(self.store, AzureStore):
            return self.uri(path)
        with self._as_lake_errors(path):
            return obstore.sign(self.store, "GET", path, valid_for)

    def read(self, path: str) -> bytes:
        with self._as_lake_errors(path):
            return bytes(obstore.get(self.store, path).bytes())

    def write(self, path: str, content: bytes | Path) -> None:
        """Writes an object, completely or not at all, and replaces an existing one; a file is written in bounded
        memory.
        """
        with self._as_lake_errors(path):
            if isinstance(content, Path) and self.folder is None:
                transfer.upload(self.store, path, content, self.progress)
            else:
                obstore.put(self.store, path, content)

    def create(self, path: str, content: bytes) -> bool:
        """Writes an object unless it exists; True if this call created it."""
        with self._as_lake_errors(path):
            try:
                obstore.put(self.store, path, content, mode="create")
            except AlreadyExistsError:
                return False
        return True

    def exists(self, path: str) -> bool:
        with self._as_lake_errors(path):
            try:
                with self._reason_asked_for():
                    obstore.head(self.store, path)
            except FileNotFoundError:
                return False
        return True

    def delete(self, paths: Sequence[str]) -> None:
        """Deletes objects; an object that does not exist is not an error."""
        for start in range(0, len(paths), DELETED_AT_ONCE):
            some = list(paths[start : start + DELETED_AT_ONCE])
            with self._as_lake_errors(some[0]):
                try:
                    with self._reason_asked_for():
                        obstore.delete(self.store, some)
                except FileNotFoundError:
                    for path in some:
                        with suppress(FileNotFoundError):
                            obstore.delete(self.store, path)

    def delete_unfinished(self, prefix: str) -> None:
        """Deletes what killed writers left below a prefix of a local lake, which no listing shows; nobody may be
        writing there.
        """
        if self.folder is not None:
            for path in (self.folder / prefix).rglob("*#*"):
                if path.name.rsplit("#", 1)[-1].isdigit():
                    path.unlink(missing_ok=True)

    def objects(self, prefix: str) -> list[tuple[str, int]]:
        """Returns (path, bytes) of the objects under a prefix, ordered by path."""
        with self._as_lake_errors(prefix):
            pages = obstore.list(self.store, prefix=prefix)
            return sorted((entry["path"], entry["size"]) for page in pages for entry in page)

    def versions(self, prefix: str) -> dict[str, str]:
        """Returns the version of each object under a prefix: another after every write."""
        with self._as_lake_errors(prefix):
            pages = obstore.list(self.store, prefix=prefix)
            return {
                entry["path"]: entry["e_tag"] or f"{entry['size']}-{entry['last_modified']}"
                for page in pages
                for entry in page
            }

    def folders(self, prefix: str) -> list[str]:
        """Returns the names of the folders directly below a prefix."""
        with self._as_lake_errors(prefix):
            found = obstore.list_with_delimiter(self.store, prefix=prefix)
            return sorted(path.rstrip("/").rsplit("/", 1)[-1] for path in found["common_prefixes"])

    def stage(self, paths: Iterable[str], directory: Path) -> list[Path]:
        """Returns local files with the objects' content: the objects themselves if the lake is local, else copies.

        Several copies are made at a time, in bounded memory; each is complete or missing.
        """
        paths = list(paths)
        if self.folder is not None:
            return [self.folder / path for path in paths]
        targets = {path: directory / _local_name(path) for path in paths}
        with self._as_lake_errors(paths[0] if len(paths) == 1 else f"one of {len(paths)}"), self._reason_asked_for():
            transfer.download(self.store, targets, self.progress)
        return [targets[path] for path in paths]

    def staged_in_turn(self, objects: Iterable[tuple[str, int]]) -> Iterator[tuple[str, Path]]:
        """Returns (path, local file) of objects one after the other, while the disk holds only some of them.

        Args:
            objects: (path, bytes), as `objects` lists them.
        """
        objects = list(objects)
        done, total = 0, sum(size for _, size in objects)

        def report_total(what: str, of_batch: int, _total: int) -> None:
            self.progress(what, done + of_batch, total)

        for batch in _batches(objects):
            paths = [path for path, _ in batch]
            with scratch_folder() as directory:
                yield from zip(paths, self.with_progress(report_total).stage(paths, directory), strict=True)
            done += sum(size for _, size in batch)

    @contextmanager
    def _reason_asked_for(self) -> Iterator[None]:
        """If a request fails without a reason, as HEAD does, raises the error of a listing of the container instead."""
        try:
            yield
        except (FileNotFoundError, PermissionDeniedError, UnauthenticatedError):
            obstore.list_with_delimiter(self.store)
            raise

    def _as_lake_errors(self, path: str) -> AbstractContextManager[None]:
        return as_lake_errors(self.access, path)


def _local_name(path: str) -> str:
    """Makes a file name that any file system and any SQL accepts, whatever the object's name is."""
    return hashlib.sha256(path.encode()).hexdigest()[:32]


def _batches(objects: Sequence[tuple[str, int]]) -> Iterator[list[tuple[str, int]]]:
    """Returns the objects in order, at most STAGED_AT_ONCE bytes at a time."""
    batch: list[tuple[str, int]] = []
    held = 0
    for entry in objects:
        if batch and held + entry[1] > STAGED_AT_ONCE:
            yield batch
            batch, held = [], 0
        batch.append(entry)
        held += entry[1]
    if batch:
        yield batch
