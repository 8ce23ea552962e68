"""Traces of people: the files below a folder that hold one of some words, whatever the files are."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from pathlib import Path

import duckdb


def files_naming(folder: Path, words: Iterable[str], beside: Collection[str] = ()) -> list[str]:
    """Paths of the files, in their order, whose content holds one of the words, in any case.

    Args:
        beside: folders directly below the folder that are not looked into.
    """
    low = [word.lower() for word in words]
    files = (path for path in sorted(folder.rglob("*")) if path.is_file())
    named = {path.relative_to(folder): path for path in files if path.relative_to(folder).parts[0] not in beside}
    return [str(name) for name, path in named.items() if any(word in (text_of(path)) for word in low)]


def text_of(path: Path) -> str:
    """The content of a file in lower case, that of Parquet as JSON."""
    if path.suffix == ".parquet":
        query = "SELECT to_json(found)::VARCHAR FROM read_parquet(?, hive_partitioning = false) AS found"
        rows = duckdb.execute(query, [str(path)]).fetchall()
        return "\n".join(text for (text,) in rows).lower()
    return path.read_bytes().decode("utf-8", errors="replace").lower()
