"""`o365-pipeline consent report` writes the page where it is told to."""

from __future__ import annotations

from pathlib import Path

import pytest

from o365_pipeline_tests.cli.conftest import Command
from o365_pipeline_tests.finished_homes import FinishedHomes


def test_the_page_is_written_where_it_is_told_and_else_beside_with_customer_and_day(
    command: Command, home: Path, finished_homes: FinishedHomes, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    finished_homes.copy_empty_mart(home)
    monkeypatch.chdir(tmp_path)

    ended = command("consent", "report", "--customer", "contoso")
    again = command("consent", "report", "--output", "filed.html")
    refused = command("consent", "report", "--output", "missing/filed.html")

    [name] = [path.name for path in tmp_path.glob("consent-report-contoso-*.html")]
    assert (ended.status, ended.stdout) == (0, f"written: {name}\n")
    assert (again.status, again.stdout) == (0, "written: filed.html\n")
    assert "<h1>Consent report of contoso</h1>" in (tmp_path / "filed.html").read_text(encoding="utf-8")
    assert refused.status == 2
    assert refused.stderr == "o365-pipeline: --output missing/filed.html: No such file or directory\n"
