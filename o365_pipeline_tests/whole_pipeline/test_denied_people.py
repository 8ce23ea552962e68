"""Somebody whom the customer denies is nowhere after a run from the approval to the mart, and the others are."""

from __future__ import annotations

import html
import json
from functools import partial
from pathlib import Path

import dagster as dg
import duckdb
import pytest
import sqlalchemy as sa

from o365_pipeline.consent.approvals import State
from o365_pipeline.curated.day_files import CURATED, QUARANTINE, USER_ROWS, files_below, parquet
from o365_pipeline.curated.people import people_of
from o365_pipeline.deployment import Deployment, load
from o365_pipeline.errors import LandingError, SettingsError
from o365_pipeline_tests.conftest import read_decisions
from o365_pipeline_tests.finished_homes import MAILS, data_request_of
from o365_pipeline_tests.insights.conftest import sign_in_to
from o365_pipeline_tests.runner import Runner, lake_of, mart_rows

SANDBOX = {"sandbox_seconds": 0, "sandbox_users": 12, "initial_days": 1}


@pytest.fixture
def datasets() -> tuple[str, ...]:
    """All of them: nobody who is denied may be in any."""
    return ()


@pytest.fixture
def everyone(moved: Runner) -> Deployment:
    """The same with nobody denied."""
    return moved.deployment


def moved_with(home: Path, **settings: object) -> tuple[Deployment, dg.DagsterInstance]:
    """A deployment with those settings, from the approval to the mart."""
    deployment = load(home=home / "o365", **SANDBOX, **settings)
    [customer] = deployment.customers
    request = customer.data_request
    deployment.sandbox.register(customer.tenant_id, request, [customer.sink])
    deployment.sandbox.decide(customer.tenant_id, request.application_id, State.APPROVED, "approver@contoso.example")
    read_decisions(deployment, customer)
    instance = dg.DagsterInstance.ephemeral()
    Runner(deployment, instance).move()
    return deployment, instance


def stored(deployment: Deployment) -> str:
    """All that is curated, in quarantine, told of mailboxes, and in the mart, in lower case."""
    lake = lake_of(deployment)
    texts = [json.dumps(mart_rows(deployment), default=str)]
    paths = [path for stage in (CURATED, USER_ROWS, QUARANTINE) for path, _ in files_below(lake, stage)]
    with duckdb.connect() as connection:
        texts += [
            json.dumps(connection.execute(f"FROM {parquet([file])}").fetchall(), default=str)
            for file in lake.stage(paths, Path())
        ]
    return "\n".join(texts).lower()


def kept(instance: dg.DagsterInstance) -> str:
    entries = [entry for run in instance.get_runs() for entry in instance.all_logs(run.run_id)]
    return "\n".join(f"{entry.user_message} {entry.dagster_event}" for entry in entries).lower()


def pages(deployment: Deployment) -> str:
    """All that an analyst reads on the application's pages and in its downloads, in lower case."""
    analyst = sign_in_to(deployment.database, deployment.customers)("nobody", analyst=True)
    return html.unescape("\n".join(analyst.everything().values())).lower()


def people(deployment: Deployment) -> list[sa.Row]:
    with deployment.database.begin() as connection:
        query = "SELECT person_id, display_name, mail FROM dim_person WHERE mail IS NOT NULL ORDER BY person_id"
        return list(connection.execute(sa.text(query)).all())


def activity(deployment: Deployment) -> dict[str, tuple[int, ...]]:
    """What each person sent, and the meetings they had."""
    query = (
        "SELECT person_id, sum(mails_sent), sum(chats_sent), sum(meetings), sum(meeting_minutes) "
        "FROM agg_person_day GROUP BY person_id"
    )
    with deployment.database.begin() as connection:
        return {person: tuple(numbers) for person, *numbers in connection.execute(sa.text(query))}


def test_outside_addresses_are_nowhere_where_they_are_hashed(tmp_path: Path) -> None:
    mails = data_request_of(MAILS, tmp_path)
    deployment, _ = moved_with(
        tmp_path, hash_outside_addresses=True, address_salt="0123456789abcdef" * 2, data_request=mails
    )
    [customer] = deployment.customers

    found = people_of(deployment.database, lake_of(deployment), customer, deployment.cloud)

    assert found.own_domains
    with deployment.database.begin() as connection:
        addresses = connection.scalars(sa.text("SELECT recipient_address FROM bridge_message_recipient")).all()
    outside = {address for address in addresses if address.rpartition("@")[2] not in found.own_domains}
    assert outside
    assert all(len(address.partition("@")[0]) == 16 for address in outside)


def groups_of_some(deployment: Deployment) -> list[tuple[str, set[str]]]:
    """Groups that hold one person or several, but not all: their ids and their members' ids, the smallest first."""
    with deployment.database.begin() as connection:
        rows = connection.execute(sa.text("SELECT group_id, member_id FROM bridge_group_member")).all()
    members: dict[str, set[str]] = {}
    for group, member in rows:
        members.setdefault(group, set()).add(member)
    everybody = {person.person_id for person in people(deployment)}
    return sorted(
        ((group, found) for group, found in members.items() if found < everybody), key=lambda found: len(found[1])
    )


def test_who_is_denied_by_name_or_with_a_group_is_nowhere_and_the_others_numbers_stay_right(
    everyone: Deployment, tmp_path: Path
) -> None:
    group, members = groups_of_some(everyone)[0]
    before, numbers, there = people(everyone), activity(everyone), stored(everyone)
    ann = next(person for person in before if person.person_id not in members)

    deployment, instance = moved_with(tmp_path / "some", deny_people=ann.mail.upper(), deny_groups=group.upper())

    denied = [person for person in before if person == ann or person.person_id in members]
    assert len(denied) > 1
    assert any(person.display_name.lower() in pages(everyone) for person in denied)
    for found in (stored(deployment), kept(instance), pages(deployment)):
        for person in denied:
            assert person.mail.lower() in there
            for word in (person.person_id, person.mail, person.display_name):
                assert word.lower() not in found
    assert people(deployment) == [person for person in before if person not in denied]
    ids = {person.person_id for person in denied}
    assert ann.person_id in numbers
    assert activity(deployment) == {person: found for person, found in numbers.items() if person not in ids}


def test_nothing_is_curated_before_it_is_known_who_the_members_of_a_denied_group_are(moved: Runner) -> None:
    deployment = moved.deployment
    [customer] = deployment.customers
    of_group = customer.model_copy(update={"deny_groups": ("5d2a9c7e-0000-4000-8000-0000000000b2",)})
    people_now = partial(people_of, deployment.database, lake_of(deployment), of_group, deployment.cloud)
    assert people_now().denied == frozenset()

    with deployment.database.begin() as connection:
        connection.execute(
            sa.text(
                "DELETE FROM ledger_landing WHERE extraction_id IN "
                "(SELECT extraction_id FROM ledger_extraction WHERE dataset = 'GroupMembers_v0')"
            )
        )

    with pytest.raises(LandingError, match="told by GroupMembers_v0, of which nothing landed"):
        people_now()


def test_nothing_is_curated_before_it_is_known_who_is_denied(tmp_path: Path) -> None:
    deployment = load(home=tmp_path, **SANDBOX, deny_people="ann@contoso.example")
    [customer] = deployment.customers

    with pytest.raises(LandingError, match="told by User_v1, of which nothing landed"):
        people_of(deployment.database, lake_of(deployment), customer, deployment.cloud)


def test_hashing_without_a_salt_is_refused_at_the_start(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match="O365_ADDRESS_SALT is missing"):
        load(home=tmp_path, hash_outside_addresses=True)


def test_names_of_settings_stand_between_commas(tmp_path: Path) -> None:
    [customer] = load(home=tmp_path, deny_people="Ann@x.com, bob@x.com").customers

    assert customer.deny_people == ("ann@x.com", "bob@x.com")
