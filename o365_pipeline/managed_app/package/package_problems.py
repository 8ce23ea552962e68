"""A problem of a package: in which file, at which place, what is wrong, and what to do.

What belongs here: the problem itself, and the functions with which the checks walk through JSON.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from importlib import resources
from itertools import islice
from json import loads
from typing import TYPE_CHECKING, Any

from o365_pipeline.managed_app.arm.arm_expressions import BEGIN, END

if TYPE_CHECKING:
    from jsonschema import Draft202012Validator

MAX_PROBLEMS = 50
"""How many problems of one kind are told."""

MAX_LINE = 1_000
"""How many characters of a problem are shown."""


@dataclass(frozen=True)
class Problem:
    """A reason for which Azure would refuse a package, or should refuse it."""

    file: str
    path: str
    """The place in the file: names and numbers with dots between them; empty if the problem is about the whole file."""
    message: str
    remedy: str

    def __str__(self) -> str:
        where = f"{self.file}: {self.path}" if self.path else self.file
        return one_line(f"{where}: {self.message}; {self.remedy}")


def one_line(text: str) -> str:
    """Writes what a package says so that it is one line of text, whatever characters it holds."""
    shown = text.replace(BEGIN, "{").replace(END, "}")
    if len(shown) > MAX_LINE:
        shown = f"{shown[: MAX_LINE // 2]} ... {shown[-MAX_LINE // 2 :]}"
    return "".join(part if part.isprintable() else ascii(part)[1:-1] for part in shown)


def leaves(value: Any, path: str = "") -> Iterator[tuple[str, Any]]:
    """Returns every text, number and truth value of a document with its place."""
    if isinstance(value, Mapping):
        for name, part in value.items():
            yield from leaves(part, joined(path, name))
    elif isinstance(value, list):
        for number, part in enumerate(value):
            yield from leaves(part, joined(path, number))
    else:
        yield path, value


def joined(path: str, name: object) -> str:
    return f"{path}.{name}" if path else str(name)


def against_schema(file: str, document: Any, schema: str) -> list[Problem]:
    """Finds where a document does not conform to its schema."""
    return [
        Problem(
            file,
            ".".join(str(part) for part in error.absolute_path),
            _short(error.message),
            f"{file} has to keep to {schema}",
        )
        for error in sorted(
            islice(_validator(schema).iter_errors(document), MAX_PROBLEMS), key=lambda error: list(map(str, error.path))
        )
    ]


def _short(message: str) -> str:
    """Shortens a message of the schema's check if it contains a large value."""
    return message if len(message) <= 200 else f"{message[:90]} ... {message[-90:]}"


@cache
def _validator(schema: str) -> Draft202012Validator:
    # It takes as long to import as all else here, and no run needs it.
    from jsonschema import Draft202012Validator

    text = (resources.files("o365_pipeline.managed_app.package") / schema).read_text(encoding="utf-8")
    return Draft202012Validator(loads(text))
