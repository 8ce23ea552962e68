"""Bodies as plain text, for DuckDB.

What belongs here: turning HTML, however broken, into the text that a reader sees. Which bodies are HTML is decided in
`typing_sql.py`.
"""

from __future__ import annotations

import re
from contextlib import suppress
from html import unescape

import duckdb
import html_text
import lxml.html

from o365_pipeline.raw.duckdb_session import define_function

TAG = re.compile(r"<[^>]*>")


def define_text(connection: duckdb.DuckDBPyConnection) -> None:
    """Registers `text_of_html(html)` with the connection."""
    define_function(connection, "text_of_html", text_of_html)


def text_of_html(html: str) -> str | None:
    """Returns the text of an HTML document or fragment, one line per paragraph; null if it shows none."""
    # NUL ends a document for the parser; bytes, since what a document declares of its encoding is not true of text.
    parser = lxml.html.HTMLParser(encoding="utf-8", huge_tree=True)
    try:
        root = lxml.html.document_fromstring(html.replace("\0", "").encode(), parser=parser)
    except lxml.etree.ParserError:
        return None
    is_cut = any(entry.type == lxml.etree.ErrorTypes.ERR_RESOURCE_LIMIT for entry in parser.error_log)
    with suppress(RecursionError):
        if not is_cut:
            return html_text.extract_text(root) or None
    return _without_tags(html)


def _without_tags(html: str) -> str | None:
    """Returns the text of HTML that is nested too deeply to be parsed."""
    return " ".join(unescape(TAG.sub(" ", html)).split()) or None
