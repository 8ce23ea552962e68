"""The steps that are drawn, and how often each is.

What belongs here: one function for each kind of step. What must hold after it belongs to `invariants.py`.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Mapping

import dagster as dg

from o365_pipeline.consent.approvals import State
from o365_pipeline.customers.partitions import CUSTOMERS, range_tags
from o365_pipeline.definitions import build_definitions
from o365_pipeline.errors import O365PipelineError
from o365_pipeline_tests.soak.world import World

Step = Callable[[World], str]
"""Does something, and says what."""


def approve(world: World) -> str:
    customer = world.any_customer()
    world.decide(customer, State.APPROVED)
    return customer.name


def approve_for_some_minutes(world: World) -> str:
    customer, minutes = world.any_customer(), world.chance.randint(1, 120)
    world.decide(customer, State.APPROVED, dt.timedelta(minutes=minutes))
    return f"{customer.name} for {minutes} minutes"


def deny(world: World) -> str:
    customer = world.any_customer()
    world.decide(customer, State.DENIED)
    return customer.name


def tick(sensor: str) -> Step:
    """Makes the step that ticks a sensor and executes what it asks for."""

    def step(world: World) -> str:
        requests = world.headless.tick(sensor)
        return f"{len(requests)} runs{execute(world, requests)}"

    return step


def execute(world: World, requests: list[dg.RunRequest] | tuple[dg.RunRequest, ...] | object) -> str:
    """Executes runs one after the other; says why those failed that did."""
    said = ""
    for request in requests:  # type: ignore[attr-defined]
        try:
            world.headless.execute(request)
        except O365PipelineError as error:
            said += f"; {error}"
    return said


def schedule(world: World) -> str:
    """What the nightly schedule asks for at the present moment."""
    schedule = build_definitions(world.deployment).resolve_schedule_def("daily_extraction")
    resources = {name: world.deployment.resources[name] for name in ("database", "customers")}
    with dg.build_schedule_context(
        instance=world.instance, scheduled_execution_time=world.now, resources=resources
    ) as context:
        asked = schedule(context)
    requests = asked if isinstance(asked, list) else []
    return f"{len(requests)} runs{execute(world, [with_job(request) for request in requests])}"


def backfill(world: World) -> str:
    customer, (first, last) = world.any_customer(), world.any_days()
    world.instance.add_dynamic_partitions(CUSTOMERS, [customer.name])
    request = dg.RunRequest(job_name="extraction_job", tags=range_tags(customer.name, first, last))
    return f"{customer.name} {first} to {last}{execute(world, [request])}"


def with_job(request: dg.RunRequest) -> dg.RunRequest:
    return dg.RunRequest(run_key=request.run_key, job_name="extraction_job", tags=request.tags)


STEPS: Mapping[str, tuple[int, Step]] = {
    "approve": (8, approve),
    "approve for some minutes": (3, approve_for_some_minutes),
    "deny or revoke": (3, deny),
    "consent sensor": (6, tick("consent_sensor")),
    "landing sensor": (10, tick("landing_sensor")),
    "purge sensor": (4, tick("purge_sensor")),
    "reconciliation sensor": (1, tick("reconciliation_sensor")),
    "schedule": (2, schedule),
    "backfill": (3, backfill),
}
"""Each kind of step with its weight."""
