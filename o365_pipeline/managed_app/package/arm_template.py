"""Evaluates an ARM template as Azure Resource Manager would, as far as the package's templates need it.

What belongs here: the resources that a template makes of given parameters, and the order that they need. A name that
nothing has is an error, as it is on Azure; what Azure alone knows stays unknown. Reading expressions belongs to
`arm_expressions.py`. Source: Microsoft, ARM template functions and expressions.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from graphlib import CycleError, TopologicalSorter
from typing import Any

from o365_pipeline.errors import TemplateError
from o365_pipeline.managed_app.arm.arm_expressions import WRONG, is_unknown, shortened
from o365_pipeline.managed_app.arm.template_names import SAMPLE, Names, Target
from o365_pipeline.managed_app.arm.written_resources import Written, in_azures_spelling, written_resources

MAX_RESOURCES = 800


@dataclass(frozen=True)
class Deployed:
    """A template with all expressions evaluated."""

    resources: Mapping[str, Mapping[str, Any]]
    """By resource id."""
    outputs: Mapping[str, Any]
    places: Mapping[str, str] = field(default_factory=dict)
    """Where the template writes each resource, by resource id."""
    unused: tuple[str, ...] = ()
    """The parameters and variables that nothing names."""

    def of_type(self, kind: str) -> list[Mapping[str, Any]]:
        return [resource for resource in self.resources.values() if resource["type"] == kind]

    def only(self, kind: str) -> Mapping[str, Any]:
        [resource] = self.of_type(kind)
        return resource


def deploy(template: Mapping[str, Any], target: Target = SAMPLE, /, **given: Any) -> Deployed:
    """Evaluates a template whose every value is known here, as it would be deployed to the target.

    Raises:
        TemplateError: as `worked_out`; or a parameter or variable is never used, or Azure alone knows a value.
    """
    names = Names(in_azures_spelling(template), given, target)
    deployed = _deployed(names)
    if deployed.unused:
        raise TemplateError(f"declared and never used: {list(deployed.unused)}")
    for value in (*deployed.resources.values(), deployed.outputs):
        if is_unknown(value):
            raise TemplateError(f"Azure alone knows a value: {_first_unknown(value)}")
    return deployed


def worked_out(template: Mapping[str, Any], target: Target = SAMPLE, /, **given: Any) -> Deployed:
    """Evaluates any template as far as it can be without Azure.

    Raises:
        TemplateError: a parameter is unknown, missing or not allowed; an expression or a dependency names nothing;
            resources need each other in a circle; or it becomes too large.
    """
    return _deployed(Names(in_azures_spelling(template), given, target))


def _deployed(names: Names) -> Deployed:
    written = list(_each(names))
    identifiers = [names.declare(one, index) for one, index in written]
    resources: dict[str, Mapping[str, Any]] = {}
    needs: dict[str, set[str]] = {}
    for (one, index), identifier in zip(written, identifiers, strict=True):
        resource = names.resource(one, index)
        needs[identifier.lower()] = {*names.depended_on(identifier, resource), *names.referred} - {identifier.lower()}
        if resource.get("condition", True) is False:
            continue
        if _has_inner_scope(one.content):
            resources |= _inner(one.content, names)
        resources[identifier] = resource
    _check_order(needs, {identifier.lower(): identifier for identifier in identifiers})
    outputs = {
        name: names.evaluate(output["value"])
        for name, output in names.template.get("outputs", {}).items()
        if "value" in output
    }
    places = {identifier: one.place for (one, _), identifier in zip(written, identifiers, strict=True)}
    return Deployed(resources, outputs, places, names.unused())


def _each(names: Names) -> Iterable[tuple[Written, int]]:
    """Returns every resource, those with a loop as often as it runs, with the number of the round."""
    count = 0
    for one in written_resources(names.template):
        loop = one.content.get("copy")
        times = names.evaluate(loop.get("count", 1)) if loop else 1
        for index in range(times if isinstance(times, int) else 1):
            count += 1
            if count > MAX_RESOURCES:
                raise TemplateError(f"it makes more than {MAX_RESOURCES} resources")
            yield one, index


def _has_inner_scope(resource: Mapping[str, Any]) -> bool:
    """Tells whether it is a template within the template, whose names are its own."""
    properties = resource.get("properties")
    if resource["type"].lower() != "microsoft.resources/deployments" or not isinstance(properties, Mapping):
        return False
    options = properties.get("expressionEvaluationOptions")
    scope = options.get("scope") if isinstance(options, Mapping) else None
    return "template" in properties and str(scope).lower() == "inner"


def _inner(deployment: Mapping[str, Any], names: Names) -> Mapping[str, Mapping[str, Any]]:
    """Returns the resources of a template within the template."""
    properties = deployment["properties"]
    try:
        return _inner_resources(properties, names)
    except WRONG:
        raise TemplateError(f"the template within {shortened(str(deployment['name']))} is of no right form") from None


def _inner_resources(properties: Mapping[str, Any], names: Names) -> Mapping[str, Mapping[str, Any]]:
    values = {name: names.evaluate(one.get("value")) for name, one in properties.get("parameters", {}).items()}
    inner = Names(in_azures_spelling(properties["template"]), values, names.target, spent=names.spent)
    resources = _deployed(inner).resources
    names.spent = inner.spent
    return resources


def _check_order(needs: Mapping[str, set[str]], spelled: Mapping[str, str]) -> None:
    try:
        TopologicalSorter(needs).prepare()
    except CycleError as error:
        circle = " needs ".join(spelled[key].split("/providers/")[-1] for key in reversed(error.args[1]))
        raise TemplateError(f"resources need each other in a circle: {shortened(circle)}") from None


def _first_unknown(value: Any) -> str:
    if isinstance(value, Mapping):
        return next(_first_unknown(part) for pair in value.items() for part in pair if is_unknown(part))
    return next(_first_unknown(part) for part in value if is_unknown(part)) if isinstance(value, list) else str(value)
