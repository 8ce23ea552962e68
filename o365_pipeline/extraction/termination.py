"""Termination: a Dagster run that somebody cancels takes the factory runs along that it asked for.

What belongs here: finding those and cancelling them, in the step that is interrupted, or at the landing sensor's next
tick where the run was in another step or was ended by force. That no retry begins them anew belongs to
`dagster_ui/retries.py`.
"""

from __future__ import annotations

import logging
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import replace

import dagster as dg

from o365_pipeline.customers.customer import Customer, Customers
from o365_pipeline.dagster_ui.retries import INTERRUPTIONS
from o365_pipeline.database.database import Database
from o365_pipeline.errors import O365PipelineError
from o365_pipeline.extraction import extraction_ledger as ledger
from o365_pipeline.extraction import watch
from o365_pipeline.extraction.data_factory import DataFactory
from o365_pipeline.extraction.extraction_ledger import Extraction
from o365_pipeline.extraction.submission import Submitter

REASON = "cancelled, since the run that asked for it was terminated"
ROOT_RUN = "dagster/root_run_id"


@contextmanager
def cancelled_together(submitter: Submitter, customer: Customer) -> Iterator[None]:
    """If the step is interrupted within, cancels the factory runs that the submitter's run asked for."""
    try:
        yield
    except INTERRUPTIONS:
        for entry in ledger.under_way(submitter.database, [customer.name]):
            if _run_of(entry.claim) == _run_of(submitter.claimant):
                _cancel(submitter, customer, entry)
        raise


def cancel_terminated(
    instance: dg.DagsterInstance,
    database: Database,
    factory: DataFactory,
    customers: Customers,
    under_way: Iterable[Extraction],
    log: logging.Logger,
) -> None:
    """Cancels the factory runs whose Dagster run was terminated."""
    asked: dict[str, list[Extraction]] = {}
    for entry in under_way:
        if entry.status != ledger.CANCELING:
            asked.setdefault(_run_of(entry.claim), []).append(entry)
    ended = [dg.DagsterRunStatus.CANCELED, dg.DagsterRunStatus.FAILURE]
    runs = instance.get_runs(dg.RunsFilter(run_ids=list(asked), statuses=ended)) if asked else []
    for run in runs:
        again = instance.get_runs(dg.RunsFilter(tags={ROOT_RUN: run.run_id}), limit=1)
        if (again[0] if again else run).status == dg.DagsterRunStatus.CANCELED:
            for entry in asked[run.run_id]:
                submitter = Submitter(database, factory, run.run_id, "termination", log=log)
                _cancel(submitter, customers[entry.customer], entry)


def _run_of(claim: str) -> str:
    """Returns the Dagster run whose step has the claim; see `claimant` in `assets.py`."""
    return claim.partition(":")[0]


def _cancel(submitter: Submitter, customer: Customer, entry: Extraction) -> None:
    try:
        run_id = replace(submitter, claimant=entry.claim).runs.find(customer, entry)
    except O365PipelineError as error:
        submitter.log.error(f"cancelled, but look in Data Factory for a run of {entry.extraction_id}: {error}")
        return
    asked = replace(entry, factory_run_id=run_id)
    if run_id and watch.cancel(submitter.factory, customer, asked, submitter.log):
        ledger.mark_cancelled(submitter.database, entry.extraction_id, run_id, REASON)
