"""The doctor: it tries every connection that an extraction needs, one after the other; nothing is extracted or paid
for.

What belongs here: which connections are tried, and the report. Making a connection belongs to its stage.
"""

from __future__ import annotations

import datetime as dt
import uuid
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from urllib.parse import urlsplit

import click
import sqlalchemy as sa
from azure.core.exceptions import (
    AzureError,
    ClientAuthenticationError,
    HttpResponseError,
    ResourceNotFoundError,
    ServiceRequestError,
)
from azure.mgmt.keyvault import KeyVaultManagementClient

from o365_pipeline.azure.cloud import sign_in_failure, tenant_of
from o365_pipeline.consent import approval_ledger
from o365_pipeline.consent.activity_feed import ActivityFeed
from o365_pipeline.consent.request_change import refusals
from o365_pipeline.consent.silence import check_feed_is_read
from o365_pipeline.customers.customer import Customer, KeyVaultSecret
from o365_pipeline.customers.regions import azure_region
from o365_pipeline.database.database import Database, connectable
from o365_pipeline.deployment import Deployment, load
from o365_pipeline.errors import DatabaseError, DatabaseUnavailableError, FeedError, O365PipelineError
from o365_pipeline.extraction.data_factory import DataFactory

PROBES = "doctor"
"""The folder of a lake that the doctor writes to, and leaves empty."""


NOT_TRIED = "not tried: the sign-in to its tenant failed"
REGISTRATION, APPROVAL, SECRET = "registration with Data Connect", "approval", "application secret"
VAULT_VERSION = "2025-05-01"


@dataclass(frozen=True)
class Finding:
    """What was tried, and the result; `works` is None if it cannot be tried from here."""

    what: str
    works: bool | None
    message: str


@click.command()
def doctor() -> None:
    """Try every connection that an extraction needs, and say what works, what does not, and what to do.

    Nothing is extracted and nothing is spent.
    """
    marks = {True: "works", False: "FAILS", None: "later"}
    failed = 0
    for finding in examine(load()):
        failed += finding.works is False
        click.echo(f"{marks[finding.works]}  {finding.what}: {finding.message}")
    if failed:
        raise O365PipelineError(f"{failed} of the connections do not work")


def examine(deployment: Deployment) -> Iterator[Finding]:
    """Tries the connections of all customers, in the order in which an extraction needs them."""
    customers, admitted = list(deployment.customers), set[str]()
    tenants = (tenant_id for customer in customers for tenant_id in (customer.tenant_id, customer.azure_tenant_id))
    for tenant_id in dict.fromkeys(tenants):
        found = _check(f"sign-in to tenant {tenant_id}", partial(_sign_in, deployment, tenant_id))
        admitted |= {tenant_id} if found.works else set()
        yield found
    for customer in customers:
        yield from _of_customer(deployment, customer, admitted)
    yield from _of_database("ledger and mart", deployment.database)
    for name in deployment.own_marts:
        yield from _of_database(f"{name}: mart", deployment.marts[name])


def _of_customer(deployment: Deployment, customer: Customer, admitted: set[str]) -> Iterator[Finding]:
    feed, factory = deployment.resources["activity_feed"], deployment.resources["data_factory"]
    name = customer.name
    looks: list[tuple[str, str, Callable[[], str]]] = [
        ("activity feed", customer.tenant_id, lambda: _feed(deployment.database, feed, customer)),
        (f"factory {customer.factory}", customer.azure_tenant_id, lambda: _factory(factory, customer)),
    ]
    for look, tenant_id, tried in looks:
        what = f"{name}: {look}"
        if tenant_id in admitted:
            yield _check(what, tried)
        else:
            yield Finding(what, None, NOT_TRIED)
    yield from _consent(deployment.database, customer)
    if customer.azure_tenant_id in admitted:
        yield _secret(deployment, customer)
    else:
        yield Finding(f"{name}: {SECRET}", None, NOT_TRIED)
    yield _check(f"{name}: lake {_lake_url(deployment, customer)}", lambda: _lake(deployment, customer))


def _of_database(what: str, database: Database) -> Iterator[Finding]:
    if database.url.get_backend_name() == "mssql":
        yield _check(f"{what}: ODBC driver", lambda: _driver(database))
    yield _check(f"{what}: {database.name}", lambda: _database(database))


def _check(what: str, look: Callable[[], str]) -> Finding:
    try:
        return Finding(what, True, look())
    except (AzureError, O365PipelineError) as error:
        return Finding(what, False, _describe_error(error))


def _sign_in(deployment: Deployment, tenant_id: str) -> str:
    token = deployment.cloud.credential(tenant_id).get_token(f"{deployment.cloud.arm_url}/.default").token
    given = tenant_of(token)
    if given not in (None, tenant_id):
        raise O365PipelineError(
            f"the token that was given is of tenant {given}, which opens nothing there: a managed identity never signs "
            "in to another tenant; run the pipeline in this tenant, or sign in as a multi-tenant application that this "
            "tenant has admitted, O365_CREDENTIAL=service-principal (docs/hosting.md)"
        )
    return "a token was given"


def _feed(database: Database, feed: ActivityFeed, customer: Customer) -> str:
    try:
        subscribed = feed.is_subscribed(customer)
    except HttpResponseError as error:
        if error.status_code in (401, 403):
            raise FeedError(
                f"(b) is missing, it refuses with {error.status_code}: grant the pipeline's identity the application "
                "permission ActivityFeed.Read of the Office 365 Management APIs, and see that auditing is on"
            ) from error
        raise
    except (ValueError, LookupError, TypeError) as error:
        raise FeedError("another service answers there: check O365_FEED_URL where it is set, and the proxy") from error
    _check_silence(database, customer)
    return "it answers" if subscribed else "it answers; the consent sensor will subscribe to it"


def _check_silence(database: Database, customer: Customer) -> None:
    """Checks that the decisions in the feed are known up to now; a ledger that cannot be opened has its own line.

    Raises:
        FeedUnreadError: the feed has not been read for longer than the customer's settings allow.
    """
    now = dt.datetime.now(dt.UTC)
    with suppress(DatabaseError, DatabaseUnavailableError):
        check_feed_is_read(database, customer, approval_ledger.consent_status_of(database, customer, now), now)


def _consent(database: Database, customer: Customer) -> Iterator[Finding]:
    """Tells what the activity feed said of the registration and of the approval; nobody can be asked for either."""
    request, now = customer.data_request, dt.datetime.now(dt.UTC)
    what, where = f"{customer.name}: {REGISTRATION}", f"{customer.name}: {APPROVAL}"
    with suppress(DatabaseError, DatabaseUnavailableError):
        status = approval_ledger.consent_status_of(database, customer, now)
        refused = [str(one) for one in refusals(customer, status)]
        if status.approval is None:
            told = (
                f"(a) nothing was heard of application {request.application_id}: register it in the Azure portal, "
                f"Microsoft Graph Data Connect, as single-tenant, with {customer.sink}"
            )
            yield Finding(what, None if status.state is None else True, told if status.state is None else "it is known")
            state = status.state or "no decision"
            yield Finding(where, None, f"(c) {state} yet: let a global administrator approve it in the admin center")
        elif refused:
            yield Finding(what, False, f"(a) it differs from the data request: {'; '.join(refused)}")
            yield Finding(where, False, "(c) it does not cover the data request: register what it says, approve again")
        else:
            yield Finding(what, True, f"application {request.application_id}, {customer.sink}")
            yield Finding(where, True, f"it holds for {status.days_left(now)} days")


def _secret(deployment: Deployment, customer: Customer) -> Finding:
    """Tells whether the vault has the secret, without reading it; a vault of another group is not asked."""
    what, secret = f"{customer.name}: {SECRET}", customer.application_secret
    if not isinstance(secret, KeyVaultSecret):
        return Finding(what, None, "it is known here; Microsoft Entra looks at it at the first copy")
    later = f"{secret.key_vault}: the factory reads it by its own identity at the first copy"
    vault = (urlsplit(secret.vault_url).hostname or "").split(".")[0]
    cloud = deployment.cloud
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
            return Finding(what, None, _describe_error(error))
    return Finding(what, True, later)


def _factory(factory: DataFactory, customer: Customer) -> str:
    region = factory.region(customer)
    if region and azure_region(region) != customer.region:
        raise O365PipelineError(f"it is in {region}, the configuration says {customer.region}: correct its region")
    return f"it answers, in {region}" if region else "it answers"


def _lake_url(deployment: Deployment, customer: Customer) -> str:
    try:
        return deployment.lakes.of(customer).url
    except O365PipelineError:
        return customer.sink


def _lake(deployment: Deployment, customer: Customer) -> str:
    lake, probe = deployment.lakes.of(customer), f"{PROBES}/{uuid.uuid4()}"
    lake.create(probe, b"")
    lake.objects(PROBES)
    lake.delete([probe])
    return "it can be written, listed and deleted from"


def _driver(database: Database) -> str:
    return str(connectable(database.url, database.credential).url.query.get("driver", "named by the connection"))


def _database(database: Database) -> str:
    with database.begin() as connection:
        connection.execute(sa.select(1))
    return "it answers, its schema is up to date"


def _describe_error(error: Exception) -> str:
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
