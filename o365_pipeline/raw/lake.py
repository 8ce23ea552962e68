"""The lake: objects under one store URL, local or on Azure, through obstore.

What belongs here: putting, getting, listing and staging objects. What the objects mean is the stages'.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from contextlib import suppress
from functools import cached_property
from pathlib import Path
from urllib.parse import unquote, urlsplit

import dagster as dg
import obstore
from obstore.auth.azure import AzureCredentialProvider
from obstore.exceptions import AlreadyExistsError
from obstore.store import AzureStore, LocalStore, ObjectStore
from pydantic import Field

CHUNK_BYTES = 8 * 1024 * 1024
DELETED_AT_ONCE = 250


class Lake(dg.ConfigurableResource):
    """The lake's objects, by path."""

    url: str = Field(description="A store URL: file:///path, or az://account/container.")

    @cached_property
    def store(self) -> ObjectStore:
        parts = urlsplit(self.url)
        if parts.scheme == "file":
            return LocalStore(Path(unquote(parts.path)), mkdir=True)
        return AzureStore(
            parts.path.strip("/"), account_name=parts.netloc, credential_provider=AzureCredentialProvider()
        )

    def uri(self, path: str) -> str:
        """A link to an object, for people."""
        return f"{self.url.rstrip('/')}/{path}"

    def read(self, path: str) -> bytes:
        return bytes(obstore.get(self.store, path).bytes())

    def write(self, path: str, content: bytes | Path) -> None:
        """Put an object, whole or not at all, over the one that may be there."""
        obstore.put(self.store, path, content)

    def create(self, path: str, content: bytes) -> bool:
        """Put an object unless it is there already; True when this call made it."""
        try:
            obstore.put(self.store, path, content, mode="create")
        except AlreadyExistsError:
            return False
        return True

    def exists(self, path: str) -> bool:
        try:
            obstore.head(self.store, path)
        except FileNotFoundError:
            return False
        return True

    def delete(self, paths: Sequence[str]) -> None:
        """Delete objects; one that is gone already is no error."""
        for start in range(0, len(paths), DELETED_AT_ONCE):
            some = list(paths[start : start + DELETED_AT_ONCE])
            try:
                obstore.delete(self.store, some)
            except FileNotFoundError:
                for path in some:
                    with suppress(FileNotFoundError):
                        obstore.delete(self.store, path)

    def objects(self, prefix: str) -> list[tuple[str, int]]:
        """(path, bytes) of the objects under a prefix, in the order of their paths."""
        pages = obstore.list(self.store, prefix=prefix)
        return sorted((entry["path"], entry["size"]) for page in pages for entry in page)

    def folders(self, prefix: str) -> list[str]:
        """The names of the folders right below a prefix."""
        found = obstore.list_with_delimiter(self.store, prefix=prefix)
        return sorted(path.rstrip("/").rsplit("/", 1)[-1] for path in found["common_prefixes"])

    def stage(self, paths: Iterable[str], directory: Path) -> list[Path]:
        """Local files with the objects' content: the objects themselves where the lake is local, else copies."""
        return [self._stage_one(path, directory) for path in paths]

    def _stage_one(self, path: str, directory: Path) -> Path:
        if isinstance(self.store, LocalStore):
            return Path(unquote(urlsplit(self.url).path)) / path
        target = directory / path.replace("/", "__")
        with target.open("wb") as file:
            for chunk in obstore.get(self.store, path).stream(min_chunk_size=CHUNK_BYTES):
                file.write(chunk)
        return target
