"""Every row ends somewhere, whatever it holds: a property over rows of all datasets, on SQLite and on PostgreSQL."""

from __future__ import annotations

import datetime as dt
import json
import math
import os
import tempfile
from pathlib import Path
from random import Random
from typing import Any

import pytest
import sqlalchemy as sa
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from o365_pipeline.curated.curation import Counts
from o365_pipeline.curated.day_files import CURATED, day_folder, parquet, parts_of
from o365_pipeline.curated.privacy import NOBODY, People
from o365_pipeline.datasets import Dataset, catalogue, other_case
from o365_pipeline.datasets.types import ColumnType
from o365_pipeline.mart.build import CURATED_DAY, prepare
from o365_pipeline.mart.loading import load_partition
from o365_pipeline.mart.lookback import lookbacks_at
from o365_pipeline.mart.tables import MART_TABLES
from o365_pipeline.mart.upgrade import mart_database
from o365_pipeline.raw.duckdb_session import duckdb_session
from o365_pipeline.raw.lake import Lake
from o365_pipeline_tests.curated.conftest import FIRST, Landing
from o365_pipeline_tests.curated.values import full_row

EXAMPLES = int(os.environ.get("O365_HOSTILE_TENANTS", "1"))
"""How many tenants are drawn; each has rows of every dataset, in one of its versions."""

ROWS = 25
KEY_BYTES = 1_700
DENIED = People(frozenset({"p2", "ann@contoso.com"}), own_domains=frozenset({"contoso.com"}), salt="salt")
"""A customer that leaves somebody out, and hashes addresses from outside."""

OWNERS = ("p1", "p2", "P1 ", "p" * 130, "ä" * 99)

TEXTS = (
    *("", " ", "\t", "a", "A", "a ", " a", "Sales", "SALES", "sales ", "Straße", "STRASSE", "null", "{}", "[]", "{"),
    *("nul\0character", "\0", "x" * 65, "y" * 401, "😀" * 60, "😀" * 330, "\u0301e", "\ufffe", "e\u0301", "İ", "'"),
    *(
        "00000000-0000-0000-0000-000000000000",
        "0001-01-01T00:00:00Z",
        "microsoft.graph.t'Accepted '",
        "it's'",
        "a/b",
        "a|b",
    ),
    *("Ann@Contoso.com", "ann@contoso.com ", "@", "a@", "smtp:ann@contoso.com", "x_y.com#EXT#@contoso.com", "#ext#"),
    *(
        '{"name": "inner"}',
        '["inner"]',
        '{"emailAddress": "x"}',
        '{"a": "\\u0000"}',
        "Full",
        "Deleted",
        "SecurityGroup",
    ),
    *(
        "Customized Time Zone",
        "(UTC+01:00) Berlin",
        "tzone://Microsoft/Custom",
        "5 minutes of the meeting",
        "b" * 5_000,
    ),
)
TIMES = (
    *("2026-11-16T10:00:00Z", "2026-11-16T10:00:00.1234567", "2026-11-16", "2026-11-16T23:59:59-14:00", ""),
    *("0001-01-01T00:00:00Z", "0001-01-01T00:00:00+14:00", "0001-01-02T00:00:00Z", "0001-01-02T00:00:00+14:00"),
    *("9999-12-31T23:59:59.9999999Z", "9999-12-30T23:59:59Z", "1582-10-10T00:00:00Z", "9999-12-30T23:59:59-14:00"),
)
NO_TIMES = ("soon", "infinity", "-infinity", "0000-01-01", "10000-01-01T00:00:00Z", "294247-01-10", "-0044-03-15")
NUMBERS = (0, 1, -1, 2**31, -(2**31) - 1, 2**53, 10**18, -(10**18), 1.5, "7")
NO_NUMBERS = (2**63 - 1, 2**63, 10**30, 1e308, "x", "1e400", "NaN")
ERRORS: tuple[Any, ...] = (*[None] * 9, "", "{}", "null", {}, "no mailbox")
POINTS = (0, 9, 32, 39, 65, 97, 0xA0, 0xDF, 0x130, 0x301, 0x3042, 0xFFFD, 0x1F600)
ODD: tuple[Any, ...] = ("text", 7, True, [], {}, [None], ["text"], [[1]], {"unknown": {"deep": ["x", None]}})
RARELY = 0.004
"""How often a value is one that puts its row into quarantine: of most rows none is, so that they come to the mart."""


def text_of(random: Random) -> str:
    return random.choice((*TEXTS, *OWNERS, "".join(chr(random.choice(POINTS)) for _ in range(random.randrange(9)))))


def value_of(random: Random, kind: ColumnType, name: str) -> Any:
    """What a row might hold in a column or under a key: what belongs there, and rarely what does not."""
    is_rare = random.random() < RARELY
    if is_rare and random.random() < 0.5:
        return random.choice(ODD)
    if random.random() < 0.05:
        return None
    if kind.item is not None:
        return [value_of(random, kind.item, name) for _ in range(random.randrange(4))]
    if kind.kind == "struct":
        held = {key: value_of(random, field, key) for key, field in kind.fields if random.random() < 0.8}
        spelled = {random.choice((key, key, other_case(key), key.upper())): value for key, value in held.items()}
        return json.dumps(spelled) if random.random() < 0.1 else spelled
    if kind.kind == "datetime" or name == "dateTime":
        time = random.choice(NO_TIMES if is_rare else TIMES)
        is_zoned = kind.kind == "datetime" and random.random() < 0.1
        return {"DateTime": time, "TimeZone": text_of(random)} if is_zoned else time
    if kind.kind in ("string", "json"):
        return text_of(random)
    if kind.kind.startswith("bool"):
        return random.choice(("maybe", 2**63) if is_rare else (True, False, "true", "False"))
    return random.choice(NO_NUMBERS if is_rare else NUMBERS)


def row_of(random: Random, dataset: Dataset, place: int) -> dict[str, Any]:
    information = {"errorInformation": random.choice(ERRORS), "userReturnedNoData": False}
    owner: dict[str, Any] = {} if dataset.owner == "none" else {dataset.owner: random.choice(OWNERS)}
    usual = full_row(dataset, pascal=False)
    held = {}
    for column in dataset.columns:
        if column.name in dataset.natural_key and random.random() < 0.9:
            held[column.name] = f"{place} {text_of(random)}" if column.type.kind == "string" else place
        if column.type.kind == "datetime" and column.name in dataset.natural_key:
            held[column.name] = usual.get(column.name, "2026-11-16T10:00:00Z")
        if column.name not in held and random.random() < 0.9:
            held[column.name] = value_of(random, column.type, column.name)
    return {**owner, **held, "rowinformation": information, "Newcomer": text_of(random)}


@pytest.fixture(scope="module")
def servers(postgres: Any) -> list[sa.URL]:
    """An empty mart on each database."""
    folder = Path(tempfile.mkdtemp())
    return [
        sa.URL.create("sqlite", database=str(folder / "mart.db")),
        sa.make_url(postgres.create("hostile_rows")),
    ]


@settings(
    max_examples=EXAMPLES,
    deadline=None,
    suppress_health_check=list(HealthCheck),
    derandomize="O365_HOSTILE_TENANTS" not in os.environ,
    database=None,
)
@given(seed=st.integers(min_value=0, max_value=1 << 32))
def test_every_row_of_every_dataset_ends_somewhere_on_every_database(servers: list[sa.URL], seed: int) -> None:
    random, ended = Random(seed), Counts()
    with tempfile.TemporaryDirectory() as name:
        landing = Landing(Lake.in_folder(Path(name) / "lake"))
        for newest in catalogue().newest:
            dataset = random.choice(catalogue().versions(newest))
            rows = [row_of(random, dataset, place) for place in range(ROWS)]
            counts = landing.curate(dataset.name, rows, people=random.choice((NOBODY, DENIED)))[FIRST]
            assert counts.total == ROWS, dataset.name
            ended += counts
        _load(servers, landing.lake)
    assert min(ended.curated, ended.user_rows, ended.quarantined, ended.removed) > 0


def _load(servers: list[sa.URL], lake: Lake) -> None:
    """Load the day into each database: all have the same rows, which SQL Server would take too."""
    with duckdb_session() as (connection, directory):
        connection.execute(CURATED_DAY)
        for dataset in catalogue().newest:
            files = lake.stage(parts_of(lake, day_folder(CURATED, dataset.asset_name, "contoso", FIRST)), directory)
            connection.execute(f"INSERT INTO curated_day VALUES ('{dataset.asset_name}', DATE '{FIRST}')")
            for relation in filter(None, (dataset.asset_name, dataset.current_name)):
                connection.execute(f'CREATE VIEW "{relation}" AS SELECT * FROM {parquet(files)}')
            for lookback in lookbacks_at(dataset.asset_name):
                earlier = f"SELECT * REPLACE (concat('earlier ', id) AS id) FROM \"{dataset.asset_name}\""
                connection.execute(f'CREATE VIEW "{lookback.relation}" AS {earlier}')
        prepare(connection, "contoso", FIRST)
        for table in MART_TABLES:
            loaded = []
            for url in servers:
                with mart_database(url).begin() as transaction:
                    load_partition(transaction, table, connection)
                    query = sa.select(table).where(table.c.customer == "contoso", table.c.day == FIRST)
                    loaded.append(transaction.execute(query).mappings().all())
            assert len({len(rows) for rows in loaded}) == 1
            _assert_sql_server_takes(table, loaded[0])


def _assert_sql_server_takes(table: sa.Table, rows: Any) -> None:
    """SQL Server's rules: texts by UTF-16 units, without U+0000; years 1 to 9999; keys padded."""
    keys = set()
    for row in rows:
        for column in table.columns:
            _assert_taken(column, row[column.name])
        parts = [row[column.name] for column in table.primary_key]
        key = tuple(part.rstrip(" ") if isinstance(part, str) else part for part in parts)
        assert key not in keys, f"{table.name}: two keys that SQL Server holds for one"
        keys.add(key)
        size = sum(len(part.encode("utf-16-le")) if isinstance(part, str) else 3 for part in parts)
        assert size <= KEY_BYTES


def _assert_taken(column: sa.Column[Any], value: Any) -> None:
    if isinstance(value, str):
        assert "\0" not in value
        length = getattr(column.type, "length", None)
        assert length is None or len(value.encode("utf-16-le")) // 2 <= length, str(column)
    elif isinstance(value, bool | None):
        assert value is not None or column.nullable, str(column)
    elif isinstance(value, int):
        most = 1 << 63 if isinstance(column.type, sa.BigInteger) else 1 << 31
        assert -most <= value < most, str(column)
    elif isinstance(value, float):
        assert math.isfinite(value), str(column)
    else:
        assert isinstance(value, dt.date)
        assert 1 <= value.year <= 9999
