"""What others wrote is shown in the UI as they wrote it: it becomes no markup, whatever it holds."""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path

import dagster as dg
import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from markdown_it import MarkdownIt

import o365_pipeline
from o365_pipeline.dagster_ui.markdown_metadata import bold, bullets, difference, escaped, link, shown, table

PARSER = MarkdownIt("commonmark").enable(["table", "strikethrough"])
PIECES = (
    "a",
    "1",
    "1.",
    "sign_in",
    "Site",
    "https://evil.example/x.png",
    "![x](",
    "<img src=x onerror=alert(1)>",
    "&lt;",
    "&#60;",
    "```",
    "~~~",
    "[x]: ",
    *"\\`*_{}[]<>()#+-=.!|~&:\"' \n\r\t\v\x00\u2028\u202e\u0660",
)
NAMES = st.lists(st.sampled_from(PIECES), min_size=1, max_size=8).map("".join) | st.text(max_size=12)
HOSTILE = "![x](https://evil.example/x.png)<img src=x>\n# Title | **bold** `code` ~~gone~~ [here](javascript:x) &lt;"


def plain(text: str) -> str:
    """The text in one line, as a person would see it."""
    return "".join(one if one.isprintable() else "\ufffd" for one in " ".join(text.split()))


def texts(markdown: str, around: str) -> list[str]:
    """The content of each element of a kind; it fails where one holds anything but text."""
    tokens = PARSER.parse(markdown)
    found = []
    for before, token in pairwise(tokens):
        if token.type == "inline" and before.type in (around, "paragraph_open"):
            assert {child.type for child in token.children or ()} <= {"text", "text_special"}, token
            found.append("".join(child.content for child in token.children or ()))
    return found


@given(NAMES, NAMES)
@example(HOSTILE, "\\")
@example("\\|", "a\\")
@example("__a__ a_b _a_", "")
def test_a_table_has_as_many_cells_as_it_was_given_and_each_is_what_it_was(first: str, second: str) -> None:
    made = table(("name", first), [(first, second), (second, first)], numbers=("name",))

    cells = ["name", first, first, second, second, first]
    assert [*texts(made, "th_open")[:2], *texts(made, "td_open")] == [plain(cell) for cell in cells]


@given(NAMES)
@example(HOSTILE)
@example("- - x")
@example("1. x")
@example("===")
@example("    code")
@example("[x]: https://evil.example")
def test_a_list_has_an_entry_for_each_line(name: str) -> None:
    lines = PARSER.parse(bullets([name, "between", name]))

    assert [token.type for token in lines].count("list_item_open") == 3
    assert [token.content for token in lines if token.type in ("html_block", "fence", "code_block")] == []
    assert texts(bullets([f"x{name}"]), "paragraph_open") == [plain(f"x{name}")]
    if plain(name):
        assert texts(bullets([name]), "paragraph_open") == [plain(name)]


@given(NAMES)
@example("a\n```\n# Title")
@example("`````")
def test_a_difference_is_one_block_whatever_its_lines_hold(name: str) -> None:
    [block] = PARSER.parse(difference([f"- name: {name}", f"+ name: {name}"]))

    assert (block.type, block.content) == (
        "fence",
        f"{plain(f'- name: {name}')}\n{plain(f'+ name: {name}')}\n",
    )


@given(NAMES)
@example("x](https://evil.example) [y")
@example("a) [b](https://evil.example)")
def test_a_link_leads_where_it_was_told_to(name: str) -> None:
    tokens = PARSER.parse(link(f"raw/{name}", f"https://lake/{name}"))
    inline = tokens[1].children or []

    assert [token.type for token in inline if token.type not in ("text", "text_special")] == ["link_open", "link_close"]
    assert str(inline[0].attrs["href"]).startswith("https://lake/")
    assert inline[-1].type == "link_close"


@pytest.mark.parametrize("text", ["contoso", "2026-11-16", "Message_v1", "1,000.5 (+3 %)", "raw/message: 3 > 2"])
def test_what_is_usual_stays_readable(text: str) -> None:
    assert escaped(text).replace("\\>", ">") == text


def test_bold_text_is_escaped_as_well() -> None:
    assert bold("**a") == "**\\*\\*a**"
    assert shown(bold("a")) == dg.MetadataValue.md("**a**")


def test_nothing_but_these_pieces_and_pictures_is_shown_as_markdown() -> None:
    modules = Path(o365_pipeline.__file__).parent.rglob("*.py")
    found = [path.name for path in modules if "MetadataValue.md(" in path.read_text(encoding="utf-8")]

    assert sorted(found) == ["markdown_metadata.py", "pictures.py"]
