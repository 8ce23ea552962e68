"""Makes typed columns of a row's JSON: the SQL of a dataset's rows, generated from the catalogue.

What belongs here: one expression and one test of validity per column. Rules for single values belong to `value_sql.py`;
the order of the steps belongs to `curation.py`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from o365_pipeline.curated.privacy import People, is_name
from o365_pipeline.curated.value_sql import Cleaning, parsed
from o365_pipeline.datasets import Column, Dataset

ROW_INFORMATION = {
    "no_data": "$.rowinformation.userReturnedNoData",
    "is_summary": "$.rowinformation.isUserSummaryRow",
    "error": "$.rowinformation.errorInformation",
}


@dataclass(frozen=True)
class Fields:
    """The SQL of one dataset's row."""

    paths: tuple[str, ...]
    """The JSON paths to extract; `v` is the list of the values found, as text."""

    parsed: tuple[str, ...]
    """Structures and lists parsed from that text."""

    selected: tuple[str, ...]
    """The typed fields."""

    problems: tuple[str, ...]
    """Conditions under which a row is invalid; each gives the reason as text, else null."""

    denied: tuple[str, ...]
    """Conditions under which a row belongs to a denied person, or describes one."""


@dataclass(frozen=True)
class _Read:
    """A requested column: its text, and the name of the parsed value if it has a shape."""

    column: Column
    text: str
    value: str


def fields_of(dataset: Dataset, requested: Sequence[str], people: People) -> Fields:
    """Builds the SQL for a dataset's rows; columns that were not requested are null, whatever the row holds."""
    paths: list[str] = [f"$.{dataset.owner}", *ROW_INFORMATION.values()]
    cleaning, reads, shapes = Cleaning(people), {}, []
    for column in dataset.columns:
        if column.name in requested:
            text = value = _text(paths, column)
            if column.type.is_nested:
                value = f'"{column.curated_name} parsed"'
                shapes.append(f"{parsed(column.type, text)} AS {value}")
            reads[column.curated_name] = _Read(column, text, value)
    outsiders = [
        test
        for read in reads.values()
        if dataset.describes_person or dataset.owner == "none"
        for test in cleaning.outside_address_tests(read.column.type, read.column.name, read.value)
    ]
    selected: list[str] = [f"clean(v[1]) AS {dataset.owner_field}"] if dataset.owner_field else []
    for shaped in dataset.curated_columns:
        read = reads.get(shaped.curated_name)
        if read is None:
            selected += [f'NULL::{kind} AS "{name}"' for name, kind in shaped.curated_fields]
        else:
            selected += _selected(dataset, read, cleaning, outsiders)
    problems = [problem for read in reads.values() for problem in _problems(read)]
    denied = _denied(dataset, list(reads.values()), cleaning)
    return Fields(tuple(paths), tuple(shapes), tuple(selected), tuple(problems), tuple(denied))


def _text(paths: list[str], column: Column) -> str:
    """Adds the paths of a column, in all its spellings, and returns the expression for its value as text."""
    found = []
    for name in column.spellings:
        paths.append(f'$."{name}"')
        found.append(f"v[{len(paths)}]")
    return f"coalesce({', '.join(found)})"


def _selected(dataset: Dataset, read: _Read, cleaning: Cleaning, outsiders: Sequence[str]) -> list[str]:
    column, value = read.column, read.value
    if column.is_date_with_zone:
        return _selected_date_with_zone(column, value)
    if column.is_text:
        content = f'{value}."content"'
        is_html = f"contains(lower({value}.\"contentType\"), 'html')"
        text = f"CASE WHEN {is_html} THEN text_of_html({content}) ELSE {content} END"
        return [f'clean({text}) AS "{column.curated_name}_text"']
    kind = column.type
    if kind.is_nested or kind.kind in ("string", "datetime"):
        made = cleaning.value(kind, column.name, value)
    elif kind.kind == "json":
        made = f"clean_json({value})"
    else:
        made = f"TRY_CAST({value} AS {kind.duckdb})"
    if kind.kind == "string" and not {column.name} & {*dataset.natural_key, *dataset.content_columns}:
        conditions = [f"NOT {test}" for test in cleaning.names_denied(kind, value)]
        if is_name(column.name) and outsiders:
            conditions.append(f"NOT ({' OR '.join(outsiders)})")
        if conditions:
            made = f"CASE WHEN {' AND '.join(conditions)} THEN {made} END"
    return [f'{made} AS "{column.curated_name}"']


def _selected_date_with_zone(column: Column, value: str) -> list[str]:
    moment, zone = f'{value}."dateTime"', f'clean({value}."timeZone")'
    local = f"TRY(timezone(zone_of({zone}), TRY_CAST({moment} AS TIMESTAMP))::TIMESTAMP)"
    utc = f"CASE WHEN has_offset({moment}) THEN TRY_CAST({moment} AS TIMESTAMPTZ)::TIMESTAMP ELSE {local} END"
    name = column.curated_name
    return [f'CASE WHEN NOT is_never({moment}) THEN {utc} END AS "{name}_utc"', f'{zone} AS "{name}_time_zone"']


def _problems(read: _Read) -> list[str]:
    name, kind, text = read.column.name, read.column.type, f"nullif({read.text}, '')"
    if kind.is_nested:
        mark, said = ("[", "a list") if kind.kind == "array" else ("{", "an object")
        untrue = (
            f"NOT starts_with(ltrim({text}, chr(9) || chr(10) || chr(13) || ' '), '{mark}') OR {read.value} IS NULL"
        )
        shape = f"CASE WHEN {text} IS NOT NULL AND ({untrue}) THEN '{name} is not {said}' END"
        return [shape, *(_date_with_zone_problems(read) if read.column.is_date_with_zone else [])]
    if kind.kind in ("string", "json"):
        return []
    typed = f"TRY_CAST({text} AS {'TIMESTAMPTZ' if kind.kind == 'datetime' else kind.duckdb})"
    return [f"CASE WHEN {text} IS NOT NULL AND {typed} IS NULL THEN '{name} is not of type {kind.kind}' END"]


def _date_with_zone_problems(read: _Read) -> list[str]:
    name = read.column.name
    moment, zone = f"nullif({read.value}.\"dateTime\", '')", f'clean({read.value}."timeZone")'
    untimely = f"{moment} IS NOT NULL AND TRY_CAST({moment} AS TIMESTAMP) IS NULL"
    unknown = f"{zone} IS NOT NULL AND zone_of({zone}) IS NULL"
    missing = f"{zone} IS NULL AND NOT has_offset({moment}) AND NOT is_never({moment})"
    return [
        f"CASE WHEN {missing} THEN '{name} has no time zone' END",
        f"CASE WHEN {untimely} THEN '{name} is not a time' END",
        f"CASE WHEN {unknown} THEN '{name} has an unknown time zone' END",
    ]


def _denied(dataset: Dataset, reads: Sequence[_Read], cleaning: Cleaning) -> list[str]:
    """A row's owner decides; for rows about a person all columns are searched, for rows without an owner those beside
    structures.
    """
    if not cleaning.people.denied:
        return []
    tests = ["coalesce(is_denied(v[1]), false)"] if dataset.owner_field else []
    for read in reads:
        if read.column.name in dataset.content_columns:
            continue
        if dataset.describes_person or (dataset.owner == "none" and not read.column.type.is_nested):
            tests += cleaning.has_denied(read.column.type, read.value)
    return tests
