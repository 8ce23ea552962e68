"""The commands about the managed application: `o365-pipeline managed-app ...`.

What belongs here: reading arguments and printing answers. The work is `managed_app/`'s.
"""

from __future__ import annotations

import datetime as dt
import json
import logging
from decimal import Decimal
from pathlib import Path

import click
import dagster as dg

from o365_pipeline import web_server
from o365_pipeline.deployment import Deployment, load
from o365_pipeline.errors import O365PipelineError, SettingsError
from o365_pipeline.managed_app import offer as offers
from o365_pipeline.managed_app import package as packages
from o365_pipeline.managed_app.assumptions import Assumptions, read_assumptions, shipped_assumptions
from o365_pipeline.managed_app.estimate import Estimate, estimate, window_days
from o365_pipeline.managed_app.offer import Sku
from o365_pipeline.managed_app.rates import Rates, read_rates, shipped_rates
from o365_pipeline.managed_app.validation import validate as problems_of
from o365_pipeline.terminal import stdout, table

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


@click.group("managed-app")
def managed_app() -> None:
    """Sell the pipeline: package, price, publish it, and look after its installations."""


@managed_app.command()
def example() -> None:
    """Print an offer's file, to begin with."""
    click.echo(offers.example(), nl=False)


@managed_app.command()
def schema() -> None:
    """Print the JSON schema of an offer's file, for editors; it explains every key."""
    click.echo(json.dumps(offers.schema(), indent=2))


@managed_app.command()
@click.argument("offer", type=click.Path(path_type=Path), required=False)
@click.option("--output", type=click.Path(path_type=Path), help="Folder to write to; default: in the home.")
def build(offer: Path | None, output: Path | None) -> None:
    """Write the package of an offer, the zip that Azure installs it from; default: the offer of O365_OFFER."""
    sold = _offer(offer)
    package = packages.build(sold)
    _refuse(package)
    path = packages.write(package, output or packages.folder(load().home, sold))
    click.echo(f"{path}\n{len(package.content)} bytes, sha256 {package.digest}")
    for name, content in package.files.items():
        click.echo(f"  {name}: {len(content)} bytes")


@managed_app.command()
@click.argument("package", type=click.Path(path_type=Path))
def validate(package: Path) -> None:
    """Say what Azure would refuse in a package, or should: one line for each problem."""
    _refuse(package)
    click.echo(f"{package} can be published")


def _offer(path: Path | None) -> offers.Offer:
    """The offer in the file, or of the deployment."""
    if path:
        return offers.read_offer(path)
    if sold := load().offer:
        return sold
    raise SettingsError("O365_OFFER is missing: name the offer's file there or on the command line")


def _refuse(package: packages.Package | Path) -> None:
    """Print what is wrong with a package; where something is, nothing else is done."""
    if problems := problems_of(package):
        for problem in problems:
            click.echo(str(problem))
        raise O365PipelineError(f"the package would be refused, problems: {len(problems)}")


@managed_app.command()
def rates() -> None:
    """Print the rates that are shipped; a copy with rates of your own is named with --rates."""
    click.echo(shipped_rates(), nl=False)


@managed_app.command()
def assumptions() -> None:
    """Print the assumptions that are shipped; a copy with what you know better is named with --assumptions."""
    click.echo(shipped_assumptions(), nl=False)


@managed_app.command("estimate")
@click.argument("offer", required=False, type=click.Path(path_type=Path))
@click.option("--users", type=click.IntRange(min=1), required=True, help="How many users the data is of.")
@click.option("--history-days", type=click.IntRange(1, offers.MAX_HISTORY_DAYS), help="Default: each SKU's.")
@click.option("--sku", "sku_name", help="One SKU. Default: all of the offer.")
@RATES
@ASSUMPTIONS
def estimate_command(
    offer: Path | None,
    users: int,
    history_days: int | None,
    sku_name: str | None,
    rates_file: Path | None,
    assumptions_file: Path | None,
) -> None:
    """Estimate what an installation costs its purchaser, before anything is extracted.

    OFFER is an offer's file; the shipped example if there is none.
    """
    given_rates, given_assumptions = read_rates(rates_file), read_assumptions(assumptions_file)
    read = offers.read_offer(offer)
    for sku in [read.sku(sku_name)] if sku_name else read.skus:
        own = window_days(sku.schedule)
        days = history_days or sku.history_days
        windows = tuple(sorted({DAILY, WEEKLY, own}))
        found = estimate(read.request, users, days, given_rates, given_assumptions, sku.database, windows)
        _show_datasets(sku, found)
        _show_totals(sku, found, own, given_rates)
    echo_sources(given_rates, given_assumptions, dt.datetime.now(dt.UTC).date())


def _show_datasets(sku: Sku, found: Estimate) -> None:
    history, daily, weekly = found.history(), found.monthly[DAILY], found.monthly[WEEKLY]
    columns = (
        "dataset",
        "objects once",
        f"once, {found.currency}",
        "objects a month",
        "units daily",
        f"daily, {found.currency}",
        "units weekly",
        f"weekly, {found.currency}",
    )
    rows: list[tuple[object, ...]] = [
        (
            first.dataset,
            round(first.objects),
            first.cost,
            round(day.objects),
            round(day.units),
            day.cost,
            round(week.units),
            week.cost,
        )
        for first, day, week in zip(history.lines, daily.lines, weekly.lines, strict=True)
    ]
    title = f"{sku.display_name}: Data Connect for {found.users:,} users, {found.history_days} days of history"
    stdout().print(table(title, columns, rows))


def _show_totals(sku: Sku, found: Estimate, own: int, rates: Rates) -> None:
    """What one SKU comes to, once and a month, by the days of a window."""
    columns = ("", f"once, {sku.currency}", *(f"a month, {_every(days, own)}" for days in found.monthly))
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
        (f"vendor's price of {sku.name}", NOTHING, *(vendor for _ in months)),
        ("total", *converted(history.total), *totals),
    ]
    stdout().print(table(f"{sku.display_name}: everything", columns, rows))


def _every(days: int, own: int) -> str:
    every = {DAILY: "extracted daily", WEEKLY: "extracted weekly"}.get(days, f"extracted every {days} days")
    return f"{every} (as sold)" if days == own else every


def echo_sources(rates: Rates, assumptions: Assumptions, today: dt.date) -> None:
    """Say what a cost rests on, and which of it is old."""
    click.echo(
        f"Rates in {rates.currency}, told for days between {rates.dated} and "
        f"{max(told.dated for told in rates.told.values())}; an estimate is no offer of Microsoft's."
    )
    factory, calendar = assumptions.factory, assumptions.calendar
    click.echo(
        f"Assumed: {calendar.working_days_per_week} working days a week, {factory.minutes_per_run} minutes of "
        f"{factory.data_integration_units} data integration units for each run, and so many objects of each user as "
        "the file of assumptions says."
    )
    if old := {**rates.old(today), **assumptions.old(today)}:
        named = ", ".join(f"{key} ({told.dated})" for key, told in old.items())
        click.echo(
            f"Older than a year: {named}. `managed-app rates` and `managed-app assumptions` show the sources: look "
            "them up there, and name files of your own with --rates and --assumptions."
        )


@managed_app.command()
@click.option("--port", type=click.IntRange(0, 65535), default=3002, show_default=True, help="Where it listens.")
@click.option("--host", default="127.0.0.1", show_default=True, help="The address it listens on.")
def listen(port: int, host: str) -> None:
    """Take Azure's notifications of installations: POST /resource?sig=... Ctrl-C ends it.

    They are kept in the ledger; the installation sensor takes them in. Serve it over HTTPS by a reverse proxy.
    """
    from o365_pipeline.managed_app.notification_endpoint import LOG, notification_app

    deployment = load()
    if deployment.offer is None:
        raise SettingsError("O365_OFFER is missing: it names the offer whose installations Azure tells of")
    if deployment.notification_signature is None:
        raise SettingsError("O365_NOTIFICATION_SIGNATURE is missing: `openssl rand -hex 32` prints one")
    LOG.setLevel(logging.INFO)
    LOG.addHandler(logging.StreamHandler())
    app = notification_app(
        deployment.database, deployment.notification_signature, deployment.offer, lambda: dt.datetime.now(dt.UTC)
    )
    web_server.serve(app, host, port, lambda address: click.echo(f"Notifications: {address}/resource (Ctrl-C ends it)"))


@managed_app.command()
@click.option("--take-in", is_flag=True, help="First do what the installation sensor does, where none is at work.")
def installations(take_in: bool) -> None:
    """List all installations: state, consent, the last extraction and error, rows and cost so far."""
    from o365_pipeline.managed_app.installation_assets import COLUMNS, table_of

    deployment = load()
    if deployment.vendor is None:
        raise SettingsError("O365_OFFER is missing: it names the offer whose installations are looked after")
    if take_in:
        deployment.use_dagster_home()
        _take_in(deployment)
    lines = table_of(deployment.database, deployment.vendor, dt.datetime.now(dt.UTC))
    stdout().print(table("Installations", COLUMNS, [tuple(line.cells) for line in lines]))


def _take_in(deployment: Deployment) -> None:
    """Tick the installation sensor once, and execute the uninstallations that it asks for."""
    from o365_pipeline.headless import Headless

    with dg.DagsterInstance.get() as instance:
        headless = Headless(deployment, instance)
        for request in headless.tick("installation_sensor"):
            headless.execute(request)
