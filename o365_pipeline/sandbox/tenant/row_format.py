"""Data Connect's row format: system columns, enums, moments, addresses, opaque ids, and the date filter.

What belongs here: how values are written in a row. The values belong to the datasets' files (`mail_rows.py` and the
like).
"""

from __future__ import annotations

import base64
import datetime as dt
import hashlib
import json
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

NEVER = "0001-01-01T00:00:00Z"

Columns = Mapping[str, Callable[[Any], object]]
"""Column -> its value for an item; a documented column that is missing here is null."""


@dataclass(frozen=True)
class Window:
    """The moments of a run: start inclusive, end exclusive."""

    start: dt.datetime
    end: dt.datetime

    def __contains__(self, at: dt.datetime) -> bool:
        return self.start <= at < self.end

    def days(self, before: int, after: int) -> list[dt.date]:
        """Returns the window's days, and that many days before and after them."""
        first, last = self.start.date() - dt.timedelta(days=before), self.end.date() + dt.timedelta(days=after)
        return [first + dt.timedelta(days=n) for n in range((last - first).days + 1)]


@dataclass(frozen=True)
class Address:
    """A person that a mail or a meeting names."""

    name: str
    mail: str

    def camel(self) -> dict[str, object]:
        return {"emailAddress": {"name": self.name, "address": self.mail}}

    def pascal(self) -> dict[str, object]:
        return {"EmailAddress": {"Name": self.name, "Address": self.mail}}


def row_line(owner: Mapping[str, object], tenant_id: str, values: dict[str, object]) -> bytes:
    """Writes one line: the item's columns and Data Connect's own.

    Args:
        owner: the row's owner, such as {"puser": ...} or {"pObjectId": ...}; SharePoint's rows have none.
    """
    return _line(owner, tenant_id, values) if owner else _json(values | {"ptenant": tenant_id})


def user_row_line(puser: str, tenant_id: str, columns: Iterable[str], no_data: bool, error: str | None) -> bytes:
    """Writes one line that describes a user, not an item: there is no data, or the reason why it was not read."""
    owner = {"puser": puser}
    return _line(owner, tenant_id, dict.fromkeys(columns), is_user_row=True, no_data=no_data, error=error)


def _line(
    owner: Mapping[str, object],
    tenant_id: str,
    values: dict[str, object],
    is_user_row: bool = False,
    no_data: bool = False,
    error: str | None = None,
) -> bytes:
    system = {
        **owner,
        "ptenant": tenant_id,
        "pAdditionalInfo": None,
        "datarow": 0,
        "userrow": 0,
        "pagerow": 0,
        "rowinformation": {
            "errorInformation": error,
            "userReturnedNoData": no_data,
            "isUserSummaryRow": is_user_row,
            "userHasCompleteData": False,
        },
    }
    return _json(values | system)


def _json(values: Mapping[str, object]) -> bytes:
    return json.dumps(values, ensure_ascii=False, separators=(",", ":")).encode() + b"\n"


def constant(value: object) -> Callable[[Any], object]:
    """Makes a column that has the same value in every row."""
    return lambda _: value


def utc_text(moment: dt.datetime) -> str:
    """Writes a moment as rows carry it, to the second: 2026-11-16T09:00:00Z."""
    return f"{moment:%Y-%m-%dT%H:%M:%S}Z"


def date_time_zone(moment: dt.datetime) -> dict[str, str]:
    """Writes a meeting's time: seven digits of fraction and no offset, beside the zone's name."""
    return {"dateTime": f"{moment:%Y-%m-%dT%H:%M:%S}.0000000", "timeZone": "UTC"}


def enum(kind: str, value: str) -> str:
    """Writes an enum value inside a structure: microsoft.graph.bodyType'html'."""
    return f"microsoft.graph.{kind}'{value}'"


def opaque_id(prefix: str, *parts: str) -> str:
    """Makes an id without a meaning, the same for the same parts."""
    return (
        prefix + base64.urlsafe_b64encode(hashlib.blake2b("|".join(parts).encode(), digest_size=30).digest()).decode()
    )


def share(*parts: str) -> float:
    """Returns a number from 0 to 1 that is the same for the same parts, for choices that must not disturb a random
    sequence.
    """
    return int.from_bytes(hashlib.blake2b("|".join(parts).encode(), digest_size=6).digest(), "big") / 2**48
