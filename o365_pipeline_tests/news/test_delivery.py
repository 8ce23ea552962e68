"""One message of each kind of each customer an hour to each channel: none is lost, and none is sent twice."""

from __future__ import annotations

import datetime as dt
import logging
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from o365_pipeline.database.database import Database
from o365_pipeline.database.news_ledger import news, news_told
from o365_pipeline.news import outbox
from o365_pipeline.news.channels import Message
from o365_pipeline.news.delivery import deliver
from o365_pipeline.news.outbox import Happening, Kind, Waiting
from o365_pipeline_tests.news.fakes import FakeChannel, FakeChannels

NOW = dt.datetime(2026, 11, 20, 12, tzinfo=dt.UTC)
DAY = dt.date(2026, 11, 16)
MINUTE, HOUR = dt.timedelta(minutes=1), dt.timedelta(hours=1)
LOG = logging.getLogger(__name__)


@pytest.fixture
def database(tmp_path: Path) -> Database:
    database = Database(sa.make_url(f"sqlite:///{tmp_path / 'ledger.db'}"))
    news.metadata.create_all(database.engine, [news, news_told])
    return database


@pytest.fixture
def channels() -> FakeChannels:
    return FakeChannels()


def failed(number: int, customer: str = "contoso", subject: str = "landing_job", kind: Kind = Kind.RUNS) -> Happening:
    day = DAY + dt.timedelta(days=number)
    return Happening(customer, kind, (subject, str(number)), subject, day, day)


def test_a_thousand_failed_runs_are_one_message_with_their_number(database: Database, channels: FakeChannels) -> None:
    outbox.record(database, [failed(number) for number in range(1_000)], NOW)

    deliver(database, channels, NOW, LOG)

    [message] = channels.channels[0].messages
    assert message.title == "o365-pipeline: contoso: runs failed (1,000)"
    assert message.body.splitlines()[0] == "landing_job, 2026-11-16 to 2029-08-11, 1,000 times"


def test_news_of_thousands_of_customers_fits_into_statements_of_sql_server(database: Database) -> None:
    most = 0

    @sa.event.listens_for(database.engine, "before_cursor_execute")
    def count(_connection: Any, _cursor: Any, _statement: Any, parameters: Any, _context: Any, many: bool) -> None:
        nonlocal most
        most = max(most, 0 if many else len(parameters))

    happenings = [failed(1, f"customer-{number}") for number in range(3_000)]

    assert outbox.record(database, happenings, NOW) == 3_000
    assert outbox.record(database, happenings, NOW) == 0
    assert most < 2_100


def test_what_was_told_is_told_once_and_what_follows_waits_for_the_hour(
    database: Database, channels: FakeChannels
) -> None:
    [channel] = channels.channels
    outbox.record(database, [failed(1)], NOW)
    deliver(database, channels, NOW, LOG)
    for minutes in (1, 30, 59):
        outbox.record(database, [failed(1), failed(minutes + 1)], NOW + minutes * MINUTE)
        deliver(database, channels, NOW + minutes * MINUTE, LOG)
    assert len(channel.messages) == 1

    deliver(database, channels, NOW + HOUR, LOG)
    deliver(database, channels, NOW + 3 * HOUR, LOG)

    assert [message.title for message in channel.messages[1:]] == ["o365-pipeline: contoso: runs failed (3)"]


def test_customers_and_kinds_have_messages_of_their_own(database: Database, channels: FakeChannels) -> None:
    happenings = [failed(1), failed(1, "fabrikam"), failed(1, kind=Kind.CHECKS), failed(1, outbox.OF_THE_DEPLOYMENT)]
    outbox.record(database, happenings, NOW)

    deliver(database, channels, NOW, LOG)

    assert sorted(message.title for message in channels.channels[0].messages) == [
        "o365-pipeline: contoso: checks failed",
        "o365-pipeline: contoso: runs failed",
        "o365-pipeline: fabrikam: runs failed",
        "o365-pipeline: the deployment: runs failed",
    ]


def test_what_could_not_be_sent_is_sent_by_a_later_tick_and_only_where_it_is_missing(
    database: Database, caplog: pytest.LogCaptureFixture
) -> None:
    broken, working = FakeChannel("1 fake", fails=True), FakeChannel("2 fake")
    channels = FakeChannels([broken, working])
    outbox.record(database, [failed(1)], NOW)
    for minute in range(3):
        deliver(database, channels, NOW + minute * MINUTE, LOG)
    assert (len(broken.messages), len(working.messages)) == (0, 1)
    assert "channel 1 fake: it fails; it is tried again at the next tick" in caplog.text

    broken.fails = False
    outbox.record(database, [failed(2)], NOW + 3 * MINUTE)
    deliver(database, channels, NOW + 4 * MINUTE, LOG)

    assert [message.title for message in broken.messages] == ["o365-pipeline: contoso: runs failed (2)"]
    assert len(working.messages) == 1


def test_a_message_that_no_service_takes_keeps_no_other_back(database: Database) -> None:
    class Picky(FakeChannel):
        def send(self, message: Message) -> None:
            self.fails = ": a" in message.title
            super().send(message)

    channel = Picky()
    outbox.record(database, [failed(1, name) for name in ("a1", "a2", "a3", "b")], NOW)

    for minute in range(4):
        deliver(database, FakeChannels([channel]), NOW + minute * MINUTE, LOG)

    assert [message.title for message in channel.messages] == ["o365-pipeline: b: runs failed"]


def test_channels_that_hang_keep_no_other_from_its_messages(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    clock = [0.0]
    monkeypatch.setattr("o365_pipeline.news.delivery.time.monotonic", lambda: clock[0])

    class Hanging(FakeChannel):
        def send(self, message: Message) -> None:
            clock[0] += 20
            super().send(message)

    hanging = [Hanging(f"{place} fake", fails=True) for place in range(1, 4)]
    working = FakeChannel("4 fake")
    outbox.record(database, [failed(1), failed(1, "fabrikam")], NOW)

    for minute in range(4):
        begun = clock[0]
        deliver(database, FakeChannels([*hanging, working]), NOW + minute * MINUTE, LOG)
        assert clock[0] - begun <= 40, "a tick has a minute"

    assert len(working.messages) == 2


def test_of_two_processes_one_sends(database: Database, channels: FakeChannels) -> None:
    outbox.record(database, [failed(1)], NOW)
    [seen_by_both] = outbox.waiting(database, "1 fake", NOW)

    claims = [outbox.claim(database, seen_by_both, NOW) for _ in range(2)]

    assert [claim is None for claim in claims] == [False, True]
    assert claims[0]
    outbox.note_told(database, claims[0], NOW)
    assert outbox.claim(database, seen_by_both, NOW + MINUTE) is None
    assert outbox.claim(database, seen_by_both, NOW + HOUR) is None, "nothing is left to tell"


def test_what_a_killed_process_had_taken_is_sent_after_the_hour(database: Database, channels: FakeChannels) -> None:
    outbox.record(database, [failed(1)], NOW)
    [entry] = outbox.waiting(database, "1 fake", NOW)
    assert outbox.claim(database, entry, NOW)

    deliver(database, channels, NOW + 59 * MINUTE, LOG)
    assert channels.channels[0].messages == []
    deliver(database, channels, NOW + HOUR, LOG)

    assert len(channels.channels[0].messages) == 1


@pytest.mark.parametrize("step", [-400 * 24 * HOUR, 400 * 24 * HOUR])
def test_a_clock_that_was_wrong_for_a_while_stops_no_news(
    database: Database, channels: FakeChannels, step: dt.timedelta
) -> None:
    outbox.record(database, [failed(1)], NOW + step)
    deliver(database, channels, NOW + step, LOG)
    outbox.forget(database, NOW + step)

    outbox.record(database, [failed(2)], NOW)
    deliver(database, channels, NOW, LOG)

    assert len(channels.channels[0].messages) == 2


def test_a_new_channel_hears_of_today_and_not_of_all_the_past(database: Database) -> None:
    outbox.record(database, [failed(1)], NOW - 25 * HOUR)
    outbox.record(database, [failed(2)], NOW - HOUR)
    channel = FakeChannel("2 new")

    deliver(database, FakeChannels([channel]), NOW, LOG)

    assert [message.title for message in channel.messages] == ["o365-pipeline: contoso: runs failed"]


def test_a_channel_gets_no_more_in_an_hour_than_the_settings_say_and_the_rest_later(database: Database) -> None:
    channels = FakeChannels(per_hour=2)
    outbox.record(database, [failed(1, f"customer-{number}") for number in range(5)], NOW)

    counts = []
    for minutes in (0, 1, 60, 61, 120):
        deliver(database, channels, NOW + minutes * MINUTE, LOG)
        counts.append(len(channels.channels[0].messages))

    assert counts == [2, 2, 4, 4, 5]


def test_old_news_is_forgotten_and_the_numbers_go_on(database: Database, channels: FakeChannels) -> None:
    outbox.record(database, [failed(1), failed(2)], NOW)
    deliver(database, channels, NOW, LOG)
    later = NOW + outbox.FORGOTTEN_AFTER + MINUTE

    outbox.forget(database, later)
    outbox.record(database, [failed(1)], later)
    [entry] = outbox.waiting(database, "1 fake", later)

    assert entry == Waiting("1 fake", "contoso", Kind.RUNS, 3, entry.tried_at)


def test_a_message_names_ten_subjects_and_counts_the_others(database: Database, channels: FakeChannels) -> None:
    outbox.record(database, [failed(1, subject=f"job_{number:02}") for number in range(13)], NOW)

    deliver(database, channels, NOW, LOG)

    lines = channels.channels[0].messages[0].body.splitlines()
    assert lines[9:11] == ["job_09, 2026-11-17", "... and 3 more"]
