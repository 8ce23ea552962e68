"""Evaluates an ARM template as Azure Resource Manager would, as far as the package's templates need it.

What belongs here: the language of the expressions, and the resources that a template makes of given parameters. An
unknown name is an error, as it is on Azure. Source: Microsoft, ARM template functions and expressions.
"""

from __future__ import annotations

import hashlib
import json
import re
import uuid
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from o365_pipeline.errors import TemplateError

TOKEN = re.compile(r"\s*(?:'((?:[^']|'')*)'|(\d+(?:\.\d+)?)|([A-Za-z]\w*)|([(),.\[\]]))")
TYPES: Mapping[str, Any] = {
    "string": str,
    "securestring": str,
    "int": int,
    "bool": bool,
    "array": (list, tuple),
    "object": Mapping,
    "secureobject": Mapping,
}

RUNTIME: Mapping[str, Mapping[str, Any]] = {
    "Microsoft.ManagedIdentity/userAssignedIdentities": {"principalId": "of-the-pipeline", "clientId": "client-id"},
    "Microsoft.DataFactory/factories": {"identity": {"principalId": "of-the-factory"}},
    "Microsoft.OperationalInsights/workspaces": {"customerId": "workspace"},
    "Microsoft.App/containerApps": {"configuration": {"ingress": {"fqdn": "app.example"}}},
}
"""Properties that Azure knows of a resource after it is deployed."""


@dataclass(frozen=True)
class Target:
    """The place that a template is deployed to."""

    subscription_id: str = "11111111-0000-4000-8000-000000000001"
    tenant_id: str = "72f988bf-0000-4000-8000-2d7cd011db47"
    resource_group: str = "rg-o365"
    location: str = "westeurope"

    @property
    def group_id(self) -> str:
        return f"/subscriptions/{self.subscription_id}/resourceGroups/{self.resource_group}"


SAMPLE = Target()
"""The place for a template that is only examined."""


@dataclass(frozen=True)
class Deployed:
    """A template with all expressions evaluated."""

    resources: Mapping[str, Mapping[str, Any]]
    """By resource id."""
    outputs: Mapping[str, Any]

    def of_type(self, kind: str) -> list[Mapping[str, Any]]:
        return [resource for resource in self.resources.values() if resource["type"] == kind]

    def only(self, kind: str) -> Mapping[str, Any]:
        [resource] = self.of_type(kind)
        return resource


def deploy(template: Mapping[str, Any], target: Target = SAMPLE, /, **given: Any) -> Deployed:
    """Evaluates the template as it would be deployed to the target with the given parameters.

    Raises:
        TemplateError: a parameter is unknown, missing or not allowed; an expression or a dependency names nothing.
    """
    names = Names(template, _parameters(template["parameters"], given), target)
    resources: dict[str, Mapping[str, Any]] = {}
    left_out: set[str] = set()
    for written in template["resources"]:
        resource = {
            key: names.evaluate(value) for key, value in written.items() if key not in ("properties", "dependsOn")
        }
        identifier = _identifier(resource, target)
        if identifier in names.types:
            raise TemplateError(f"it is there twice: {identifier}")
        names.types[identifier] = resource["type"]
        if not resource.get("condition", True):
            left_out.add(identifier)
    for written in template["resources"]:
        inner = written["type"] == "Microsoft.Resources/deployments"
        resource = {
            key: value if inner and key == "properties" else names.evaluate(value) for key, value in written.items()
        }
        identifier = _identifier(resource, target)
        if unknown := [name for name in resource.get("dependsOn", []) if name not in list(names.types)]:
            raise TemplateError(f"{identifier} depends on what is not there: {unknown}")
        if identifier in left_out:
            continue
        if inner:
            resources |= _inner(written, names)
        resources[identifier] = resource
    outputs = {name: names.evaluate(output["value"]) for name, output in template.get("outputs", {}).items()}
    names.check_all_used()
    return Deployed(resources, outputs)


def _inner(deployment: Mapping[str, Any], names: Names) -> Mapping[str, Mapping[str, Any]]:
    """Returns the resources of a template within the template."""
    properties = deployment.get("properties", {})
    if "template" not in properties:
        raise TemplateError(f"{deployment['name']} deploys no template")
    values = {name: names.evaluate(one["value"]) for name, one in properties.get("parameters", {}).items()}
    return deploy(properties["template"], names.target, **values).resources


def _parameters(declared: Mapping[str, Mapping[str, Any]], given: Mapping[str, Any]) -> dict[str, Any]:
    if unknown := set(given) - set(declared):
        raise TemplateError(f"no such parameters: {sorted(unknown)}")
    values: dict[str, Any] = {}
    for name, parameter in declared.items():
        if name not in given and "defaultValue" not in parameter:
            raise TemplateError(f"the parameter {name} is missing")
        value = given.get(name, parameter.get("defaultValue"))
        if name in given and not isinstance(value, TYPES[parameter["type"]]):
            raise TemplateError(f"{name}={value} is no {parameter['type']}")
        if name in given and value not in parameter.get("allowedValues", [value]):
            raise TemplateError(f"{name}={value} is not allowed")
        if name in given and not _fits(value, parameter):
            raise TemplateError(f"{name}={value} is too short or too long")
        values[name] = value
    return values


def _fits(value: Any, parameter: Mapping[str, Any]) -> bool:
    """Tells whether a value is neither too short nor too long; only texts and arrays have a length."""
    if not isinstance(value, (str, list, tuple)):
        return True
    fits: bool = parameter.get("minLength", 0) <= len(value) <= parameter.get("maxLength", len(value))
    return fits


def _identifier(resource: Mapping[str, Any], target: Target) -> str:
    scope, name = resource.get("scope", target.group_id), resource["name"]
    if not isinstance(name, str):
        raise TemplateError(f"{name} is no name of a {resource['type']}")
    return f"{scope}/providers/{_joined(resource['type'], name.split('/'))}"


def _joined(kind: str, names: list[str]) -> str:
    provider, *types = kind.split("/")
    if len(types) != len(names) or not all(names):
        raise TemplateError(f"{kind} takes {len(types)} names, not {names}")
    return "/".join([provider, *(part for pair in zip(types, names, strict=True) for part in pair)])


@dataclass
class Names:
    """Everything that expressions can name: parameters, variables, resources, functions."""

    template: Mapping[str, Any]
    parameters: Mapping[str, Any]
    target: Target = SAMPLE
    types: dict[str, str] = field(default_factory=dict)
    used: set[str] = field(default_factory=set)
    under_way: list[str] = field(default_factory=list)
    """The variables that are being evaluated: a variable may not depend on itself."""

    def evaluate(self, value: Any) -> Any:
        if isinstance(value, Mapping):
            return {str(self.evaluate(key)): self.evaluate(part) for key, part in value.items()}
        if isinstance(value, list):
            return [self.evaluate(part) for part in value]
        if isinstance(value, str) and value.startswith("[") and value.endswith("]"):
            if value.startswith("[["):
                return value[1:]
            return Expression(value[1:-1], self.call).value()
        return value

    def check_all_used(self) -> None:
        declared = {*self.template["parameters"], *self.template.get("variables", {})}
        if idle := declared - self.used:
            raise TemplateError(f"declared and never used: {sorted(idle)}")

    def call(self, function: str, arguments: list[Any]) -> Any:
        if own := getattr(self, f"_{function}", None):
            return own(*arguments)
        if function in PLAIN:
            return PLAIN[function](*arguments)
        raise TemplateError(f"no such function: {function}")

    def _parameters(self, name: str) -> Any:
        if name not in self.parameters:
            raise TemplateError(f"no such parameter: {name}")
        self.used.add(name)
        return self.evaluate(self.parameters[name])

    def _variables(self, name: str) -> Any:
        if name not in self.template.get("variables", {}):
            raise TemplateError(f"no such variable: {name}")
        if name in self.under_way:
            raise TemplateError(f"the variable {name} needs itself")
        self.used.add(name)
        self.under_way.append(name)
        value = self.evaluate(self.template["variables"][name])
        self.under_way.pop()
        return value

    def _reference(self, identifier: str, *_version: str) -> Any:
        if identifier not in self.types:
            raise TemplateError(f"a reference to what is not there: {identifier}")
        if (kind := self.types[identifier]) not in RUNTIME:
            raise TemplateError(f"nothing is known of {kind} but what the template says: {identifier}")
        return RUNTIME[kind]

    def _resourceGroup(self) -> Any:  # noqa: N802 - Azure's name
        return {"id": self.target.group_id, "name": self.target.resource_group, "location": self.target.location}

    def _resourceId(self, kind: str, *names: str) -> str:  # noqa: N802 - Azure's name
        return f"{self.target.group_id}/providers/{_joined(kind, list(names))}"

    def _subscription(self) -> Any:
        return {"subscriptionId": self.target.subscription_id, "tenantId": self.target.tenant_id}

    def _subscriptionResourceId(self, kind: str, *names: str) -> str:  # noqa: N802 - Azure's name
        return f"/subscriptions/{self.target.subscription_id}/providers/{_joined(kind, list(names))}"

    def _listKeys(self, identifier: str, _version: str) -> Any:  # noqa: N802 - Azure's name
        self._reference(identifier)
        return {"primarySharedKey": "key"}


PLAIN: Mapping[str, Callable[..., Any]] = {
    "concat": lambda *parts: "".join(parts) if isinstance(parts[0], str) else [item for part in parts for item in part],
    "createArray": lambda *items: list(items),
    "createObject": lambda *pairs: dict(zip(pairs[::2], pairs[1::2], strict=True)),
    "empty": lambda value: not value,
    "environment": lambda: {
        "authentication": {"loginEndpoint": "https://login.microsoftonline.com/"},
        "suffixes": {
            "keyvaultDns": ".vault.azure.net",
            "sqlServerHostname": ".database.windows.net",
            "storage": "core.windows.net",
        },
    },
    "extensionResourceId": lambda scope, kind, *names: f"{scope}/providers/{_joined(kind, list(names))}",
    "equals": lambda one, other: one == other,
    "guid": lambda *parts: str(uuid.uuid5(uuid.NAMESPACE_URL, "-".join(parts))),
    "if": lambda condition, then, otherwise: then if condition else otherwise,
    "json": json.loads,
    "not": lambda value: not value,
    "take": lambda text, count: text[:count],
    "tenantResourceId": lambda kind, *names: f"/providers/{_joined(kind, list(names))}",
    "toLower": lambda text: text.lower(),
    "union": lambda *objects: {name: value for one in objects for name, value in one.items()},
    "uniqueString": lambda *parts: hashlib.sha256("|".join(parts).encode()).hexdigest()[:13],
}


class Expression:
    """One expression: literals, calls of functions, and access to their results."""

    def __init__(self, text: str, call: Callable[[str, list[Any]], Any]) -> None:
        self._text = text
        self._tokens = _tokens(text)
        self._call = call
        self._next = next(self._tokens)

    def value(self) -> Any:
        value = self._operand()
        if self._next[0] != "end":
            raise TemplateError(f"cannot be read: {self._text}")
        return value

    def _take(self, *wanted: str) -> str:
        kind, text = self._next
        if wanted and text not in wanted:
            raise TemplateError(f"{text or 'its end'} where {wanted} is wanted: {self._text}")
        if kind != "end":
            self._next = next(self._tokens)
        return text

    def _operand(self) -> Any:
        kind, text = self._next
        self._take()
        if kind == "text":
            return text.replace("''", "'")
        if kind == "number":
            return float(text) if "." in text else int(text)
        arguments: list[Any] = []
        self._take("(")
        while self._next[1] != ")" or self._next[0] != "sign":
            arguments.append(self._operand())
            if self._next != ("sign", ")"):
                self._take(",")
        self._take(")")
        try:
            value = self._call(text, arguments)
        except (TypeError, ValueError, AttributeError, LookupError):
            raise TemplateError(f"{text}(...) does not take what it is given: {self._text}") from None
        while self._next in (("sign", "."), ("sign", "[")):
            if self._take() == ".":
                name = self._take()
            else:
                name = self._operand()
                self._take("]")
            if not isinstance(value, Mapping) or not isinstance(name, str) or name not in value:
                raise TemplateError(f"there is no {name} in {text}(...): {self._text}")
            value = value[name]
        return value


def _tokens(text: str) -> Iterator[tuple[str, str]]:
    position = 0
    while position < len(text):
        match = TOKEN.match(text, position)
        if match is None:
            raise TemplateError(f"cannot be read: {text}")
        position = match.end()
        kind = ("text", "number", "name", "sign")[(match.lastindex or 1) - 1]
        yield kind, match.group(match.lastindex or 1)
    while True:
        yield "end", ""
