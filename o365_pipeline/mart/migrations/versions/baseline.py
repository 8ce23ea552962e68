"""The baseline: all tables of the ledger and of the mart, made from the tables themselves.

Nothing has been released, so no database has to be led on from older tables, and 900 generated lines would only repeat
`database/` and `mart/tables/`. The revision is a digest of the tables: a database that was made from other
tables is found out, and has to be made anew. The first release freezes the baseline; CONTRIBUTING.md says how.
"""

from __future__ import annotations

import hashlib

import sqlalchemy as sa
from alembic import op

import o365_pipeline.database.deletion_ledger
import o365_pipeline.database.ledger
import o365_pipeline.database.news_ledger  # noqa: F401 - their tables are part of the metadata
from o365_pipeline.database.database import metadata
from o365_pipeline.mart.dictionary import data_dictionary
from o365_pipeline.mart.tables import MART_TABLES

ROLE = """
IF NOT EXISTS (SELECT 1 FROM sys.database_principals WHERE name = 'mart_reader') CREATE ROLE mart_reader
"""
"""A role is the database's: it may be there from before."""


def _digest() -> str:
    """What tells these tables from others: their columns, types, keys and indexes, without the comments."""
    statements = [
        str(statement)
        for table in metadata.tables.values()
        for statement in (sa.schema.CreateTable(table), *map(sa.schema.CreateIndex, table.indexes))
    ]
    return hashlib.sha256("".join(sorted(statements)).encode()).hexdigest()[:12]


revision = f"baseline_{_digest()}"
down_revision = None
branch_labels = None
depends_on = None


def upgrade() -> None:
    connection = op.get_bind()
    metadata.create_all(connection, checkfirst=False)
    if connection.dialect.name == "mssql":
        _serve_readers()


def _serve_readers() -> None:
    """On SQL Server: rows that lie by partition, and a role whose members see the mart and its dictionary."""
    op.execute(ROLE)
    for table in MART_TABLES:
        # Without a clustered index a partition's rows lie anywhere, and the space of deleted ones is not given back.
        op.create_index(f"ix_{table.name}_partition", table.name, ["customer", "day"], mssql_clustered=True)
    for table in (*MART_TABLES, data_dictionary):
        op.execute(f"GRANT SELECT ON {table.name} TO mart_reader")
