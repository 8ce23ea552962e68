"""Markdown as metadata in the Dagster UI: tables, lists, differences and links made of texts that others wrote.

What belongs here: the pieces, in which every text is shown as it is, whatever it holds. A stage puts them together;
generated documents, whose texts are our own, belong to `markdown.py`.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import dagster as dg

SPECIAL = re.compile(r"[\\`*\[\]<>|~&]|(?<![A-Za-z0-9])_|_(?![A-Za-z0-9])")
FIRST = re.compile(r"([-+#=])|(\d+)([.)])")
"""What begins a list, a heading or an underline at the beginning of a line."""

IN_ADDRESSES = {ord(character): f"%{ord(character):02X}" for character in "<>()\\ \"'`|"} | {ord("&"): "&amp;"}


class Markdown(str):
    """Text in which what is special to Markdown is meant so."""

    __slots__ = ()


def shown(text: Markdown) -> dg.MetadataValue:
    """Returns Markdown as metadata."""
    # Commands that compare definitions need the pieces without Dagster.
    import dagster as dg

    return dg.MetadataValue.md(text)


def escaped(text: str) -> Markdown:
    """Returns a text that the UI shows as it is, in one line; characters without a shape are shown as replaced."""
    if isinstance(text, Markdown):
        return text
    return Markdown(SPECIAL.sub(r"\\\g<0>", _line(text)))


def bold(text: str) -> Markdown:
    """Returns a text in bold."""
    return Markdown(f"**{escaped(text)}**") if _line(text) else Markdown()


def link(text: str, address: str) -> Markdown:
    """Returns a link."""
    return Markdown(f"[{escaped(text)}]({_line(address).translate(IN_ADDRESSES)})")


def table(head: Sequence[str], rows: Iterable[Sequence[str]], numbers: Collection[str] = ()) -> Markdown:
    """Returns a table; the columns of numbers are aligned to the right."""
    rules = [Markdown("--:" if name in numbers else "---") for name in head]
    return Markdown("\n".join(_row(cells) for cells in (head, rules, *rows)))


def bullets(lines: Iterable[str]) -> Markdown:
    """Returns a list with an entry for each line."""
    return Markdown("\n".join(f"- {_entry(line)}" for line in lines))


def difference(lines: Iterable[str]) -> Markdown:
    """Returns lines that begin with + or - as a difference."""
    held = [_line(line) for line in lines]
    fence = "`" * max(3, *(len(run) + 1 for line in held for run in re.findall("`+", line) or [""]))
    return Markdown("\n".join([f"{fence}diff", *held, fence]))


def _row(cells: Sequence[str]) -> str:
    return f"| {' | '.join(map(escaped, cells))} |"


def _entry(line: str) -> str:
    text = escaped(line)
    return text if isinstance(line, Markdown) else FIRST.sub(r"\2\\\1\3", text, count=1) if FIRST.match(text) else text


def _line(text: str) -> str:
    """Returns a text in one line without characters that change how others are shown."""
    return "".join(one if one.isprintable() else "\ufffd" for one in " ".join(text.split()))
