"""Schedules that extract each customer's days since the last extraction.

What belongs here: one schedule for each distinct time, and the days that it requests.
"""

import datetime as dt
import re
from collections.abc import Iterable, Mapping

import dagster as dg

from o365_pipeline.consent import approval_ledger
from o365_pipeline.consent.silence import silences
from o365_pipeline.customers.cron import in_words
from o365_pipeline.customers.customer import NIGHTLY, Customer, Customers
from o365_pipeline.customers.partitions import CUSTOMERS, range_tags
from o365_pipeline.customers.retention import Horizon
from o365_pipeline.dagster_ui.labels import stage_tag
from o365_pipeline.database.database import Database
from o365_pipeline.extraction import extraction_ledger as ledger
from o365_pipeline.extraction.assets import extraction_job
from o365_pipeline.extraction.windows import ONE_DAY, available_days

MAX_DAYS = 31
"""How many days a schedule goes back; older days are requested by hand, so that nobody pays for them by accident."""

MAX_REASON = 2_000


def build_extraction_schedules(
    times: Iterable[str], default_status: dg.DefaultScheduleStatus
) -> list[dg.ScheduleDefinition]:
    """A schedule for each time, however it is written; the nightly one is always there.

    Args:
        times: the cron schedules of customers, and those that further customers may come with.
    """
    known = {schedule_name(cron): cron for cron in [*times, NIGHTLY]}
    return [_schedule(name, cron, default_status) for name, cron in known.items()]


def schedule_name(cron: str) -> str:
    """daily_extraction for the default, else its words: 0 4 * * 1 is extraction_at_04_00_only_on_monday."""
    if in_words(cron) == in_words(NIGHTLY):
        return "daily_extraction"
    return f"extraction_{re.sub('[^a-z0-9]+', '_', in_words(cron).lower())}"


def _schedule(name: str, cron: str, default_status: dg.DefaultScheduleStatus) -> dg.ScheduleDefinition:
    @dg.schedule(
        name=name,
        job=extraction_job,
        cron_schedule=cron,
        execution_timezone="UTC",
        default_status=default_status,
        tags=stage_tag("extraction"),
        description=(
            f"{in_words(cron)} (UTC): the days since the last extraction, up to yesterday, of every customer with this "
            f"schedule whose approval is in force; at most {MAX_DAYS} days back. Days that Data Connect does not have "
            "yet are left for later."
        ),
    )
    def scheduled_extraction(
        context: dg.ScheduleEvaluationContext,
        database: dg.ResourceParam[Database],
        customers: dg.ResourceParam[Customers],
    ) -> list[dg.RunRequest] | dg.SkipReason:
        moment = context.scheduled_execution_time
        yesterday = (moment - ONE_DAY).date()
        known = set(context.instance.get_dynamic_partitions(CUSTOMERS))
        statuses = approval_ledger.consent_statuses(database, customers, moment)
        scheduled = [customer for customer in customers if schedule_name(customer.schedule) == name]
        approved = [customer for customer in scheduled if customer.name in known and statuses[customer.name].approval]
        skipped = [f"{customer.name}: {statuses[customer.name]}" for customer in scheduled if customer not in approved]
        silent = silences(database, approved, statuses, dt.datetime.now(dt.UTC))
        approved = [customer for customer in approved if customer.name not in silent]
        unread = [f"{name}: nothing new is submitted, {silence}" for name, silence in silent.items()]
        if not approved:
            told = [*unread, "No customer's approval is in force." if not silent else "", "; ".join(skipped)]
            return dg.SkipReason(" ".join(filter(None, told))[:MAX_REASON])
        held = ledger.held_until(database, yesterday - ONE_DAY * MAX_DAYS)
        today = moment.date()
        requests = [_request(customer, days) for customer in approved if (days := days_due(customer, held, today))]
        if not requests:
            there = f"All days up to {yesterday} are extracted, under way or not there yet."
            return dg.SkipReason("; ".join([*unread, there])[:MAX_REASON])
        for reason in unread:
            context.log.warning(reason)
        for reason in skipped:
            context.log.info(f"skipped, no approval is in force: {reason}")
        return requests

    return scheduled_extraction


def days_due(
    customer: Customer, held: Mapping[tuple[str, str], dt.date], today: dt.date
) -> tuple[dt.date, dt.date] | None:
    """Returns the first and the last day that a requested dataset lacks and that Data Connect has."""
    nothing = customer.first_day - ONE_DAY
    spans: list[tuple[dt.date, dt.date]] = []
    for dataset in (requested.dataset for requested in customer.data_request.datasets):
        there = available_days(dataset, today, Horizon.of(customer, today).mart)
        last_held = held.get((customer.name, dataset.name), nothing)
        first_day = max(last_held + ONE_DAY, there.first_day, today - ONE_DAY * MAX_DAYS)
        if first_day <= there.last_day:
            spans.append((first_day, there.last_day))
    return (min(first for first, _ in spans), max(last for _, last in spans)) if spans else None


def _request(customer: Customer, days: tuple[dt.date, dt.date]) -> dg.RunRequest:
    first_day, last_day = days
    return dg.RunRequest(
        run_key=f"{customer.name}:{first_day}:{last_day}",
        tags=range_tags(customer.name, first_day, last_day),
    )
