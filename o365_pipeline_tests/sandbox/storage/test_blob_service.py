"""The sandbox's Blob service, with the lake's own client: whose token opens which container, and what comes back."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from o365_pipeline.errors import LakeError
from o365_pipeline.raw.lake import Lake
from o365_pipeline.raw.lakes import Lakes
from o365_pipeline.sandbox.app import served_app
from o365_pipeline.sandbox.azure.resources import ACCOUNT_TYPE, Resources
from o365_pipeline.sandbox.azure.roles import BLOB_CONTRIBUTOR, BLOB_READER, OWNER, RoleAssignments
from o365_pipeline.sandbox.azure.subscriptions import Subscriptions
from o365_pipeline.sandbox.entra.directory import Principal
from o365_pipeline_tests.sandbox.conftest import GROUP_ID, PIPELINE, World
from o365_pipeline_tests.served import certificate, serving

ACCOUNT_ID = f"{GROUP_ID}/providers/{ACCOUNT_TYPE}/acc"
Open = Callable[..., Lake]


@pytest.fixture
def served_at(strict: World, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    files, authority = certificate(tmp_path)
    monkeypatch.setenv("SSL_CERT_FILE", str(authority))
    with serving(served_app(strict.factories, strict.entra), files) as address:
        yield address


@pytest.fixture
def principal(strict: World) -> Principal:
    """The pipeline's, without a role; the account `acc` lies in its tenant."""
    Subscriptions(strict.factories.state).create("sub", "t1")
    Resources(strict.factories.state).put({"id": ACCOUNT_ID, "type": ACCOUNT_TYPE, "properties": {}})
    return strict.entra.directory.register(PIPELINE, "t1", is_multi_tenant=True)


@pytest.fixture
def open_lake(strict: World, served_at: str, principal: Principal) -> Open:
    """A lake in the account, opened by the pipeline's sign-in to a tenant."""

    def open_lake(
        tenant_id: str = "t1", account: str = "acc", role: str | None = None, scope: str = ACCOUNT_ID
    ) -> Lake:
        if role:
            RoleAssignments(Resources(strict.factories.state)).assign(scope, role, principal.object_id)
        endpoint = f"{served_at}/blob/{{account}}"
        lakes = Lakes(endpoint=endpoint, credential=lambda tenant: strict.credential(tenant or "t1"))
        return lakes.at(account, "lake", tenant_id)

    return open_lake


def test_a_lake_behind_the_service_is_written_read_listed_and_deleted_from(open_lake: Open, tmp_path: Path) -> None:
    lake = open_lake(role=BLOB_CONTRIBUTOR)
    large = tmp_path / "large"
    large.write_bytes(bytes(range(256)) * 80_000)

    lake.write("raw/a b/ü%20.json", b"one")
    lake.write("raw/large", large)
    assert [lake.create("raw/new", b""), lake.create("raw/new", b"again")] == [True, False]

    assert lake.objects("raw") == [("raw/a b/ü%20.json", 3), ("raw/large", 20_480_000), ("raw/new", 0)]
    assert lake.folders("raw") == ["a b"]
    assert lake.objects("ra") == []
    assert lake.read("raw/a b/ü%20.json") == b"one"
    (tmp_path / "staged").mkdir()
    [staged] = lake.stage(["raw/large"], tmp_path / "staged")
    assert staged.read_bytes() == large.read_bytes()
    lake.delete(["raw/large", "raw/not-there", "raw/a b/ü%20.json"])
    assert [lake.exists("raw/large"), lake.exists("raw/new")] == [False, True]


@pytest.mark.parametrize("role", [None, OWNER])
def test_without_a_role_on_the_data_nothing_is_read(open_lake: Open, role: str | None) -> None:
    with pytest.raises(LakeError, match="Storage Blob Data Contributor"):
        open_lake(role=role).objects("raw")


def test_a_reader_writes_nothing(open_lake: Open) -> None:
    lake = open_lake(role=BLOB_READER)

    assert lake.objects("raw") == []
    with pytest.raises(LakeError, match="Storage Blob Data Contributor"):
        lake.write("raw/a", b"")


def test_a_role_on_another_account_is_of_no_use(open_lake: Open) -> None:
    with pytest.raises(LakeError, match="Storage Blob Data Contributor"):
        open_lake(role=BLOB_CONTRIBUTOR, scope=f"{ACCOUNT_ID}2").objects("raw")


def test_a_token_of_another_tenant_is_refused(open_lake: Open, strict: World) -> None:
    strict.entra.directory.admit("t2", PIPELINE)
    lake = open_lake("t2", role=BLOB_CONTRIBUTOR)

    with pytest.raises(LakeError) as refused:
        lake.objects("raw")
    assert "sign-in" in str(refused.value)


def test_an_account_that_nobody_created_is_not_there(open_lake: Open) -> None:
    with pytest.raises(LakeError, match="there is no such storage account"):
        open_lake(account="another").objects("raw")
