"""Reads the customers' feeds into the ledger: limited in time, page by page, resumable at any moment.

What belongs here: the order in which feeds are read, and the transaction that records a page together with the position
after it. A page that is read twice, by two sensors or after a crash, is recorded once.
"""

from __future__ import annotations

import datetime as dt
import logging
import time
from collections import deque
from collections.abc import Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from dataclasses import dataclass, field, replace

from azure.core.exceptions import AzureError, ClientAuthenticationError
from sqlalchemy.exc import SQLAlchemyError

from o365_pipeline.azure.cloud import sign_in_failure
from o365_pipeline.consent import approval_ledger, feed_ledger, operation_ledger, unread_blobs
from o365_pipeline.consent.activity_feed import ActivityFeed, Blob, Content, Page, UnreadBlob
from o365_pipeline.consent.feed_ledger import FeedState
from o365_pipeline.consent.feed_records import ClassifiedRecords, UnreadableRecord, classify_records
from o365_pipeline.customers.customer import Customer, Customers
from o365_pipeline.dagster_ui.failures import told
from o365_pipeline.database.database import Database
from o365_pipeline.errors import FeedThrottledError

WORKERS = 8
"""How many feeds are read at the same time."""

DECISION_SECONDS = 10.0
"""How long the pages of a customer's feed are requested before something is submitted for it."""

ATTEMPTS = 5
"""How often recording a page is tried while other sensors record at the same time."""


@dataclass(frozen=True)
class Progress:
    """The result of reading: new records by kind, and the customers whose feeds have more to read."""

    approvals: int = 0
    operations: int = 0
    unreadable: int = 0
    unread_blobs: int = 0
    """Blobs that could not be read this time, and are requested again."""

    behind: frozenset[str] = frozenset()
    failures: tuple[str, ...] = ()
    """Why feeds were not read, one line each."""

    unrecorded: frozenset[str] = frozenset()
    """The customers whose feeds were read, but could not be recorded."""


@dataclass(frozen=True)
class _Answer:
    """The answer of a customer's feed to one request: a page, or remembered blobs, which change no place."""

    customer: Customer
    feed_state: FeedState | None
    found: ClassifiedRecords = field(default_factory=ClassifiedRecords)
    unread: tuple[UnreadBlob, ...] = ()
    read: tuple[Blob, ...] = ()
    is_last: bool = True
    failure: str | None = None


def read_feeds(
    database: Database,
    feed: ActivityFeed,
    customers: Customers,
    now: dt.datetime,
    seconds: float,
    log: logging.Logger,
) -> Progress:
    """Reads what became available in the feeds that are due, those first that were read longest ago.

    Args:
        seconds: after this time no further page is requested; the next call continues.
    """
    states = feed_ledger.read_feed_states(database, customers, now, log)
    due = [customer for customer in customers if states[customer.name].is_due(now, feed.poll_seconds)]
    queue = deque(
        sorted(due, key=lambda customer: states[customer.name].looked_at or dt.datetime.min.replace(tzinfo=dt.UTC))
    )
    paused = {
        name: feed_state.not_before
        for name, feed_state in states.items()
        if feed_state.not_before and now < feed_state.not_before
    }
    behind = {*paused, *(customer.name for customer in due)}
    progress = Progress(
        failures=tuple(
            f"{name}: it failed before, and is asked again at {until:%H:%M:%S} UTC" for name, until in paused.items()
        )
    )
    deadline = time.monotonic() + seconds
    reachable = [customer.name for customer in customers if customer.name not in paused]
    remembered = unread_blobs.due(database, reachable, now)
    with ThreadPoolExecutor(WORKERS) as pool:
        asked: dict[Future[Page], Customer] = {}
        again = {pool.submit(feed.read_blobs, customers[name], blobs): name for name, blobs in remembered.items()}
        for content, name in again.items():
            answers = [_answer_again(customers[name], content.result(), log)]
            progress = _keep(database, answers, now, progress, log)
        while True:
            while queue and len(asked) < 2 * WORKERS and time.monotonic() < deadline:
                customer = queue.popleft()
                asked[pool.submit(feed.read, customer, states[customer.name].position, now)] = customer
            if not asked:
                return replace(progress, behind=progress.behind | behind)
            done, _ = wait(asked, return_when=FIRST_COMPLETED)
            answers = [
                _answer(customer, states[customer.name], future, now, feed.poll_seconds, log)
                for future, customer in [(future, asked.pop(future)) for future in done]
            ]
            progress = _keep(database, answers, now, progress, log)
            for answer in answers:
                if answer.customer.name in progress.behind:
                    # What was not recorded is read again from its place; a later page would move the place past it.
                    continue
                states[answer.customer.name] = answer.feed_state or states[answer.customer.name]
                if not answer.is_last:
                    queue.append(answer.customer)
                elif answer.failure:
                    progress = replace(progress, failures=(*progress.failures, answer.failure))
                else:
                    behind.discard(answer.customer.name)


def read_decisions(database: Database, feed: ActivityFeed, customer: Customer, log: logging.Logger) -> None:
    """Reads what a customer's approvers decided up to now, before something is submitted for it.

    A feed that does not answer, or was read a moment ago, leaves what is known as it is.
    """
    read_feeds(database, feed, Customers([customer]), dt.datetime.now(dt.UTC), DECISION_SECONDS, log)


def _answer(
    customer: Customer,
    feed_state: FeedState,
    future: Future[Page],
    now: dt.datetime,
    poll_seconds: float,
    log: logging.Logger,
) -> _Answer:
    """Returns what a feed answered, and how far it is read now; a feed that fails is left alone for a time."""
    try:
        page = future.result()
    except FeedThrottledError as error:
        failure = f"{customer.name}: {error}; it is read on after that"
        log.info(failure)
        pause = dt.timedelta(seconds=error.seconds)
        return _Answer(customer, replace(feed_state, not_before=now + pause), failure=failure)
    except (AzureError, ValueError, LookupError, TypeError) as error:
        failure = f"{customer.name}: the activity feed was not read, again next time: {_one_line(error)}"
        log.error(failure)
        pause = dt.timedelta(seconds=poll_seconds)
        return _Answer(customer, replace(feed_state, not_before=now + pause), failure=failure)
    if page.subscribed and feed_state.looked_at:
        log.warning(f"{customer.name}: somebody ended the subscription to the feed; it was started again")
        missed = feed_ledger.later_gap(feed_state.missed, (feed_state.position.start, now))
        feed_state = replace(feed_state, missed=missed)
    feed_state = replace(feed_state, position=page.position, looked_at=now, not_before=None)
    found = classify_records(page.records, customer.azure_tenant_id)
    for entry in page.unread:
        log.warning(f"{customer.name}: a blob of the activity feed is left for later: {entry.reason}")
    if page.pause is None:
        return _Answer(customer, feed_state, found, page.unread, page.read, page.is_last)
    paused = replace(feed_state, not_before=now + dt.timedelta(seconds=page.pause))
    failure = f"{customer.name}: {FeedThrottledError(page.pause)}; it is read on after that"
    log.info(failure)
    return _Answer(customer, paused, found, page.unread, page.read, failure=failure)


def _answer_again(customer: Customer, content: Content, log: logging.Logger) -> _Answer:
    """Returns what remembered blobs held; those that still cannot be read stay remembered."""
    if content.read:
        log.info(f"{customer.name}: {len(content.read)} blobs of the activity feed were read that could not be before")
    found = classify_records(content.records, customer.azure_tenant_id)
    return _Answer(customer, None, found, content.unread, content.read)


def _keep(
    database: Database, answers: Sequence[_Answer], now: dt.datetime, progress: Progress, log: logging.Logger
) -> Progress:
    """Records the found records and the new positions in one transaction; returns the progress.

    If other sensors record the same at the same time, or hold locks, it is repeated: what they did not record is still
    new.
    """
    for attempt in range(ATTEMPTS):
        try:
            counts = _keep_once(database, answers, now)
            break
        except (SQLAlchemyError, ValueError) as error:
            if attempt == ATTEMPTS - 1:
                return _keep_one_by_one(database, answers, now, progress, log, told(error).line)
    approvals, operations, unreadable, unread = counts
    return replace(
        progress,
        approvals=progress.approvals + approvals,
        operations=progress.operations + operations,
        unreadable=progress.unreadable + unreadable,
        unread_blobs=progress.unread_blobs + unread,
    )


def _keep_one_by_one(
    database: Database,
    answers: Sequence[_Answer],
    now: dt.datetime,
    progress: Progress,
    log: logging.Logger,
    reason: str,
) -> Progress:
    """Records each customer's page alone: a page that the database refuses is read again, and does not stop the
    others.
    """
    if len(answers) == 1:
        name = answers[0].customer.name
        failure = f"{name}: what its feed says cannot be recorded, it is read again next time: {reason}"
        log.error(failure)
        return replace(
            progress,
            behind=progress.behind | {name},
            failures=(*progress.failures, failure),
            unrecorded=progress.unrecorded | {name},
        )
    for answer in answers:
        progress = _keep(database, [answer], now, progress, log)
    return progress


def _keep_once(database: Database, answers: Sequence[_Answer], now: dt.datetime) -> tuple[int, int, int, int]:
    approvals = operations = unreadable = unread = 0
    with database.begin() as connection:
        # The places first: on SQLite the first write makes other sensors wait, so that they see what was recorded.
        for answer in sorted(answers, key=lambda answer: answer.customer.name):
            if answer.feed_state:
                feed_ledger.save_feed_state(connection, answer.customer, answer.feed_state)
            unread_blobs.forget(connection, answer.customer, answer.read)
        for answer in answers:
            lost = unread_blobs.remember(connection, answer.customer, answer.unread, now)
            kept = [UnreadableRecord(entry.blob.content_id[:100], entry.reason, "") for entry in lost]
            approvals += approval_ledger.record(connection, answer.customer, answer.found.approvals, now)
            operations += operation_ledger.record(connection, answer.customer, answer.found.operations, now)
            kept += answer.found.unreadable
            unreadable += feed_ledger.record_unreadable(connection, answer.customer, kept, now)
            unread += len(answer.unread) - len(lost)
    return approvals, operations, unreadable, unread


def _one_line(error: Exception) -> str:
    if isinstance(error, ClientAuthenticationError):
        return sign_in_failure(error)
    return " ".join(f"{type(error).__name__}: {error}".split())
