"""The table `typed` of a landing's rows, in the order in which the sources hold them.

What belongs here: its columns, and the two ways to fill it. Parts whose rows hold nothing odd go through DuckDB's typed
reader, which parses each row once; all others are looked at row by row. The SQL of columns belongs to `typing_sql.py`.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import groupby

import duckdb

from o365_pipeline.curated.landing_reader import Source, objects_of
from o365_pipeline.curated.privacy import People
from o365_pipeline.curated.row_shape import DOUBTFUL, MISSPELLED, TOO_DEEP
from o365_pipeline.curated.schema_drift import RowKeys
from o365_pipeline.curated.typed_reader import reader_types
from o365_pipeline.curated.typing_sql import Fields, fields_of, quoted, typed_fields_of
from o365_pipeline.datasets import UNKNOWN_COLUMNS, Dataset
from o365_pipeline.errors import LandingError
from o365_pipeline.raw.manifest import Manifest
from o365_pipeline.raw.row_structure import UNTOLD

JUDGED = {"is_user_row": "BOOLEAN", "is_removed": "BOOLEAN", "reason": "VARCHAR", "day": "DATE"}
"""What is said of a row beside its fields: whether it is a report on a user, or of a denied person; why it is rejected;
the day that it counts for.
"""

REFUSED = (duckdb.InvalidInputException, duckdb.ConversionException)
"""The errors by which the typed reader refuses a row."""


def fill(
    connection: duckdb.DuckDBPyConnection,
    dataset: Dataset,
    manifest: Manifest,
    requested: Sequence[str],
    people: People,
    sources: Iterable[Source],
) -> RowKeys:
    """Creates the table; its rowid counts the rows of the sources from 0. Returns the keys that the rows have.

    The view `complete` has all columns of the curated schema: the table has none that would be the same in each row,
    since a thread of an insert wants memory for each column. The view `kept` has the rows of people who are not denied.
    """
    absent = _absent(dataset, requested)
    same = absent | {"extraction_id": f"'{manifest.extraction_id}'"}
    held = {name: kind for name, kind in (dataset.curated_schema | JUDGED).items() if name not in same}
    columns = ", ".join(f'"{name}" {kind}' for name, kind in held.items())
    connection.execute(f"CREATE TABLE typed ({columns})")
    keys = RowKeys(dataset, requested, people)
    keys.define_function(connection)
    for _, some in groupby(sources, lambda source: (source.structure is None, source.largest > 0)):
        group = list(some)
        if _fill_at_once(connection, dataset, manifest, requested, people, group):
            keys.look_at([source.structure for source in group if source.structure])
        else:
            _fill_row_by_row(connection, dataset, manifest, requested, people, group)
    selected = ", ".join(f'{same.get(name, quoted(name))} AS "{name}"' for name in dataset.curated_schema | JUDGED)
    connection.execute(f"CREATE VIEW complete AS SELECT rowid AS row_id, {selected} FROM typed")
    connection.execute("CREATE VIEW kept AS FROM complete WHERE NOT is_removed")
    return keys


def _absent(dataset: Dataset, requested: Sequence[str]) -> dict[str, str]:
    """Returns the fields of columns that were not requested, as SQL's nulls."""
    asked = {column.curated_name for column in dataset.columns if column.name in requested}
    return {
        name: f"NULL::{kind}"
        for column in dataset.curated_columns
        if column.curated_name not in asked
        for name, kind in column.curated_fields
    }


def _fill_at_once(
    connection: duckdb.DuckDBPyConnection,
    dataset: Dataset,
    manifest: Manifest,
    requested: Sequence[str],
    people: People,
    sources: Sequence[Source],
) -> bool:
    """Reads sources by the typed reader; False, and nothing is read, if they may hold or do hold what it cannot see."""
    types = reader_types(dataset, requested, [source.structure for source in sources])
    if types is None:
        return False
    fields = typed_fields_of(dataset, requested, people, types)
    files = ", ".join(_literal(str(source.local)) for source in sources)
    columns = ", ".join(f"{_literal(name)}: {_literal(kind)}" for name, kind in types.items())
    rows = f"""
        parsed AS (
            SELECT {", ".join([*fields.parsed, f"{fields.is_user_row} AS is_user_row"])}
            FROM read_ndjson([{files}], columns = {{{columns}}})
        )"""
    try:
        return _insert(connection, _judged(dataset, manifest, requested, fields, rows), sources)
    except REFUSED:
        return False


def _fill_row_by_row(
    connection: duckdb.DuckDBPyConnection,
    dataset: Dataset,
    manifest: Manifest,
    requested: Sequence[str],
    people: People,
    sources: Sequence[Source],
) -> None:
    """Reads sources from the rows' JSON, in whatever spelling their keys are."""
    fields = fields_of(dataset, requested, people)
    paths = ", ".join(map(_literal, fields.paths))
    is_odd = f"regexp_matches(verdict, '[{MISSPELLED}{DOUBTFUL}]')"
    # A structure does not tell how deep the values of a list of several types are.
    rows = f"""
        told AS (
            SELECT without_nul(json) AS plain, json_structure(json)::VARCHAR AS structure FROM {objects_of(sources)}
        ),
        looked AS (
            SELECT plain, CASE WHEN contains(structure, '{UNTOLD}') AND is_too_deep(plain::VARCHAR) THEN '{TOO_DEEP}'
                ELSE verdict_on(structure) END AS verdict
            FROM told
        ),
        spelled AS (
            SELECT verdict, CASE WHEN {is_odd} THEN respelled(plain) ELSE plain END::JSON AS plain FROM looked
        ),
        extracted AS (
            SELECT list_transform(json_extract_string(plain, [{paths}]), lambda text: trimmed(text)) AS v,
                verdict, plain
            FROM spelled
        ),
        parsed AS (
            SELECT {", ".join(["v", "verdict", "plain", *fields.parsed, f"{fields.is_user_row} AS is_user_row"])}
            FROM extracted
        )"""
    misfits = (
        f"CASE WHEN verdict = '{TOO_DEEP}' THEN 'nested too deeply' WHEN {is_odd} THEN misfits_of(plain::VARCHAR) END"
    )
    unknown = (
        f"CASE WHEN NOT is_user_row AND verdict NOT IN ('', '{TOO_DEEP}') THEN unknown_columns_of(plain::VARCHAR) END"
    )
    if not _insert(connection, _judged(dataset, manifest, requested, fields, rows, misfits, unknown), sources):
        raise LandingError(f"{manifest.customer} {dataset.name} {manifest.first_day}: not every row could be read")


def _judged(
    dataset: Dataset,
    manifest: Manifest,
    requested: Sequence[str],
    fields: Fields,
    parsed: str,
    misfits: str = "NULL",
    unknown: str = "NULL",
) -> str:
    """Returns the select of typed rows over the relation `parsed`, which it is given with what that reads."""
    problems = ", ".join([*fields.problems, misfits])
    left_out = ", ".join(["misfit", *map(quoted, _absent(dataset, requested))])
    missing_key = [f"CASE WHEN \"{name}\" IS NULL THEN 'no {name}' END" for name in dataset.required_key]
    return f"""
        WITH {parsed},
        timed AS (SELECT {", ".join(["*", *fields.instants])} FROM parsed),
        shaped AS (
            SELECT {", ".join(fields.selected)}, {unknown} AS {UNKNOWN_COLUMNS}, is_user_row,
                CASE WHEN NOT is_user_row THEN nullif(concat_ws('; ', {problems}), '') END AS misfit,
                {" OR ".join(fields.denied) or "false"} AS is_removed
            FROM timed
        )
        SELECT * EXCLUDE ({left_out}), {_day(dataset, manifest)} AS day,
            CASE WHEN NOT is_user_row THEN nullif(concat_ws('; ', {", ".join(["misfit", *missing_key])}), '') END
                AS reason
        FROM shaped
        """


def _insert(connection: duckdb.DuckDBPyConnection, select: str, sources: Sequence[Source]) -> bool:
    """Adds the rows in their order, if they are as many as were counted."""
    connection.execute("BEGIN")
    try:
        [(rows,)] = connection.execute(f"INSERT INTO typed BY NAME {select}").fetchall()
    except BaseException:
        connection.execute("ROLLBACK")
        raise
    are_all = rows == sum(source.rows for source in sources)
    connection.execute("COMMIT" if are_all else "ROLLBACK")
    return are_all


def _day(dataset: Dataset, manifest: Manifest) -> str:
    """Returns SQL for a row's day, within the window of its extraction; null if a row counts for every day."""
    first, last = f"DATE '{manifest.first_day}'", f"DATE '{manifest.last_day}'"
    if dataset.day_field is None:
        return "NULL::DATE"
    return f'greatest({first}, least({last}, coalesce("{dataset.day_field}"::DATE, {first})))'


def _literal(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"
