"""The expressions of Azure's templates and wizards: literals, calls of functions, and access to what they return.

What belongs here: reading an expression, the functions that need nothing but their arguments, and the values that
Azure alone knows. The names that an expression can refer to belong to `arm_template.py` and `ui_expressions.py`.
Source: Microsoft, ARM template functions and expressions.
"""

from __future__ import annotations

import datetime as dt
import hashlib
import json
import re
import uuid
from collections.abc import Callable, Container, Mapping
from functools import lru_cache
from typing import Any
from urllib.parse import urljoin

from o365_pipeline.errors import TemplateError

TOKEN = re.compile(r"\s*(?:'((?:[^']|'')*)'|(-?\d+(?:\.\d+)?)|([A-Za-z]\w*)|([(),.\[\]]))")
MAX_NESTING = 100
"""How deep calls may lie within each other."""

BEGIN, END = "\ue000", "\ue001"
"""The marks around what Azure alone knows: characters that no text of a template holds."""

MAX_SHOWN = 200
"""How much of an expression an error repeats."""

LAMBDA = "=>"
CONSTANTS: Mapping[str, Any] = {"true": True, "false": False, "null": None}
WRONG = (TypeError, ValueError, AttributeError, LookupError, ArithmeticError)
"""What a function raises that is given something else than it takes."""


def unknown(text: str) -> str:
    """Makes a value that Azure alone knows, or a part of one: a text between two marks. Equal expressions make equal
    values.
    """
    inner = text.replace(BEGIN, "{").replace(END, "}")
    return f"{BEGIN}{inner if len(inner) <= MAX_SHOWN else hashlib.sha256(inner.encode()).hexdigest()}{END}"


def is_unknown(value: Any) -> bool:
    """Tells whether a value, or a part of it, is one that Azure alone knows."""
    if isinstance(value, str):
        return BEGIN in value
    if isinstance(value, (list, tuple)):
        return any(map(is_unknown, value))
    return isinstance(value, dict) and any(is_unknown(name) or is_unknown(part) for name, part in value.items())


class Open(dict[str, Any]):
    """An object that may have more properties than are known here."""


def resource_type_id(kind: str, names: list[str]) -> str:
    """Writes a type and the names of its resources in turn, as they stand in an id."""
    provider, *types = kind.rstrip("/").split("/")
    if len(types) != len(names) or not all(names):
        raise TemplateError(f"{kind} takes {len(types)} names, not {names}")
    return "/".join([provider, *(part for pair in zip(types, names, strict=True) for part in pair)])


def shortened(text: str) -> str:
    return text if len(text) <= MAX_SHOWN else f"{text[:MAX_SHOWN]} ..."


def _concat(*parts: Any) -> Any:
    return "".join(map(_text, parts)) if not isinstance(parts[0], list) else [item for part in parts for item in part]


def _text(value: Any) -> str:
    if isinstance(value, (str, int)):
        return str(value)
    raise TypeError("neither a text nor a number")


DURATION = re.compile(r"(-?)P(\d+)D")
TIME_FORMATS: Mapping[str, str] = {"yyyy-MM-dd": "%Y-%m-%d"}
"""The formats of times that are worked out here, of those that .NET has."""


def _date_time_add(start: str, duration: str, form: str) -> str:
    matched = DURATION.fullmatch(duration)
    if matched is None or form not in TIME_FORMATS:
        return unknown(f"dateTimeAdd({start}, {duration}, {form})")
    days = dt.timedelta(days=int(matched[2]))
    return (dt.datetime.fromisoformat(start) + (-days if matched[1] else days)).strftime(TIME_FORMATS[form])


def _utc_now(form: str = "") -> str:
    return dt.datetime.now(dt.UTC).strftime(TIME_FORMATS[form]) if form in TIME_FORMATS else unknown(f"utcNow({form})")


def _string(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value, separators=(",", ":"), ensure_ascii=False)


FUNCTIONS: Mapping[str, Callable[..., Any]] = {
    "and": lambda *conditions: all(conditions),
    "concat": _concat,
    "createArray": lambda *items: list(items),
    "createObject": lambda *pairs: dict(zip(pairs[::2], pairs[1::2], strict=True)),
    "dateTimeAdd": _date_time_add,
    "empty": lambda value: not value,
    "environment": lambda: {
        "authentication": {"loginEndpoint": "https://login.microsoftonline.com/"},
        "suffixes": {
            "keyvaultDns": ".vault.azure.net",
            "sqlServerHostname": ".database.windows.net",
            "storage": "core.windows.net",
        },
    },
    "equals": lambda one, other: one == other,
    "extensionResourceId": lambda scope, kind, *names: f"{scope}/providers/{resource_type_id(kind, list(names))}",
    "guid": lambda *parts: str(uuid.uuid5(uuid.NAMESPACE_URL, "-".join(parts))),
    "if": lambda condition, then, otherwise: then if condition else otherwise,
    "join": lambda items, delimiter: delimiter.join(items),
    "json": json.loads,
    "not": lambda value: not value,
    "string": _string,
    "take": lambda text, count: text[:count],
    "tenantResourceId": lambda kind, *names: f"/providers/{resource_type_id(kind, list(names))}",
    "toLower": lambda text: text.lower(),
    "union": lambda *objects: {name: value for one in objects for name, value in one.items()},
    "uniqueString": lambda *parts: hashlib.sha256("|".join(parts).encode()).hexdigest()[:13],
    "uri": urljoin,
    "utcNow": _utc_now,
}
"""What a template's functions return that need nothing but their arguments, by the name that Azure gives them."""


COMPOSED = frozenset(
    (
        "concat",
        "createArray",
        "createObject",
        "extensionResourceId",
        "resourceId",
        "subscriptionResourceId",
        "tenantResourceId",
    )
)
"""Functions that only put their arguments together, known or not."""


def call_plain(
    function: str, arguments: list[Any], functions: Mapping[str, Callable[..., Any]], azures: Container[str]
) -> Any:
    """Works out a function that needs nothing but its arguments.

    Args:
        functions: those that are worked out here.
        azures: the names, in small letters, of all functions that there are.

    Raises:
        TemplateError: there is no such function.
    """
    name = _spelling(tuple(functions), function)
    if name is None and function.lower() not in azures and not function.startswith("list"):
        raise TemplateError(f"no such function: {shortened(function)}")
    if name is None or (is_unknown(arguments) and (name not in COMPOSED or isinstance(arguments[0], list))):
        return unknown(f"{function}({', '.join(map(str, arguments))})")
    return functions[name](*arguments)


@lru_cache(maxsize=1_024)
def _spelling(names: tuple[str, ...], name: str) -> str | None:
    """Finds a name whatever its letters' case, which Azure does not distinguish."""
    return {one.lower(): one for one in names}.get(name.lower())


class Expression:
    """One expression.

    Args:
        call: works a function out.
    """

    def __init__(self, text: str, call: Callable[[str, list[Any]], Any]) -> None:
        self._text = text
        self._tokens = iter(_tokens(text))
        self._call = call
        self._next = next(self._tokens)
        self._depth = 0

    def value(self) -> Any:
        value = self._operand()
        if self._next[0] != "end":
            raise TemplateError(f"cannot be read: {shortened(self._text)}")
        return value

    def _take(self, *wanted: str) -> str:
        kind, text = self._next
        if wanted and text not in wanted:
            raise TemplateError(f"{text or 'its end'} where {wanted} is wanted: {shortened(self._text)}")
        if kind != "end":
            self._next = next(self._tokens)
        return text

    def _operand(self) -> Any:
        kind, text = self._next
        self._take()
        if kind == "text":
            return text.replace("''", "'")
        if kind == "number":
            return float(text) if "." in text else int(text)
        if text in CONSTANTS and self._next[1] != "(":
            return CONSTANTS[text]
        if self._next == ("sign", "."):
            # A function of the template's own: its namespace comes first.
            self._take()
            text = f"{text}.{self._take()}"
        self._depth += 1
        if self._depth > MAX_NESTING:
            raise TemplateError(f"more than {MAX_NESTING} calls lie within each other: {shortened(self._text)}")
        value = self._called(text, self._arguments())
        self._depth -= 1
        while self._next in (("sign", "."), ("sign", "[")):
            value = self._part(text, value)
        return value

    def _arguments(self) -> list[Any]:
        arguments: list[Any] = []
        self._take("(")
        while self._next[1] != ")" or self._next[0] != "sign":
            arguments.append(self._operand())
            if self._next != ("sign", ")"):
                self._take(",")
        self._take(")")
        return arguments

    def _called(self, function: str, arguments: list[Any]) -> Any:
        try:
            return self._call(function, arguments)
        except WRONG:
            raise TemplateError(f"{function}(...) does not take what it is given: {shortened(self._text)}") from None

    def _part(self, function: str, value: Any) -> Any:
        """Returns the part of a value that the next tokens name."""
        if self._take() == ".":
            name: Any = self._take()
        else:
            name = self._operand()
            self._take("]")
        if is_unknown(name) or (isinstance(value, str) and is_unknown(value)):
            return unknown(f"{value}[{name}]")
        if isinstance(value, list) and isinstance(name, int) and 0 <= name < len(value):
            return value[name]
        if not isinstance(value, Mapping) or not isinstance(name, str) or (found := _key(value, name)) is None:
            if isinstance(value, Open):
                return unknown(f"{function}(...).{name}")
            raise TemplateError(f"there is no {name} in {function}(...): {shortened(self._text)}")
        return value[found]


def _key(value: Mapping[str, Any], name: str) -> str | None:
    """Finds a key; Azure does not distinguish small letters and capitals there."""
    if name in value:
        return name
    return next((key for key in value if isinstance(key, str) and key.lower() == name.lower()), None)


@lru_cache(maxsize=4_096)
def _tokens(text: str) -> tuple[tuple[str, str], ...]:
    tokens = []
    position = 0
    while position < len(text):
        match = TOKEN.match(text, position)
        if match is None:
            if text[position:].isspace():
                break
            raise TemplateError(f"cannot be read: {shortened(text)}")
        position = match.end()
        kind = ("text", "number", "name", "sign")[(match.lastindex or 1) - 1]
        tokens.append((kind, match.group(match.lastindex or 1)))
    return (*tokens, ("end", ""))
