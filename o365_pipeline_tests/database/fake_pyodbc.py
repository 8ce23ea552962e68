"""A pyodbc that connects to nothing and remembers what it was given; `install` puts it where SQLAlchemy imports it."""

from __future__ import annotations

import sys
from types import ModuleType
from typing import Any

import pytest

SQL_TYPES = {
    "SQL_WVARCHAR": -9,
    "SQL_VARCHAR": 12,
    "SQL_BIGINT": -5,
    "SQL_INTEGER": 4,
    "SQL_DOUBLE": 8,
    "SQL_TYPE_DATE": 91,
    "SQL_TYPE_TIMESTAMP": 93,
}
"""As in ODBC's sql.h and sqlext.h."""

ANSWERS = {
    "ProductVersion": "16.0.4135.4",
    "schema_name()": "dbo",
    "SCHEMA_NAME()": "dbo",
    "USER_NAME()": "dbo",
    "NVARCHAR(max)": "test max support",
}
"""What a server says of itself."""


class Error(Exception):
    pass


class Cursor:
    def __init__(self, module: FakePyodbc) -> None:
        self._module = module
        self._statement = ""
        self.fast_executemany = False
        self.description: Any = None
        self.rowcount = -1

    def setinputsizes(self, sizes: list[Any]) -> None:
        self._module.sizes.append(sizes)

    def execute(self, statement: str, *_parameters: Any) -> None:
        self._statement = statement
        self._module.executed.append(statement)
        for words, error in self._module.refused.items():
            if words in statement:
                raise error
        self.description = [("value", str, None, None, None, None, None)]
        self.rowcount = 1 if statement.startswith(("INSERT", "UPDATE", "DELETE")) else -1

    def executemany(self, statement: str, rows: Any) -> None:
        self._module.bulk.append((statement, [tuple(row) for row in rows], self.fast_executemany))
        self.description = None
        if self._module.error:
            raise self._module.error

    def fetchone(self) -> Any:
        found = [answer for question, answer in self._module.answers.items() if question in self._statement]
        return (found[0],) if found else None

    def fetchall(self) -> list[Any]:
        return [self.fetchone()] if self.fetchone() else []

    def nextset(self) -> bool:
        return False

    def close(self) -> None:
        pass


class FakeConnection:
    autocommit = False

    def __init__(self, module: FakePyodbc) -> None:
        self._module = module

    def cursor(self) -> Cursor:
        return Cursor(self._module)

    def add_output_converter(self, *_arguments: Any) -> None:
        pass

    def commit(self) -> None:
        pass

    def rollback(self) -> None:
        pass

    def close(self) -> None:
        pass


class FakePyodbc(ModuleType):
    """The module, and what it was given."""

    apilevel, paramstyle, version, threadsafety = "2.0", "qmark", "5.5.0", 1
    pooling = True
    DATETIME = NUMBER = STRING = BINARY = object

    def __init__(self, drivers: tuple[str, ...]) -> None:
        super().__init__("pyodbc")
        self._drivers = drivers
        self.connected: list[tuple[str, dict[str, Any]]] = []
        self.executed: list[str] = []
        self.answers: dict[str, Any] = dict(ANSWERS)
        self.refused: dict[str, Exception] = {}
        self.sizes: list[list[Any]] = []
        self.bulk: list[tuple[str, list[Any], bool]] = []
        self.error: Exception | None = None
        self.Cursor = Cursor
        for name in ("Error", "InterfaceError", "DatabaseError", "DataError", "OperationalError", "IntegrityError"):
            setattr(self, name, Error)
        for name in ("InternalError", "ProgrammingError", "NotSupportedError"):
            setattr(self, name, type(name, (Error,), {}))
        for name, code in SQL_TYPES.items():
            setattr(self, name, code)

    def drivers(self) -> list[str]:
        return list(self._drivers)

    def connect(self, text: str, **options: Any) -> FakeConnection:
        self.connected.append((text, options))
        return FakeConnection(self)


def install(monkeypatch: pytest.MonkeyPatch, *drivers: str) -> FakePyodbc:
    module = FakePyodbc(drivers)
    monkeypatch.setitem(sys.modules, "pyodbc", module)
    return module
