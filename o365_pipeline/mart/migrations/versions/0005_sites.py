"""SharePoint's tables, as the models say."""

from __future__ import annotations

from alembic import op

from o365_pipeline.database import metadata

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None

TABLES = (
    "dim_site",
    "fact_sharing_link",
    "bridge_sharing_grantee",
    "fact_file_action",
    "agg_site_exposure",
    "agg_site_storage",
)


def upgrade() -> None:
    for table in TABLES:
        metadata.tables[table].create(op.get_bind())
        if op.get_context().dialect.name == "mssql":
            op.create_index(f"ix_{table}_partition", table, ["customer", "day"], mssql_clustered=True)
            op.execute(f"GRANT SELECT ON {table} TO mart_reader")


def downgrade() -> None:
    for table in TABLES:
        op.drop_table(table)
