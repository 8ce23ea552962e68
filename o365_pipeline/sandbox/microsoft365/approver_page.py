"""The approver's page: data requests as the Microsoft 365 admin center shows them, and forms to decide on them.

What belongs here: routes and their answers. Deciding belongs to `admin_center.py`; the pages are in `templates/` and
`static/`.
"""

from __future__ import annotations

import dataclasses
import datetime as dt
from collections.abc import Callable, Mapping
from http import HTTPStatus
from pathlib import Path
from typing import Any
from urllib.parse import quote

from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import Mount, Route
from starlette.staticfiles import StaticFiles
from starlette.templating import Jinja2Templates

from o365_pipeline.consent.approvals import State
from o365_pipeline.errors import UsageError
from o365_pipeline.sandbox.microsoft365.admin_center import Sandbox
from o365_pipeline.sandbox.microsoft365.consent_records import APPROVAL_DAYS
from o365_pipeline.sandbox.microsoft365.decision_form import DecisionForm, read_form
from o365_pipeline.sandbox.microsoft365.portal import Application, Portal
from o365_pipeline.sandbox.microsoft365.portal_page import portal_routes
from o365_pipeline.sandbox.microsoft365.registrations import RegisteredRequest, Registration, deny_groups
from o365_pipeline.web.templates import templates_of

STATE_NAMES = {
    State.PENDING: "Pending",
    State.UPDATE_AVAILABLE: "Update available",
    State.APPROVED: "Approved",
    State.EXPIRED: "Expired",
    State.DENIED: "Denied",
}
"""The states in the admin center's words; those that wait for the approver come first."""

CHANGED_MEANWHILE = "This request has changed since you opened the page. Read it again, then decide."


def approver_app(
    sandbox: Sandbox, portal: Portal | None = None, suggested: Callable[[], Application | None] = lambda: None
) -> Starlette:
    """Builds the page as a web application over a sandbox.

    Args:
        portal: where a developer registers applications; without it, the page has no such form.
        suggested: returns the application that the portal's empty form is filled in with.
    """
    page = ApproverPage(sandbox)
    one_request = "/requests/{tenant_id}/{application_id}"
    return Starlette(
        routes=[
            Route("/", page.show_all),
            Route("/add", page.add, methods=["POST"]),
            *(portal_routes(portal, TEMPLATES, suggested) if portal else ()),
            Route(one_request, page.show_one),
            Route(one_request, page.decide, methods=["POST"]),
            Mount("/static", StaticFiles(directory=Path(__file__).parent / "static")),
        ],
        exception_handlers={HTTPException: _problem},
    )


class ApproverPage:
    """Shows the data requests of one sandbox and takes decisions on them."""

    def __init__(self, sandbox: Sandbox) -> None:
        self._sandbox = sandbox

    def show_all(self, request: Request) -> Response:
        """Shows the data requests of all tenants, by state."""
        found = self._sandbox.data_requests()
        groups = [(state, [entry for entry in found if entry.state is state]) for state in STATE_NAMES]
        return TEMPLATES.TemplateResponse(request, "requests.html", {"groups": [group for group in groups if group[1]]})

    async def add(self, request: Request) -> Response:
        """Finds a multi-tenant application, and leads to its page."""
        form = await request.form()
        named = [str(form.get(name, "")).strip() for name in ("tenant", "application", "publisher")]
        try:
            found = await run_in_threadpool(self._sandbox.add, *named)
        except UsageError as error:
            raise HTTPException(404, f"{error}.") from error
        return RedirectResponse(_address(found.registration), HTTPStatus.SEE_OTHER)

    def show_one(self, request: Request) -> Response:
        """Shows one data request and the forms to decide on it."""
        found = self._find(request)
        decided = "decided" in request.query_params and found.latest is not None and found.latest.approver is not None
        return _request_page(request, found, DecisionForm(), decided=decided)

    async def decide(self, request: Request) -> Response:
        """Approves or declines, then leads back to the request's page."""
        fields = {name: value for name, value in (await request.form()).items() if isinstance(value, str)}
        return await run_in_threadpool(self._decide, request, fields)

    def _decide(self, request: Request, fields: Mapping[str, str]) -> Response:
        found = self._find(request)
        form = read_form(fields)
        if form is None:
            raise HTTPException(400, "The form holds no decision: approve or decline.")
        if form.problems:
            return _request_page(request, found, form, HTTPStatus.UNPROCESSABLE_ENTITY)
        try:
            if form.seen and found.latest and form.seen != found.latest.event_id:
                raise UsageError(CHANGED_MEANWHILE)
            self._sandbox.decide(
                found.registration.tenant_id,
                found.registration.data_request.application_id,
                form.state,
                form.approver,
                form.reason or None,
                form.groups,
            )
        except UsageError as error:
            refused = dataclasses.replace(form, refusal=str(error))
            return _request_page(request, found, refused, HTTPStatus.CONFLICT)
        return RedirectResponse(f"{_address(found.registration)}?decided#status", HTTPStatus.SEE_OTHER)

    def _find(self, request: Request) -> RegisteredRequest:
        tenant_id, application_id = request.path_params["tenant_id"], request.path_params["application_id"]
        found = self._sandbox.data_request(tenant_id, application_id)
        if found is None:
            raise HTTPException(404, f"Tenant {tenant_id} has no data request of application {application_id}.")
        return found


def _request_page(
    request: Request, found: RegisteredRequest, form: DecisionForm, status: int = HTTPStatus.OK, decided: bool = False
) -> Response:
    content = {
        "found": found,
        "registration": found.registration,
        "asked": found.registration.data_request,
        "form": form,
        "decided": decided,
    }
    return TEMPLATES.TemplateResponse(request, "request.html", content, status)


def _problem(request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)
    content = {"title": HTTPStatus(error.status_code).phrase, "message": error.detail}
    return TEMPLATES.TemplateResponse(request, "problem.html", content, error.status_code, error.headers)


def _address(registration: Registration) -> str:
    tenant_id, application_id = registration.tenant_id, registration.data_request.application_id
    return f"/requests/{quote(tenant_id, safe='')}/{quote(application_id, safe='')}"


def _day(moment: dt.datetime) -> str:
    return f"{moment.day} {moment:%B %Y}"


def _templates() -> Jinja2Templates:
    env = templates_of("o365_pipeline.sandbox.microsoft365")
    words: dict[str, Any] = {"day": _day, "address": _address, "state_name": STATE_NAMES.get, "left_out": deny_groups}
    env.filters.update(words)
    env.globals.update({"State": State, "approval_days": APPROVAL_DAYS})
    return Jinja2Templates(env=env)


TEMPLATES = _templates()
