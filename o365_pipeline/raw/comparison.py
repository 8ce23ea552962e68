"""Comparison: what Microsoft's record of a factory run says of the landing of that run, kept beside the landing.

What belongs here: the result of one comparison, and keeping it true. A result is kept until the landing changes, or
what is recorded of its run; so each landing is compared once, however many there are. Counting results belongs to
`reconciliation.py`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields
from enum import StrEnum
from typing import Any

import sqlalchemy as sa

from o365_pipeline.database.database import Database
from o365_pipeline.database.ledger import NOT_COMPARED, comparison_turn, landing, operation
from o365_pipeline.datasets import Dataset, catalogue

RECORD_HOURS = 48
"""Microsoft's feed may need 12 hours for the first records; a record that is missing after this time needs
attention.
"""

MOST_AT_ONCE = 5_000
"""How many records are followed, or landings compared, in one transaction."""

AS_READ = ("extraction_id", "factory_run_id", "rows_landed")
"""What a landing must still be when its result is written, since it may be changed at the same time."""

COUNTED = operation.alias("counted")


class Outcome(StrEnum):
    """The results of comparing a landing with Microsoft's record, the worst first."""

    DIFFERENT = "row counts differ"
    NOT_SUCCEEDED = "rows landed without success"
    UNDELIVERED = "people undelivered"
    OVERDUE = f"no record after {RECORD_HOURS} hours"
    AWAITING = "awaiting its record"
    RECONCILED = "reconciled"


FINE = (Outcome.AWAITING, Outcome.RECONCILED)


@dataclass(frozen=True)
class Compared:
    """The facts of a landing beside Microsoft's record of it; a count that the record omits is not a difference."""

    is_recorded: bool = False
    rows_differ: bool = False
    people_missing: bool = False
    not_succeeded: bool = False


def outcome(compared: Compared) -> Outcome:
    """Returns the result of the comparison; of several faults, the worst. Whether a record is overdue, time tells."""
    if not compared.is_recorded:
        return Outcome.AWAITING
    if compared.rows_differ:
        return Outcome.DIFFERENT
    if compared.not_succeeded:
        return Outcome.NOT_SUCCEEDED
    return Outcome.UNDELIVERED if compared.people_missing else Outcome.RECONCILED


def versions_of(dataset: Dataset) -> list[str]:
    """The names under which the dataset's landings are in the ledger."""
    return [version.name for version in catalogue().versions(dataset)]


def is_counted() -> sa.ColumnElement[bool]:
    """Joins each landing with the newest record of its factory run."""
    newest = sa.select(sa.func.max(operation.c.sequence)).where(
        operation.c.customer == landing.c.customer, operation.c.pipeline_run_id == landing.c.factory_run_id
    )
    return COUNTED.c.sequence == newest.scalar_subquery()


def compare_new(database: Database, dataset: Dataset) -> None:
    """Compares the dataset's landings that are not compared yet with what is recorded of their runs."""
    while not _is_up_to_date(database, dataset):
        database.run(lambda connection: _compare_some(connection, dataset))


def take_turn(connection: sa.Connection) -> int:
    """Makes others that compare wait until the transaction has ended; returns the last record that was followed.

    Whoever changes what is recorded of a run takes a turn first, and then lets the landing be compared anew: otherwise
    the result of a comparison that is being made would be kept, of what was recorded before.
    """
    if not connection.execute(comparison_turn.update().values(turns=comparison_turn.c.turns + 1)).rowcount:
        connection.execute(comparison_turn.insert().values(stage="raw", turns=1, compared_up_to=0))
    return connection.scalar(sa.select(comparison_turn.c.compared_up_to)) or 0


def compare_anew(connection: sa.Connection, runs: Sequence[str] | sa.Select[tuple[str | None]]) -> None:
    """Lets the landings of these factory runs be compared anew."""
    kept = landing.c.factory_run_id.in_(runs), landing.c.outcome.is_not(None)
    connection.execute(landing.update().where(*kept).values(NOT_COMPARED))


def _is_up_to_date(database: Database, dataset: Dataset) -> bool:
    waiting = sa.select(landing.c.extraction_id).where(*_not_compared(dataset)).limit(1)
    with database.begin() as connection:
        followed = connection.scalar(sa.select(comparison_turn.c.compared_up_to)) or 0
        return followed >= _last_record(connection) and connection.scalar(waiting) is None


def _compare_some(connection: sa.Connection, dataset: Dataset) -> None:
    """Follows the next records, and compares some of the landings that are not compared.

    Records become visible in the order of their numbers, so none is passed over. The landing of a record that was
    followed before it is not compared yet.
    """
    followed = take_turn(connection)
    upto = min(_last_record(connection), followed + MOST_AT_ONCE)
    if upto > followed:
        these = operation.c.sequence > followed, operation.c.sequence <= upto
        compare_anew(connection, sa.select(operation.c.pipeline_run_id).where(*these))
        connection.execute(comparison_turn.update().values(compared_up_to=upto))
    if found := connection.execute(_facts(dataset).limit(MOST_AT_ONCE)).mappings().all():
        as_read = (landing.c[name] == sa.bindparam(f"read_{name}") for name in AS_READ)
        connection.execute(landing.update().where(*as_read, landing.c.outcome.is_(None)), [*map(_result, found)])


def _last_record(connection: sa.Connection) -> int:
    return connection.scalar(sa.select(sa.func.max(operation.c.sequence))) or 0


def _not_compared(dataset: Dataset) -> tuple[sa.ColumnElement[bool], ...]:
    return landing.c.dataset.in_(versions_of(dataset)), landing.c.outcome.is_(None)


def _facts(dataset: Dataset) -> sa.Select[Any]:
    """Selects the landings that are not compared, with the fields of `Compared` as 1 or 0."""
    conditions = {
        "is_recorded": COUNTED.c.record_id.is_not(None),
        "rows_differ": COUNTED.c.rows_counted != landing.c.rows_landed,
        "people_missing": (COUNTED.c.people_delivered < COUNTED.c.people_requested) | (COUNTED.c.undelivered != "[]"),
        "not_succeeded": (sa.func.lower(COUNTED.c.status) != "succeeded") & (landing.c.rows_landed > 0),
    }
    facts = (sa.case((condition, 1), else_=0).label(name) for name, condition in conditions.items())
    return (
        sa.select(*(landing.c[name] for name in AS_READ), *facts)
        .outerjoin_from(landing, COUNTED, is_counted())
        .where(*_not_compared(dataset))
    )


def _result(facts: sa.RowMapping) -> dict[str, object]:
    compared = Compared(**{field.name: bool(facts[field.name]) for field in fields(Compared)})
    as_read = {f"read_{name}": facts[name] for name in AS_READ}
    return {**as_read, "outcome": outcome(compared), "people_missing": compared.people_missing}
