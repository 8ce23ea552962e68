"""Parses what people write by hand, TOML, YAML or JSON, whatever it holds.

What belongs here: that a text becomes a value, or one reason why not. Opening files and checking values belong to those
who know what the file is for.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import yaml

LARGEST = 16 * 1024 * 1024
"""How many characters are parsed: a thousand customers, each with a data request of its own, have fewer."""


class UnreadableTextError(ValueError):
    """A text that is not what it should be; the message says where."""


def parsed(text: str, parse: Callable[[str], Any]) -> Any:
    """Returns what a parser makes of a text.

    Raises:
        UnreadableTextError: it cannot be parsed, is nested too deeply, or is too long.
    """
    if len(text) > LARGEST:
        raise UnreadableTextError(f"it has more than {LARGEST} characters")
    try:
        return parse(text)
    except RecursionError:
        raise UnreadableTextError("it is nested too deeply") from None
    except (ValueError, OverflowError, yaml.YAMLError) as error:
        raise UnreadableTextError(str(error).split(": value has")[0]) from None
