"""A dataset that the catalogue does not have yet: one entry takes it through the whole pipeline."""

from __future__ import annotations

import datetime as dt
import tomllib
from importlib import import_module
from pathlib import Path

import dagster as dg
import duckdb
import pytest

from o365_pipeline.consent.approvals import State
from o365_pipeline.curated.day_files import CURATED, day_folder, parts_of
from o365_pipeline.datasets import Catalogue, Dataset, catalogue
from o365_pipeline.deployment import Deployment, load
from o365_pipeline_tests.conftest import DAY, read_decisions
from o365_pipeline_tests.runner import Runner, lake_of

ENTRY = """
table_name = "BasicDataSet_v0.Whiteboards_v1"
description = "One row per whiteboard that a person drew on."
family = "teams"
free_of_charge = false
scopes = ["All", "List", "FilterUri"]
natural_key = ["puser", "id"]
slicing = "column"
date_filter = "changedDateTime"
date_filters = ["changedDateTime"]

[columns]
id = "string"
changedDateTime = "datetime"
title = "string"
strokes = "int64"
isShared = "boolean"
drawnBy = "ARRAY<STRUCT<id: STRING, since: DATETIME>>"
"""
REQUEST = """
application_id = "00000000-0000-4000-8000-0000000000a1"
application_name = "Whiteboards"
application_tenant_id = "00000000-0000-4000-8000-0000000000c1"
owner = "developer@contoso.example"

[[datasets]]
name = "Whiteboards_v1"
columns = ["id", "changedDateTime", "strokes", "isShared", "drawnBy"]
"""


@pytest.fixture
def whiteboards(monkeypatch: pytest.MonkeyPatch) -> Dataset:
    """The entry, as if it lay among the catalogue's files."""
    known = Catalogue([*catalogue(), Dataset.model_validate(tomllib.loads(ENTRY))])
    monkeypatch.setattr(import_module("o365_pipeline.datasets.catalogue"), "shipped", lambda: known)
    return known["Whiteboards_v1"]


@pytest.fixture
def deployment(whiteboards: Dataset, tmp_path: Path) -> Deployment:
    """A sandbox whose application asks for the new dataset alone."""
    (tmp_path / "data_request.toml").write_text(REQUEST)
    return load(
        home=tmp_path / "o365",
        data_request=tmp_path / "data_request.toml",
        sandbox_seconds=0,
        sandbox_users=12,
        initial_days=2,
    )


def test_a_new_dataset_takes_one_entry_and_no_other_edit(
    deployment: Deployment, instance: dg.DagsterInstance, whiteboards: Dataset
) -> None:
    [customer] = deployment.customers
    runner = Runner(deployment, instance)
    deployment.sandbox.register(customer.tenant_id, customer.data_request, [customer.sink])
    deployment.sandbox.decide(
        customer.tenant_id, customer.data_request.application_id, State.APPROVED, "approver@contoso.example"
    )
    read_decisions(deployment, customer)

    runner.move()

    for key in (dg.AssetKey(["raw", "whiteboards"]), dg.AssetKey(["curated", "whiteboards"])):
        assert runner.instance.get_latest_materialization_event(key)
    lake = lake_of(deployment)
    for day in (DAY, DAY + dt.timedelta(days=1)):
        folder = day_folder(CURATED, whiteboards.asset_name, customer.name, day)
        [file] = lake.stage(parts_of(lake, folder), deployment.home)
        rows = duckdb.sql(
            f"SELECT count(*) AS rows, count(id) AS ids, count(strokes) AS strokes, count(title) AS titles, "
            f"min(changed_date_time)::DATE AS first, max(changed_date_time)::DATE AS last FROM '{file}'"
        ).fetchall()
        [(count, ids, strokes, titles, first, last)] = rows
        assert count == ids == strokes > 0
        assert titles == 0
        assert first == last == day
