"""Makes typed columns of a row's JSON: the SQL of a dataset's rows, generated from the catalogue.

What belongs here: one expression and one test of validity per column. Rules for single values belong to `value_sql.py`;
the order of the steps belongs to `curation.py`.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass

from o365_pipeline.curated.privacy import People, is_name
from o365_pipeline.curated.value_sql import Cleaning, number, parsed
from o365_pipeline.datasets import Column, Dataset

ROW_INFORMATION = {"no_data": "userReturnedNoData", "is_summary": "isUserSummaryRow", "error": "errorInformation"}
"""The keys of what Data Connect says of a row itself."""

PERSON, GROUP = "puser", "pObjectId"


@dataclass(frozen=True)
class Fields:
    """The SQL of one dataset's row."""

    paths: tuple[str, ...]
    """The JSON paths to extract; `v` is the list of the values found, as text. The typed reader has none."""

    parsed: tuple[str, ...]
    """Structures and lists read from that text; times that come as objects as texts."""

    instants: tuple[str, ...]
    """What DuckDB reads of the times among these, which both their values and their problems are told of."""

    is_user_row: str
    """The condition under which a row is Data Connect's report on a user."""

    selected: tuple[str, ...]
    """The typed fields."""

    problems: tuple[str, ...]
    """Conditions under which a row is invalid; each gives the reason as text, else null."""

    denied: tuple[str, ...]
    """Conditions under which a row belongs to a denied person, or describes one."""


@dataclass(frozen=True)
class _Read:
    """A requested column: where it has a shape or is a time the name of what was parsed, else its text; and the text
    that may be of another shape.
    """

    column: Column
    value: str
    text: str | None = None

    @property
    def instant(self) -> str:
        """The name of what DuckDB reads of a time."""
        return f'"{self.column.curated_name} instant"'


def row_information(what: str) -> str:
    """Returns the JSON path of what Data Connect says of a row itself."""
    return f"$.rowinformation.{ROW_INFORMATION[what]}"


def fields_of(dataset: Dataset, requested: Sequence[str], people: People) -> Fields:
    """Builds the SQL for a dataset's rows; columns that were not requested are null, whatever the row holds."""
    paths: list[str] = [f"$.{dataset.owner}", *map(row_information, ROW_INFORMATION)]
    reads, shapes = [], []
    person = "NULL"
    if dataset.owner == GROUP:
        paths.append(f"$.{PERSON}")
        person = f"v[{len(paths)}]"
    for column in dataset.columns:
        if column.name in requested:
            text = value = _text(paths, column)
            if column.type.is_nested:
                value = f'"{column.curated_name} parsed"'
                shapes.append(f"{parsed(dataset, column.type, text)} AS {value}")
            elif _is_time(column):
                value = f'"{column.curated_name} parsed"'
                shapes.append(
                    f"CASE WHEN starts_with({text}, '{{') THEN flat_moment({text}) ELSE {text} END AS {value}"
                )
            reads.append(_Read(column, value, text))
    return _fields(dataset, reads, people, ("v[1]", person), ("v[2]", "v[3]", "v[4]"), paths, shapes)


def typed_fields_of(dataset: Dataset, requested: Sequence[str], people: People, types: Collection[str]) -> Fields:
    """Builds the SQL for rows that DuckDB's typed reader gives, in columns of these names."""
    reads, shapes = [], []
    for column in dataset.columns:
        if column.name in requested:
            [name] = [spelling for spelling in column.spellings if spelling in types]
            read = {"json": f"json_extract_string(\"{name}\", '$')", "datetime": f'trimmed("{name}")'}
            value = f'"{column.curated_name} parsed"'
            shapes.append(f"{read.get(column.type.kind, quoted(name))} AS {value}")
            reads.append(_Read(column, value))
    no_data, is_summary, error = (f'rowinformation."{key}"' for key in ROW_INFORMATION.values())
    said = (no_data, is_summary, f"trimmed({error})")
    of_owners = [
        f'trimmed({quoted(name)}) AS "owner {number}"'
        for number, name in enumerate((dataset.owner, PERSON))
        if dataset.owner_field
    ]
    return _fields(dataset, reads, people, ('"owner 0"', '"owner 1"'), said, (), [*of_owners, *shapes])


def quoted(name: str) -> str:
    """Returns a name as SQL."""
    return f'"{name}"'


def _fields(
    dataset: Dataset,
    read_columns: Sequence[_Read],
    people: People,
    owners: tuple[str, str],
    said: Sequence[str],
    paths: Sequence[str],
    shapes: Sequence[str],
) -> Fields:
    cleaning, reads = (
        Cleaning(people, frozenset(dataset.enums)),
        {read.column.curated_name: read for read in read_columns},
    )
    # Rows of groups are published with the group's id in either column.
    owner = f"coalesce(clean({owners[0]}), {owners[1]})" if dataset.owner == GROUP else owners[0]
    no_data, is_summary, error = said
    outsiders = [
        test
        for read in reads.values()
        if dataset.describes_person or dataset.owner == "none"
        for test in cleaning.outside_address_tests(read.column.type, read.column.name, read.value)
    ]
    selected: list[str] = [f"clean({owner}) AS {dataset.owner_field}"] if dataset.owner_field else []
    for shaped in dataset.curated_columns:
        read = reads.get(shaped.curated_name)
        if read is None:
            selected += [f'NULL::{kind} AS "{name}"' for name, kind in shaped.curated_fields]
        else:
            selected += _selected(dataset, read, cleaning, outsiders)
    problems = [problem for read in reads.values() for problem in _problems(read)]
    denied = _denied(dataset, owners[0], list(reads.values()), cleaning)
    is_error = f"CASE WHEN {error} <> '' THEN says_anything({error}) ELSE false END"
    is_user_row = f"is_true({no_data}) OR is_true({is_summary}) OR {is_error}"
    instants = [f"instant({read.value}) AS {read.instant}" for read in reads.values() if _is_time(read.column)]
    return Fields(
        tuple(paths), tuple(shapes), tuple(instants), is_user_row, tuple(selected), tuple(problems), tuple(denied)
    )


def _is_time(column: Column) -> bool:
    return column.type.kind == "datetime"


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
        return _selected_date_with_zone(column, value, cleaning)
    if column.is_text:
        content = f'{value}."content"'
        is_html = f"contains(lower({value}.\"contentType\"), 'html')"
        text = f"CASE WHEN {is_html} THEN text_of_html({content}) ELSE {content} END"
        return [f'clean({text}) AS "{column.curated_name}_text"']
    kind = column.type
    if _is_time(column):
        made = f"moment_of({value}, {read.instant})"
    elif kind.is_nested or kind.kind == "string":
        made = cleaning.value(kind, column.name, value)
    elif kind.kind == "json":
        made = f"clean_json({value})"
    else:
        made = number(kind, value)
    if kind.kind == "string" and not {column.name} & {*dataset.natural_key, *dataset.content_columns}:
        conditions = [f"NOT {test}" for test in cleaning.names_denied(kind, value)]
        if is_name(column.name) and outsiders:
            conditions.append(f"NOT ({' OR '.join(outsiders)})")
        if conditions:
            made = f"CASE WHEN {' AND '.join(conditions)} THEN {made} END"
    return [f'{made} AS "{column.curated_name}"']


def _selected_date_with_zone(column: Column, value: str, cleaning: Cleaning) -> list[str]:
    """The time in UTC, or as it is written where nobody knows its zone, which the row then says."""
    moment, zone = f'{value}."dateTime"', f'clean({value}."timeZone")'
    if denied := cleaning.names_denied(column.type, value):
        zone = f"CASE WHEN NOT ({' OR '.join(denied)}) THEN {zone} END"
    is_local = f"moment_in_zone({moment}, NULL) IS NOT NULL AND zone_of({zone}) IS NULL AND NOT has_offset({moment})"
    made = (f"moment_in_zone({moment}, {zone})", zone, f"coalesce({is_local}, false)")
    return [f'{sql} AS "{name}"' for sql, (name, _) in zip(made, column.curated_fields, strict=True)]


def _problems(read: _Read) -> list[str]:
    name, kind, text = read.column.name, read.column.type, f"nullif({read.text}, '')" if read.text else read.value
    if kind.is_nested and not read.text:
        return _date_with_zone_problems(read) if read.column.is_date_with_zone else []
    if kind.is_nested:
        mark, said = ("[", "a list") if kind.kind == "array" else ("{", "an object")
        untrue = f"NOT starts_with({text}, '{mark}') OR {read.value} IS NULL"
        shape = f"CASE WHEN {text} IS NOT NULL AND ({untrue}) THEN '{name} is not {said}' END"
        return [shape, *(_date_with_zone_problems(read) if read.column.is_date_with_zone else [])]
    if kind.kind in ("string", "json"):
        return []
    if _is_time(read.column):
        return [f"CASE WHEN is_untimely_as({read.value}, {read.instant}) THEN '{name} is not of type {kind.kind}' END"]
    untrue = f"{number(kind, text)} IS NULL"
    return [f"CASE WHEN {text} IS NOT NULL AND {untrue} THEN '{name} is not of type {kind.kind}' END"]


def _date_with_zone_problems(read: _Read) -> list[str]:
    untimely = f'is_untimely({read.value}."dateTime")'
    return [f"CASE WHEN {untimely} THEN '{read.column.name} is not a time' END"]


def _denied(dataset: Dataset, owner: str, reads: Sequence[_Read], cleaning: Cleaning) -> list[str]:
    """A row's owner and its key decide; for rows about a person all columns are searched, for rows without an owner
    those beside structures.
    """
    if not cleaning.people.are_some_denied:
        return []
    tests = [f"coalesce(is_denied({owner}), false)"] if dataset.owner_field else []
    for read in reads:
        if read.column.name in dataset.content_columns:
            continue
        is_telling = dataset.describes_person or read.column.name in dataset.natural_key
        if is_telling or (dataset.owner == "none" and not read.column.type.is_nested):
            tests += cleaning.has_denied(read.column.type, read.value)
    return tests
