"""The checks of a package's createUiDefinition.json, and of its fit with the template.

What belongs here: its form, its evaluated expressions, and the use that the template makes of its outputs.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from itertools import islice
from typing import Any

from o365_pipeline.errors import TemplateError
from o365_pipeline.managed_app.arm.arm_expressions import Open
from o365_pipeline.managed_app.package.arm_template import worked_out
from o365_pipeline.managed_app.package.package_problems import Problem, against_schema, leaves
from o365_pipeline.managed_app.package.template_checks import extracts_by_data_connect, samples
from o365_pipeline.managed_app.package.ui_expressions import Answers, answers, elements, is_expression, outputs

SCHEMA = "ui_definition.schema.json"
SEPARATOR = ", "
LOCATION = "location"
SOMEWHERE = "westeurope"
MAX_PURCHASERS = 200
"""How many ways to answer the wizard are tried."""

MAX_ANSWERS = 200_000
"""How many answers all of them may have together."""

TAKEN_AS_WRITTEN = (".regex",)
"""Texts that are no expressions, whatever brackets they have."""

OF_THE_PORTAL = ("managedapplicationname", "managedresourcegroupid", "applicationresourcename")
"""Outputs that the portal takes for itself."""


def ui_problems(file: str, wizard: Any, template: Mapping[str, Any] | None) -> list[Problem]:
    """Finds all problems of a wizard; if its form is wrong, only those of its form.

    Args:
        template: the template that the wizard is for; None if it cannot be read.
    """
    if wrong := against_schema(file, wizard, SCHEMA):
        return wrong
    is_ours = template is None or extracts_by_data_connect(template)
    kind: type[dict[str, Any]] = dict if is_ours else Open
    alone = [*_twice(file, wizard), *_expressions(file, wizard, kind)]
    if template is None or alone:
        return alone
    found = list(_parameters(file, wizard, template, kind))
    return [*found, *_regions(file, wizard, template)] if is_ours else found


def _twice(file: str, wizard: Mapping[str, Any]) -> Iterator[Problem]:
    """Finds elements that have the same name."""
    seen: set[tuple[str, str]] = set()
    for step, element in elements(wizard):
        key = step, element["name"]
        if key in seen:
            yield Problem(file, f"steps.{step}", f"two elements are named {element['name']}", "name each its own way")
        seen.add(key)


def _expressions(file: str, wizard: Mapping[str, Any], kind: type[dict[str, Any]]) -> Iterator[Problem]:
    """Finds expressions that name an element, a step or a function that does not exist."""
    given = {element["name"]: "1" for _, element in elements(wizard) if element["type"] == "Microsoft.Common.TextBox"}
    chosen = answers(wizard, "", given, kind)
    for path, value in leaves(wizard):
        if is_expression(value) and not path.endswith(TAKEN_AS_WRITTEN):
            try:
                chosen.evaluate(value)
            except TemplateError as error:
                yield Problem(file, path, str(error), "name an element of a step of this file")


def _parameters(
    file: str, wizard: Mapping[str, Any], template: Mapping[str, Any], kind: type[dict[str, Any]]
) -> Iterator[Problem]:
    """Finds outputs without a parameter, parameters without an output, and values that the template does not accept."""
    declared = {name.lower(): one for name, one in template.get("parameters", {}).items()}
    given = {name.lower(): name for name in wizard["parameters"]["outputs"]}
    unexpected = [name for key, name in given.items() if key not in (*declared, *OF_THE_PORTAL)]
    missing = [name for name, one in template.get("parameters", {}).items()
               if name.lower() not in given and "defaultValue" not in one]  # fmt: skip
    for name in sorted(unexpected):
        yield Problem(file, f"parameters.outputs.{name}", "the template has no such parameter", "take the output out")
    for name in sorted(missing):
        yield Problem(
            file, "parameters.outputs", f"the template's parameter {name} is not among them", f"add an output {name}"
        )
    if unexpected or missing:
        return
    tries = min(MAX_PURCHASERS, MAX_ANSWERS // (1 + sum(1 for _ in elements(wizard))))
    for chosen in islice(_purchasers(wizard, template, kind), tries):
        try:
            worked_out(template, **_as_declared(outputs(wizard, chosen), template))
        except TemplateError as error:
            yield Problem(
                file, "parameters.outputs", f"the template does not take them: {error}", "hand on what it declares"
            )
            return


def _as_declared(given: Mapping[str, Any], template: Mapping[str, Any]) -> dict[str, Any]:
    """Returns the outputs by the parameters' own spelling, without those that the portal keeps for itself."""
    names = {name.lower(): name for name in template.get("parameters", {})}
    return {names[name.lower()]: value for name, value in given.items() if name.lower() in names}


def _purchasers(
    wizard: Mapping[str, Any], template: Mapping[str, Any], kind: type[dict[str, Any]]
) -> Iterator[Answers]:
    """Makes purchasers: one who answers with the template's samples, and one for each choice in the wizard."""
    for sample in samples(template):
        filled = {
            name: SEPARATOR.join(value) if isinstance(value, list) else value
            for name, value in sample.items()
            if name != LOCATION
        }
        yield answers(wizard, sample.get(LOCATION, SOMEWHERE), filled, kind)
        for _, element in elements(wizard):
            if element["type"] == "Microsoft.Common.DropDown":
                choices = element["constraints"]["allowedValues"]
                for choice in choices if isinstance(choices, list) else ():
                    yield answers(
                        wizard, sample.get(LOCATION, SOMEWHERE), {**filled, element["name"]: choice["value"]}, kind
                    )


def _regions(file: str, wizard: Mapping[str, Any], template: Mapping[str, Any]) -> Iterator[Problem]:
    offered = wizard["parameters"].get("config", {}).get("basics", {}).get("location", {}).get("allowedValues", [])
    taken = template.get("parameters", {}).get(LOCATION, {}).get("allowedValues", [])
    if sorted(offered) != sorted(taken):
        yield Problem(
            file,
            "parameters.config.basics.location.allowedValues",
            f"{', '.join(offered)} can be chosen, and the template takes {', '.join(taken) or 'any'}",
            "list the same regions in both",
        )
