"""The approver's page over HTTP: what it shows, what it decides, what it refuses."""

from __future__ import annotations

import datetime as dt
import html
import re
from collections.abc import Mapping
from typing import Any

import httpx2
import pytest
from starlette.testclient import TestClient

from o365_pipeline.consent.approvals import State
from o365_pipeline.customers.data_request import RequestedDataset, Scope, read_data_request
from o365_pipeline.sandbox.microsoft365.approver_page import approver_app
from o365_pipeline.web.browser_guard import BrowserGuard
from o365_pipeline_tests.sandbox.conftest import APPROVER, World

OWNER = "developer@contoso.example"
HOST = "127.0.0.1:3001"
HOSTILE = "<script>alert('x')</script>\"><img src=x onerror=alert(1)>"
GROUP = "11111111-0000-4000-8000-000000000001"


class Page:
    """The page, and what a visitor reads on it."""

    def __init__(self, world: World) -> None:
        self.world = world
        guarded = BrowserGuard(approver_app(world.sandbox), "127.0.0.1")
        self.client = TestClient(guarded, base_url=f"http://{HOST}", follow_redirects=False)

    def register(self, tenant_id: str = "t1", **changes: Any) -> None:
        request = self.world.customer.data_request.model_copy(update=changes)
        self.world.sandbox.register(tenant_id, request, [self.world.customer.sink])

    def decide(self, state: State, application_id: str = "app", **more: Any) -> None:
        self.world.sandbox.decide("t1", application_id, state, APPROVER, **more)

    def open(self, path: str = "/requests/t1/app") -> httpx2.Response:
        return self.client.get(path)

    def read(self, path: str = "/requests/t1/app") -> str:
        return text(self.open(path))

    def send(self, headers: Any = None, **fields: str) -> httpx2.Response:
        return self.client.post("/requests/t1/app", data={"approver": APPROVER, **fields}, headers=headers)

    @property
    def state(self) -> State | None:
        return self.world.sandbox.consent_status_of("t1", "app").state


@pytest.fixture
def page(world: World) -> Page:
    return Page(world)


def text(answer: httpx2.Response) -> str:
    """What stands on the page, without its markup."""
    return words(answer.text.partition("<body>")[2])


def title(answer: httpx2.Response) -> str:
    [found] = re.findall("<title>(.*)</title>", answer.text)
    return html.unescape(found)


def alert(answer: httpx2.Response) -> str:
    """What is announced as a problem."""
    [(_, found)] = re.findall(r'<(\w+)[^>]* role="alert"[^>]*>(.*?)</\1>', answer.text, re.DOTALL)
    return words(found)


def words(markup: str) -> str:
    return " ".join(html.unescape(re.sub(r"<[^>]+>", " ", markup.replace("<wbr>", ""))).split())


def datasets(*requested: Mapping[str, Any]) -> tuple[RequestedDataset, ...]:
    return tuple(RequestedDataset.model_validate(entry) for entry in requested)


def test_an_empty_list_says_what_to_do(page: Page) -> None:
    shown = page.read("/")

    assert "No data request is registered yet" in shown
    assert "o365-pipeline sandbox serve" in shown


def test_the_list_holds_all_tenants_requests_by_state(page: Page, world: World) -> None:
    for number, (name, decision) in enumerate({"Old": State.APPROVED, "Refused": State.DENIED}.items()):
        page.register(application_id=f"a{number}", application_name=name)
        page.decide(decision, f"a{number}", reason="no need")
    world.clock.forward(days=180)
    for name in ("Running", "Changed"):
        page.register(application_id=name.lower(), application_name=name)
        page.decide(State.APPROVED, name.lower())
    page.register(application_id="changed", application_name="Changed", application_version="2.0.0")
    page.register("another-tenant", application_name="Waiting", application_version="3.1.4")

    shown = page.read("/")

    order = ["Pending 1", "Waiting", "Update available 1", "Changed", "Approved 1", "Running"]
    order += ["Expired 1", "Old", "Denied 1", "Refused"]
    places = [shown.index(f" {words} ") for words in order]
    assert places == sorted(places)
    assert f"Waiting 3.1.4 {OWNER} another-tenant none" in shown
    assert f"Running 1.0.0 {OWNER} t1 180 days left, until 19 November 2027" in shown
    assert "180 days left" in shown[shown.index("Changed 2.0.0") :]
    assert f"ended on {world.clock.now.day} {world.clock.now:%B %Y}" in shown


def test_an_approvals_days_are_counted_down_to_the_last(page: Page, world: World) -> None:
    page.register()
    page.decide(State.APPROVED)
    assert "Approved by approver@contoso.example until 23 May 2027 : 180 days left." in page.read()

    world.clock.forward(days=179, hours=1)
    assert "until 23 May 2027 : 1 day left." in page.read()
    assert "1 day left, until 23 May 2027" in page.read("/")

    world.clock.forward(hours=23)
    assert "The approval ended on 23 May 2027 . No data moves until it is renewed." in page.read()
    assert "Renew" in page.read()


def test_a_request_shows_who_asks_for_what_and_where_it_goes(page: Page, world: World) -> None:
    page.register(policies=("Storage accounts should use customer-managed key for encryption",))

    shown = page.read()

    assert f"Developer {OWNER} Application app , version 1.0.0" in shown
    assert f"Anywhere within {world.customer.sink}" in shown
    assert "Data of tenant t1" in shown
    assert "Policies Storage accounts should use customer-managed key for encryption" in shown
    assert "4 columns id internetMessageId sentDateTime bccRecipients" in shown
    assert "User_v1" in shown


def test_a_request_published_with_no_policy_says_so(page: Page) -> None:
    page.register(policies=())
    assert "Policies Published with none." in page.read()


@pytest.mark.parametrize(
    ("scope", "words"),
    [
        (Scope(), "Whose data All people in the tenant"),
        (Scope(kind="List", groups=("g1",)), "Whose data Members of this group: g1"),
        (Scope(kind="List", groups=("g1", "g2")), "Whose data Members of these 2 groups: g1 , g2"),
        (
            Scope(kind="FilterUri", filter_uri="users?$filter=department eq 'Sales'"),
            "Whose data People whom this filter selects: users?$filter=department eq 'Sales'",
        ),
    ],
)
def test_a_scope_is_told_in_words(page: Page, scope: Scope, words: str) -> None:
    page.register(datasets=datasets({"name": "User_v1", "columns": ["id"], "scope": scope}))
    assert words in page.read()


def test_columns_that_hold_what_people_wrote_are_marked(page: Page) -> None:
    page.register(datasets=datasets({"name": "Message_v1", "columns": ["id", "subject", "body", "sentDateTime"]}))

    shown = page.read()

    assert "This application asks for what people wrote : subject, body of Message_v1." in shown
    assert "id subject what people wrote body what people wrote sentDateTime" in shown


def test_a_request_without_such_columns_says_so(page: Page) -> None:
    page.register()

    shown = page.read()

    assert "No column holds what people wrote" in shown
    assert "asks for what people wrote" not in shown


def test_another_organizations_application_is_pointed_out(page: Page) -> None:
    page.register()
    assert "Another organization's tenant: once you approve, your data can be moved to it." in page.read()

    page.register(application_tenant_id="t1")
    assert "Another organization" not in page.read()


def test_an_update_shows_what_it_adds_and_drops_and_that_the_approval_goes_on(page: Page, world: World) -> None:
    page.register(
        datasets=datasets(
            {"name": "Message_v1", "columns": ["id", "isRead"]},
            {"name": "User_v1", "columns": ["id"]},
            {"name": "Manager_v0", "columns": ["id"]},
        )
    )
    page.decide(State.APPROVED)
    changed = world.customer.data_request.model_copy(
        update={
            "application_version": "2.0.0",
            "datasets": datasets(
                {"name": "Message_v1", "columns": ["id", "subject"]},
                {"name": "User_v1", "columns": ["id"], "scope": {"kind": "List", "groups": ["g1"]}},
                {"name": "TeamChat_v1", "columns": ["Id", "Body"]},
            ),
        }
    )
    world.sandbox.register("t1", changed, ["https://acc.dfs.core.windows.net/elsewhere"])

    shown = page.read()

    assert "Update available" in shown
    assert f"Changed since {APPROVER} approved it. The earlier approval goes on working" in shown
    change = shown[shown.index("What changes") : shown.index("Data asked for")]
    assert "That approval goes on working until you decide" in change
    assert f"Destination https://acc.dfs.core.windows.net/elsewhere {world.customer.sink}" in change
    assert "Message_v1 subject what people wrote isRead" in change
    assert "User_v1 Whose data: Members of this group: g1 Whose data: All people in the tenant" in change
    assert "TeamChat_v1 new dataset Id Body what people wrote Whose data: All people in the tenant -" in change
    assert "Manager_v0 no longer asked for - id Whose data: All people in the tenant" in change


def test_a_change_that_touches_no_data_says_so(page: Page) -> None:
    page.register()
    page.decide(State.APPROVED)
    page.register(application_version="2.0.0")

    assert "The data, its columns, whose it is and where it goes stay the same." in page.read()


@pytest.mark.parametrize("state", [State.PENDING, State.APPROVED, State.DENIED])
def test_only_an_update_has_something_to_compare(page: Page, state: State) -> None:
    page.register()
    if state is not State.PENDING:
        page.decide(state, reason="no")

    assert "What changes" not in page.read()


def test_approving_leads_back_to_the_page_which_says_so(page: Page, world: World) -> None:
    page.register()

    answer = page.send(decision="approve")

    assert answer.status_code == 303
    back = page.open(answer.headers["location"])
    assert re.search(r'role="status"[^>]*>\s*Approved by approver@contoso.example', back.text)
    assert "Data may move until 23 May 2027" in text(back)
    assert page.state is State.APPROVED
    assert world.sandbox.consent_status_of("t1", "app").approval.approver == APPROVER
    assert 'role="status"' not in page.open().text


def test_deny_groups_land_in_the_record_and_stay_when_it_is_renewed(page: Page, world: World) -> None:
    page.register()
    world.subscribe()

    assert page.send(decision="approve", deny_groups=f"{GROUP}\r\n\r\n  group-2 \r\n{GROUP}").status_code == 303

    world.clock.forward(seconds=1)
    record = world.records()[-1]
    assert [entry["DenyGroups"] for entry in record["Datasets"]] == [[GROUP, "group-2"]] * 2
    assert {entry["PrivacyPolicyType"] for entry in record["Datasets"]} == {"DenyList"}
    shown = page.open()
    assert f"Left out Members of {GROUP} , group-2" in text(shown)
    assert f">\n{GROUP}\ngroup-2</textarea>" in shown.text


def test_what_is_no_object_id_is_refused_and_the_form_kept(page: Page) -> None:
    page.register()

    answer = page.send(decision="approve", deny_groups=f"{GROUP}\nSales team", approver="other@contoso.example")

    assert answer.status_code == 422
    assert "'Sales team' is no object id." in alert(answer)
    assert f">\n{GROUP}\nSales team</textarea>" in answer.text
    assert answer.text.count('value="other@contoso.example"') == 2
    assert 'aria-invalid="true" aria-describedby="approve-deny_groups-hint approve-deny_groups-problem"' in answer.text
    assert page.state is State.PENDING


@pytest.mark.parametrize("reason", ["", "  \r\n "])
def test_declining_needs_a_reason(page: Page, reason: str) -> None:
    page.register()

    answer = page.send(decision="decline", reason=reason)

    assert answer.status_code == 422
    assert "Give a reason for declining." in alert(answer)
    assert title(answer).startswith("Error: ")
    assert page.state is State.PENDING


def test_declining_keeps_the_reason_in_the_history(page: Page) -> None:
    page.register()

    answer = page.send(decision="decline", reason="Bodies are not needed.")

    back = page.open(answer.headers["location"])
    assert re.search(r'role="status"[^>]*>\s*Declined by approver@contoso.example. No data moves.', back.text)
    shown = text(back)
    assert f"Denied 1.0.0 {APPROVER} Bodies are not needed." in shown[shown.index("History") :]
    assert page.state is State.DENIED


def test_declining_an_approved_request_is_called_and_is_a_revocation(page: Page, world: World) -> None:
    page.register()
    assert "Decline and revoke the approval" not in page.read()
    page.decide(State.APPROVED)
    assert "Decline and revoke the approval" in page.read()

    page.send(decision="decline", reason="No longer used")

    assert world.sandbox.consent_status_of("t1", "app").approval is None
    assert page.state is State.DENIED


def test_the_history_tells_when_who_what_until_when_and_why(page: Page, world: World) -> None:
    page.register()
    world.clock.forward(hours=2, minutes=5)
    page.decide(State.APPROVED, deny_groups=[GROUP])
    world.clock.forward(days=1)
    page.decide(State.DENIED, reason="Changed our mind")

    shown = page.read()
    history = shown[shown.index("History") :]

    assert f"25 November 2026, 11:05 Denied 1.0.0 {APPROVER} Changed our mind" in history
    assert f"24 November 2026, 11:05 Approved until 23 May 2027 1.0.0 {APPROVER} - Left out: {GROUP}" in history
    assert "24 November 2026, 09:00 Pending 1.0.0 Data Connect" in history


@pytest.mark.parametrize(
    "fields", [{"decision": "approve", "deny_groups": GROUP}, {"decision": "decline", "reason": "Not by me"}]
)
def test_the_owner_is_refused_in_microsofts_words_and_the_form_kept(page: Page, fields: dict[str, str]) -> None:
    page.register()

    answer = page.send(**{**fields, "approver": "Developer@Contoso.example"})

    assert answer.status_code == 409
    assert "App approver and owner cannot be the same user." in alert(answer)
    assert 'value="Developer@Contoso.example"' in answer.text
    kept = fields.get("deny_groups") or fields.get("reason")
    assert f">\n{kept}</textarea>" in answer.text
    assert title(answer).startswith("Error: ")
    assert page.state is State.PENDING


def test_somebody_must_be_signed_in(page: Page) -> None:
    page.register()

    answer = page.send(decision="approve", approver=" ")

    assert answer.status_code == 422
    assert "Enter who is signed in." in alert(answer)
    assert page.state is State.PENDING


def test_what_changed_since_it_was_read_is_not_decided(page: Page) -> None:
    page.register()
    [seen] = set(re.findall('name="seen" value="([^"]+)"', page.open().text))
    page.register(application_version="2.0.0")

    answer = page.send(decision="approve", seen=seen)

    assert answer.status_code == 409
    assert "This request has changed since you opened the page." in alert(answer)
    assert page.state is State.PENDING
    [seen] = set(re.findall('name="seen" value="([^"]+)"', answer.text))
    assert page.send(decision="approve", seen=seen).status_code == 303


@pytest.mark.parametrize("fields", [{}, {"decision": "postpone"}])
def test_a_form_without_a_decision_decides_nothing(page: Page, fields: dict[str, str]) -> None:
    page.register()

    assert page.send(**fields).status_code == 400
    assert page.state is State.PENDING


@pytest.mark.parametrize(
    "headers",
    [
        {"origin": "https://evil.example"},
        {"origin": "null"},
        {"origin": "http://127.0.0.1:3002"},
        {"sec-fetch-site": "cross-site"},
        {"sec-fetch-site": "same-site", "origin": f"http://{HOST}"},
    ],
)
def test_a_post_from_another_site_is_refused(page: Page, headers: dict[str, str]) -> None:
    page.register()

    answer = page.send(headers=headers, decision="approve")

    assert answer.status_code == 403
    assert "sent from another site" in answer.text
    assert page.state is State.PENDING


@pytest.mark.parametrize("headers", [{"origin": f"http://{HOST}", "sec-fetch-site": "same-origin"}, {}])
def test_the_pages_own_post_passes(page: Page, headers: dict[str, str]) -> None:
    page.register()

    assert page.send(headers=headers, decision="approve").status_code == 303


def test_hostile_text_is_shown_as_text(page: Page) -> None:
    page.register(application_name=HOSTILE, owner=HOSTILE, policies=(HOSTILE,), application_version=HOSTILE)
    page.send(decision="decline", reason=HOSTILE)
    refused = page.send(decision="approve", deny_groups=HOSTILE, approver=HOSTILE)
    unknown = page.client.get("/requests/t1/%3Cscript%3E")

    for answer in (page.open("/"), page.open(), refused, unknown):
        assert "<script" not in answer.text
        assert "<img" not in answer.text
    assert HOSTILE in page.read("/")
    assert page.read().count(HOSTILE) >= 4
    assert "<script>" in text(unknown)


@pytest.mark.parametrize("path", ["/requests/t1/nope", "/requests/nope/app", "/elsewhere"])
def test_an_unknown_request_is_not_found(page: Page, path: str) -> None:
    page.register()

    answer = page.open(path)

    assert answer.status_code == 404
    assert title(answer).startswith("Not Found")
    assert alert(answer)


def test_an_unknown_request_cannot_be_decided(page: Page) -> None:
    assert page.send(decision="approve").status_code == 404


def test_ids_with_odd_characters_are_reached_from_the_list(page: Page) -> None:
    page.register("tenant ?#", application_id="an & id")

    [address] = re.findall(r'<th [^>]*><a href="([^"]+)"', page.open("/").text)

    assert page.open(html.unescape(address)).status_code == 200


def test_every_answer_allows_own_styles_only(page: Page) -> None:
    page.register()

    for answer in (page.open("/"), page.open(), page.open("/nope"), page.open("/static/approver.css")):
        policy = answer.headers["content-security-policy"]
        assert policy.startswith("default-src 'none'; style-src 'self'; form-action 'self';")
        assert "unsafe" not in policy
        for inline in ("<script", "<style", " style=", " onclick="):
            assert inline not in answer.text


def test_titles_differ(page: Page) -> None:
    page.register()
    answers = [page.open("/"), page.open(), page.send(decision="decline"), page.open("/nope")]
    page.decide(State.APPROVED)
    answers.append(page.open())

    assert len({title(answer) for answer in answers}) == len(answers)
    assert title(answers[1]) == "Insights, pending - Data Connect applications"


def test_the_shipped_requests_policies_are_shown(page: Page) -> None:
    policies = read_data_request(None).policies
    page.register(policies=policies)

    assert len(policies) == 2
    assert all(policy in page.read() for policy in policies)


def test_the_moment_is_the_sandboxs_not_the_machines(page: Page, world: World) -> None:
    world.clock.now = dt.datetime(2031, 1, 1, tzinfo=dt.UTC)
    page.register()
    page.send(decision="approve")

    assert "180 days left" in page.read()
