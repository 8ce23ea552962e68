"""The news sensor: it looks for what is worth a message, notes it in the ledger, and sends what waits.

What belongs here: one tick, whose work is bounded. What is worth a message is found in `happenings.py` and
`run_history.py`; which message is due is decided in `delivery.py`.
"""

import datetime as dt
from collections.abc import Iterator

import dagster as dg
from pydantic import BaseModel, Field

from o365_pipeline.consent import approval_ledger
from o365_pipeline.consent.silence import silences
from o365_pipeline.cost.assumptions import read_assumptions
from o365_pipeline.cost.rates import read_rates
from o365_pipeline.customers.customer import Customers
from o365_pipeline.dagster_ui.labels import stage_tag
from o365_pipeline.database.database import Database
from o365_pipeline.news import happenings, outbox
from o365_pipeline.news.channels import Channels
from o365_pipeline.news.delivery import deliver
from o365_pipeline.news.digest import NO_CHANNEL
from o365_pipeline.news.outbox import Happening
from o365_pipeline.news.run_history import OVERLAP, ended_runs

COSTS_PER_TICK = 10
"""Of how many customers one tick compares cost and plan; when all had their turn, the next hour begins anew."""


class Cursor(BaseModel):
    """How far the sensor has looked. Whatever it looks at twice is noted once."""

    runs_since: dt.datetime | None = Field(default=None, description="From when on runs that ended are read.")
    hour: str = Field(default="", description="The hour in which what takes longer was begun.")
    costs_after: str | None = Field(default=None, description="The customer up to whom costs were; None: all were.")


def build_news_sensor(default_status: dg.DefaultSensorStatus) -> dg.SensorDefinition:
    """Builds the sensor; `default_status` says whether it is on until somebody changes that in the UI."""

    @dg.sensor(
        name="news_sensor",
        minimum_interval_seconds=60,
        default_status=default_status,
        tags=stage_tag("news"),
        description=(
            "Tells the channels of O365_NEWS_URLS of failed runs and checks, of consent that ends, ended or was "
            "denied, of windows that are stuck, and of costs beyond the plan: of each kind of each customer one "
            "message an hour at most, without personal data. What could not be sent is sent by a later tick."
        ),
    )
    def news_sensor(
        context: dg.SensorEvaluationContext,
        database: dg.ResourceParam[Database],
        customers: dg.ResourceParam[Customers],
        channels: dg.ResourceParam[Channels],
    ) -> dg.SensorResult:
        if not len(channels):
            return dg.SensorResult(skip_reason=NO_CHANNEL, cursor=context.cursor)
        now = dt.datetime.now(dt.UTC)
        cursor = Cursor.model_validate_json(context.cursor or "{}")
        runs = ended_runs(context.instance, customers, cursor.runs_since or now - OVERLAP, now)
        outbox.record(database, runs.happenings, now)
        outbox.record(database, _of_ledger(context.instance, database, customers, now), now)
        cursor = record_in_turn(database, customers, cursor, now)
        delivered = deliver(database, channels, now, context.log)
        told = f"{delivered.sent} messages were sent, {delivered.failed} were not and are tried again."
        return dg.SensorResult(
            skip_reason=told if delivered.sent or delivered.failed else "No message is due.",
            cursor=cursor.model_copy(update={"runs_since": runs.read_until}).model_dump_json(),
        )

    return news_sensor


def _of_ledger(
    instance: dg.DagsterInstance, database: Database, customers: Customers, now: dt.datetime
) -> Iterator[Happening]:
    statuses = approval_ledger.consent_statuses(database, customers, now)
    yield from happenings.of_consent(statuses, silences(database, customers, statuses, now), now)
    yield from happenings.of_extractions(database, customers, now)
    yield from happenings.of_stuck_windows(database, instance, customers, statuses, now)


def record_in_turn(database: Database, customers: Customers, cursor: Cursor, now: dt.datetime) -> Cursor:
    """Records once an hour what is kept too long, and in each tick the costs of some customers, until all had their
    turn; forgets old news.
    """
    hour, after = f"{now:%Y-%m-%dT%H}", cursor.costs_after
    if cursor.hour != hour:
        outbox.record(database, happenings.of_retention(database, customers, now), now)
        outbox.forget(database, now)
        after = after or ""
    if after is None:
        return cursor
    waiting = sorted(customer.name for customer in customers if customer.name > after)
    some = [customers[name] for name in waiting[:COSTS_PER_TICK]]
    outbox.record(database, happenings.of_costs(database, some, read_rates(), read_assumptions(), now), now)
    reached = some[-1].name if len(waiting) > len(some) else None
    return cursor.model_copy(update={"hour": hour, "costs_after": reached})
