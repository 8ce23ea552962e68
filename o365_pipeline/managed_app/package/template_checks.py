"""The checks of a package's mainTemplate.json.

What belongs here: its form, its limits, its evaluated resources, and the rights that it grants. Source: Microsoft, ARM
template best practices (limits).
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator, Mapping
from typing import Any

from o365_pipeline.customers.regions import REGION_NAMES
from o365_pipeline.errors import TemplateError
from o365_pipeline.managed_app.package.arm_template import Deployed, deploy
from o365_pipeline.managed_app.package.package_problems import Problem, against_schema, joined, leaves
from o365_pipeline.managed_app.package.template_roles import GRANTS

SCHEMA = "arm_template.schema.json"
MEGABYTE = 1024 * 1024
MAX_TEMPLATE = 4 * MEGABYTE
MAX_RESOURCE = MEGABYTE
MAX_EXPRESSION = 24_576
SOME_ID = "99999999-0000-4000-8000-00000000000{}"
SOME_VALUES: Mapping[str, Any] = {"int": 1, "bool": True, "array": [], "object": {}, "secureobject": {}}


def template_problems(file: str, template: Any) -> list[Problem]:
    """Finds all problems of a template; if its form is wrong, only those of its form."""
    if wrong := against_schema(file, template, SCHEMA):
        return wrong
    checks = (_too_large, _regions, _keys, _presets, _deployed)
    return [problem for check in checks for problem in check(file, template)]


def samples(template: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    """Returns parameters to try a template with: first the required ones, then all."""
    parameters = template["parameters"]
    yield {name: _sample(one) for name, one in parameters.items() if "defaultValue" not in one}
    yield {name: _sample(one, last=True) for name, one in parameters.items()}


def _sample(parameter: Mapping[str, Any], last: bool = False) -> Any:
    if "allowedValues" in parameter:
        return parameter["allowedValues"][-1 if last else 0]
    if parameter["type"] == "array" and last:
        return [SOME_ID.format(number) for number in range(min(parameter.get("maxLength", 2), 2))]
    return SOME_VALUES.get(parameter["type"], SOME_ID.format(0))


def _too_large(file: str, template: Mapping[str, Any]) -> Iterator[Problem]:
    if (size := len(json.dumps(template))) > MAX_TEMPLATE:
        yield Problem(file, "", f"it has {size} bytes, more than {MAX_TEMPLATE}", "ask for fewer datasets")
    for number, resource in enumerate(template["resources"]):
        if (size := len(json.dumps(resource))) > MAX_RESOURCE:
            path = joined("resources", number)
            yield Problem(file, path, f"it has {size} bytes, more than {MAX_RESOURCE}", "make it smaller")
    for path, value in leaves(template):
        if isinstance(value, str) and value.startswith("[") and len(value) > MAX_EXPRESSION:
            yield Problem(
                file, path, f"the expression has {len(value)} characters, more than {MAX_EXPRESSION}", "make it shorter"
            )


def _regions(file: str, template: Mapping[str, Any]) -> Iterator[Problem]:
    path, allowed = "parameters.location.allowedValues", template["parameters"].get("location", {}).get("allowedValues")
    if not allowed:
        yield Problem(file, path, "any region may be chosen", "list regions that Data Connect delivers into")
    elif unknown := [region for region in allowed if region not in REGION_NAMES]:
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


def _presets(file: str, template: Mapping[str, Any]) -> Iterator[Problem]:
    """Finds secret parameters that have a default value."""
    for name, parameter in template["parameters"].items():
        if parameter["type"].startswith("secure") and parameter.get("defaultValue"):
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
    for parameters in samples(template):
        given = ", ".join(sorted(parameters))
        try:
            deployed = deploy(template, **parameters)
        except TemplateError as error:
            yield Problem(
                file,
                "",
                f"with {given} it cannot be worked out: {error}",
                "correct the expression or name that is told",
            )
            return
    yield from _grants(file, deployed)


def _grants(file: str, deployed: Deployed) -> Iterator[Problem]:
    """Finds rights that an installation does not need, and missing ones."""
    wanted = {(grant.role_id, grant.on): grant for grant in GRANTS}
    given = Counter(
        (
            str(one.get("properties", {}).get("roleDefinitionId")).rsplit("/", 1)[-1],
            _type_of(str(one.get("scope", ""))),
        )
        for one in deployed.of_type("Microsoft.Authorization/roleAssignments")
    )
    for (role_id, on), times in given.items():
        if (role_id, on) not in wanted or times > 1:
            yield Problem(
                file,
                "resources",
                f"the role {role_id} is assigned on {on or 'the resource group'}" + (" twice" if times > 1 else ""),
                f"assign {' and '.join(f'{grant.role} on {grant.on}' for grant in GRANTS)}, and nothing else",
            )
    for key, grant in wanted.items():
        if key not in given:
            yield Problem(
                file, "resources", f"the role {grant.role} is not assigned on {grant.on}", f"assign it: {grant.reason}"
            )


def _type_of(identifier: str) -> str:
    """Returns the type of the resource that an id names."""
    provider, *parts = identifier.split("/providers/")[-1].split("/")
    return "/".join([provider, *parts[::2]])
