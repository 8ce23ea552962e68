"""The command `o365-pipeline why-missing`: why a person's rows of a day are not there.

What belongs here: reading arguments and printing. The search belongs to `curated/missing_person.py`.
"""

from __future__ import annotations

import datetime as dt

import click

from o365_pipeline.cli.terminal import DAY, Answer, answering
from o365_pipeline.curated import missing_person
from o365_pipeline.datasets import catalogue
from o365_pipeline.deployment import load
from o365_pipeline.errors import UsageError
from o365_pipeline.mart.person_lookup import person_of


@click.command("why-missing")
@click.argument("person")
@click.option("--day", type=DAY, required=True, help="The day, as 2026-11-16.")
@click.option("--dataset", "dataset_name", help="A dataset, as Message_v1. Default: all requested ones of people.")
@click.option("--customer", "customer_name", help="Whose data; the only customer where there is one.")
@answering()
def why_missing(
    person: str, day: dt.datetime, dataset_name: str | None, customer_name: str | None, answer: Answer
) -> None:
    """Say why a person's rows of a day are missing, or how many there are, for each dataset.

    PERSON is an Entra object id, or a mail address or sign-in name that the mart knows.
    """
    deployment = load()
    customer = deployment.customers.chosen(customer_name)
    of_people = [entry.dataset for entry in customer.data_request.datasets if entry.dataset.owner == "puser"]
    datasets = [catalogue()[dataset_name]] if dataset_name else of_people
    if nobodys := next((dataset.name for dataset in datasets if dataset.owner != "puser"), None):
        raise UsageError(f"{nobodys}: its rows are of groups or sites, not of people; name a dataset of mailboxes")
    person_id = person_of(deployment.marts[customer.name], customer, person)
    for dataset in datasets:
        found = missing_person.why_missing(
            deployment.database, deployment.lakes.of(customer), customer, dataset, person_id, day.date()
        )
        answer.table("datasets", "Datasets", ("dataset", "answer"), [(dataset.name, str(found))], line="{}: {}".format)
