"""Where Azure and Microsoft 365 answer: the credential and the transport that every Azure client is built with.

The clients are the real ones everywhere; a cloud decides what lies beneath them. What they are used for is the stages'.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import Any

import dagster as dg
from azure.core.credentials import TokenCredential
from azure.core.pipeline.transport import HttpTransport, RequestsTransport
from azure.identity import DefaultAzureCredential
from pydantic import Field


class Cloud(dg.ConfigurableResource, ABC):
    """A cloud under the Azure SDK."""

    application_secret: str = Field(
        default="",
        description="The secret of the data request's application, which the factory reads Data Connect with.",
    )

    @abstractmethod
    def credential(self) -> TokenCredential:
        """What the clients sign in with."""

    @abstractmethod
    def transport(self) -> HttpTransport[Any, Any]:
        """What carries the clients' requests."""


class AzureCloud(Cloud):
    """Azure itself, over HTTPS, signed in by azure-identity's default chain."""

    def credential(self) -> TokenCredential:
        return DefaultAzureCredential()

    def transport(self) -> HttpTransport[Any, Any]:
        return RequestsTransport()
