"""The schema of what landed beside the published one."""

from __future__ import annotations

import pytest

from o365_pipeline.curated import schema_drift
from o365_pipeline_tests.curated.conftest import ROW_INFORMATION, Landing, row

REQUESTED = ("id", "importance", "isRead", "sender")


def message(**values: object) -> dict[str, object]:
    return row(**{"id": "m1", "importance": "low", "isRead": True, "sender": None, **values})


def test_a_landing_as_published_has_no_drift(landing: Landing) -> None:
    landing.curate("Message_v1", [message(importance=None, subject="not requested")], columns=REQUESTED)

    assert landing.drift.is_as_published
    assert landing.drift.unknown == {}


def test_a_column_that_no_row_has_is_missing(landing: Landing) -> None:
    bare = message()
    del bare["isRead"]

    landing.curate("Message_v1", [bare, {**bare, "id": "m2"}], columns=REQUESTED)

    assert landing.drift.missing == ("isRead",)
    assert "| isRead | boolean | **missing** |" in landing.drift.table()


def test_nothing_is_missing_where_no_item_landed_or_nulls_are_left_out(landing: Landing) -> None:
    summary = row(rowinformation={**ROW_INFORMATION, "isUserSummaryRow": True})
    landing.curate("Message_v1", [summary], columns=REQUESTED)
    of_user_rows = landing.drift
    landing.curate("SharePointSites_v1", [{"Id": "s1"}], columns=("Id", "Url"))

    assert of_user_rows.is_as_published
    assert landing.drift.is_as_published


def test_a_column_of_another_type_is_retyped_and_its_values_are_not_told(landing: Landing) -> None:
    landing.curate(
        "Message_v1",
        [message(), message(id="m2", isRead="secret"), message(id="m3", sender=["secret"])],
        columns=REQUESTED,
    )

    assert landing.drift.retyped == {"isRead": "VARCHAR", "sender": "ARRAY"}
    assert not landing.drift.is_as_published
    assert "secret" not in landing.drift.table()


def test_new_columns_are_listed_with_their_types_and_fail_nothing(landing: Landing) -> None:
    landing.curate("Message_v1", [message(score=1.5), message(id="m2", score="secret")], columns=REQUESTED)

    assert landing.drift.is_as_published
    assert landing.drift.unknown == {"score": "number, string"}
    assert "| score |  | **number, string** |" in landing.drift.table()
    assert "secret" not in landing.drift.table()


def test_of_ever_new_keys_some_are_told_and_every_row_keeps_its_own(
    landing: Landing, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(schema_drift, "MOST_UNKNOWN", 10)

    landing.curate("Message_v1", [message(id=f"m{n}", **{f"key{n}": n}) for n in range(30)], columns=REQUESTED)

    assert len(landing.drift.unknown) == 10
    assert landing.drift.is_as_published
    kept = {found["id"]: found["unknown_columns"] for found in landing.table("Message_v1")}
    assert kept == {f"m{n}": f'{{"key{n}": {n}}}' for n in range(30)}
