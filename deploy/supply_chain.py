"""What the product is made of: a bill of materials, a list of licences, and known advisories against it.

    make supply [ADVISORIES=a checkout of github.com/pypa/advisory-database]

Written are `build/sbom.cdx.json` (CycloneDX) and `build/licences.md`, of what `pip install '.[production,celery]'`
brings, without the tools of tests. The advisories are the Python Packaging Authority's, which anybody can clone and
carry to a machine without a network; each is compared with all of constraints.txt. The exit status is 1 where a package
has no licence in its metadata and none below, where a licence forbids what the product is for, or where an advisory
holds for a version that is pinned.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
from collections.abc import Iterator
from importlib import metadata
from pathlib import Path
from typing import Any

import yaml
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name
from packaging.version import InvalidVersion, Version

PROJECT = Path(__file__).parents[1]
BUILD = PROJECT / "build"
SHIPPED_EXTRAS = frozenset({"production", "celery"})
"""What the image installs."""

FORBIDDEN = ("AGPL", "GNU Affero", "SSPL", "BUSL", "Commons Clause")
"""Licences under which a vendor could not package the product for its customers."""

LICENCES = {
    "antlr4-python3-runtime": "BSD-3-Clause (https://github.com/antlr/antlr4/blob/dev/LICENSE.txt)",
    "mssql-python-odbc": "Microsoft ODBC Driver 18 for SQL Server (redistributable, its terms lie in the package)",
    "protobuf": "BSD-3-Clause (https://github.com/protocolbuffers/protobuf/blob/main/LICENSE)",
}
"""Licences that a package states in a file alone."""


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--advisories", type=Path, help="a checkout of pypa/advisory-database")
    advisories: Path | None = parser.parse_args().advisories
    BUILD.mkdir(exist_ok=True)
    bill = shipped(_bill_of_the_environment(), needed("o365-pipeline", SHIPPED_EXTRAS))
    (BUILD / "sbom.cdx.json").write_text(json.dumps(bill, indent=1) + "\n")
    licences = {f"{each['name']} {each['version']}": licence_of(each) for each in bill["components"]}
    lines = [f"| {name} | {licence or '**unknown**'} |" for name, licence in sorted(licences.items())]
    (BUILD / "licences.md").write_text("\n".join(["| package | licence |", "|---|---|", *lines]) + "\n")
    problems = [f"{name}: no licence is stated" for name, licence in licences.items() if not licence]
    problems += [
        f"{name}: {licence}" for name, licence in licences.items() if any(word in licence for word in FORBIDDEN)
    ]
    if advisories:
        pinned = dict(pins((PROJECT / "constraints.txt").read_text()))
        problems += [f"{name} {version}: {told}" for name, version, told in _held_against(pinned, advisories)]
    print(f"{len(licences)} packages are shipped: build/sbom.cdx.json, build/licences.md")
    print(*(problems or ["nothing is known against them" if advisories else "advisories were not looked at"]), sep="\n")
    return int(bool(problems))


def _bill_of_the_environment() -> dict[str, Any]:
    command = [sys.executable, "-m", "cyclonedx_py", "environment", "--pyproject", str(PROJECT / "pyproject.toml")]
    made = subprocess.run([*command, "--output-reproducible", sys.executable], check=True, capture_output=True)  # noqa: S603
    bill: dict[str, Any] = json.loads(made.stdout)
    return bill


def needed(package: str, extras: frozenset[str]) -> set[str]:
    """Returns the names of all installed packages that a package with these extras asks for, and that those ask for."""
    found: dict[str, frozenset[str]] = {}
    waiting = [(canonicalize_name(package), extras)]
    while waiting:
        name, asked = waiting.pop()
        if name in found and asked <= found[name]:
            continue
        found[name] = found.get(name, frozenset()) | asked
        for requirement in map(Requirement, metadata.requires(name) or ()):
            marker = requirement.marker
            if marker is None or any(marker.evaluate({"extra": extra}) for extra in found[name] | {""}):
                waiting.append((canonicalize_name(requirement.name), frozenset(requirement.extras)))
    return {*found} - {canonicalize_name(package)}


def shipped(bill: dict[str, Any], names: set[str]) -> dict[str, Any]:
    """Returns the bill of the packages of these names alone."""
    components = [each for each in bill["components"] if canonicalize_name(each["name"]) in names]
    kept = {each["bom-ref"] for each in components} | {bill["metadata"]["component"]["bom-ref"]}
    dependencies = [
        {**each, "dependsOn": [ref for ref in each.get("dependsOn", ()) if ref in kept]}
        for each in bill["dependencies"]
        if each["ref"] in kept
    ]
    return bill | {"components": components, "dependencies": dependencies}


def licence_of(component: dict[str, Any]) -> str:
    """Returns what a component states as its licence; "" where it states none."""
    stated = []
    for each in component.get("licenses", ()):
        licence = each.get("license", {})
        stated.append(each.get("expression") or licence.get("id") or licence.get("name", ""))
    words = sorted({word.removeprefix("License :: OSI Approved :: ").splitlines()[0] for word in stated if word})
    return LICENCES.get(canonicalize_name(component["name"])) or "; ".join(words)


def pins(constraints: str) -> Iterator[tuple[str, str]]:
    """Returns each package with the version that constraints.txt pins."""
    for line in constraints.splitlines():
        if line and not line.startswith("#"):
            requirement = Requirement(line)
            [specifier] = requirement.specifier
            yield canonicalize_name(requirement.name), specifier.version


def _held_against(pinned: dict[str, str], advisories: Path) -> Iterator[tuple[str, str, str]]:
    for name, version in pinned.items():
        for file in sorted((advisories / "vulns" / name).glob("*.yaml")):
            advisory = yaml.safe_load(file.read_text())
            if "withdrawn" not in advisory and holds_for(advisory, name, version):
                fixed = [event["fixed"] for event in _events(advisory, name) if "fixed" in event]
                remedy = f"fixed in {', '.join(fixed)}" if fixed else "no version is known to be better"
                yield name, version, f"{advisory['id']} ({', '.join(advisory.get('aliases', ()))}), {remedy}"


def holds_for(advisory: dict[str, Any], name: str, version: str) -> bool:
    """Whether an advisory of the OSV form (https://ossf.github.io/osv-schema/) holds for a version of a package."""
    for affected in advisory.get("affected", ()):
        if canonicalize_name(affected["package"]["name"]) == name and version in affected.get("versions", ()):
            return True
    try:
        events = sorted((Version(at), kind) for event in _events(advisory, name) for kind, at in event.items())
    except InvalidVersion:
        # Then the versions that it holds for are listed one by one.
        return False
    pinned, inside = Version(version), False
    for at, kind in events:
        if pinned > at or (pinned == at and kind != "last_affected"):
            inside = kind == "introduced"
    return inside


def _events(advisory: dict[str, Any], name: str) -> list[dict[str, str]]:
    return [
        event
        for affected in advisory.get("affected", ())
        if canonicalize_name(affected["package"]["name"]) == name
        for ranged in affected.get("ranges", ())
        if ranged["type"] == "ECOSYSTEM"
        for event in ranged["events"]
    ]


if __name__ == "__main__":
    sys.exit(main())
