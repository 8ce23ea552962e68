"""A small version of Dagster's daemon: it runs the same sensors and executes the runs that they request, in this
process.

What belongs here: that, for commands that run in a terminal. What the sensors and jobs do belongs to the stages.
"""

from __future__ import annotations

import datetime as dt
import logging
import os
import threading
import uuid
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager

import dagster as dg

from o365_pipeline.consent.feed_reading import read_feeds
from o365_pipeline.curated.assets import curated_key
from o365_pipeline.customers.customer import Customer, Customers
from o365_pipeline.customers.data_request import RequestedDataset
from o365_pipeline.customers.partitions import CUSTOMERS, range_tags
from o365_pipeline.datasets import Dataset, catalogue
from o365_pipeline.definitions import build_definitions
from o365_pipeline.deployment import Deployment
from o365_pipeline.errors import FeedError, O365PipelineError, UsageError
from o365_pipeline.extraction.extraction_ledger import Extraction
from o365_pipeline.extraction.landing_sensor import LANDING_JOB
from o365_pipeline.extraction.submission import Submitter
from o365_pipeline.extraction.windows import Window, available_days, unavailable_days
from o365_pipeline.mart.assets import MART_KEYS
from o365_pipeline.raw.assets import raw_key
from o365_pipeline.raw.release import release_days

QUIET = {"loggers": {"console": {"config": {"log_level": "CRITICAL"}}}}
PROGRESS_SECONDS = 0.5
READING_SECONDS = 60
SHOWN = 3
"""How many reasons, or customers, one line names."""
LOG = logging.getLogger("o365_pipeline")
RUN_KEY = "dagster/run_key"
PROCESS = "o365/process"

StepsDone = Callable[[int], None]


class Headless:
    """Runs a deployment's sensors and executes its runs on one Dagster instance."""

    def __init__(self, deployment: Deployment, instance: dg.DagsterInstance) -> None:
        self._definitions = build_definitions(deployment)
        self._resources = dict(deployment.resources)
        self._instance = instance
        self._cursors: dict[str, str | None] = {}
        self._end_dead_runs()

    def tick(self, sensor_name: str) -> Sequence[dg.RunRequest]:
        """Evaluates a sensor once, as the daemon would; returns the runs that it requests."""
        sensor = self._definitions.resolve_sensor_def(sensor_name)
        with dg.build_sensor_context(
            instance=self._instance, cursor=self._cursors.get(sensor_name), resources=self._resources
        ) as context:
            result = sensor(context)
        assert isinstance(result, dg.SensorResult)
        self._cursors[sensor_name] = result.cursor
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
        tags = {**request.tags, PROCESS: str(os.getpid())}
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
            error = failed[0].step_failure_data.error_display_string if failed else ""
            raise O365PipelineError(_message(error) or f"{request.job_name} failed")

    def _end_dead_runs(self) -> None:
        """Marks runs whose terminal was killed as failed, and frees their slots in pools."""
        started = dg.RunsFilter(statuses=[dg.DagsterRunStatus.STARTED])
        for run in self._instance.get_runs(started):
            if (process := run.tags.get(PROCESS)) and not _is_alive(int(process)):
                self._instance.report_run_failed(run, "The terminal that it ran in was killed.")
                self._instance.event_log_storage.free_concurrency_slots_for_run(run.run_id)


def _is_alive(process: int) -> bool:
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True


def extraction_of_days(
    deployment: Deployment,
    headless: Headless,
    customer: Customer,
    datasets: Sequence[Dataset],
    window: Window,
    anew: str | None = None,
) -> tuple[list[Extraction], dg.RunRequest]:
    """Requests the extraction of days of some of the requested datasets (all if none is named), and returns the factory
    runs with the run that loads them into the mart when they have ended.

    Args:
        anew: why landings that hold one of the days are given up, and extracted anew with all of their days.

    Raises:
        UsageError: the customer's data request does not name one of the datasets, or a landing cannot be given up.
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
    wanted = _expected_partitions(customer, datasets, last_day, today)
    read_consent(deployment, [customer])
    submitter = Submitter(deployment.database, deployment.resources["data_factory"], "terminal", "raw")
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
        for entry in submitter.submit_days(customer, requested, days[requested.dataset].days).extractions
    ]
    headless.add_customer(customer)
    keys = [key(entry.dataset) for key in (raw_key, curated_key) for entry in wanted]
    landing = dg.RunRequest(
        job_name=LANDING_JOB,
        asset_selection=[*keys, *MART_KEYS],
        tags=range_tags(
            customer.name, min(each.first_day for each in days.values()), max(each.last_day for each in days.values())
        ),
    )
    return asked, landing


def _expected_partitions(
    customer: Customer, datasets: Sequence[Dataset], last_day: dt.date, today: dt.date
) -> list[RequestedDataset]:
    """Returns those of the named requested datasets (all if none is named) that Data Connect has up to the last day.

    Raises:
        UsageError: Data Connect does not have a named one yet.
    """
    there = []
    for entry in customer.data_request.datasets:
        if datasets and entry.dataset not in datasets:
            continue
        if last_day <= available_days(entry.dataset, today).last_day:
            there.append(entry)
            continue
        [line] = unavailable_days(entry.dataset, [last_day], today)
        if datasets:
            raise UsageError(line)
        LOG.warning(f"left out: {line}")
    return there


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


def _message(error: str) -> str:
    """Returns the message of a Dagster failure without class names and stack traces."""
    lines = [line.strip() for line in error.splitlines() if line.strip()]
    own = next((line for line in lines if "Failure: " in line or "Error: " in line), lines[0] if lines else "")
    return own.split("Failure: ", 1)[-1].split("Error: ", 1)[-1]


@contextmanager
def _watching(instance: dg.DagsterInstance, run_id: str, steps_done: StepsDone) -> Iterator[None]:
    """Reports how many of a run's steps are done, while it runs."""
    ended = threading.Event()

    def watch() -> None:
        while not ended.wait(PROGRESS_SECONDS):
            records = instance.get_records_for_run(run_id, of_type=dg.DagsterEventType.STEP_SUCCESS).records
            steps_done(len(records))

    watcher = threading.Thread(target=watch, daemon=True)
    watcher.start()
    try:
        yield
    finally:
        ended.set()
        watcher.join()
