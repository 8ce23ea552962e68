"""Jobs that do one thing for a customer: purge, replay and uninstallation are such jobs.

What belongs here: how such a job is made, so that its launchpad is filled, and how a run of it is asked for. What it
does is its op's.
"""

from __future__ import annotations

from typing import Any

import dagster as dg

from o365_pipeline.customers.partitions import CUSTOMER_TAG
from o365_pipeline.dagster_ui.labels import stage_tag

EXAMPLE = "contoso"
"""The customer whom a launchpad is filled with: the sandbox's own; elsewhere one writes another name over it."""

REPEATED = dg.RetryPolicy(max_retries=2, delay=30)
"""For ops that do no harm when they are repeated."""


def customer_job(
    name: str, op: dg.OpDefinition, launchpad: dg.Config, description: str, stage: str
) -> dg.JobDefinition:
    """A job of one op, executed in the run's own process.

    Args:
        launchpad: what the launchpad is filled with.
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
    """A run of such a job."""
    return dg.RunRequest(
        run_key=run_key,
        job_name=job_name,
        run_config=_run_config(op, config),
        tags={CUSTOMER_TAG: customer} if customer else {},
    )


def _run_config(op: dg.OpDefinition, config: dg.Config) -> dict[str, Any]:
    """The config with all of its fields, so that the launchpad shows those too that are left empty."""
    return {"ops": {op.name: {"config": config.model_dump()}}}
