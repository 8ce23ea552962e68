"""The mart's checks and the picture of who works with whom, on a mart made by hand."""

from __future__ import annotations

import base64
import datetime as dt
import itertools
import re
from collections.abc import Iterator, Mapping

import dagster as dg
import pytest
import sqlalchemy as sa

from o365_pipeline.database.database import metadata
from o365_pipeline.database.ledger import landing
from o365_pipeline.mart.checks import ADDRESSES_CHECK, REFERENCES_CHECK, mart_check_results, mart_check_specs
from o365_pipeline.mart.collaboration import MAX_PAIRS, MAX_PEOPLE, collaboration_picture, strongest_pairs
from o365_pipeline.mart.tables import MART_TABLES, bridge_message_recipient, dim_date, dim_person, fact_message

DAY = dt.date(2026, 1, 5)
KEY = dg.AssetKey(["mart", "some_table"])
LANDED = {
    "extraction_id": "x1",
    "customer": "contoso",
    "dataset": "Message_v1",
    "factory_run_id": "r1",
    "manifest": "manifest.json",
    "rows_landed": 1,
    "bytes_landed": 1,
    "sealed_at": dt.datetime(2026, 1, 6),
}


@pytest.fixture
def connection() -> Iterator[sa.Connection]:
    engine = sa.create_engine("sqlite://")
    metadata.create_all(engine)
    with engine.begin() as connection:
        connection.execute(sa.insert(landing).values(LANDED))
        yield connection


def add(connection: sa.Connection, table: sa.Table, *rows: Mapping[str, object]) -> None:
    for row in rows:
        shared: dict[str, object] = {"customer": "contoso", "day": DAY, "extraction_id": "x1"}
        if "date_key" in table.c:
            shared["date_key"] = DAY
        counts = {name: 1 for name in ("recipient_count", "copies") if name in table.c}
        connection.execute(sa.insert(table).values({**shared, **counts, **row}))


def checked(connection: sa.Connection, table: sa.Table) -> dict[str, dg.AssetCheckResult]:
    return {str(one.check_name): one for one in mart_check_results(connection, KEY, table, "contoso", [DAY])}


def people(connection: sa.Connection, *names: str, department: str = "Sales") -> None:
    add(
        connection,
        dim_person,
        *({"person_id": name, "mail": f"{name}@contoso.com", "department": department} for name in names),
    )


def mails(connection: sa.Connection, sender: str, recipient: str, count: int = 1, is_draft: bool = False) -> None:
    for number in range(count):
        key = f"{sender}-{recipient}-{number}-{is_draft}"
        add(connection, fact_message, {"message_id": key, "sender_id": sender, "is_draft": is_draft})
        add(
            connection,
            bridge_message_recipient,
            {"message_id": key, "kind": "to", "recipient_address": f"{recipient}@contoso.com", "person_id": recipient},
        )


def test_every_table_has_the_checks_that_it_gives_results_for(connection: sa.Connection) -> None:
    for table in MART_TABLES:
        assert [spec.name for spec in mart_check_specs(KEY, table)] == list(checked(connection, table)), table.name


def test_a_reference_that_leads_nowhere_is_counted_by_its_name(connection: sa.Connection) -> None:
    people(connection, "ann")
    mails(connection, "ann", "bob")
    mails(connection, "ann", "ann")

    found = checked(connection, bridge_message_recipient)[REFERENCES_CHECK]

    assert not found.passed
    assert found.severity is dg.AssetCheckSeverity.WARN
    assert found.metadata["person_id -> dim_person.person_id"].value == 1
    assert "message_id -> fact_message.message_id" not in found.metadata


def test_a_row_of_an_extraction_whose_landing_is_unknown_is_an_error(connection: sa.Connection) -> None:
    people(connection, "ann")
    assert checked(connection, dim_person)[REFERENCES_CHECK].passed

    connection.execute(sa.update(dim_person).values(extraction_id="x2"))
    found = checked(connection, dim_person)[REFERENCES_CHECK]

    assert not found.passed
    assert found.severity is dg.AssetCheckSeverity.ERROR
    assert found.metadata["untraceable"].value == 1


def test_a_reference_is_looked_up_in_its_own_partition_alone(connection: sa.Connection) -> None:
    people(connection, "ann")
    add(
        connection,
        dim_date,
        dict.fromkeys(("year", "quarter", "month", "iso_week", "weekday"), 1) | {"is_weekend": False},
    )
    mails(connection, "ann", "ann")
    assert checked(connection, fact_message)[REFERENCES_CHECK].passed

    connection.execute(sa.update(dim_person).values(customer="fabrikam"))
    assert not checked(connection, fact_message)[REFERENCES_CHECK].passed
    connection.execute(sa.update(dim_person).values(customer="contoso", day=DAY - dt.timedelta(1)))
    assert not checked(connection, fact_message)[REFERENCES_CHECK].passed


def test_addresses_of_the_own_domains_that_nobody_has_are_warned_of(connection: sa.Connection) -> None:
    people(connection, "ann")
    for number, address in enumerate(("ann@contoso.com", "list@contoso.com", "room@contoso.com", "x@elsewhere.com")):
        person = "ann" if address.startswith("ann") else None
        row = {"message_id": str(number), "kind": "to", "recipient_address": address, "person_id": person}
        add(connection, bridge_message_recipient, row)

    found = checked(connection, bridge_message_recipient)[ADDRESSES_CHECK]

    assert not found.passed
    assert (found.metadata["own_addresses"].value, found.metadata["resolved"].value) == (3, 1)


def test_without_an_address_of_the_own_domains_nothing_is_warned_of(connection: sa.Connection) -> None:
    assert checked(connection, bridge_message_recipient)[ADDRESSES_CHECK].passed


def test_pairs_are_counted_both_ways_without_drafts_and_mails_to_oneself(connection: sa.Connection) -> None:
    mails(connection, "ann", "bob", 2)
    mails(connection, "bob", "ann")
    mails(connection, "ann", "ann")
    mails(connection, "ann", "cat", is_draft=True)

    [pair] = strongest_pairs(connection, "contoso", DAY)

    assert (pair.one, pair.other, pair.mails) == ("ann", "bob", 3)


def test_the_network_has_at_most_so_many_people_and_pairs(connection: sa.Connection) -> None:
    for number in range(0, 400, 2):
        mails(connection, f"p{number:03}", f"p{number + 1:03}")
    mails(connection, "boss", "aide", 3)

    pairs = strongest_pairs(connection, "contoso", DAY)

    assert len({person for pair in pairs for person in (pair.one, pair.other)}) <= MAX_PEOPLE
    assert len(pairs) <= MAX_PAIRS
    assert pairs[0].mails == 3


def test_the_picture_of_the_network_names_nobody(connection: sa.Connection) -> None:
    names = ("annabel", "bobby", "catharina", "daniel", "evelyn", "fridolin")
    people(connection, *names, department="Secret Projects")
    for one, other in itertools.pairwise(names):
        mails(connection, one, other)

    text = str(collaboration_picture(connection, "contoso", DAY).value)

    found = re.fullmatch(r"!\[6 people, 5 pairs [a-z ;]+\]\(data:image/png;base64,([A-Za-z0-9+/=]+)\)", text)
    assert found
    content = base64.b64decode(found[1])
    assert content.startswith(b"\x89PNG")
    assert len(content) < 50_000
    for word in (*names, "Secret"):
        assert word.encode() not in content


def test_a_network_of_too_few_people_is_not_drawn(connection: sa.Connection) -> None:
    people(connection, "ann", "bob")
    mails(connection, "ann", "bob")

    assert collaboration_picture(connection, "contoso", DAY) is None
