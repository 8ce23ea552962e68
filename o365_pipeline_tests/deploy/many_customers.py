"""A sandbox with many customers, whose days were delivered by their factories and wait to go to the mart.

What belongs here: making it. How the days are loaded then, in this process or by workers, is what the tests and the
benchmark compare.
"""

from __future__ import annotations

import datetime as dt
import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import dagster as dg

from o365_pipeline.consent.approvals import State
from o365_pipeline.consent.feed_reading import read_feeds
from o365_pipeline.customers.partitions import CUSTOMERS
from o365_pipeline.definitions import requested_datasets
from o365_pipeline.deployment import load
from o365_pipeline.extraction import extraction_ledger
from o365_pipeline.extraction.landing_sensor import build_landing_sensor
from o365_pipeline.extraction.submission import Submitter
from o365_pipeline.mart.assets import mart_keys

DAY = dt.date(2026, 11, 16)
AGREED = dt.date(2999, 1, 1)
"""The first day that the customers agreed to: none that the consent sensor of a daemon could ask for."""

READING_SECONDS = 60

MOST_TICKS = 10
"""A tick has two seconds for the factories, of which a busy machine's first one may need more."""

DATA_REQUEST = """
application_id = "00000000-0000-4000-8000-0000000000a1"
application_name = "Office 365 insights"
application_tenant_id = "00000000-0000-4000-8000-0000000000c1"
application_version = "1.0.0"
owner = "developer@contoso.example"
policies = []
"""

DATASETS = {
    "User_v1": """
[[datasets]]
name = "User_v1"
columns = ["id", "displayName", "mail", "userPrincipalName", "proxyAddresses", "department", "userType"]
""",
    "Message_v1": """
[[datasets]]
name = "Message_v1"
columns = [
    "id", "internetMessageId", "conversationId", "createdDateTime", "receivedDateTime", "sentDateTime",
    "hasAttachments", "importance", "isDraft", "sender", "from", "toRecipients", "ccRecipients", "bccRecipients"
]
""",
}
"""What a customer's data request may name: few steps, and yet the mart's largest tables."""

CUSTOMER = """
[customers.customer-{number:02}]
tenant_id = "00000000-0000-4000-8000-{number:012}"
subscription_id = "00000000-0000-4000-9000-{number:012}"
resource_group = "rg-sandbox"
factory = "adf-{number:02}"
region = "westeurope"
storage_account = "o365sandbox"
container = "lake"
first_day = {agreed}
data_request = "data_request.toml"
application_secret = {{ key_vault = "https://kv.vault.azure.net/secrets/application" }}
"""


@dataclass(frozen=True)
class ManyCustomers:
    """Where the sandbox lies, and how large it is."""

    home: Path
    customers: int
    datasets: tuple[str, ...] = tuple(DATASETS)
    days: int = 1
    people: int = 5
    mails: float = 2
    mart_url: str | None = None
    """The database of mart and ledger; without one, SQLite in the home."""

    @property
    def environment(self) -> Mapping[str, str]:
        """The variables of every process that works on it, this one's too."""
        return {
            "O365_HOME": str(self.home),
            "O365_CUSTOMERS": str(self.home / "customers.toml"),
            "O365_SANDBOX_USERS": str(self.people),
            "O365_SANDBOX_MAILS": str(self.mails),
            "O365_SANDBOX_SECONDS": "0",
            **({"O365_MART_URL": self.mart_url} if self.mart_url else {}),
        }

    def deliver(self) -> None:
        """Have every customer's approver agree, and the factories deliver."""
        self.home.mkdir(parents=True)
        (self.home / "data_request.toml").write_text(
            "".join([DATA_REQUEST, *(DATASETS[name] for name in self.datasets)])
        )
        entries = [CUSTOMER.format(number=number, agreed=AGREED) for number in range(1, self.customers + 1)]
        (self.home / "customers.toml").write_text("".join(entries))
        deployment = load()
        for customer in deployment.customers:
            request = customer.data_request
            deployment.sandbox.register(customer.tenant_id, request, [customer.sink])
            deployment.sandbox.decide(customer.tenant_id, request.application_id, State.APPROVED, "a@contoso.example")
        feed, now = deployment.resources["activity_feed"], dt.datetime.now(dt.UTC)
        read_feeds(deployment.database, feed, deployment.customers, now, READING_SECONDS, logging.getLogger())
        submitter = Submitter(deployment.database, deployment.resources["data_factory"], "delivery", "extraction")
        days = [DAY + dt.timedelta(days=number) for number in range(self.days)]
        for customer in deployment.customers:
            for requested in customer.data_request.datasets:
                submission = submitter.submit_days(customer, requested, days)
                extraction_ledger.adopt(deployment.database, submission.extractions, submitter.claimant)

    def landings(self, instance: dg.DagsterInstance) -> Sequence[dg.RunRequest]:
        """The runs that the landing sensor asks for: one for each customer."""
        deployment = load()
        instance.add_dynamic_partitions(CUSTOMERS, [customer.name for customer in deployment.customers])
        sensor = build_landing_sensor(mart_keys(requested_datasets(deployment)), dg.DefaultSensorStatus.STOPPED)
        for _ in range(MOST_TICKS):
            with dg.build_sensor_context(instance=instance, resources=dict(deployment.resources)) as context:
                result = sensor(context)
            assert isinstance(result, dg.SensorResult)
            requests = result.run_requests or []
            if len(requests) == self.customers:
                return requests
        raise AssertionError(result.skip_reason)
