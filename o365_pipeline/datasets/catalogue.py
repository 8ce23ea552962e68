"""The catalogue: every dataset that the pipeline knows, read from `entries/*.toml`.

What belongs here: reading and looking up datasets. Adding a dataset is adding one file to `entries/`. Descriptions of
columns that many datasets have are in `columns.toml`; an entry's `[descriptions]` has its own. The model of a dataset
belongs to `model.py`.
"""

from __future__ import annotations

import tomllib
from collections.abc import Iterable, Iterator, Mapping
from difflib import get_close_matches
from functools import cache
from importlib import resources
from typing import Any

from o365_pipeline.datasets.model import Column, Dataset
from o365_pipeline.errors import UsageError


class Catalogue:
    """Datasets by name: a look-up accepts Message_v1, BasicDataSet_v0.Message_v1 or the asset's name, message."""

    def __init__(self, datasets: Iterable[Dataset]) -> None:
        given = list(datasets)
        shapes = {name: _shape(versions) for name, versions in _by_asset(given).items()}
        shaped = [dataset.model_copy(update={"shape": shapes[dataset.asset_name]}) for dataset in given]
        self._datasets = {dataset.name: dataset for dataset in shaped}
        self._versions = _by_asset(shaped)
        self._by_any_name = {
            **{asset_name: versions[0] for asset_name, versions in self._versions.items()},
            **{name: dataset for dataset in shaped for name in (dataset.table_name, dataset.name)},
        }

    @property
    def newest(self) -> tuple[Dataset, ...]:
        """One dataset for each asset: the newest of its versions, which share the asset and the curated shape."""
        return tuple(versions[0] for versions in self._versions.values())

    def versions(self, dataset: Dataset) -> tuple[Dataset, ...]:
        """All versions of a dataset, the newest first."""
        return self._versions[dataset.asset_name]

    def __iter__(self) -> Iterator[Dataset]:
        return iter(self._datasets.values())

    def __len__(self) -> int:
        return len(self._datasets)

    def __contains__(self, name: str) -> bool:
        return name in self._by_any_name

    def __getitem__(self, name: str) -> Dataset:
        """Returns the dataset of that name.

        Raises:
            UsageError: the catalogue has none; the message names the nearest or all.
        """
        if dataset := self._by_any_name.get(name):
            return dataset
        near = get_close_matches(name, self._datasets, n=1)
        hint = f"did you mean {near[0]}?" if near else f"known are {', '.join(self._datasets)}"
        raise UsageError(f"unknown dataset {name!r}; {hint}")


def _by_asset(datasets: Iterable[Dataset]) -> dict[str, tuple[Dataset, ...]]:
    """Datasets by asset, the newest version first."""
    found: dict[str, tuple[Dataset, ...]] = {}
    for dataset in datasets:
        versions = (*found.get(dataset.asset_name, ()), dataset)
        found[dataset.asset_name] = tuple(sorted(versions, key=lambda version: version.version, reverse=True))
    return found


def _shape(versions: Iterable[Dataset]) -> tuple[Column, ...]:
    """Returns the columns of all versions, each from the newest version that has it."""
    columns: dict[str, Column] = {}
    for dataset in versions:
        for column in dataset.columns:
            columns.setdefault(column.curated_name, column)
    return tuple(columns.values())


def catalogue() -> Catalogue:
    """The datasets that the pipeline knows."""
    return shipped()


@cache
def shipped() -> Catalogue:
    """The datasets shipped with the pipeline, in the order of their files."""
    entries = resources.files("o365_pipeline.datasets") / "entries"
    files = sorted((entry for entry in entries.iterdir() if entry.name.endswith(".toml")), key=lambda entry: entry.name)
    known = tomllib.loads((resources.files("o365_pipeline.datasets") / "columns.toml").read_text(encoding="utf-8"))
    read = (tomllib.loads(entry.read_text(encoding="utf-8")) for entry in files)
    return Catalogue(Dataset.model_validate({**entry, "descriptions": _described(entry, known)}) for entry in read)


def _described(entry: Mapping[str, Any], known: Mapping[str, str]) -> Mapping[str, str]:
    """What the entry says of its columns; else what columns of that name hold in all datasets, however spelled."""
    shared = {name: known[name.lower()] for name in entry["columns"] if name.lower() in known}
    return {**shared, **entry.get("descriptions", {})}
