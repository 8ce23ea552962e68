"""The web applications: Azure's services each at its public host name, or all at one address.

What belongs here: assembling them. The routes belong to the services' own files, such as `arm.py`, `solutions.py` and
`activity_feed.py`.
"""

from __future__ import annotations

from starlette.applications import Starlette
from starlette.convertors import StringConvertor, register_url_convertor
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Host, Route, Router

from o365_pipeline.errors import O365PipelineError
from o365_pipeline.sandbox.azure.application_creation import application_routes
from o365_pipeline.sandbox.azure.arm import DOCUMENT_KINDS, arm_routes
from o365_pipeline.sandbox.azure.arm_access import ArmAccess, guarded
from o365_pipeline.sandbox.azure.arm_endpoints import operation_routes
from o365_pipeline.sandbox.azure.compliance import Compliance
from o365_pipeline.sandbox.azure.factory_runs import Factories
from o365_pipeline.sandbox.azure.key_vaults import key_vault_routes
from o365_pipeline.sandbox.azure.metadata import metadata_routes
from o365_pipeline.sandbox.azure.policy_states import policy_state_routes
from o365_pipeline.sandbox.azure.resources import Resources
from o365_pipeline.sandbox.azure.solutions import solutions_routes
from o365_pipeline.sandbox.azure.subscription_routes import subscription_routes
from o365_pipeline.sandbox.azure.subscriptions import Subscriptions
from o365_pipeline.sandbox.entra.entra_routes import entra_routes
from o365_pipeline.sandbox.entra.graph_routes import SERVED, consent_routes, graph_routes
from o365_pipeline.sandbox.entra.sign_in import Entra
from o365_pipeline.sandbox.microsoft365.activity_feed import feed_routes
from o365_pipeline.sandbox.microsoft365.feed_faults import FeedFaults
from o365_pipeline.sandbox.spelling import AnyCase
from o365_pipeline.sandbox.storage.blob_access import BlobAccess
from o365_pipeline.sandbox.storage.blob_service import blob_routes
from o365_pipeline.sandbox.wire_errors import ServiceError, answer_error

MAX_BYTES = 128 * 1024 * 1024
"""How much a request to the services may hold: clients cut a blob into blocks that are smaller than that."""


class DocumentKindConvertor(StringConvertor):
    """Lets a route match only the kinds of documents, so that `pipelineruns` is not taken for a kind."""

    regex = "|".join(DOCUMENT_KINDS)


def sandbox_app(factories: Factories, entra: Entra, feed_faults: FeedFaults | None = None) -> Starlette:
    """Builds the services at their public host names; the feed has the faults that a test asks for."""
    register_url_convertor("document_kind", DocumentKindConvertor())
    resource_manager = _resource_manager(factories, entra)
    return Starlette(
        routes=[
            Host("management.azure.com", Router(resource_manager)),
            Host("manage.office.com", Router(feed_routes(factories.state, factories.clock, entra.tokens, feed_faults))),
            Host("graph.microsoft.com", Router(graph_routes(entra.directory, entra.tokens))),
            Route("/{path:path}", _elsewhere),
        ],
        middleware=[Middleware(AnyCase, routes=resource_manager)],
        exception_handlers={O365PipelineError: answer_error},
    )


def served_app(factories: Factories, entra: Entra, feed_faults: FeedFaults | None = None) -> Starlette:
    """Builds all services at one address, with Entra's sign-in, for clients that reach them over the network."""
    register_url_convertor("document_kind", DocumentKindConvertor())
    resource_manager = _resource_manager(factories, entra)
    return Starlette(
        routes=[
            *resource_manager,
            *feed_routes(factories.state, factories.clock, entra.tokens, feed_faults),
            *entra_routes(entra),
            *consent_routes(entra.directory),
            *graph_routes(entra.directory, entra.tokens, SERVED),
            *blob_routes(factories.container, _blob_access(factories, entra)),
            Route("/{path:path}", _elsewhere),
        ],
        middleware=[Middleware(AnyCase, routes=resource_manager)],
        exception_handlers={O365PipelineError: answer_error},
    )


def _resource_manager(factories: Factories, entra: Entra) -> list[Route]:
    """Returns all routes at Azure Resource Manager's address."""
    state = factories.state
    resources = Resources(state)
    access = ArmAccess(entra.directory, entra.tokens, Subscriptions(state), resources)
    routes = [
        *arm_routes(factories),
        *solutions_routes(state),
        *application_routes(state, factories.lakes, factories.clock),
        *key_vault_routes(resources),
        *policy_state_routes(Compliance(state), factories.clock),
        *subscription_routes(access, state),
        *operation_routes(),
    ]
    return [*metadata_routes(), *guarded(routes, access.check)]


def _blob_access(factories: Factories, entra: Entra) -> BlobAccess:
    state = factories.state
    return BlobAccess(entra.directory, entra.tokens, Subscriptions(state), Resources(state))


def _elsewhere(request: Request) -> Response:
    return answer_error(
        request, ServiceError(404, "NotFound", f"The sandbox does not answer {request.method} {request.url}.")
    )
