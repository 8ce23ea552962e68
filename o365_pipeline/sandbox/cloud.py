"""The sandbox as a cloud: the configuration of a deployment, and the transport and sign-in for the Azure clients.

What belongs here: the configuration and its assembly. The services belong to the other files of this folder.
"""

from functools import cached_property
from pathlib import Path

import dagster as dg
from azure.core.credentials import TokenCredential
from azure.core.pipeline.transport import RequestsTransport
from pydantic import Field
from starlette.applications import Starlette

from o365_pipeline.azure.cloud import Cloud
from o365_pipeline.raw.lakes import Lakes
from o365_pipeline.sandbox.app import sandbox_app, served_app
from o365_pipeline.sandbox.azure.factory_faults import FactoryFaults
from o365_pipeline.sandbox.azure.factory_runs import Factories
from o365_pipeline.sandbox.entra.directory import Directory
from o365_pipeline.sandbox.entra.sign_in import Entra, SandboxCredential
from o365_pipeline.sandbox.entra.tokens import Tokens
from o365_pipeline.sandbox.microsoft365.data_connect import Tenant
from o365_pipeline.sandbox.microsoft365.feed_faults import FeedFaults
from o365_pipeline.sandbox.state import State
from o365_pipeline.sandbox.storage.sql_servers import SqlServers
from o365_pipeline.sandbox.tenant.synthetic_tenant import SyntheticTenant
from o365_pipeline.sandbox.tenant.tenant_data import FileTenant
from o365_pipeline.sandbox.transport import sandbox_transport

HOME_TENANT = "00000000-0000-4000-8000-0000000000c1"
CLIENT_ID = "00000000-0000-4000-8000-0000000000e1"
"""The deployment's own identity, and the tenant in which it is at home, where nothing else is said."""


class SandboxCloud(Cloud):
    """Azure and Microsoft 365 in this process, with synthetic people or the rows of given files."""

    home: str = Field(
        description="The folder that keeps the sandbox's state; processes that share it share the sandbox."
    )
    lakes: dg.ResourceDependency[Lakes]
    queued_seconds: float = Field(default=1, description="How long a factory run stays Queued.")
    run_seconds: float = Field(default=4, description="How long a factory run stays InProgress.")
    users: int = Field(default=60, description="How many people each synthetic organization has.")
    seed: int = Field(default=7, description="The same seed gives the same people, mails and meetings.")
    mails_per_day: float = Field(default=6, description="How many mails a person sends on a working day, on average.")
    tenant_data: str | None = Field(
        default=None,
        description="A folder of files in Data Connect's format, <dataset>.json, that stand in for synthetic rows.",
    )
    out_of_region: float = Field(
        default=0.0, description="The share of people whose mailbox lies in another region than the factory."
    )
    failing: float = Field(default=0.0, description="The share of people whose mailbox cannot be read.")
    feed_lag_seconds: float = Field(
        default=0, description="How long after a run's end its operation record comes into the activity feed."
    )
    miscount: int = Field(
        default=0, description="By how many rows Microsoft's operation record differs from the factory's count."
    )
    privileged_access: bool = Field(
        default=False, description="Whether a run that no approval covers waits for one, as in older tenants."
    )

    strict: bool = Field(
        default=False,
        description="Whether nothing is registered, admitted or granted that nobody registered, admitted or granted.",
    )
    tenant_id: str = Field(default=HOME_TENANT, description="The tenant in which the deployment's identity is at home.")
    client_id: str = Field(default=CLIENT_ID, description="The client id of the deployment's identity.")
    is_managed_identity: bool = Field(
        default=False, description="Whether that identity is a managed one, which gets tokens of its own tenant alone."
    )

    identity_header: str | None = Field(
        default=None, description="What this machine says to get the tokens of the managed identities assigned to it."
    )

    @cached_property
    def feed_faults(self) -> FeedFaults:
        """Faults of this object's activity feed; Dagster's runs and sensors work with copies of the object."""
        return FeedFaults()

    @cached_property
    def factory_faults(self) -> FactoryFaults:
        """Faults of this object's factories; Dagster's runs and sensors work with copies of the object."""
        return FactoryFaults()

    @cached_property
    def app(self) -> Starlette:
        """The web application beneath the clients of this process."""
        return sandbox_app(self.factories, self.entra, self.feed_faults)

    @cached_property
    def served(self) -> Starlette:
        """The web application for clients of other processes."""
        return served_app(self.factories, self.entra, self.feed_faults)

    @cached_property
    def state(self) -> State:
        return State(Path(self.home))

    @cached_property
    def entra(self) -> Entra:
        """The tenants, and the tokens of their identities."""
        return Entra(Directory(self.state, grants_unasked=not self.strict), Tokens(self.state))

    @cached_property
    def factories(self) -> Factories:
        """The runs of all factories."""
        tenant: Tenant = (
            FileTenant(Path(self.tenant_data), Path(self.home) / "scratch")
            if self.tenant_data
            else SyntheticTenant(self.users, self.seed, self.mails_per_day, self.out_of_region, self.failing)
        )
        return Factories(
            self.state,
            self.lakes,
            tenant,
            self.queued_seconds,
            self.run_seconds,
            feed_lag_seconds=self.feed_lag_seconds,
            miscount=self.miscount,
            privileged_access=self.privileged_access,
            strict=self.strict,
            faults=self.factory_faults,
        )

    @property
    def sql_servers(self) -> SqlServers:
        """The SQL servers that templates installed."""
        return SqlServers(self.state, self.entra)

    def credential(self, tenant_id: str | None = None) -> TokenCredential:
        return SandboxCredential(
            self.entra,
            tenant_id or self.tenant_id,
            self.client_id,
            is_managed=self.is_managed_identity,
            header=self.identity_header,
        )

    def transport(self) -> RequestsTransport:
        return sandbox_transport(self.app)
