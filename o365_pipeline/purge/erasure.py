"""Erases one person from a customer's lake, mart and ledger; the request is recorded first, and can be repeated at any
moment.

What belongs here: the order of the steps, and the record. What is whose is decided in `person_rows.py`; rewriting
files belongs to `person_files.py`. While an erasure is unfinished the ledger holds whom it is about; then only a hash.
"""

from __future__ import annotations

import datetime as dt
import json
import uuid
from collections.abc import Mapping, Sequence
from typing import Any

import sqlalchemy as sa

from o365_pipeline.curated.erased_people import keep_out, salt_of
from o365_pipeline.curated.privacy import identity_digest
from o365_pipeline.customers.customer import Customer
from o365_pipeline.database.database import Database
from o365_pipeline.database.deletion_ledger import person_request
from o365_pipeline.database.ledger import id_batches, insert_new, naive_utc, operation, record_aside, truncated
from o365_pipeline.mart.marts import Marts
from o365_pipeline.purge.deletion import rebuild_mart
from o365_pipeline.purge.person import Person
from o365_pipeline.purge.person_files import erase_from_raw, files_naming, rewrite_files
from o365_pipeline.purge.person_mart import rows_naming
from o365_pipeline.purge.person_rows import PersonRows
from o365_pipeline.raw import comparison
from o365_pipeline.raw.lake import Lake
from o365_pipeline.raw.scratch import sweep

ERASE, EXPORT = "erase", "export"

NOT_KEPT = "{}"
"""What is left of a record of the feed that could not be read and named an erased person."""


def begin(database: Database, customer: Customer, asked: str, person: Person, reason: str, now: dt.datetime) -> str:
    """Records whom to erase, and keeps her out from now on; returns the request's id.

    An unfinished request for the same person is gone on with.
    """

    def note(connection: sa.Connection) -> str:
        digest = identity_digest(salt_of(connection, customer.name), asked.strip().lower())
        of_person = person_request.c.customer == customer.name, person_request.c.person == digest
        query = sa.select(person_request.c.request_id).where(*of_person, person_request.c.finished_at.is_(None))
        keep_out(connection, customer.name, person.identities)
        if begun := connection.scalar(query.where(person_request.c.kind == ERASE)):
            return str(begun)
        request_id = uuid.uuid4().hex
        row = {
            "request_id": request_id,
            "customer": customer.name,
            "kind": ERASE,
            "person": digest,
            "reason": _told(reason, PersonRows(person)),
            "identity": person.model_dump_json(),
            "days": "[]",
            "started_at": naive_utc(now),
        }
        connection.execute(person_request.insert().values(row))
        return request_id

    return database.run(note)


def note_export(
    database: Database,
    customer: Customer,
    asked: str,
    person: Person,
    reason: str,
    rows: Mapping[str, int],
    now: dt.datetime,
) -> str:
    """Records that a copy of what is held was made, and of how many rows; returns the request's id."""
    request_id = uuid.uuid4().hex

    def note(connection: sa.Connection) -> None:
        row = {
            "request_id": request_id,
            "customer": customer.name,
            "kind": EXPORT,
            "person": identity_digest(salt_of(connection, customer.name), asked.strip().lower()),
            "reason": _told(reason, PersonRows(person)),
            **rows,
            "started_at": naive_utc(now),
            "finished_at": naive_utc(dt.datetime.now(dt.UTC)),
        }
        insert_new(connection, person_request, [row])

    database.run(note)
    return request_id


def unfinished(database: Database, customer: Customer) -> Sequence[str]:
    """Returns the ids of erasures of the customer that were begun and not finished, the first one first."""
    return unfinished_of(database, [customer.name]).get(customer.name, [])


def unfinished_of(database: Database, customers: Sequence[str]) -> Mapping[str, Sequence[str]]:
    """Returns the same of those of many customers who have any."""
    query = (
        sa.select(person_request.c.customer, person_request.c.request_id)
        .where(person_request.c.kind == ERASE, person_request.c.finished_at.is_(None))
        .order_by(person_request.c.started_at, person_request.c.request_id)
    )
    begun: dict[str, list[str]] = {}
    with database.begin() as connection:
        for names in id_batches(customers):
            for row in connection.execute(query.where(person_request.c.customer.in_(names))):
                begun.setdefault(row.customer, []).append(row.request_id)
    return begun


def found(database: Database, request_id: str) -> sa.Row[Any]:
    """Returns the record of a request."""
    with database.begin() as connection:
        return connection.execute(sa.select(person_request).where(person_request.c.request_id == request_id)).one()


def carry_out(marts: Marts, lake: Lake, customer: Customer, request_id: str) -> None:
    """Erases whom a request is about; goes on where an interrupted attempt ended."""
    database, request = marts.ledger, found(marts.ledger, request_id)
    if request.identity is None:
        return
    person = Person.model_validate_json(request.identity)
    rows, days = PersonRows(person), {dt.date.fromisoformat(day) for day in json.loads(request.days)}
    if request.mart_rows is None:
        _note(database, request_id, mart_rows=sum(1 for _ in rows_naming(marts[customer.name], customer, person)))
    raw_rows = erase_from_raw(database, lake, customer, rows, request_id)
    naming = files_naming(lake, customer, rows)
    # Noted before they are changed: an attempt that follows finds nothing in them any more.
    days |= {file.day for file in naming if file.is_loaded}
    _note(database, request_id, days=json.dumps(sorted(map(str, days))))
    curated_rows = rewrite_files(lake, naming, rows)
    before = found(database, request_id)
    _note(
        database,
        request_id,
        raw_rows=(before.raw_rows or 0) + raw_rows,
        curated_rows=(before.curated_rows or 0) + curated_rows,
    )
    _erase_from_ledger(database, customer, rows)
    rebuild_mart(marts, lake, customer, days)
    marts[customer.name].compact()
    sweep()
    _note(database, request_id, identity=None, days=None, finished_at=naive_utc(dt.datetime.now(dt.UTC)))
    database.compact()


def _note(database: Database, request_id: str, **values: Any) -> None:
    database.execute(person_request.update().where(person_request.c.request_id == request_id).values(values))


def _told(reason: str, rows: PersonRows) -> str | None:
    """Returns a reason as the ledger keeps it: without the person, whom it outlives."""
    return truncated(rows.erased_text(reason), person_request.c.reason)


def _erase_from_ledger(database: Database, customer: Customer, rows: PersonRows) -> None:
    """Takes the person out of Microsoft's lists of whom it did not deliver, out of records that are kept aside, and out
    of what was written as the reason of a request.
    """

    def work(connection: sa.Connection) -> None:
        comparison.take_turn(connection)
        for table, text, left_alone in (
            (operation, operation.c.undelivered, "[]"),
            (record_aside, record_aside.c.record, NOT_KEPT),
        ):
            query = sa.select(table.c.record_id, text).where(table.c.customer == customer.name, text != left_alone)
            for record_id, told in connection.execute(query).all():
                if (left := rows.erased_list(told) if table is operation else rows.erased(told, None)) != told:
                    of_record = table.c.customer == customer.name, table.c.record_id == record_id
                    connection.execute(table.update().where(*of_record).values({text.name: left or left_alone}))
                    if table is operation:
                        comparison.compare_anew(connection, sa.select(operation.c.pipeline_run_id).where(*of_record))
        of_customer = person_request.c.customer == customer.name
        reasons = sa.select(person_request.c.request_id, person_request.c.reason).where(of_customer)
        for request_id, reason in connection.execute(reasons).all():
            if (left := _told(reason, rows)) != reason:
                of_request = person_request.c.request_id == request_id
                connection.execute(person_request.update().where(of_request).values(reason=left))

    database.run(work)
