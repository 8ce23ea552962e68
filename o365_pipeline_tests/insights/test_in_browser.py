"""The pages in a real Chromium: by keyboard, at 320 pixels, light and dark, without faults of access."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from pathlib import Path
from typing import Literal

import pytest
from playwright.sync_api import Page, expect, sync_playwright

from o365_pipeline.customers.customer import Customers
from o365_pipeline.database.database import Database
from o365_pipeline.insights.pages import insights_app
from o365_pipeline.insights.report import report
from o365_pipeline.insights.viewers import SandboxSwitch
from o365_pipeline.mart.marts import Marts
from o365_pipeline.web.server import serving
from o365_pipeline_tests.insights.conftest import PATIENCE_SECONDS
from o365_pipeline_tests.mart.hand_made_mart import SALES, add_weeks
from o365_pipeline_tests.sandbox.microsoft365.test_approver_page_in_browser import (
    ARGUMENTS,
    CHROMIUM,
    faults,
    pytestmark,
    tab_to,
)

__all__ = ["pytestmark"]

Look = tuple[int, Literal["light", "dark"]]

NARROW, WIDE = 320, 1200
LOOKS: tuple[Look, ...] = ((NARROW, "dark"), (WIDE, "light"))


@pytest.fixture(scope="module")
def page() -> Iterator[Page]:
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=ARGUMENTS.split())
        page = browser.new_page()
        page.on("console", lambda message: pytest.fail(message.text) if message.type == "error" else None)
        yield page
        browser.close()


@pytest.fixture
def address(hand_made: Database, customers: Customers) -> Iterator[str]:
    with hand_made.begin() as connection:
        add_weeks(connection)
    switch = SandboxSwitch(customers, everybody_sees_relations=False)
    app = insights_app(Marts(hand_made), customers, switch, PATIENCE_SECONDS)
    with socket.create_server(("127.0.0.1", 0)) as listener, serving(app, "127.0.0.1", listener) as address:
        yield address


def check(page: Page, looks: tuple[Look, ...] = LOOKS) -> None:
    """No fault of access and nothing that scrolls sideways."""
    for width, scheme in looks:
        page.set_viewport_size({"width": width, "height": 800})
        page.emulate_media(color_scheme=scheme)
        assert not faults(page), (page.url, width, scheme)
        assert page.evaluate("document.documentElement.scrollWidth") <= width, (page.url, width)


def test_every_page_is_without_faults_of_access_narrow_and_dark_or_wide_and_light(
    page: Page, address: str, hand_made: Database, tmp_path: Path
) -> None:
    for path, heading in {
        "/": "Overview",
        "/people?q=s": "Who knows whom",
        "/people/s1": "S1",
        "/organizations/fabrikam.com": "fabrikam.com",
        "/oversharing": "Oversharing",
        "/storage": "Storage",
        "/about": "About this data",
    }.items():
        page.goto(address + path)
        expect(page.get_by_role("heading", level=1)).to_have_text(heading)
        check(page)

    (tmp_path / "report.html").write_text(report(hand_made, "contoso", "more"), encoding="utf-8")
    page.goto((tmp_path / "report.html").as_uri())
    expect(page.get_by_role("img", name="Mails sent, by week")).to_be_visible()
    check(page)


def test_the_keyboard_alone_becomes_somebody_and_finds_the_way_into_an_organization(page: Page, address: str) -> None:
    page.set_viewport_size({"width": WIDE, "height": 800})
    page.goto(address)
    tab_to(page, page.get_by_role("combobox"))
    page.keyboard.type("S3")
    tab_to(page, page.get_by_role("button", name="Be that"))
    with page.expect_navigation():
        page.keyboard.press("Enter")
    tab_to(page, page.get_by_role("link", name="Who knows whom"))
    page.keyboard.press("Enter")
    page.wait_for_url("**/people")
    tab_to(page, page.get_by_role("searchbox"))
    page.keyboard.type("fabri")
    page.keyboard.press("Enter")
    page.wait_for_url("**/people?q=fabri")
    tab_to(page, page.get_by_role("link", name="fabrikam.com"))
    page.keyboard.press("Enter")

    expect(page.get_by_role("heading", level=1)).to_have_text("fabrikam.com")
    expect(page.get_by_role("main")).to_contain_text("Ask S1, whom you work with.")
    page.get_by_role("link", name="My time").click()
    expect(page.get_by_role("main")).to_contain_text("Nobody but you sees this page.")
    expect(page.get_by_role("img", name="Hours in meetings, by week")).to_be_visible()
    assert SALES[2] in page.get_by_role("combobox").input_value()
    check(page, LOOKS[:1])
