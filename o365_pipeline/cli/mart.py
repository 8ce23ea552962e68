"""The commands about the mart: what it holds, and what only some servers have.

What belongs here: reading arguments and printing.
"""

from __future__ import annotations

import sys
import uuid
from pathlib import Path

import click
import sqlalchemy as sa

from o365_pipeline.cli.terminal import Answer, answering
from o365_pipeline.customers.customer import Customer
from o365_pipeline.database.database import Database
from o365_pipeline.deployment import Deployment, load
from o365_pipeline.errors import UsageError
from o365_pipeline.mart import read_only
from o365_pipeline.mart.diagram import er_diagram
from o365_pipeline.mart.power_bi.project import SHORTCUT, write_project
from o365_pipeline.mart.power_bi.source import ServerKind, Source
from o365_pipeline.mart.sql_server_options import (
    APPLICATION,
    add_columnstore,
    admit_principal,
    grant_rows,
    restrict_rows,
)
from o365_pipeline.mart.tables import MART_TABLES
from o365_pipeline.mart.tables.settings import write_minimum_group_size
from o365_pipeline.mart.views import readers

CUSTOMER = click.option("--customer", "customer_name", help="Whose mart. Default: the deployment's.")


@click.group()
def mart() -> None:
    """The mart: what it holds, and what only some servers have."""


@mart.command()
@click.option("--customer", "customer_name", help="Whose mart; the only customer where there is one.")
@answering()
def show(customer_name: str | None, answer: Answer) -> None:
    """Show which database holds a customer's mart, and how many rows and days of each table."""
    deployment = load()
    customer = deployment.customers.chosen(customer_name)
    database = deployment.marts[customer.name]
    held = _held(database, customer)
    answer.table("tables", f"The mart of {customer.name}", ("table", "rows", "days"), held)
    answer.note(f"It is in {database.name}")


@mart.command()
@CUSTOMER
@click.argument("sql")
@answering()
def query(customer_name: str | None, sql: str, answer: Answer) -> None:
    """Ask the mart one question in its database's SQL; nothing is changed, whatever it says.

    SQL Server cannot be kept from it: there the database's user must be one who may only read. A superuser of
    PostgreSQL is refused. What it gives may be personal data. `-` reads the SQL from the standard input.
    """
    text = sys.stdin.read() if sql == "-" else sql
    columns, rows = read_only.rows_of(_database(load(), customer_name), text)
    answer.table("rows", f"{len(rows):,} rows", columns, rows, keys=columns)


@mart.command()
@CUSTOMER
def columnstore(customer_name: str | None) -> None:
    """Add columnstore indexes to the facts, for queries that sum up many days; again adds nothing."""
    click.echo(_database(load(), customer_name).run(add_columnstore))


@mart.command("row-security")
@CUSTOMER
@click.option("--reader", help="A user or role of the database that may see the rows of --customer from now on.")
def row_security(customer_name: str | None, reader: str | None) -> None:
    """Let readers see the rows of those customers alone that are granted to them; run it as the pipeline's user."""
    if reader and not customer_name:
        raise UsageError("--reader needs --customer: whose rows the reader may see")
    database = _database(load(), customer_name)
    click.echo(database.run(restrict_rows))
    if reader and customer_name:
        database.run(lambda connection: grant_rows(connection, reader, customer_name))
        click.echo(f"{reader} sees the rows of {customer_name}")


@mart.command()
@CUSTOMER
@click.argument("group")
@click.argument("object_id", type=click.UUID)
@click.option("--groups-only", is_flag=True, help="The views of groups alone: the role mart_group_reader.")
def admit(customer_name: str | None, group: str, object_id: uuid.UUID, groups_only: bool) -> None:
    """Let the Microsoft Entra GROUP with that OBJECT_ID read the mart, as the role mart_reader may."""
    role = readers.GROUP_READER if groups_only else readers.READER
    _database(load(), customer_name).run(lambda connection: admit_principal(connection, group, object_id, role))
    click.echo(f"The members of {group} may read {'the views of groups' if groups_only else 'the mart'}")


@mart.command()
@CUSTOMER
@click.argument("identity")
@click.argument("client_id", type=click.UUID)
def admit_insights(customer_name: str | None, identity: str, client_id: uuid.UUID) -> None:
    """Let the managed IDENTITY with that CLIENT_ID, as which insights signs in, read what its pages show.

    It becomes a member of the role mart_insights, which sees nothing else and changes nothing.
    """
    _database(load(), customer_name).run(
        lambda connection: admit_principal(connection, identity, client_id, readers.INSIGHTS_READER, APPLICATION)
    )
    click.echo(f"{identity} may read what the pages of insights show")


@mart.command("readers")
@CUSTOMER
def make_readers(customer_name: str | None) -> None:
    """Make the database's roles of readers, and show what each may read; again it changes nothing."""
    found = _database(load(), customer_name).run(readers.serve)
    for role, names in found.items():
        click.echo(f"{role} may read {', '.join(names)}")


@mart.command()
def diagram() -> None:
    """Print the mart's tables and what refers to what, as a Mermaid diagram."""
    click.echo(er_diagram(), nl=False)


@mart.command("power-bi")
@click.argument("folder", type=click.Path(path_type=Path))
@click.option("--server", required=True, help="The server of the mart: example.database.windows.net.")
@click.option("--database", required=True, help="The mart's database on the server.")
@click.option(
    "--kind",
    type=click.Choice([kind.name.lower().replace("_", "-") for kind in ServerKind]),
    default="sql-server",
    show_default=True,
    help="What the server is; Azure SQL is sql-server.",
)
@click.option(
    "--customer", "names", multiple=True, help="For whom a role is written; again for more. Default: every customer."
)
def power_bi(folder: Path, server: str, database: str, kind: str, names: tuple[str, ...]) -> None:
    """Write a Power BI project into FOLDER: model, measures, roles and a report, as text.

    A folder that holds anything but such a project is refused. Nothing is connected to: Power BI signs in when the
    project is opened.
    """
    configured = load().customers
    customers = [configured[name].name for name in names] or [customer.name for customer in configured]
    source = Source(ServerKind[kind.upper().replace("-", "_")], server, database)
    files = write_project(folder, source, sorted(set(customers)))
    click.echo(f"{files} files: open {folder / SHORTCUT} in Power BI Desktop")


@mart.command()
@CUSTOMER
@click.option("--below", "people", type=click.IntRange(min=1), required=True, help="Fewer people than this; 1: none.")
def suppress(customer_name: str | None, people: int) -> None:
    """Let views about groups leave out those of few people, from now on; 5 where it was never said."""
    _database(load(), customer_name).run(lambda connection: write_minimum_group_size(connection, people))
    click.echo(f"Views about groups leave out those of fewer than {people} people")


def _database(deployment: Deployment, customer_name: str | None) -> Database:
    if customer_name is None:
        return deployment.marts.default
    return deployment.marts[deployment.customers[customer_name].name]


def _held(database: Database, customer: Customer) -> list[tuple[str, int, int]]:
    """Returns (table, rows, days) of the customer's mart."""
    with database.begin() as connection:
        return [
            (
                found.name,
                *connection.execute(
                    sa.select(sa.func.count(), sa.func.count(sa.distinct(found.c.day)))
                    .select_from(found)
                    .where(found.c.customer == customer.name)
                ).one(),
            )
            for found in MART_TABLES
        ]
