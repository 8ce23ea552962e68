"""Facts with a date and a source, read from files that a user can replace.

What belongs here: what rates and assumptions have in common. Their content belongs to `rates.py` and `assumptions.py`.
"""

from __future__ import annotations

import datetime as dt
import tomllib
from collections.abc import Iterator, Mapping
from decimal import Decimal
from functools import partial
from importlib import resources
from pathlib import Path
from typing import TypeVar

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from o365_pipeline.customers.written_text import UnreadableTextError, parsed
from o365_pipeline.errors import SettingsError

FRESH = dt.timedelta(days=365)
"""An older fact is reported as old."""


SECOND_HAND = ("third party", "unverified")
"""Beginnings of a source that is not the one that makes the fact."""


class DatedFact(BaseModel):
    """A fact with its date and its source."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    dated: dt.date = Field(description="The day that the source tells of.")
    source: str = Field(min_length=3, description="Who says so, or: assumed.")

    @property
    def is_second_hand(self) -> bool:
        """Whether the source is somebody other than the company that charges."""
        return self.source.startswith(SECOND_HAND)

    def is_old(self, today: dt.date) -> bool:
        return today - self.dated > FRESH


F = TypeVar("F", bound=BaseModel)


class DatedFacts(BaseModel):
    """A file of facts."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    @property
    def facts(self) -> Mapping[str, DatedFact]:
        """All dated facts, by their keys in the file."""
        return dict(self._facts())

    def old(self, today: dt.date) -> Mapping[str, DatedFact]:
        """Returns the facts that are older than a year."""
        return {key: fact for key, fact in self.facts.items() if fact.is_old(today)}

    def _facts(self) -> Iterator[tuple[str, DatedFact]]:
        for name in type(self).model_fields:
            value = getattr(self, name)
            if isinstance(value, DatedFact):
                yield name, value
            elif isinstance(value, Mapping):
                yield from ((f"{name}.{key}", entry) for key, entry in value.items())


def shipped_text(name: str) -> str:
    """Returns the text of a shipped file of facts."""
    return (resources.files("o365_pipeline.cost") / name).read_text(encoding="utf-8")


def read_facts(model: type[F], path: Path | None, shipped: str) -> F:
    """Reads a file of facts; the shipped one if there is no path.

    Raises:
        SettingsError: the file cannot be read, or something in it is missing or wrong; the message names file and
            key.
    """
    where = path or Path(shipped)
    command = f"`managed-app {Path(shipped).stem}` prints one to begin with"
    try:
        text = path.read_text(encoding="utf-8-sig") if path else shipped_text(shipped)
        return model.model_validate(parsed(text, partial(tomllib.loads, parse_float=Decimal)))
    except OSError as error:
        raise SettingsError(f"{where}: {error.strerror}; {command}") from None
    except (UnicodeDecodeError, UnreadableTextError) as error:
        raise SettingsError(f"{where} cannot be read: {error}; {command}") from None
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        key = ".".join(map(str, first["loc"])) or "the file"
        raise SettingsError(f"{where}: {key}: {first['msg'].removeprefix('Value error, ')}; {command}") from None
