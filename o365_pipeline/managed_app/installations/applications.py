"""Azure's managed applications, through the real management client: reading one by its id.

What belongs here: the call, and its answer as this project's types. Deciding when to call belongs to `confirmation.py`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from azure.core.exceptions import AzureError, HttpResponseError
from azure.mgmt.resource.managedapplications import ApplicationClient
from pydantic import BaseModel, ConfigDict, Field, ValidationError
from pydantic.alias_generators import to_camel

from o365_pipeline.azure.cloud import Cloud
from o365_pipeline.errors import InstallationError
from o365_pipeline.managed_app.installations.notifications import without_addresses

API_VERSION = "2019-07-01"
NOT_FOUND, FORBIDDEN = 404, 403
NOTHING_OF_OURS = "InvalidAuthenticationTokenTenant"
"""Azure's refusal of the vendor's token where nothing in a customer's subscription is the vendor's."""


class Outputs(BaseModel):
    """What the vendor needs of the outputs of the package's template."""

    model_config = ConfigDict(frozen=True, extra="ignore", alias_generator=to_camel)

    region: str = Field(max_length=50)
    sku: str = Field(max_length=100)
    package_version: str = Field(max_length=50)
    factory: str = Field(pattern=r"^[A-Za-z0-9-]{3,63}$")


@dataclass(frozen=True)
class Application:
    """A managed application as Azure Resource Manager shows it."""

    resource_id: str
    state: str
    definition_id: str | None
    plan: Mapping[str, str]
    managed_resource_group: str
    outputs: Mapping[str, Any]

    def read_outputs(self) -> Outputs:
        """Reads the outputs.

        Raises:
            InstallationError: some are missing or wrong; the message names the first.
        """
        try:
            return Outputs.model_validate({name: entry["value"] for name, entry in self.outputs.items()})
        except (ValidationError, TypeError, KeyError) as error:
            first = error.errors()[0]["loc"] if isinstance(error, ValidationError) else ("value",)
            raise InstallationError("OutputsWrong", f"the outputs lack a right {first[0]}") from None


@dataclass(frozen=True)
class MissingApplication:
    """An application that Azure does not show: it does not exist, or this identity may not see whether it does."""

    is_certain: bool


class Applications:
    """The managed applications of all customers, through one cloud.

    The vendor signs in to its own tenant: the offer's authorizations give it access to customers' managed resource
    groups, through Azure Resource Manager alone.
    """

    def __init__(self, cloud: Cloud) -> None:
        self._cloud = cloud

    def get(self, resource_id: str) -> Application | MissingApplication:
        """Returns an application by its id.

        Raises:
            InstallationError: Azure does not answer, or the sign-in failed.
        """
        with ApplicationClient(**self._to(resource_id), api_version=API_VERSION) as client:
            try:
                found = client.applications.get_by_id(resource_id.lstrip("/"))
            except HttpResponseError as error:
                is_gone = error.status_code == NOT_FOUND or (error.error and error.error.code == NOTHING_OF_OURS)
                if is_gone or error.status_code == FORBIDDEN:
                    return MissingApplication(is_certain=bool(is_gone))
                raise _describe_error("the application is not shown", error) from error
            except AzureError as error:
                raise _describe_error("the application is not shown", error) from error
        return Application(
            resource_id=found.id or resource_id,
            state=str(found.provisioning_state or ""),
            definition_id=found.application_definition_id,
            plan=found.plan.as_dict() if found.plan else {},
            managed_resource_group=(found.managed_resource_group_id or "").rsplit("/", 1)[-1],
            outputs=found.outputs or {},
        )

    def _to(self, resource_id: str) -> dict[str, Any]:
        return {
            "credential": self._cloud.credential(),
            "subscription_id": resource_id.strip("/").split("/")[1],
            "base_url": self._cloud.arm_url,
            "transport": self._cloud.transport(),
            "credential_scopes": [f"{self._cloud.arm_url}/.default"],
            "retry_total": 2,
        }


def _describe_error(what: str, error: AzureError) -> InstallationError:
    told = error.error if isinstance(error, HttpResponseError) else None
    code = (told.code if told else None) or type(error).__name__
    reason = " ".join(((told.message if told else None) or error.message or "").split())
    return InstallationError(code, without_addresses(f"{what}: {reason}"))
