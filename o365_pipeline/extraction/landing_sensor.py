"""The landing sensor: it watches all factory runs under way and launches the next stages for those that have landed.

What belongs here: the tick and the grouping. One tick makes one query per customer's factory, however many runs there
are, and further calls only for runs that have ended, and for a few that may wait for consent.
"""

import datetime as dt
from collections.abc import Iterator, Mapping, Sequence

import dagster as dg

from o365_pipeline.consent import approval_ledger
from o365_pipeline.consent.approvals import ApprovalEvent, ConsentStatus
from o365_pipeline.consent.authorization import ask_of, refusal
from o365_pipeline.customers.customer import Customer, Customers
from o365_pipeline.dagster_ui.labels import stage_tag
from o365_pipeline.dagster_ui.run_processes import end_dead_runs
from o365_pipeline.database.database import Database
from o365_pipeline.extraction import extraction_ledger as ledger
from o365_pipeline.extraction import watch
from o365_pipeline.extraction.data_factory import SUCCEEDED, DataFactory
from o365_pipeline.extraction.extraction_ledger import Extraction
from o365_pipeline.extraction.landing_attempts import Attempts, attempts_of, landing_tag, windows_of
from o365_pipeline.extraction.landing_runs import LANDING_JOB, landing_requests
from o365_pipeline.extraction.revocation import cancel_revoked
from o365_pipeline.extraction.termination import cancel_terminated

MAX_LAUNCHES = 50
"""How many runs one tick launches at most; the rest follows in the next tick. What was launched before, and what waits
or is stuck, does not count.
"""

landing_job = dg.define_asset_job(
    LANDING_JOB,
    selection=dg.AssetSelection.key_prefixes("raw", "curated", "mart"),
    description="From what landed to the mart: verifies, seals, types, loads. Launched by the landing sensor.",
    tags=stage_tag("raw"),
)


def build_landing_sensor(
    mart_assets: Sequence[dg.AssetKey], default_status: dg.DefaultSensorStatus
) -> dg.SensorDefinition:
    """Builds the sensor, which materializes the mart's assets after every landing."""

    @dg.sensor(
        job_name=LANDING_JOB,
        minimum_interval_seconds=5,
        default_status=default_status,
        tags=stage_tag("extraction"),
        description=(
            "Watches the factory runs under way with one query per factory and tick, and cancels those that the "
            "approvers no longer allow, or whose run was terminated. When all datasets of a customer's window have "
            "ended, one run takes what landed from the lake to the mart, while an approval is in force."
        ),
    )
    def landing_sensor(
        context: dg.SensorEvaluationContext,
        database: dg.ResourceParam[Database],
        data_factory: DataFactory,
        customers: dg.ResourceParam[Customers],
    ) -> dg.SensorResult:
        names = [customer.name for customer in customers]
        now = dt.datetime.now(dt.UTC)
        end_dead_runs(context.instance, now)
        statuses = approval_ledger.consent_statuses(database, customers, now)
        under_way = ledger.under_way(database, names)
        cancel_revoked(database, data_factory, customers, under_way, statuses, now, context.log)
        cancel_terminated(context.instance, database, data_factory, customers, under_way, context.log)
        under_way = ledger.under_way(database, names)
        stopped = watch.refresh(database, data_factory, customers, under_way, context.log, context.cursor or "")
        waiting: list[str] = []
        ready: dict[str, list[Extraction]] = {}
        for window in windows_of(ledger.not_loaded(database, names)):
            status = statuses[window[0].customer]
            if any(entry.is_under_way for entry in window):
                waiting.append(_progress(window))
            elif status.approval is None:
                waiting.append(
                    f"{window[0].customer} {window[0].window}: no approval is in force ({status}), "
                    "what landed stays where it is"
                )
            else:
                ready[landing_tag(window, status.approval.event_id)] = window
        requests: list[dg.RunRequest] = []
        stuck: list[str] = []
        full: dict[str, ConsentStatus[ApprovalEvent]] = {}
        for tag, attempts in _attempts(context.instance, list(ready)):
            window = ready[tag]
            customer = customers[window[0].customer]
            reason = attempts.reason_to_wait(window, now)
            if reason and not attempts.has_succeeded:
                (waiting if attempts.is_at_work else stuck).append(reason)
                continue
            if len(requests) == MAX_LAUNCHES:
                break
            if customer.name not in full:
                full[customer.name] = approval_ledger.consent_status_of(database, customer, now)
            landed = [entry for entry in window if entry.status == SUCCEEDED]
            refused = _refused(customer, landed, full[customer.name])
            waiting += [
                f"{customer.name} {dataset} {window[0].window} stays where it is: {why}"
                for dataset, why in refused.items()
            ]
            if attempts.has_succeeded and refused:
                continue
            if reason:
                stuck.append(reason)
                continue
            for entry in window:
                if entry.is_without_data:
                    context.log.error(f"{entry.customer} {entry.dataset} {entry.window} {entry.status}: {entry.error}")
            if covered := [entry for entry in landed if entry.dataset not in refused]:
                requests += landing_requests(covered, mart_assets, attempt=(tag, len(attempts.runs) + 1))
        told = [*stuck, *waiting]
        if requests:
            for reason in told:
                context.log.info(reason)
        return dg.SensorResult(
            run_requests=requests,
            skip_reason=None if requests else "; ".join(told) or "No factory run is under way.",
            cursor=stopped,
        )

    return landing_sensor


def _refused(
    customer: Customer, landed: Sequence[Extraction], status: ConsentStatus[ApprovalEvent]
) -> Mapping[str, str]:
    """Dataset -> why its landed data may not be used: it is no longer requested, or no longer approved."""
    found: dict[str, str] = {}
    for entry in landed:
        requested = customer.data_request.requested(entry.dataset)
        if requested is None:
            found[entry.dataset] = "the data request does not name it"
        elif reason := refusal(ask_of(customer, requested.dataset, requested.columns, requested.scope), status):
            found[entry.dataset] = str(reason)
    return found


def _progress(window: Sequence[Extraction]) -> str:
    """Says how far a window's datasets are, and how many wait for consent."""
    done = sum(not entry.is_under_way for entry in window)
    pending = sum(entry.status == ledger.CONSENT_PENDING for entry in window)
    waits = f"; {pending} wait: {watch.CONSENT_WANTED}" if pending else ""
    return f"{window[0].customer} {window[0].window}: {done} of {len(window)} datasets have ended{waits}"


def _attempts(instance: dg.DagsterInstance, tags: Sequence[str]) -> Iterator[tuple[str, Attempts]]:
    """Returns the attempts under each tag, asking for some at a time, since few may be wanted."""
    for start in range(0, len(tags), MAX_LAUNCHES):
        yield from attempts_of(instance, tags[start : start + MAX_LAUNCHES]).items()
