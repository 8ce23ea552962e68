"""Dagster's `dg` in the checkout: it finds the project by pyproject.toml, and its definitions."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner
from dagster_dg_cli.cli import cli

PROJECT = Path(__file__).parents[1]


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("O365_HOME", str(tmp_path))
    monkeypatch.chdir(PROJECT)


@pytest.mark.usefixtures("home")
def test_dg_lists_the_assets_and_warns_of_nothing() -> None:
    program = Path(sys.executable).with_name("dg")

    ended = subprocess.run([program, "list", "defs", "--json"], capture_output=True, text=True)

    assert ended.returncode == 0, ended.stderr
    assert "Warning" not in ended.stderr
    keys = {asset["asset_key"] for asset in json.loads(ended.stdout)["assets"]}
    assert {"consent/approval", "raw/message", "mart/fact_message"} <= keys


# Dagster itself reads the deprecated property.
@pytest.mark.filterwarnings("ignore:Property `ScheduleDefinition.environment_vars`:DeprecationWarning")
@pytest.mark.usefixtures("home")
def test_dg_finds_nothing_wrong_with_the_definitions() -> None:
    ended = CliRunner().invoke(cli, ["check", "defs"])

    assert ended.exit_code == 0, ended.output
    assert "All definitions loaded successfully." in ended.output
