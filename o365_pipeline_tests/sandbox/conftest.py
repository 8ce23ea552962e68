"""A sandbox to test against: its own state and lake, a clock that the test sets, and the real SDK's clients."""

import datetime as dt
import json
from pathlib import Path
from typing import Any

import pytest
from azure.core import PipelineClient
from azure.core.pipeline.policies import BearerTokenCredentialPolicy
from azure.core.rest import HttpRequest, HttpResponse
from azure.mgmt.datafactory import DataFactoryManagementClient
from azure.mgmt.datafactory import models as adf
from starlette.applications import Starlette

from o365_pipeline.consent.approvals import State as Decision
from o365_pipeline.customers.customer import Customer
from o365_pipeline.customers.data_request import DataRequest
from o365_pipeline.extraction import factory_definitions
from o365_pipeline.extraction.data_factory import DataFactory, FactoryRun
from o365_pipeline.raw.lake import Lake
from o365_pipeline.raw.lakes import Lakes
from o365_pipeline.sandbox.app import sandbox_app
from o365_pipeline.sandbox.azure.copy_job import CopyJob
from o365_pipeline.sandbox.azure.factory_faults import FactoryFaults
from o365_pipeline.sandbox.azure.factory_runs import Factories
from o365_pipeline.sandbox.cloud import SandboxCloud
from o365_pipeline.sandbox.entra.directory import Directory
from o365_pipeline.sandbox.entra.sign_in import Entra, SandboxCredential
from o365_pipeline.sandbox.entra.tokens import ARM, FEED, Tokens
from o365_pipeline.sandbox.microsoft365.admin_center import Sandbox
from o365_pipeline.sandbox.microsoft365.audit_records import append_record
from o365_pipeline.sandbox.microsoft365.data_connect import Tenant
from o365_pipeline.sandbox.microsoft365.feed_faults import FeedFaults
from o365_pipeline.sandbox.state import State
from o365_pipeline.sandbox.tenant.synthetic_tenant import SyntheticTenant
from o365_pipeline.sandbox.transport import sandbox_transport

APPROVER = "approver@contoso.example"
GROUP, FACTORY, PIPELINE = "rg", "adf", "pipeline"
GROUP_ID = f"/subscriptions/sub/resourceGroups/{GROUP}"


class SetClock:
    """A clock that stands still until the test moves it."""

    def __init__(self) -> None:
        self.now = dt.datetime(2026, 11, 24, 9, tzinfo=dt.UTC)

    def __call__(self) -> dt.datetime:
        return self.now

    def forward(self, **parts: float) -> None:
        self.now += dt.timedelta(**parts)


class World:
    """One customer, its factory, its approvers."""

    def __init__(self, home: Path, tenant: Tenant, *, strict: bool = False, **differences: Any) -> None:
        """Over a tenant; the differences are `Factories`' keyword arguments."""
        self.clock = SetClock()
        self.home = home
        self.lake = Lake.in_folder(home / "lake")
        self.faults = FactoryFaults()
        self.factories = Factories(
            State(home / "sandbox"), Lakes(self.lake.url), tenant, 1, 4, self.clock, faults=self.faults, **differences
        )
        self.feed_faults = FeedFaults()
        state = self.factories.state
        self.entra = Entra(Directory(state, grants_unasked=not strict), Tokens(state))
        self.app: Starlette = sandbox_app(self.factories, self.entra, self.feed_faults)
        self.sandbox = Sandbox(home / "sandbox", self.clock)
        self.client = DataFactoryManagementClient(self.credential(), "sub", transport=sandbox_transport(self.app))
        self.customer = customer()
        self.feed = self.feed_client(self.credential())

    def credential(self, tenant_id: str = "t1") -> SandboxCredential:
        """The pipeline's sign-in to a tenant."""
        return SandboxCredential(self.entra, tenant_id, PIPELINE)

    def arm(
        self, method: str, path: str, version: str, *, credential: Any = None, json: dict[str, Any] | None = None
    ) -> HttpResponse:
        """What Resource Manager answers to a plain request."""
        policy = BearerTokenCredentialPolicy(credential or self.credential(), f"{ARM}/.default")
        client: PipelineClient[HttpRequest, HttpResponse] = PipelineClient(
            ARM, policies=[policy], transport=sandbox_transport(self.app)
        )
        return client.send_request(HttpRequest(method, f"{ARM}{path}", params={"api-version": version}, json=json))

    def feed_client(self, *credentials: SandboxCredential) -> PipelineClient[HttpRequest, HttpResponse]:
        """A client of the feed, which signs in if a credential is given."""
        policies = [BearerTokenCredentialPolicy(credential, f"{FEED}/.default") for credential in credentials]
        return PipelineClient(FEED, policies=policies, transport=sandbox_transport(self.app))

    def approve(self, request: DataRequest | None = None) -> None:
        request = request or self.customer.data_request
        self.sandbox.register(self.customer.tenant_id, request, [self.customer.sink])
        self.sandbox.decide(self.customer.tenant_id, request.application_id, Decision.APPROVED, APPROVER)

    def approve_denying(self, dataset: str, groups: list[str], policy: str = "DenyList") -> None:
        """Approve, with groups that are left out of a dataset."""
        self.approve()
        with self.factories.state.writing() as connection:
            query = "SELECT content FROM record WHERE record_type = 217 ORDER BY sequence DESC"
            record = json.loads(connection.execute(query).fetchone()["content"])
            for entry in record["Datasets"]:
                if entry["DatasetName"].endswith(dataset):
                    entry |= {"PrivacyPolicyType": policy, "DenyGroups": groups}
            del record["Id"]
            append_record(connection, self.customer.tenant_id, 217, APPROVER, self.clock.now, record)

    def deploy(self, dataset: str = "Message_v1", pipeline: adf.PipelineResource | None = None) -> str:
        requested = self.customer.data_request.requested(dataset)
        assert requested
        where = (GROUP, FACTORY)
        operations: dict[str, Any] = {
            "integration runtime": self.client.integration_runtimes,
            "linked service": self.client.linked_services,
            "dataset": self.client.datasets,
            "pipeline": self.client.pipelines,
        }
        for definition in factory_definitions.copy_definitions(self.customer, requested):
            resource = pipeline if pipeline and definition.kind == "pipeline" else definition.resource
            operations[definition.kind].create_or_update(*where, definition.name, resource)
        return factory_definitions.pipeline_name(requested)

    def start(self, name: str, start: str = "2026-11-16T00:00:00Z", end: str = "2026-11-17T00:00:00Z") -> str:
        parameters = {"windowKey": "w1", "startTime": start, "endTime": end, "folder": f"raw/contoso/{name}/w1"}
        return self.client.pipelines.create_run(GROUP, FACTORY, name, parameters=parameters).run_id

    def status(self, run_id: str) -> Any:
        return self.client.pipeline_runs.get(GROUP, FACTORY, run_id)

    def run_to_end(self, dataset: str = "Message_v1", **window: str) -> Any:
        run_id = self.start(self.deploy(dataset), **window)
        self.clock.forward(seconds=6)
        return self.status(run_id)

    def activity(self, run_id: str) -> Any:
        return self.client.activity_runs.query_by_pipeline_run(GROUP, FACTORY, run_id, everything()).value[0]

    def rows(self, run_id: str) -> list[dict[str, Any]]:
        paths = [path for path in self.landed() if run_id in path]
        return [json.loads(line) for path in paths for line in self.lake.read(path).splitlines()]

    def landed(self) -> list[str]:
        """The paths of all files in the lake."""
        lake = self.home / "lake"
        return sorted(path.relative_to(lake).as_posix() for path in lake.rglob("*") if path.is_file())

    def get(self, path: str, **params: str) -> HttpResponse:
        url = path if path.startswith("https://") else f"{self.feed_root}/{path}"
        return self.feed.send_request(HttpRequest("GET", url, params=params))

    @property
    def feed_root(self) -> str:
        return f"https://manage.office.com/api/v1.0/{self.customer.tenant_id}/activity/feed"

    def subscribe(self) -> HttpResponse:
        return self.post("subscriptions/start", contentType="Audit.General")

    def post(self, path: str, **params: str) -> HttpResponse:
        return self.feed.send_request(HttpRequest("POST", f"{self.feed_root}/{path}", params=params))

    def blobs(self, **params: str) -> list[dict[str, str]]:
        """The first page of what the feed lists; of the last day where no window is given."""
        page = self.get("subscriptions/content", contentType="Audit.General", **params)
        page.raise_for_status()
        return page.json()

    def records(self) -> list[dict[str, Any]]:
        """The records that the feed has of the last day."""
        found: list[dict[str, Any]] = []
        page = self.get("subscriptions/content", contentType="Audit.General")
        while True:
            for blob in page.json():
                found += self.get(blob["contentUri"]).json()
            if "NextPageUri" not in page.headers:
                return found
            page = self.get(page.headers["NextPageUri"])

    def operation(self, run_id: str) -> dict[str, Any]:
        """The run's one operation record."""
        self.subscribe()
        self.clock.forward(seconds=1)
        [record] = [record for record in self.records() if record.get("PipelineRunId") == run_id]
        assert record["RecordType"] == 183
        return record


def counts(operation: dict[str, Any]) -> tuple[int, int]:
    """People whom an operation record counts: requested, delivered."""
    return operation["ScopeCountRequested"], operation["ScopeCountDelivered"]


def everything() -> adf.RunFilterParameters:
    return adf.RunFilterParameters(
        last_updated_after=dt.datetime(2026, 1, 1, tzinfo=dt.UTC),
        last_updated_before=dt.datetime(2027, 1, 1, tzinfo=dt.UTC),
    )


def customer() -> Customer:
    request = DataRequest.model_validate(
        {
            "application_id": "app",
            "application_name": "Insights",
            "application_tenant_id": "vendor",
            "owner": "developer@contoso.example",
            "datasets": [
                {"name": "Message_v1", "columns": ["id", "internetMessageId", "sentDateTime", "bccRecipients"]},
                {"name": "User_v1", "columns": ["id", "mail"]},
            ],
        }
    )
    return Customer(
        name="contoso",
        tenant_id="t1",
        subscription_id="sub",
        resource_group=GROUP,
        factory=FACTORY,
        region="westeurope",
        storage_account="acc",
        container="lake",
        first_day=dt.date(2026, 11, 16),
        initial_days=7,
        data_request=request,
    )


def copied_in(home: Path, **settings: Any) -> FactoryRun:
    """A run of the pipeline's own factory client in a sandbox of these settings, whose runs take no time."""
    cloud = SandboxCloud(
        home=str(home), lakes=Lakes((home / "lake").as_uri()), queued_seconds=0, run_seconds=0, **settings
    )
    factory, requested = DataFactory(cloud=cloud), customer().data_request.datasets[0]
    factory.deploy(customer(), requested)
    window = {"startTime": "2026-11-16T00:00:00Z", "endTime": "2026-11-17T00:00:00Z"}
    run_id = factory.create_run(customer(), requested, {"windowKey": "w1", "folder": "raw/contoso/w1", **window})
    return factory.run(customer(), run_id)


def copy_job(dataset: str, columns: list[str], **changes: Any) -> CopyJob:
    day = {"start": "2026-11-16T00:00:00Z", "end": "2026-11-17T00:00:00Z"}
    fixed = {
        "activity": "copy",
        "application_id": "app",
        "application_tenant_id": "vendor",
        "tenant_id": "t1",
        "destination_tenant_id": "t1",
        "container_url": "https://acc.dfs.core.windows.net/lake",
        "folder": "raw/x",
    }
    return CopyJob.model_validate(
        {**fixed, **day, "table_name": f"BasicDataSet_v0.{dataset}", "columns": columns, **changes}
    )


@pytest.fixture
def world(tmp_path: Path) -> World:
    return World(tmp_path, SyntheticTenant(users=20))


@pytest.fixture
def strict(tmp_path: Path) -> World:
    """A sandbox in which nobody has registered, admitted or granted anything."""
    return World(tmp_path, SyntheticTenant(users=20), strict=True)
