"""Jobs that do one thing for one customer: purge and replay.

What belongs here: building such a job with a filled-in launchpad, and requesting a run of it. The work belongs to the
job's op.
"""

from __future__ import annotations

from typing import Any

import dagster as dg

from o365_pipeline.customers.partitions import CUSTOMER_TAG
from o365_pipeline.dagster_ui.labels import stage_tag
from o365_pipeline.dagster_ui.retries import UnlessTerminated

EXAMPLE = "contoso"
"""The customer in a filled-in launchpad: the sandbox's own; elsewhere, another name is written over it."""

REPEATED = UnlessTerminated(max_retries=2, delay=30)
"""The retry policy of ops that may safely be repeated."""


def customer_job(
    name: str, op: dg.OpDefinition, launchpad: dg.Config, description: str, stage: str
) -> dg.JobDefinition:
    """Builds a job of one op, which is executed in the run's own process.

    Args:
        launchpad: the contents of the launchpad.
    """

    @dg.job(
        name=name,
        description=description,
        executor_def=dg.in_process_executor,
        config=_run_config(op, launchpad),
        tags=stage_tag(stage),
    )
    def job() -> None:
        op()

    return job


def customer_run(
    job_name: str, op: dg.OpDefinition, config: dg.Config, customer: str | None, run_key: str | None = None
) -> dg.RunRequest:
    """Requests a run of such a job."""
    return dg.RunRequest(
        run_key=run_key,
        job_name=job_name,
        run_config=_run_config(op, config),
        tags={CUSTOMER_TAG: customer} if customer else {},
    )


def _run_config(op: dg.OpDefinition, config: dg.Config) -> dict[str, Any]:
    """Returns the config with all of its fields, so that the launchpad also shows those that are empty."""
    return {"ops": {op.name: {"config": config.model_dump()}}}
