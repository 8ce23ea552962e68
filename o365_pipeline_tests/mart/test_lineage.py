"""Where the mart's columns come from, as it is read out of the SQL."""

from __future__ import annotations

import json
from typing import Any

import dagster as dg
import pytest
from sqlglot import exp
from sqlglot.errors import SqlglotError

from o365_pipeline.curated.lineage import column_lineage as curated_lineage
from o365_pipeline.datasets import catalogue
from o365_pipeline.mart import sql_reading
from o365_pipeline.mart.lineage import column_lineage, sources_of
from o365_pipeline.mart.sql_files import ORIGINS, reads
from o365_pipeline.mart.tables import MART_TABLES

TABLES = {table.name: table for table in MART_TABLES}


def test_most_columns_of_the_mart_have_a_lineage() -> None:
    traced = {f"{table.name}.{name}": found for table in MART_TABLES for name, found in sources_of(table).items()}

    without = [name for name, found in traced.items() if not found]

    assert len(without) <= 0.2 * len(traced), without


@pytest.mark.parametrize(
    ("column", "expected"),
    [
        # Through a shared view, and a structure that one copy of the mail is chosen by.
        ("fact_message.sent_at", {"message.sent_date_time", "sent_item.sent_date_time"}),
        # Through a macro and two shared views.
        ("fact_meeting.organizer_id", {"manager.id", "user.puser"}),
        # Through UNION BY NAME, whose parts have other columns in another order.
        ("dim_person.department", {"manager.department", "user.department"}),
        ("agg_person_day.meeting_minutes", {"fact_meeting.duration_minutes"}),
        # Up to another mart table, not through it.
        ("fact_message.recipient_count", {"bridge_message_recipient.recipient_address"}),
        ("dim_person.time_zone", {"mailbox_settings.time_zone"}),
        # What there is as of the day is an asset of its own.
        ("dim_site.url", {"share_point_sites_current.url"}),
    ],
)
def test_a_column_is_followed_to_what_it_is_made_from(column: str, expected: set[str]) -> None:
    table, _, name = column.partition(".")

    assert {".".join(source) for source in sources_of(TABLES[table])[name]} == expected


def test_every_source_is_a_column_of_what_the_table_reads() -> None:
    named = [(name, dataset) for dataset in catalogue() for name in (dataset.asset_name, dataset.current_name) if name]
    schemas = {name: set(dataset.curated_schema) for name, dataset in named}
    schemas |= {table.name: {column.name for column in table.columns} for table in MART_TABLES}
    for table in MART_TABLES:
        of = reads(table.name, frozenset(schemas))
        for found in sources_of(table).values():
            for relation, column in found:
                assert column in schemas[relation], (table.name, relation, column)
                assert relation in of, (table.name, relation)


def test_a_dataset_that_nobody_asks_for_is_left_out_of_the_lineage() -> None:
    deps = column_lineage(TABLES["fact_message"], {"message"}).deps_by_column["sent_at"]

    assert [(dep.asset_key.to_user_string(), dep.column_name) for dep in deps] == [
        ("curated/message", "sent_date_time")
    ]


def test_what_the_sql_reads_is_written_down_as_it_is() -> None:
    assert ORIGINS.read_text() == sql_reading.origins_document(), "make docs"


def test_a_file_that_cannot_be_followed_costs_its_own_columns_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    real = sql_reading.qualify

    def qualify(tree: exp.Expr, *arguments: Any, **options: Any) -> exp.Expr:
        if any(table.name == "chat_copy" for table in tree.find_all(exp.Table)):
            raise SqlglotError("strange")
        return real(tree, *arguments, **options)

    monkeypatch.setattr(sql_reading, "qualify", qualify)

    said = json.loads(sql_reading.origins_document())

    assert not said["fact_chat"]["columns"]
    assert said["fact_meeting"] == json.loads(ORIGINS.read_text())["fact_meeting"]


def test_a_curated_field_comes_from_the_raw_column_of_its_name_whatever_the_shape_calls_it() -> None:
    for dataset in catalogue().newest:
        lineage = curated_lineage(dataset).deps_by_column
        assert set(lineage) == set(dataset.curated_schema) - {"extraction_id", "unknown_columns"}
        assert {dep.asset_key for deps in lineage.values() for dep in deps} == {
            dg.AssetKey(["raw", dataset.asset_name])
        }
    assert curated_lineage(catalogue()["Message_v1"]).deps_by_column["puser"][0].column_name == "puser"
    [start] = curated_lineage(catalogue()["CalendarView_v0"]).deps_by_column["start_utc"]
    assert start.column_name == "start"
