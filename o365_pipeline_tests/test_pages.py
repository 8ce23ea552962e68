"""The pages that people write: they are found from the README, and what they name exists.

What belongs here: README, CONTRIBUTING, CHANGELOG, `docs/` and the READMEs of folders. What generated pages say is
`cli/test_docs.py`'s.
"""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator
from functools import cache
from itertools import pairwise
from pathlib import Path
from urllib.parse import urlsplit

import click
import pytest
from markdown_it import MarkdownIt
from markdown_it.token import Token

from o365_pipeline.cli.main import cli
from o365_pipeline.definitions import build_definitions
from o365_pipeline.deployment import Settings, load
from o365_pipeline.deployment.settings import OF_OTHERS

ROOT = Path(__file__).parents[1]
README = ROOT / "README.md"
MADE = ROOT / "build"
PAGES = [
    README,
    *sorted(ROOT.glob("[!.R]*.md")),
    *(page for page in sorted(ROOT.glob("[!.]*/*.md")) if page.parent != MADE),
]
SCREENS_OF_THE_README = 150


def named(page: Path) -> str:
    return str(page.relative_to(ROOT))


@cache
def tokens(page: Path) -> tuple[Token, ...]:
    """What a page consists of, as CommonMark sees it: what stands in code is no link."""
    parsed = MarkdownIt("commonmark").enable("table").parse(page.read_text(encoding="utf-8"))
    return tuple(one for token in parsed for one in (token, *(token.children or ())))


def links(page: Path) -> list[str]:
    """Where a page's links and pictures lead."""
    found = (token.attrs.get("href") or token.attrs.get("src") for token in tokens(page))
    return [str(address) for address in found if address]


@cache
def anchors(page: Path) -> set[str]:
    """The names by which GitHub links to a page's sections."""
    every = tokens(page)
    titles = [inline for head, inline in pairwise(every) if head.type == "heading_open"]
    texts = ["".join(part.content for part in title.children or ()) for title in titles]
    return {re.sub(r"[^\w\- ]", "", text.lower()).replace(" ", "-") for text in texts}


def blocks(page: Path) -> Iterator[str]:
    """The lines of a page's blocks of shell."""
    for token in tokens(page):
        if token.type == "fence" and token.info in ("sh", "console"):
            yield from token.content.splitlines()


def test_the_readme_is_three_screens_long() -> None:
    assert len(README.read_text(encoding="utf-8").splitlines()) <= SCREENS_OF_THE_README


@pytest.mark.parametrize("page", PAGES, ids=named)
def test_every_link_of_a_page_leads_somewhere(page: Path) -> None:
    for link in links(page):
        address = urlsplit(link)
        if address.scheme:
            continue
        target = (page.parent / address.path) if address.path else page
        assert target.exists(), f"{named(page)}: {link}"
        assert not address.fragment or address.fragment in anchors(target), f"{named(page)}: {link}"


def test_every_page_is_found_from_the_readme() -> None:
    found, to_read = {README}, [README]
    while to_read:
        page = to_read.pop()
        targets = {(page.parent / urlsplit(link).path).resolve() for link in links(page) if not urlsplit(link).scheme}
        new = {target for target in targets if target.suffix == ".md"} - found
        found |= new
        to_read += new

    assert set(PAGES) <= found


def test_the_readme_itself_lists_every_page_of_the_documentation() -> None:
    listed = {(ROOT / urlsplit(link).path).resolve() for link in links(README)}

    assert set((ROOT / "docs").glob("*.md")) <= listed


def test_every_picture_is_on_a_page() -> None:
    shown = {(page.parent / link).resolve() for page in PAGES for link in links(page)}

    assert set((ROOT / "docs").glob("*.png")) <= shown


def documented_commands() -> list[tuple[str, str]]:
    """The commands in the pages' blocks of shell, each with the page that shows it."""
    pattern = r"^ *(?:\$ )?(?:\w+=\S+ )*(?:\.venv/bin/)?o365-pipeline ([a-z].*)$"
    return [(named(page), match[1]) for page in PAGES for line in blocks(page) if (match := re.match(pattern, line))]


@pytest.mark.parametrize(("page", "line"), documented_commands())
def test_a_documented_command_is_one_with_the_options_that_it_has(page: str, line: str) -> None:
    words = shlex.split(line.split(" > ")[0].split(" | ")[0], comments=True)
    command: click.Command = cli

    while isinstance(command, click.Group):
        found = command.get_command(click.Context(command), words[0])
        assert found, f"{page}: {line}"
        command, words = found, words[1:]
        if command.name == "exec":
            # What is run in an installation's container is a command too.
            command, words = cli, words[1:]

    options = {name for parameter in command.params for name in parameter.opts}
    assert {word.split("=")[0] for word in words if word.startswith("--")} <= options, f"{page}: {line}"


@pytest.mark.parametrize("page", [page for page in PAGES if page.name != "CHANGELOG.md"], ids=named)
def test_a_variable_that_a_page_names_is_a_setting(page: Path) -> None:
    settings = {f"O365_{name.upper()}" for name in Settings.model_fields}

    assert set(re.findall(r"\bO365_[A-Z_]*[A-Z]\b", page.read_text(encoding="utf-8"))) - settings <= set(OF_OTHERS)


def targets_of_make() -> set[str]:
    return set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(encoding="utf-8"), re.MULTILINE))


@pytest.mark.parametrize("page", PAGES, ids=named)
def test_what_a_page_lets_make_do_is_in_the_makefile(page: Path) -> None:
    text = page.read_text(encoding="utf-8")

    asked = re.findall(r"`make ([a-z-]+)|^ *(?:\$ )?make ([a-z-]+)", text, re.MULTILINE)
    assert {first or second for first, second in asked} <= targets_of_make()


def test_the_page_about_running_names_every_sensor_and_schedule_and_no_job_that_there_is_not(tmp_path: Path) -> None:
    text = (ROOT / "docs" / "running.md").read_text(encoding="utf-8")
    repository = build_definitions(load(home=tmp_path)).get_repository_def()
    names = {sensor.name for sensor in repository.sensor_defs}
    names |= {schedule.name for schedule in repository.schedule_defs}

    assert {name for name in names if f"`{name}`" not in text} == set()
    assert set(re.findall(r"`(\w+_sensor)`", text)) <= names
    assert set(re.findall(r"`(\w+_job)`", text)) <= set(repository.job_names)


@pytest.mark.parametrize("page", [page for page in PAGES if page.name != "CHANGELOG.md"], ids=named)
def test_a_file_of_the_project_that_a_page_names_exists(page: Path) -> None:
    folders = "o365_pipeline|o365_pipeline_tests|benchmarks|deploy|docs|examples"
    paths = re.findall(rf"(?<![\w./-])(?:{folders})/[\w./-]*\w", page.read_text(encoding="utf-8"))

    assert [path for path in paths if not (ROOT / path).exists()] == []


def answers_to_strangers() -> list[str]:
    """The paths in the tables of CONTRIBUTING.md."""
    rows = re.findall(r"^\|.*\| (.*) \|$", (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8"), re.MULTILINE)
    return [path for row in rows for path in re.findall(r"`([\w./-]+/[\w./*-]*)`", row)]


def test_a_strangers_questions_are_answered_by_paths_that_exist() -> None:
    answers = answers_to_strangers()

    assert len(answers) > 10
    assert [
        path for path in answers if not (ROOT / path).exists() and not (ROOT / "o365_pipeline" / path).exists()
    ] == []
