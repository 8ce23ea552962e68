"""Finds the end of a large JSON value in text that comes in parts.

What belongs here: brackets and strings. Whether the text between them is JSON is found out by whoever reads the value.
"""

from __future__ import annotations

import re

MARK = re.compile(r'["{}\[\]]')
IN_STRING = re.compile(r'(?:[^"\\\x00-\x1f]++|\\[^\x00-\x1f])*+')
MAX_PARTS = 8_000_000
"""The most brackets and strings that an object may have, since readers need memory for each of them."""

BROKEN = "not JSON: it breaks off"


class Scan:
    """Reads one value; if it breaks off on a line, that line and everything before it.

    Args:
        largest: the most characters for which a value is kept whole.
        kept: how many characters are kept of a larger value, or of one that breaks off.
    """

    def __init__(self, largest: int, kept: int) -> None:
        self.reason: str | None = BROKEN
        self._largest, self._kept = largest, kept
        self._held: list[str] = []
        self._length = self._parts = 0
        self._open = bytearray()
        self._before = ""
        self._is_in_string = self._is_escaped = self._is_broken = False

    def feed(self, text: str, at: int) -> int | None:
        """Continues at this position; returns where the value ends, None if it does not end in this text."""
        end = self._end(text, at)
        self._hold(text[at:end])
        if end is not None and not self._is_broken:
            self.reason = self._too_large()
        return end

    def text(self) -> str:
        """Returns the value, or the beginning of an unreadable one."""
        return "".join(self._held)[: self._kept if self.reason else None]

    def _too_large(self) -> str | None:
        if self._length > self._largest:
            return f"more than {self._largest:,} characters"
        return f"more than {MAX_PARTS:,} brackets and strings" if self._parts > MAX_PARTS else None

    def _end(self, text: str, at: int) -> int | None:
        self._is_broken = self._is_broken or (not self._open and text[at] not in "{[")
        while not self._is_broken:
            if self._is_in_string:
                at = self._end_of_string(text, at)
            elif (found := MARK.search(text, at)) is None:
                self._before = text[at:].rstrip()[-1:] or self._before
                return None
            else:
                if found[0] in "{[" and not self._may_open(text[at : found.start()].rstrip()[-1:] or self._before):
                    self._is_broken = True
                    return max(at, text.rfind("\n", at, found.start()))
                at = found.end()
                if self._go_past(found[0]):
                    return at
            if at == len(text):
                return None
        return _end_of_line(text, at)

    def _may_open(self, before: str) -> bool:
        """Tells whether a bracket may open after this sign: in an object after a colon, in an array where a value
        begins.
        """
        if not self._open:
            return True
        return before == ":" if self._open[-1] == ord("{") else before in ("[", ",")

    def _go_past(self, mark: str) -> bool:
        """Goes past a bracket or the beginning of a string; True if the value ends with it."""
        self._parts += 1
        self._before = mark
        self._is_in_string = mark == '"'
        if mark in "{[":
            self._open.append(ord(mark))
        elif mark in "}]":
            self._open.pop()
        return not self._open

    def _end_of_string(self, text: str, at: int) -> int:
        """Returns where the current string ends, or the text; a control character breaks the value off."""
        if self._is_escaped:
            self._is_escaped = False
            at += 1
        at = IN_STRING.match(text, at).end()  # type: ignore[union-attr]
        if at >= len(text):
            return len(text)
        if text[at] == '"':
            self._is_in_string = False
            return at + 1
        if text[at] == "\\" and at + 1 == len(text):
            self._is_escaped = True
            return at + 1
        self._is_broken = True
        return at

    def _hold(self, text: str) -> None:
        self._length += len(text)
        if self._length <= (self._kept if self._is_broken else self._largest):
            self._held.append(text)
        elif sum(map(len, self._held)) > self._kept:
            self._held = ["".join(self._held)[: self._kept]]


def _end_of_line(text: str, at: int) -> int | None:
    end = text.find("\n", at)
    return end if end >= 0 else None
