"""The lake: the objects of one container or folder, through obstore.

What belongs here: putting, getting, listing and staging objects. Which lake is whose belongs to `lakes.py`, moving many
bytes belongs to `transfer.py`; what the objects mean is the stages'.
"""

from __future__ import annotations

import hashlib
import tempfile
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
from o365_pipeline.raw.lake_errors import Place, explained
from o365_pipeline.raw.transfer import Progress, untold

DELETED_AT_ONCE = 250
"""Azure deletes up to 256 blobs by one request."""

STAGED_AT_ONCE = 512 * 1024 * 1024
"""Up to how many bytes lie on the local disk where files are staged in turn; a larger file lies there alone."""


@dataclass(frozen=True)
class Lake:
    """The lake's objects, by path.

    Every method raises LakeError, in one line, where the lake refuses or cannot be reached.
    """

    url: str
    """file:///path, or az://account/container."""

    store: ObjectStore = field(repr=False)
    place: Place
    folder: Path | None = None
    """Where the objects are files of this machine: the folder that holds them."""

    progress: Progress = untold
    """Is told how many bytes are staged or written, while they are."""

    @classmethod
    def in_folder(cls, folder: Path) -> Lake:
        """The lake in a local folder, which is made where it is missing."""
        url = folder.as_uri()
        try:
            folder.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise LakeError(f"{url}: no folder can be made there ({error.strerror}); choose another") from None
        return cls(url, LocalStore(folder), Place(url), folder)

    def telling(self, progress: Progress) -> Lake:
        """The same lake, whose transfers tell how far they are."""
        return replace(self, progress=progress)

    def uri(self, path: str) -> str:
        """A link to an object, for people."""
        return f"{self.url.rstrip('/')}/{path}"

    def readable_url(self, path: str, valid_for: timedelta) -> str:
        """A URL that reads an object without signing in, for a time: a secret; of a local lake, its file's."""
        if not isinstance(self.store, AzureStore):
            return self.uri(path)
        with self._explained(path):
            return obstore.sign(self.store, "GET", path, valid_for)

    def read(self, path: str) -> bytes:
        with self._explained(path):
            return bytes(obstore.get(self.store, path).bytes())

    def write(self, path: str, content: bytes | Path) -> None:
        """Put an object, whole or not at all, over the one that may be there; of a file, in bounded memory."""
        with self._explained(path):
            if isinstance(content, Path) and self.folder is None:
                transfer.upload(self.store, path, content, self.progress)
            else:
                obstore.put(self.store, path, content)

    def create(self, path: str, content: bytes) -> bool:
        """Put an object unless it is there already; True when this call made it."""
        with self._explained(path):
            try:
                obstore.put(self.store, path, content, mode="create")
            except AlreadyExistsError:
                return False
        return True

    def exists(self, path: str) -> bool:
        with self._explained(path):
            try:
                with self._reason_asked_for():
                    obstore.head(self.store, path)
            except FileNotFoundError:
                return False
        return True

    def delete(self, paths: Sequence[str]) -> None:
        """Delete objects; one that is gone already is no error."""
        for start in range(0, len(paths), DELETED_AT_ONCE):
            some = list(paths[start : start + DELETED_AT_ONCE])
            with self._explained(some[0]):
                try:
                    with self._reason_asked_for():
                        obstore.delete(self.store, some)
                except FileNotFoundError:
                    for path in some:
                        with suppress(FileNotFoundError):
                            obstore.delete(self.store, path)

    def objects(self, prefix: str) -> list[tuple[str, int]]:
        """(path, bytes) of the objects under a prefix, in the order of their paths."""
        with self._explained(prefix):
            pages = obstore.list(self.store, prefix=prefix)
            return sorted((entry["path"], entry["size"]) for page in pages for entry in page)

    def folders(self, prefix: str) -> list[str]:
        """The names of the folders right below a prefix."""
        with self._explained(prefix):
            found = obstore.list_with_delimiter(self.store, prefix=prefix)
            return sorted(path.rstrip("/").rsplit("/", 1)[-1] for path in found["common_prefixes"])

    def stage(self, paths: Iterable[str], directory: Path) -> list[Path]:
        """Local files with the objects' content: the objects themselves where the lake is local, else copies.

        Copies are made several at a time, in bounded memory; each is whole or not there.
        """
        paths = list(paths)
        if self.folder is not None:
            return [self.folder / path for path in paths]
        targets = {path: directory / _local_name(path) for path in paths}
        with self._explained(paths[0] if len(paths) == 1 else f"one of {len(paths)}"), self._reason_asked_for():
            transfer.download(self.store, targets, self.progress)
        return [targets[path] for path in paths]

    def staged_in_turn(self, objects: Iterable[tuple[str, int]]) -> Iterator[tuple[str, Path]]:
        """(path, local file) of objects one after the other, on a disk that holds some of them at a time.

        Args:
            objects: (path, bytes), as `objects` lists them.
        """
        objects = list(objects)
        done, total = 0, sum(size for _, size in objects)

        def told(what: str, of_batch: int, _total: int) -> None:
            self.progress(what, done + of_batch, total)

        for batch in _batches(objects):
            paths = [path for path, _ in batch]
            with tempfile.TemporaryDirectory(prefix="o365-") as directory:
                yield from zip(paths, self.telling(told).stage(paths, Path(directory)), strict=True)
            done += sum(size for _, size in batch)

    @contextmanager
    def _reason_asked_for(self) -> Iterator[None]:
        """Where a request fails without a word, as HEAD does, raise what a listing of the container fails with."""
        try:
            yield
        except (FileNotFoundError, PermissionDeniedError, UnauthenticatedError):
            obstore.list_with_delimiter(self.store)
            raise

    def _explained(self, path: str) -> AbstractContextManager[None]:
        return explained(self.place, path)


def _local_name(path: str) -> str:
    """A file name that any file system and any SQL takes, whatever the object is called."""
    return hashlib.sha256(path.encode()).hexdigest()[:32]


def _batches(objects: Sequence[tuple[str, int]]) -> Iterator[list[tuple[str, int]]]:
    """The objects in order, some STAGED_AT_ONCE bytes at a time."""
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
