"""Loading a partition: all of it or nothing, and nothing beside it."""

import datetime as dt
import traceback

import pytest
import sqlalchemy as sa

from o365_pipeline.database.database import metadata
from o365_pipeline.datasets import catalogue
from o365_pipeline.errors import DatabaseError
from o365_pipeline.mart.build import prepare, rows_of
from o365_pipeline.mart.loading import load_day, load_partition
from o365_pipeline.mart.marts import Marts
from o365_pipeline.mart.sql_files import is_fed
from o365_pipeline.mart.tables import MART_TABLES, dim_customer, dim_date, dim_person, fact_message
from o365_pipeline.raw.lake import Lake
from o365_pipeline_tests.mart.conftest import CUSTOMER, DAY, SERVER, address, at, sqlite_only
from o365_pipeline_tests.mart.prepared_rows import prepared


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

    def replace_all():
        with database.begin() as connection:
            for table in MART_TABLES:
                load_partition(connection, table, curated)
            # A reader of SQL Server waits until the load has ended.
            seen_by_readers.append(before if SERVER else content())
            raise OSError("the lake went away")

    curated.execute("DELETE FROM message")
    with pytest.raises(OSError, match="the lake went away"):
        replace_all()

    assert seen_by_readers == [before]
    assert content() == before


def test_a_table_that_no_dataset_feeds_has_no_rows_even_if_it_is_made(curated):
    prepare(curated, CUSTOMER, DAY)

    filled = {table.name for table in MART_TABLES if any(len(frame) for frame in rows_of(curated, table.name))}

    assert filled == {table.name for table in MART_TABLES if is_fed(table.name, frozenset())}


def test_what_only_says_who_people_are_gives_rows_to_no_other_table(curated, fill):
    about_people = frozenset({"user", "manager"})
    for name in sorted(about_people):
        texts = [field for field, kind in catalogue()[name].curated_schema.items() if kind == "VARCHAR"]
        fill(name, {}, dict.fromkeys(texts, "a@contoso.com"))
    prepare(curated, CUSTOMER, DAY)

    filled = {table.name for table in MART_TABLES if any(len(frame) for frame in rows_of(curated, table.name))}

    assert "dim_person" in filled
    assert filled <= {table.name for table in MART_TABLES if is_fed(table.name, about_people)}


def test_a_day_without_data_is_empty_but_for_its_own_date_and_a_customer_of_nobody(load, content):
    assert load() == 2

    with_rows = {name: rows for name, rows in content().items() if rows}
    assert with_rows == {
        dim_customer.name: [(CUSTOMER, DAY, 0, 0, None, None)],
        dim_date.name: [(CUSTOMER, DAY, DAY, 2026, 1, 1, 2, 1, False, None)],
    }


def test_every_table_tells_its_first_rows_also_where_nothing_may_be_used(database, tmp_path):
    loaded = load_day(Marts(database), Lake.in_folder(tmp_path / "lake"), CUSTOMER, DAY, [])

    assert set(loaded.first_rows) == set(MART_TABLES)
    assert {table.name for table, rows in loaded.first_rows.items() if rows} == {"dim_customer", "dim_date"}
    assert loaded.first_rows[dim_customer] == [(CUSTOMER, DAY, 0, 0, None, None)]


@sqlite_only
@pytest.mark.parametrize(
    ("value", "reason"),
    [
        ({"person_id": None}, "row 2, person_id: there is no value"),
        ({"person_id": "secret"}, "row 2, customer, day, person_id: the key is that of the row before it"),
        ({"person_id": "z", "extraction_id": None}, "row 2, extraction_id: there is no value"),
    ],
)
def test_a_row_that_the_database_refuses_is_named_by_its_place_and_not_by_what_it_holds(database, value, reason):
    good: dict[str, object] = {"person_id": "secret", "extraction_id": "x", "level": 1}
    source = prepared(dim_person, good, good | value)

    with pytest.raises(DatabaseError) as error, database.begin() as connection:
        load_partition(connection, dim_person, source)

    assert f"dim_person of contoso, {DAY}: " in str(error.value)
    assert reason in str(error.value)
    assert "secret" not in "".join(traceback.format_exception(error.value))


@pytest.mark.parametrize("column", ["manager_id", "person_id"])
@pytest.mark.usefixtures("organization")
def test_a_long_id_is_a_key_of_its_own_wherever_it_stands(rows, fill, column):
    name = {"manager_id": "id", "person_id": "puser"}[column]
    fill(
        "manager", *({"puser": "eve" if name == "id" else "x" * 200 + str(end), "id": "x" * 200} for end in (1, 2)[:2])
    )

    keys = {row[column] for row in rows("dim_person") if (row[column] or "").startswith("sha256:")}

    assert len(keys) >= 1
    assert all(len(key) <= 100 for key in keys)
    assert keys <= {row["person_id"] for row in rows("dim_person")}


SHARED = {"site_id": "s", "item_type": "File", "scope_id": "c", "role_definition": "r"}
PARTS = ({"scope_id": "c|r"}, {"role_definition": "r|r"}, {"site_id": "s|File"}, {"item_type": "File|File"})
SHARES = [SHARED | part for part in PARTS]
ACTED = {"site_id": "s", "web_id": "w", "action_date": at(9), "action_name": "FileModified"}
ANNS = {"puser": "ann", "id": "1"}
DEVICES = ({"one_drive_device_id": "x|d", "puser": "p"}, {"one_drive_device_id": "x", "puser": "d|p"})
CHATS = ({"internet_message_id": "1/a"}, {"internet_message_id": "1", "sender": {"emailAddress": {"address": "a"}}})
MEETINGS = ({"i_cal_u_id": "u/20260105T090000Z"}, {"i_cal_u_id": "u", "start_utc": at(9)})


@pytest.mark.parametrize(
    ("dataset", "table", "one", "other"),
    [
        ("message", "fact_message", {"puser": "a/b", "id": "c"}, {"puser": "a", "id": "b/c"}),
        ("share_point_permissions", "fact_sharing_link", *SHARES[:2]),
        ("share_point_permissions", "fact_sharing_link", *SHARES[2:]),
        ("share_point_file_actions", "fact_file_action", ACTED | {"web_id": "w|l"}, ACTED | {"list_id": "l"}),
        ("share_point_file_actions", "fact_file_action", ACTED | {"client_ip": "b"}, ACTED | {"user_agent": "b"}),
        ("one_drive_sync_health", "dim_sync_app", *DEVICES),
        ("one_drive_sync_errors", "fact_sync_error", *DEVICES),
        ("team_chat", "fact_chat", *(ANNS | chat for chat in CHATS)),
        ("event", "fact_meeting", *(ANNS | meeting for meeting in MEETINGS)),
    ],
)  # fmt: skip
def test_keys_of_several_parts_stay_apart_whatever_the_parts_hold(fill, rows, dataset, table, one, other):
    fill(dataset, one, other)

    found = rows(table)

    [key] = [column.name for column in metadata.tables[table].primary_key if column.name.endswith("_id")]
    assert len({row[key] for row in found}) == len(found) == 2
