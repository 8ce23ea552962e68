"""The container file, read without building it: what it copies is there, what it starts exists, nothing is secret."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest

from o365_pipeline_tests.deploy.conftest import DEPLOY

PROJECT = DEPLOY.parent
PROGRAMS = Path(sys.executable).parent
CONTAINER_FILE = DEPLOY / "Containerfile"
ROLES = {"webserver", "daemon", "worker", "code-server"}
INSTRUCTIONS = {"ARG", "CMD", "COPY", "ENV", "EXPOSE", "FROM", "HEALTHCHECK", "RUN", "USER", "WORKDIR"}


@dataclass(frozen=True)
class Instruction:
    stage: str
    name: str
    arguments: str


def instructions() -> list[Instruction]:
    lines = [line for line in CONTAINER_FILE.read_text().splitlines() if not line.startswith("#")]
    found: list[Instruction] = []
    stage = ""
    for statement in re.sub(r"\\\n\s*", "", "\n".join(lines)).splitlines():
        if statement.strip():
            name, arguments = statement.split(None, 1)
            stage = arguments.rsplit(" AS ", 1)[1] if name == "FROM" else stage
            found.append(Instruction(stage, name, arguments))
    return found


def named(name: str) -> list[Instruction]:
    return [instruction for instruction in instructions() if instruction.name == name]


def command(role: str) -> list[str]:
    """What a role's stage starts."""
    [found] = [json.loads(one.arguments) for one in named("CMD") if one.stage == role]
    return [str(part) for part in found]


def health_check(role: str) -> list[str]:
    [found] = [one.arguments for one in named("HEALTHCHECK") if one.stage == role]
    return [str(part) for part in json.loads(found.split("CMD ", 1)[1])]


def test_every_instruction_is_one_that_is_checked_here() -> None:
    assert {instruction.name for instruction in instructions()} == INSTRUCTIONS


def test_every_stage_is_built_on_debians_slim_python_of_the_projects_version() -> None:
    first, *others = [instruction.arguments for instruction in named("FROM")]

    assert [one.arguments for one in named("ARG")] == ["PYTHON_IMAGE=python:3.11-slim-bookworm"]
    assert first == "${PYTHON_IMAGE} AS pipeline"
    assert [other.split()[0] for other in others] == ["pipeline"] * len(ROLES)
    assert {other.split()[-1] for other in others} == ROLES


def test_what_is_copied_is_there_and_not_left_out_of_the_build() -> None:
    ignored = (DEPLOY / "Containerfile.dockerignore").read_text().splitlines()
    sources = [source for one in named("COPY") for source in one.arguments.split()[:-1]]

    assert sources
    assert ignored[1] == "*"
    for source in sources:
        assert (PROJECT / source).exists(), source
        assert f"!{source}" in ignored, f"{source} is left out of the build"


def test_packages_are_installed_as_the_constraints_pin_them_and_from_no_registry_by_name() -> None:
    [install] = [one.arguments for one in named("RUN") if "pip install" in one.arguments]

    assert "--constraint constraints.txt '.[production,celery]'" in install
    assert re.search(r"^mssql-python-odbc==[\d.]+$", (PROJECT / "constraints.txt").read_text(), re.MULTILINE)
    assert "==" not in install
    assert not re.search(r"://|index-url|trusted-host", CONTAINER_FILE.read_text().replace("http://127.0.0.1", ""))


def test_the_image_runs_as_nobodys_user() -> None:
    [user] = named("USER")

    assert user.stage == "pipeline"
    assert user.arguments == "10001"
    assert "USER" in [one.name for one in instructions() if one.stage == "pipeline"][-2:]


def test_nothing_in_the_image_is_secret() -> None:
    assert not re.search(r"(?i)password|secret|token|\bkey\b", CONTAINER_FILE.read_text())


@pytest.mark.parametrize("role", sorted(ROLES))
def test_a_role_is_started_by_a_program_that_takes_its_options(role: str) -> None:
    program, *arguments = command(role)

    ended = subprocess.run([PROGRAMS / program, *arguments, "--help"], capture_output=True, text=True)

    assert ended.returncode == 0, ended.stderr


@pytest.mark.parametrize("role", ["daemon", "code-server"])
def test_a_role_is_checked_by_a_program_that_takes_its_options(role: str) -> None:
    program, *arguments = health_check(role)

    ended = subprocess.run([PROGRAMS / program, *arguments, "--help"], capture_output=True, text=True)

    assert ended.returncode == 0, ended.stderr


def test_the_webserver_is_checked_at_its_own_port() -> None:
    port = command("webserver")[command("webserver").index("--port") + 1]

    assert f"127.0.0.1:{port}/server_info" in health_check("webserver")[-1]
