"""Explains errors of the lake: obstore's long texts become one line that names the container and what to do.

What belongs here: reading errors. An error's own text is never repeated, since it may hold a signed address.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from obstore.exceptions import BaseError, PreconditionError, UnauthenticatedError

from o365_pipeline.errors import LakeError

ROLE = "Storage Blob Data Contributor"
FOREIGN_NETWORK = "AuthorizationFailure"
NO_KEYS = "KeyBasedAuthenticationNotPermitted"
NO_CONTAINER = re.compile(r"ContainerNotFound|specified container does not exist")
CODE = re.compile(r"<Code>(\w+)</Code>")
STATUS = re.compile(r"status code: (\d{3})|\(code: (\d{3})\)")
UNREACHABLE = re.compile(r"HTTP error|error sending request|timed out|kind: (Connect|Timeout)")


@dataclass(frozen=True)
class LakeAccess:
    """The address of a lake, and how it is signed in to."""

    address: str
    """The container's URL, or the folder's."""

    by_key: bool = False


@contextmanager
def as_lake_errors(access: LakeAccess, path: str = "") -> Iterator[None]:
    """Turns obstore's exceptions into a LakeError."""
    try:
        yield
    except (BaseError, FileNotFoundError, PermissionError) as error:
        raise LakeError(_message(error, access, path)) from None


def _message(error: Exception, access: LakeAccess, path: str) -> str:
    text = str(error)
    codes, statuses = CODE.search(text), STATUS.search(text)
    code = codes[1] if codes else ""
    status = (statuses[1] or statuses[2]) if statuses else ""
    where = access.address
    if NO_CONTAINER.search(text):
        return f"{where}: there is no such container; make it, or correct the customer's storage account and container"
    if code == "ResourceNotFound":
        return f"{where}: there is no such storage account or container; correct the customer's storage account"
    if isinstance(error, FileNotFoundError):
        return f"{where}: there is no object {path}"
    if isinstance(error, PreconditionError):
        return f"{where}: {path} was replaced while it was read; run the step again"
    if isinstance(error, UnauthenticatedError) or status == "401":
        return f"{where}: {_not_signed_in(access, code)}"
    if status == "403":
        return f"{where}: {_forbidden(access, code)}"
    if isinstance(error, PermissionError) or "Permission denied" in text:
        return f"{where}: this process has no right to {path or 'the folder'}; grant it, or choose another folder"
    if UNREACHABLE.search(text):
        return f"{where} cannot be reached; check the storage account's name, the network and O365_STORAGE_URL"
    return f"{where}: {path} failed ({' '.join(filter(None, (status, code, type(error).__name__)))}); try again"


def _not_signed_in(access: LakeAccess, code: str) -> str:
    if access.by_key:
        return f"the storage key was refused ({code or '401'}); correct O365_STORAGE_KEY"
    return (
        f"nobody is signed in, or the sign-in is over ({code or 'no token'}); sign in again: a managed identity, "
        "az login, or what azure-identity finds in the environment"
    )


def _forbidden(access: LakeAccess, code: str) -> str:
    if code == NO_KEYS:
        return "the storage account takes no keys; unset O365_STORAGE_KEY and sign in with a role"
    network = "; or the account's firewall keeps this machine out" if code in (FOREIGN_NETWORK, "") else ""
    if access.by_key:
        return f"the storage key was refused ({code or '403'}); correct O365_STORAGE_KEY{network}"
    return f"whoever is signed in may not do this ({code or '403'}); it needs the role {ROLE} on the container{network}"
