"""Dagster's `dg` in the checkout: it finds the project by pyproject.toml, and its definitions."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

PROJECT = Path(__file__).parents[1]


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("O365_HOME", str(tmp_path))


def dg(*arguments: str) -> subprocess.CompletedProcess[str]:
    program = Path(sys.executable).with_name("dg")
    return subprocess.run([program, *arguments], cwd=PROJECT, capture_output=True, text=True)


@pytest.mark.usefixtures("home")
def test_dg_lists_the_assets_and_warns_of_nothing() -> None:
    ended = dg("list", "defs", "--json")

    assert (ended.returncode, ended.stderr) == (0, "")
    keys = {asset["asset_key"] for asset in json.loads(ended.stdout)["assets"]}
    assert {"consent/approval", "raw/message", "mart/fact_message"} <= keys


@pytest.mark.usefixtures("home")
def test_dg_finds_nothing_wrong_with_the_definitions() -> None:
    ended = dg("check", "defs")

    assert ended.returncode == 0, ended.stdout + ended.stderr
    assert "All definitions loaded successfully." in ended.stdout + ended.stderr
