"""From a row's JSON to typed columns: the SQL expressions, made from the catalogue by rule.

What belongs here: one expression and one test of fitness per column type. Times become UTC without offset, enum
values bare, `0001-01-01` ("never") null. The order of the steps is `curation.py`'s.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import duckdb
from tzlocal.windows_tz import win_tz

from o365_pipeline.datasets import Column, Dataset

NEVER = "'0001-01-01T00:00:00%'"
ENUM = r"'^(?:[A-Za-z0-9_]+\.)+[A-Za-z0-9_]+''([^'']*)''$'"
ENUM_IN_JSON = r"""'"(?:[A-Za-z0-9_]+\.)+[A-Za-z0-9_]+''([^''"]*)''"'"""
NEVER_IN_JSON = r"""'"0001-01-01T00:00:00(?:\.0+)?Z?"'"""

ROW_INFORMATION = {
    "no_data": "$.rowinformation.userReturnedNoData",
    "is_summary": "$.rowinformation.isUserSummaryRow",
    "error": "$.rowinformation.errorInformation",
}


@dataclass(frozen=True)
class Fields:
    """The SQL of one dataset's row: the JSON paths to extract, the typed fields, the tests of fitness."""

    paths: tuple[str, ...]
    selected: tuple[str, ...]
    problems: tuple[str, ...]


def define_time_zones(connection: duckdb.DuckDBPyConnection) -> None:
    """Make Windows and IANA zone names known to the expressions, as the macro `zone_of`."""
    connection.execute(
        "CREATE OR REPLACE TEMP TABLE time_zone AS SELECT lower(name) AS name, name AS zone FROM pg_timezone_names()"
    )
    connection.executemany(
        "INSERT INTO time_zone SELECT lower(?), ?",
        [*win_tz.items(), ("tzone://Microsoft/Utc", "UTC"), ("UTC", "UTC")],
    )
    connection.execute(
        "SET VARIABLE zones = (SELECT map(list(name), list(zone)) FROM "
        "(SELECT name, min(zone) AS zone FROM time_zone GROUP BY name))"
    )
    connection.execute("CREATE OR REPLACE TEMP MACRO zone_of(name) AS getvariable('zones')[lower(name)]")


def fields_of(dataset: Dataset, requested: Sequence[str]) -> Fields:
    """The SQL for a dataset's rows; columns that were not requested are null, whatever the row holds."""
    paths: list[str] = [f"$.{dataset.owner}", *ROW_INFORMATION.values()]
    selected: list[str] = [f"{_bare('v[1]')} AS {dataset.owner_field}"] if dataset.owner_field else []
    problems: list[str] = []
    for shaped in dataset.curated_columns:
        column = dataset.curated_field(shaped.curated_name) or shaped
        if column.name not in requested:
            selected += [f'NULL::{kind} AS "{name}"' for name, kind in column.curated_fields]
            continue
        value = _value(paths, column.name)
        if column.is_date_with_zone:
            moment, zone = _value(paths, column.name, "dateTime"), _value(paths, column.name, "timeZone")
            selected += _select_date_with_zone(column, moment, zone)
            problems += [*_shape_problem(column, value), *_date_with_zone_problems(column, moment, zone)]
        else:
            selected.append(f'{_select(column, value)} AS "{column.curated_name}"')
            problems += _problems(column, value)
    return Fields(tuple(paths), tuple(selected), tuple(problems))


def _value(paths: list[str], *names: str) -> str:
    """Add the paths of a key, in both spellings, and give the expression for its value as text."""
    spellings = (names, [_other_case(name) for name in names])
    paths.extend("$" + "".join(f'."{name}"' for name in spelling) for spelling in spellings)
    return f"coalesce(v[{len(paths) - 1}], v[{len(paths)}])"


def _other_case(name: str) -> str:
    """v0 datasets write PascalCase what v1 datasets write camelCase."""
    return name[0].swapcase() + name[1:]


def _bare(value: str) -> str:
    return f"CASE WHEN ends_with({value}, '''') THEN regexp_replace({value}, {ENUM}, '\\1') ELSE {value} END"


def _clean_json(value: str) -> str:
    enums = f"regexp_replace({value}, {ENUM_IN_JSON}, '\"\\1\"', 'g')"
    return f"regexp_replace({enums}, {NEVER_IN_JSON}, 'null', 'g')"


def _timestamp(value: str) -> str:
    moment = f"TRY_CAST({value} AS TIMESTAMPTZ)::TIMESTAMP"
    return f"CASE WHEN {value} NOT LIKE {NEVER} THEN {moment} END"


def _structure(column: Column, value: str) -> str:
    """The typed structure or list; keys that a row writes in PascalCase are read as camelCase."""
    text = _clean_json(value)
    if keys := column.type.key_names:
        renamed = text
        for key in keys:
            renamed = f"replace({renamed}, '\"{_other_case(key)}\":', '\"{key}\":')"
        text = f"CASE WHEN contains({value}, '\"{_other_case(keys[0])}\":') THEN {renamed} ELSE {text} END"
    return f"TRY(from_json({text}, '{column.type.json_structure}'))"


def _select(column: Column, value: str) -> str:
    kind = column.type
    if kind.is_nested:
        return _structure(column, value)
    if kind.kind == "json":
        return _clean_json(value)
    if kind.kind == "datetime":
        return _timestamp(value)
    if kind.kind == "string":
        return f"CASE WHEN {value} NOT LIKE {NEVER} THEN {_bare(value)} END"
    return f"TRY_CAST({value} AS {kind.duckdb})"


def _select_date_with_zone(column: Column, moment: str, zone: str) -> list[str]:
    local = f"TRY(timezone(zone_of({zone}), TRY_CAST({moment} AS TIMESTAMP))::TIMESTAMP)"
    utc = f"CASE WHEN {_has_offset(moment)} THEN TRY_CAST({moment} AS TIMESTAMPTZ)::TIMESTAMP ELSE {local} END"
    name = column.curated_name
    return [f'CASE WHEN {moment} NOT LIKE {NEVER} THEN {utc} END AS "{name}_utc"', f'{zone} AS "{name}_time_zone"']


def _has_offset(moment: str) -> str:
    return f"regexp_matches({moment}, '(Z|[+-][0-9]{{2}}:?[0-9]{{2}})$')"


def _problems(column: Column, value: str) -> list[str]:
    """Conditions under which the value does not fit; each gives the reason as text, else null."""
    name, kind = column.name, column.type
    if kind.is_nested:
        return _shape_problem(column, value)
    if kind.kind in ("string", "json"):
        return []
    typed = f"TRY_CAST({value} AS {'TIMESTAMPTZ' if kind.kind == 'datetime' else kind.duckdb})"
    return [f"CASE WHEN {value} IS NOT NULL AND {typed} IS NULL THEN '{name} is not of type {kind.kind}' END"]


def _shape_problem(column: Column, value: str) -> list[str]:
    shape, said = ("ARRAY", "a list") if column.type.kind == "array" else ("OBJECT", "an object")
    found = f"TRY(json_type({value}))"
    return [
        f"CASE WHEN {value} IS NOT NULL AND {found} IS DISTINCT FROM '{shape}' THEN '{column.name} is not {said}' END"
    ]


def _date_with_zone_problems(column: Column, moment: str, zone: str) -> list[str]:
    untimely = f"{moment} IS NOT NULL AND TRY_CAST({moment} AS TIMESTAMP) IS NULL"
    unknown = f"{zone} IS NOT NULL AND zone_of({zone}) IS NULL"
    missing = f"{zone} IS NULL AND NOT {_has_offset(moment)} AND {moment} NOT LIKE {NEVER}"
    return [
        f"CASE WHEN {missing} THEN '{column.name} has no time zone' END",
        f"CASE WHEN {untimely} THEN '{column.name} is not a time' END",
        f"CASE WHEN {unknown} THEN '{column.name} has an unknown time zone' END",
    ]
