"""Compares a definition with what the factory holds under its name, line by line.

What belongs here: comparing, without calls. A factory returns more than it received (defaults, folders, times), so only
the fields that the pipeline defines are compared. Secrets are never compared and never shown; a filter is shown by its
fingerprint.
"""

from __future__ import annotations

import hashlib
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from o365_pipeline.dagster_ui.markdown_metadata import Markdown, bullets, difference
from o365_pipeline.extraction.factory_definitions import FINGERPRINT_NOTE, Definition

NEVER_BY_OTHERS = frozenset(
    (
        "allowedGroups",
        "userScopeFilterUri",
        "dateFilterColumn",
        "startTime",
        "endTime",
        "outputColumns",
        "connectionString",
        "accountKey",
        "sasUri",
        "sasToken",
    )
)
"""Fields that change what is copied, or how the factory signs in: if the pipeline omits one, the factory may not have
it.
"""

Line = tuple[str, str]
"""(path in the definition, value)."""


@dataclass(frozen=True)
class DefinitionChange:
    """One definition that was created or updated in a factory."""

    kind: str
    name: str
    created: bool
    lines: tuple[str, ...]
    """What was added (+) and what was dropped (-)."""

    def __str__(self) -> str:
        return f"{self.kind} {self.name} {'created' if self.created else 'changed'}"

    @property
    def diff(self) -> str:
        """The change with its lines."""
        return "\n".join([str(self), *self.lines])


def as_markdown(changes: Iterable[DefinitionChange]) -> Markdown:
    """Lists the changes; changes of something that the factory held are shown with their lines."""
    parts: list[Markdown] = []
    for change in changes:
        parts += [bullets([str(change)])] if change.created else [bullets([str(change)]), difference(change.lines)]
    return Markdown("\n".join(parts))


def change(definition: Definition, held: Mapping[str, Any] | None) -> DefinitionChange | None:
    """Returns what must change in the factory; None if nothing must.

    Args:
        held: the properties that the factory returned; None if it has nothing of that name.
    """
    wanted = set(_lines(definition.properties))
    known = {path for path, _ in wanted}
    present = {line for line in _lines(held or {}) if _is_ours(line, known)}
    if held is not None and wanted == present:
        return None
    marked = [*(("-", line) for line in present - wanted), *(("+", line) for line in wanted - present)]
    shown = sorted(marked, key=lambda entry: (entry[1][0], entry[0] == "+", entry[1][1]))
    lines = tuple(f"{sign} {path}: {value}" for sign, (path, value) in shown)
    return DefinitionChange(definition.kind, definition.name, held is None, lines)


def _is_ours(line: Line, known: Collection[str]) -> bool:
    path, value = line
    if path == "annotations":
        return value.startswith(FINGERPRINT_NOTE)
    return path in known or not NEVER_BY_OTHERS.isdisjoint(path.split("."))


def _lines(value: Any, path: str = "") -> Iterator[Line]:
    """Returns the lines of a JSON value: one for each leaf, and one for each element of a list under the list's
    path.
    """
    if isinstance(value, Mapping):
        if value.get("type") == "SecureString":
            if not path.endswith("servicePrincipalKey"):
                yield path, "a secret"
            return
        if value.get("type") == "Expression":
            yield path, str(value.get("value"))
            return
        for name, part in value.items():
            yield from _lines(part, f"{path}.{name}" if path else name)
    elif isinstance(value, list):
        for part in value:
            label = part.get("name") or part.get("referenceName") if isinstance(part, Mapping) else part
            yield path, str(label)
            if isinstance(part, Mapping):
                yield from _lines({key: rest for key, rest in part.items() if key != "name"}, f"{path}[{label}]")
    elif value is not None:
        yield path, _shown(path, value)


def _shown(path: str, value: object) -> str:
    if path.endswith("userScopeFilterUri"):
        return f"fingerprint {hashlib.sha256(str(value).encode()).hexdigest()[:8]}"
    return str(value)
