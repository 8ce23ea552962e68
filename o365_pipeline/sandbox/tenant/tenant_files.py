"""The files of a folder of tenant data: which of them stand for which dataset, and why the others stand for none.

What belongs here: names alone. The rows in the files belong to `tenant_data.py`.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from difflib import get_close_matches
from functools import cache
from pathlib import Path

from o365_pipeline.datasets import Dataset, catalogue
from o365_pipeline.errors import UsageError
from o365_pipeline.raw.parts import is_part

SUFFIXES = (".json", ".jsonl", ".ndjson")
COMPRESSED = ".gz"


@dataclass(frozen=True)
class LeftAside:
    """A file, or a folder of files, that stands for no dataset."""

    name: str
    reason: str

    def __str__(self) -> str:
        return f"{self.name} ({self.reason})"


@dataclass(frozen=True)
class TenantFiles:
    """Every file in a folder of tenant data."""

    directory: Path
    taken: Mapping[str, tuple[Path, ...]]
    """The files of each dataset, in their order, by its name, in the catalogue's order."""

    left_aside: tuple[LeftAside, ...]

    @property
    def datasets(self) -> tuple[str, ...]:
        return tuple(self.taken)

    def names(self, dataset: str) -> str:
        """Returns the names of a dataset's files within the folder, with commas."""
        return ", ".join(path.relative_to(self.directory).as_posix() for path in self.taken[dataset])


def files_in(directory: Path) -> TenantFiles:
    """Returns which files of a folder stand for which dataset.

    A file is named after its dataset: Message_v1.json, .jsonl or .ndjson, also with .gz; case and spaces do not matter.
    So is a folder of part files. Several files of one dataset are its parts.

    Raises:
        UsageError: the folder is missing or cannot be read, or has no file of a known dataset.
    """
    taken: dict[str, list[Path]] = {}
    left_aside: list[LeftAside] = []
    try:
        for entry in sorted(directory.iterdir()):
            if entry.is_dir():
                _sort_folder(entry, taken, left_aside)
            else:
                _sort_file(entry, taken, left_aside)
    except OSError as error:
        raise UsageError(f"tenant data {directory}: cannot be read as a folder ({error.strerror})") from error
    if not taken:
        there = "; ".join(str(entry) for entry in left_aside) or "it is empty"
        raise UsageError(
            f"tenant data {directory}: has no file of a known dataset ({there}); name them after their dataset, as "
            "Message_v1.json; docs/data-dictionary.md lists all"
        )
    ordered = {dataset.name: tuple(taken[dataset.name]) for dataset in catalogue() if dataset.name in taken}
    return TenantFiles(directory, ordered, tuple(left_aside))


def _sort_folder(folder: Path, taken: dict[str, list[Path]], left_aside: list[LeftAside]) -> None:
    """Takes the part files of a folder that is named after a dataset."""
    dataset, found = dataset_named(folder.name), [path for path in sorted(folder.rglob("*")) if path.is_file()]
    if dataset is None:
        left_aside.append(LeftAside(f"{folder.name}/, files: {len(found)}", f"no dataset{_hint(folder.name)}"))
        return
    for path in found:
        within = path.relative_to(folder).as_posix()
        name = f"{folder.name}/{within}"
        if not is_part(within, path.stat().st_size):
            left_aside.append(LeftAside(name, "beside the part files, or empty"))
        elif _is_json(path.name) or not path.suffix:
            taken.setdefault(dataset.name, []).append(path)
        else:
            left_aside.append(LeftAside(name, "not JSON by its name"))


def _sort_file(path: Path, taken: dict[str, list[Path]], left_aside: list[LeftAside]) -> None:
    stem = _stem(path.name)
    dataset = dataset_named(stem)
    if not _is_json(path.name):
        left_aside.append(LeftAside(path.name, "not JSON by its name"))
    elif dataset is None:
        left_aside.append(LeftAside(path.name, f"no dataset{_hint(stem)}"))
    else:
        taken.setdefault(dataset.name, []).append(path)


def dataset_named(stem: str) -> Dataset | None:
    """Returns the dataset that a file or folder is named after; case, spaces and dashes do not matter."""
    return _datasets().get(_plain(stem))


@cache
def _datasets() -> dict[str, Dataset]:
    """Every dataset under the plain forms of its two names."""
    return {_plain(name): dataset for dataset in catalogue() for name in (dataset.table_name, dataset.name)}


def _hint(stem: str) -> str:
    """Says which dataset a name comes near to: also one without its version, or with something behind it."""
    plain, known = _plain(stem), _datasets()
    begun = [name for name in known if plain.startswith(name) or name.startswith(f"{plain}_v")]
    near = sorted(begun, key=lambda name: (len(name), name), reverse=True)[:1] or get_close_matches(plain, known, n=1)
    return f": did you mean {known[near[0]].name}?" if near else ""


def _plain(name: str) -> str:
    return re.sub(r"[\s_-]+", "_", name.strip()).casefold()


def _stem(name: str) -> str:
    """Returns a file's name without what says its format."""
    stem = name.removesuffix(name[-len(COMPRESSED) :]) if name.lower().endswith(COMPRESSED) else name
    suffix = next((suffix for suffix in SUFFIXES if stem.lower().endswith(suffix)), "")
    return stem[: len(stem) - len(suffix)]


def _is_json(name: str) -> bool:
    return name.lower().removesuffix(COMPRESSED).endswith(SUFFIXES)
