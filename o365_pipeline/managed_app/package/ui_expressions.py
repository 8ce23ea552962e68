"""Evaluates the wizard's expressions as the portal does, as far as the wizard needs it.

What belongs here: the functions that a createUiDefinition.json can call, and a purchaser's answers. An unknown name is
an error. Source: Microsoft, CreateUiDefinition functions and elements.
"""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from o365_pipeline.errors import TemplateError
from o365_pipeline.managed_app.arm.arm_expressions import LAMBDA, Expression, call_plain, unknown
from o365_pipeline.managed_app.arm.resource_facts import wizard_functions

BASICS = "basics"
"""The name of the portal's first page."""

ANSWERED = ("CheckBox", "DropDown", "InfoBox", "OptionsGroup", "Section", "TextBlock", "TextBox")
"""The elements of Microsoft.Common whose values are known here; the portal alone knows those of others."""

FUNCTIONS: Mapping[str, Callable[..., Any]] = {
    "add": lambda one, other: one + other,
    "ceil": math.ceil,
    "coalesce": lambda *values: next((value for value in values if value is not None), None),
    "concat": lambda *parts: "".join(parts),
    "empty": lambda value: not value,
    "equals": lambda one, other: one == other,
    "if": lambda condition, then, otherwise: then if condition else otherwise,
    "int": int,
    "mul": lambda one, other: one * other,
    "not": lambda value: not value,
    "or": lambda *values: any(values),
    "parse": json.loads,
    "replace": lambda text, old, new: text.replace(old, new),
    "split": lambda text, separator: text.split(separator),
    "string": lambda value: value if isinstance(value, str) else json.dumps(value),
    "sub": lambda one, other: one - other,
    "toLower": lambda text: text.lower(),
}


@dataclass(frozen=True)
class Answers:
    """A purchaser's answers: the region, and by step the value of each element."""

    location: str
    steps: Mapping[str, Mapping[str, Any]]

    def evaluate(self, value: Any) -> Any:
        """Evaluates a text of the wizard; any other value stays as it is.

        Raises:
            TemplateError: an expression cannot be read, or names something that does not exist.
        """
        if not is_expression(value):
            return value
        return unknown(value) if LAMBDA in value else Expression(value[1:-1], self._call).value()

    def _call(self, function: str, arguments: list[Any]) -> Any:
        match function.lower(), arguments:
            case "location", []:
                return self.location
            case "steps", [name]:
                if name not in self.steps or name == BASICS:
                    raise TemplateError(f"there is no step {name}")
                return self.steps[name]
            case "basics", [name]:
                if name not in self.steps[BASICS]:
                    raise TemplateError(f"there is no {name} in basics")
                return self.steps[BASICS][name]
            case _:
                return call_plain(function, arguments, FUNCTIONS, wizard_functions())


def is_expression(value: Any) -> bool:
    return isinstance(value, str) and value.startswith("[") and value.endswith("]")


def elements(wizard: Mapping[str, Any]) -> Iterator[tuple[str, Mapping[str, Any]]]:
    """Returns each element with its step's name; elements of a section count as the step's."""
    for step in ({"name": BASICS, "elements": wizard["parameters"]["basics"]}, *wizard["parameters"]["steps"]):
        for element in step["elements"]:
            for one in _with_inner(element):
                yield step["name"], one


def _with_inner(element: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
    if element:
        yield element
    for inner in element.get("elements", []):
        yield from _with_inner(inner)


def answers(
    wizard: Mapping[str, Any], location: str, given: Mapping[str, Any], more: type[dict[str, Any]] = dict
) -> Answers:
    """Makes the answers of a purchaser who fills in the given elements by name, and leaves the others at their
    defaults.

    Args:
        more: dict, or Open where a name that no element has is null, as in the portal, and no mistake.
    """
    names = (BASICS, *(step["name"] for step in wizard["parameters"]["steps"]))
    steps: dict[str, dict[str, Any]] = {name: more() for name in names}
    for step, element in elements(wizard):
        steps[step][element["name"]] = given.get(element["name"], _left_as_it_is(element))
    for step, element in elements(wizard):
        if "elements" in element:
            steps[step][element["name"]] = {
                inner["name"]: steps[step][inner["name"]] for inner in _with_inner(element) if inner is not element
            }
    return Answers(location, steps)


def outputs(wizard: Mapping[str, Any], chosen: Answers) -> dict[str, Any]:
    """Returns the wizard's outputs, which the template receives."""
    return {name: _evaluated(chosen, value) for name, value in wizard["parameters"]["outputs"].items()}


def _evaluated(chosen: Answers, value: Any) -> Any:
    if isinstance(value, Mapping):
        return {name: _evaluated(chosen, part) for name, part in value.items()}
    if isinstance(value, list):
        return [_evaluated(chosen, part) for part in value]
    return chosen.evaluate(value)


def _left_as_it_is(element: Mapping[str, Any]) -> Any:
    provider, _, kind = element["type"].rpartition(".")
    if provider != "Microsoft.Common" or kind not in ANSWERED or is_expression(element.get("defaultValue")):
        return unknown(f"{element['name']}, as the portal fills it in")
    match element["type"]:
        case "Microsoft.Common.DropDown":
            if isinstance(values := element["constraints"]["allowedValues"], str):
                return unknown(f"a choice of {element['name']}")
            preset = element.get("defaultValue", values[0]["label"])
            return next((value["value"] for value in values if value["label"] == preset), None)
        case "Microsoft.Common.CheckBox":
            return element.get("defaultValue", False)
        case "Microsoft.Common.TextBox" if not element.get("defaultValue") and _is_required(element):
            return unknown(f"what is filled in as {element['name']}")
        case _:
            return element.get("defaultValue")


def _is_required(element: Mapping[str, Any]) -> bool:
    constraints = element.get("constraints")
    return isinstance(constraints, Mapping) and constraints.get("required") is True
