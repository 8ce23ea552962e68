"""PostgreSQL under SQLAlchemy: COPY, which takes rows several times as fast as INSERT does.

What belongs here: what `postgresql+psycopg2` needs and no other database does.
"""

from __future__ import annotations

from collections.abc import Iterator

import sqlalchemy as sa
from sqlalchemy.engine.interfaces import DBAPICursor, ExecutionContext

TEXTS = "o365_copied_texts"
"""The option of a statement that says what is copied."""


class _File:
    """What psycopg2 reads from; it tells the server of an error, but its caller only that there was one."""

    def __init__(self, texts: Iterator[str]) -> None:
        self._texts = texts
        self.error: BaseException | None = None

    def read(self, _size: int) -> str:
        try:
            return next(filter(None, self._texts), "")
        except BaseException as error:
            self.error = error
            raise


def copy(connection: sa.Connection, table: sa.Table, texts: Iterator[str]) -> None:
    """Appends rows to a table in the connection's transaction: lines of CSV with the table's columns in their order, in
    which nothing at all is null, and a text is in quotes.
    """
    prepare = connection.dialect.identifier_preparer
    columns = ", ".join(map(prepare.format_column, table.columns))
    statement = f"COPY {prepare.format_table(table)} ({columns}) FROM STDIN (FORMAT csv)"
    connection.exec_driver_sql(statement, execution_options={TEXTS: texts})


def let_copy(engine: sa.Engine) -> None:
    """Lets the engine's connections copy. The statement is executed by SQLAlchemy, so that its errors are as others."""
    sa.event.listen(engine, "do_execute", _copy)


def _copy(cursor: DBAPICursor, statement: str, _parameters: object, context: ExecutionContext) -> bool:
    texts = context.execution_options.get(TEXTS)
    if texts is None:
        return False
    file = _File(texts)
    try:
        cursor.copy_expert(statement, file)
    except Exception:
        if file.error:
            raise file.error from None
        raise
    return True
