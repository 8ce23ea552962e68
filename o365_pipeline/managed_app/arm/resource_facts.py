"""What Azure takes of the resource types that the package uses: versions, names, properties and their values.

What belongs here: reading the dated facts of `resource_facts.json`. Judging a template by them belongs to
`resource_checks.py`. The shape of a value is written as JSON: null takes anything, true takes a truth value, a list
takes one of its texts, `[shape]` takes a list of that shape, `~` begins a pattern, and an object tells the shape of
each property. There, `!` ends the name of a required property, `*` lets other properties pass, and `?` tells the shape
by the property `type`.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from importlib import resources
from typing import Any


@dataclass(frozen=True)
class ResourceType:
    """What Azure takes of one type."""

    name: str
    api_versions: tuple[str, ...]
    """Those that Azure has; none where they are not listed, so that none is judged."""
    described: str
    """The version whose properties are known."""
    name_rule: Mapping[str, Any]
    """The least and the greatest length of a name, and the pattern that it has."""
    shape: Mapping[str, Any]

    def fits_length(self, name: str) -> bool:
        return bool(self.name_rule.get("min", 1) <= len(name) <= self.name_rule.get("max", len(name)))

    def fits(self, name: str) -> bool:
        """Tells whether Azure takes a name."""
        return self.fits_length(name) and bool(re.search(self.name_rule.get("pattern", ""), name))


@cache
def resource_types() -> Mapping[str, ResourceType]:
    """Returns the known types, by their names in small letters."""
    return {
        name.lower(): ResourceType(name, tuple(one["apiVersions"]), one["described"], one["name"], one["shape"])
        for name, one in _facts()["types"].items()
    }


def has_type(name: str) -> bool:
    """Tells whether there is such a type; of a provider whose types are not listed, any may be there."""
    return name.lower() in _type_names() or name.lower().split("/")[0] not in _providers()


@cache
def _type_names() -> frozenset[str]:
    return frozenset(name.lower() for name in (*_facts()["types"], *_facts()["otherTypes"]))


@cache
def _providers() -> frozenset[str]:
    return frozenset(name.split("/")[0].lower() for name in _facts()["otherTypes"])


@cache
def template_functions() -> frozenset[str]:
    """Returns the names of all functions of templates, in small letters."""
    return frozenset(name.lower() for name in _facts()["templateFunctions"])


@cache
def wizard_functions() -> frozenset[str]:
    """Returns the names of all functions of wizards, in small letters."""
    return frozenset(name.lower() for name in _facts()["wizardFunctions"])


def dated() -> str:
    """Returns the day on which the facts were last compared with their sources."""
    return str(_facts()["dated"])


@cache
def _facts() -> Mapping[str, Any]:
    text = (resources.files("o365_pipeline.managed_app.arm") / "resource_facts.json").read_text(encoding="utf-8")
    facts: Mapping[str, Any] = json.loads(text)
    return facts
