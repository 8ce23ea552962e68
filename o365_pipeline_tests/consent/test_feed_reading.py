"""Reading feeds into the ledger: bounded, resumable, once."""

from __future__ import annotations

import datetime as dt
import logging
import sqlite3
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from typing import Any

import pytest
import sqlalchemy as sa
from azure.core.exceptions import ServiceRequestError

from o365_pipeline.consent import approval_ledger, feed_ledger, feed_reading
from o365_pipeline.consent.activity_feed import Page, Position
from o365_pipeline.consent.feed_reading import Progress, read_feeds
from o365_pipeline.consent.feed_records import classify_records
from o365_pipeline.customers.customer import Customer, Customers
from o365_pipeline.database.ledger import approval_event, operation, record_aside, recorded_after
from o365_pipeline.deployment import Deployment
from o365_pipeline.errors import FeedThrottledError
from o365_pipeline_tests.consent.fakes import NOW, FakeFeed, many, record

LOG = logging.getLogger("o365_pipeline")
MINUTE = dt.timedelta(minutes=1)


class PagedFeed(FakeFeed):
    """A feed whose records come one to a page, each page but the last leading to the next."""

    def read(self, customer: Customer, position: Position, now: dt.datetime) -> Page:
        super().read(customer, position, now)
        mine = self._records[customer.tenant_id]
        place = int(position.next_page or 0)
        if place + 1 < len(mine):
            return Page(Position(position.start, now, str(place + 1)), (mine[place],), is_last=False)
        return Page(Position(now), (mine[place],))


class TroubledFeed(FakeFeed):
    """A feed that fails for some customers."""

    def __init__(self, troubles: dict[str, Exception], *records: dict[str, Any]) -> None:
        super().__init__(*records)
        self.troubles = troubles

    def read(self, customer: Customer, position: Position, now: dt.datetime) -> Page:
        page = super().read(customer, position, now)
        if trouble := self.troubles.get(customer.name):
            raise trouble
        return page


Read = Callable[..., Progress]


@pytest.fixture
def read(deployment: Deployment) -> Read:
    def read(feed: FakeFeed, customers: Customers, now: dt.datetime = NOW, seconds: float = 60) -> Progress:
        return read_feeds(deployment.database, feed, customers, now, seconds, LOG)  # type: ignore[arg-type]

    return read


def ids(deployment: Deployment, customer: Customer) -> list[str]:
    return sorted(event.event_id for event in approval_ledger.events(deployment.database, customer))


def test_all_pages_of_all_customers_are_read(read: Read, deployment: Deployment, customer: Customer) -> None:
    customers = many(customer, 5)
    feed = PagedFeed(*(record(one, f"{one.name}-{number}") for one in customers for number in range(4)))

    progress = read(feed, customers)

    assert progress.approvals == 20
    assert progress.behind == frozenset()
    for one in customers:
        assert ids(deployment, one) == [f"{one.name}-{number}" for number in range(4)]


def test_reading_goes_on_at_the_page_where_a_tick_stopped(
    read: Read, deployment: Deployment, customer: Customer
) -> None:
    feed = PagedFeed(*(record(customer, f"e{number}") for number in range(3)))
    customers = Customers([customer])
    place = feed_ledger.read_feed_states(deployment.database, customers, NOW, LOG)[customer.name]
    page = feed.read(customer, place.position, NOW)
    with deployment.database.begin() as connection:
        feed_ledger.save_feed_state(connection, customer, feed_ledger.FeedState(page.position, NOW))
    feed.asked.clear()

    read(feed, customers)

    assert [position.next_page for _, position in feed.asked] == ["1", "2"]
    assert ids(deployment, customer) == ["e1", "e2"]


def test_a_tick_without_time_left_reads_nothing_and_the_next_goes_on(
    read: Read, deployment: Deployment, customer: Customer
) -> None:
    customers = many(customer, 3)
    feed = FakeFeed(*(record(one, one.name) for one in customers))

    assert read(feed, customers, seconds=0).behind == {one.name for one in customers}
    assert read(feed, customers).behind == frozenset()


def test_those_looked_at_longest_ago_come_first(read: Read, customer: Customer) -> None:
    first, second, third = many(customer, 3)
    feed = FakeFeed()
    read(feed, Customers([second]), NOW)
    read(feed, Customers([third]), NOW + MINUTE)
    feed.asked.clear()

    read(feed, Customers([third, second, first]), NOW + 2 * MINUTE)

    assert [name for name, _ in feed.asked] == [first.name, second.name, third.name]


def test_a_feed_is_asked_no_more_often_than_its_pace(read: Read, customer: Customer) -> None:
    feed = FakeFeed()
    feed.poll_seconds = 60
    read(feed, Customers([customer]), NOW)
    feed.asked.clear()

    read(feed, Customers([customer]), NOW + MINUTE / 2)
    assert feed.asked == []
    read(feed, Customers([customer]), NOW + MINUTE)
    assert len(feed.asked) == 1


def test_a_feed_is_read_at_once_where_the_clock_was_put_back_before_the_last_look(
    read: Read, customer: Customer
) -> None:
    feed = FakeFeed()
    read(feed, Customers([customer]), NOW)
    feed.asked.clear()

    read(feed, Customers([customer]), NOW - MINUTE / 30)

    assert len(feed.asked) == 1


def test_a_feed_that_throttles_is_left_alone_for_as_long_as_it_says(read: Read, customer: Customer) -> None:
    feed = TroubledFeed({customer.name: FeedThrottledError(300)}, record(customer))
    customers = Customers([customer])
    assert read(feed, customers).behind == {customer.name}
    feed.troubles.clear()
    feed.asked.clear()

    read(feed, customers, NOW + 4 * MINUTE)
    assert feed.asked == []
    assert read(feed, customers, NOW + 6 * MINUTE).approvals == 1


@pytest.mark.parametrize("trouble", [ServiceRequestError("no route"), KeyError("contentId"), ValueError("no JSON")])
def test_a_feed_that_does_not_answer_stops_no_other_and_is_read_later(
    read: Read, deployment: Deployment, customer: Customer, trouble: Exception
) -> None:
    customers = many(customer, 3)
    [silent, *others] = customers
    feed = TroubledFeed({silent.name: trouble}, *(record(one, one.name) for one in customers))

    progress = read(feed, customers)

    assert progress.behind == {silent.name}
    assert [ids(deployment, one) for one in others] == [[one.name] for one in others]
    feed.troubles.clear()
    assert read(feed, customers, NOW + MINUTE).behind == frozenset()
    assert ids(deployment, silent) == [silent.name]


def test_sensors_started_twice_record_each_event_once(deployment: Deployment, customer: Customer) -> None:
    customers = many(customer, 40)
    feed = PagedFeed(*(record(one, f"{one.name}-{number}") for one in customers for number in range(3)))
    together = threading.Barrier(3, timeout=60)

    def sensor(_: int) -> None:
        together.wait()
        read_feeds(deployment.database, feed, customers, NOW, 60, LOG)  # type: ignore[arg-type]

    with ThreadPoolExecutor(3) as pool:
        list(pool.map(sensor, range(3)))

    for one in customers:
        assert ids(deployment, one) == [f"{one.name}-{number}" for number in range(3)]
    recorded = recorded_after(deployment.database, approval_event.c.customer, 0, 1000)
    assert [sequence for sequence, _ in recorded] == list(range(1, 121))


def test_records_out_of_order_and_twice_in_a_page_are_recorded_once(
    read: Read, deployment: Deployment, customer: Customer
) -> None:
    later = record(customer, "e2", ApprovalUpdatedDateInUTC=NOW.isoformat())

    progress = read(FakeFeed(later, record(customer), later), Customers([customer]))

    assert progress.approvals == 2
    assert [event.event_id for event in approval_ledger.events(deployment.database, customer)] == ["e1", "e2"]


def test_what_cannot_be_read_is_kept_aside_with_a_reason_that_repeats_no_value(
    read: Read, deployment: Deployment, customer: Customer
) -> None:
    broken = [
        record(customer, "b1", State="Ada Lovelace"),
        record(customer, "b2", Datasets=[{"DatasetName": "X", "DatasetColumns": ["a"], "Scope": "Ada Lovelace"}]),
        {"Id": "b3", "Feed": customer.tenant_id, "Text": "Ada Lovelace"},
        record(customer, "b4", RecordType=183, Status="Ada Lovelace"),
    ]

    progress = read(FakeFeed(*broken, record(customer, "good")), Customers([customer]))
    again = read(FakeFeed(*broken), Customers([customer]), NOW + MINUTE)

    assert (progress.unreadable, again.unreadable) == (4, 0)
    assert ids(deployment, customer) == ["good"]
    with deployment.database.begin() as connection:
        kept = connection.execute(sa.select(record_aside).order_by(record_aside.c.record_id)).all()
    assert [row.record_id for row in kept] == ["b1", "b2", "b3", "b4"]
    assert all("Ada Lovelace" in row.record for row in kept)
    assert not [row.reason for row in kept if "Ada" in row.reason]
    assert "State: enum" in kept[0].reason


@pytest.mark.parametrize(
    "changes",
    [
        {"ApprovalExpiryDateInUTC": None, "ApprovalValidDays": 2**31},
        {"ApprovalExpiryDateInUTC": None, "ApprovalValidDays": [180]},
        {"CreationTime": "0001-01-01T00:00:00+05:00"},
        {"ApprovalExpiryDateInUTC": "9999-12-31T23:59:59-05:00"},
        {"RecordType": 183, "DatasetName": "D", "Status": "S", "RowCount": 10**30},
        {"Id": "\ud800"},
        {"Id": ""},
        {"Datasets": [{"DatasetName": "X" * 101, "DatasetColumns": ["a"]}]},
    ],
)
def test_no_value_however_strange_stops_the_feed(
    read: Read, deployment: Deployment, customer: Customer, changes: dict[str, Any]
) -> None:
    progress = read(FakeFeed(record(customer, "bad", **changes), record(customer, "good")), Customers([customer]))

    assert (progress.approvals, progress.unreadable) == (1, 1)
    assert ids(deployment, customer) == ["good"]


def test_a_page_that_the_database_refuses_stops_no_other_customer(
    read: Read, deployment: Deployment, customer: Customer, monkeypatch: pytest.MonkeyPatch
) -> None:
    customers = many(customer, 3)
    [refused, *others] = customers
    recorded = approval_ledger.record

    def refuse(connection: sa.Connection, one: Customer, *arguments: Any) -> int:
        if one.name == refused.name:
            raise sa.exc.DataError("insert", None, Exception("too long"))
        return recorded(connection, one, *arguments)

    monkeypatch.setattr(approval_ledger, "record", refuse)

    read(FakeFeed(*(record(one, one.name) for one in customers)), customers)

    assert [ids(deployment, one) for one in customers] == [[], *([one.name] for one in others)]


def test_a_first_window_of_many_pages_is_read_over_several_ticks(
    read: Read, deployment: Deployment, customer: Customer
) -> None:
    feed, customers = PagedFeed(*(record(customer, f"e{number}") for number in range(3))), Customers([customer])
    for number in range(3):
        now = NOW + number * 10 * MINUTE
        place = feed_ledger.read_feed_states(deployment.database, customers, now, LOG)[customer.name]
        page = feed.read(customer, place.position, now)
        with deployment.database.begin() as connection:
            approval_ledger.record(
                connection, customer, classify_records(page.records, customer.tenant_id).approvals, now
            )
            feed_ledger.save_feed_state(connection, customer, replace(place, position=page.position, looked_at=now))

    assert ids(deployment, customer) == ["e0", "e1", "e2"]
    assert feed_ledger.summaries(deployment.database)[customer.name].missed is None


def test_records_of_other_kinds_are_none_of_our_business(
    read: Read, deployment: Deployment, customer: Customer
) -> None:
    others = [record(customer, f"o{kind}", RecordType=kind) for kind in (1, 25, 9999)]

    assert read(FakeFeed(*others), Customers([customer])) == Progress()


def test_operations_of_ones_own_application_are_recorded_once(
    read: Read, deployment: Deployment, customer: Customer
) -> None:
    counted = {"DatasetName": "BasicDataSet_v0.Message_v1", "Status": "Succeeded", "RowCount": 7}
    ours = record(customer, "o1", RecordType=183, UndeliveredScope='["u1"]', PipelineRunId="r1", **counted)
    theirs = record(customer, "o2", RecordType=183, ApplicationId="other", **counted)

    assert read(FakeFeed(ours, theirs, ours), Customers([customer])).operations == 1

    with deployment.database.begin() as connection:
        [row] = connection.execute(sa.select(operation)).all()
    assert (row.dataset, row.pipeline_run_id, row.rows_counted, row.undelivered) == ("Message_v1", "r1", 7, '["u1"]')


def test_a_sensor_that_slept_too_long_says_what_it_may_have_missed(
    read: Read, deployment: Deployment, customer: Customer, caplog: pytest.LogCaptureFixture
) -> None:
    customers = Customers([customer])
    read(FakeFeed(), customers, NOW - dt.timedelta(days=9))

    read(feed := FakeFeed(), customers, NOW)

    assert "decisions before" in caplog.text
    [(_, position)] = feed.asked
    assert dt.timedelta(days=6) < NOW - position.start < dt.timedelta(days=7)
    missed = feed_ledger.summaries(deployment.database)[customer.name].missed or ""
    assert missed.startswith(f"{NOW - dt.timedelta(days=9):%Y-%m-%d %H:%M} to")


def test_a_new_customer_has_missed_nothing(read: Read, deployment: Deployment, customer: Customer) -> None:
    read(FakeFeed(), Customers([customer]))

    assert feed_ledger.summaries(deployment.database)[customer.name].missed is None


BROKEN = "half of \ud83d, and \x00"


@pytest.mark.parametrize("state", ["Approved", "Denied"])
def test_a_decision_whose_reason_was_cut_within_a_letter_is_read_and_so_are_those_of_others(
    deployment: Deployment, customer: Customer, state: str
) -> None:
    [first, second] = both = many(customer, 2)
    broken = record(first, "e1", State=state, Reason=BROKEN, Approver=BROKEN)

    progress = read_feeds(deployment.database, FakeFeed(broken, record(second, "e2")), both, NOW, 60, LOG)  # type: ignore[arg-type]

    assert (progress.approvals, progress.failures) == (2, ())
    with deployment.database.begin() as connection:
        found = connection.execute(
            sa.select(approval_event.c.state, approval_event.c.reason).where(approval_event.c.event_id == "e1")
        ).one()
    assert tuple(found) == (state, "half of \ufffd, and \ufffd")


def test_nothing_that_no_database_takes_is_left_in_what_is_read_of_a_feed(customer: Customer) -> None:
    unknown = {"RecordType": 217, "Id": "e2", "State": BROKEN, BROKEN: [{BROKEN: BROKEN}]}
    found = classify_records([record(customer, Reason=BROKEN), unknown, BROKEN, [BROKEN]], customer.tenant_id)

    texts = [found.approvals[0].reason, *(entry.text for entry in found.unreadable)]
    assert (len(found.approvals), len(found.unreadable)) == (1, 3)
    assert not any(letter in str(text) for text in texts for letter in ("\x00", "\ud83d"))


def test_a_record_nested_without_end_is_kept_as_unreadable(customer: Customer) -> None:
    nested: list[Any] = []
    for _ in range(20_000):
        nested = [nested]

    found = classify_records([{"Id": "e1", "RecordType": 217, "Reason": nested}, record(customer)], customer.tenant_id)

    assert [(entry.record_id, entry.reason) for entry in found.unreadable] == [("e1", "it is nested too deeply")]
    assert len(found.approvals) == 1


def test_a_page_that_the_database_does_not_take_is_read_again_from_its_place(
    deployment: Deployment, customer: Customer, monkeypatch: pytest.MonkeyPatch
) -> None:
    feed = PagedFeed(record(customer, "e1", State="Denied"), record(customer, "e2"))
    refusals = iter([True] * 5)
    keep_once = feed_reading._keep_once

    def refuse_at_first(*arguments: Any) -> Any:
        if next(refusals, False):
            raise sa.exc.OperationalError("INSERT", {}, sqlite3.OperationalError("disk is full"))
        return keep_once(*arguments)

    monkeypatch.setattr(feed_reading, "_keep_once", refuse_at_first)
    full = read_feeds(deployment.database, feed, Customers([customer]), NOW, 60, LOG)  # type: ignore[arg-type]
    again = read_feeds(deployment.database, feed, Customers([customer]), NOW, 60, LOG)  # type: ignore[arg-type]

    assert (full.approvals, full.behind, len(full.failures)) == (0, {customer.name}, 1)
    assert (again.approvals, again.behind) == (2, frozenset())
