"""Facts with a date and a source, read from files that a user can replace.

What belongs here: what rates and assumptions have in common. What they say belongs to `rates.py` and belongs to
`assumptions.py`.
"""

from __future__ import annotations

import datetime as dt
import tomllib
from collections.abc import Iterator, Mapping
from decimal import Decimal
from importlib import resources
from pathlib import Path
from typing import TypeVar

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from o365_pipeline.errors import SettingsError

FRESH = dt.timedelta(days=365)
"""A fact that is older is told to be so."""


SECOND_HAND = ("third party", "unverified")
"""How the source of a fact begins that was not read where it is made."""


class Told(BaseModel):
    """What a source told on a day."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    dated: dt.date = Field(description="The day that the source tells of.")
    source: str = Field(min_length=3, description="Who says so, or: assumed.")

    @property
    def is_second_hand(self) -> bool:
        """Whether somebody other than who charges says so."""
        return self.source.startswith(SECOND_HAND)

    def is_old(self, today: dt.date) -> bool:
        return today - self.dated > FRESH


F = TypeVar("F", bound=BaseModel)


class DatedFacts(BaseModel):
    """A file of facts."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    @property
    def told(self) -> Mapping[str, Told]:
        """Everything that has a date, by its key in the file."""
        return dict(self._told())

    def old(self, today: dt.date) -> Mapping[str, Told]:
        """Those that are older than a year."""
        return {key: told for key, told in self.told.items() if told.is_old(today)}

    def _told(self) -> Iterator[tuple[str, Told]]:
        for name in type(self).model_fields:
            value = getattr(self, name)
            if isinstance(value, Told):
                yield name, value
            elif isinstance(value, Mapping):
                yield from ((f"{name}.{key}", entry) for key, entry in value.items())


def shipped_text(name: str) -> str:
    """A file of facts as it is shipped."""
    return (resources.files("o365_pipeline.cost") / name).read_text(encoding="utf-8")


def read_facts(model: type[F], path: Path | None, shipped: str) -> F:
    """Read a file of facts; the shipped one if there is no path.

    Raises:
        SettingsError: the file cannot be read, or something in it is missing or wrong; the message names file and key.
    """
    where = path or Path(shipped)
    command = f"`managed-app {Path(shipped).stem}` prints one to begin with"
    try:
        text = path.read_text(encoding="utf-8-sig") if path else shipped_text(shipped)
        return model.model_validate(tomllib.loads(text, parse_float=Decimal))
    except OSError as error:
        raise SettingsError(f"{where}: {error.strerror}; {command}") from None
    except (UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise SettingsError(f"{where} cannot be read: {' '.join(str(error).split())}; {command}") from None
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        key = ".".join(map(str, first["loc"])) or "the file"
        raise SettingsError(f"{where}: {key}: {first['msg'].removeprefix('Value error, ')}; {command}") from None
