"""The checks of what a template makes of each resource: Azure's resource providers would refuse what these find.

What belongs here: comparing an evaluated resource with the facts of its type. A type without facts is not judged, and
neither is a value that Azure alone knows.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

from o365_pipeline.managed_app.arm.arm_expressions import is_unknown
from o365_pipeline.managed_app.arm.resource_facts import ResourceType, dated, has_type, resource_types
from o365_pipeline.managed_app.package.arm_template import Deployed
from o365_pipeline.managed_app.package.package_problems import Problem, joined

SHOWN_VALUES = 12


def resource_problems(file: str, deployed: Deployed) -> Iterator[Problem]:
    """Finds everything that Azure would refuse of the resources, once each."""
    for identifier, resource in deployed.resources.items():
        place = deployed.places.get(identifier, "resources")
        if known := resource_types().get(resource["type"].lower()):
            yield from _version(file, place, resource, known)
            yield from _name(file, place, resource, known)
            if resource["apiVersion"] == known.described:
                for path, message, remedy in _differences(resource, known.shape, "", names_alone=False):
                    yield Problem(file, joined(place, path), message, remedy)
            else:
                yield from _location(file, place, resource, known)
        elif not has_type(resource["type"]):
            message = f"Azure has no type {resource['type']}"
            yield Problem(file, f"{place}.type", message, "correct its name")


def _version(file: str, place: str, resource: Mapping[str, Any], known: ResourceType) -> Iterator[Problem]:
    version = resource["apiVersion"]
    if known.api_versions and not is_unknown(version) and version not in known.api_versions:
        yield Problem(
            file,
            f"{place}.apiVersion",
            f"{known.name} has no version {version}",
            f"write {known.api_versions[-1]}, the newest of {dated()}",
        )


def _name(file: str, place: str, resource: Mapping[str, Any], known: ResourceType) -> Iterator[Problem]:
    name, rule = str(resource["name"]).split("/")[-1], known.name_rule
    if is_unknown(resource["name"]):
        return
    if not known.fits_length(name):
        least, most = rule.get("min", 1), rule.get("max", "any number")
        message = f"the name {name} has {len(name)} characters"
        yield Problem(file, f"{place}.name", message, f"a {known.name} takes {least} to {most}")
    elif not known.fits(name):
        yield Problem(file, f"{place}.name", f"{name} is no name of a {known.name}", "leave out what it does not take")


def _location(file: str, place: str, resource: Mapping[str, Any], known: ResourceType) -> Iterator[Problem]:
    if "location!" in known.shape and not resource.get("location"):
        yield Problem(file, place, f"a {known.name} needs a location", "say where it lies")


Difference = tuple[str, str, str]
"""A place, what is wrong there, and what to do."""


def _differences(value: Any, shape: Any, path: str, names_alone: bool = True) -> Iterator[Difference]:
    """Returns where a value is not of its shape.

    Args:
        names_alone: whether an object may have no other properties than those of its shape.
    """
    if is_unknown(value) if isinstance(value, str) else value is None:
        return
    if isinstance(shape, Mapping) and "?" in shape:
        yield from _by_type(value, shape["?"], path)
    elif isinstance(shape, Mapping):
        yield from _of_object(value, shape, path, names_alone)
    elif isinstance(shape, list) and shape and not isinstance(shape[0], str):
        for number, part in enumerate(value if isinstance(value, list) else []):
            yield from _differences(part, shape[0], joined(path, number))
    elif isinstance(shape, list):
        if isinstance(value, str) and value.lower() not in {text.lower() for text in shape}:
            choice = ", ".join(shape[:SHOWN_VALUES]) + (" or another" if len(shape) > SHOWN_VALUES else "")
            yield path, f"there is no {value}", f"choose {choice}"
    elif isinstance(shape, str):
        if isinstance(value, str) and not re.search(shape[1:], value):
            yield path, f"there is no {value}", "choose one that Azure sells"
    elif shape is True and not isinstance(value, bool):
        yield path, "it is neither true nor false", "write true or false"


def _of_object(value: Any, shape: Mapping[str, Any], path: str, names_alone: bool) -> Iterator[Difference]:
    if not isinstance(value, Mapping):
        yield path, "it is no object", "write its properties"
        return
    given = {name.lower(): (name, part) for name, part in value.items()}
    wanted = {name.rstrip("!").lower(): name for name in shape}
    for name, (spelled, part) in given.items():
        if name in wanted:
            yield from _differences(part, shape[wanted[name]], joined(path, spelled))
        elif names_alone and "*" not in shape and not is_unknown(spelled) and name != "type":
            yield joined(path, spelled), f"there is no property {spelled}", "take it out, or correct its name"
    for name, written in wanted.items():
        if written.endswith("!") and name not in given:
            yield path, f"{written.rstrip('!')} is missing", "write it"


def _by_type(value: Any, shapes: Mapping[str, Any], path: str) -> Iterator[Difference]:
    if not isinstance(value, Mapping) or not isinstance(kind := value.get("type"), str) or is_unknown(kind):
        return
    known = {name.lower(): name for name in shapes}
    if kind.lower() not in known:
        yield joined(path, "type"), f"there is no {kind}", "correct its name"
    elif (shape := shapes[known[kind.lower()]]) is not None:
        yield from _differences(value, shape, path)
