"""Names of time zones: Windows' and IANA's, as Exchange writes them, and those that say an offset.

What belongs here: finding the zone of a name, and the moment of a time that stands beside one, for SQL. The names are
tzlocal's and zoneinfo's.
"""

from __future__ import annotations

import datetime as dt
import json
import re
from collections.abc import Mapping
from contextlib import suppress
from functools import cache, lru_cache
from zoneinfo import ZoneInfo, available_timezones

import duckdb
from tzlocal.windows_tz import win_tz

from o365_pipeline.raw.duckdb_session import define_function

PLACES = re.compile(r"\((?:utc|gmt)[^)]*\) *(.+)")
"""(UTC+01:00) Amsterdam, Berlin, Bern, Rome, Stockholm, Vienna."""

OFFSET = re.compile(r"\(?(?:utc|gmt)? *([+-])([0-9]{1,2}):?([0-9]{2})?(?:\).*)?")
ZERO = re.compile(r"\((?:utc|gmt)\).*")
OF_CITIES = ("Africa", "America", "Asia", "Atlantic", "Australia", "Canada", "Europe", "Indian", "Pacific", "US")
MOST_MINUTES = 14 * 60


def define_time_zones(connection: duckdb.DuckDBPyConnection) -> None:
    """Make `zone_of(name)`, `zone_of_bias(minutes)` and `flat_moment(json)` known to the connection, if need be."""
    # DuckDB refuses a name that is there, and takes longer to list its functions than to try.
    with suppress(duckdb.NotImplementedException):
        define_function(connection, "zone_of", zone_of)
        define_function(connection, "zone_of_bias", zone_of_bias)
        define_function(connection, "flat_moment", flat_moment)


@lru_cache(maxsize=4_096)
def zone_of(name: str) -> str | None:
    """A zone's name as DuckDB takes it, IANA's where there is one; None where nobody knows the zone."""
    low = name.strip().lower()
    return _zones().get(low) or _described(low) or _of_offset_in(low)


def zone_of_bias(minutes: str) -> str | None:
    """The zone of a bias as Windows counts it, west of Greenwich: -60 is UTC+01:00."""
    try:
        return zone_of_offset(-round(float(minutes)))
    except (ValueError, OverflowError):
        return None


def zone_of_offset(minutes: int) -> str | None:
    """A zone without summer time, so many minutes east of Greenwich."""
    if abs(minutes) > MOST_MINUTES:
        return None
    hours, rest = divmod(abs(minutes), 60)
    if rest:
        return f"GMT{'+' if minutes > 0 else '-'}{hours:02}:{rest:02}"
    # POSIX counts west of Greenwich.
    return f"Etc/GMT{'-' if minutes > 0 else '+'}{hours}" if hours else "UTC"


def flat_moment(text: str) -> str:
    """The moment of {dateTime, timeZone} as text, UTC where the zone is not known; what is none stays as it is."""
    try:
        parts = {key.lower(): value for key, value in json.loads(text).items()}
        moment = parts["datetime"] or ""
        return _in_utc(moment, zone_of(parts.get("timezone") or "UTC") or "UTC")
    except (AttributeError, KeyError, RecursionError, TypeError, ValueError):
        return "" if text == "{}" else text


def _in_utc(moment: str, zone: str) -> str:
    try:
        local = dt.datetime.fromisoformat(moment)
    except ValueError:
        return moment
    if local.tzinfo is not None or zone in ("UTC", "Etc/UTC"):
        return moment
    found = OFFSET.fullmatch(zone.lower()) if zone.startswith("GMT") else None
    offset = dt.timezone(dt.timedelta(minutes=_minutes(found))) if found else ZoneInfo(zone)
    try:
        return local.replace(tzinfo=offset).astimezone(dt.UTC).isoformat()
    except OverflowError:
        return moment


def _described(name: str) -> str | None:
    """The zone of the first city that has one; of "Pacific Time (US & Canada)" that of Pacific Standard Time."""
    if (found := PLACES.fullmatch(name)) is None:
        return None
    places = found[1]
    if known := _zones().get(re.sub(r" time( \(.*\))?$", " standard time", places)):
        return known
    cities = (_cities().get(place.strip().replace(" ", "_")) for place in places.split(","))
    return next((zone for zone in cities if zone), None)


def _of_offset_in(name: str) -> str | None:
    if ZERO.fullmatch(name):
        return "UTC"
    found = OFFSET.fullmatch(name)
    return zone_of_offset(_minutes(found)) if found else None


def _minutes(found: re.Match[str]) -> int:
    sign = -1 if found[1] == "-" else 1
    return sign * (int(found[2]) * 60 + int(found[3] or 0))


@cache
def _zones() -> Mapping[str, str]:
    named = {name.lower(): name for name in sorted(available_timezones())}
    return (
        named | {name.lower(): zone for name, zone in win_tz.items()} | {"tzone://microsoft/utc": "UTC", "utc": "UTC"}
    )


@cache
def _cities() -> Mapping[str, str]:
    zones = (name for name in sorted(available_timezones(), reverse=True) if name.startswith(OF_CITIES))
    return {name.rpartition("/")[2].lower(): name for name in zones if "/" in name}
