"""Writes the language of ARM templates: literals, and expressions in place of placeholders.

What belongs here: making text that Azure Resource Manager reads as it is meant. Evaluating expressions belongs to
`arm_template.py`. Source: Microsoft, syntax and expressions in ARM templates.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any


def literal(text: str) -> str:
    """Writes text as a template's value; text in brackets is escaped, since it would be read as an expression."""
    return f"[{text}" if text.startswith("[") and text.endswith("]") else text


def quoted(text: str) -> str:
    """Writes text within an expression."""
    return "'" + text.replace("'", "''") + "'"


def templated(value: Any, stand_ins: Mapping[str, str]) -> Any:
    """Writes a JSON value as a template's value, with expressions in place of placeholders.

    Args:
        value: the value, with a placeholder for everything that differs between installations.
        stand_ins: the expression, without brackets, for each placeholder.
    """
    if isinstance(value, Mapping):
        return {literal(name): templated(part, stand_ins) for name, part in value.items()}
    if isinstance(value, Sequence) and not isinstance(value, str):
        return [templated(part, stand_ins) for part in value]
    return _text(value, stand_ins) if isinstance(value, str) else value


def _text(text: str, stand_ins: Mapping[str, str]) -> str:
    pattern = "|".join(re.escape(one) for one in sorted(stand_ins, key=len, reverse=True))
    parts = [part for part in re.split(f"({pattern})", text) if part] if stand_ins else [text]
    if not any(part in stand_ins for part in parts):
        return literal(text)
    written = [stand_ins[part] if part in stand_ins else quoted(part) for part in parts]
    return f"[{written[0]}]" if len(written) == 1 else f"[concat({', '.join(written)})]"
