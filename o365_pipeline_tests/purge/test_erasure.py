"""One person is erased: nothing of her is left, all is left of others, and she does not come back."""

from __future__ import annotations

import datetime as dt
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from pydantic import SecretStr

from o365_pipeline.curated.people import User, people_of
from o365_pipeline.curated.privacy import ENTRA_ID
from o365_pipeline.customers.customer import Customer
from o365_pipeline.database.deletion_ledger import erased_person, person_request
from o365_pipeline.database.ledger import operation
from o365_pipeline.deployment import Deployment
from o365_pipeline.errors import UsageError
from o365_pipeline.purge import erasure, person
from o365_pipeline.purge.person import Person, find_person
from o365_pipeline.purge.person_rows import PersonRows
from o365_pipeline_tests.conftest import DAY
from o365_pipeline_tests.finished_homes import MAILS, FinishedHomes
from o365_pipeline_tests.ledger_rows import note_operation
from o365_pipeline_tests.runner import Runner, lake_of, mart_rows
from o365_pipeline_tests.traces import files_naming

NOW = dt.datetime.now(dt.UTC)


@pytest.fixture
def datasets() -> tuple[str, ...]:
    return MAILS


@pytest.fixture
def home(tmp_path: Path, finished_homes: FinishedHomes) -> Path:
    """One day of people and mails."""
    finished_homes.copy_days(1, tmp_path / "o365", MAILS)
    return tmp_path / "o365"


@pytest.fixture
def ann(moved: Runner, deployment: Deployment, customer: Customer) -> Person:
    """Somebody who has written and received mails."""
    query = (
        "SELECT p.mail FROM dim_person p JOIN fact_message m ON m.sender_id = p.person_id AND m.day = p.day "
        "JOIN bridge_message_recipient r ON r.person_id = p.person_id AND r.day = p.day ORDER BY 1 LIMIT 1"
    )
    with deployment.database.begin() as connection:
        address = connection.scalar(sa.text(query))
    return find_person(deployment.marts, lake_of(deployment), customer, str(address).upper())


def erase(deployment: Deployment, customer: Customer, person: Person) -> Any:
    address = next(one for one in person.identities if "@" in one)
    reason = f"{person.names[0] if person.names else address} asked for it, from {address.upper()}"
    request_id = erasure.begin(deployment.database, customer, address, person, reason, NOW)
    erasure.carry_out(deployment.marts, lake_of(deployment), customer, request_id)
    return erasure.found(deployment.database, request_id)


def places_of(deployment: Deployment, person: Person) -> list[str]:
    """Where below the home, beside the sandbox's own tenant, a person is named."""
    return files_naming(deployment.home, [*person.identities, *person.names], {"sandbox"})


def test_a_person_is_found_with_all_ids_addresses_and_names(ann: Person) -> None:
    kinds = {"@" in one: one for one in ann.identities}
    assert set(kinds) == {True, False}
    assert ann.names
    assert all(one == one.lower() for one in ann.identities)


def test_nothing_is_left_of_the_person_and_all_is_left_of_others(
    moved: Runner, deployment: Deployment, customer: Customer, ann: Person
) -> None:
    before, places = mart_rows(deployment), places_of(deployment, ann)
    assert {place.split("/")[0].removesuffix("-wal") for place in places} == {"lake", "mart.db"}
    assert {place.split("/")[1] for place in places if place.startswith("lake/")} == {"raw", "curated"}

    record = erase(deployment, customer, ann)

    assert places_of(deployment, ann) == []
    after = mart_rows(deployment)
    assert len(after["dim_person"]) == len(before["dim_person"]) - 1
    assert 0 < len(after["fact_message"]) < len(before["fact_message"])
    assert {row[2] for row in after["fact_message"]} < {row[2] for row in before["fact_message"]}
    assert (record.identity, record.days, record.finished_at is None) == (None, None, False)
    assert record.reason == "[erased] asked for it, from [erased]"
    assert min(record.raw_rows, record.curated_rows, record.mart_rows) > 0


def test_the_day_made_again_is_the_same_and_what_lands_later_is_curated_without_the_person(
    moved: Runner, deployment: Deployment, customer: Customer, ann: Person
) -> None:
    erase(deployment, customer, ann)
    rows, runs, later = mart_rows(deployment), len(deployment.sandbox.factory_runs()), DAY + dt.timedelta(days=1)

    assert moved.execute_day("landing_job", moved.keys("raw", "curated", "mart")).success

    assert mart_rows(deployment) == rows
    assert len(deployment.sandbox.factory_runs()) == runs

    assert moved.execute_day("landing_job", moved.keys("raw", "curated", "mart"), later).success

    assert {place.split("/")[1] for place in places_of(deployment, ann)} == {"raw"}
    assert later in {row[1] for row in mart_rows(deployment)["fact_message"]}
    people = people_of(deployment.database, lake_of(deployment), customer, None)
    assert all(people.are_denied(one) for one in ann.identities)
    with deployment.database.begin() as connection:
        digests = connection.scalars(sa.select(erased_person.c.digest)).all()
    assert len(digests) == len(ann.identities)

    again = erase(deployment, customer, ann)

    assert places_of(deployment, ann) == []
    assert (again.raw_rows > 0, again.curated_rows, again.mart_rows) == (True, 0, 0)
    with deployment.database.begin() as connection:
        assert len(set(connection.scalars(sa.select(person_request.c.person)))) == 1
        assert connection.scalar(sa.select(sa.func.count()).select_from(person_request)) == 2


class Killed(BaseException):
    """The process dies here."""


@pytest.mark.parametrize("step", ["rewrite_files", "rebuild_mart"])
def test_an_erasure_that_is_killed_is_finished_by_the_next_purge(
    moved: Runner,
    deployment: Deployment,
    customer: Customer,
    ann: Person,
    monkeypatch: pytest.MonkeyPatch,
    step: str,
) -> None:
    with monkeypatch.context() as patch:

        def die(*_: object) -> None:
            raise Killed

        patch.setattr(erasure, step, die)
        with pytest.raises(Killed):
            erase(deployment, customer, ann)
    [request] = moved.tick("purge_sensor").run_requests or []

    assert moved.execute("purge_job", dict(request.tags), config=dict(request.run_config)).success

    assert places_of(deployment, ann) == []
    assert erasure.unfinished(deployment.database, customer) == []
    assert not moved.tick("purge_sensor").run_requests


def test_microsofts_list_of_people_who_were_not_delivered_names_the_person_no_more(
    deployment: Deployment, customer: Customer
) -> None:
    note_operation(deployment.database, customer, run_id="other")
    deployment.database.execute(operation.update().values(undelivered='["ANN@contoso.com", "somebody-else"]'))

    erasure._erase_from_ledger(
        deployment.database, customer, PersonRows(Person(identities=("ann@contoso.com",), names=()))
    )

    with deployment.database.begin() as connection:
        assert set(connection.scalars(sa.select(operation.c.undelivered))) == {'["somebody-else"]'}


def test_no_reason_names_the_person_before_and_after_an_erasure(deployment: Deployment, customer: Customer) -> None:
    ann, bob = (Person(identities=(f"{name.lower()}@contoso.com",), names=(f"{name} Mill",)) for name in ("Ann", "Bob"))
    asked = ann.identities[0]

    erasure.note_export(deployment.database, customer, asked, ann, "ann mill came with Bob Mill", {}, NOW)
    request_id = erasure.begin(deployment.database, customer, asked, ann, "ANN@contoso.com wrote", NOW)

    assert erasure.found(deployment.database, request_id).reason == "[erased] wrote"
    with deployment.database.begin() as connection:
        reasons = connection.scalars(sa.select(person_request.c.reason)).all()
        assert set(reasons) == {"[erased] came with Bob Mill", "[erased] wrote"}
    erasure._erase_from_ledger(deployment.database, customer, PersonRows(bob))
    with deployment.database.begin() as connection:
        reasons = connection.scalars(sa.select(person_request.c.reason)).all()
        assert set(reasons) == {"[erased] came with [erased]", "[erased] wrote"}


def test_what_somebody_else_has_too_is_not_taken_for_the_persons(
    moved: Runner, deployment: Deployment, customer: Customer, ann: Person, monkeypatch: pytest.MonkeyPatch
) -> None:
    address = next(one for one in ann.identities if "@" in one)
    namesake = User("b", frozenset({"b", address}), is_guest=False, names=frozenset(ann.names))
    monkeypatch.setattr(person, "_curated_users", lambda *_: [namesake])
    object_id = next(one for one in ann.identities if ENTRA_ID.fullmatch(one))

    with pytest.raises(UsageError, match="2 people have or had that address"):
        find_person(deployment.marts, lake_of(deployment), customer, address)
    found = find_person(deployment.marts, lake_of(deployment), customer, object_id)

    assert (found.identities, found.names) == ((object_id,), ())


def test_who_is_neither_an_id_nor_an_address_cannot_be_erased(
    moved: Runner, deployment: Deployment, customer: Customer
) -> None:
    for asked in ("ann", "", "@", "a b@c"):
        with pytest.raises(UsageError, match="a person is told by an Entra object id or an address"):
            find_person(deployment.marts, lake_of(deployment), customer, asked)


def test_somebody_from_outside_is_erased_by_the_hash_that_stands_for_the_address_too(
    moved: Runner, deployment: Deployment, customer: Customer
) -> None:

    hashing = customer.model_copy(
        update={"hash_outside_addresses": True, "address_salt": SecretStr("0123456789abcdef" * 2)}
    )

    found = find_person(deployment.marts, lake_of(deployment), hashing, "eve@fabrikam.example", ["Eve Stone"])

    assert found.names == ("Eve Stone",)
    assert len(found.identities) == 3
    assert [one for one in found.identities if one.endswith("@fabrikam.example") and not one.startswith("eve")]
