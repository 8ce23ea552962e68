"""Classifies the records of the feed: consent (217), operations (183), unreadable ones, and all others.

What belongs here: telling records apart. Consent events belong to `approvals.py`, operations belong to `operations.py`.
Audit.General carries all kinds of records of a tenant; records of other types are ignored.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from pydantic import BaseModel, ValidationError

from o365_pipeline.consent.approvals import CONSENT_RECORD_TYPE, ApprovalEvent
from o365_pipeline.consent.operations import OPERATION_RECORD_TYPE, Operation

MAX_KEPT_TEXT = 100_000
"""How many characters of an unreadable record are stored."""

MODELS: dict[int, type[BaseModel]] = {CONSENT_RECORD_TYPE: ApprovalEvent, OPERATION_RECORD_TYPE: Operation}


@dataclass(frozen=True)
class UnreadableRecord:
    """A record that could not be read, with the reason; the reason never repeats the record's values."""

    record_id: str
    reason: str
    text: str


@dataclass(frozen=True)
class ClassifiedRecords:
    """The records of a page, by kind."""

    approvals: tuple[ApprovalEvent, ...] = ()
    operations: tuple[Operation, ...] = ()
    unreadable: tuple[UnreadableRecord, ...] = ()


def classify_records(records: Iterable[object], destination_tenant_id: str) -> ClassifiedRecords:
    """Classifies the records of a tenant's feed; consent to move data to yet another tenant is left out.

    Args:
        records: the contents of the blobs, JSON values of any kind.
        destination_tenant_id: the tenant that the data moves into, in small letters.
    """
    approvals: list[ApprovalEvent] = []
    operations: list[Operation] = []
    unreadable: list[UnreadableRecord] = []
    for given in records:
        try:
            record = _storable(given)
        except RecursionError:
            unreadable.append(_unreadable_record(given, "it is nested too deeply"))
            continue
        if not isinstance(record, dict) or not isinstance(record.get("RecordType"), int):
            unreadable.append(_unreadable_record(record, "not an audit record: no RecordType"))
            continue
        model = MODELS.get(record["RecordType"])
        if model is None:
            continue
        try:
            read = model.model_validate(record)
        except ValidationError as error:
            unreadable.append(_unreadable_record(record, _reason(record["RecordType"], error)))
            continue
        except (OverflowError, TypeError, RecursionError) as error:
            unreadable.append(_unreadable_record(record, f"record type {record['RecordType']}, {type(error).__name__}"))
            continue
        if isinstance(read, Operation):
            operations.append(read)
        elif isinstance(read, ApprovalEvent) and read.destination_tenant_id == destination_tenant_id:
            approvals.append(read)
    return ClassifiedRecords(tuple(approvals), tuple(operations), tuple(unreadable))


def _storable(value: Any) -> Any:
    """Returns the value with U+FFFD for what databases refuse in texts: NUL, and halves of characters, as a text has
    that was cut. A revocation is not lost for such a letter.
    """
    if isinstance(value, str):
        whole = value if value.isascii() else value.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
        return whole.replace("\x00", "\ufffd")
    if isinstance(value, dict):
        return {_storable(name): _storable(part) for name, part in value.items()}
    return [_storable(part) for part in value] if isinstance(value, list) else value


def _unreadable_record(record: object, reason: str) -> UnreadableRecord:
    """Makes an unreadable record, under its own id or an id made of its content."""
    try:
        text = record if isinstance(record, str) else json.dumps(record, sort_keys=True, default=str)
    except RecursionError:
        text = f"(a {type(record).__name__}, {reason})"
    text = text.encode(errors="backslashreplace").decode().replace("\x00", "\ufffd")
    own_id = record.get("Id") if isinstance(record, dict) else None
    is_id = isinstance(own_id, str) and own_id.isascii() and len(own_id) <= 100
    digest = hashlib.sha256(text.encode()).hexdigest()[:32]
    return UnreadableRecord(str(own_id) if is_id else digest, reason, text[:MAX_KEPT_TEXT])


def _reason(record_type: int, error: ValidationError) -> str:
    """Says which fields are wrong and how, without their values."""
    problems = (
        f"{'.'.join(str(part) for part in problem['loc']) or 'record'}: {problem['type'].replace('_', ' ')}"
        for problem in error.errors(include_input=False, include_url=False, include_context=False)
    )
    return f"record type {record_type}, {'; '.join(problems)}"[:1000]
