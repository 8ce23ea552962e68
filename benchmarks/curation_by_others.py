"""The curated stage's two tables by what else reads JSON Lines: pandas, polars, Spark on this machine's cores.

What belongs here: one function for each that makes the day's messages and the rejected rows, as Parquet: the requested
columns typed, addresses trimmed and in lower case, the rows of a key once and in its order, rows without a key apart.
They are spared what else the curated stage does: unknown columns, values of another type, line numbers, digests. Run by
`curation.py` as `python curation_by_others.py WAY INPUT TARGET ROUNDS`; it prints wall and processor seconds of each
round, without imports and without the start of Spark's machine; NOT_INSTALLED where its package is not.
"""

from __future__ import annotations

import json
import os
import shutil
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from message_rows import COLUMNS

MESSAGES, REJECTED = "message.parquet", "quarantine.parquet"
NOT_INSTALLED = "not installed"
WANTED = ("puser", *COLUMNS)
KEY = ("puser", "id")
TIMES = ("createdDateTime", "lastModifiedDateTime", "receivedDateTime", "sentDateTime")
TRUTHS = ("hasAttachments", "isDraft", "isRead")
SINGLE = ("sender", "from")
LISTS = ("toRecipients", "ccRecipients", "bccRecipients")

Way = Callable[[Path], None]


def pandas(parts: list[Path]) -> Way:
    import pandas as pd
    import pyarrow  # noqa: F401 - without it there is no Parquet

    def shown(held: dict[str, Any]) -> dict[str, Any]:
        named = held["emailAddress"]
        return {"emailAddress": {**named, "address": named["address"].strip().lower()}}

    def make(target: Path) -> None:
        frames = [pd.read_json(part, lines=True).reindex(columns=list(WANTED)) for part in parts]
        rows = pd.concat(frames, ignore_index=True)
        for name in TIMES:
            rows[name] = pd.to_datetime(rows[name])
        rows = rows.astype(dict.fromkeys(TRUTHS, "boolean"))
        for name in SINGLE:
            rows[name] = rows[name].map(shown, na_action="ignore")
        for name in LISTS:
            rows[name] = rows[name].map(lambda entries: [shown(entry) for entry in entries], na_action="ignore")
        is_rejected = rows[list(KEY)].isna().any(axis=1)
        messages = rows[~is_rejected].sort_values([*KEY, "lastModifiedDateTime"]).drop_duplicates(KEY, keep="last")
        messages.to_parquet(target / MESSAGES, index=False, compression="zstd")
        rows[is_rejected].to_parquet(target / REJECTED, index=False, compression="zstd")

    return make


def polars(parts: list[Path]) -> Way:
    import polars as pl

    person = pl.Struct({"emailAddress": pl.Struct({"name": pl.String, "address": pl.String})})
    kinds: dict[str, Any] = dict.fromkeys(WANTED, pl.String) | dict.fromkeys(TRUTHS, pl.Boolean)
    kinds |= dict.fromkeys(SINGLE, person) | dict.fromkeys(LISTS, pl.List(person))

    def shown(held: pl.Expr) -> pl.Expr:
        named = held.struct.field("emailAddress")
        address = named.struct.field("address").str.strip_chars().str.to_lowercase()
        return pl.struct(emailAddress=pl.struct(name=named.struct.field("name"), address=address))

    def make(target: Path) -> None:
        rows = pl.scan_ndjson(parts, schema=kinds).with_columns(
            *(pl.col(name).str.to_datetime(time_zone="UTC", strict=False) for name in TIMES),
            *(shown(pl.col(name)).alias(name) for name in SINGLE),
            *(pl.col(name).list.eval(shown(pl.element())) for name in LISTS),
        )
        is_rejected = pl.any_horizontal(pl.col(name).is_null() for name in KEY)
        messages = (
            rows.filter(~is_rejected).sort(*KEY, "lastModifiedDateTime").unique(KEY, keep="last", maintain_order=True)
        )
        pl.collect_all(
            [
                messages.sink_parquet(target / MESSAGES, compression="zstd", lazy=True),
                rows.filter(is_rejected).sink_parquet(target / REJECTED, compression="zstd", lazy=True),
            ],
            engine="streaming",
        )

    return make


def spark(parts: list[Path]) -> Way:
    from pyspark.sql import Column, SparkSession
    from pyspark.sql import functions as f

    session = (
        SparkSession.builder.master("local[*]")
        .config("spark.ui.enabled", "false")
        .config("spark.ui.showConsoleProgress", "false")
        .config("spark.driver.memory", "4g")
        .config("spark.sql.session.timeZone", "UTC")
        .config("spark.sql.shuffle.partitions", os.cpu_count() or 1)
        .config("spark.sql.parquet.compression.codec", "zstd")
        .config("spark.sql.parquet.outputTimestampType", "TIMESTAMP_MICROS")
        .getOrCreate()
    )
    session.sparkContext.setLogLevel("ERROR")
    person = "STRUCT<emailAddress: STRUCT<name: STRING, address: STRING>>"
    kinds = dict.fromkeys(WANTED, "STRING") | dict.fromkeys(TIMES, "TIMESTAMP") | dict.fromkeys(TRUTHS, "BOOLEAN")
    kinds |= dict.fromkeys(SINGLE, person) | dict.fromkeys(LISTS, f"ARRAY<{person}>")
    schema = ", ".join(f"`{name}` {kind}" for name, kind in kinds.items())

    def shown(held: Column) -> Column:
        named = held["emailAddress"]
        address = f.lower(f.trim(named["address"]))
        return f.struct(f.struct(named["name"].alias("name"), address.alias("address")).alias("emailAddress"))

    def make(target: Path) -> None:
        rows = session.read.schema(schema).json([str(part) for part in parts])
        rows = rows.withColumns(
            {name: shown(f.col(name)) for name in SINGLE} | {name: f.transform(name, shown) for name in LISTS}
        )
        is_rejected = f.col(KEY[0]).isNull() | f.col(KEY[1]).isNull()
        rows.filter(~is_rejected).dropDuplicates(list(KEY)).sort(*KEY).write.parquet(str(target / MESSAGES))
        rows.filter(is_rejected).write.parquet(str(target / REJECTED))

    return make


WAYS: dict[str, Callable[[list[Path]], Way]] = {"pandas": pandas, "polars": polars, "Spark": spark}


def main(name: str, folder: Path, target: Path, rounds: int) -> None:
    try:
        make = WAYS[name](sorted(folder.iterdir()))
    except ImportError:
        print(NOT_INSTALLED)
        return
    for _ in range(rounds):
        shutil.rmtree(target, ignore_errors=True)
        target.mkdir(parents=True)
        wall, cpu = time.perf_counter(), _processor_seconds()
        make(target)
        print(json.dumps([time.perf_counter() - wall, _processor_seconds() - cpu]), flush=True)


def _processor_seconds() -> float:
    """What this process took, and the machine of Java's that it may have started."""
    import psutil

    process = psutil.Process()
    times = [one.cpu_times() for one in (process, *process.children(recursive=True))]
    return sum(one.user + one.system for one in times)


if __name__ == "__main__":
    main(sys.argv[1], Path(sys.argv[2]), Path(sys.argv[3]), int(sys.argv[4]))
