"""The doctor: it tries every connection that an extraction needs, one after the other; nothing is extracted or paid
for.

What belongs here: which connections are tried, and in which order. Making a connection belongs to its stage; what the
approvers said belongs to `consent.py`.
"""

from __future__ import annotations

import uuid
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from urllib.parse import urlsplit

import sqlalchemy as sa
from azure.core.exceptions import AzureError, ResourceNotFoundError
from azure.mgmt.keyvault import KeyVaultManagementClient

from o365_pipeline.azure.cloud import Cloud, tenant_of
from o365_pipeline.consent.activity_feed import ActivityFeed
from o365_pipeline.customers.customer import Customer, Customers, KeyVaultSecret
from o365_pipeline.customers.regions import azure_region
from o365_pipeline.database.database import Database, connectable
from o365_pipeline.doctor.consent import decided, feed_works
from o365_pipeline.doctor.findings import Finding, check, describe_error
from o365_pipeline.errors import O365PipelineError
from o365_pipeline.extraction.compliance import check_policies
from o365_pipeline.extraction.data_factory import DataFactory
from o365_pipeline.mart.marts import Marts
from o365_pipeline.news.channels import Channel, Channels
from o365_pipeline.news.messages import TEST
from o365_pipeline.raw.lakes import Lakes

PROBES = "doctor"
"""The folder of a lake that the doctor writes to, and leaves empty."""


NOT_TRIED = "not tried: the sign-in to its tenant failed"
SECRET = "application secret"  # noqa: S105 - a name of a line
AT_ONCE = 8
"""How many customers' connections are tried at the same time."""

VAULT_VERSION = "2025-05-01"


@dataclass(frozen=True)
class Connections:
    """What a deployment connects to, by the names of the stages' resources."""

    cloud: Cloud
    customers: Customers
    activity_feed: ActivityFeed
    data_factory: DataFactory
    lakes: Lakes
    database: Database
    marts: Marts
    channels: Channels


def examine(to: Connections, *, sends_news: bool = False) -> Iterator[Finding]:
    """Tries the connections of all customers, in the order in which an extraction needs them, then the channels.

    Args:
        sends_news: whether each channel for news gets a message; else only its URL is looked at.
    """
    customers, admitted = list(to.customers), set[str]()
    tenants = (tenant_id for customer in customers for tenant_id in (customer.tenant_id, customer.azure_tenant_id))
    for tenant_id in dict.fromkeys(tenants):
        found = check(f"sign-in to tenant {tenant_id}", partial(_sign_in, to.cloud, tenant_id))
        admitted |= {tenant_id} if found.works else set()
        yield found
    with ThreadPoolExecutor(AT_ONCE) as pool:
        for findings in pool.map(lambda customer: list(_of_customer(to, customer, admitted)), customers):
            yield from findings
    yield from _of_database("ledger and mart", to.database)
    for name, database in to.marts.own.items():
        yield from _of_database(f"{name}: mart", database)
    for channel in to.channels:
        yield check(f"news channel {channel.name}", partial(_channel, channel, sends_news=sends_news))


def _of_customer(to: Connections, customer: Customer, admitted: set[str]) -> Iterator[Finding]:
    name, reads_feed = customer.name, customer.tenant_id in admitted
    looks: list[tuple[str, str, Callable[[], str]]] = [
        ("activity feed", customer.tenant_id, lambda: feed_works(to.database, to.activity_feed, customer)),
        (f"factory {customer.factory}", customer.azure_tenant_id, lambda: _factory(to.data_factory, customer)),
    ]
    for look, tenant_id, tried in looks:
        what = f"{name}: {look}"
        found = check(what, tried) if tenant_id in admitted else Finding(what, None, NOT_TRIED)
        reads_feed &= found.works is not False or look != "activity feed"
        yield found
    yield from decided(to.database, to.activity_feed if reads_feed else None, customer)
    if customer.azure_tenant_id in admitted:
        if customer.installation and customer.data_request.policies:
            yield check(f"{name}: policies", lambda: _policies(to.cloud, customer))
        yield _secret(to.cloud, customer)
    else:
        yield Finding(f"{name}: {SECRET}", None, NOT_TRIED)
    yield check(f"{name}: lake {_lake_url(to.lakes, customer)}", lambda: _lake(to.lakes, customer))


def _of_database(what: str, database: Database) -> Iterator[Finding]:
    if database.url.get_backend_name() == "mssql":
        yield check(f"{what}: ODBC driver", lambda: _driver(database))
    yield check(f"{what}: {database.name}", lambda: _database(database))


def _sign_in(cloud: Cloud, tenant_id: str) -> str:
    token = cloud.credential(tenant_id).get_token(f"{cloud.arm_url}/.default").token
    given = tenant_of(token)
    if given not in (None, tenant_id):
        raise O365PipelineError(
            f"the token that was given is of tenant {given}, which opens nothing there: a managed identity never signs "
            "in to another tenant; run the pipeline in this tenant, or sign in as a multi-tenant application that this "
            "tenant has admitted, O365_CREDENTIAL=service-principal (docs/hosting.md)"
        )
    return "a token was given"


def _secret(cloud: Cloud, customer: Customer) -> Finding:
    """Tells whether the vault has the secret, without reading it; a vault of another group is not asked."""
    what, secret = f"{customer.name}: {SECRET}", customer.application_secret
    if not isinstance(secret, KeyVaultSecret):
        return Finding(what, None, "it is known here; Microsoft Entra looks at it at the first copy")
    later = f"{secret.key_vault}: the factory reads it by its own identity at the first copy"
    vault = (urlsplit(secret.vault_url).hostname or "").split(".")[0]
    with KeyVaultManagementClient(
        cloud.credential(customer.azure_tenant_id),
        customer.subscription_id,
        base_url=cloud.arm_url,
        api_version=VAULT_VERSION,
        transport=cloud.transport(),
        credential_scopes=[f"{cloud.arm_url}/.default"],
    ) as client:
        try:
            client.vaults.get(customer.resource_group, vault)
        except AzureError:
            return Finding(what, None, later)
        try:
            client.secrets.get(customer.resource_group, vault, secret.name)
        except ResourceNotFoundError:
            put = f"https://management.azure.com/.../vaults/{vault}/secrets/{secret.name}"
            return Finding(what, False, f"{vault} has no {secret.name}: put it there, az rest --method PUT --url {put}")
        except AzureError as error:
            return Finding(what, None, describe_error(error))
    return Finding(what, True, later)


def _factory(factory: DataFactory, customer: Customer) -> str:
    region = factory.region(customer)
    if region and azure_region(region) != customer.region:
        raise O365PipelineError(f"it is in {region}, the configuration says {customer.region}: correct its region")
    return f"it answers, in {region}" if region else "it answers"


def _policies(cloud: Cloud, customer: Customer) -> str:
    check_policies(cloud, customer)
    return f"{customer.resource_group} complies with all {len(customer.data_request.policies)}"


def _lake_url(lakes: Lakes, customer: Customer) -> str:
    try:
        return lakes.of(customer).url
    except O365PipelineError:
        return customer.sink


def _lake(lakes: Lakes, customer: Customer) -> str:
    lake, probe = lakes.of(customer), f"{PROBES}/{uuid.uuid4()}"
    lake.create(probe, b"")
    lake.objects(PROBES)
    lake.delete([probe])
    return "it can be written, listed and deleted from"


def _driver(database: Database) -> str:
    return str(connectable(database.url, database.credential).url.query.get("driver", "named by the connection"))


def _channel(channel: Channel, *, sends_news: bool) -> str:
    if sends_news:
        channel.send(TEST)
        return "a test message was sent"
    channel.check()
    return "its URL is one; `o365-pipeline doctor --send-news` sends a test message"


def _database(database: Database) -> str:
    with database.begin() as connection:
        connection.execute(sa.select(1))
    return "it answers, its schema is up to date"
