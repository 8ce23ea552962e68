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
from o365_pipeline.managed_app.package.arm_template import Expression

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
        return Expression(value[1:-1], self._call).value()

    def _call(self, function: str, arguments: list[Any]) -> Any:
        if function == "location":
            return self.location
        if function == "steps":
            [name] = arguments
            if name not in self.steps:
                raise TemplateError(f"there is no step {name}")
            return self.steps[name]
        if function in FUNCTIONS:
            return FUNCTIONS[function](*arguments)
        raise TemplateError(f"no such function: {function}")


def is_expression(value: Any) -> bool:
    return isinstance(value, str) and value.startswith("[") and value.endswith("]")


def elements(wizard: Mapping[str, Any]) -> Iterator[tuple[str, Mapping[str, Any]]]:
    """Returns each element with its step's name; elements of a section count as the step's."""
    for step in wizard["parameters"]["steps"]:
        waiting = list(step["elements"])
        while waiting:
            element = waiting.pop(0)
            waiting = [*element.get("elements", []), *waiting]
            yield step["name"], element


def answers(wizard: Mapping[str, Any], location: str, given: Mapping[str, Any]) -> Answers:
    """Makes the answers of a purchaser who fills in the given elements by name, and leaves the others at their
    defaults.
    """
    steps: dict[str, dict[str, Any]] = {step["name"]: {} for step in wizard["parameters"]["steps"]}
    for step, element in elements(wizard):
        steps[step][element["name"]] = given.get(element["name"], _left_as_it_is(element))
    return Answers(location, steps)


def outputs(wizard: Mapping[str, Any], chosen: Answers) -> dict[str, Any]:
    """Returns the wizard's outputs, which the template receives."""
    return {name: chosen.evaluate(value) for name, value in wizard["parameters"]["outputs"].items()}


def _left_as_it_is(element: Mapping[str, Any]) -> Any:
    match element["type"]:
        case "Microsoft.Common.DropDown":
            values = element["constraints"]["allowedValues"]
            preset = element.get("defaultValue", values[0]["label"])
            return next((value["value"] for value in values if value["label"] == preset), None)
        case "Microsoft.Common.CheckBox":
            return element.get("defaultValue", False)
        case _:
            return element.get("defaultValue")
