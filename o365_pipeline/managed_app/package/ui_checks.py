"""The checks of a package's createUiDefinition.json, and of its fit with the template.

What belongs here: its form, its evaluated expressions, and the use that the template makes of its outputs.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from o365_pipeline.errors import TemplateError
from o365_pipeline.managed_app.package.arm_template import deploy
from o365_pipeline.managed_app.package.package_problems import Problem, against_schema, leaves
from o365_pipeline.managed_app.package.template_checks import samples
from o365_pipeline.managed_app.package.ui_expressions import Answers, answers, elements, is_expression, outputs

SCHEMA = "ui_definition.schema.json"
SEPARATOR = ", "
LOCATION = "location"


def ui_problems(file: str, wizard: Any, template: Mapping[str, Any] | None) -> list[Problem]:
    """Finds all problems of a wizard; if its form is wrong, only those of its form.

    Args:
        template: the template that the wizard is for; None if it cannot be read.
    """
    if wrong := against_schema(file, wizard, SCHEMA):
        return wrong
    alone = [*_twice(file, wizard), *_expressions(file, wizard)]
    if template is None:
        return alone
    return alone or [*_parameters(file, wizard, template), *_regions(file, wizard, template)]


def _twice(file: str, wizard: Mapping[str, Any]) -> Iterator[Problem]:
    """Finds elements that have the same name."""
    seen: set[tuple[str, str]] = set()
    for step, element in elements(wizard):
        key = step, element["name"]
        if key in seen:
            yield Problem(file, f"steps.{step}", f"two elements are named {element['name']}", "name each its own way")
        seen.add(key)


def _expressions(file: str, wizard: Mapping[str, Any]) -> Iterator[Problem]:
    """Finds expressions that name an element, a step or a function that does not exist."""
    given = {element["name"]: "1" for _, element in elements(wizard) if element["type"] == "Microsoft.Common.TextBox"}
    chosen = answers(wizard, "", given)
    for path, value in leaves(wizard):
        if is_expression(value):
            try:
                chosen.evaluate(value)
            except TemplateError as error:
                yield Problem(file, path, str(error), "name an element of a step of this file")


def _parameters(file: str, wizard: Mapping[str, Any], template: Mapping[str, Any]) -> Iterator[Problem]:
    """Finds outputs without a parameter, parameters without an output, and values that the template does not accept."""
    given, declared = set(wizard["parameters"]["outputs"]), set(template["parameters"])
    for name in sorted(given - declared):
        yield Problem(file, f"parameters.outputs.{name}", "the template has no such parameter", "take the output out")
    for name in sorted(declared - given):
        yield Problem(
            file, "parameters.outputs", f"the template's parameter {name} is not among them", f"add an output {name}"
        )
    if given != declared:
        return
    for chosen in _purchasers(wizard, template):
        try:
            deploy(template, **outputs(wizard, chosen))
        except TemplateError as error:
            yield Problem(
                file, "parameters.outputs", f"the template does not take them: {error}", "hand on what it declares"
            )
            return


def _purchasers(wizard: Mapping[str, Any], template: Mapping[str, Any]) -> Iterator[Answers]:
    """Makes purchasers: one who answers with the template's samples, and one for each choice in the wizard."""
    for sample in samples(template):
        filled = {
            name: SEPARATOR.join(value) if isinstance(value, list) else value
            for name, value in sample.items()
            if name != LOCATION
        }
        yield answers(wizard, sample[LOCATION], filled)
        for _, element in elements(wizard):
            if element["type"] == "Microsoft.Common.DropDown":
                for choice in element["constraints"]["allowedValues"]:
                    yield answers(wizard, sample[LOCATION], {**filled, element["name"]: choice["value"]})


def _regions(file: str, wizard: Mapping[str, Any], template: Mapping[str, Any]) -> Iterator[Problem]:
    offered = wizard["parameters"]["config"]["basics"]["location"]["allowedValues"]
    taken = template["parameters"].get(LOCATION, {}).get("allowedValues", [])
    if sorted(offered) != sorted(taken):
        yield Problem(
            file,
            "parameters.config.basics.location.allowedValues",
            f"{', '.join(offered)} can be chosen, and the template takes {', '.join(taken) or 'any'}",
            "list the same regions in both",
        )
