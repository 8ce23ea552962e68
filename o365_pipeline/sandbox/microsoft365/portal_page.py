"""The portal's page as a web application: a form to register an application, as the Azure portal has one.

What belongs here: the form, its fields, and the answers. Registering belongs to `portal.py`; the admin center's pages
belong to `approver_page.py`.
"""

from __future__ import annotations

import tomllib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from http import HTTPStatus

from pydantic import ValidationError
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route
from starlette.templating import Jinja2Templates

from o365_pipeline.customers.data_request import DataRequest, as_toml
from o365_pipeline.customers.written_text import parsed
from o365_pipeline.errors import UsageError
from o365_pipeline.sandbox.microsoft365.portal import Application, Portal
from o365_pipeline.sandbox.microsoft365.registrations import PublishType


@dataclass(frozen=True)
class RegistrationForm:
    """The fields as they were sent, or as they are suggested."""

    tenant: str = ""
    publish_type: str = PublishType.SINGLE.value
    sink: str = ""
    key_vault: str = ""
    data_request: str = ""

    @property
    def application(self) -> Application:
        """What the form registers.

        Raises:
            UsageError: a field cannot be read; the message names it.
        """
        try:
            request = DataRequest.model_validate(parsed(self.data_request, tomllib.loads))
            publish_type = PublishType(self.publish_type)
        except ValidationError as error:
            first = error.errors()[0]
            where = ".".join(str(part) for part in first["loc"])
            raise UsageError(f"Data request: {where}: {first['msg'].removeprefix('Value error, ')}") from None
        except ValueError as error:
            raise UsageError(f"The form cannot be read: {error}") from None
        return Application(self.tenant, request, self.sink, publish_type, self.key_vault or None)


def form_of(application: Application) -> RegistrationForm:
    """Returns a form that is filled in with an application."""
    return RegistrationForm(
        application.tenant_id,
        application.publish_type.value,
        application.sink,
        application.key_vault or "",
        as_toml(application.data_request),
    )


def portal_routes(
    portal: Portal, templates: Jinja2Templates, suggested: Callable[[], Application | None]
) -> list[Route]:
    """Builds the page's routes.

    Args:
        suggested: returns the application that the empty form is filled in with, such as the deployment's own.
    """

    def page(
        request: Request,
        form: RegistrationForm,
        refusal: str = "",
        registered: Application | None = None,
        status: int = HTTPStatus.OK,
    ) -> Response:
        content = {"form": form, "refusal": refusal, "registered": registered, "types": list(PublishType)}
        return templates.TemplateResponse(request, "portal.html", content, status)

    def show(request: Request) -> Response:
        application = suggested()
        return page(request, form_of(application) if application else RegistrationForm())

    async def register(request: Request) -> Response:
        sent = {name: value.strip() for name, value in (await request.form()).items() if isinstance(value, str)}
        return await run_in_threadpool(register_sent, request, sent)

    def register_sent(request: Request, sent: Mapping[str, str]) -> Response:
        form = RegistrationForm(**{name: sent.get(name, "") for name in RegistrationForm.__dataclass_fields__})
        try:
            application = form.application
            portal.register(application)
        except UsageError as error:
            return page(request, form, str(error), status=HTTPStatus.UNPROCESSABLE_ENTITY)
        return page(request, form, registered=application)

    return [Route("/portal", show), Route("/portal", register, methods=["POST"])]
