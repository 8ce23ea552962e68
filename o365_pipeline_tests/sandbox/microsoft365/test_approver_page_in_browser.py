"""The approver's page in a real Chromium: from a click to the mart and back, by keyboard, without faults of access."""

from __future__ import annotations

import datetime as dt
import os
import socket
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Literal

import dagster as dg
import pytest
import sqlalchemy as sa
import uvicorn
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, Locator, Page, expect, sync_playwright
from starlette.applications import Starlette
from starlette.responses import HTMLResponse
from starlette.routing import Route
from starlette.types import ASGIApp

from o365_pipeline.cli.headless import Headless
from o365_pipeline.cli.insights import insights_of
from o365_pipeline.consent.approvals import State
from o365_pipeline.customers.customer import Customer
from o365_pipeline.customers.data_request import Scope
from o365_pipeline.customers.partitions import range_tags
from o365_pipeline.deployment import Deployment, load
from o365_pipeline.errors import O365PipelineError
from o365_pipeline.sandbox.microsoft365.approver_page import approver_app
from o365_pipeline.web.browser_guard import BrowserGuard
from o365_pipeline_tests.conftest import DAY
from o365_pipeline_tests.deploy.many_customers import DATA_REQUEST, DATASETS
from o365_pipeline_tests.sandbox.conftest import APPROVER, World

CHROMIUM = Path("/usr/bin/chromium")
ARGUMENTS = (
    "--headless --no-sandbox --disable-gpu --disable-quic --no-first-run --disable-background-networking "
    "--disable-component-update --disable-sync"
)
PATIENCE_SECONDS = 30
TABS = 60
ONE_REQUEST = "/requests/t1/app"
SCHEMES: tuple[Literal["light", "dark"], ...] = ("light", "dark")

pytestmark = pytest.mark.skipif(
    not CHROMIUM.exists() and os.environ.get("CI") != "true",
    reason=f"the browser tests need Chromium at {CHROMIUM}",
)


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=ARGUMENTS.split())
        yield browser
        browser.close()


@pytest.fixture
def page(browser: Browser) -> Iterator[Page]:
    page = browser.new_page()
    yield page
    page.close()


Serve = Callable[[ASGIApp], str]


@pytest.fixture
def serve() -> Iterator[Serve]:
    """Serve applications on free ports; each call returns an address."""
    with ExitStack() as servers:
        yield lambda app: servers.enter_context(serving(app))


@contextmanager
def serving(app: ASGIApp) -> Iterator[str]:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        server = uvicorn.Server(uvicorn.Config(app, log_level="warning", lifespan="off"))
        thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]})
        thread.start()
        try:
            yield f"http://127.0.0.1:{listener.getsockname()[1]}"
        finally:
            server.should_exit = True
            thread.join()


@pytest.fixture
def address(world: World, serve: Serve) -> str:
    """Where the page of a sandbox with one pending request is served."""
    world.sandbox.register("t1", world.customer.data_request, [world.customer.sink])
    return serve(BrowserGuard(approver_app(world.sandbox), "127.0.0.1"))


def state(world: World) -> State | None:
    return world.sandbox.consent_status_of("t1", "app").state


def faults(page: Page) -> str:
    """What axe finds wrong with the page; nothing where it is accessible."""
    results = Axe().run(page)
    return results.generate_report() if results.violations_count else ""


class Pipeline:
    """A deployment's sensors and runs, in a thread of their own: the test's thread has the browser's event loop."""

    def __init__(self, deployment: Deployment, instance: dg.DagsterInstance) -> None:
        self._thread = ThreadPoolExecutor(1)
        self._headless = self._thread.submit(Headless, deployment, instance).result()

    def tick(self, sensor: str) -> Sequence[dg.RunRequest]:
        return self._thread.submit(self._headless.tick, sensor).result()

    def asked_for(self, sensor: str) -> Sequence[dg.RunRequest]:
        """Tick the sensor until it asks for runs."""
        patience_ends = time.monotonic() + PATIENCE_SECONDS
        while time.monotonic() < patience_ends:
            if requests := self.tick(sensor):
                return requests
        raise AssertionError(f"{sensor} asked for nothing in {PATIENCE_SECONDS} seconds")

    def execute(self, request: dg.RunRequest) -> None:
        self._thread.submit(self._headless.execute, request).result()


@pytest.fixture
def deployment(home: Path) -> Deployment:
    """A sandbox whose customer asks for people and mails of one day: the others' landing would be more of the same."""
    request = home / "data_request.toml"
    request.write_text(DATA_REQUEST + "".join(DATASETS.values()))
    return load(home=home, sandbox_seconds=0, sandbox_users=12, initial_days=1, data_request=request)


def messages(deployment: Deployment) -> int:
    with deployment.database.begin() as connection:
        return connection.scalar(sa.text("SELECT count(*) FROM fact_message")) or 0


def test_a_click_fills_the_mart_and_another_stops_the_next_extraction(
    deployment: Deployment, customer: Customer, instance: dg.DagsterInstance, page: Page, serve: Serve
) -> None:
    deployment.sandbox.register(customer.tenant_id, customer.data_request, [customer.sink])
    pipeline = Pipeline(deployment, instance)
    assert not pipeline.tick("consent_sensor")

    page.goto(serve(BrowserGuard(approver_app(deployment.sandbox), "127.0.0.1")))
    expect(page.get_by_role("heading", name="Pending 1")).to_be_visible()
    page.get_by_role("link", name=customer.data_request.application_name).click()
    page.get_by_role("button", name="Approve for 180 days").click()

    expect(page.get_by_role("status")).to_contain_text(f"Approved by {APPROVER}.")
    for sensor in ("consent_sensor", "landing_sensor"):
        for request in pipeline.asked_for(sensor):
            pipeline.execute(request)
    assert messages(deployment)
    approver_page = page.url
    page.goto(f"{serve(BrowserGuard(insights_of(deployment), '127.0.0.1'))}/about")
    expect(page.get_by_role("row", name="Message_v1")).to_contain_text(APPROVER)
    page.goto(approver_page)
    paid = len(deployment.sandbox.factory_runs())

    page.get_by_label("Reason").fill("The project has ended.")
    page.get_by_role("button", name="Decline and revoke the approval").click()

    expect(page.get_by_role("status")).to_contain_text(f"Declined by {APPROVER}. No data moves.")
    pipeline.tick("consent_sensor")
    next_day = DAY + dt.timedelta(days=1)
    request = dg.RunRequest(job_name="extraction_job", tags=dict(range_tags(customer.name, next_day, next_day)))
    with pytest.raises(O365PipelineError, match="authorization is approved"):
        pipeline.execute(request)
    assert len(deployment.sandbox.factory_runs()) == paid


def test_the_owner_is_refused_and_what_was_typed_stays(page: Page, address: str, world: World) -> None:
    page.goto(address + ONE_REQUEST)
    form = page.get_by_role("form", name="Approve")
    form.get_by_label("Signed in as").fill(world.customer.data_request.owner)
    form.get_by_label("Leave out").fill("group-1")
    form.get_by_role("button").click()

    expect(page.get_by_role("alert")).to_contain_text("App approver and owner cannot be the same user.")
    expect(page.get_by_role("alert")).to_be_focused()
    expect(form.get_by_label("Leave out")).to_have_value("group-1")
    assert not faults(page)
    assert state(world) is State.PENDING


def test_the_keyboard_alone_approves(page: Page, address: str, world: World) -> None:
    page.goto(address)
    tab_to(page, page.get_by_role("link", name="Insights"))
    page.keyboard.press("Enter")
    page.wait_for_url(f"**{ONE_REQUEST}")
    tab_to(page, page.get_by_role("link", name="Go to the decision"))
    page.keyboard.press("Enter")
    tab_to(page, page.get_by_role("button", name="Approve for 180 days"))
    page.keyboard.press("Enter")

    expect(page.get_by_role("status")).to_be_focused()
    assert state(world) is State.APPROVED


def tab_to(page: Page, wanted: Locator) -> None:
    """Press Tab until the element has the focus; whatever has it on the way shows it."""
    for _ in range(TABS):
        page.keyboard.press("Tab")
        outline = page.evaluate("getComputedStyle(document.activeElement).outlineStyle")
        assert outline == "solid", page.evaluate("document.activeElement.outerHTML")
        if wanted.evaluate("element => element === document.activeElement"):
            return
    raise AssertionError(f"{TABS} tabs do not reach {wanted}")


def test_it_works_without_javascript(browser: Browser, address: str, world: World) -> None:
    page = browser.new_page(java_script_enabled=False)
    page.goto(address + ONE_REQUEST)
    page.get_by_label("Reason").fill("Not needed")
    page.get_by_role("button", name="Decline").click()

    expect(page.get_by_role("status")).to_contain_text("Declined by")
    assert state(world) is State.DENIED
    page.close()


def test_a_form_on_another_site_decides_nothing(page: Page, address: str, serve: Serve, world: World) -> None:
    form = f'<form method="post" action="{address}{ONE_REQUEST}"><button name="decision" value="approve">Go</button>'
    other = serve(Starlette(routes=[Route("/", lambda _request: HTMLResponse(form))]))

    page.goto(other)
    with page.expect_response(address + ONE_REQUEST) as answer:
        page.get_by_role("button").click()

    assert answer.value.status == 403
    expect(page.locator("body")).to_contain_text("sent from another site")
    assert state(world) is State.PENDING


@pytest.mark.parametrize("width", [320, 1200])
def test_no_page_has_a_fault_of_access_or_scrolls_sideways(
    browser: Browser, serve: Serve, world: World, width: int
) -> None:
    address = serve(BrowserGuard(approver_app(world.sandbox), "127.0.0.1"))
    page = browser.new_page(viewport={"width": width, "height": 800})

    def check_in_both_schemes() -> None:
        for scheme in SCHEMES:
            page.emulate_media(color_scheme=scheme)
            assert not faults(page), (page.url, scheme)
            assert page.evaluate("document.documentElement.scrollWidth") <= width, (page.url, scheme)

    def check(path: str, heading: str) -> None:
        page.goto(address + path)
        expect(page.get_by_role("heading", level=1)).to_have_text(heading)
        check_in_both_schemes()

    everything = "Microsoft Graph Data Connect applications"
    check("/", everything)
    register_one_of_each_state(world)
    check("/", everything)
    for name in ("Pending", "Changed", "Approved", "Expired", "Denied"):
        check(f"/requests/t1/{name.lower()}", name)
    check("/requests/t1/changed?decided", "Changed")
    check("/requests/t1/nope", "Not Found")

    page.goto(f"{address}/requests/t1/pending")
    form = page.get_by_role("form", name="Decline")
    form.get_by_label("Reason").fill(" ")
    form.get_by_role("button").click()
    expect(page.get_by_role("alert")).to_contain_text("Give a reason for declining.")
    check_in_both_schemes()
    page.close()


def register_one_of_each_state(world: World) -> None:
    def register(name: str, decision: State | None = None, **changes: object) -> None:
        changes |= {"application_id": name.lower(), "application_name": name, "policies": ("Some policy",)}
        world.sandbox.register(
            "t1", world.customer.data_request.model_copy(update=changes), ["https://acc.dfs.core.windows.net/lake"]
        )
        if decision:
            world.sandbox.decide("t1", name.lower(), decision, APPROVER, "Because")

    register("Expired", State.APPROVED)
    world.clock.forward(days=180)
    register("Approved", State.APPROVED)
    register("Denied", State.DENIED)
    register("Changed", State.APPROVED)
    [mail, *others] = world.customer.data_request.datasets
    group = Scope(kind="List", groups=("11111111-0000-4000-8000-000000000001",))
    wider = mail.model_copy(update={"columns": (*mail.columns, "subject", "internetMessageHeaders"), "scope": group})
    register("Changed", datasets=(wider, *others))
    register("Pending")
