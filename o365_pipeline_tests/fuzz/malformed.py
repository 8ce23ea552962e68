"""Malformed inputs: made of good ones by changing bytes, lines, or values in a tree of JSON.

What belongs here: the changes. What is changed belongs to `kinds.py`.
"""

from __future__ import annotations

import json
import random
from collections.abc import Callable, Sequence
from typing import Any

NESTED = "the place of something nested"
TWICE = "the place of a repeated key"
DEPTHS = (10, 70, 200, 1100, 3000, 20_000)

TEXTS = (
    *("", " ", "\x00", "a\x00b", "\ud800", "\udfff\ud800", "\ufeff", "\u202e", "e\u0301", "\U0001f468\u200d\U0001f469"),
    *(
        "null",
        "true",
        "NaN",
        "Infinity",
        "-0",
        "1e999",
        "0x10",
        "1_000",
        "[]",
        "{}",
        '"',
        "'",
        "\\",
        "\n",
        "\r\n",
        "--",
    ),
    *("9999-12-31T23:59:59.9999999Z", "0001-01-01T00:00:00+14:00", "infinity", "-infinity", "294247-01-10T04:00:54Z"),
    *("2026-02-30", "2026-11-16T25:00:00Z", "1969-12-31", "T", "PT99999999999H", "P-1D", "2026-11-16T10:00:00+99:99"),
    *("../../etc/passwd", "C:\\x", "/", "a/../b", "https://[::1", "sqlite:///", "a@b@c", "@", "=cmd()", "<script>"),
    *("'; DROP TABLE ledger; --", "%s%n", "${x}", "{{x}}", "[concat('", "[parameters('x')]", "x" * 5_000, "é" * 70_000),
)
NUMBERS: tuple[Any, ...] = (
    *(0, -1, 2**31, 2**63, -(2**63) - 1, 2**64, 10**38, 10**400, 1e308, 5e-324, 1.5, -0.0),
    *(float("nan"), float("inf"), float("-inf")),
)
VALUES: tuple[Any, ...] = (None, True, False, [], {}, [None], {"": None}, [[]], [{}], NESTED)

LARGE = 20_000
"""How many characters of JSON are not repeated once more: changes upon changes would fill the memory by themselves."""

MOST_BYTES = 4 << 20
"""Of longer inputs the rest is cut off: what a parser does with many good bytes is measured elsewhere."""

BYTES = (b"\x00", b"\xff", b"\xfe\xff", b"\xef\xbb\xbf", b"\xc0\x80", b"\xed\xa0\x80", b"\r", b"\n", b"{", b"}", b'"')
LINES = (
    *("x = ", "[x", "= 1", "[[x]]", "[customers.contoso]", "a = 1979-05-27T07:32:00-99:00", "a = nan", "a = 1e999"),
    *(f"a = {'[' * depth}" for depth in (500, 20_000)),
    *(f"a = {'[' * depth}{']' * depth}" for depth in (90, 500, 20_000)),
    *(f"a = {'{a=' * depth}1{'}' * depth}" for depth in (90, 500, 5_000)),
    *(f"{'.'.join('a' * depth)} = 1" for depth in (90, 2_000)),
    *(f"a = {'9' * digits}" for digits in (30, 5_000)),
    *(f'a = "{text}"' for text in ("\\ud800", "\\u0000", "\\x", "x" * 100_000)),
    *("- a", "a: &a [*a]", "<<: *x", "? {a: b}", "!!python/object/apply:os.system [ls]", "a: !!binary x", "%TAG ! x"),
)
ANCHORS = "\n".join(
    ["a0: &a0 [x, x, x, x, x, x, x, x, x]"]
    + [f"a{level}: &a{level} [{', '.join([f'*a{level - 1}'] * 9)}]" for level in range(1, 12)]
)
BOMB = f"{ANCHORS}\ncustomers:\n  contoso: {{tenant_id: *a11, legal_hold: *a11, data_request: *a11}}"
"""A billion laughs, in YAML."""

MERGED = "\n".join(
    ["a0: &a0 {x: 1}"]
    + [f"a{level}: &a{level} {{<<: [{', '.join([f'*a{level - 1}'] * 9)}]}}" for level in range(1, 12)]
)
"""The same by merged keys."""


def value(chance: random.Random) -> Any:
    """A value that nobody would write."""
    return chance.choice(chance.choice((TEXTS, NUMBERS, VALUES)))


def changed_tree(chance: random.Random, tree: Any) -> Any:
    """A tree of JSON with a few changes: types swapped, keys lost, renamed, added or repeated, and parts moved."""
    for _ in range(chance.choice((1, 1, 1, 2, 5))):
        tree = _changed_once(chance, tree)
    return tree


def _changed_once(chance: random.Random, tree: Any) -> Any:
    if isinstance(tree, dict) and tree and chance.random() < 0.85:
        key = chance.choice(list(tree))
        match chance.randrange(10):
            case 0:
                return {name: part for name, part in tree.items() if name != key}
            case 1:
                return {**tree, str(chance.choice(TEXTS)): value(chance)}
            case 2:
                other = chance.choice((key.upper(), key.lower(), key.swapcase(), f" {key}", key + "\x00"))
                return {other if name == key else name: part for name, part in tree.items()}
            case 3:
                return {**tree, TWICE: {key: value(chance)}}
            case 4:
                return {**tree, key: tree[chance.choice(list(tree))]}
            case _:
                return {**tree, key: _changed_once(chance, tree[key])}
    if isinstance(tree, list) and tree and chance.random() < 0.8:
        place = chance.randrange(len(tree))
        match chance.randrange(6):
            case 0:
                return tree[:place] + tree[place + 1 :]
            case 1:
                return [*tree, value(chance)]
            case 2:
                times = chance.choice((2, 50))
                return tree * (times if len(json.dumps(tree, default=str)) < LARGE else 1)
            case _:
                return [*tree[:place], _changed_once(chance, tree[place]), *tree[place + 1 :]]
    if isinstance(tree, str) and chance.random() < 0.4:
        place = chance.randrange(len(tree) + 1)
        return tree[:place] + chance.choice(TEXTS) + tree[place:]
    return chance.choice((value(chance), value(chance), [tree], {"value": tree}, str(tree)))


def as_json(chance: random.Random, tree: Any) -> bytes:
    """The tree as JSON, with what JSON's writers do not write: repeated keys, endless depth, halves of characters."""
    text = json.dumps(tree, ensure_ascii=chance.random() < 0.7, default=str)
    depth = chance.choice(DEPTHS)
    nested = chance.choice((("[", "]"), ('{"a":', "}"), ("[", ""), ('[{"a":', "}]")))
    text = text.replace(f'"{NESTED}"', f"{nested[0] * depth}1{nested[1] * depth}")
    while (start := text.find(f'"{TWICE}": {{')) >= 0:
        end = _closing(text, start + len(TWICE) + 4)
        text = text[:start] + text[start + len(TWICE) + 5 : end] + text[end + 1 :]
    return text.encode(errors="surrogatepass")


def _closing(text: str, opening: int) -> int:
    """The place of the brace that closes the one at a place."""
    depth, place, quoted = 0, opening, False
    while place < len(text):
        letter = text[place]
        if quoted:
            place += letter == "\\"
            quoted = letter != '"'
        elif letter == '"':
            quoted = True
        else:
            depth += (letter in "{[") - (letter in "}]")
            if depth == 0:
                return place
        place += 1
    return len(text)


def changed_lines(chance: random.Random, content: bytes) -> bytes:
    """A text with a few lines lost, repeated, swapped, or with another value after the sign of equality."""
    lines = content.decode(errors="replace").splitlines()
    for _ in range(chance.choice((1, 1, 2, 6))):
        place = chance.randrange(len(lines) or 1)
        line = lines[place] if lines else ""
        match chance.randrange(7):
            case 0:
                lines[place : place + chance.choice((1, 1, 4))] = []
            case 1:
                lines.insert(place, chance.choice(LINES))
            case 2:
                lines.insert(chance.randrange(len(lines) + 1), line)
            case 3:
                key, sign, _ = line.partition("=" if "=" in line else ":")
                new = json.dumps(value(chance))
                lines[place : place + 1] = [f"{key}{sign} {new}"]
            case 4:
                lines[place : place + 1] = [line.replace("a", chance.choice(("b", "A", "", "\x00", "é")), 1)]
            case 5:
                key, sign, rest = line.partition("=")
                lines[place : place + 1] = [f"{key}{chance.choice('xX_-. ')}{sign}{rest}"]
            case _:
                lines[place : place + 1] = [line + chance.choice(("'", '"', "]", "}", "#", ",", "\\", " = 1"))]
    return "\n".join(lines).encode(errors="surrogatepass")


def changed_bytes(chance: random.Random, content: bytes) -> bytes:
    """Bytes flipped, lost, repeated, inserted, or cut off."""
    found = bytearray(content)
    for _ in range(chance.choice((1, 1, 3, 12))):
        place = chance.randrange(len(found) + 1)
        length = chance.choice((1, 2, 8, 100))
        match chance.randrange(6):
            case 0 if place < len(found):
                found[place] ^= 1 << chance.randrange(8)
            case 1:
                del found[place : place + length]
            case 2:
                found[place:place] = chance.choice(BYTES)
            case 3:
                found[place:place] = found[place : place + length] * chance.choice((1, 3))
            case 4:
                found[place : place + 4] = chance.randbytes(4)
            case _ if chance.random() < 0.3:
                del found[place:]
    return bytes(found)


def changed(chance: random.Random, content: bytes, ways: Sequence[Callable[[random.Random, bytes], bytes]]) -> bytes:
    """The content changed in one of the ways, now and then in another encoding."""
    found = chance.choice(ways)(chance, content)[:MOST_BYTES]
    if chance.random() < 0.02:
        text = found.decode(errors="replace")
        return text.encode(chance.choice(("utf-16", "utf-32", "latin-1", "cp1252", "utf-8-sig")), errors="replace")
    return found


def tree_changed(chance: random.Random, content: bytes) -> bytes:
    """JSON changed as a tree."""
    return as_json(chance, changed_tree(chance, json.loads(content)))
