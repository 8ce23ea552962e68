"""Markdown as the generated documents use it.

What belongs here: tables, links and anchors. What a document says is its writer's.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence


def markdown_table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """A table; what would end a cell is escaped."""
    lines = [head, ["---"] * len(head), *([_cell(value) for value in row] for row in rows)]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines)


def code(*names: str) -> str:
    """Names as code, separated by commas."""
    return ", ".join(f"`{name}`" for name in names)


def section_link(title: str) -> str:
    """A link to the section of that title, names with spaces between them, in the same document."""
    return f"[{title}](#{title.lower().replace(' ', '-')})"


def _cell(value: str) -> str:
    return value.replace("|", "\\|").replace("\n", " ")
