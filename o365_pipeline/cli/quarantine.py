"""The commands about rejected rows: how many, which, why, and reading them anew.

What belongs here: reading arguments and printing. The rows are personal data: they are printed, and never
logged.
"""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import Callable, Sequence

import click
import dagster as dg
import duckdb

from o365_pipeline.cli.terminal import DAY, Answer, answering, printable
from o365_pipeline.curated.quarantine import Rejected, Selection, lock, opened, summary
from o365_pipeline.customers.customer import Customer
from o365_pipeline.datasets import catalogue
from o365_pipeline.deployment import Deployment, load
from o365_pipeline.errors import UsageError

CUSTOMER = click.option("--customer", "customer_name", help="Whose rows; the only customer where there is one.")
CUSTOMERS = click.option("--customer", "customer_name", help="Whose rows. Default: all customers'.")
SHOWN_BY_DEFAULT = 20


@click.group()
def quarantine() -> None:
    """Rows that could not be read: how many, which, why; reading them anew."""


def _selected(command: Callable[..., None]) -> Callable[..., None]:
    """The options that select partitions."""
    options = (
        click.option("--dataset", "dataset_name", help="A dataset, as Message_v1. Default: all."),
        click.option("--from", "first_day", type=DAY, help="The first day, as 2026-11-16."),
        click.option("--to", "last_day", type=DAY, help="The last day, included."),
    )
    for option in reversed(options):
        command = option(command)
    return command


@quarantine.command("list")
@CUSTOMERS
@_selected
@answering()
def list_rows(
    customer_name: str | None,
    dataset_name: str | None,
    first_day: dt.datetime | None,
    last_day: dt.datetime | None,
    answer: Answer,
) -> None:
    """Show how many rows of each dataset and day could not be read, by reason."""
    deployment = load()
    selection = _selection(dataset_name, first_day, last_day)
    _show(_summary(deployment, _customers(deployment, customer_name), selection), answer)


@quarantine.command()
@CUSTOMER
@click.option("--dataset", "dataset_name", required=True, help="The dataset, as Message_v1.")
@click.option("--day", type=DAY, required=True, help="The day, as 2026-11-16.")
@click.option("--reason", help="A part of the reason.")
@click.option("--limit", type=click.IntRange(1), default=SHOWN_BY_DEFAULT, show_default=True, help="How many rows.")
def show(customer_name: str | None, dataset_name: str, day: dt.datetime, reason: str | None, limit: int) -> None:
    """Print rejected rows as JSON lines: file, line, reason, raw text. They are personal data."""
    deployment = load()
    customer = deployment.customers.chosen(customer_name)
    with opened(deployment.lakes, [customer], _selection(dataset_name, day, day, reason)) as connection:
        found = connection.execute(
            "SELECT file, line, reason, raw FROM quarantine ORDER BY file, line, reason LIMIT ?", [limit]
        )
        for row in found.fetchall():
            told = dict(zip(("file", "line", "reason", "raw"), row, strict=True))
            click.echo(printable(json.dumps(told, ensure_ascii=False)))


@quarantine.command()
@CUSTOMERS
@click.argument("sql")
@answering()
def query(customer_name: str | None, sql: str, answer: Answer) -> None:
    """Ask the table `quarantine` in DuckDB's SQL, which reaches nothing else. What it gives may be personal data.

    Its columns: customer, dataset, day, extraction_id, file, line, reason, raw.
    """
    deployment = load()
    with opened(deployment.lakes, _customers(deployment, customer_name), Selection()) as connection:
        lock(connection)
        try:
            found = connection.execute(sql)
            columns = [column[0] for column in found.description or ()]
            rows = found.fetchall()
        except duckdb.Error as error:
            raise UsageError(f"the query failed: {str(error).splitlines()[0]}") from None
    answer.table("rows", f"{len(rows):,} rows", columns, rows, keys=columns)


@quarantine.command()
@CUSTOMER
@_selected
@click.option("--reason", help="A part of the reason.")
def replay(
    customer_name: str | None,
    dataset_name: str | None,
    first_day: dt.datetime | None,
    last_day: dt.datetime | None,
    reason: str | None,
) -> None:
    """Read rejected rows anew from the lake's raw files, and load the mart's days, as the replay job does.

    It helps where the fault was the pipeline's, and is mended. Nothing is extracted.
    """
    from o365_pipeline.cli.headless import Headless
    from o365_pipeline.mart.replay_job import ReplayConfig, replay_request

    deployment = load()
    customer = deployment.customers.chosen(customer_name)
    selection = _selection(dataset_name, first_day, last_day, reason)
    before = _summary(deployment, [customer], selection)
    if not before:
        click.echo(f"{customer.name}: there are no such rejected rows")
        return
    config = ReplayConfig(
        customer=customer.name,
        dataset=dataset_name,
        first_day=selection.first_day.isoformat() if selection.first_day else None,
        last_day=selection.last_day.isoformat() if selection.last_day else None,
        reason=reason,
    )
    deployment.use_dagster_home()
    with dg.DagsterInstance.get() as instance:
        Headless(deployment, instance).execute(replay_request(config))
    after = _summary(deployment, [customer], selection)
    click.echo(f"{customer.name}: {_rows(before):,} such rows were rejected before, {_rows(after):,} are now")
    _show(after, Answer(None))


def _selection(
    dataset_name: str | None, first_day: dt.datetime | None, last_day: dt.datetime | None, reason: str | None = None
) -> Selection:
    dataset = catalogue()[dataset_name] if dataset_name else None
    return Selection(dataset, first_day and first_day.date(), last_day and last_day.date(), reason)


def _customers(deployment: Deployment, name: str | None) -> list[Customer]:
    return [deployment.customers[name]] if name else list(deployment.customers)


def _summary(deployment: Deployment, customers: Sequence[Customer], selection: Selection) -> list[Rejected]:
    with opened(deployment.lakes, customers, selection) as connection:
        return summary(connection)


def _rows(found: Sequence[Rejected]) -> int:
    return sum(entry.rows for entry in found)


def _show(found: Sequence[Rejected], answer: Answer) -> None:
    rows = [(entry.customer, entry.dataset, entry.day, entry.reason, entry.rows) for entry in found]
    columns = ("customer", "dataset", "day", "reason", "rows")
    answer.table("rejected", "Rows that could not be read", columns, rows)
