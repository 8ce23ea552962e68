"""That the numbers are right: what five people did is known, and the mart, filled end to end, says exactly that.

The expected rows were worked out by hand from the comments in `five_people.py`.
"""

from __future__ import annotations

import datetime as dt
from collections import defaultdict
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

import dagster as dg
import pytest
import sqlalchemy as sa

from o365_pipeline.consent.approvals import State
from o365_pipeline.customers.customer import Customer
from o365_pipeline.customers.partitions import range_tags
from o365_pipeline.datasets import catalogue
from o365_pipeline.deployment import Deployment, load
from o365_pipeline.extraction.landing_runs import LANDING_JOB
from o365_pipeline.mart import loading
from o365_pipeline.mart.loading import load_day
from o365_pipeline.mart.marts import Marts
from o365_pipeline.mart.tables import (
    MART_TABLES,
    agg_collaboration_day,
    agg_person_day,
    agg_response,
    bridge_meeting_attendee,
    bridge_message_holder,
    bridge_message_recipient,
    dim_customer,
    dim_person,
    fact_meeting,
    fact_message,
)
from o365_pipeline.mart.tables.settings import DEFAULT_MINIMUM_GROUP_SIZE, write_minimum_group_size
from o365_pipeline.mart.upgrade import mart_database
from o365_pipeline_tests.conftest import read_decisions
from o365_pipeline_tests.finished_homes import FinishedHomes
from o365_pipeline_tests.mart import five_people
from o365_pipeline_tests.mart.five_people import FIRST, LAST, WHOLE_SERIES
from o365_pipeline_tests.mart.subtraction import few_behind_a_difference, of_departments, told
from o365_pipeline_tests.runner import Runner, failure, lake_of, mart_rows


def october(day: int) -> dt.date:
    return dt.date(2026, 10, day)


def november(day: int) -> dt.date:
    return dt.date(2026, 11, day)


COUNT_THE_SAME = (
    ("mails_sent", "external_mails_sent"),
    ("mails_sent", "responses", "responses_to_outsiders"),
    ("mails_received", "responses", "responses_to_outsiders"),
    ("external_mails_sent", "responses_to_outsiders"),
    ("sent", "after_hours_share", "chats_sent"),
    ("meeting_hours", "after_hours_meeting_hours"),
    ("focus_hours",),
    ("response_minutes",),
)
"""Numbers of departments of which one contains the other, or may."""


class FivePeople(Runner):
    """Builds curated files and mart from what landed, of some days."""

    def build(self, **days: str) -> None:
        [customer] = self.deployment.customers
        self.instance.add_dynamic_partitions("customer", [customer.name])
        tags = dict(range_tags(customer.name, FIRST, LAST)) | days
        result = self.execute(LANDING_JOB, tags, self.keys("curated", "mart"))
        assert result.success, failure(result)


def organisation(home: Path, data: Path) -> Deployment:
    return load(home=home, tenant_data=data, first_day=FIRST, sandbox_seconds=0)


def move(home: Path, data: Path) -> None:
    """Take the five people's twelve days from the files to the mart."""
    five_people.write(data)
    deployment = organisation(home, data)
    [customer] = deployment.customers
    request = customer.data_request
    deployment.sandbox.register(customer.tenant_id, request, [customer.sink])
    deployment.sandbox.decide(customer.tenant_id, request.application_id, State.APPROVED, "approver@contoso.example")
    read_decisions(deployment, customer)
    with dg.DagsterInstance.ephemeral() as instance:
        instance.add_dynamic_partitions("customer", [customer.name])
        runner = FivePeople(deployment, instance)
        assert runner.execute("extraction_job", dict(range_tags(customer.name, FIRST, LAST))).success
        [landing] = runner.tick("landing_sensor").run_requests or []
        landed = runner.execute(LANDING_JOB, dict(landing.tags), list(landing.asset_selection or []))
        assert landed.success, failure(landed)


@pytest.fixture(scope="module")
def runner(tmp_path_factory: pytest.TempPathFactory, finished_homes: FinishedHomes) -> Iterator[FivePeople]:
    """The five people's twelve days in the mart."""
    home = tmp_path_factory.mktemp("five-people") / "o365"
    data = finished_homes.folder / "five-people-data"
    finished_homes.copy("five-people", partial(move, data=data), home)
    with dg.DagsterInstance.ephemeral() as instance:
        yield FivePeople(organisation(home, data), instance)


@pytest.fixture(scope="module")
def deployment(runner: FivePeople) -> Deployment:
    return runner.deployment


@pytest.fixture
def customer(deployment: Deployment) -> Customer:
    [customer] = deployment.customers
    return customer


def rows(deployment: Deployment, table: sa.Table, *names: str) -> list[tuple[Any, ...]]:
    """Some columns of every row, in the key's order."""
    query = sa.select(*(table.c[name] for name in names)).order_by(*table.primary_key)
    with deployment.database.begin() as connection:
        return [tuple(row) for row in connection.execute(query)]


def test_people_stand_below_their_managers_and_have_working_hours_in_their_zones(deployment: Deployment) -> None:
    found = rows(
        deployment, dim_person,
        "day", "person_id", "department", "manager_chain", "level", "time_zone_iana", "work_days", "work_starts",
        "work_ends",
    )  # fmt: skip
    week = "monday,tuesday,wednesday,thursday,friday"
    people = [
        ("ann", "Board", None, 0, "Europe/Berlin", week, 480, 960),
        ("bob", "Sales", "ann", 1, "America/New_York", week, 540, 1020),
        ("cat", "Sales", "ann", 1, "Asia/Tokyo", week, 540, 1080),
        ("dan", "Support", "bob/ann", 2, "America/Los_Angeles", week, 600, 1080),
        ("eve", "Support", "dan/bob/ann", 3, None, week, 540, 1020),
    ]
    days = [FIRST + dt.timedelta(days=number) for number in range(12)]
    assert found == [(day, *person) for day in days for person in people]
    assert rows(deployment, dim_customer, "day", "people", "own_domains") == [(day, 5, "contoso.com") for day in days]


def test_each_mail_is_one_fact_whoever_holds_it(deployment: Deployment) -> None:
    assert rows(
        deployment, fact_message, "day", "message_id", "sender_id", "recipient_count", "copies", "is_draft"
    ) == [
        (october(23), "<m1@contoso.com>", "ann", 2, 3, False),
        (october(26), "<m2@contoso.com>", "ann", 1, 2, False),
        (october(26), "<m3@contoso.com>", "eve", 1, 1, False),
        (october(26), "<m4@contoso.com>", None, 1, 1, False),
        (october(26), "<m5@contoso.com>", None, 1, 1, False),
        (october(26), "<m7@contoso.com>", "dan", 1, 2, False),
        (october(27), "<m10@contoso.com>", "ann", 1, 1, True),
        (october(27), "<m6@contoso.com>", "bob", 1, 1, False),
        (october(30), "<m8@contoso.com>", "bob", 1, 2, False),
        (november(2), "<m9@contoso.com>", "bob", 1, 2, False),
    ]


def test_a_mail_has_its_recipients_by_kind_and_its_holders_by_mailbox(deployment: Deployment) -> None:
    recipients = rows(deployment, bridge_message_recipient, "message_id", "kind", "recipient_address", "person_id")
    holders = rows(
        deployment, bridge_message_holder, "message_id", "person_id", "conversation_id", "is_read", "is_sender"
    )

    assert [found for found in recipients if found[0] == "<m1@contoso.com>"] == [
        ("<m1@contoso.com>", "cc", "cat@contoso.com", "cat"),
        ("<m1@contoso.com>", "to", "bob@contoso.com", "bob"),
        ("<m1@contoso.com>", "to", "cat@contoso.com", "cat"),
    ]
    assert [found for found in recipients if found[0] == "<m4@contoso.com>"] == [
        ("<m4@contoso.com>", "to", "y@out.example", None)
    ]
    assert holders == [
        ("<m1@contoso.com>", "ann", "ann-thread-1", True, True),
        ("<m1@contoso.com>", "bob", "bob-thread-1", False, False),
        ("<m1@contoso.com>", "cat", "cat-thread-1", False, False),
        ("<m2@contoso.com>", "ann", "ann-thread-2", True, True),
        ("<m2@contoso.com>", "dan", "dan-thread-2", False, False),
        ("<m3@contoso.com>", "eve", "eve-thread-3", True, True),
        ("<m4@contoso.com>", "bob", "bob-thread-4", False, False),
        ("<m5@contoso.com>", "bob", "bob-thread-5", False, False),
        ("<m7@contoso.com>", "ann", "ann-thread-2", False, False),
        ("<m7@contoso.com>", "dan", "dan-thread-2", True, True),
        ("<m10@contoso.com>", "ann", "ann-thread-10", True, True),
        ("<m6@contoso.com>", "bob", "bob-thread-5", True, True),
        ("<m8@contoso.com>", "bob", "bob-thread-8", True, True),
        ("<m8@contoso.com>", "eve", "eve-thread-8", False, False),
        ("<m9@contoso.com>", "bob", "bob-thread-9", True, True),
        ("<m9@contoso.com>", "eve", "eve-thread-9", False, False),
    ]


def test_meetings_last_as_long_as_they_do_whatever_the_clocks_say(deployment: Deployment) -> None:
    found = rows(
        deployment, fact_meeting,
        "starts_at", "date_key", "duration_minutes", "organizer_id", "is_all_day", "is_cancelled", "is_recurring",
        "series_id", "attendee_count", "copies", "source",
    )  # fmt: skip

    def at(day: int, hour: int, minute: int = 0) -> dt.datetime:
        return dt.datetime(2026, 10, day, hour, minute)

    assert sorted(found) == [
        (at(24, 22), october(25), 1500, "ann", True, False, False, None, 1, 1, "calendar_view"),
        (at(24, 23, 30), october(24), 180, "ann", False, False, False, None, 2, 2, "calendar_view"),
        (at(26, 14), october(26), 60, "ann", False, True, False, None, 2, 2, "calendar_view"),
        (at(26, 15), october(26), 60, "ann", False, False, True, WHOLE_SERIES, 3, 3, "calendar_view"),
        (at(26, 15, 30), october(26), 60, "dan", False, False, False, None, 2, 2, "calendar_view"),
        (at(27, 9), october(27), 30, "ann", False, False, False, None, 2, 2, "calendar_view"),
        (dt.datetime(2026, 11, 2, 15), november(2), 60, "ann", False, False, True, WHOLE_SERIES, 3, 3, "calendar_view"),
    ]


def test_who_declined_did_not_attend(deployment: Deployment) -> None:
    found = rows(deployment, bridge_meeting_attendee, "day", "person_id", "response")

    assert [response for day, person, response in found if (day, person) == (october(26), "cat")] == ["declined"]
    assert [response for day, person, response in found if (day, person) == (november(2), "cat")] == ["accepted"]


MEASURES = (
    "mails_sent", "mails_received", "external_mails_sent", "after_hours_mails_sent",
    "meetings", "meeting_minutes", "busy_minutes", "after_hours_meeting_minutes",
    "chats_sent", "chats_received", "after_hours_chats_sent", "focus_minutes",
)  # fmt: skip

NO_MAILS, NO_MEETINGS, NO_CHATS = (0, 0, 0, 0), (0, 0, 0, 0), (0, 0, 0)
QUIET = (*NO_MAILS, *NO_MEETINGS, *NO_CHATS)

PERSON_DAYS = [
    (october(23), "ann", october(23), 1, 0, 0, 0, *NO_MEETINGS, *NO_CHATS, 480),
    (october(23), "bob", october(23), 0, 1, 0, 0, *NO_MEETINGS, *NO_CHATS, None),
    (october(23), "cat", october(23), 0, 1, 0, 0, *NO_MEETINGS, *NO_CHATS, 540),
    (october(23), "eve", october(23), *QUIET, 480),
    # The working day of America ends in the next day of UTC. The night's meeting is on Sunday for Ann alone.
    (october(24), "ann", october(25), *NO_MAILS, 1, 180, 180, 180, *NO_CHATS, None),
    (october(24), "bob", october(23), *QUIET, 480),
    (october(24), "dan", october(23), *QUIET, 480),
    (october(24), "eve", october(24), *NO_MAILS, 1, 180, 180, 180, *NO_CHATS, None),
    (october(26), "ann", october(26), 1, 1, 0, 1, 1, 60, 60, 60, *NO_CHATS, 480),
    (october(26), "bob", october(26), 0, 1, 0, 0, 2, 120, 90, 0, *NO_CHATS, None),
    (october(26), "cat", october(26), *QUIET, 540),
    (october(26), "dan", october(25), 0, 1, 0, 0, *NO_MEETINGS, *NO_CHATS, None),
    (october(26), "dan", october(26), 1, 0, 0, 0, 1, 60, 60, 60, *NO_CHATS, None),
    (october(26), "eve", october(26), 1, 1, 0, 0, *NO_MEETINGS, *NO_CHATS, 480),
    (october(27), "ann", october(27), *NO_MAILS, 1, 30, 30, 0, *NO_CHATS, 120 + 330),
    # From 9 to 11, and from 12:30 to 17.
    (october(27), "bob", october(26), 1, 0, 1, 1, *NO_MEETINGS, *NO_CHATS, 120 + 270),
    (october(27), "cat", october(27), *NO_MAILS, *NO_MEETINGS, 1, 1, 0, 540),
    (october(27), "dan", october(26), *NO_MAILS, *NO_MEETINGS, 1, 1, 1, 480),
    # From 9:30 to 17.
    (october(27), "eve", october(27), *NO_MAILS, 1, 30, 30, 0, *NO_CHATS, 450),
    (october(28), "ann", october(28), *QUIET, 480),
    (october(28), "bob", october(27), *QUIET, 480),
    (october(28), "cat", october(28), *QUIET, 540),
    (october(28), "dan", october(27), *QUIET, 480),
    (october(28), "eve", october(28), *QUIET, 480),
    (october(29), "ann", october(29), *QUIET, 480),
    (october(29), "bob", october(28), *QUIET, 480),
    (october(29), "cat", october(29), *QUIET, 540),
    (october(29), "dan", october(28), *QUIET, 480),
    (october(29), "eve", october(29), *QUIET, 480),
    (october(30), "ann", october(30), *QUIET, 480),
    (october(30), "bob", october(29), *QUIET, 480),
    (october(30), "bob", october(30), 1, 0, 0, 0, *NO_MEETINGS, *NO_CHATS, None),
    (october(30), "cat", october(30), *QUIET, 540),
    (october(30), "dan", october(29), *QUIET, 480),
    (october(30), "eve", october(30), 0, 1, 0, 0, *NO_MEETINGS, *NO_CHATS, 480),
    (october(31), "bob", october(30), *QUIET, 480),
    (october(31), "dan", october(30), *QUIET, 480),
    (november(2), "ann", november(2), *NO_MAILS, 1, 60, 60, 60, *NO_CHATS, 480),
    (november(2), "bob", november(2), 1, 0, 0, 1, 1, 60, 60, 0, *NO_CHATS, None),
    (november(2), "cat", november(2), *QUIET, 540),
    (november(2), "cat", november(3), *NO_MAILS, 1, 60, 60, 60, *NO_CHATS, None),
    (november(2), "eve", november(2), 0, 1, 0, 0, *NO_MEETINGS, *NO_CHATS, 480),
    (november(3), "ann", november(3), *QUIET, 480),
    # From 11 to 17: the hour before the meeting is too short.
    (november(3), "bob", november(2), *QUIET, 360),
    (november(3), "cat", november(3), *QUIET, 540),
    (november(3), "dan", november(2), *QUIET, 480),
    (november(3), "eve", november(3), *QUIET, 480),
]


def test_what_people_did_counts_on_their_own_dates(deployment: Deployment) -> None:
    found = rows(deployment, agg_person_day, "day", "person_id", "date_key", *MEASURES)

    assert found == PERSON_DAYS


def test_a_date_belongs_to_the_week_of_its_monday(deployment: Deployment) -> None:
    weeks = dict(rows(deployment, agg_person_day, "date_key", "week_start"))

    assert (weeks[october(23)], weeks[october(25)], weeks[october(26)]) == (october(19), october(19), october(26))
    assert (weeks[october(30)], weeks[november(2)]) == (october(26), november(2))


def test_mail_is_answered_across_the_days_of_utc(deployment: Deployment) -> None:
    assert rows(
        deployment, agg_response,
        "day", "responder_id", "counterpart", "date_key", "counterpart_id", "counterpart_domain", "responses",
        "response_minutes", "fastest_minutes", "median_minutes",
    ) == [
        (october(26), "dan", "ann", october(26), "ann", None, 1, 630, 630, 630),
        (october(27), "bob", "out.example", october(26), None, "out.example", 1, 90, 90, 90),
    ]  # fmt: skip


def test_pairs_worked_together_as_often_and_as_closely_as_they_did(deployment: Deployment) -> None:
    assert rows(
        deployment, agg_collaboration_day,
        "day", "person_a", "counterpart", "person_b", "outside_domain", "mails", "meetings", "chats", "weight",
    ) == [
        (october(23), "ann", "bob", "bob", None, 1, 0, 0, 0.5),
        (october(23), "ann", "cat", "cat", None, 1, 0, 0, 0.5),
        (october(24), "ann", "eve", "eve", None, 0, 1, 0, 1.0),
        (october(26), "ann", "bob", "bob", None, 0, 1, 0, 1.0),
        (october(26), "ann", "dan", "dan", None, 2, 0, 0, 2.0),
        (october(26), "bob", "dan", "dan", None, 0, 1, 0, 1.0),
        (october(26), "bob", "out.example", None, "out.example", 1, 0, 0, 1.0),
        (october(27), "ann", "eve", "eve", None, 0, 1, 0, 1.0),
        (october(27), "bob", "out.example", None, "out.example", 1, 0, 0, 1.0),
        (october(27), "cat", "dan", "dan", None, 0, 0, 2, 2.0),
        (october(30), "bob", "eve", "eve", None, 1, 0, 0, 1.0),
        (november(2), "ann", "bob", "bob", None, 0, 1, 0, 0.5),
        (november(2), "ann", "cat", "cat", None, 0, 1, 0, 0.5),
        (november(2), "bob", "cat", "cat", None, 0, 1, 0, 0.5),
        (november(2), "bob", "eve", "eve", None, 1, 0, 0, 1.0),
    ]  # fmt: skip


def test_days_rebuilt_from_the_lake_in_another_order_are_the_same_to_the_byte_and_give_the_same_rows(
    runner: FivePeople, deployment: Deployment, customer: Customer, monkeypatch: pytest.MonkeyPatch
) -> None:
    # They were read into tables, since they are small; large days are read by views, and give the same.
    monkeypatch.setattr(loading, "SMALL_BYTES", -1)
    lake, before = lake_of(deployment), mart_rows(deployment)
    files = {path: lake.read(path) for path, _ in lake.objects("curated")}
    lake.delete(list(files))
    with deployment.database.begin() as connection:
        for table in MART_TABLES:
            connection.execute(sa.delete(table))

    runner.build(**range_tags(customer.name, october(27), LAST))
    late = mart_rows(deployment)
    # The 27th once more, over what is there.
    runner.build(**range_tags(customer.name, FIRST, october(27)))

    assert {path: lake.read(path) for path, _ in lake.objects("curated")} == files
    assert mart_rows(deployment) == before
    assert len(late["agg_response"]) == 0 < len(before["agg_response"])


def test_earlier_days_count_only_of_datasets_that_may_be_used(
    deployment: Deployment, customer: Customer, tmp_path: Path
) -> None:
    marts = Marts(mart_database(sa.URL.create("sqlite", database=str(tmp_path / "mart.db"))))
    approved = [dataset for dataset in catalogue() if dataset.asset_name not in ("message", "calendar_view")]

    load_day(marts, lake_of(deployment), customer.name, october(27), approved)

    with marts.default.begin() as connection:
        assert connection.execute(sa.select(agg_response)).all() == []
        assert set(connection.scalars(sa.select(agg_person_day.c.focus_minutes))) == {None}


@pytest.mark.parametrize("enough", [2, 3])
def test_no_difference_that_the_views_of_groups_allow_is_about_one_of_the_five(
    deployment: Deployment, enough: int
) -> None:
    department = dict(rows(deployment, dim_person, "person_id", "department"))
    contributed = of_departments(deployment.database, department)
    with deployment.database.begin() as connection:
        write_minimum_group_size(connection, enough)
    try:
        seen: dict[tuple[object, object], set[str]] = defaultdict(set)
        for view in ("department_week", "response_week"):
            for row in told(deployment.database, view):
                names = {name for name in contributed if row.get(name) is not None}
                seen[row["week_start"], row["department"]] |= names
        assert enough > 2 or any(seen.values())
        for key, names in seen.items():
            for alike in COUNT_THE_SAME:
                numbers = [contributed[name][key] for name in alike if name in names]
                assert not few_behind_a_difference(numbers, enough), (key, names)
        for row in told(deployment.database, "department_collaboration_week"):
            assert all(row[name] is None or row[name] % enough == 0 for name in ("mails", "meetings", "chats"))
    finally:
        with deployment.database.begin() as connection:
            write_minimum_group_size(connection, DEFAULT_MINIMUM_GROUP_SIZE)
