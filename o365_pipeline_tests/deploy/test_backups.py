"""A backup of mart and ledger, taken and restored on PostgreSQL as deploy/README.md says: all of it is there again."""

from __future__ import annotations

import subprocess
from pathlib import Path

import sqlalchemy as sa

from o365_pipeline.customers.customer import Customer
from o365_pipeline.database.database import Database, metadata
from o365_pipeline.database.ledger import extraction
from o365_pipeline.mart.upgrade import mart_database
from o365_pipeline_tests.conftest import DAY
from o365_pipeline_tests.deploy.services import Postgres, postgres_programs
from o365_pipeline_tests.ledger_rows import note_extraction, note_landing, note_operation


def rows(database: Database) -> dict[str, list[tuple[object, ...]]]:
    """All that a database holds, by table."""
    with database.begin() as connection:
        return {
            table.name: sorted((tuple(row) for row in connection.execute(sa.select(table))), key=str)
            for table in metadata.sorted_tables
        }


def run(program: str, url: str, *arguments: str) -> None:
    programs = postgres_programs()
    assert programs
    plain = url.replace("postgresql+psycopg2", "postgresql")
    subprocess.run([programs / program, f"--dbname={plain}", *arguments], check=True, capture_output=True)


def test_what_was_backed_up_is_restored_with_its_rows_its_claims_and_its_schema(
    postgres: Postgres, customer: Customer, tmp_path: Path
) -> None:
    kept, dump = mart_database(sa.make_url(postgres.create("kept"))), str(tmp_path / "mart.dump")
    note_extraction(kept, "x1", "r1", rows_reported=500)
    note_landing(kept, "x1", rows=500)
    note_operation(kept, customer, "r1", rows=500)
    before = rows(kept)
    run("pg_dump", postgres.url("kept"), "--format=custom", f"--file={dump}")
    kept.execute(extraction.delete())

    run("pg_restore", postgres.create("restored"), "--no-owner", dump)

    restored = mart_database(sa.make_url(postgres.url("restored")))
    assert rows(restored) == before
    assert {name for name, found in before.items() if found} >= {"ledger_extraction", "ledger_landing"}
    assert before["ledger_extraction"][0][0] == "x1"
    note_extraction(restored, "x2", "r2", first_day=DAY)
    assert len(rows(restored)["ledger_extraction"]) == 2, "it goes on from there"
