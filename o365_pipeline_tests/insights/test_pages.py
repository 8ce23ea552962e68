"""The pages over a mart that was made by hand: who sees what, and what nobody sees."""

from __future__ import annotations

import csv
import io
import re
import threading
from collections.abc import Sequence
from typing import Any
from urllib.parse import urlencode

import pytest
import sqlalchemy as sa
from starlette.testclient import TestClient

from o365_pipeline.customers.customer import Customers
from o365_pipeline.database.database import Database
from o365_pipeline.insights import relationships
from o365_pipeline.insights.downloads import csv_of
from o365_pipeline.insights.look import NOT_TOLD
from o365_pipeline.insights.pages import insights_app
from o365_pipeline.insights.reader import Reader
from o365_pipeline.insights.relationships import Contact
from o365_pipeline.insights.report import report
from o365_pipeline.insights.viewers import SandboxSwitch
from o365_pipeline.mart.marts import Marts
from o365_pipeline.mart.tables import (
    agg_person_day,
    agg_site_exposure,
    bridge_call_participant,
    bridge_sharing_grantee,
    dim_customer,
    dim_person,
    dim_site,
    fact_call,
    fact_channel_message,
    fact_sharing_link,
)
from o365_pipeline.mart.tables.settings import write_minimum_group_size
from o365_pipeline_tests.insights.conftest import SignIn, sign_in_to, words
from o365_pipeline_tests.mart.hand_made_mart import MONDAY, SALES, TUESDAY, add

PATIENCE_SECONDS = 30
PAGES = ("/", "/people", "/people/me", "/me", "/oversharing", "/storage", "/about")


def rows(text: str) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(text)))


def test_the_overview_tells_of_the_large_department_and_its_sums_are_that_departments(sign_in: SignIn) -> None:
    overview = sign_in("l1").read("/")

    assert "5 people, in the week from 5 January 2026" in overview
    assert "20 mails sent 8 hours in meetings" in overview
    assert "10 hours of focus 25% of what was sent, after hours" in overview
    assert "Sales 5 20 1.5 2.0 25%" in overview
    assert "Sales, within 10 0 0 5.0" in overview
    assert "Sales 15 1.0" in overview


def test_no_page_and_no_download_tells_of_a_small_group(sign_in: SignIn, hand_made: Database) -> None:
    found = sign_in("s1", analyst=True).everything()

    assert {"/", "/departments.csv", "/oversharing.csv", "/people", "/me", "/storage", "/about"} <= found.keys()
    # The department of a single colleague is no number of a group.
    about_groups = {path: text for path, text in found.items() if not path.startswith("/people")}
    assert not [path for path, text in about_groups.items() if "Legal" in text]
    assert [row["department"] for row in rows(found["/departments.csv"])] == ["Sales"]
    assert "a.com fewer than 5" in words(found["/oversharing"])
    assert "Legal" not in report(hand_made, "contoso", "more")

    with hand_made.begin() as connection:
        write_minimum_group_size(connection, 4)
    found = sign_in("s1", analyst=True).everything()
    assert [row["department"] for row in rows(found["/departments.csv"])] == ["Legal", "Sales"]


def test_without_the_setting_no_group_is_large_enough(sign_in: SignIn, hand_made: Database) -> None:
    with hand_made.begin() as connection:
        connection.exec_driver_sql("DELETE FROM mart_setting WHERE name = 'minimum_group_size'")

    assert "There is nothing to show yet" in sign_in("s1", analyst=True).read("/")


def test_a_person_sees_her_own_time_and_nobody_elses_whatever_she_asks_for(
    sign_in: SignIn, hand_made: Database
) -> None:
    with hand_made.begin() as connection:
        monday = {"date_key": MONDAY, "week_start": MONDAY, "day": MONDAY}
        connection.execute(sa.delete(agg_person_day))
        add(connection, agg_person_day, person_id="s1", mails_sent=7_701, **monday)
        add(connection, agg_person_day, person_id="s2", mails_sent=8_802, **monday)

    for analyst in (False, True):
        s1, s2 = sign_in("s1", analyst), sign_in("s2", analyst)
        assert "7,701" in s1.read("/me") and "8,802" in s2.read("/me")
        s1.client.cookies.set("viewer", "customer=contoso&person=s2")
        asked = [s1.read(f"/me{more}") for more in ("?person=s2", "?person_id=s2", "?oid=s2")]
        s1.client.cookies.clear()
        assert not [text for text in (*asked, *s1.everything().values()) if "8,802" in text]


def test_a_person_sees_with_whom_she_works_and_not_with_whom_others_do(sign_in: SignIn) -> None:
    person = sign_in("s1")

    assert "S2 Sales 1 0 0 0.5" in person.read("/people/me")
    assert "fabrikam.com" in person.read("/people/me")
    assert [person.open(path).status_code for path in ("/people/s2", "/organizations/fabrikam.com")] == [403, 403]
    assert person.open("/people?q=s2").url.path == "/people/me"
    assert "With whom somebody works is shown to analysts." in words(person.open("/people/s2").text)


def test_an_analyst_sees_who_works_with_an_organization_and_whom_to_ask(sign_in: SignIn) -> None:
    analyst = sign_in("l1", analyst=True)

    assert "Ask S1 , whom you work with. Or S2 ." in analyst.read("/organizations/fabrikam.com")
    assert "S1 Sales 1 0 0 0.5 S2 Sales 1 0 0 0.5" in analyst.read("/organizations/FABRIKAM.com")
    assert "You yourself" in sign_in("s2", analyst=True).read("/organizations/fabrikam.com")
    assert "S2 Sales 1 0 0 0.5" in analyst.read("/people/s1")
    assert analyst.open("/organizations/nobody.example").status_code == 404
    assert analyst.open("/people/nobody").status_code == 404


def test_everybody_sees_who_works_with_whom_where_the_deployment_says_so(
    hand_made: Database, customers: Customers
) -> None:
    person = sign_in_to(hand_made, customers, everybody_sees_relations=True)("l1")

    assert "Ask S1" in person.read("/organizations/fabrikam.com")
    assert "You own no site" in person.read("/oversharing")


SEARCHES = {
    "S1": ["S1"],
    "  s": ["S1", "S2", "S3", "S4", "S5"],
    "FABRI": ["fabrikam.com"],
    "%": [],
    "_1": [],
    "[s]1": [],
    "'; DROP TABLE dim_person; --": [],
}


def test_a_search_finds_what_holds_the_text_as_it_is_written(sign_in: SignIn) -> None:
    analyst = sign_in("l1", analyst=True)

    for text, expected in SEARCHES.items():
        found = analyst.open(f"/people?{urlencode({'q': text})}").text.partition("</form>")[2]
        assert re.findall('<a href="/(?:people|organizations)/.*?">(.*?)</a>', found) == expected, text


def site(connection: sa.Connection, name: str, owner: str | None, **more: Any) -> None:
    url = f"https://contoso.example/sites/{name}"
    add(connection, dim_site, day=TUESDAY, site_id=name, url=url, title=name.title(), owner_id=owner, **more)


def test_the_owner_of_a_site_sees_that_site_and_an_analyst_sees_all(sign_in: SignIn, hand_made: Database) -> None:
    with hand_made.begin() as connection:
        for name, owner in (("mine", "s1"), ("other", "s2")):
            site(connection, name, owner, version_bytes=5, total_bytes=10, inactive_days=400, owner_count=1)
            add(connection, agg_site_exposure, day=TUESDAY, site_id=name, level="File", anyone_links=1, permissions=1)

    def seen(person: str, analyst: bool) -> list[set[str]]:
        visitor = sign_in(person, analyst)
        texts = [visitor.open(path).text for path in ("/oversharing", "/oversharing.csv", "/storage")]
        return [{name for name in ("Mine", "Other") if name in text} for text in texts]

    assert seen("s1", analyst=False) == [{"Mine"}] * 3
    assert seen("s3", analyst=False) == [set()] * 3
    assert seen("s1", analyst=True) == [{"Mine", "Other"}] * 3


def test_what_is_open_for_most_is_fixed_first(sign_in: SignIn, hand_made: Database) -> None:
    with hand_made.begin() as connection:
        connection.execute(sa.delete(agg_site_exposure))
        openness = {
            "members": {"everyone_except_external_grants": 9},
            "anyone": {"anyone_links": 1},
            "closed": {"specific_people_links": 9},
            "links": {"organization_links": 9},
            "everybody": {"everyone_grants": 2},
        }
        for name, counts in openness.items():
            site(connection, name, None)
            add(connection, agg_site_exposure, day=TUESDAY, site_id=name, level="File", permissions=9, **counts)
    analyst = sign_in("s1", analyst=True)

    downloaded = rows(analyst.open("/oversharing.csv").text)
    assert [row["title"] for row in downloaded] == ["Anyone", "Everybody", "Members", "Links", "Closed"]
    assert downloaded[0]["advice"] == "Replace its links for anyone by links for named people"
    page = analyst.read("/oversharing")
    assert "5 sites with permissions of their own 4 of them open to more than named people" in page
    assert "1 open to whoever has a link 1 such links" in page
    assert "Closed" not in page.partition("What to fix first")[2]


@pytest.mark.parametrize(
    ("name", "written"),
    [
        ("=cmd()", "'=cmd()"),
        ("\uff1dcmd()", "'\uff1dcmd()"),
        # Where commas are decimal, a semicolon ends a cell.
        ("Sales;=cmd()", "Sales;'=cmd()"),
        ("Sales;\t-1+cmd()", "Sales;\t'-1+cmd()"),
        ("Sales\n@cmd()", "Sales\n'@cmd()"),
        ("https://contoso.example/a?b=1;c=2 - all", "https://contoso.example/a?b=1;c=2 - all"),
    ],
)
def test_no_cell_of_a_download_begins_a_formula_wherever_a_spreadsheet_takes_it_to_begin(
    name: str, written: str
) -> None:
    assert rows(bytes(csv_of("sites", ["title"], [[name]]).body).decode()) == [{"title": written}]


def test_a_sites_name_is_no_formula_and_no_markup(sign_in: SignIn, hand_made: Database) -> None:
    hostile = '=HYPERLINK("http://evil.example")<script>alert(1)</script>'
    with hand_made.begin() as connection:
        connection.execute(sa.update(dim_site).values(title=hostile, sensitivity_label="$x^{"))
        connection.execute(sa.update(dim_person).values(display_name=hostile))
    analyst = sign_in("s1", analyst=True)

    assert rows(analyst.open("/oversharing.csv").text)[0]["title"] == f"'{hostile}"
    for path in ("/people?q=s", "/people/s1", "/organizations/fabrikam.com", "/me", "/oversharing", "/storage"):
        assert "<script" not in analyst.open(path).text


def test_guests_of_an_organization_are_counted_where_they_are_enough(sign_in: SignIn, hand_made: Database) -> None:
    with hand_made.begin() as connection:
        for number in range(5):
            told = {"permission_id": f"p{number}", "day": TUESDAY}
            add(connection, fact_sharing_link, **told, operation="Created", site_id="site")
            add(
                connection, bridge_sharing_grantee, **told, grantee_id=f"g{number}", kind="guest", domain="many.example"
            )

    assert "many.example 5 a.com fewer than 5" in sign_in("s1", analyst=True).read("/oversharing")


def test_calls_are_told_of_where_enough_people_took_part_in_them_and_in_the_others(
    hand_made: Database, customers: Customers
) -> None:
    def overview() -> str:
        return sign_in_to(hand_made, customers)("s1").read("/")

    assert "Calls and online meetings" not in overview()

    with hand_made.begin() as connection:
        for person in SALES:
            add(connection, bridge_call_participant, call_id="c1", participant_id=person, person_id=person)
    assert "2026-01, call 1 12 1" in overview()

    with hand_made.begin() as connection:
        add(connection, fact_call, call_id="c2", kind="call", duration_minutes=20)
        add(connection, bridge_call_participant, call_id="c2", participant_id="s1", person_id="s1")
    assert f"2026-01, call 2 16 {NOT_TOLD}" in overview()

    with hand_made.begin() as connection:
        connection.execute(sa.update(fact_call).where(fact_call.c.call_id == "c1").values(duration_minutes=None))
    assert f"2026-01, call 2 {NOT_TOLD} {NOT_TOLD}" in overview()


def test_a_channel_is_told_of_where_enough_people_write_and_its_replies_where_enough_reply(
    hand_made: Database, customers: Customers
) -> None:
    def overview() -> str:
        return sign_in_to(hand_made, customers)("s1").read("/")

    def write(number: int, person: str, is_reply: bool) -> None:
        told = {"channel_id": "general", "group_id": "team", "channel_message_id": f"m{number}"}
        with hand_made.begin() as connection:
            add(connection, fact_channel_message, **told, sender_id=person, is_reply=is_reply)

    for number, person in enumerate(SALES[:4]):
        write(number, person, is_reply=False)
    assert "The busiest channels" not in overview()

    write(4, SALES[4], is_reply=False)
    write(5, SALES[0], is_reply=True)
    assert f"General Team 8 {NOT_TOLD}" in overview()

    for number, person in enumerate(SALES[1:], start=6):
        write(number, person, is_reply=True)
    assert "General Team 12 50%" in overview()


def test_who_leads_most_people_leads(sign_in: SignIn) -> None:
    assert "Who leads most people Name Direct reports S1 Sales 8" in sign_in("l1", analyst=True).read("/people")


def test_whoever_is_not_signed_in_or_of_another_tenant_sees_nothing(sign_in: SignIn) -> None:
    nobody, other = sign_in("s1"), sign_in("s1", tenant="33333333-0000-4000-8000-000000000003")
    nobody.headers = {}

    for path in (*PAGES, "/people/s1", "/organizations/fabrikam.com", "/departments.csv", "/oversharing.csv"):
        assert (nobody.open(path).status_code, other.open(path).status_code) == (401, 403), path


def test_only_the_sandboxs_switch_lets_somebody_be_another(
    sign_in: SignIn, hand_made: Database, customers: Customers
) -> None:
    assert sign_in("s1").client.post("/viewer", data={"person": "s2"}).status_code == 404

    client = TestClient(insights_app(Marts(hand_made), customers, SandboxSwitch(customers, False)))
    client.post("/viewer", data={"customer": "contoso", "person": "s2"})
    assert "selected>S2<" in client.get("/me").text
    assert client.get("/people/s1").status_code == 403


def test_a_mart_that_cannot_be_read_is_said_in_a_line_without_its_rows(
    sign_in: SignIn, hand_made: Database, caplog: pytest.LogCaptureFixture
) -> None:
    with hand_made.begin() as connection:
        connection.exec_driver_sql("DROP VIEW department_week")

    answer = sign_in("s1").open("/")
    assert answer.status_code == 503
    assert "The mart cannot be read now" in answer.text
    assert caplog.messages == [
        "an answer cannot be made (OperationalError)",
        "the mart cannot be read (OperationalError)",
    ]


def test_a_mart_without_rows_has_pages_too(sign_in: SignIn, hand_made: Database) -> None:
    with hand_made.begin() as connection:
        for table in (agg_person_day, dim_customer, dim_person, dim_site, agg_site_exposure):
            connection.execute(sa.delete(table))

    assert "There is nothing to show yet" in sign_in("s1", analyst=True).read("/")
    assert [sign_in("s1", analyst=True).open(path).status_code for path in PAGES] == [200, 200, 404, 200, 200, 200, 200]


def test_a_search_for_somebody_is_answered_before_what_everybody_shares_is_waited_for(
    sign_in: SignIn, monkeypatch: pytest.MonkeyPatch
) -> None:
    people_are_found = threading.Event()
    search, nearest = relationships.people_called, relationships.nearest_organizations

    def people_called(reader: Reader, text: str) -> Sequence[Contact]:
        found = search(reader, text)
        people_are_found.set()
        return found

    def nearest_organizations(reader: Reader) -> Sequence[Contact]:
        assert people_are_found.wait(PATIENCE_SECONDS)
        return nearest(reader)

    monkeypatch.setattr(relationships, "people_called", people_called)
    monkeypatch.setattr(relationships, "nearest_organizations", nearest_organizations)
    found = sign_in("s1", analyst=True).read("/people?q=s")

    assert people_are_found.is_set()
    assert "fabrikam.com" not in found
