"""The words of the star's SQL in which servers differ: keys, dates, names.

What belongs here: those words for SQLite, PostgreSQL and SQL Server. What is selected is in the modules beside it.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import sqlalchemy as sa

NOT_PLAIN = "[^!-@^-}]"
"""What no part of a key holds as it is: capital letters, brackets, blanks, the mark of hexadecimals, and what is not
ASCII.
"""

MARK = "'~'"
"""Begins a part of a key that is written in hexadecimals."""

EXACT = "COLLATE Latin1_General_100_BIN2"

FIRST_DATE = "0001-01-01"
"""A Monday."""


@dataclass(frozen=True)
class ServerSql:
    """Writes SQL for one kind of server."""

    dialect: sa.Dialect

    @cached_property
    def is_sqlite(self) -> bool:
        return self.dialect.name == "sqlite"

    @cached_property
    def is_sql_server(self) -> bool:
        return self.dialect.name == "mssql"

    def name(self, name: str) -> str:
        """Returns a column's name, in quotes where the server wants them."""
        return self.dialect.identifier_preparer.quote(name)

    def joined(self, *texts: str) -> str:
        return (" + " if self.is_sql_server else " || ").join(texts)

    def key(self, customer: str, *parts: str) -> str:
        """Returns one text of a customer's name and of parts that are made by `date_text` and `id_text`; null where
        one of them is.

        Names of customers hold neither a slash nor a capital letter, so different parts give different keys.
        """
        exact = f"{customer} {EXACT}" if self.is_sql_server else customer
        return self.joined(exact, *(text for part in parts for text in ("'/'", part)))

    def id_text(self, value: str, length: int) -> str:
        """Returns an id as a part of a key. Power BI holds A and a for equal, and leaves blanks at the end out: an id
        that they matter for is written in hexadecimals.
        """
        if self.is_sqlite:
            is_plain, coded = f"{value} NOT GLOB '*{NOT_PLAIN}*'", f"hex({value})"
        elif self.is_sql_server:
            is_plain = f"{value} {EXACT} NOT LIKE '%{NOT_PLAIN}%'"
            coded = f"CONVERT(VARCHAR({4 * length}), CONVERT(VARBINARY({2 * length}), {value}), 2)"
        else:
            is_plain, coded = f"{value} !~ '{NOT_PLAIN}'", f"encode(convert_to({value}, 'UTF8'), 'hex')"
        return f"CASE WHEN {is_plain} THEN {value} WHEN {value} IS NOT NULL THEN {self.joined(MARK, coded)} END"

    def date(self, value: str) -> str:
        """Returns a table's date as it is joined with the calendar's: SQLite would take it for a number, and make no
        index of the calendar's texts.
        """
        return f"+{value}" if self.is_sqlite else value

    def date_text(self, value: str, length: int = 10) -> str:
        """Returns a date as 2026-11-16, or the beginning of that."""
        if self.is_sqlite:
            return f"substr({value}, 1, {length})"
        if self.is_sql_server:
            return f"CONVERT(CHAR({length}), {value}, 23)"
        return f"to_char({value}, '{'YYYY-MM-DD'[:length]}')"

    def number_text(self, value: str) -> str:
        return f"CAST({value} AS VARCHAR(11))"

    def plus_days(self, date: str, days: str) -> str:
        if self.is_sqlite:
            return f"date({date}, ({days}) || ' days')"
        if self.is_sql_server:
            return f"DATEADD(DAY, {days}, {date})"
        return f"({date} + ({days}))"

    def day_number(self, date: str) -> str:
        """Returns the days from the first date there is; 0 is a Monday."""
        if self.is_sqlite:
            return f"CAST(julianday({date}) - julianday('{FIRST_DATE}') AS INTEGER)"
        if self.is_sql_server:
            return f"DATEDIFF(DAY, CAST('{FIRST_DATE}' AS DATE), {date})"
        return f"({date} - DATE '{FIRST_DATE}')"

    def year(self, date: str) -> str:
        return self._part(date, "YEAR", f"substr({date}, 1, 4)")

    def month(self, date: str) -> str:
        return self._part(date, "MONTH", f"substr({date}, 6, 2)")

    def day_of_year(self, date: str) -> str:
        return self._part(date, "DAYOFYEAR" if self.is_sql_server else "DOY", f"strftime('%j', {date})")

    def _part(self, date: str, name: str, of_text: str) -> str:
        if self.is_sqlite:
            return f"CAST({of_text} AS INTEGER)"
        if self.is_sql_server:
            return f"DATEPART({name}, {date})"
        return f"CAST(EXTRACT({name} FROM {date}) AS INTEGER)"

    def numbers(self, bounds: str, first: str, last: str, digits: int) -> str:
        """Returns the rows of a source that is called bounds, each with every `number` from its first to its last.

        Args:
            digits: how many digits the difference of the two has at most.
        """
        if not self.is_sqlite and not self.is_sql_server:
            return f"{bounds} CROSS JOIN LATERAL generate_series({first}, {last}) AS series (number)"
        digit = "(SELECT 0 AS n" + "".join(f" UNION ALL SELECT {n}" for n in range(1, 10)) + ")"
        number = first
        for place in reversed(range(digits)):
            number += f" + {10**place} * d{place}.n"
            bounds += f" JOIN {digit} AS d{place} ON {number} <= {last}"
        return f"(SELECT bounds.*, {number} AS number FROM {bounds}) AS numbered"

    def holds(self, text: str, word: str) -> str:
        """Returns the condition that a text holds a word."""
        if self.is_sqlite:
            return f"instr({text}, '{word}') > 0"
        if self.is_sql_server:
            return f"CHARINDEX('{word}', {text}) > 0"
        return f"strpos({text}, '{word}') > 0"

    def flag(self, value: str) -> str:
        """Returns 1, 0 or null: servers differ in how they compare a truth value."""
        return value if self.is_sqlite else f"CAST({value} AS INTEGER)"
