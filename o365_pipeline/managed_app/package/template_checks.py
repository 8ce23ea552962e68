"""The checks of a package's mainTemplate.json.

What belongs here: its form, its limits, its evaluated resources, and the rights that it grants. Source: Microsoft, ARM
template best practices (limits).
"""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Iterator, Mapping
from itertools import islice
from typing import Any

from o365_pipeline.customers.regions import REGION_NAMES
from o365_pipeline.errors import TemplateError
from o365_pipeline.managed_app.arm.arm_expressions import unknown
from o365_pipeline.managed_app.arm.written_resources import written_resources
from o365_pipeline.managed_app.package.arm_template import Deployed, worked_out
from o365_pipeline.managed_app.package.package_problems import MAX_PROBLEMS, Problem, against_schema, joined, leaves
from o365_pipeline.managed_app.package.resource_checks import resource_problems
from o365_pipeline.managed_app.template.roles import ASKS_ABOUT_POLICIES, GRANTS

SCHEMA = "arm_template.schema.json"
MEGABYTE = 1024 * 1024
MAX_TEMPLATE = 4 * MEGABYTE
MAX_RESOURCE = MEGABYTE
MAX_EXPRESSION = 24_576
MAX_CHOICES = 50
"""How many values of one parameter are tried."""

DATA_CONNECT = ("Office365", "Office365Table", "Office365Source")
"""The types of linked service, dataset and source that belong to Data Connect."""

ADDRESS_NAME = re.compile(r"(?i)ur[il]$")
CONCATENATED = re.compile(r"(?i)\b(?:concat|format)\(")
MADE_OF_PARTS = re.compile(r"(?i)\buri\(")
SOME_ID = "99999999-0000-4000-8000-00000000000{}"
SOME_VALUES: Mapping[str, Any] = {"bool": True, "array": [], "object": {}, "secureobject": {}}


def template_problems(file: str, template: Any) -> list[Problem]:
    """Finds all problems of a template; if its form is wrong, only those of its form."""
    if wrong := against_schema(file, template, SCHEMA):
        return wrong
    checks = [_too_large, _presets, _deployed]
    if extracts_by_data_connect(template):
        checks = [_too_large, _regions, _keys, _addresses, _presets, _deployed]
    return [problem for check in checks for problem in check(file, template)]


def extracts_by_data_connect(template: Any) -> bool:
    """Tells whether a package is one of those that this project sells; the others are judged as Azure does, alone."""
    return any(value in DATA_CONNECT for path, value in leaves(template) if path.endswith(".type"))


def samples(template: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    """Returns parameters to try a template with: first the required ones, then all, then each value that may be
    chosen. A text that is empty by default counts as required: somebody fills it in.
    """
    parameters = template.get("parameters", {})
    required = {name: _sample(name, one) for name, one in parameters.items() if one.get("defaultValue", "") == ""}
    yield required
    yield {name: _sample(name, one, last=True) for name, one in parameters.items()}
    for name, one in parameters.items():
        for value in one.get("allowedValues", [])[:MAX_CHOICES]:
            yield {**required, name: value}


def _sample(name: str, parameter: Mapping[str, Any], last: bool = False) -> Any:
    if "allowedValues" in parameter:
        return parameter["allowedValues"][-1 if last else 0]
    kind = parameter["type"].lower()
    if kind == "array" and last:
        return [SOME_ID.format(number) for number in range(min(parameter.get("maxLength", 2), 2))]
    if kind == "int":
        return parameter.get("maxValue" if last else "minValue", 1)
    return SOME_VALUES.get(kind, unknown(f"parameters('{name}')"))


def _too_large(file: str, template: Mapping[str, Any]) -> Iterator[Problem]:
    if (size := len(json.dumps(template))) > MAX_TEMPLATE:
        yield Problem(file, "", f"it has {size} bytes, more than {MAX_TEMPLATE}", "ask for fewer datasets")
    for one in written_resources(template):
        if (size := len(json.dumps(one.content))) > MAX_RESOURCE:
            yield Problem(file, one.place, f"it has {size} bytes, more than {MAX_RESOURCE}", "make it smaller")
    for path, value in leaves(template):
        if isinstance(value, str) and value.startswith("[") and len(value) > MAX_EXPRESSION:
            yield Problem(
                file, path, f"the expression has {len(value)} characters, more than {MAX_EXPRESSION}", "make it shorter"
            )


def _regions(file: str, template: Mapping[str, Any]) -> Iterator[Problem]:
    path, allowed = (
        "parameters.location.allowedValues",
        template.get("parameters", {}).get("location", {}).get("allowedValues"),
    )
    if not allowed:
        yield Problem(file, path, "any region may be chosen", "list regions that Data Connect delivers into")
    elif unknown := [str(region) for region in allowed if str(region) not in REGION_NAMES]:
        yield Problem(
            file,
            path,
            f"Data Connect does not deliver into {', '.join(unknown)}",
            f"choose among {', '.join(REGION_NAMES)}",
        )


def _keys(file: str, template: Mapping[str, Any]) -> Iterator[Problem]:
    """Finds application keys that are written in the template instead of a reference to a Key Vault."""
    for path, value in _named("servicePrincipalKey", template):
        if not isinstance(value, Mapping) or value.get("type") != "AzureKeyVaultSecret":
            yield Problem(
                file, path, "the application's key is no reference to a Key Vault", "refer to it as AzureKeyVaultSecret"
            )


def _addresses(file: str, template: Mapping[str, Any]) -> Iterator[Problem]:
    """Finds addresses that are put together as texts, which the marketplace's certification refuses.

    Source: Microsoft, ARM template test toolkit, URIs should be properly constructed.
    """
    for path, value in leaves(template):
        if ADDRESS_NAME.search(path) and isinstance(value, str) and value.startswith("["):
            parts, made = CONCATENATED.search(value), MADE_OF_PARTS.search(value)
            if parts and (made is None or parts.start() < made.start()):
                yield Problem(file, path, "an address is put together as a text", "make it with uri()")


def _presets(file: str, template: Mapping[str, Any]) -> Iterator[Problem]:
    """Finds secret parameters that have a default value."""
    for name, parameter in template.get("parameters", {}).items():
        if parameter["type"].lower().startswith("secure") and parameter.get("defaultValue"):
            path = f"parameters.{name}.defaultValue"
            yield Problem(file, path, "a secret has a value by default", "leave the default out")


def _named(wanted: str, value: Any, path: str = "") -> Iterator[tuple[str, Any]]:
    if isinstance(value, Mapping):
        for name, part in value.items():
            if name == wanted:
                yield joined(path, name), part
            yield from _named(wanted, part, joined(path, name))
    elif isinstance(value, list):
        for number, part in enumerate(value):
            yield from _named(wanted, part, joined(path, number))


def _deployed(file: str, template: Mapping[str, Any]) -> Iterator[Problem]:
    """Finds problems of the evaluated template."""
    found: dict[Problem, None] = {}
    for parameters in samples(template):
        given = ", ".join(sorted(parameters)) or "no parameter"
        try:
            deployed = worked_out(template, **parameters)
        except TemplateError as error:
            message = f"with {given} it cannot be worked out: {error}"
            yield Problem(file, "", message, "correct the expression or name that is told")
            return
        found |= dict.fromkeys(resource_problems(file, deployed))
    yield from islice(found, MAX_PROBLEMS)
    if extracts_by_data_connect(template):
        if deployed.unused:
            unused = f"declared and never used: {', '.join(deployed.unused)}"
            yield Problem(file, "", unused, "take out what is never used")
        yield from _grants(file, deployed)


def _grants(file: str, deployed: Deployed) -> Iterator[Problem]:
    """Finds rights that an installation does not need, and missing ones."""
    has_policies = bool(deployed.of_type("Microsoft.Authorization/policyAssignments"))
    grants = (*GRANTS, ASKS_ABOUT_POLICIES) if has_policies else GRANTS
    wanted = Counter((grant.role_id, grant.on) for grant in grants)
    given = Counter(
        (
            str(one.get("properties", {}).get("roleDefinitionId")).rsplit("/", 1)[-1],
            _type_of(str(one["scope"])) if one.get("scope") else "",
        )
        for one in deployed.of_type("Microsoft.Authorization/roleAssignments")
    )
    for (role_id, on), times in given.items():
        if times > wanted[role_id, on]:
            again = " once more than is needed" if wanted[role_id, on] else ""
            message = f"the role {role_id} is assigned on {on or 'the resource group'}{again}"
            yield Problem(file, "resources", message, "assign the roles that are needed, and nothing else")
    for grant in grants:
        key = grant.role_id, grant.on
        if given[key] < wanted[key]:
            where = grant.on or "the resource group"
            message = f"the role {grant.role} is not assigned on {where}"
            yield Problem(file, "resources", message, f"assign it to the {grant.who}: {grant.reason}")


def _type_of(identifier: str) -> str:
    """Returns the type of the resource that an id names."""
    provider, *parts = identifier.split("/providers/")[-1].split("/")
    return "/".join([provider, *parts[::2]])
