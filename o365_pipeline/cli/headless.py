"""A small version of Dagster's daemon: it runs the same sensors and executes the runs that they request, in this
process.

What belongs here: that, for commands that run in a terminal. What the sensors and jobs do belongs to the stages.
"""

from __future__ import annotations

import datetime as dt
import logging
import threading
import time
import uuid
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager

import dagster as dg

from o365_pipeline.consent.feed_reading import read_feeds
from o365_pipeline.customers.customer import Customer, Customers
from o365_pipeline.customers.partitions import CUSTOMERS
from o365_pipeline.dagster_ui.retries import INTERRUPTIONS
from o365_pipeline.dagster_ui.run_processes import SIGN_SECONDS, end_dead_runs, process_tags, sign_of_life
from o365_pipeline.datasets import Dataset, catalogue
from o365_pipeline.definitions import build_definitions, requested_datasets
from o365_pipeline.deployment import Deployment
from o365_pipeline.errors import FeedError, O365PipelineError, UsageError
from o365_pipeline.extraction.extraction_ledger import Extraction
from o365_pipeline.extraction.landing_attempts import LANDING_TAG
from o365_pipeline.extraction.landing_runs import landing_requests
from o365_pipeline.extraction.submission import PATIENCE, Submitter
from o365_pipeline.extraction.windows import Window
from o365_pipeline.mart.assets import MART_KEYS, mart_keys
from o365_pipeline.raw.assets import raw_key
from o365_pipeline.raw.release import release_days

QUIET = {"loggers": {"console": {"config": {"log_level": "CRITICAL"}}}}
PROGRESS_SECONDS = 0.5
READING_SECONDS = 60
SHOWN = 3
"""How many reasons, or customers, one line names."""
LOG = logging.getLogger("o365_pipeline")
RUN_KEY = "dagster/run_key"
INTERRUPTED = {kind.__name__ for kind in INTERRUPTIONS}

StepsDone = Callable[[int], None]


class Headless:
    """Runs a deployment's sensors and executes its runs on one Dagster instance."""

    def __init__(self, deployment: Deployment, instance: dg.DagsterInstance) -> None:
        self._definitions = build_definitions(deployment)
        self._resources = dict(deployment.resources)
        self._instance = instance
        self._cursors: dict[str, str | None] = {}
        self.skip_reasons: dict[str, str] = {}
        """Why a sensor requested no run when it was evaluated last."""
        end_dead_runs(instance, dt.datetime.now(dt.UTC))

    def tick(self, sensor_name: str) -> Sequence[dg.RunRequest]:
        """Evaluates a sensor once, as the daemon would; returns the runs that it requests."""
        sensor = self._definitions.resolve_sensor_def(sensor_name)
        with dg.build_sensor_context(
            instance=self._instance, cursor=self._cursors.get(sensor_name), resources=self._resources
        ) as context:
            result = sensor(context)
        assert isinstance(result, dg.SensorResult)
        self._cursors[sensor_name] = result.cursor
        self.skip_reasons[sensor_name] = str(result.skip_reason or "")
        for addition in result.dynamic_partitions_requests or []:
            self._instance.add_dynamic_partitions(addition.partitions_def_name, list(addition.partition_keys))
        for event in result.asset_events:
            self._instance.report_runless_asset_event(event)
        return result.run_requests or []

    def add_customer(self, customer: Customer) -> None:
        self._instance.add_dynamic_partitions(CUSTOMERS, [customer.name])

    def steps(self, request: dg.RunRequest) -> int:
        """Returns how many steps the run has: one per asset and raw asset's reconciliation; the mart's tables are
        one.
        """
        keys = set(request.asset_selection or [])
        reconciled = keys & {raw_key(dataset) for dataset in catalogue().newest}
        return len(keys - set(MART_KEYS)) + bool(keys & set(MART_KEYS)) + len(reconciled)

    def execute(self, request: dg.RunRequest, steps_done: StepsDone = lambda _done: None) -> None:
        """Executes a run, unless one with its key succeeded before.

        Raises:
            O365PipelineError: the run failed; the message is that of the first step that failed.
        """
        # Whoever asks at a terminal does not wait for a pause: what fails here is not counted among the attempts.
        tags = {name: value for name, value in request.tags.items() if name != LANDING_TAG}
        tags |= process_tags(dt.datetime.now(dt.UTC))
        if request.run_key:
            tags[RUN_KEY] = request.run_key
            done = dg.RunsFilter(tags={RUN_KEY: request.run_key}, statuses=[dg.DagsterRunStatus.SUCCESS])
            if self._instance.get_runs(done, limit=1):
                return
        run_id = str(uuid.uuid4())
        with _watching(self._instance, run_id, steps_done):
            result = self._definitions.resolve_job_def(request.job_name or "").execute_in_process(
                instance=self._instance,
                run_id=run_id,
                run_config={**request.run_config, **QUIET},
                tags=tags,
                asset_selection=list(request.asset_selection) if request.asset_selection else None,
                raise_on_error=False,
            )
        if not result.success:
            failed = [event for event in result.all_events if event.is_step_failure]
            if failed and (cause := failed[-1].step_failure_data.error) and cause.cls_name in INTERRUPTED:
                raise KeyboardInterrupt
            raise _failure(request.job_name or "", failed[0] if failed else None)


def extraction_of_days(
    deployment: Deployment,
    headless: Headless,
    customer: Customer,
    datasets: Sequence[Dataset],
    window: Window,
    anew: str | None = None,
) -> tuple[list[Extraction], list[dg.RunRequest]]:
    """Requests the extraction of days of some of the requested datasets (all if none is named), and returns the factory
    runs with the runs that load them into the mart when they have ended.

    Days that Data Connect does not have of a dataset are logged and left out, as the schedule leaves them out.

    Args:
        anew: why landings that hold one of the days are given up, and extracted anew with all of their days.

    Raises:
        UsageError: the customer's data request does not name one of the datasets, Data Connect does not have a day of
            one that is named, or a landing cannot be given up.
        NotAuthorizedError: no approval in force covers one of them.
    """
    first_day, last_day = window.first_day, window.last_day
    if first_day < (earliest := deployment.first_day):
        raise UsageError(
            f"{first_day} lies before {earliest}, the first day of the customers: configure an earlier one"
        )
    if last_day >= (today := dt.datetime.now(dt.UTC).date()):
        raise UsageError(f"{last_day} is not over yet (UTC): extract days up to {today - dt.timedelta(days=1)}")
    request = customer.data_request
    for dataset in datasets:
        if request.requested(dataset.name) is None:
            raise UsageError(f"{customer.name}'s data request does not name {dataset.name}")
    wanted = [requested for requested in request.datasets if not datasets or requested.dataset in datasets]
    read_consent(deployment, [customer])
    factory, claimant = deployment.resources["data_factory"], f"terminal:{uuid.uuid4()}"
    feed = deployment.resources["activity_feed"]
    submitter = Submitter(deployment.database, factory, claimant, "raw", patience=PATIENCE, feed=feed)
    for requested in wanted:
        submitter.authorized_by(customer, requested)
    days = dict.fromkeys((requested.dataset for requested in wanted), window)
    if anew:
        lake = deployment.lakes.of(customer)
        for dataset in days:
            days[dataset] = release_days(deployment.database, lake, customer, dataset, window, anew)
    asked = [
        entry
        for requested in wanted
        for entry in submitter.submit_days(
            customer, requested, days[requested.dataset].days, leave_out=not datasets
        ).extractions
    ]
    if not asked:
        raise UsageError(f"{customer.name}: Data Connect has none of the days {first_day} to {last_day} now")
    headless.add_customer(customer)
    mart = mart_keys(requested_datasets(deployment))
    return asked, landing_requests(asked, mart, {day for each in days.values() for day in each.days})


def read_consent(deployment: Deployment, customers: Sequence[Customer]) -> None:
    """Reads the decisions of the customers' approvers up to now.

    Raises:
        FeedError: the feed does not answer, or has more records than can be read in a minute.
    """
    feed, now = deployment.resources["activity_feed"], dt.datetime.now(dt.UTC)
    progress = read_feeds(deployment.database, feed, Customers(customers), now, READING_SECONDS, LOG)
    if progress.behind:
        reasons = "; ".join((progress.failures or sorted(progress.behind))[:SHOWN])
        raise FeedError(f"the activity feed could not be read up to now ({reasons}); try again")


def _failure(job: str, event: dg.DagsterEvent | None) -> O365PipelineError:
    """Returns what made a run fail, in one line; where it came from is a note, which --debug shows."""
    if event is None:
        return O365PipelineError(f"{job} failed")
    data = event.step_failure_data
    if data.user_failure_data and data.user_failure_data.description:
        found = O365PipelineError(data.user_failure_data.description)
    else:
        error = data.error
        while error and error.cause:
            error = error.cause
        kind = error.cls_name if error else "an error"
        found = O365PipelineError(
            f"{job} failed, {kind}: this was not foreseen; `o365-pipeline --debug ...` shows more"
        )
    found.add_note(data.error_display_string)
    return found


@contextmanager
def _watching(instance: dg.DagsterInstance, run_id: str, steps_done: StepsDone) -> Iterator[None]:
    """Reports how many of a run's steps are done while it runs, and tells others that this process lives."""
    ended = threading.Event()

    def watch() -> None:
        told, done, cursor = time.monotonic(), 0, None
        while not ended.wait(PROGRESS_SECONDS):
            if time.monotonic() - told >= SIGN_SECONDS:
                told = time.monotonic()
                instance.add_run_tags(run_id, dict(sign_of_life(dt.datetime.now(dt.UTC))))
            ended_steps = instance.get_records_for_run(run_id, cursor, of_type=dg.DagsterEventType.STEP_SUCCESS)
            done, cursor = done + len(ended_steps.records), ended_steps.cursor
            steps_done(done)

    watcher = threading.Thread(target=watch, daemon=True)
    watcher.start()
    try:
        yield
    finally:
        ended.set()
        watcher.join()
