"""What the doctor found: whether something works, and one line that says so or what to do.

What belongs here: a finding, and errors described for it. What is tried belongs to `examination.py`.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from azure.core.exceptions import AzureError, ClientAuthenticationError, ServiceRequestError

from o365_pipeline.azure.cloud import sign_in_failure
from o365_pipeline.errors import O365PipelineError


@dataclass(frozen=True)
class Finding:
    """What was tried, and the result; `works` is None if it cannot be tried from here, or somebody has yet to act."""

    what: str
    works: bool | None
    message: str

    @property
    def mark(self) -> str:
        return {True: "works", False: "FAILS", None: "later"}[self.works]


def check(what: str, look: Callable[[], str]) -> Finding:
    """Tries something; an error becomes the finding."""
    try:
        return Finding(what, True, look())
    except (AzureError, O365PipelineError) as error:
        return Finding(what, False, describe_error(error))


def describe_error(error: Exception) -> str:
    """Describes an error in one line that says what to do."""
    if isinstance(error, ClientAuthenticationError):
        return sign_in_failure(error)
    if isinstance(error, ServiceRequestError):
        return (
            "it cannot be reached: check the network, the proxy, and O365_ARM_URL and O365_FEED_URL where they are set"
        )
    if isinstance(error, AzureError):
        return " ".join((error.message or type(error).__name__).split())
    return str(error)
