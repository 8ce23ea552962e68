"""The messages of `o365-pipeline dev` while it runs: who decided what, and which runs begin and end.

What belongs here: reading the ledger and Dagster's runs, and the texts. Nothing is changed.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager
from typing import Any, Self

import dagster as dg

from o365_pipeline.consent import approval_ledger
from o365_pipeline.consent.approvals import ConsentStatus, State
from o365_pipeline.deployment import Deployment

NAMED = 3
"""How many waiting customers are named; if there are more, their number is shown."""

TOLD = {
    dg.DagsterRunStatus.STARTED: "begun",
    dg.DagsterRunStatus.SUCCESS: "done",
    dg.DagsterRunStatus.CANCELED: "canceled",
    dg.DagsterRunStatus.FAILURE: "FAILED",
}


class News(AbstractContextManager["News"]):
    """Looks repeatedly, and reports what is new in one line each."""

    def __init__(self, deployment: Deployment, ui: str) -> None:
        self._deployment = deployment
        self._ui = ui
        self._instance = dg.DagsterInstance.get()
        self._since = dt.datetime.now(dt.UTC)
        self._told: set[tuple[str, dg.DagsterRunStatus]] = set()
        self._standings = self._look_at_standings()

    def __enter__(self) -> Self:
        self._instance.__enter__()
        return self

    def __exit__(self, *error: object) -> None:
        self._instance.__exit__(None, None, None)

    def waiting(self) -> Iterator[str]:
        """What is waited for, and what to do."""
        waiting = [name for name, consent_status in self._standings.items() if consent_status.approval is None]
        if not waiting:
            return
        who = ", ".join(waiting) if len(waiting) <= NAMED else f"{len(waiting)} customers"
        how = "approve on that page, or run `o365-pipeline sandbox approve` in another terminal"
        yield f"Waiting for approval of {who}: " + (how if self._deployment.is_sandbox else "nothing moves before it")

    def since_the_last_look(self) -> Iterator[str]:
        """Returns the decisions that were read, and the runs that began or ended."""
        before, self._standings = self._standings, self._look_at_standings()
        for name, consent_status in self._standings.items():
            if consent_status != before.get(name) and consent_status.state is not State.PENDING:
                yield f"{name}: {consent_status}{self._approver(name)}"
        runs = dg.RunsFilter(statuses=list(TOLD), updated_after=self._since)
        for record in self._instance.get_run_records(runs, ascending=True):
            run = record.dagster_run
            if (run.run_id, run.status) in self._told:
                continue
            self._told.add((run.run_id, run.status))
            yield self._line(run)

    def _line(self, run: dg.DagsterRun) -> str:
        what = "materialization" if run.job_name.startswith("__") else run.job_name
        customer = run.tags.get("o365/customer")
        line = f"{f'{customer}: ' if customer else ''}{what} {TOLD[run.status]}"
        return f"{line}: {self._ui}/runs/{run.run_id}" if run.status is dg.DagsterRunStatus.FAILURE else line

    def _look_at_standings(self) -> Mapping[str, ConsentStatus[Any]]:
        """Where each customer's data request stands."""
        return approval_ledger.consent_statuses(
            self._deployment.database, self._deployment.customers, dt.datetime.now(dt.UTC)
        )

    def _approver(self, name: str) -> str:
        customer = self._deployment.customers[name]
        approval = approval_ledger.consent_status_of(
            self._deployment.database, customer, dt.datetime.now(dt.UTC)
        ).approval
        return f", by {approval.approver}" if approval and approval.approver else ""
