"""What the expressions of a template can name: its parameters, variables and resources, and the place it goes to.

What belongs here: looking names up, and the functions that need them. Which resources a template makes of them belongs
to `arm_template.py`; functions that need nothing but their arguments belong to `arm_expressions.py`.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from o365_pipeline.errors import TemplateError
from o365_pipeline.managed_app.arm.arm_expressions import (
    BEGIN,
    END,
    FUNCTIONS,
    Expression,
    call_plain,
    is_unknown,
    resource_type_id,
    unknown,
)
from o365_pipeline.managed_app.arm.resource_facts import template_functions
from o365_pipeline.managed_app.arm.written_resources import Written

MAX_WORK = 20_000_000
"""How many characters and values all expressions together may come to. Azure takes templates that come to 4 MB."""

MARKED = re.compile(f"{BEGIN}[^{END}]*{END}")
SLASH = re.compile(f"/(?![^{BEGIN}]*{END})")
"""A slash that is no part of what Azure alone knows."""

MAX_CHAIN = 50
"""How many variables may be needed for one, each by the one before."""

TYPES: Mapping[str, Any] = {
    "string": str,
    "securestring": str,
    "int": int,
    "bool": bool,
    "array": (list, tuple),
    "object": Mapping,
    "secureobject": Mapping,
}

IDENTITY_TYPE = "Microsoft.ManagedIdentity/userAssignedIdentities"
RUNTIME: Mapping[str, Mapping[str, Any]] = {
    IDENTITY_TYPE: {"principalId": "of-the-pipeline", "clientId": "client-id"},
    f"{IDENTITY_TYPE}/insights": {"principalId": "of-insights", "clientId": "client-id-of-insights"},
    "Microsoft.DataFactory/factories": {"identity": {"principalId": "of-the-factory"}},
    "Microsoft.OperationalInsights/workspaces": {"customerId": "workspace"},
    "Microsoft.App/containerApps": {"configuration": {"ingress": {"fqdn": "app.example"}}},
}
"""Properties that Azure knows of a resource after it is deployed: by its type, or by that and its name's last word."""


@dataclass(frozen=True)
class Target:
    """The place that a template is deployed to."""

    subscription_id: str = "11111111-0000-4000-8000-000000000001"
    tenant_id: str = "72f988bf-0000-4000-8000-2d7cd011db47"
    resource_group: str = "rg-o365"
    location: str = "westeurope"
    runtime: Mapping[str, Mapping[str, Any]] = field(default_factory=lambda: RUNTIME, compare=False)
    """What Azure will know of the resources there, by their types."""

    def known_of(self, kind: str, name: str) -> Mapping[str, Any] | None:
        """Returns what Azure will know of a resource; None where nothing is known here.

        Args:
            name: its name, or its id.
        """
        return self.runtime.get(f"{kind}/{name.rpartition('-')[2].lower()}") or self.runtime.get(kind)

    @property
    def group_id(self) -> str:
        return f"/subscriptions/{self.subscription_id}/resourceGroups/{self.resource_group}"


SAMPLE = Target()
"""The place for a template that is only examined."""


def _parameters(declared: Mapping[str, Mapping[str, Any]], given: Mapping[str, Any]) -> dict[str, Any]:
    if unexpected := set(given) - set(declared):
        raise TemplateError(f"no such parameters: {sorted(unexpected)}")
    values: dict[str, Any] = {}
    for name, parameter in declared.items():
        if name not in given and "defaultValue" not in parameter and not parameter.get("nullable"):
            raise TemplateError(f"the parameter {name} is missing")
        value = given.get(name, parameter.get("defaultValue"))
        if name in given and not (isinstance(value, str) and is_unknown(value)):
            _check_value(name, value, parameter)
        values[name] = value
    return values


def _check_value(name: str, value: Any, parameter: Mapping[str, Any]) -> None:
    kind = parameter["type"].lower()
    if not isinstance(value, TYPES[kind]) or (kind == "int" and isinstance(value, bool)):
        raise TemplateError(f"{name}={value} is no {parameter['type']}")
    if value not in parameter.get("allowedValues", [value]):
        raise TemplateError(f"{name}={value} is not allowed")
    for measured, least, most, wrong in (
        (len(value) if isinstance(value, (str, list, tuple)) else None, "minLength", "maxLength", "short or too long"),
        (value if isinstance(value, int) else None, "minValue", "maxValue", "small or too great"),
    ):
        if measured is not None and not parameter.get(least, measured) <= measured <= parameter.get(most, measured):
            raise TemplateError(f"{name}={value} is too {wrong}")


def size(value: Any, limit: int) -> int:
    """Counts the characters and values of a value, no further than a little beyond the limit."""
    count, waiting = 0, [value]
    while waiting and count <= limit:
        part = waiting.pop()
        count += 1
        if isinstance(part, str):
            count += len(part)
        elif isinstance(part, dict):
            waiting += [inner for pair in part.items() for inner in pair]
        elif isinstance(part, (list, tuple)):
            waiting += part
    return count


class Names:
    """Everything that expressions can name: parameters, variables, resources, functions."""

    def __init__(
        self, template: Mapping[str, Any], given: Mapping[str, Any], target: Target = SAMPLE, spent: int = 0
    ) -> None:
        self.template, self.target, self.spent = template, target, spent
        self.referred: set[str] = set()
        """The resources that the resource at hand refers to."""
        declared = template.get("parameters", {})
        self._given = {name.lower(): value for name, value in _parameters(declared, given).items()}
        self._variables = {name.lower(): value for name, value in template.get("variables", {}).items()}
        loops = self._variables.pop("copy", [])
        for loop in (one for one in loops if isinstance(one, Mapping)) if isinstance(loops, list) else ():
            self._variables[str(loop.get("name", "")).lower()] = unknown(f"variables('{loop.get('name')}')")
        self._declared = {*declared, *template.get("variables", {})} - {"copy"}
        self._values: dict[tuple[str, str], Any] = {}
        self._under_way: list[tuple[str, str]] = []
        """The variables that are being evaluated: a variable may not depend on itself."""
        self._used: set[str] = set()
        self._types: dict[str, str] = {}
        """The type of each resource, by its id in small letters."""
        self._ways: dict[str, set[str]] = {}
        """The ids in small letters that a dependency can mean, by each way to write it."""
        self._round: tuple[str, int] = ("", 0)

    def declare(self, one: Written, index: int) -> str:
        """Makes a resource known; returns its id."""
        self._round = (str(one.content.get("copy", {}).get("name", "")), index)
        kind, name = one.content["type"], self.evaluate(one.content["name"])
        if not isinstance(name, str):
            raise TemplateError(f"{name} is no name of a {kind}")
        scope = str(self.evaluate(one.content.get("scope", self.target.group_id)))
        scope = scope if scope.startswith("/") or is_unknown(scope) else f"{self.target.group_id}/providers/{scope}"
        own = _own_id(kind, name)
        identifier = f"{scope}/providers/{own}"
        key = identifier.lower()
        if key in self._types and one.content.get("condition", True) is True:
            raise TemplateError(f"it is there twice: {identifier}")
        self._types[key] = kind
        for way in (identifier, own, name, self._round[0], one.symbol or ""):
            self._ways.setdefault(way.lower(), set()).add(key)
        return identifier

    def resource(self, one: Written, index: int) -> dict[str, Any]:
        """Evaluates a resource; a template within it stays as it is."""
        self._round = (str(one.content.get("copy", {}).get("name", "")), index)
        self.referred = set()
        inner = (
            "template" in one.content.get("properties", ())
            if one.content["type"].lower().endswith("/deployments")
            else False
        )
        return {
            key: value if inner and key == "properties" else self.evaluate(value)
            for key, value in one.content.items()
            if key != "copy"
        }

    def depended_on(self, identifier: str, resource: Mapping[str, Any]) -> set[str]:
        """Returns the ids, in small letters, of what a resource depends on."""
        found: set[str] = set()
        for name in resource.get("dependsOn", []):
            meant = self._ways.get(name.lower()) if isinstance(name, str) else None
            if meant:
                found |= meant
            elif not self._may_be_there(name):
                raise TemplateError(f"{identifier} depends on what is not there: {name}")
        return found

    def _may_be_there(self, name: Any) -> bool:
        """Tells whether a resource may have that name or id whose own Azure alone knows."""
        if is_unknown(name) or not isinstance(name, str):
            return is_unknown(name)
        return any(pattern.fullmatch(name.lower()) for pattern in self._patterns())

    def _patterns(self) -> list[re.Pattern[str]]:
        return [re.compile(".*".join(map(re.escape, MARKED.split(way)))) for way in self._ways if is_unknown(way)]

    def evaluate(self, value: Any) -> Any:
        if isinstance(value, str):
            if not (value.startswith("[") and value.endswith("]")):
                return value
            return value[1:] if value.startswith("[[") else Expression(value[1:-1], self.call).value()
        if isinstance(value, list):
            return [self.evaluate(part) for part in value]
        if not isinstance(value, dict):
            return value
        if isinstance(value.get("copy"), list):
            return unknown("a loop")
        return {str(self.evaluate(key)): self.evaluate(part) for key, part in value.items()}

    def unused(self) -> tuple[str, ...]:
        """Returns the parameters and variables that nothing named so far."""
        return tuple(sorted(name for name in self._declared if name.lower() not in self._used))

    def call(self, function: str, arguments: list[Any]) -> Any:
        self._spend(arguments)
        if "." in function and self.template.get("functions"):
            return unknown(f"{function}({arguments})")
        own = OWN.get(function.lower())
        value = own(self, *arguments) if own else call_plain(function, arguments, FUNCTIONS, template_functions())
        self._spend(value)
        return value

    def _spend(self, value: Any) -> None:
        self.spent += size(value, MAX_WORK - self.spent)
        if self.spent > MAX_WORK:
            raise TemplateError(f"its expressions come to more than {MAX_WORK} characters")

    def parameter(self, name: str) -> Any:
        if name.lower() not in self._given:
            raise TemplateError(f"no such parameter: {name}")
        return self._named("parameter", name, self._given[name.lower()])

    def variable(self, name: str) -> Any:
        if is_unknown(name):
            return unknown(f"variables({name})")
        if name.lower() not in self._variables:
            raise TemplateError(f"no such variable: {name}")
        return self._named("variable", name, self._variables[name.lower()])

    def _named(self, kind: str, name: str, written: Any) -> Any:
        key = kind, name.lower()
        self._used.add(name.lower())
        if key not in self._values:
            if len(self._under_way) > MAX_CHAIN:
                raise TemplateError(f"more than {MAX_CHAIN} names need each other in turn, up to {name}")
            if key in self._under_way:
                raise TemplateError(f"the {kind} {name} needs itself")
            self._under_way.append(key)
            self._values[key] = self.evaluate(written)
            self._under_way.pop()
        return self._values[key]

    def reference(self, identifier: str, *version: str) -> Any:
        for meant in self._ways.get(identifier.lower(), ()):
            self.referred.add(meant)
            return self.target.known_of(self._types[meant], meant) or unknown(f"reference({identifier})")
        if not version and not self._may_be_there(identifier):
            raise TemplateError(f"a reference to what is not there: {identifier}")
        return unknown(f"reference({identifier})")

    def keys(self, identifier: str, _version: str) -> Any:
        """Returns the keys of a resource; those of a workspace alone are named here."""
        self.reference(identifier, _version)
        return {"primarySharedKey": "key"} if "/workspaces/" in identifier else unknown(f"listKeys({identifier})")

    def group(self) -> Any:
        return {"id": self.target.group_id, "name": self.target.resource_group, "location": self.target.location}

    def resource_id(self, *parts: str) -> str:
        place = next((number for number, part in enumerate(parts) if "/" in part), 0)
        outer = self.target.group_id
        if place:
            subscription = parts[0] if place > 1 else self.target.subscription_id
            outer = f"/subscriptions/{subscription}/resourceGroups/{parts[place - 1]}"
        return f"{outer}/providers/{resource_type_id(parts[place], list(parts[place + 1 :]))}"

    def subscription(self) -> Any:
        return {
            "id": f"/subscriptions/{self.target.subscription_id}",
            "subscriptionId": self.target.subscription_id,
            "tenantId": self.target.tenant_id,
        }

    def subscription_resource_id(self, *parts: str) -> str:
        place = next((number for number, part in enumerate(parts) if "/" in part), 0)
        subscription = parts[0] if place else self.target.subscription_id
        return f"/subscriptions/{subscription}/providers/{resource_type_id(parts[place], list(parts[place + 1 :]))}"

    def index(self, *loop_and_offset: Any) -> Any:
        offset = loop_and_offset[-1] if loop_and_offset and isinstance(loop_and_offset[-1], int) else 0
        return self._round[1] + offset


def _own_id(kind: str, name: str) -> str:
    """Returns the end of a resource's id, from its type and its name."""
    names = SLASH.split(name)
    fits = len(names) == kind.count("/")
    return resource_type_id(kind, names) if fits or not is_unknown(name) else f"{kind}/{name}"


OWN: Mapping[str, Any] = {
    "parameters": Names.parameter,
    "variables": Names.variable,
    "reference": Names.reference,
    "listkeys": Names.keys,
    "resourcegroup": Names.group,
    "resourceid": Names.resource_id,
    "subscription": Names.subscription,
    "subscriptionresourceid": Names.subscription_resource_id,
    "copyindex": Names.index,
}
"""The functions that need the template or its target, by name in small letters."""
