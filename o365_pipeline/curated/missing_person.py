"""Explains why rows of a person are missing for a dataset's day, from the lake and the ledgers.

What belongs here: collecting what is known of a person's day, and choosing the answer. It names people, so it is shown
in a terminal, never in a log or in Dagster.
"""

from __future__ import annotations

import datetime as dt
import json
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from enum import StrEnum
from typing import Any

import sqlalchemy as sa

from o365_pipeline.curated.day_files import CURATED, QUARANTINE, USER_ROWS, day_folder, parts_of
from o365_pipeline.curated.erased_people import erased_people
from o365_pipeline.curated.typing_sql import row_information
from o365_pipeline.customers.customer import Customer
from o365_pipeline.customers.data_request import Scope
from o365_pipeline.customers.retention import recorded_horizon
from o365_pipeline.database.database import Database
from o365_pipeline.database.ledger import approval_dataset, extraction, landing, operation
from o365_pipeline.datasets import Dataset
from o365_pipeline.extraction.extraction_ledger import PURGED, RELEASED, WITHOUT_DATA
from o365_pipeline.extraction.windows import Window
from o365_pipeline.raw.duckdb_session import duckdb_session
from o365_pipeline.raw.lake import Lake

FILES = "read_parquet($files, hive_partitioning = false)"
ROWS = f"SELECT count(*) FROM {FILES} WHERE lower(puser) = $person"
QUARANTINED = f"""
    SELECT count(*), string_agg(DISTINCT reason, '; ' ORDER BY reason) FROM {FILES}
    WHERE coalesce(lower(TRY(json_extract_string(raw, '$.puser'))) = $person, contains(lower(raw), $person))
"""
"""A line that is not JSON counts as the person's if it contains the person's name."""

USER_ROWS_SAY = f"""
    SELECT
        coalesce(bool_or(json_extract_string(raw, '{row_information("no_data")}') = 'true'), false),
        string_agg(DISTINCT json_extract_string(raw, '{row_information("error")}'), '; ')
    FROM {FILES} WHERE lower(puser) = $person AND extraction_id = $extraction_id
"""

SILENT = "guests, shared and on-premises mailboxes, disabled or unlicensed users return nothing, silently"


class Reason(StrEnum):
    """Where a person's rows of a day are, or why there are none."""

    THERE = "there"
    IN_QUARANTINE = "in quarantine"
    NOT_COVERED = "not covered"
    NOT_EXTRACTED = "not extracted"
    PURGED = "purged"
    OUT_OF_REGION = "out of region"
    ERROR = "error"
    NO_DATA = "no data"
    DENIED = "denied"
    UNDELIVERED = "undelivered"
    UNKNOWN = "unknown"


@dataclass(frozen=True)
class Answer:
    """A reason, and its details."""

    reason: Reason
    details: str

    def __str__(self) -> str:
        return f"{self.reason}: {self.details}"


@dataclass(frozen=True)
class LakeEvidence:
    """What the lake holds of the person."""

    is_curated: bool = False
    rows: int = 0
    rows_on_other_days: int = 0
    quarantined: int = 0
    quarantine_reason: str | None = None
    returned_no_data: bool = False
    error: str | None = None


@dataclass(frozen=True)
class ExtractionEvidence:
    """The extraction that holds the day, or should hold it."""

    status: str
    window: Window
    is_landed: bool = False
    error: str | None = None
    scope: Scope = field(default_factory=Scope)
    deny_groups: str = ""


@dataclass(frozen=True)
class OperationEvidence:
    """Microsoft's record of the extraction: its status, and the person or the request's groups if it left them out."""

    status: str
    left_out: tuple[str, ...] = ()


@dataclass(frozen=True)
class Evidence:
    """Everything that is known of a person's day in a dataset.

    `extracted` is None if the day was never requested; `recorded` is None before Microsoft's record arrives.
    """

    is_requested: bool = True
    extracted: ExtractionEvidence | None = None
    recorded: OperationEvidence | None = None
    held: LakeEvidence = LakeEvidence()
    is_erased: bool = False
    is_too_old: bool = False


def answer(known: Evidence) -> Answer:
    """Chooses the answer: rows first, then missing extractions, then Data Connect's report, then Microsoft's record."""
    held, extracted, recorded = known.held, known.extracted, known.recorded
    if held.rows:
        more = f", {_rows(held.quarantined)} more in quarantine ({held.quarantine_reason})" if held.quarantined else ""
        error = f"; not all, Data Connect reports: {held.error}" if held.error else ""
        return Answer(Reason.THERE, f"{_rows(held.rows)}{more}{error}")
    if held.quarantined:
        return Answer(Reason.IN_QUARANTINE, f"{_rows(held.quarantined)}: {held.quarantine_reason}")
    if known.is_erased:
        return Answer(Reason.DENIED, "the person was erased, and is kept out since")
    if known.is_too_old:
        return Answer(Reason.PURGED, "it was deleted, since the day is older than it is kept")
    if extracted is None and not known.is_requested:
        return Answer(Reason.NOT_COVERED, "the data request does not name this dataset")
    if extracted is None:
        return Answer(Reason.NOT_EXTRACTED, "nothing was asked for on this day")
    if extracted.status == PURGED:
        return Answer(Reason.PURGED, "it was deleted, since its approval ended or a later one covers less")
    if extracted.status == RELEASED:
        return Answer(Reason.NOT_EXTRACTED, f"what had landed was given up: {extracted.error}; extract the day anew")
    if not extracted.is_landed:
        error = f": {extracted.error}" if extracted.error else ""
        return Answer(Reason.NOT_EXTRACTED, f"nothing has landed, the factory run is {extracted.status}{error}")
    if held.error:
        is_region = re.search(r"\bregions?\b", held.error, re.IGNORECASE)
        return Answer(Reason.OUT_OF_REGION if is_region else Reason.ERROR, f"Data Connect reports: {held.error}")
    if held.returned_no_data:
        return Answer(Reason.NO_DATA, f"Data Connect found nothing of the person in {extracted.window}")
    if held.rows_on_other_days:
        rows = _rows(held.rows_on_other_days)
        return Answer(Reason.NO_DATA, f"none on this day, but {rows} of the person on other days of {extracted.window}")
    if recorded and recorded.left_out and extracted.deny_groups:
        return Answer(Reason.DENIED, f"the approval leaves out the members of {extracted.deny_groups}")
    if recorded and recorded.left_out:
        names = ", ".join(recorded.left_out)
        return Answer(Reason.UNDELIVERED, f"Microsoft's record of the extraction names {names}")
    return Answer(Reason.UNKNOWN, "; ".join(_evidence_details(extracted, recorded, held)))


def _rows(count: int) -> str:
    return "1 row" if count == 1 else f"{count:,} rows"


def _evidence_details(
    extracted: ExtractionEvidence, recorded: OperationEvidence | None, held: LakeEvidence
) -> list[str]:
    if not held.is_curated:
        return ["what landed is not curated yet, materialize the curated asset for this day"]
    word = (
        f"no row, and Microsoft's record ({recorded.status}) does not name the person"
        if recorded
        else "no row and no word from Microsoft yet: the operation record has not arrived"
    )
    denied = [f"the approval leaves out the members of {extracted.deny_groups}"] if extracted.deny_groups else []
    scope = [f"only this was asked for: {extracted.scope}"] if extracted.scope.kind != "All" else []
    return [word, *denied, *scope, SILENT]


def why_missing(
    database: Database, lake: Lake, customer: Customer, dataset: Dataset, person_id: str, day: dt.date
) -> Answer:
    """Explains why the customer's dataset has no row of the person on a day, or says how many it has."""
    is_requested = customer.data_request.requested(dataset.name) is not None
    with database.begin() as connection:
        found = _extraction(connection, customer.name, dataset, day)
        if found is None:
            extracted = recorded = None
        else:
            extracted = _extracted(connection, found)
            names = (person_id, *extracted.scope.groups)
            recorded = _recorded(connection, customer.name, found.factory_run_id, names)
    held = _held(lake, dataset, customer.name, person_id, day, found)
    erased = erased_people(database, customer.name)
    is_erased = erased is not None and person_id.lower() in erased
    is_too_old = day < recorded_horizon(database, customer.name).curated
    return answer(Evidence(is_requested, extracted, recorded, held, is_erased, is_too_old))


def _extraction(connection: sa.Connection, customer: str, dataset: Dataset, day: dt.date) -> sa.Row | None:
    """Returns the extraction of the day's rows: the newest that landed, or the newest of all if none landed."""
    query = (
        sa.select(extraction, landing.c.sealed_at)
        .outerjoin(
            landing,
            (landing.c.extraction_id == extraction.c.extraction_id)
            & (landing.c.factory_run_id == extraction.c.factory_run_id),
        )
        .where(extraction.c.customer == customer, extraction.c.dataset == dataset.name)
        .where(extraction.c.first_day <= day, extraction.c.last_day >= day)
    )
    return max(connection.execute(query), key=lambda row: (_is_landed(row), row.claimed_at), default=None)


def _is_landed(row: sa.Row) -> bool:
    return row.sealed_at is not None and row.status not in WITHOUT_DATA


def _extracted(connection: sa.Connection, found: sa.Row) -> ExtractionEvidence:
    denied = sa.select(approval_dataset.c.deny_groups).where(
        approval_dataset.c.customer == found.customer,
        approval_dataset.c.event_id == found.approval_event_id,
        approval_dataset.c.dataset == found.dataset,
    )
    return ExtractionEvidence(
        status=found.status,
        window=Window(found.first_day, found.last_day),
        is_landed=_is_landed(found),
        error=found.error,
        scope=Scope.model_validate_json(found.scope),
        deny_groups=connection.scalar(denied) or "",
    )


def _recorded(
    connection: sa.Connection, customer: str, run_id: str | None, names: Sequence[str]
) -> OperationEvidence | None:
    """Returns the newest record of a factory run, and which of the names it lists as undelivered."""
    query = (
        sa.select(operation.c.status, operation.c.undelivered)
        .where(operation.c.customer == customer, operation.c.pipeline_run_id == run_id)
        .order_by(operation.c.sequence.desc())
        .limit(1)
    )
    if (row := connection.execute(query).first()) is None:
        return None
    undelivered = {name.strip().lower() for name in json.loads(row.undelivered)}
    return OperationEvidence(row.status, tuple(name for name in names if name.lower() in undelivered))


def _held(
    lake: Lake, dataset: Dataset, customer: str, person_id: str, day: dt.date, found: sa.Row | None
) -> LakeEvidence:
    """Searches the lake's files for the person; also the other days of the window if the day has nothing."""
    with duckdb_session() as (connection, directory):

        def ask(query: str, stage: str, days: Iterable[dt.date], **parameters: str) -> tuple[Any, ...] | None:
            """The query's one row over a stage's files of some days; None where there are none."""
            paths = [
                path for one in days for path in parts_of(lake, day_folder(stage, dataset.asset_name, customer, one))
            ]
            files = [str(file) for file in lake.stage(paths, directory)]
            values = {"files": files, "person": person_id.lower(), **parameters}
            return connection.execute(query, values).fetchall()[0] if files else None

        rows = ask(ROWS, CURATED, [day])
        quarantined, quarantine_reason = ask(QUARANTINED, QUARANTINE, [day]) or (0, None)
        held = LakeEvidence(rows is not None, rows[0] if rows else 0, 0, quarantined, quarantine_reason)
        if found is None:
            return held
        # A user row without a date lies with the first day of the window that it speaks of.
        days = sorted({found.first_day, day})
        said = ask(USER_ROWS_SAY, USER_ROWS, days, extraction_id=found.extraction_id)
        no_data, error = said or (False, None)
        held = replace(held, returned_no_data=no_data, error=" ".join(error.split()) if error else None)
        if held.rows or held.error or held.returned_no_data:
            return held
        others = [other for other in Window(found.first_day, found.last_day).days if other != day]
        on_others = ask(ROWS, CURATED, others)
        return replace(held, rows_on_other_days=on_others[0] if on_others else 0)
