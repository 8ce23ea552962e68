"""Makes SQL that cleans a parsed value, by recursion over the value's type.

What belongs here: the rules for single values, as macros and as expressions over types. The columns of a row belong to
`typing_sql.py`; the same rules for JSON without a documented shape belong to `json_values.py`.

The rules: enum values are bare; an empty text, "never" (0001-01-01) and the id of nobody (zeros) are null; times are
UTC; e-mail addresses are in lower case (`privacy.is_address` recognizes them by the name of the column). If a customer
denies people, an object or a list's entry that names one is left out; if it hashes addresses of other domains, they are
hashed.
"""

from __future__ import annotations

from dataclasses import dataclass

import duckdb

from o365_pipeline.curated.privacy import People, is_address, is_name
from o365_pipeline.curated.time_zones import define_time_zones
from o365_pipeline.datasets import other_case
from o365_pipeline.datasets.types import ColumnType

MACROS = r"""
CREATE MACRO is_never(value) AS starts_with(value, '0001-01-01')
    AND regexp_full_match(value, '0001-01-01(T00:00:00(\.0+)?(Z|\+00:00)?)?');
CREATE MACRO is_nothing(value) AS
    value = '' OR value = '00000000-0000-0000-0000-000000000000' OR is_never(value);
CREATE MACRO clean(value) AS CASE
    WHEN is_nothing(value) THEN NULL
    WHEN ends_with(value, '''')
    THEN regexp_replace(value, '^(?:[A-Za-z0-9_]+\.)+[A-Za-z0-9_]+''([^'']*)''$', '\1')
    ELSE value END;
CREATE MACRO moment(value) AS CASE WHEN NOT is_never(value) THEN TRY_CAST(value AS TIMESTAMPTZ)::TIMESTAMP END;
CREATE MACRO is_plain(value) AS
    NOT (contains(value, '"{') OR contains(value, '"[') OR contains(value, '" :') OR contains(value, chr(10)));
CREATE MACRO has_offset(value) AS regexp_matches(value, '(Z|[+-][0-9]{2}:?[0-9]{2})$');
"""


def define_values(connection: duckdb.DuckDBPyConnection) -> None:
    """Registers the rules with the connection, and Windows' and IANA's names of time zones."""
    define_time_zones(connection)
    connection.execute(MACROS)


def parsed(kind: ColumnType, text: str) -> str:
    """Parses a structure or list from JSON, with the keys of its type in any spelling; times are still text."""
    odd = [f"'\"{other_case(key)}\":'" for key in kind.key_names]
    spelled = text
    for key, found in zip(kind.key_names, odd, strict=True):
        spelled = f"replace({spelled}, {found}, '\"{key}\":')"
    is_odd = " OR ".join(f"contains({text}, {found})" for found in odd) or "false"
    plain = f"CASE WHEN NOT is_plain({text}) THEN plain_json({text}) WHEN {is_odd} THEN {spelled} ELSE {text} END"
    return f"TRY(from_json({plain}, '{kind.json_structure}'))"


@dataclass(frozen=True)
class Cleaning:
    """The recursion over types, with a customer's rules about people."""

    people: People

    def value(self, kind: ColumnType, name: str, value: str, depth: int = 0) -> str:
        """Returns the clean value of a parsed value of that name."""
        if kind.item is not None:
            return self._list(kind.item, name, value, depth)
        if kind.kind == "struct":
            return self._structure(kind, value, depth)
        if kind.kind == "datetime":
            return f"moment({value})"
        return self.text(name, value) if kind.kind in ("string", "json") else value

    def text(self, name: str, value: str) -> str:
        """Returns a clean text; an address is in lower case, and hashed if the customer says so."""
        if not is_address(name):
            return f"clean({value})"
        address = f"lower(clean({value}))"
        return f"shown_address({address})" if self.people.salt is not None else address

    def names_denied(self, kind: ColumnType, value: str) -> list[str]:
        """Returns conditions that are true if the value names a denied person; lists within the value do not count."""
        if not self.people.denied:
            return []
        if kind.kind == "struct":
            return [test for key, field in kind.fields for test in self.names_denied(field, f'{value}."{key}"')]
        return [f"coalesce(is_denied({value}), false)"] if kind.kind == "string" else []

    def has_denied(self, kind: ColumnType, value: str, depth: int = 0) -> list[str]:
        """Returns the same conditions as `names_denied`, also for lists."""
        if kind.item is None:
            return self.names_denied(kind, value)
        entry = f"y{depth}"
        tests = " OR ".join(self.has_denied(kind.item, entry, depth + 1))
        return [f"coalesce(len(list_filter({value}, lambda {entry}: {tests})) > 0, false)"] if tests else []

    def outside_address_tests(self, kind: ColumnType, name: str, value: str) -> list[str]:
        """Returns conditions that are true if the value holds an address of another domain that must be hashed."""
        if self.people.salt is None:
            return []
        if kind.item is not None:
            tests = " OR ".join(self.outside_address_tests(kind.item, name, "z"))
            return [f"coalesce(len(list_filter({value}, lambda z: {tests})) > 0, false)"] if tests else []
        if kind.kind == "struct":
            fields = [(key, field) for key, field in kind.fields if field.kind == "string"]
            return [
                test for key, field in fields for test in self.outside_address_tests(field, key, f'{value}."{key}"')
            ]
        return [f"coalesce(is_outside({value}), false)"] if kind.kind == "string" and is_address(name) else []

    def _structure(self, kind: ColumnType, value: str, depth: int) -> str:
        outsiders = " OR ".join(self.outside_address_tests(kind, "", value))
        fields = []
        for key, field in kind.fields:
            made = self.value(field, key, f'{value}."{key}"', depth)
            if outsiders and is_name(key):
                made = f"CASE WHEN NOT ({outsiders}) THEN {made} END"
            fields.append(f"'{key}': {made}")
        tests = "".join(f" AND NOT {test}" for test in self.names_denied(kind, value))
        return f"CASE WHEN {value} IS NOT NULL{tests} THEN {{{', '.join(fields)}}} END"

    def _list(self, item: ColumnType, name: str, value: str, depth: int) -> str:
        entry = f"x{depth}"
        if tests := " OR ".join(self.names_denied(item, entry)):
            value = f"list_filter({value}, lambda {entry}: NOT ({tests}))"
        made = self.value(item, name, entry, depth + 1)
        return value if made == entry else f"list_transform({value}, lambda {entry}: {made})"
