"""What of a row is a person's: whether the row is hers, and the row without her.

What belongs here: judging one row as JSON, whatever file it comes from, and the SQL that finds the few rows worth
judging. The rules are those by which curation keeps denied people out (`curated/privacy.py`), and beside them: no text
holds her ids, addresses or full names any more.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any

from o365_pipeline.curated.json_values import read_json
from o365_pipeline.curated.privacy import PREFIX, People
from o365_pipeline.datasets import Dataset
from o365_pipeline.purge.person import Person

ERASED = "[erased]"
"""What stands in a text in the place of a name, an id or an address."""

RAW = "raw"
"""The column of rejected rows and of reports that holds a whole row as text."""

ENCODED = r"%|\\u[0-9a-fA-F]{4}"
"""How characters are written in links and in JSON: such a row is judged whatever else it holds."""


ESCAPED = re.compile(r"\\u([0-9a-fA-F]{4})")
HALF_CHARACTER = re.compile("[\ud800-\udfff]")

BETWEEN, BETWEEN_WRITTEN = r"[\s_.-]+", r"(?:[\s_.-]|\\[nrt])+"
"""What stands between the words of a name, in a text and as JSON writes it."""


class PersonRows:
    """Judges rows for one person."""

    def __init__(self, person: Person) -> None:
        self._people = People(denied=frozenset(person.identities))
        identities = "|".join(re.escape(text).replace("@", "(?:@|%40)") for text in person.identities)
        names = [rf"(?<![^\W_]){BETWEEN.join(map(re.escape, name.split()))}(?![^\W_])" for name in person.names]
        alternatives = "|".join([rf"(?<![\w@.+-])(?:{identities})(?![\w-]|\.\w)", *names])
        self._pattern = re.compile(alternatives, re.IGNORECASE)
        texts = [*([text] for text in person.identities), *(name.split() for name in person.names)]
        written = [
            BETWEEN_WRITTEN.join(re.escape(json.dumps(word, ensure_ascii=False)[1:-1]) for word in words)
            for words in texts
        ]
        self.sql_pattern = f"(?i){'|'.join([*written, ENCODED])}"
        """A pattern that the JSON of every row contains which names the person, in DuckDB's spelling."""

    def erased(self, text: str, dataset: Dataset | None) -> str | None:
        """Returns the JSON of a row without the person: the same text if it does not name her, None if the row is hers.

        What is no JSON, or nobody can look into, is left out if it names her.
        """
        try:
            row = _read(text)
            if isinstance(row, dict):
                if self._is_own(row, dataset):
                    return None
                left = {name: self._left(value) for name, value in row.items() if not self._is_named(name)}
                return text if left == row else _written(left)
        except RecursionError:
            pass
        return None if self._is_named(ESCAPED.sub(lambda found: chr(int(found[1], 16)), text)) else text

    def erased_list(self, text: str) -> str:
        """Returns a JSON list without the entries that name the person."""
        entries = json.loads(text)
        left = [entry for entry in entries if not self._is_named(str(entry))]
        return text if left == entries else json.dumps(left)

    def erased_text(self, text: str) -> str:
        """Returns what somebody wrote, without the person's ids, addresses and full names."""
        return self._pattern.sub(ERASED, text)

    def _is_named(self, text: str) -> bool:
        return self._people.are_denied(text) or self._pattern.search(text) is not None

    def _is_own(self, row: dict[str, Any], dataset: Dataset | None) -> bool:
        """Tells whether a row, or the row that it holds as text, belongs to the person or describes her."""
        if isinstance(held := row.get(RAW), str) and "file" in row:
            owner = row.get("puser")
            return (isinstance(owner, str) and self._people.are_denied(owner)) or self._is_own_text(held, dataset)
        return dataset is not None and any(map(self._has, _telling_values(row, dataset)))

    def _is_own_text(self, text: str, dataset: Dataset | None) -> bool:
        row = _read(text)
        return isinstance(row, dict) and self._is_own(row, dataset)

    def _has(self, value: Any) -> bool:
        if isinstance(value, list):
            return any(map(self._has, value))
        if isinstance(value, dict):
            return self._people.are_in(value)
        if isinstance(value, str) and value[:1] in ("[", "{") and (inner := _read(value)) is not None:
            return self._has(inner)
        return isinstance(value, str) and self._people.are_denied(value)

    def _left(self, value: Any) -> Any:
        """Returns what is left of a value; null where it was about the person alone."""
        if isinstance(value, dict):
            if self._people.are_in(value):
                return None
            return {name: self._left(entry) for name, entry in value.items() if not self._is_named(name)}
        if isinstance(value, list):
            return [left for entry in value if (left := self._left(entry)) is not None or entry is None]
        if not isinstance(value, str):
            return value
        if value.lstrip()[:1] in ("[", "{") and (inner := _read(value)) is not None:
            left = self._left(inner)
            return value if left == inner else None if left is None else _written(left)
        replaced = self._pattern.sub(ERASED, value)
        return None if PREFIX.sub("", replaced).strip() == ERASED or self._people.are_denied(replaced) else replaced


def _telling_values(row: dict[str, Any], dataset: Dataset) -> Iterator[Any]:
    """Returns the values that decide whose row it is, of a landed row as of a curated one: its owner and its key; of a
    row about a person all but what people wrote; of a row without an owner what stands beside structures.
    """
    any_case = {name.lower(): value for name, value in row.items()}
    if dataset.owner_field:
        yield any_case.get(dataset.owner.lower(), any_case.get(dataset.owner_field))
    for column in (*dataset.columns, *dataset.shape):
        is_key = column.name in dataset.natural_key
        is_telling = dataset.describes_person or (dataset.owner == "none" and not column.type.is_nested)
        if is_key or (is_telling and column.name not in dataset.content_columns):
            names = [*(spelling.lower() for spelling in column.spellings), *(name for name, _ in column.curated_fields)]
            yield from (any_case[name] for name in dict.fromkeys(names) if name in any_case)


def _read(text: str) -> Any:
    """Returns the structure that a text holds; None if it holds none."""
    try:
        found = read_json(text)
    except (ValueError, RecursionError):
        return None
    return found if isinstance(found, dict | list) else None


def _written(value: Any) -> str:
    """Writes JSON; half a character, which UTF-8 does not have, as an escape."""
    text = json.dumps(value, ensure_ascii=False)
    return text if text.isascii() or not HALF_CHARACTER.search(text) else json.dumps(value)
