"""Makes SQL that cleans a parsed value, by recursion over the value's type.

What belongs here: the rules for single values, as macros and as expressions over types. The columns of a row belong to
`typing_sql.py`; the same rules for JSON without a documented shape belong to `json_values.py`.

The rules: enum values are bare, and in the spelling of v1 where the catalogue calls them enums; texts hold no U+0000,
which databases refuse, and no blanks at their ends, which some of them overlook; an empty text, "never" (0001-01-01 and
9999-12-31) and the id of nobody (zeros) are null; times are UTC and within the years that every database has; e-mail
addresses are in lower case (what is one is told by its name, `privacy.is_address`). Where a customer denies people, an
object or a list's entry that names one is left out; where it hashes addresses from outside, these are.
"""

from __future__ import annotations

from dataclasses import dataclass

import duckdb

from o365_pipeline.curated.privacy import People, is_address, is_name
from o365_pipeline.curated.time_zones import define_time_zones
from o365_pipeline.datasets import Dataset
from o365_pipeline.datasets.types import ColumnType

MACROS = r"""
CREATE TEMP MACRO without_nul(json) AS CASE
    WHEN contains(json, '\u0000') THEN regexp_replace(json, '(\\\\)|\\u0000', '\1', 'g') ELSE json END;
-- Trimming takes longer than all else, and most values have letters or digits at their ends.
CREATE TEMP MACRO trimmed(value) AS
    CASE WHEN value >= '!' AND value[-1] > ' ' THEN value ELSE trim(value, E' \t\n\r') END;
CREATE TEMP MACRO is_true(value) AS
    CASE WHEN value = 'false' THEN false ELSE lower(trimmed(value)) IS NOT DISTINCT FROM 'true' END;
CREATE TEMP MACRO clean_trimmed(value) AS CASE
    WHEN value IN ('', '00000000-0000-0000-0000-000000000000') THEN NULL
    WHEN starts_with(value, '0001-01-01') THEN CASE
        WHEN NOT regexp_full_match(value, '0001-01-01(T00:00:00(\.0+)?(Z|\+00:00)?)?') THEN value END
    WHEN ends_with(value, '''')
    THEN trimmed(regexp_replace(value, '^(?:[A-Za-z0-9_]+\.)+[A-Za-z0-9_]+''([^'']*)''$', '\1'))
    ELSE value END;
CREATE TEMP MACRO is_clean(value) AS value > '0001-02' AND value[-1] >= '0';
CREATE TEMP MACRO clean(value) AS
    CASE WHEN is_clean(value) THEN value
    ELSE list_transform([trimmed(value)], lambda bare: clean_trimmed(bare))[1] END;
CREATE TEMP MACRO bare_enum(value) AS CASE WHEN ends_with(value, '''')
    THEN trimmed(regexp_replace(value, '^#?(?:[A-Za-z0-9_]+\.)*[A-Za-z0-9_]+''([^'']*)''$', '\1')) ELSE value END;
CREATE TEMP MACRO is_enum(value) AS value[1] BETWEEN 'a' AND 'z' AND value[-1] >= '0';
CREATE TEMP MACRO enum_value(value) AS CASE
    WHEN is_enum(value) THEN value
    ELSE list_transform([bare_enum(clean(value))], lambda said:
        CASE WHEN said = upper(said) THEN lower(said) ELSE lower(left(said, 1)) || substr(said, 2) END)[1] END;

-- Times: "never" lies at either end of the calendar. What lies beyond it, or is no time, is untimely.
CREATE TEMP MACRO has_offset(value) AS regexp_matches(value, '(Z|[+-][0-9]{2}:?[0-9]{2})$');
CREATE TEMP MACRO is_no_moment(value) AS starts_with(value, '0001-01-01') OR starts_with(value, '9999-12-31');
CREATE TEMP MACRO instant(value) AS CASE
    WHEN value[-1] = 'Z' THEN TRY_CAST(value AS TIMESTAMP) ELSE TRY_CAST(value AS TIMESTAMPTZ)::TIMESTAMP END;
CREATE TEMP MACRO within_calendar(time) AS
    CASE WHEN time >= TIMESTAMP '0001-01-02' AND time < TIMESTAMP '9999-12-31' THEN time END;
-- Years that no offset carries to an end of the calendar: such a time needs no look at its text.
CREATE TEMP MACRO is_usual(time) AS time >= TIMESTAMP '0002-01-01' AND time < TIMESTAMP '9998-01-01';
CREATE TEMP MACRO moment_of(value, time) AS CASE
    WHEN is_usual(time) THEN time WHEN NOT is_no_moment(value) THEN within_calendar(time) END;
CREATE TEMP MACRO moment(value) AS moment_of(value, instant(value));
CREATE TEMP MACRO is_untimely_as(value, time) AS CASE WHEN is_usual(time) THEN false
    ELSE value <> '' AND NOT is_no_moment(value)
        AND coalesce(time < TIMESTAMP '0001-01-01' OR time >= TIMESTAMP '10000-01-01', true) END;
CREATE TEMP MACRO is_untimely(value) AS is_untimely_as(value, instant(value));
CREATE TEMP MACRO is_utc(value) AS value[5] = '-' AND value[-1] = 'Z' AND value > '0001-01-03' AND value < '9999-12-30';
CREATE TEMP MACRO moment_in_zone(value, zone) AS CASE
    WHEN is_no_moment(value) THEN NULL
    WHEN has_offset(value) THEN within_calendar(instant(value))
    ELSE within_calendar(
        TRY(timezone(coalesce(zone_of(zone), 'UTC'), within_calendar(TRY_CAST(value AS TIMESTAMP)))::TIMESTAMP)
    ) END;

-- Whole numbers of more digits than these would not fit once they are summed.
CREATE TEMP MACRO within_numbers(number) AS CASE WHEN number BETWEEN -1e18::BIGINT AND 1e18::BIGINT THEN number END;
CREATE TEMP MACRO within_reals(number) AS CASE WHEN isfinite(number) THEN number END;
CREATE TEMP MACRO is_plain(value) AS
    NOT (contains(value, '"{') OR contains(value, '"[') OR contains(value, '" :') OR contains(value, chr(10)));
"""


def define_values(connection: duckdb.DuckDBPyConnection) -> None:
    """Registers the rules with the connection, and Windows' and IANA's names of time zones."""
    define_time_zones(connection)
    connection.execute(MACROS)


def number(kind: ColumnType, value: str) -> str:
    """A number or a truth value of the type, null where it is none or cannot be kept on every database."""
    cast = f"TRY_CAST({value} AS {kind.duckdb})"
    within = {"BIGINT": "within_numbers", "DOUBLE": "within_reals"}.get(kind.duckdb)
    return f"{within}({cast})" if within else cast


def parsed(dataset: Dataset, kind: ColumnType, text: str) -> str:
    """A structure or list read from JSON, in its usual spellings of keys; times are still text."""
    odd = [(key, f"'\"{other}\":'") for key in kind.key_names for other in dataset.spellings_of_key(key)[1:]]
    text = f"without_nul({text})"
    spelled = text
    for key, found in odd:
        spelled = f"replace({spelled}, {found}, '\"{key}\":')"
    is_odd = " OR ".join(f"contains({text}, {found})" for _, found in odd) or "false"
    plain = f"CASE WHEN NOT is_plain({text}) THEN plain_json({text}) WHEN {is_odd} THEN {spelled} ELSE {text} END"
    return f"TRY(from_json({plain}, '{kind.json_structure}'))"


@dataclass(frozen=True)
class Cleaning:
    """The recursion over types, with a customer's rules about people."""

    people: People
    enums: frozenset[str] = frozenset()
    """Paths of the dataset's enum values: attendees.type."""

    def value(self, kind: ColumnType, path: str, value: str, depth: int = 0, is_plain: bool = False) -> str:
        """The clean value of what was parsed under the last name of the path.

        Args:
            is_plain: all of `plainness` is known to be true.
        """
        if kind.item is not None:
            return self._list(kind.item, path, value, depth, is_plain)
        if kind.kind == "struct":
            return self._structure(kind, path, value, depth, is_plain)
        if kind.kind == "datetime":
            return f"TRY_CAST({value} AS TIMESTAMP)" if is_plain else f"moment({value})"
        if kind.kind not in ("string", "json"):
            return number(kind, value)
        if path in self.enums:
            return value if is_plain else f"enum_value({value})"
        return self.text(path.rpartition(".")[2], value, is_plain)

    def text(self, name: str, value: str, is_plain: bool = False) -> str:
        """Returns a clean text; an address is in lower case, and hashed if the customer says so."""
        made = value if is_plain else f"clean({value})"
        if not is_address(name):
            return made
        return f"shown_address(lower({made}))" if self.people.salt is not None else f"lower({made})"

    def plainness(self, kind: ColumnType, path: str, value: str, depth: int = 0) -> list[str]:
        """Returns cheap conditions, of which none is false if nothing in the value needs cleaning."""
        if kind.item is not None:
            entry = f"p{depth}"
            tests = " AND ".join(self.plainness(kind.item, path, entry, depth + 1))
            odd = f"list_contains(list_transform({value}, lambda {entry}: {tests}), false)"
            return [f"NOT coalesce({odd}, false)"] if tests else []
        if kind.kind == "struct":
            return [
                test
                for key, field in kind.fields
                for test in self.plainness(field, f"{path}.{key}", f'{value}."{key}"', depth)
            ]
        if kind.kind == "datetime":
            return [f"is_utc({value})"]
        if kind.kind not in ("string", "json"):
            return []
        return [f"is_enum({value})" if path in self.enums else f"is_clean({value})"]

    def names_denied(self, kind: ColumnType, value: str) -> list[str]:
        """Returns conditions that are true if the value names a denied person; lists within the value do not count."""
        if not self.people.are_some_denied:
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

    def _structure(self, kind: ColumnType, path: str, value: str, depth: int, is_plain: bool) -> str:
        outsiders = " OR ".join(self.outside_address_tests(kind, "", value))
        fields = []
        for key, field in kind.fields:
            made = self.value(field, f"{path}.{key}", f'{value}."{key}"', depth, is_plain)
            if outsiders and is_name(key):
                made = f"CASE WHEN NOT ({outsiders}) THEN {made} END"
            fields.append(f"'{key}': {made}")
        tests = "".join(f" AND NOT {test}" for test in self.names_denied(kind, value))
        return f"CASE WHEN {value} IS NOT NULL{tests} THEN {{{', '.join(fields)}}} END"

    def _list(self, item: ColumnType, path: str, value: str, depth: int, is_plain: bool) -> str:
        """Chooses for each outermost list: DuckDB sets a lambda up for every chunk of rows, at a cost by its length."""
        entry, held = f"x{depth}", value
        if tests := " OR ".join(self.names_denied(item, entry)):
            held = f"list_filter({value}, lambda {entry}: NOT ({tests}))"
        made, plain = (self.value(item, path, entry, depth + 1, plain) for plain in (is_plain, True))
        with_care, without = (
            held if one == entry else f"list_transform({held}, lambda {entry}: {one})" for one in (made, plain)
        )
        if depth or made == plain:
            return with_care
        [test] = self.plainness(ColumnType("array", item=item), path, value)
        return f"CASE WHEN {test} THEN {without} ELSE {with_care} END"
