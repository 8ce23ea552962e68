"""The command `o365-pipeline extract`: days of data, from the factory to the mart, in a terminal.

What belongs here: reading arguments, waiting and showing progress. Submitting and executing belong to `cli/headless.py`
and the stages.
"""

from __future__ import annotations

import datetime as dt
import logging

import click
import dagster as dg

from o365_pipeline.cli.headless import Headless, extraction_of_days
from o365_pipeline.cli.terminal import DAY, progress, stdout
from o365_pipeline.datasets import catalogue
from o365_pipeline.deployment import load
from o365_pipeline.errors import ExtractionError, UsageError
from o365_pipeline.extraction import watch
from o365_pipeline.extraction.windows import Window


@click.command()
@click.option("--customer", "customer_name", help="Whose data; the only customer where there is one.")
@click.option(
    "--dataset", "datasets", multiple=True, help="A dataset, as Message_v1; again for more. Default: all requested."
)
@click.option("--from", "first_day", type=DAY, required=True, help="First day, as 2026-11-16.")
@click.option("--to", "last_day", type=DAY, help="Last day, included. Default: the first.")
@click.option(
    "--anew", help="Why what landed of these days, of these datasets, is given up first; it is recorded, and paid anew."
)
def extract(
    customer_name: str | None,
    datasets: tuple[str, ...],
    first_day: dt.datetime,
    last_day: dt.datetime | None,
    anew: str | None,
) -> None:
    """Extract days of data and take them to the mart; what was extracted before is not paid for again.

    Data Connect takes some 45 minutes. Ctrl-C leaves the factory at work; the same command goes on from there.
    """
    first, last = first_day.date(), (last_day or first_day).date()
    if last < first:
        raise UsageError(f"--to {last} lies before --from {first}")
    if anew is not None and not (anew.strip() and datasets):
        raise UsageError("--anew takes a reason, and needs --dataset: only what is named is given up")
    named = [catalogue()[name] for name in datasets]
    deployment = load()
    customer = deployment.customers.chosen(customer_name)
    deployment.use_dagster_home()
    with dg.DagsterInstance.get() as instance:
        headless = Headless(deployment, instance)
        asked, requests = extraction_of_days(deployment, headless, customer, named, Window(first, last), anew)
        factory, log = deployment.resources["data_factory"], logging.getLogger("o365_pipeline")
        with progress(stdout(), "Data Factory extracts windows", len(asked)) as ended:
            try:
                watch.wait_for_all(deployment.database, factory, customer, asked, log, ended)
            except KeyboardInterrupt:
                raise ExtractionError("interrupted; the factory goes on, and the same command finds its runs") from None
        steps = [headless.steps(request) for request in requests]
        with progress(stdout(), f"{customer.name} {first} to {last}, steps", sum(steps)) as report:
            for number, request in enumerate(requests):
                before = sum(steps[:number])
                headless.execute(request, lambda done, before=before: report(before + done))  # type: ignore[misc]
            report(sum(steps))
