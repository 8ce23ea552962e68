"""SQL Server and Azure SQL under SQLAlchemy: Microsoft's driver, sign-in by token, parameter types.

What belongs here: what `mssql+pyodbc` needs and no other database does. pyodbc is imported only for such a URL.
"""

from __future__ import annotations

import struct
from collections.abc import MutableMapping
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import sqlalchemy as sa
from azure.core.credentials import TokenCredential
from azure.core.exceptions import AzureError
from sqlalchemy.engine.interfaces import DBAPICursor, DBAPIModule, Dialect, ExecuteStyle, ExecutionContext

from o365_pipeline.errors import DatabaseError

TOKEN_SCOPE = "https://database.windows.net/.default"  # noqa: S105 - where tokens are for
ACCESS_TOKEN_ATTRIBUTE = 1256
"""SQL_COPT_SS_ACCESS_TOKEN of Microsoft's msodbcsql.h."""

DRIVER = "ODBC Driver 18 for SQL Server"
PACKAGED_DRIVER = "libs/linux/debian_ubuntu/*/lib/libmsodbcsql-18*.so*"
"""The place of Microsoft's driver in the package mssql-python-odbc; a wheel holds the driver for its machine."""

SIGN_IN = {"uid", "pwd", "authentication", "trusted_connection"}
"""Parameters of a URL that define the sign-in; none of them may be combined with a token."""

LONGEST_NVARCHAR = 4000

COLUMNS = "o365_columns"
"""The option of a statement in the driver's own words that says whose values its rows hold."""


def create_engine(url: sa.URL, credential: TokenCredential | None) -> sa.Engine:
    """Makes an engine for `mssql+pyodbc`, encrypted; without user and password it signs in with the credential's
    tokens.

    Raises:
        DatabaseError: Microsoft's driver is missing; the message says what to install.
    """
    dbapi = _pyodbc(url)
    with_token = credential is not None and _names_no_sign_in(url)
    engine = sa.create_engine(
        _completed(url, dbapi),
        # Without fast_executemany, pyodbc makes a round trip for every row.
        fast_executemany=True,
        # Azure's gateway ends connections that are idle for half an hour.
        pool_pre_ping=True,
        hide_parameters=True,
    )
    # The engine has a pool; ODBC's beneath it would hold connections that the engine has closed.
    dbapi.pooling = False  # type: ignore[attr-defined]
    if credential is not None and with_token:
        sa.event.listen(engine, "do_connect", sign_in_with(credential))
    sa.event.listen(engine, "do_setinputsizes", _say_types)
    for execution in ("do_execute", "do_executemany"):
        sa.event.listen(engine, execution, _say_types_of_columns)
    return engine


def _pyodbc(url: sa.URL) -> DBAPIModule:
    try:
        return url.get_dialect().import_dbapi()
    except ImportError as error:
        raise DatabaseError(
            f"pyodbc cannot be loaded ({error}): install unixODBC, the system's package unixodbc"
        ) from error


def _completed(url: sa.URL, dbapi: DBAPIModule) -> sa.URL:
    """Adds the driver and the encryption to a URL that does not name them."""
    names = {name.lower(): name for name in url.query}
    if "odbc_connect" in names or "dsn" in names:
        return url
    if named := names.get("driver"):
        # SQLAlchemy knows it by small letters alone, and puts it in braces itself.
        driver = str(url.query[named]).removeprefix("{").removesuffix("}")
        url = url.difference_update_query([named]).update_query_dict({"driver": driver})
    missing = {"driver": lambda: _driver(dbapi), "Encrypt": lambda: "yes"}
    return url.update_query_dict({name: value() for name, value in missing.items() if name.lower() not in names})


def _driver(dbapi: DBAPIModule) -> str:
    """Returns the name of Microsoft's installed driver, or the path of the packaged one."""
    if DRIVER in dbapi.drivers():
        return DRIVER
    package = find_spec("mssql_python_odbc")
    for folder in (package and package.submodule_search_locations) or []:
        if found := sorted(Path(folder).glob(PACKAGED_DRIVER)):
            return str(found[-1])
    raise DatabaseError(
        f"no driver for SQL Server is installed: install Microsoft's {DRIVER!r} or the Python package "
        "mssql-python-odbc, or name a driver in the URL: ?driver=NAME-OR-PATH"
    )


def _names_no_sign_in(url: sa.URL) -> bool:
    names = {name.lower() for name in url.query}
    return not url.username and not url.password and not names & (SIGN_IN | {"odbc_connect"})


def sign_in_with(credential: TokenCredential) -> Any:
    """Returns what gives each new connection a token, where SQLAlchemy is about to connect."""

    def sign_in(_dialect: Dialect, _record: object, arguments: list[str], options: MutableMapping[str, Any]) -> None:
        """Passes a token instead of the Trusted_Connection that SQLAlchemy uses if there is no user."""
        arguments[0] = arguments[0].replace(";Trusted_Connection=Yes", "")
        try:
            token = credential.get_token(TOKEN_SCOPE).token.encode("utf-16-le")
        except AzureError as error:
            raise DatabaseError(
                f"nobody could be signed in to the mart's database ({type(error).__name__}): check O365_CREDENTIAL and "
                "what it needs, or put user and password into O365_MART_URL"
            ) from error
        options["attrs_before"] = {ACCESS_TOKEN_ATTRIBUTE: struct.pack(f"<I{len(token)}s", len(token), token)}

    return sign_in


def _say_types(
    sizes: MutableMapping[sa.BindParameter[Any], Any],
    cursor: DBAPICursor,
    _statement: str,
    _parameters: object,
    context: ExecutionContext,
) -> None:
    """Declares every parameter's type if many rows are written at once, otherwise those that SQLAlchemy does not.

    Of many rows pyodbc asks the server, or guesses the type from the first one, in which a null shows nothing. A date
    it would take for a time, and the server would convert the column instead of looking it up in the index.
    """
    if context.execute_style is ExecuteStyle.EXECUTEMANY:
        compiled: Any = context.compiled
        kinds = [compiled.binds[name].type.dialect_impl(context.dialect) for name in compiled.positiontup]
        cursor.setinputsizes([odbc_type(kind, context.dialect.loaded_dbapi) for kind in kinds])
        return
    for parameter in sizes:
        if isinstance(parameter.type, sa.Date):
            sizes[parameter] = odbc_type(parameter.type, context.dialect.loaded_dbapi)


def _say_types_of_columns(cursor: DBAPICursor, _statement: str, _parameters: object, context: ExecutionContext) -> None:
    """Declares the same where the statement is not SQLAlchemy's, but says whose values its rows hold."""
    if columns := context.execution_options.get(COLUMNS):
        kinds = [column.type.dialect_impl(context.dialect) for column in columns]
        cursor.setinputsizes([odbc_type(kind, context.dialect.loaded_dbapi) for kind in kinds])


def odbc_type(kind: sa.types.TypeEngine[Any], dbapi: Any) -> tuple[int, int, int] | None:
    """Returns a type for pyodbc's setinputsizes: ODBC's type, size, digits; the size 0 is `max`.

    pyodbc must accept a null and a value of the type alike, or it begins a new batch at the first value: therefore text
    is Unicode, and flags are numbers, which SQLAlchemy passes as 1 and 0.
    """
    if isinstance(kind, sa.String):
        length = kind.length if isinstance(kind.length, int) and kind.length <= LONGEST_NVARCHAR else 0
        return dbapi.SQL_WVARCHAR, length, 0
    if isinstance(kind, sa.BigInteger):
        return dbapi.SQL_BIGINT, 19, 0
    if isinstance(kind, sa.Integer | sa.Boolean):
        return dbapi.SQL_INTEGER, 10, 0
    if isinstance(kind, sa.Float):
        return dbapi.SQL_DOUBLE, 15, 0
    if isinstance(kind, sa.DateTime):
        return dbapi.SQL_TYPE_TIMESTAMP, 26, 6
    if isinstance(kind, sa.Date):
        return dbapi.SQL_TYPE_DATE, 10, 0
    return None
