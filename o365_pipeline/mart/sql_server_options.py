"""Optional features of SQL Server: columnstore indexes, and rows restricted by customer.

What belongs here: steps that can be omitted and repeated. If a server refuses one, the error says why in one line.
"""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from contextlib import contextmanager

import sqlalchemy as sa

from o365_pipeline.database.ledger import extraction, insert_new
from o365_pipeline.database.transient import transient_code
from o365_pipeline.errors import OptionRefusedError
from o365_pipeline.mart.tables import MART_TABLES

MANY_ROWS = [table for table in MART_TABLES if not table.name.startswith("dim_")]
"""The tables whose rows are summed rather than looked up."""

ALL_CUSTOMERS = "*"

reader_customer = sa.Table(
    "mart_reader_customer",
    sa.MetaData(),
    sa.Column("reader", sa.Unicode(128), primary_key=True),
    sa.Column("customer", sa.String(100), primary_key=True),
)
"""Which customers' rows a reader may see. A reader is a user or a role of the database; * means all customers."""


def add_columnstore(connection: sa.Connection) -> str:
    """Adds a columnstore index to the facts, bridges and aggregates; returns what was done.

    Raises:
        OptionRefusedError: the server does not support it.
    """
    with _refused("columnstore indexes", connection):
        there = set(connection.scalars(sa.text("SELECT name FROM sys.indexes WHERE name LIKE 'cx_%'")))
        missing = [table for table in MANY_ROWS if f"cx_{table.name}" not in there]
        for table in missing:
            columns = ", ".join(column.name for column in table.columns)
            connection.exec_driver_sql(
                f"CREATE NONCLUSTERED COLUMNSTORE INDEX cx_{table.name} ON {table.name} ({columns})"
            )
    return f"columnstore indexes: {len(missing)} made, {len(MANY_ROWS) - len(missing)} there already"


def restrict_rows(connection: sa.Connection) -> str:
    """Shows each reader only the rows of those customers that mart_reader_customer grants; returns what was done.

    A security policy filters the mart's tables, and the extractions beneath the provenance, by USER_NAME() and the
    roles of the reader. A reader without a grant sees nothing. The user who runs this is granted all customers: run it
    as the pipeline, which must still see the rows that it replaces. Only the owner of the table can change the grants,
    so a reader cannot grant itself more, as it could with a value of its session.

    Raises:
        OptionRefusedError: the server does not support security policies.
    """
    with _refused("security policies", connection):
        if connection.scalar(sa.text("SELECT 1 FROM sys.security_policies WHERE name = 'mart_rows'")):
            return "rows are restricted already"
        schema = connection.scalar(sa.text("SELECT SCHEMA_NAME()"))
        reader_customer.create(connection, checkfirst=True)
        grant_rows(connection, str(connection.scalar(sa.text("SELECT USER_NAME()"))), ALL_CUSTOMERS)
        connection.exec_driver_sql(
            f"CREATE FUNCTION {schema}.mart_customer_is_granted(@customer VARCHAR(100)) "
            "RETURNS TABLE WITH SCHEMABINDING AS RETURN "
            f"SELECT 1 AS is_granted FROM {schema}.mart_reader_customer AS g "
            f"WHERE g.customer IN (@customer, '{ALL_CUSTOMERS}') "
            "AND (g.reader = USER_NAME() OR IS_ROLEMEMBER(g.reader) = 1)"
        )
        predicates = ", ".join(
            f"ADD FILTER PREDICATE {schema}.mart_customer_is_granted(customer) ON {schema}.{table.name}"
            for table in (*MART_TABLES, extraction)
        )
        connection.exec_driver_sql(f"CREATE SECURITY POLICY {schema}.mart_rows {predicates} WITH (STATE = ON)")
    return "rows are restricted: readers see those of customers that mart_reader_customer grants them"


def grant_rows(connection: sa.Connection, reader: str, customer: str) -> None:
    """Lets a user or a role of the database see a customer's rows, if rows are restricted."""
    insert_new(connection, reader_customer, [{"reader": reader, "customer": customer}])


GROUP, APPLICATION = "X", "E"
"""The types of users of Microsoft Entra: a group, by its object id; an application or identity, by its client id."""


def admit_principal(connection: sa.Connection, name: str, identifier: uuid.UUID, role: str, kind: str = GROUP) -> None:
    """Lets a group or an identity of Microsoft Entra read what a role of readers may; again it changes nothing.

    The server is told the id, so it needs no right to look the user up (Microsoft: CREATE USER ... WITH SID).

    Raises:
        OptionRefusedError: the server has no such users.
    """
    quoted = name.replace("]", "]]")
    with _refused("users of Microsoft Entra", connection):
        known = "SELECT 1 FROM sys.database_principals WHERE name = :name"
        if not connection.scalar(sa.text(known), {"name": name}):
            connection.exec_driver_sql(
                f"CREATE USER [{quoted}] WITH SID = 0x{identifier.bytes_le.hex()}, TYPE = {kind}"
            )
        connection.exec_driver_sql(f"ALTER ROLE {role} ADD MEMBER [{quoted}]")


@contextmanager
def _refused(what: str, connection: sa.Connection) -> Iterator[None]:
    """Turns a server's error about a missing feature or a missing permission into one line."""
    if connection.dialect.name != "mssql":
        raise OptionRefusedError(f"{connection.dialect.name} has no {what}; nothing was changed")
    try:
        yield
    except sa.exc.DBAPIError as error:
        if transient_code(error):
            raise
        message = " ".join(str(error.orig.args[-1] if error.orig else error).rpartition("]")[2].split())
        raise OptionRefusedError(f"this server refused {what}, nothing was changed; it says: {message}") from error
