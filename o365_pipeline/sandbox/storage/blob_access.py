"""Who may call the Blob service: the token's audience and tenant, and a role on the storage account.

What belongs here: the checks, and errors in the service's XML. Reading and writing belong to `blob_service.py`. Source:
Microsoft, Authorize with Microsoft Entra ID (Azure Storage); Blob service error codes.
"""

from __future__ import annotations

from dataclasses import dataclass
from xml.sax.saxutils import escape

from starlette.requests import Request
from starlette.responses import Response

from o365_pipeline.sandbox.azure.resources import ACCOUNT_TYPE, Resources
from o365_pipeline.sandbox.azure.roles import BLOB_DELETE, BLOB_READ, BLOB_WRITE, RoleAssignments
from o365_pipeline.sandbox.azure.subscriptions import Subscriptions
from o365_pipeline.sandbox.entra.directory import Directory
from o365_pipeline.sandbox.entra.tokens import STORAGE, TokenError, Tokens
from o365_pipeline.sandbox.wire_errors import ServiceError

ACTIONS = {"GET": BLOB_READ, "HEAD": BLOB_READ, "PUT": BLOB_WRITE, "POST": BLOB_DELETE, "DELETE": BLOB_DELETE}
"""The action of each method; of POSTs the service knows only batches, which delete."""


@dataclass(frozen=True)
class BlobAccess:
    """Checks requests to the Blob service of any storage account."""

    directory: Directory
    tokens: Tokens
    subscriptions: Subscriptions
    resources: Resources

    def check(self, request: Request) -> None:
        """Checks that the caller may do what a request asks for.

        Raises:
            ServiceError: it may not.
        """
        authorization = request.headers.get("Authorization", "")
        if not authorization:
            raise ServiceError(401, "NoAuthenticationInformation", "Server failed to authenticate the request.")
        if authorization.startswith("SharedKey"):
            raise ServiceError(
                403,
                "KeyBasedAuthenticationNotPermitted",
                "Key based authentication is not permitted on this storage account.",
            )
        try:
            token = self.tokens.of(request)
        except TokenError as error:
            raise ServiceError(401, "InvalidAuthenticationInfo", str(error)) from error
        if token.audience != STORAGE:
            raise ServiceError(401, "InvalidAuthenticationInfo", "Audience validation failed. Audience did not match.")
        account = self.resources.named(ACCOUNT_TYPE, request.path_params["account"])
        if account is None:
            if self.directory.grants_unasked:
                return
            raise ServiceError(404, "ResourceNotFound", "The specified resource does not exist.")
        if token.tenant_id != self.subscriptions.tenant_of(account["id"].split("/")[2]):
            raise ServiceError(401, "InvalidAuthenticationInfo", "Issuer validation failed. Issuer did not match.")
        if self.directory.grants_unasked:
            return
        scope = f"{account['id']}/blobServices/default/containers/{request.path_params['container']}"
        if not RoleAssignments(self.resources).allows(token.object_id, ACTIONS[request.method], scope):
            raise ServiceError(
                403,
                "AuthorizationPermissionMismatch",
                "This request is not authorized to perform this operation using this permission.",
            )


def blob_error(error: ServiceError) -> Response:
    """Answers an error as the Blob service does."""
    content = f"<Error><Code>{error.code}</Code><Message>{escape(str(error))}</Message></Error>"
    return Response(
        f'<?xml version="1.0" encoding="utf-8"?>{content}',
        error.status,
        {"x-ms-error-code": error.code},
        media_type="application/xml",
    )
