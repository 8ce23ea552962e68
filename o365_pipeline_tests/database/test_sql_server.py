"""SQL Server beneath SQLAlchemy: which driver is asked for, what is signed in with, which types parameters have."""

from __future__ import annotations

import datetime as dt
import sys
from operator import itemgetter
from pathlib import Path

import pytest
import sqlalchemy as sa
from azure.core.credentials import AccessToken
from azure.core.exceptions import ClientAuthenticationError

from o365_pipeline.database.database import Database, connectable
from o365_pipeline.database.ledger import approval_event
from o365_pipeline.database.sql_server import DRIVER
from o365_pipeline.errors import DatabaseError
from o365_pipeline.mart.loading import load_partition
from o365_pipeline.mart.tables import agg_site_storage, dim_person, fact_message
from o365_pipeline_tests.database import fake_pyodbc
from o365_pipeline_tests.database.fake_pyodbc import SQL_TYPES, FakePyodbc
from o365_pipeline_tests.mart.conftest import CUSTOMER, DAY
from o365_pipeline_tests.mart.prepared_rows import prepared

URL = "mssql+pyodbc://@server.example/mart"


class Credential:
    """Gives a new token each time."""

    def __init__(self) -> None:
        self.scopes: list[tuple[str, ...]] = []

    def get_token(self, *scopes: str, **_options: object) -> AccessToken:
        self.scopes.append(scopes)
        return AccessToken(f"tok{len(self.scopes)}", 0)


@pytest.fixture
def pyodbc(monkeypatch: pytest.MonkeyPatch) -> FakePyodbc:
    return fake_pyodbc.install(monkeypatch, DRIVER)


def connect(url: str, credential: Credential | None = None) -> sa.Engine:
    engine = connectable(sa.make_url(url), credential)
    engine.connect().close()
    return engine


def test_without_user_and_password_every_connection_brings_a_token_of_its_own(pyodbc: FakePyodbc) -> None:
    credential = Credential()

    engine = connect(URL, credential)
    engine.dispose()
    engine.connect().close()

    assert credential.scopes == [("https://database.windows.net/.default",)] * 2
    assert [options for _, options in pyodbc.connected] == [
        {"attrs_before": {1256: b"\x08\x00\x00\x00t\x00o\x00k\x001\x00"}},
        {"attrs_before": {1256: b"\x08\x00\x00\x00t\x00o\x00k\x002\x00"}},
    ]
    text = f"DRIVER={{{DRIVER}}};Server=server.example;Database=mart;Encrypt=yes"
    assert [found for found, _ in pyodbc.connected] == [text, text]


@pytest.mark.parametrize(
    "url",
    [
        "mssql+pyodbc://me:secret@server.example/mart",
        f"{URL}?authentication=ActiveDirectoryMsi",
        f"{URL}?Trusted_Connection=yes",
        "mssql+pyodbc://?odbc_connect=DSN%3Dmart",
    ],
)
def test_a_url_that_says_how_to_sign_in_brings_no_token(pyodbc: FakePyodbc, url: str) -> None:
    credential = Credential()

    connect(url, credential)

    assert credential.scopes == []
    assert pyodbc.connected[0][1] == {}


def test_the_connection_is_encrypted_and_the_certificate_is_looked_at_unless_the_url_says_otherwise(
    pyodbc: FakePyodbc,
) -> None:
    connect(URL)
    connect(f"{URL}?encrypt=optional&TrustServerCertificate=yes")

    [default, chosen] = [text for text, _ in pyodbc.connected]
    assert "Encrypt=yes" in default and "TrustServerCertificate" not in default
    assert "Encrypt=yes" not in chosen and "encrypt=optional;TrustServerCertificate=yes" in chosen


def test_odbc_itself_keeps_no_connections(pyodbc: FakePyodbc) -> None:
    connect(URL)

    assert pyodbc.pooling is False


@pytest.mark.parametrize("driver", ["FreeTDS", "/opt/libmsodbcsql-18.4.so.1.1"])
@pytest.mark.parametrize("named", ["driver={}", "DRIVER={}", "Driver={{{}}}"])
def test_a_driver_that_the_url_names_is_taken_by_its_name_or_path(pyodbc: FakePyodbc, named: str, driver: str) -> None:
    connect(f"{URL}?{named.format(driver)}")

    text = pyodbc.connected[0][0]
    assert text.startswith(f"DRIVER={{{driver}}};")
    assert text.lower().count("driver=") == 1


def test_a_sign_in_that_fails_is_one_line_that_says_what_to_check(pyodbc: FakePyodbc) -> None:
    class SignedOut(Credential):
        def get_token(self, *scopes: str, **_options: object) -> AccessToken:
            raise ClientAuthenticationError("AADSTS700016: the application 1b4e of the tenant 7c2f\nTrace ID: 9d1c")

    with pytest.raises(DatabaseError, match=r"ClientAuthenticationError\): check O365_CREDENTIAL") as caught:
        Database(sa.make_url(URL), credential=SignedOut()).execute(sa.select(1))

    assert "\n" not in str(caught.value) and "AADSTS" not in str(caught.value)
    assert pyodbc.connected == []


def test_where_none_is_installed_the_packaged_driver_is_taken(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    pyodbc = fake_pyodbc.install(monkeypatch, "SQLite3")
    library = tmp_path / "mssql_python_odbc/libs/linux/debian_ubuntu/x86_64/lib/libmsodbcsql-18.6.so.2.1"
    library.parent.mkdir(parents=True)
    library.touch()
    (tmp_path / "mssql_python_odbc/__init__.py").touch()
    monkeypatch.syspath_prepend(str(tmp_path))

    connect(URL)

    assert pyodbc.connected[0][0].startswith(f"DRIVER={{{library}}};")


def test_without_any_driver_one_line_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    fake_pyodbc.install(monkeypatch)
    monkeypatch.setattr("o365_pipeline.database.sql_server.find_spec", lambda _name: None)

    with pytest.raises(
        DatabaseError, match="install Microsoft's 'ODBC Driver 18 for SQL Server' or the Python package"
    ):
        connect(URL)


def test_without_unixodbc_one_line_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "pyodbc", None)

    with pytest.raises(DatabaseError, match="install unixODBC, the system's package unixodbc"):
        connect(URL)


def test_rows_go_in_bulk_with_the_type_of_each_column_whatever_the_first_row_lacks(pyodbc: FakePyodbc) -> None:
    sent = dt.datetime(2026, 1, 5, 9, 0, 0, 123456)
    source = prepared(
        fact_message,
        {"message_id": "<1>", "copies": 1},
        {"message_id": "<2>", "sent_at": sent, "date_key": DAY, "sender_id": "ann", "is_draft": True, "copies": 2},
    )

    with connect(URL).begin() as connection:
        load_partition(connection, fact_message, source)

    wide, date, time = SQL_TYPES["SQL_WVARCHAR"], SQL_TYPES["SQL_TYPE_DATE"], SQL_TYPES["SQL_TYPE_TIMESTAMP"]
    names = ("message_id", "sent_at", "date_key", "sender_id", "is_draft", "copies")
    of_names = itemgetter(*(list(fact_message.columns.keys()).index(name) - 2 for name in names))
    assert of_names(pyodbc.sizes[-1]) == (
        (wide, 400, 0),
        (time, 26, 6),
        (date, 10, 0),
        (wide, 100, 0),
        (SQL_TYPES["SQL_INTEGER"], 10, 0),
        (SQL_TYPES["SQL_INTEGER"], 10, 0),
    )
    [(statement, bulk, is_fast)] = pyodbc.bulk
    assert is_fast
    assert statement.startswith("INSERT INTO fact_message (customer, day, message_id,")
    assert f"VALUES ('{CUSTOMER}', '{DAY}', ?, " in statement and "OUTPUT" not in statement
    assert [of_names(row) for row in bulk] == [("<1>", None, None, None, None, 1), ("<2>", sent, DAY, "ann", 1, 2)]
    # A type that is not the one of a null would begin a new batch.
    assert [type(value) for value in of_names(bulk[1])[2:]] == [dt.date, str, int, int]


def test_numbers_with_a_point_have_a_type_too(pyodbc: FakePyodbc) -> None:
    with connect(URL).begin() as connection:
        load_partition(connection, agg_site_storage, prepared(agg_site_storage, {"version_share": 0.5}))

    [place] = [place for place, name in enumerate(agg_site_storage.columns.keys()) if name == "version_share"]
    assert pyodbc.sizes[-1][place - 2] == (SQL_TYPES["SQL_DOUBLE"], 15, 0)


def test_a_partition_is_looked_for_by_the_types_of_its_columns(pyodbc: FakePyodbc) -> None:
    """A parameter of Unicode for a column that is none would let the server convert the column and read every row."""
    with connect(URL).begin() as connection:
        load_partition(connection, fact_message, prepared(fact_message))

    assert [size[0] for size in pyodbc.sizes[-1]] == [SQL_TYPES["SQL_VARCHAR"], SQL_TYPES["SQL_TYPE_DATE"]]


def test_text_without_a_length_and_large_numbers_have_types_too(pyodbc: FakePyodbc) -> None:
    rows = [{"customer": "a", "event_id": "e", "sequence": 1, "reason": None, "event": "{}"}] * 2

    with connect(URL).begin() as connection:
        connection.execute(approval_event.insert(), rows)

    wide = SQL_TYPES["SQL_WVARCHAR"]
    number = SQL_TYPES["SQL_BIGINT"]
    assert pyodbc.sizes[-1] == [(wide, 100, 0), (wide, 100, 0), (number, 19, 0), (wide, 4000, 0), (wide, 0, 0)]


@pytest.mark.parametrize(
    "message",
    [
        "[23000] [Microsoft][ODBC Driver 18 for SQL Server][SQL Server]Violation of PRIMARY KEY constraint "
        "'pk_dim_person'. The duplicate key value is (contoso, 2026-01-05, ann (1) (SQL ann). (2627) (SQLExecute)",
        "[22001] [Microsoft][ODBC Driver 18 for SQL Server][SQL Server]String or binary data would be truncated in "
        "table 'dim_person', column 'mail'. Truncated value: 'ann@contoso.com'. (2628) (SQLExecute)",
    ],
)
def test_errors_do_not_repeat_what_rows_hold(pyodbc: FakePyodbc, message: str) -> None:
    pyodbc.error = fake_pyodbc.Error("23000", message)
    rows = [{"customer": CUSTOMER, "day": DAY, "person_id": name, "extraction_id": "x"} for name in ("ann", "bob")]

    with pytest.raises(sa.exc.DBAPIError) as caught, connect(URL).begin() as connection:
        connection.execute(dim_person.insert(), rows)

    for text in (str(caught.value), str(caught.value.orig)):
        assert "dim_person" in text and "(262" in text
        assert "ann" not in text.replace("cannot", "") and "2026-01-05" not in text
