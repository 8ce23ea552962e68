"""Bodies as plain text, for DuckDB.

What belongs here: HTML made into the text that a reader sees, whatever its state. When a body is one stands in
`typing_sql.py`.
"""

from __future__ import annotations

import duckdb
import html_text
import lxml.html


def define_text(connection: duckdb.DuckDBPyConnection) -> None:
    """Make `text_of_html(html)` known to the connection."""
    connection.create_function("text_of_html", text_of_html, ["VARCHAR"], "VARCHAR", null_handling="special")


def text_of_html(html: str | None) -> str | None:
    """The text of an HTML document or fragment, one line per paragraph; null where it shows none."""
    if not html:
        return None
    # NUL ends a document for the parser, and a declared encoding would be that of bytes, not of this text.
    content = html.replace("\0", "").encode()
    parser = lxml.html.HTMLParser(encoding="utf-8", huge_tree=True)
    try:
        root = lxml.html.document_fromstring(content, parser=parser)
    except lxml.etree.ParserError:
        return None
    try:
        return html_text.extract_text(root) or None
    except RecursionError:
        return " ".join(" ".join(root.itertext("*")).split()) or None
