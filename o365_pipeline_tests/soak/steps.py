"""The steps that are drawn, and how often each is.

What belongs here: one function for each kind of step. What must hold after it belongs to `invariants.py`.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Mapping, Sequence

import dagster as dg

from o365_pipeline.consent.approvals import State
from o365_pipeline.customers.customer import Customer
from o365_pipeline.customers.partitions import CUSTOMERS, range_tags
from o365_pipeline.definitions import build_definitions
from o365_pipeline.errors import O365PipelineError
from o365_pipeline.sandbox.microsoft365.feed_faults import BlobFault
from o365_pipeline_tests.soak.faults import draw_factory_fault
from o365_pipeline_tests.soak.processes import Child, Daemon, end_runs_that_never_began, kill, terminal, wait, worker
from o365_pipeline_tests.soak.violation import ViolationError
from o365_pipeline_tests.soak.world import World

SENSORS = ("consent_sensor", "landing_sensor", "purge_sensor")
LONGEST_LIFE = 8.0
"""A process that is killed is killed within so many seconds."""

DAEMON_SECONDS = 45.0
CLOCK_STEPS = (45, 90, 10 * 60, 3_600, 3 * 3_600, 26 * 3_600, -2, -30)
"""Backwards only as far as what was read of the feed is listed again, since Microsoft's clock goes back with ours."""

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


def execute(world: World, requests: Sequence[dg.RunRequest]) -> str:
    """Executes runs one after the other; says why those failed that did."""
    said = ""
    for request in requests:
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
    return _backfill(world, world.any_customer())


def _backfill(world: World, customer: Customer) -> str:
    first, last = world.any_days()
    world.instance.add_dynamic_partitions(CUSTOMERS, [customer.name])
    request = dg.RunRequest(job_name="extraction_job", tags=range_tags(customer.name, first, last))
    return f"{customer.name} {first} to {last}{execute(world, [request])}"


def with_job(request: dg.RunRequest) -> dg.RunRequest:
    return dg.RunRequest(run_key=request.run_key, job_name="extraction_job", tags=request.tags)


def extract(world: World) -> str:
    """One terminal."""
    child = terminal(world, _extraction(world))
    wait(world, [child])
    return _told([child])


def extract_twice_at_once(world: World) -> str:
    """Two terminals that ask for days of one customer at the same moment."""
    customer = world.any_customer().name
    children = [terminal(world, _extraction(world, customer)) for _ in range(2)]
    wait(world, children)
    return _told(children)


def extract_beside_a_backfill(world: World) -> str:
    """A terminal and the extraction job, for days of one customer."""
    customer = world.any_customer()
    child = terminal(world, _extraction(world, customer.name))
    with world.clock.beside_others():
        world.clock.really_sleep(world.chance.uniform(0, 2))
        said = _backfill(world, customer)
    wait(world, [child])
    return f"{said}; {_told([child])}"


def decide_beside_a_terminal(world: World) -> str:
    """An approver who denies, or approves anew, while a terminal extracts."""
    customer = world.any_customer()
    child = terminal(world, _extraction(world, customer.name))
    child.process.join(world.chance.uniform(0, LONGEST_LIFE))
    state = world.chance.choice((State.APPROVED, State.DENIED))
    world.decide(customer, state)
    wait(world, [child])
    return f"{state}; {_told([child])}"


def extract_anew(world: World) -> str:
    """A terminal that gives up what landed, and extracts it anew."""
    dataset = world.chance.choice(("Message_v1", "User_v1"))
    child = terminal(world, [*_extraction(world), "--dataset", dataset, "--anew", "the soak wants it"])
    wait(world, [child])
    return _told([child])


def damage(world: World) -> str:
    """Changes a byte of some part in the lake, or takes the part away."""
    parts = sorted(path for path in (world.home / "lake").rglob("part-*") if path.stat().st_size)
    if not parts:
        return "nothing is there"
    path = world.chance.choice(parts)
    if world.chance.random() < 0.5:
        path.unlink()
        return f"{path.relative_to(world.home)} is lost"
    content = bytearray(path.read_bytes())
    content[world.chance.randrange(len(content))] ^= 1
    path.write_bytes(content)
    return f"{path.relative_to(world.home)} is changed"


def purge(world: World) -> str:
    end_runs_that_never_began(world)
    child = terminal(world, ["purge", "--customer", world.any_customer().name])
    wait(world, [child])
    return _told([child])


def kill_a_terminal(world: World) -> str:
    """An extraction, or a purge, that is killed at some moment."""
    customer = world.any_customer().name
    arguments = world.chance.choice([_extraction(world, customer), ["purge", "--customer", customer]])
    return _kill(world, terminal(world, arguments))


def kill_a_worker(world: World) -> str:
    """What sensors ask for, killed at some moment."""
    return _kill(world, worker(world, world.chance.sample(SENSORS, 2)))


def kill_a_worker_beside_a_terminal(world: World) -> str:
    other = terminal(world, _extraction(world))
    said = _kill(world, worker(world, world.chance.sample(SENSORS, 2)))
    wait(world, [other])
    return f"{said}; {_told([other])}"


def daemon(world: World) -> str:
    """Dagster's daemon for some seconds; its run workers may be killed, and in the end all are."""
    lives = world.chance.uniform(DAEMON_SECONDS / 3, DAEMON_SECONDS)
    decides = world.chance.random() < 0.5
    kills = world.chance.random() < 0.5
    at_work, killed = Daemon(world), 0
    try:
        if decides:
            approve(world)
        for _ in range(round(lives * 5)):
            world.clock.really_sleep(0.2)
            workers = at_work.look()
            if kills and workers and world.chance.random() < 0.1:
                kill(workers[0])
                killed += 1
    finally:
        at_work.kill_all()
    return f"{lives:.0f} s, {killed} run workers killed"


def step_the_clock(world: World) -> str:
    seconds = world.chance.choice(CLOCK_STEPS)
    world.clock.step(seconds)
    return f"{seconds:+} s"


def fault_of_the_factory(world: World) -> str:
    """Something that goes wrong with some of the next requests of this process."""
    return draw_factory_fault(world.chance, world.factory_faults)


def fault_of_the_feed(world: World) -> str:
    chance, faults = world.chance, world.feed_faults
    fault = chance.choice(("throttled", "blob", "pages", "twice"))
    world.feed_failed_at = world.now
    match fault:
        case "throttled":
            faults.throttle(chance.randint(1, 4), chance.choice((None, 1, 90)))
        case "blob":
            faults.spoil_blobs(chance.randint(1, 2), chance.choice(list(BlobFault)))
        case "pages":
            faults.refuse_pages(1)
        case "twice":
            faults.lists_twice = not faults.lists_twice
    return fault


def mend(world: World) -> str:
    world.mend()
    return "factory and feed"


def _extraction(world: World, customer: str | None = None) -> list[str]:
    first, last = world.any_days()
    return ["extract", "--customer", customer or world.any_customer().name, "--from", str(first), "--to", str(last)]


def _kill(world: World, child: Child) -> str:
    lives = world.chance.uniform(0, LONGEST_LIFE)
    child.process.join(lives)
    ended = not child.process.is_alive()
    child.kill()
    return f"{child.what} " + (_told([child]) if ended else f"killed after {lives:.1f} s")


def _told(children: list[Child]) -> str:
    """Says how processes ended; one of the project's commands never ends with a traceback."""
    for child in children:
        if "Traceback (most recent call last)" in child.said:
            raise ViolationError(f"{child.what} ended with a traceback: {child.last_line}")
    return "; ".join(f"{child.what}: {child.process.exitcode} {child.last_line[:150]}" for child in children)


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
    "extract": (4, extract),
    "extract twice at once": (3, extract_twice_at_once),
    "extract beside a backfill": (2, extract_beside_a_backfill),
    "decide beside a terminal": (2, decide_beside_a_terminal),
    "damage": (2, damage),
    "extract anew": (1, extract_anew),
    "purge": (2, purge),
    "kill a terminal": (4, kill_a_terminal),
    "kill a worker": (4, kill_a_worker),
    "kill a worker beside a terminal": (1, kill_a_worker_beside_a_terminal),
    "daemon": (2, daemon),
    "clock step": (4, step_the_clock),
    "factory fault": (3, fault_of_the_factory),
    "feed fault": (2, fault_of_the_feed),
    "mend faults": (3, mend),
}
"""Each kind of step with its weight."""
