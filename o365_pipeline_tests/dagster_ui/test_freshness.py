"""What the definitions say of lateness and of columns, for every asset of the three stages."""

from __future__ import annotations

import datetime as dt

import dagster as dg
import pytest

from o365_pipeline.datasets import catalogue
from o365_pipeline.definitions import build_definitions
from o365_pipeline.deployment import Deployment


@pytest.fixture
def specs(deployment: Deployment) -> dict[str, dg.AssetSpec]:
    return {spec.key.to_user_string(): spec for spec in build_definitions(deployment).resolve_all_asset_specs()}


def test_every_table_warns_after_a_night_and_fails_after_two(specs: dict[str, dg.AssetSpec]) -> None:
    for name, spec in specs.items():
        policy = spec.freshness_policy
        if name.partition("/")[0] not in ("raw", "curated", "mart"):
            assert policy is None
            continue
        assert policy == dg.FreshnessPolicy.time_window(
            warn_window=dt.timedelta(hours=30), fail_window=dt.timedelta(hours=54)
        )


def test_every_table_shows_its_columns_with_their_types(specs: dict[str, dg.AssetSpec]) -> None:
    for name, spec in specs.items():
        if name.partition("/")[0] in ("raw", "curated", "mart"):
            assert spec.metadata["dagster/column_schema"].columns, name
    shown = {column.name: column.type for column in specs["raw/message"].metadata["dagster/column_schema"].columns}
    assert shown["puser"] == "string, added by Data Connect"
    for column in catalogue()["Message_v1"].columns:
        assert shown[column.name] == column.documented_type


def test_a_column_says_what_it_holds_and_whether_anybody_asked_for_it(specs: dict[str, dg.AssetSpec]) -> None:
    def told(asset: str, column: str) -> str:
        columns = specs[asset].metadata["dagster/column_schema"].columns
        return str(next(one.description for one in columns if one.name == column))

    for asset, asked, not_asked in (
        ("raw/message", "sentDateTime", "subject"),
        ("curated/message", "sent_date_time", "subject"),
        ("curated/share_point_sites_current", "id", "geo_location"),
    ):
        assert "Not in the data request" not in told(asset, asked)
        assert told(asset, not_asked).endswith("Not in the data request, so it is empty.")
    assert told("raw/message", "sentDateTime") == "When it was sent, in UTC."
    assert told("curated/message", "puser") == "The object id of the person whose row it is."
