"""Data Factory's expressions, as far as a copy needs them: parameters, the run id, a dataset's parameters, concat.

What belongs here: evaluating them. Anything else in an expression is refused by name, not guessed.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

from o365_pipeline.errors import UsageError

TOKEN = re.compile(
    r"\s*(?:(?P<literal>'(?:[^']|'')*')|(?P<concat>concat\s*\()|(?P<path>[A-Za-z][\w().]*)|(?P<mark>[,)]))"
)


def evaluate(value: object, names: Mapping[str, str]) -> object:
    """Returns a literal value, or the value of an expression.

    Args:
        value: a literal, "@..." or {"type": "Expression", "value": "@..."}.
        names: the known names, such as `pipeline().RunId` or `dataset().folder`.

    Raises:
        UsageError: the expression uses something that the sandbox does not know, or a name that does not exist.
    """
    text = value.get("value") if isinstance(value, Mapping) and value.get("type") == "Expression" else value
    if not isinstance(text, str) or not text.startswith("@"):
        return text
    if text.startswith("@@"):
        return text[1:]
    result, end = _term(text, 1, names)
    if text[end:].strip():
        raise _unknown(text, text[end:].strip())
    return result


def _term(text: str, at: int, names: Mapping[str, str]) -> tuple[str, int]:
    token = TOKEN.match(text, at)
    if token is None or token["mark"]:
        raise _unknown(text, text[at:].strip() or "its end")
    if token["literal"]:
        return token["literal"][1:-1].replace("''", "'"), token.end()
    if token["concat"]:
        return _arguments(text, token.end(), names)
    # A name never ends in more brackets than it opened: the rest belongs to the function around it.
    name = token["path"]
    while name.count(")") > name.count("("):
        name = name[:-1]
    if name not in names:
        raise _unknown(text, name)
    return names[name], token.start("path") + len(name)


def _arguments(text: str, at: int, names: Mapping[str, str]) -> tuple[str, int]:
    parts: list[str] = []
    while True:
        part, at = _term(text, at, names)
        parts.append(part)
        token = TOKEN.match(text, at)
        if token is None or not token["mark"]:
            raise _unknown(text, text[at:].strip() or "its end")
        at = token.end()
        if token["mark"] == ")":
            return "".join(parts), at


def _unknown(text: str, part: str) -> UsageError:
    return UsageError(
        f"the sandbox's factory cannot evaluate {text!r} at {part!r}; it knows @pipeline().parameters.<name>, "
        "@pipeline().RunId, @pipeline().Pipeline, @dataset().<name>, @concat(...) and 'literals'"
    )
