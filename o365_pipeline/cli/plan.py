"""The command `o365-pipeline plan`: what the next extraction would ask for, and cost.

What belongs here: reading arguments and printing. The plan belongs to `cost/next_extraction.py`.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING

import click

from o365_pipeline.cli.estimate import ASSUMPTIONS, RATES, note_sources
from o365_pipeline.cli.terminal import DAY, Answer, answering
from o365_pipeline.cost.assumptions import read_assumptions
from o365_pipeline.cost.rates import read_rates
from o365_pipeline.customers.customer import Customer
from o365_pipeline.deployment import load
from o365_pipeline.errors import UsageError

if TYPE_CHECKING:
    from o365_pipeline.cost.next_extraction import NextExtraction, PlannedDataset


@click.command()
@click.option("--customer", "customer_name", help="Whose data; the only customer where there is one.")
@click.option("--from", "first_day", type=DAY, help="First day, as 2026-11-16. Default: the next that is due.")
@click.option("--to", "last_day", type=DAY, help="Last day, included. Default: the first, or the last that is due.")
@click.option("--users", type=click.IntRange(min=1), help="How many users. Default: as Microsoft counted before.")
@RATES
@ASSUMPTIONS
@answering()
def plan(
    customer_name: str | None,
    first_day: dt.datetime | None,
    last_day: dt.datetime | None,
    users: int | None,
    rates_file: Path | None,
    assumptions_file: Path | None,
    answer: Answer,
) -> None:
    """Show what the next extraction would ask for and cost; nothing is extracted, nothing is written.

    Days that are held already are not asked for again. Objects are those of the customer's own days so far, and
    assumed where nothing landed yet.
    """
    from o365_pipeline.cost.next_extraction import days_of_next, next_extraction

    rates, assumptions = read_rates(rates_file), read_assumptions(assumptions_file)
    deployment = load()
    customer = deployment.customers.chosen(customer_name)
    now = dt.datetime.now(dt.UTC)
    days = _days(first_day, last_day) or days_of_next(deployment.database, customer, now)
    if days is None:
        answer.note(f"{customer.name}: all days that Data Connect has are extracted or under way; nothing is due")
        return
    planned = next_extraction(deployment.database, customer, days, now, rates, assumptions, users)
    _show(customer, planned, rates.currency, answer)
    note_sources(answer, rates, assumptions, now.date())


def _days(first_day: dt.datetime | None, last_day: dt.datetime | None) -> tuple[dt.date, dt.date] | None:
    if first_day is None:
        if last_day is not None:
            raise UsageError("--from is missing: say the first day too")
        return None
    first, last = first_day.date(), (last_day or first_day).date()
    if last < first:
        raise UsageError(f"--to {last} lies before --from {first}")
    return first, last


def _show(customer: Customer, planned: NextExtraction, currency: str, answer: Answer) -> None:
    one, daily = planned.one_window, planned.daily
    rows = [(entry.dataset, round(entry.one_window.objects), *_costs(entry)) for entry in planned.datasets]
    columns = ("dataset", "objects", f"cost, {currency}", "day by day")
    title = f"{customer.name}, {planned.first_day} to {planned.last_day}: what Data Connect would charge"
    total = ("total", round(one.objects), one.data_connect, daily.data_connect)
    keys = ("dataset", "objects", "cost", "cost_day_by_day")
    answer.table("datasets", title, columns, rows, keys=keys, total=total, of={"currency": currency})
    for asked, datasets in _by_what_is_asked(planned).items():
        answer.note(f"{asked}: {', '.join(datasets) if len(datasets) < len(planned.datasets) else 'every dataset'}.")
    landed = [entry.dataset for entry in planned.datasets if entry.windows and entry.uses_history]
    answer.note(f"Objects as landed before: {', '.join(landed)}." if landed else "All objects are assumed.")
    if one.total:
        answer.note(
            f"To pay with Data Factory's part: {one.total:,.2f} {currency} as it would be asked, "
            f"{daily.total:,.2f} {currency} day by day."
        )
    else:
        answer.note("Nothing is to pay: these days are held or under way, or Data Connect does not have them.")
    known = "" if planned.users_known else ", assumed; --users says how many there are"
    answer.note(f"Users: {planned.users:,}{known}.")
    for entry in planned.datasets:
        for line in entry.unavailable_days:
            answer.note(f"left out: {line}")
    _show_refusals(customer, planned, answer)


def _costs(entry: PlannedDataset) -> tuple[Decimal, Decimal]:
    return entry.one_window.cost, entry.daily.cost


def _by_what_is_asked(planned: NextExtraction) -> Mapping[str, list[str]]:
    """Groups the datasets by the days that are requested of them."""
    days = (planned.last_day - planned.first_day).days + 1
    found: dict[str, list[str]] = {}
    for entry in planned.datasets:
        windows = ", ".join(str(window).replace("_", " to ") for window in entry.windows)
        held = f"{entry.days_held} of {days} days held" if entry.days_held else "no day there"
        found.setdefault(f"Asked for {windows}" if windows else f"Not asked, {held}", []).append(entry.dataset)
    return found


def _show_refusals(customer: Customer, planned: NextExtraction, answer: Answer) -> None:
    if planned.consent_status.approval is None:
        answer.note(
            f"{customer.name}: no approval is in force ({planned.consent_status}); an extraction would be refused."
        )
        return
    if planned.silence:
        answer.note(f"{customer.name}: an extraction would be refused: {planned.silence}")
    for entry in planned.datasets:
        if entry.refusal:
            answer.note(f"{entry.dataset} would be refused by {entry.refusal}")
