"""What is usual for a day, and how it is judged and drawn."""

from __future__ import annotations

import base64
import datetime as dt
import re
from functools import partial
from typing import Any

import dagster as dg
import pytest

from o365_pipeline.curated.checks import volume_result
from o365_pipeline.customers.partitions import partition_key
from o365_pipeline.dagster_ui.pictures import rows_per_day
from o365_pipeline.dagster_ui.row_history import HISTORY_DAYS, MAX_RECORDS, row_counts_by_day, usual

MONDAY = dt.date(2026, 11, 16)
KEY = dg.AssetKey(["curated", "message"])


def past(days: int, working: int = 1000, weekend: int = 40) -> dict[dt.date, int]:
    """The days before the Monday, working days a little up and down."""
    before = (MONDAY - dt.timedelta(n) for n in range(1, days + 1))
    return {day: weekend if day.weekday() >= 5 else working + day.day for day in before}


@pytest.mark.parametrize("rows", [0, 300, 1700])
def test_a_day_far_from_those_like_it_is_warned_of(rows: int) -> None:
    result = volume_result(KEY, {MONDAY: rows}, past(28))

    assert not result.passed
    assert result.severity is dg.AssetCheckSeverity.WARN
    assert result.metadata["unusual_days"].value == 1
    assert str(MONDAY) in str(result.metadata["days"].value)


@pytest.mark.parametrize("rows", [700, 1000, 1400])
def test_a_day_near_those_like_it_passes(rows: int) -> None:
    assert volume_result(KEY, {MONDAY: rows}, past(28)).passed


def test_a_quiet_sunday_is_compared_with_weekends() -> None:
    sunday = MONDAY - dt.timedelta(1)
    before = {day: rows for day, rows in past(28).items() if day != sunday}

    assert volume_result(KEY, {sunday: 40}, before).passed
    assert not volume_result(KEY, {sunday: 1000}, before).passed


def test_a_weekday_with_a_history_of_its_own_is_compared_with_itself() -> None:
    before = past(HISTORY_DAYS) | {MONDAY - dt.timedelta(7 * n): 5000 for n in range(1, 9)}

    assert volume_result(KEY, {MONDAY: 5000}, before).passed
    assert not volume_result(KEY, {MONDAY: 1000}, before).passed


@pytest.mark.parametrize("days", [0, 4])
def test_without_enough_history_the_check_passes_and_says_so(days: int) -> None:
    result = volume_result(KEY, {MONDAY: 1}, past(days))

    assert result.passed
    assert result.metadata["note"].value == "not enough history"


def test_a_few_rows_more_or_less_of_few_are_usual() -> None:
    found = usual(MONDAY, dict.fromkeys(past(28), 3))

    assert found and found.includes(0) and found.includes(20) and not found.includes(50)


def test_a_backfills_own_days_are_history_for_the_later_ones() -> None:
    counts = {day: 1000 for day in past(10) if day.weekday() < 5} | {MONDAY: 10}

    result = volume_result(KEY, counts, {})

    assert result.metadata["unusual_days"].value == 1
    assert "10 | 1,000" in str(result.metadata["days"].value)


def test_the_history_is_the_customers_own_and_its_newest_counts(instance: dg.DagsterInstance) -> None:
    def made(customer: str, day: dt.date, rows: int) -> None:
        metadata = {"dagster/row_count": rows}
        partition = partition_key(customer, day)
        instance.report_runless_asset_event(dg.AssetMaterialization(KEY, partition=partition, metadata=metadata))

    sunday = MONDAY - dt.timedelta(1)
    made("contoso", sunday, 1)
    made("contoso", sunday, 2)
    made("contoso", MONDAY, 3)
    made("contoso", MONDAY - dt.timedelta(HISTORY_DAYS + 1), 4)
    made("fabrikam", sunday, 5)
    instance.report_runless_asset_event(
        dg.AssetMaterialization(KEY, partition=partition_key("contoso", sunday - dt.timedelta(1)))
    )

    assert row_counts_by_day(instance, KEY, partial(partition_key, "contoso"), [MONDAY]) == {sunday: 2, MONDAY: 3}


def test_the_history_is_one_query_of_bounded_size(
    instance: dg.DagsterInstance, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = []
    fetch = instance.fetch_materializations

    def noted(wanted: dg.AssetRecordsFilter, **more: Any) -> Any:
        asked.append((wanted, more))
        return fetch(wanted, **more)

    monkeypatch.setattr(instance, "fetch_materializations", noted)

    row_counts_by_day(instance, KEY, partial(partition_key, "contoso"), [MONDAY - dt.timedelta(n) for n in range(300)])

    [(wanted, more)] = asked
    assert len(wanted.asset_partitions or ()) == HISTORY_DAYS + 1
    assert more["limit"] == MAX_RECORDS


def test_the_picture_of_rows_per_day_is_a_small_png_with_an_alternative_text() -> None:
    [drawn] = rows_per_day(past(28), {MONDAY: 1000}).values()

    found = re.fullmatch(
        r"!\[Rows per day, 2026-10-18 to 2026-11-16\]\(data:image/png;base64,([A-Za-z0-9+/=]+)\)", str(drawn.value)
    )
    assert found
    assert base64.b64decode(found[1]).startswith(b"\x89PNG")
    assert len(str(drawn.value)) < 10_000


def test_a_single_day_is_not_worth_a_picture() -> None:
    assert rows_per_day({}, {MONDAY: 1000}) == rows_per_day({MONDAY: 900}, {MONDAY: 1000}) == {}
