"""Loading a partition: all of it or nothing, and nothing beside it."""

import datetime as dt

import pandas as pd
import pytest
import sqlalchemy as sa

from o365_pipeline.mart.build import rows_of
from o365_pipeline.mart.loading import load_partition
from o365_pipeline.mart.tables import MART_TABLES, dim_customer, dim_date, dim_person, fact_message
from o365_pipeline_tests.mart.conftest import CUSTOMER, DAY, SERVER, address, at, sqlite_only


@pytest.fixture
def a_mail(fill):
    fill(
        "message",
        {
            "puser": "bob",
            "id": "1",
            "internet_message_id": "<m1>",
            "from": address("ann"),
            "to_recipients": [address("bob"), address("x@out.org")],
            "sent_date_time": at(9),
            "is_draft": False,
        },
    )


@pytest.mark.usefixtures("organization", "a_mail")
def test_values_keep_their_types_and_missing_ones_become_null(load, database):
    load()

    with database.begin() as connection:
        [mail] = connection.execute(sa.select(fact_message)).mappings()

    assert (mail["sent_at"], mail["day"], mail["recipient_count"], mail["is_draft"]) == (at(9), DAY, 2, False)
    assert (mail["received_at"], mail["importance"], mail["has_attachments"]) == (None, None, None)


@sqlite_only
@pytest.mark.usefixtures("organization", "a_mail")
def test_sqlite_holds_numbers_nulls_and_dates_as_other_programs_read_them(load, database):
    load()

    with database.begin() as connection:
        raw = connection.exec_driver_sql(
            "SELECT typeof(recipient_count), typeof(is_draft), typeof(received_at), typeof(importance), day, sent_at "
            "FROM fact_message"
        ).one()

    assert tuple(raw) == ("integer", "integer", "null", "null", "2026-01-05", "2026-01-05 09:00:00.000000")


@pytest.mark.usefixtures("organization", "a_mail")
def test_loading_twice_changes_nothing(load, content):
    loaded = load()
    before = content()

    assert load() == loaded == sum(map(len, before.values()))
    assert content() == before


@pytest.mark.usefixtures("organization", "a_mail")
def test_other_partitions_stay_as_they_are(load, content, curated):
    load(customer="fabrikam")
    load(day=dt.date(2026, 1, 4))
    others = content("fabrikam")
    load()

    curated.execute("DELETE FROM message")
    load()

    assert content("fabrikam") == others
    assert [(row[0], row[1]) for row in content(CUSTOMER)["fact_message"]] == [(CUSTOMER, dt.date(2026, 1, 4))]


@pytest.mark.usefixtures("organization", "a_mail")
def test_a_load_that_fails_leaves_the_old_partition_and_readers_see_it_meanwhile(load, content, database, curated):
    load()
    before = content()
    seen_by_readers = []

    def broken(frames):
        yield from frames
        # A reader of SQL Server waits until the load has ended.
        seen_by_readers.append(before if SERVER else content())
        raise OSError("the lake went away")

    def replace_all():
        with database.begin() as connection:
            for table in MART_TABLES:
                load_partition(connection, table, CUSTOMER, DAY, broken(rows_of(curated, table.name)))

    curated.execute("DELETE FROM message")
    with pytest.raises(OSError, match="the lake went away"):
        replace_all()

    assert seen_by_readers == [before]
    assert content() == before


def test_rows_of_another_partition_are_refused(database):
    stray = pd.DataFrame({"customer": ["fabrikam"], "day": [pd.Timestamp(DAY)], "person_id": ["p"]})

    with database.begin() as connection, pytest.raises(ValueError, match="another partition"):
        load_partition(connection, dim_person, CUSTOMER, DAY, iter([stray]))


def test_a_day_without_data_is_empty_but_for_its_own_date_and_a_customer_of_nobody(load, content):
    assert load() == 2

    with_rows = {name: rows for name, rows in content().items() if rows}
    assert with_rows == {
        dim_customer.name: [(CUSTOMER, DAY, 0, 0, None, None)],
        dim_date.name: [(CUSTOMER, DAY, DAY, 2026, 1, 1, 2, 1, False, None)],
    }
