"""The page about the lake: what it tells people to run reads a lake that the pipeline wrote."""

from __future__ import annotations

import importlib.util
from pathlib import Path

import pytest
from markdown_it import MarkdownIt

from o365_pipeline.raw.lake import Lake
from o365_pipeline_tests.curated.conftest import Landing, row
from o365_pipeline_tests.history import site

PAGE = Path(__file__).parents[2] / "docs" / "lake.md"
SNIPPETS = [token.content for token in MarkdownIt().parse(PAGE.read_text(encoding="utf-8")) if token.info == "python"]


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Landing:
    """A folder with a lake below it, where people have it who ran the demo."""
    monkeypatch.chdir(tmp_path)
    landing = Landing(Lake.in_folder(tmp_path / ".o365" / "lake"))
    landing.curate("Message_v1", [row(id="m1", sentDateTime="2026-11-16T10:00:00Z")])
    landing.curate("SharePointSites_v1", [site("a", "a1", Url="https://contoso.sharepoint.com/a")])
    curated = tmp_path / ".o365" / "lake" / "curated"
    (curated / "share_point_sites").rename(curated / "share_point_sites_current")
    return landing


@pytest.mark.usefixtures("home")
@pytest.mark.parametrize(("snippet", "expected"), list(zip(SNIPPETS, ["contoso", "sharepoint.com"], strict=True)))
def test_what_the_page_about_the_lake_shows_runs(
    snippet: str, expected: str, capsys: pytest.CaptureFixture[str]
) -> None:
    module = snippet.split()[1]
    if importlib.util.find_spec(module) is None:
        pytest.skip(f"{module} is not installed")

    exec(snippet, {})

    assert expected in capsys.readouterr().out
