"""The pages as a web application: their addresses, who may open them, and what each shows.

What belongs here: routes and their answers. What is shown is asked in the module of each page; how it looks is in
`templates/` and `static/`.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager
from functools import partial
from http import HTTPStatus
from pathlib import Path
from typing import Any, TypeVar

import sqlalchemy as sa
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import Mount, Route
from starlette.staticfiles import StaticFiles

from o365_pipeline.customers.customer import Customers
from o365_pipeline.errors import O365PipelineError
from o365_pipeline.insights import relationships
from o365_pipeline.insights.calls import calls, channels
from o365_pipeline.insights.data_state import data_state
from o365_pipeline.insights.downloads import csv_of
from o365_pipeline.insights.kept_answers import KeptAnswers, Mart
from o365_pipeline.insights.look import TEMPLATES
from o365_pipeline.insights.my_time import my_weeks, people_to_be, person
from o365_pipeline.insights.overview import answers, flow, pairs
from o365_pipeline.insights.pictures import around_somebody
from o365_pipeline.insights.reader import SHOWN, Reader, reader_of
from o365_pipeline.insights.sites import REACH, exposures, oversharing, storage
from o365_pipeline.insights.viewers import COOKIE, SandboxSwitch, SignIn, Viewer
from o365_pipeline.mart.marts import Marts

LOG = logging.getLogger("o365_pipeline.insights")

PATIENCE_SECONDS = 0.6

DOWNLOADED = 100_000
"""How many rows a download has at most."""

PEOPLE_OF_THE_SWITCH = 200
WAYS = 3

Answer = TypeVar("Answer")


def insights_app(
    marts: Marts, customers: Customers, sign_in: SignIn, patience_seconds: float = PATIENCE_SECONDS
) -> Starlette:
    """Builds the application over the customers' marts.

    Args:
        patience_seconds: how long a page waits for answers about the whole organization, from its beginning on.
    """
    pages = Pages(marts, customers, sign_in, patience_seconds)
    switch = [Route("/viewer", pages.choose_viewer, methods=["POST"])] if isinstance(sign_in, SandboxSwitch) else []
    return Starlette(
        routes=[
            Route("/", pages.overview),
            Route("/departments.csv", pages.departments_csv),
            Route("/people", pages.who_knows_whom),
            Route("/people/{person_id}", pages.somebody),
            Route("/organizations/{domain}", pages.organization),
            Route("/me", pages.my_time),
            Route("/oversharing", pages.oversharing),
            Route("/oversharing.csv", pages.oversharing_csv),
            Route("/storage", pages.storage),
            Route("/about", pages.about),
            *switch,
            Route("/alive", lambda _request: Response(status_code=HTTPStatus.NO_CONTENT)),
            Mount("/static", StaticFiles(directory=Path(__file__).parent / "static")),
        ],
        exception_handlers={
            HTTPException: _problem,
            O365PipelineError: _unreadable,
            sa.exc.SQLAlchemyError: _unreadable,
        },
    )


class Pages:
    """Shows each viewer what that viewer may see."""

    def __init__(self, marts: Marts, customers: Customers, sign_in: SignIn, patience_seconds: float) -> None:
        self._marts = marts
        self._customers = customers
        self._sign_in = sign_in
        self._kept = KeptAnswers(patience_seconds)

    def overview(self, request: Request) -> Response:
        """Shows how work flows, by week and by department."""
        viewer = self._sign_in.viewer(request)
        with self._reading(viewer) as reader:
            asked = {"found": flow, "pairs": pairs, "answers": answers, "calls": calls, "channels": channels}
            return self._page(request, viewer, reader, "overview.html", **self._answers(reader, asked))

    def departments_csv(self, request: Request) -> Response:
        """Downloads the departments' averages, as the page shows them."""
        with self._reading(self._sign_in.viewer(request)) as reader:
            found = self._answer(reader, "found", flow)
        if found is None:
            raise HTTPException(HTTPStatus.SERVICE_UNAVAILABLE, "This is being counted. Try again in a while.")
        departments = found.departments
        names = list(departments[0][1].__dataclass_fields__) if departments else []
        rows = ((name, *(getattr(work, field) for field in names)) for name, work in departments)
        return csv_of("departments", ("department", *names), rows)

    def who_knows_whom(self, request: Request) -> Response:
        """Searches people and outside organizations; shows those of the latter that are nearest."""
        viewer = self._sign_in.viewer(request)
        text = request.query_params.get("q", "")[:100].strip()
        if not viewer.sees_relations:
            if viewer.person_id:
                return RedirectResponse("/people/me", HTTPStatus.SEE_OTHER)
            raise HTTPException(HTTPStatus.FORBIDDEN, "Who works with whom is shown to analysts.")
        with self._reading(viewer) as reader:
            # What is asked for this page alone comes first: what then is left of the page's patience is waited.
            people = relationships.people_called(reader, text) if text else []
            asked: dict[str, Callable[[Reader], Any]] = {"organizations": relationships.nearest_organizations}
            asked |= {} if text else {"leaders": relationships.leaders}
            kept = self._answers(reader, asked)
            nearest = kept["organizations"]
            shown = {
                "text": text,
                "people": people,
                "organizations": relationships.called(nearest or [], text) if text else (nearest or [])[:SHOWN],
                "is_counted": nearest is not None,
                "leaders": kept.get("leaders", []),
            }
            return self._page(request, viewer, reader, "people.html", **shown)

    def somebody(self, request: Request) -> Response:
        """Shows with whom one person works."""
        viewer = self._sign_in.viewer(request)
        key = request.path_params["person_id"]
        person_id = viewer.person_id if key == "me" else key
        if person_id is None or not (viewer.sees_relations or person_id == viewer.person_id):
            raise HTTPException(HTTPStatus.FORBIDDEN, "With whom somebody works is shown to analysts.")
        with self._reading(viewer) as reader:
            who = person(reader, person_id)
            if who is None:
                raise HTTPException(HTTPStatus.NOT_FOUND, "The newest day tells of nobody of that id.")
            colleagues = relationships.colleagues(reader, person_id)
            organizations = relationships.organizations(reader, person_id)
            # How others are tied to each other is not the viewer's own.
            among = [contact.key for contact in colleagues[: relationships.NEIGHBORS]]
            ties = relationships.ties_among(reader, among) if viewer.sees_relations else {}
            picture = around_somebody(who, colleagues, organizations, ties)
            shown = {"who": who, "colleagues": colleagues, "organizations": organizations, "picture": picture}
            return self._page(request, viewer, reader, "person.html", **shown)

    def organization(self, request: Request) -> Response:
        """Shows who works with an outside organization, and the best way in."""
        viewer = self._sign_in.viewer(request)
        if not viewer.sees_relations:
            raise HTTPException(HTTPStatus.FORBIDDEN, "Who works with an organization is shown to analysts.")
        domain = request.path_params["domain"].lower()
        with self._reading(viewer) as reader:
            insiders = relationships.insiders(reader, domain)
            if not insiders:
                raise HTTPException(HTTPStatus.NOT_FOUND, "In these weeks nobody worked with that organization.")
            me = viewer.person_id
            known = relationships.ties_to(reader, me, [contact.key for contact in insiders]) if me else {}
            ways = relationships.ways_in(insiders, known, me)
            shown = {"domain": domain, "insiders": insiders[:SHOWN], "count": len(insiders), "ways": ways[:WAYS]}
            return self._page(request, viewer, reader, "organization.html", **shown)

    def my_time(self, request: Request) -> Response:
        """Shows the viewer, and nobody else, what the viewer did."""
        viewer = self._sign_in.viewer(request)
        with self._reading(viewer) as reader:
            who = person(reader, viewer.person_id) if viewer.person_id else None
            weeks = my_weeks(reader, viewer.person_id) if viewer.person_id else []
            return self._page(request, viewer, reader, "me.html", who=who, weeks=weeks)

    def oversharing(self, request: Request) -> Response:
        """Shows who can reach what is in the sites that the viewer may see, and what to fix first."""
        return self._of_sites(request, "oversharing", oversharing)

    def oversharing_csv(self, request: Request) -> Response:
        """Downloads the sites with permissions that the viewer may see, those that are most open first."""
        viewer = self._sign_in.viewer(request)
        with self._reading(viewer) as reader:
            sites = exposures(reader, viewer.site_owner, DOWNLOADED)
        names = ("url", "title", "owner", "label", "permissions", *REACH, "advice")
        return csv_of("oversharing", names, ([getattr(site, name) for name in names] for site in sites))

    def storage(self, request: Request) -> Response:
        """Shows what the sites that the viewer may see store."""
        return self._of_sites(request, "storage", storage)

    def about(self, request: Request) -> Response:
        """Shows who approved what, how fresh it is, and what is left out."""
        viewer = self._sign_in.viewer(request)
        with self._reading(viewer) as reader:
            found = data_state(reader, self._customers[viewer.customer])
            return self._page(request, viewer, reader, "about.html", found=found)

    async def choose_viewer(self, request: Request) -> Response:
        """Takes another viewer in the sandbox."""
        assert isinstance(self._sign_in, SandboxSwitch)
        answer = RedirectResponse("/", HTTPStatus.SEE_OTHER)
        answer.set_cookie(COOKIE, self._sign_in.cookie(await request.form()), httponly=True, samesite="strict")
        return answer

    def _of_sites(self, request: Request, name: str, ask: Callable[..., object]) -> Response:
        """Shows what is answered about all sites, which is kept for a while, or about those that the viewer owns."""
        viewer = self._sign_in.viewer(request)
        with self._reading(viewer) as reader:
            owner = viewer.site_owner
            found = self._answer(reader, name, ask) if owner is None else ask(reader, owner)
            return self._page(request, viewer, reader, f"{name}.html", found=found)

    def _reading(self, viewer: Viewer) -> AbstractContextManager[Reader]:
        return reader_of(self._marts[viewer.customer], viewer.customer)

    def _answer(self, reader: Reader, name: str, ask: Callable[[Reader], Answer]) -> Answer | None:
        """Returns an answer about the whole organization, which is kept for a while; None while it is being made."""
        found: Answer | None = self._answers(reader, {name: ask})[name]
        return found

    def _answers(self, reader: Reader, asked: Mapping[str, Callable[[Reader], Any]]) -> dict[str, Any]:
        """Returns several such answers, by their names."""
        customer = reader.customer

        def make(ask: Callable[[Reader], Any]) -> Any:
            with reader_of(self._marts[customer], customer) as own:
                return ask(own)

        mart = Mart(len(reader.days), reader.newest_day, reader.group_size)
        made = {(customer, name): partial(make, ask) for name, ask in asked.items()}
        return {name: answer for (_, name), answer in self._kept.get_all(mart, made, reader.began).items()}

    def _page(self, request: Request, viewer: Viewer, reader: Reader, template: str, **content: Any) -> Response:
        switch = self._sign_in if isinstance(self._sign_in, SandboxSwitch) else None
        content |= {
            "viewer": viewer,
            "newest_day": reader.newest_day,
            "group_size": reader.group_size,
            "customers": switch.customers if switch else [],
            "personas": people_to_be(reader, PEOPLE_OF_THE_SWITCH) if switch else [],
            "is_page": True,
        }
        return TEMPLATES.TemplateResponse(request, template, content)


def _problem(request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)
    content = {"title": HTTPStatus(error.status_code).phrase, "message": error.detail}
    return TEMPLATES.TemplateResponse(request, "problem.html", content, error.status_code, error.headers)


def _unreadable(request: Request, error: Exception) -> Response:
    # What a database says may repeat the values of rows.
    LOG.warning("the mart cannot be read (%s)", type(error).__name__)
    content = {"title": "The mart cannot be read now", "message": "Try again in a while; the log says why."}
    return TEMPLATES.TemplateResponse(request, "problem.html", content, HTTPStatus.SERVICE_UNAVAILABLE)
