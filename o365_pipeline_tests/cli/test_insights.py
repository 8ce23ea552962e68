"""`o365-pipeline insights`: where nobody has to sign in there is no real data."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from starlette.testclient import TestClient

from o365_pipeline.azure.cloud import AzureCloud
from o365_pipeline.cli.insights import insights_of
from o365_pipeline.deployment import load
from o365_pipeline.errors import SettingsError
from o365_pipeline_tests.insights.conftest import header

GROUP = "00000000-0000-4000-8000-0000000000aa"


def test_on_azure_somebody_signs_in(home: Path) -> None:
    azure = replace(load(home=home), cloud=AzureCloud())

    with pytest.raises(SettingsError, match="O365_INSIGHTS_SIGN_IN=none is for the sandbox alone"):
        insights_of(azure)
    insights_of(replace(azure, insights_sign_in="container-apps"))


def test_the_sign_ins_header_counts_only_where_a_setting_says_so(home: Path) -> None:
    [customer] = load(home=home).customers
    somebody = {"X-MS-CLIENT-PRINCIPAL": header(("oid", "nobody"), ("tid", customer.tenant_id), ("groups", GROUP))}

    def about(**settings: Any) -> str:
        return TestClient(insights_of(load(home=home, **settings))).get("/about", headers=somebody).text

    assert "You are an analyst." in about()
    signed_in = {"insights_sign_in": "container-apps", "insights_analysts": GROUP}
    assert "You are an analyst, signed in as nobody." in about(**signed_in)
    assert "You are no analyst" in about(**signed_in | {"insights_analysts": ""})
    assert "/viewer" in about() and "/viewer" not in about(**signed_in)


@pytest.mark.parametrize("groups", ["Analysts", f"{GROUP},Analysts", ",".join([GROUP] * 51)])
def test_analysts_are_named_by_object_ids_of_a_few_groups(tmp_path: Path, groups: str) -> None:
    with pytest.raises(SettingsError, match="O365_INSIGHTS_ANALYSTS"):
        load(home=tmp_path, insights_analysts=groups)
