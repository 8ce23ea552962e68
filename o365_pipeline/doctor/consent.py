"""What the doctor says of the approvers: whether their feed can be read, and what they said in it up to now.

What belongs here: reading the feed for the doctor, and the lines (a) to (c) of what a customer has yet to do.
"""

from __future__ import annotations

import datetime as dt
import logging
import time
from collections.abc import Iterator
from contextlib import suppress

from azure.core.exceptions import AzureError, HttpResponseError
from sqlalchemy.exc import SQLAlchemyError

from o365_pipeline.consent import approval_ledger, feed_ledger
from o365_pipeline.consent.activity_feed import MAX_AGE, ActivityFeed, Position
from o365_pipeline.consent.approvals import ApprovalEvent, ConsentStatus, consent_status
from o365_pipeline.consent.feed_ledger import HEADROOM
from o365_pipeline.consent.feed_reading import DECISION_SECONDS, read_feeds
from o365_pipeline.consent.feed_records import classify_records
from o365_pipeline.consent.request_change import refusals
from o365_pipeline.consent.silence import silences
from o365_pipeline.customers.customer import Customer, Customers
from o365_pipeline.database.database import Database
from o365_pipeline.doctor.findings import Finding
from o365_pipeline.errors import DatabaseError, DatabaseUnavailableError, FeedError

REGISTRATION, APPROVAL = "registration with Data Connect", "approval"
LOG = logging.getLogger("o365_pipeline")
NO_LEDGER = (DatabaseError, DatabaseUnavailableError, SQLAlchemyError)
"""What a ledger raises that cannot be opened, read or written: it has a line of its own."""


def feed_works(database: Database, feed: ActivityFeed, customer: Customer) -> str:
    """Reads a customer's feed up to now, as the consent sensor does; returns what there is to say of it.

    Raises:
        FeedError: the feed refuses, cannot be read, or has not been read for longer than the customer's settings allow.
    """
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
    now = dt.datetime.now(dt.UTC)
    with suppress(*NO_LEDGER):
        progress = read_feeds(database, feed, Customers([customer]), now, DECISION_SECONDS, LOG)
        # A feed that was read and could not be recorded answers; the ledger has a line of its own.
        failures = () if progress.unrecorded else progress.failures
        reasons = [reason.removeprefix(f"{customer.name}: ") for reason in failures]
        status = approval_ledger.consent_status_of(database, customer, now)
        reasons += [str(silence) for silence in silences(database, [customer], {customer.name: status}, now).values()]
        if reasons:
            raise FeedError("; ".join(reasons))
        if progress.behind - progress.unrecorded:
            return f"it answers; what it said is not read to its end after {DECISION_SECONDS:.0f} seconds, ask again"
    return "it answers" if subscribed else "it answers; the subscription to it was started"


def decided(database: Database, feed: ActivityFeed | None, customer: Customer) -> Iterator[Finding]:
    """Tells what was heard of the registration and of the approval; nobody can be asked for either.

    Args:
        feed: what is listened to where the ledger was not written; None if it cannot be read.
    """
    request, now = customer.data_request, dt.datetime.now(dt.UTC)
    what, where = f"{customer.name}: {REGISTRATION}", f"{customer.name}: {APPROVAL}"
    status = _status(database, feed, customer, now)
    if status is None:
        yield Finding(what, None, "(a) neither the ledger nor the feed can be read")
        yield Finding(where, None, "(c) neither the ledger nor the feed can be read")
        return
    refused = [str(one) for one in refusals(customer, status)]
    if status.approval is None:
        hosted = customer.azure_tenant_id != customer.tenant_id
        told = (
            f"(a) nothing was heard of application {request.application_id}: register it in the Azure portal, "
            f"Microsoft Graph Data Connect, as {'multi' if hosted else 'single'}-tenant, with {customer.sink}"
        )
        add = f"add it, of publisher tenant {request.application_tenant_id}, and " if hosted else ""
        yield Finding(what, None if status.state is None else True, told if status.state is None else "it is known")
        state = status.state or "no decision"
        yield Finding(where, None, f"(c) {state} yet: let a global administrator {add}approve it in the admin center")
    elif refused:
        yield Finding(what, False, f"(a) it differs from the data request: {'; '.join(refused)}")
        yield Finding(where, False, "(c) it does not cover the data request: register what it says, approve again")
    else:
        yield Finding(what, True, f"application {request.application_id}, {customer.sink}")
        yield Finding(where, True, f"it holds for {status.days_left(now)} days")


def _status(
    database: Database, feed: ActivityFeed | None, customer: Customer, now: dt.datetime
) -> ConsentStatus[ApprovalEvent] | None:
    """Returns the status by the ledger; where there is none that follows the feed, by the feed itself."""
    with suppress(*NO_LEDGER):
        state = feed_ledger.read_feed_states(database, Customers([customer]), now, LOG)[customer.name]
        if state.looked_at or feed is None:
            return approval_ledger.consent_status_of(database, customer, now)
    return consent_status(_overheard(feed, customer, now), now) if feed else None


def _overheard(feed: ActivityFeed, customer: Customer, now: dt.datetime) -> list[ApprovalEvent]:
    """Returns the decisions in a customer's feed, of as much of its last week as can be read in a short time."""
    deadline, position = time.monotonic() + DECISION_SECONDS, Position(now - MAX_AGE + HEADROOM)
    events: list[ApprovalEvent] = []
    with suppress(AzureError, FeedError, ValueError, LookupError, TypeError):
        while time.monotonic() < deadline:
            page = feed.read(customer, position, now)
            events += classify_records(page.records, customer.azure_tenant_id).approvals
            position = page.position
            if page.is_last:
                break
    application_id = customer.data_request.application_id
    return [event for event in events if event.application_id == application_id]
