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
import o365_pipeline.database.news_ledger
import o365_pipeline.mart.dictionary  # noqa: F401 - all fill the metadata
from o365_pipeline.database.database import metadata
from o365_pipeline.mart.tables import MART_TABLES


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
        for table in MART_TABLES:
            # Without a clustered index a partition's rows lie anywhere, and deleted rows' space is not given back.
            op.create_index(f"ix_{table.name}_partition", table.name, ["customer", "day"], mssql_clustered=True)
