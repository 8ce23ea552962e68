"""What a measure is, and the few words in which measures are written.

What belongs here: the measure's parts, formats, and what several measures' DAX and SQL have in common. The measures
themselves are in the files beside this one.

A measure never names USERELATIONSHIP: Power BI refuses it where rows are restricted by a role, and each role restricts
every table.
"""

from __future__ import annotations

from dataclasses import dataclass

WHOLE, ONE_PLACE, SHARE = "#,0", "#,0.0", "0.0%"


@dataclass(frozen=True)
class Measure:
    """A number that reports show.

    Args:
        dax: how Power BI computes it.
        sql: a select of the same number, of everything in the mart's tables.
    """

    name: str
    dax: str
    description: str
    format: str
    folder: str
    sql: str


def of_newest_day(table: str, expression: str, *filters: str) -> str:
    """Returns the DAX of an expression over a snapshot: of the last day that is seen and that a customer has, summed
    over customers.

    The last day is the customer's, whatever else is filtered: what is gone on that day counts no more. Without
    KEEPFILTERS, Power BI takes a filter of a date that a relationship uses for one of the whole table, and drops the
    table's others. Customers are those of the snapshot: where nobody asked for people, Customer has no row.
    """
    of_day = ", ".join((expression, f"KEEPFILTERS('{table}'[Date] = _day)", *filters))
    return f"""VAR _last = MAX('Calendar'[Date])
RETURN
	SUMX(
		VALUES('{table}'[Customer]),
		VAR _customer = '{table}'[Customer]
		VAR _day =
			CALCULATE(
				MAX('{table}'[Date]),
				ALL('{table}'),
				'{table}'[Customer] = _customer,
				'{table}'[Date] <= _last
			)
		RETURN CALCULATE({of_day})
	)"""


def rows_of_newest_day(table: str) -> str:
    """Returns the SQL of a table's rows, called t, of each customer's newest day."""
    newest = f"(SELECT customer, MAX(day) AS day FROM {table} GROUP BY customer) AS newest"
    return f"{table} AS t JOIN {newest} ON newest.customer = t.customer AND newest.day = t.day"
