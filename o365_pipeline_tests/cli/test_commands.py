"""The table of commands: it says what the commands say, and is shown without their libraries."""

from __future__ import annotations

import os
import subprocess
import sys

import click
import pytest
from click.shell_completion import BashComplete

from o365_pipeline.cli.main import COMMANDS, cli

HEAVY = {"azure", "dagster", "duckdb", "pandas", "pydantic", "sqlalchemy"}


def ran(*arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    """A run of `python` with arguments."""
    return subprocess.run(
        [sys.executable, *arguments], capture_output=True, text=True, env={**os.environ, **environment}
    )


@pytest.mark.parametrize("name", COMMANDS)
def test_the_line_of_a_command_is_the_first_sentence_of_its_own_help(name: str) -> None:
    command = cli.get_command(click.Context(cli), name)

    assert command
    assert command.name == name
    assert command.help
    assert " ".join(command.help.split("\n\n")[0].split()) == COMMANDS[name]


def test_the_help_names_every_command_and_imports_no_command() -> None:
    shown = "import sys; from o365_pipeline.cli.main import cli; cli(['--help'], standalone_mode=False)"

    *told, imported = ran("-c", f"{shown}; print(*sys.modules)").stdout.splitlines()

    assert [name for name in COMMANDS if not any(line.startswith(f"  {name} ") for line in told)] == []
    assert {name.partition(".")[0] for name in imported.split()} & HEAVY == set()


def test_the_package_is_a_program_and_without_arguments_it_prints_the_help() -> None:
    bare, asked = ran("-m", "o365_pipeline"), ran("-m", "o365_pipeline", "--help")

    assert (bare.returncode, bare.stdout) == (2, "")
    assert (asked.returncode, asked.stderr) == (0, "")
    assert bare.stderr == asked.stdout
    assert asked.stdout.startswith("Usage: o365-pipeline [OPTIONS] COMMAND [ARGS]...")


def test_a_shell_completes_commands() -> None:
    asked = {"_O365_PIPELINE_COMPLETE": "bash_complete", "COMP_WORDS": "o365-pipeline c", "COMP_CWORD": "1"}

    assert ran("-m", "o365_pipeline", **asked).stdout.split() == ["plain,customers", "plain,consent"]


def test_a_shell_completes_the_commands_of_a_command(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COMP_WORDS", "o365-pipeline consent s")
    monkeypatch.setenv("COMP_CWORD", "2")

    assert BashComplete(cli, {}, "o365-pipeline", "_O365_PIPELINE_COMPLETE").complete() == "plain,show"
