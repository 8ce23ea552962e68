"""That the pages tell what the five people did: the same numbers that were worked out by hand for the mart's tables."""

from __future__ import annotations

import datetime as dt
import re
from collections import Counter
from collections.abc import Iterator
from functools import partial
from typing import Any

import pytest

from o365_pipeline.deployment import Deployment
from o365_pipeline.insights.look import NOT_TOLD, number
from o365_pipeline.insights.overview import Growth, flow
from o365_pipeline.insights.reader import Reader, reader_of
from o365_pipeline.insights.relationships import colleagues, insiders, organizations, ties_to, ways_in
from o365_pipeline.insights.report import report
from o365_pipeline.mart.tables.settings import write_minimum_group_size
from o365_pipeline_tests.finished_homes import FinishedHomes
from o365_pipeline_tests.insights.conftest import SignIn, sign_in_to, words
from o365_pipeline_tests.mart.test_five_people import MEASURES, PERSON_DAYS, move, organisation

EVERYBODY = {"ann": "Board", "bob": "Sales", "cat": "Sales", "dan": "Support", "eve": "Support"}


@pytest.fixture(scope="module")
def deployment(tmp_path_factory: pytest.TempPathFactory, finished_homes: FinishedHomes) -> Deployment:
    """The five people's twelve days in the mart, where departments of one are told of."""
    home = tmp_path_factory.mktemp("five-people") / "o365"
    data = finished_homes.folder / "five-people-data"
    finished_homes.copy("five-people", partial(move, data=data), home)
    deployment = organisation(home, data)
    suppress(deployment, 1)
    return deployment


@pytest.fixture(scope="module")
def sign_in(deployment: Deployment) -> SignIn:
    return sign_in_to(deployment.database, deployment.customers)


@pytest.fixture
def reader(deployment: Deployment) -> Iterator[Reader]:
    [customer] = deployment.customers
    with reader_of(deployment.database, customer.name) as reader:
        yield reader


def suppress(deployment: Deployment, people: int) -> None:
    with deployment.database.begin() as connection:
        write_minimum_group_size(connection, people)


def by_hand(key: str) -> dict[Any, Counter[str]]:
    """What the hand-made rows of people's days add up to, by week, by department or by person."""
    sums: dict[Any, Counter[str]] = {}
    for _, person, date, *values in PERSON_DAYS:
        week = date - dt.timedelta(days=date.weekday())
        group = {"week": week, "department": EVERYBODY[person], "person": (person, week)}[key]
        sums.setdefault(group, Counter()).update(
            {name: value or 0 for name, value in zip(MEASURES, values, strict=True)}
        )
    return sums


def hours(minutes: int) -> str:
    return f"{minutes / 60:,.1f}"


def share(sums: Counter[str]) -> str:
    sent = sums["mails_sent"] + sums["chats_sent"]
    late = sums["after_hours_mails_sent"] + sums["after_hours_chats_sent"]
    return f"{100 * late / sent:.0f}%" if sent else NOT_TOLD


def test_the_overviews_weeks_are_the_sums_of_what_everybody_did(sign_in: SignIn) -> None:
    shown = sign_in("ann").read("/").partition("Week by week")[2].partition("Whose work")[0]

    for week, sums in by_hand("week").items():
        people = len({person for _, person, date, *_ in PERSON_DAYS if week <= date < week + dt.timedelta(days=7)})
        row = (week, people, sums["mails_sent"], hours(sums["meeting_minutes"]), sums["chats_sent"])
        assert " ".join(map(str, (*row, hours(sums["focus_minutes"]), share(sums)))) in shown


def test_the_overviews_departments_are_the_averages_of_what_their_people_did(sign_in: SignIn) -> None:
    shown = sign_in("ann").read("/")

    for department, sums in by_hand("department").items():
        weeks = Counter(week for (person, week) in by_hand("person") if EVERYBODY[person] == department)
        row = (department, number(sum(weeks.values()) / len(weeks)), number(sums["mails_sent"] / len(weeks)))
        per_person = [f"{sums[name] / 60 / sum(weeks.values()):.1f}" for name in ("meeting_minutes", "focus_minutes")]
        assert " ".join((*row, *per_person, share(sums))) in shown


def test_the_board_is_the_department_whose_work_after_hours_has_grown(reader: Reader) -> None:
    found = flow(reader)

    # Ann's only mail of the first week was in her hours, that of the second before them; the third week is not over.
    assert (found.grown, found.growth_weeks) == ([Growth("Board", 0.0, 1.0)], 1)


def test_everybody_sees_her_own_weeks(sign_in: SignIn) -> None:
    for (person, week), sums in by_hand("person").items():
        row = (week, sums["mails_sent"], sums["mails_received"], hours(sums["meeting_minutes"]))
        late = hours(sums["after_hours_meeting_minutes"])
        sent_late = sums["after_hours_mails_sent"] + sums["after_hours_chats_sent"]
        more = (late, sums["chats_sent"], hours(sums["focus_minutes"]), sent_late)
        assert " ".join(map(str, (*row, *more))) in sign_in(str(person)).read("/me")


def test_people_are_tied_as_strongly_as_their_days_say(reader: Reader) -> None:
    strengths = {contact.name: contact.weight for contact in colleagues(reader, "ann")}

    assert strengths == {"Bob": 2.0, "Dan": 2.0, "Eve": 2.0, "Cat": 1.0}
    assert [(one.key, one.mails, one.weight) for one in organizations(reader, None)] == [("out.example", 2, 2.0)]
    assert organizations(reader, "bob") == organizations(reader, None)
    assert organizations(reader, "ann") == []


def test_bob_is_the_way_into_the_organization_that_he_writes_to(reader: Reader, sign_in: SignIn) -> None:
    nearest = insiders(reader, "out.example")

    def strength(person: str) -> list[tuple[str, float]]:
        ways = ways_in(nearest, ties_to(reader, person, [contact.key for contact in nearest]), person)
        return [(way.insider.key, way.strength) for way in ways]

    assert {person: strength(person) for person in EVERYBODY} == {
        "ann": [("bob", 2.0)],
        "bob": [("bob", 2.0)],
        "cat": [("bob", 0.5)],
        "dan": [("bob", 1.0)],
        "eve": [("bob", 2.0)],
    }
    assert "Ask Bob , whom you work with." in sign_in("cat", analyst=True).read("/organizations/out.example")


def test_the_page_about_the_data_names_the_approver_the_days_and_what_nobody_asked_for(sign_in: SignIn) -> None:
    shown = sign_in("ann").read("/about")

    assert re.search(r"Message_v1 .{20,120} 2026-10-23 to 2026-11-03 approver@contoso.example", shown)
    assert "Message_v1: what people wrote was not asked for." in shown


def test_with_groups_of_five_nothing_is_told_of_the_departments(deployment: Deployment, sign_in: SignIn) -> None:
    suppress(deployment, 5)
    try:
        bob, [customer] = sign_in("bob"), deployment.customers
        found = bob.everything()
        assert "There is nothing to show yet" in found["/"]
        assert bob.open("/departments.csv").text.splitlines() == ["department"]
        assert "There is nothing to show yet" in report(deployment.database, customer.name, "more")
        # Of people, Bob sees himself: neither the others' time nor with whom they work.
        assert "/people/ann" not in found
        assert "Ann" not in words(found["/me"])
    finally:
        suppress(deployment, 1)
