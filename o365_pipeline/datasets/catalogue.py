"""The catalogue: every dataset that the pipeline knows, read from `entries/*.toml`.

Adding a dataset is adding one file there. What a dataset is stands in `model.py`.
"""

from __future__ import annotations

import tomllib
from collections.abc import Iterable, Iterator
from difflib import get_close_matches
from functools import cache
from importlib import resources

from o365_pipeline.datasets.model import Dataset
from o365_pipeline.errors import UsageError


class Catalogue:
    """Datasets by name; looking one up takes Message_v1, BasicDataSet_v0.Message_v1 or the asset's name, message."""

    def __init__(self, datasets: Iterable[Dataset]) -> None:
        self._datasets = {dataset.name: dataset for dataset in datasets}

    def __iter__(self) -> Iterator[Dataset]:
        return iter(self._datasets.values())

    def __len__(self) -> int:
        return len(self._datasets)

    def __contains__(self, name: str) -> bool:
        return self._find(name) is not None

    def __getitem__(self, name: str) -> Dataset:
        """The dataset of that name.

        Raises:
            UsageError: the catalogue has none; the message names the nearest or all.
        """
        if dataset := self._find(name):
            return dataset
        near = get_close_matches(name, self._datasets, n=1)
        hint = f"did you mean {near[0]}?" if near else f"known are {', '.join(self._datasets)}"
        raise UsageError(f"unknown dataset {name!r}; {hint}")

    def _find(self, name: str) -> Dataset | None:
        for dataset in self:
            if name in (dataset.name, dataset.table_name, dataset.asset_name):
                return dataset
        return None


@cache
def catalogue() -> Catalogue:
    """The datasets shipped with the pipeline, in the order of their files."""
    entries = resources.files("o365_pipeline.datasets") / "entries"
    files = sorted((entry for entry in entries.iterdir() if entry.name.endswith(".toml")), key=lambda entry: entry.name)
    return Catalogue(Dataset.model_validate(tomllib.loads(entry.read_text(encoding="utf-8"))) for entry in files)
