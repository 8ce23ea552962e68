"""The daily digest: how every customer stands, and what happened in the last day, in one message.

What belongs here: the text, and the job that writes it into the ledger once a day, from where the sensor sends it.
"""

import datetime as dt
from collections.abc import Iterator

import dagster as dg
import sqlalchemy as sa

from o365_pipeline.consent import approval_ledger
from o365_pipeline.consent.assets import WARNING_DAYS
from o365_pipeline.consent.silence import silences
from o365_pipeline.customers.customer import Customers
from o365_pipeline.dagster_ui.labels import stage_tag
from o365_pipeline.dagster_ui.steps import working_on
from o365_pipeline.database.database import Database
from o365_pipeline.database.ledger import extraction, id_batches, landing, naive_utc
from o365_pipeline.news import outbox
from o365_pipeline.news.channels import Channels
from o365_pipeline.news.messages import HEADLINES
from o365_pipeline.news.outbox import OF_THE_DEPLOYMENT, Happening, Kind

ONE_DAY = dt.timedelta(days=1)
MORNING = "0 6 * * *"
SHOWN_CUSTOMERS = 20


def digest_of(database: Database, customers: Customers, now: dt.datetime) -> Happening:
    """Returns the digest of the day before a moment; of one day there is one."""
    lines = [*_standings(database, customers, now), *_landed(database, customers, now), *_news(database, now)]
    text = "\n".join([f"the last day, {now:%Y-%m-%d}", *lines])
    return Happening(OF_THE_DEPLOYMENT, Kind.DIGEST, (str(now.date()),), text)


def _standings(database: Database, customers: Customers, now: dt.datetime) -> Iterator[str]:
    statuses = approval_ledger.consent_statuses(database, customers, now)
    silent = silences(database, customers, statuses, now)
    approved = sum(status.approval is not None for status in statuses.values())
    yield f"Approvals in force: {approved} of {len(statuses)} customers."
    lines = []
    for name, status in statuses.items():
        left = status.days_left(now)
        if status.approval is None:
            lines.append(f"- {name}: {status.state or 'no decision yet'}")
        elif name in silent:
            lines.append(f"- {name}: the activity feed cannot be read, nothing new is submitted")
        elif left is not None and left <= WARNING_DAYS:
            lines.append(f"- {name}: the approval ends in {left} days")
    yield from _shortened(lines)


def _landed(database: Database, customers: Customers, now: dt.datetime) -> Iterator[str]:
    query = (
        sa.select(sa.func.count().label("landings"), sa.func.sum(landing.c.rows_landed).label("landed"))
        .join_from(landing, extraction, extraction.c.extraction_id == landing.c.extraction_id)
        .where(landing.c.sealed_at > naive_utc(now - ONE_DAY), landing.c.sealed_at <= naive_utc(now))
    )
    landings = rows = 0
    with database.begin() as connection:
        for some in id_batches([customer.name for customer in customers]):
            found = connection.execute(query.where(extraction.c.customer.in_(some))).one()
            landings, rows = landings + found.landings, rows + (found.landed or 0)
    yield f"Landed: {landings:,} windows of datasets, {rows:,} rows."


def _news(database: Database, now: dt.datetime) -> Iterator[str]:
    found = outbox.recorded_since(database, now - ONE_DAY)
    yield "News:" if found else "News: none."
    yield from _shortened(
        [f"- {name or 'the deployment'}: {HEADLINES[kind]} ({times:,})" for name, kind, times in found]
    )


def _shortened(lines: list[str]) -> Iterator[str]:
    yield from lines[:SHOWN_CUSTOMERS]
    if len(lines) > SHOWN_CUSTOMERS:
        yield f"... and {len(lines) - SHOWN_CUSTOMERS:,} more"


@dg.op(description="Writes what happened in the last day, and how every customer stands, as one message.")
def write_digest(
    context: dg.OpExecutionContext, database: dg.ResourceParam[Database], customers: dg.ResourceParam[Customers]
) -> None:
    with working_on(context):
        now = dt.datetime.now(dt.UTC)
        outbox.record(database, [digest_of(database, customers, now)], now)


@dg.job(
    name="digest_job",
    description="Writes the digest of the last day, which the news_sensor sends to every channel.",
    tags=stage_tag("news"),
)
def digest_job() -> None:
    write_digest()


def build_digest_schedule(default_status: dg.DefaultScheduleStatus) -> dg.ScheduleDefinition:
    """Builds the schedule; `default_status` says whether it is on until somebody changes that in the UI."""

    @dg.schedule(
        name="daily_digest",
        job=digest_job,
        cron_schedule=MORNING,
        execution_timezone="UTC",
        default_status=default_status,
        tags=stage_tag("news"),
        description="Every morning: the digest of the last day, where a channel for news is set (O365_NEWS_URLS).",
    )
    def daily_digest(
        context: dg.ScheduleEvaluationContext, channels: dg.ResourceParam[Channels]
    ) -> dg.RunRequest | dg.SkipReason:
        if not len(channels):
            return dg.SkipReason(NO_CHANNEL)
        return dg.RunRequest(run_key=f"digest:{context.scheduled_execution_time.date()}")

    return daily_digest


NO_CHANNEL = "No channel for news is set: O365_NEWS_URLS."
