"""Markdown for the generated documents and the UI.

What belongs here: tables, links and anchors. The content of a document belongs to its module.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence


def markdown_table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """Returns a table; characters that would end a cell are escaped."""
    lines = [head, ["---"] * len(head), *([_cell(value) for value in row] for row in rows)]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines)


def code(*names: str) -> str:
    """Returns names as code, separated by commas."""
    return ", ".join(f"`{name}`" for name in names)


def section_link(title: str) -> str:
    """Returns a link to the section of that title, names with spaces between them, in the same document."""
    return f"[{title}](#{title.lower().replace(' ', '-')})"


def _cell(value: str) -> str:
    return value.replace("|", "\\|").replace("\n", " ")
