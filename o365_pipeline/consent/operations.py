"""Operations: Microsoft's own counts of each extraction, from record 183 of the Management Activity API.

What belongs here: parsing the record. Comparing it with what landed belongs to `raw/reconciliation.py`.
"""

from __future__ import annotations

import datetime as dt

from pydantic import AliasChoices, BaseModel, ConfigDict, Field, field_validator, model_validator

from o365_pipeline.consent.approvals import RECORD_ID, in_utc, string_list

OPERATION_RECORD_TYPE = 183
"""MicrosoftGraphDataConnectOperation, in Microsoft's schema of the Management Activity API."""


MAX_COUNT = 2**63 - 1


class Operation(BaseModel):
    """One extraction as Microsoft saw it: rows, people requested and delivered, and how it ended. Times are UTC."""

    model_config = ConfigDict(frozen=True, populate_by_name=True)

    record_id: str = Field(pattern=RECORD_ID, validation_alias=AliasChoices("Id", "record_id"))
    application_id: str = Field(validation_alias=AliasChoices("ApplicationId", "application_id"))
    dataset: str = Field(max_length=100, validation_alias=AliasChoices("DatasetName", "dataset"))
    pipeline_run_id: str | None = Field(
        default=None, max_length=100, validation_alias=AliasChoices("PipelineRunId", "pipeline_run_id")
    )
    started_at: dt.datetime | None = Field(default=None, validation_alias=AliasChoices("RunStartTime", "started_at"))
    ended_at: dt.datetime | None = Field(default=None, validation_alias=AliasChoices("RunEndTime", "ended_at"))
    status: str = Field(max_length=50, validation_alias=AliasChoices("Status", "status"))
    reason: str | None = Field(default=None, validation_alias=AliasChoices("Reason", "reason"))
    rows: int | None = Field(default=None, ge=0, le=MAX_COUNT, validation_alias=AliasChoices("RowCount", "rows"))
    people_requested: int | None = Field(
        default=None, ge=0, le=MAX_COUNT, validation_alias=AliasChoices("ScopeCountRequested", "people_requested")
    )
    people_delivered: int | None = Field(
        default=None, ge=0, le=MAX_COUNT, validation_alias=AliasChoices("ScopeCountDelivered", "people_delivered")
    )
    undelivered: tuple[str, ...] = Field(default=(), validation_alias=AliasChoices("UndeliveredScope", "undelivered"))

    @model_validator(mode="before")
    @classmethod
    def _without_nulls(cls, record: object) -> object:
        if not isinstance(record, dict):
            return record
        return {name: value for name, value in record.items() if value is not None}

    @field_validator("application_id")
    @classmethod
    def _id_in_small_letters(cls, value: str) -> str:
        return value.lower()

    @field_validator("undelivered", mode="before")
    @classmethod
    def _from_string_list(cls, value: object) -> object:
        return string_list(value)

    @field_validator("started_at", "ended_at", mode="after")
    @classmethod
    def _as_utc(cls, value: dt.datetime | None) -> dt.datetime | None:
        return None if value is None else in_utc(value)
