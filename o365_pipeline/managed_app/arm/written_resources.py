"""The resources that a template writes, each by itself and in Azure's spelling.

What belongs here: reading the forms in which a template may be written: spelling of keys, resources within resources,
resources with a loop, resources with a symbolic name. Evaluating them belongs to `arm_template.py`. Source: Microsoft,
structure and syntax of ARM templates; resource iteration; symbolic names.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from o365_pipeline.managed_app.arm.template_language import quoted

SECTIONS = ("$schema", "contentVersion", "metadata", "parameters", "variables", "functions", "resources", "outputs",
            "languageVersion", "definitions", "apiProfile")  # fmt: skip
OF_PARAMETER = ("type", "defaultValue", "allowedValues", "minLength", "maxLength", "minValue", "maxValue", "metadata",
                "nullable")  # fmt: skip
OF_RESOURCE = ("type", "apiVersion", "name", "location", "condition", "scope", "kind", "sku", "identity", "properties",
               "dependsOn", "tags", "zones", "plan", "copy", "comments", "resources", "existing")  # fmt: skip
OF_OUTPUT = ("type", "value", "metadata", "condition", "copy")


@dataclass(frozen=True)
class Written:
    """One resource as a template writes it."""

    place: str
    """Where it stands in the template."""
    content: Mapping[str, Any]
    symbol: str | None = None
    """Its symbolic name."""


def in_azures_spelling(template: Any) -> Any:
    """Returns a template with the keys of its structure in Azure's spelling; Azure takes them in any."""
    if not isinstance(template, dict):
        return template
    spelled = _spelled(template, SECTIONS)
    for section, keys in (("parameters", OF_PARAMETER), ("outputs", OF_OUTPUT), ("resources", OF_RESOURCE)):
        content = spelled.get(section)
        if isinstance(content, dict):
            spelled[section] = {name: _entry(part, keys) for name, part in content.items()}
        elif isinstance(content, list):
            spelled[section] = [_entry(part, keys) for part in content]
    return spelled


def _entry(part: Any, keys: tuple[str, ...]) -> Any:
    if not isinstance(part, dict):
        return part
    spelled = _spelled(part, keys)
    if keys is OF_RESOURCE and isinstance(spelled.get("resources"), list):
        spelled["resources"] = [_entry(inner, keys) for inner in spelled["resources"]]
    return spelled


def _spelled(content: dict[str, Any], keys: tuple[str, ...]) -> dict[str, Any]:
    right = {key.lower(): key for key in keys}
    return {right.get(name.lower(), name): part for name, part in content.items()}


def written_resources(template: Mapping[str, Any]) -> Iterator[Written]:
    """Returns all resources that a template makes, those within others after them."""
    resources = template["resources"]
    if isinstance(resources, Mapping):
        for symbol, resource in resources.items():
            if not resource.get("existing"):
                yield Written(f"resources.{symbol}", resource, symbol)
        return
    for number, resource in enumerate(resources):
        yield from _with_inner(resource, f"resources.{number}")


def _with_inner(resource: Mapping[str, Any], place: str, kind: str = "", name: str = "") -> Iterator[Written]:
    full = {**resource, "type": f"{kind}{resource['type']}", "name": _joined(name, resource["name"])}
    inner = full.pop("resources", None) or []
    yield Written(place, full)
    for number, part in enumerate(inner):
        yield from _with_inner(part, f"{place}.resources.{number}", f"{full['type']}/", full["name"])


def _joined(outer: str, inner: str) -> str:
    """Joins two names, each of which may be an expression."""
    if not outer:
        return inner
    parts = [name[1:-1] if name.startswith("[") else quoted(name) for name in (outer, inner)]
    return f"[concat({parts[0]}, '/', {parts[1]})]"
