"""The commands that show what an offer costs: `managed-app estimate`, and the `rates` and `assumptions` that it uses.

What belongs here: reading arguments and printing. The numbers belong to `cost/estimate.py`; `cli/managed_app.py` puts
the commands under `managed-app`.
"""

from __future__ import annotations

import datetime as dt
from decimal import Decimal
from pathlib import Path

import click

from o365_pipeline.cli.offer.package import offer_of
from o365_pipeline.cli.terminal import Answer, answering
from o365_pipeline.cost.assumptions import Assumptions, read_assumptions, shipped_assumptions
from o365_pipeline.cost.estimate import Estimate, estimate, window_days
from o365_pipeline.cost.rates import Rates, read_rates, shipped_rates
from o365_pipeline.managed_app import offer as offers
from o365_pipeline.managed_app.offer import Sku

RATES = click.option(
    "--rates",
    "rates_file",
    type=click.Path(path_type=Path),
    help="TOML file of rates. Default: the shipped ones, which `managed-app rates` prints.",
)
ASSUMPTIONS = click.option(
    "--assumptions",
    "assumptions_file",
    type=click.Path(path_type=Path),
    help="TOML file of assumptions. Default: the shipped ones, which `managed-app assumptions` prints.",
)
DAILY, WEEKLY = 1, 7
NOTHING = Decimal(0)


@click.command()
def rates() -> None:
    """Print the rates that are shipped; a copy with rates of your own is named with --rates."""
    click.echo(shipped_rates(), nl=False)


@click.command()
def assumptions() -> None:
    """Print the assumptions that are shipped; a copy with what you know better is named with --assumptions."""
    click.echo(shipped_assumptions(), nl=False)


@click.command("estimate")
@click.argument("offer", required=False, type=click.Path(path_type=Path))
@click.option("--users", type=click.IntRange(min=1), required=True, help="How many users the data is of.")
@click.option("--history-days", type=click.IntRange(1, offers.MAX_HISTORY_DAYS), help="Default: each SKU's.")
@click.option("--sku", "sku_name", help="One SKU. Default: all of the offer.")
@RATES
@ASSUMPTIONS
@answering(as_csv=False)
def estimate_command(
    offer: Path | None,
    users: int,
    history_days: int | None,
    sku_name: str | None,
    rates_file: Path | None,
    assumptions_file: Path | None,
    answer: Answer,
) -> None:
    """Estimate what an installation costs its purchaser, before anything is extracted.

    OFFER is an offer's file; default: the offer of O365_OFFER.
    """
    given_rates, given_assumptions = read_rates(rates_file), read_assumptions(assumptions_file)
    read = offer_of(offer)
    for sku in [read.sku(sku_name)] if sku_name else read.skus:
        own = window_days(sku.schedule)
        days = history_days or sku.history_days
        windows = tuple(sorted({DAILY, WEEKLY, own}))
        found = estimate(read.request, users, days, given_rates, given_assumptions, sku.database, windows)
        _show_datasets(sku, found, answer)
        _show_totals(sku, found, own, given_rates, answer)
    note_sources(answer, given_rates, given_assumptions, dt.datetime.now(dt.UTC).date())


def _show_datasets(sku: Sku, found: Estimate, answer: Answer) -> None:
    """Shows Data Connect's charge for each dataset, in whole units of money, since an estimate is not exact to the
    cent.
    """
    columns = ("dataset", "objects a month", "once", "daily", "weekly")
    bills = (found.history(), found.monthly[DAILY], found.monthly[WEEKLY])
    rows = [
        (day.dataset, round(day.objects), *(round(line.cost) for line in (first, day, week)))
        for first, day, week in zip(*(bill.lines for bill in bills), strict=True)
    ]
    answer.note(
        f"{sku.display_name}: what Data Connect charges for {found.users:,} users, in {found.currency}: once for "
        f"{found.history_days} days of history, then each month, extracted daily (with so many objects) or weekly."
    )
    answer.table("datasets", f"{sku.display_name}: by dataset", columns, rows, of={"sku": sku.name})


def _show_totals(sku: Sku, found: Estimate, own: int, rates: Rates, answer: Answer) -> None:
    """Shows the cost of one SKU, once and per month, by the length of a window in days."""
    columns = (sku.currency, "once", *(f"a month, {_every(days, own)}" for days in found.monthly))
    history = found.history()

    def converted(*amounts: Decimal) -> list[Decimal]:
        return [rates.in_currency(amount, sku.currency) for amount in amounts]

    months = found.monthly.values()
    vendor = sku.price_per_month + sku.price_per_user_month * found.users
    totals = [vendor + rates.in_currency(found.per_month(days), sku.currency) for days in found.monthly]
    rows = [
        ("Data Connect", *converted(history.data_connect, *(bill.data_connect for bill in months))),
        ("Data Factory", *converted(history.factory, *(bill.factory for bill in months))),
        ("storage", *converted(NOTHING, *(found.storage for _ in months))),
        (f"database {sku.database}", *converted(NOTHING, *(found.database for _ in months))),
        ("the pipeline itself", *converted(NOTHING, *(found.pipeline for _ in months))),
        ("vendor's price", NOTHING, *(vendor for _ in months)),
        ("total", *converted(history.total), *totals),
    ]
    keys = ("what", "once", *(f"a_month_by_{days}_days" for days in found.monthly))
    of = {"sku": sku.name, "currency": sku.currency}
    answer.table("costs", f"{sku.display_name}: everything", columns, rows, keys=keys, of=of)


def _every(days: int, own: int) -> str:
    every = {DAILY: "daily", WEEKLY: "weekly"}.get(days, f"every {days} days")
    return f"{every} (as sold)" if days == own else every


def note_sources(answer: Answer, rates: Rates, assumptions: Assumptions, today: dt.date) -> None:
    """Notes the sources of a cost, and which of them are old."""
    answer.note(
        f"Rates in {rates.currency}, told for days between {rates.dated} and "
        f"{max(fact.dated for fact in rates.facts.values())}; an estimate is no offer of Microsoft's."
    )
    factory, calendar = assumptions.factory, assumptions.calendar
    answer.note(
        f"Assumed: {calendar.working_days_per_week} working days a week, {factory.minutes_per_run} minutes of "
        f"{factory.data_integration_units} data integration units for each run, and so many objects of each user as "
        "the file of assumptions says."
    )
    if second_hand := [key for key, fact in rates.facts.items() if fact.is_second_hand]:
        answer.note(
            f"Told by third parties alone: {', '.join(second_hand)}; see what your agreement with Microsoft says."
        )
    if old := {**rates.old(today), **assumptions.old(today)}:
        named = ", ".join(f"{key} ({fact.dated})" for key, fact in old.items())
        answer.note(
            f"Older than a year: {named}. `managed-app rates` and `managed-app assumptions` show the sources: look "
            "them up there, and name files of your own with --rates and --assumptions."
        )
