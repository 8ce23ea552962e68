"""Publishing as a command and as assets: what is told before, what is done, and what stays of it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import dagster as dg
import pytest
from click.testing import CliRunner, Result
from pydantic import SecretStr

from o365_pipeline.cli.managed_app import managed_app
from o365_pipeline.cli.offer import publish as cli_publish
from o365_pipeline.deployment import Deployment, load
from o365_pipeline.errors import PublishError, SettingsError, UsageError
from o365_pipeline.managed_app import offer as offers
from o365_pipeline.managed_app.offer import Offer
from o365_pipeline.managed_app.package import package as packages
from o365_pipeline.managed_app.package.package import build
from o365_pipeline.managed_app.publishing.assets import MARKETPLACE, PACKAGE, SERVICE_CATALOG, managed_app_assets
from o365_pipeline.managed_app.publishing.service_catalog import definition_id
from o365_pipeline_tests.managed_app.resource_manager import StandIn

Run = Callable[..., Result]


@pytest.fixture
def cloud() -> StandIn:
    return StandIn()


@pytest.fixture
def publisher(tmp_path: Path, cloud: StandIn) -> Deployment:
    """A deployment that publishes to the stand-in."""
    return replace(load(home=tmp_path / "home"), cloud=cloud)


@pytest.fixture
def offer(publisher: Deployment) -> Offer:
    assert publisher.offer
    return publisher.offer


@pytest.fixture
def run(publisher: Deployment, monkeypatch: pytest.MonkeyPatch) -> Run:
    def load_stand_in(**overrides: Any) -> Deployment:
        path = overrides["offer"]
        return replace(publisher, offer=offers.read_offer(path)) if path else publisher

    def run(*arguments: str) -> Result:
        return CliRunner().invoke(managed_app, ["publish", *arguments])

    monkeypatch.setattr(cli_publish, "load", load_stand_in)
    return run


def test_the_difference_is_told_before_and_what_was_written_after(run: Run, cloud: StandIn, offer: Offer) -> None:
    ended = run()

    lines = ended.stdout.splitlines()
    assert lines[0].endswith(definition_id(offer))
    assert "+ display name: Office 365 insights" in lines
    assert lines[-1].startswith("written, with the package at office365-insights/")
    assert definition_id(offer) in cloud.held
    assert run().stdout.splitlines()[1:] == ["nothing differs"]


def test_a_dry_run_tells_and_writes_nothing(run: Run, cloud: StandIn, publisher: Deployment) -> None:
    catalog = run("--dry-run")
    marketplace = run("--to", "marketplace", "--dry-run")

    assert catalog.stdout.endswith("nothing was written\n")
    assert "+ lock level: ReadOnly" in catalog.stdout
    assert marketplace.stdout.endswith("nothing was written\n")
    assert cloud.held == {}
    assert not (publisher.home / "managed_app").exists()


def test_an_offer_that_is_named_is_published(run: Run, cloud: StandIn, tmp_path: Path) -> None:
    (tmp_path / "mine.toml").write_text(offers.example().replace("office365-insights", "mail-insights"))

    run(str(tmp_path / "mine.toml"))

    assert [path.rsplit("/", 1)[1] for path in cloud.held] == ["mail-insights"]


def test_the_marketplaces_files_are_written_and_what_is_left_is_told(
    run: Run, publisher: Deployment, offer: Offer
) -> None:
    ended = run("--to", "marketplace")

    folder = packages.folder(publisher.home, offer) / "marketplace"
    assert folder == publisher.home / "managed_app" / "office365-insights" / offer.version / "marketplace"
    assert f"+ {folder / 'configure.json'}" in ended.stdout
    assert "left to a person:\n- the offer's type: the Product Ingestion API is documented for SaaS" in ended.stdout
    assert {path.name for path in folder.glob("*.zip")} == {
        f"office365-insights-{offer.version}-{sku.name}.zip" for sku in offer.skus
    }
    assert publisher.notification_signature
    assert all(b"sig=sandbox" not in path.read_bytes() for path in folder.iterdir())


def test_a_draft_is_submitted_when_it_is_asked_for(run: Run, cloud: StandIn) -> None:
    cloud.answer(202, {"jobId": "job-1", "jobStatus": "completed", "jobResult": "succeeded"})

    without = run("--to", "marketplace")
    asked_before = list(cloud.asked)
    ended = run("--to", "marketplace", "--submit")

    assert "draft is filled" not in without.stdout
    assert asked_before == []
    assert "the draft is filled, job job-1; nothing is published yet" in ended.stdout


@pytest.mark.parametrize("arguments", [("--submit",), ("--to", "marketplace", "--submit", "--dry-run")])
def test_a_submission_goes_with_the_marketplace_and_no_dry_run(run: Run, arguments: tuple[str, ...]) -> None:
    ended = run(*arguments)

    assert isinstance(ended.exception, UsageError)
    assert "--submit" in str(ended.exception)


def test_the_sandbox_has_no_partner_center(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("O365_HOME", str(tmp_path))

    ended = CliRunner().invoke(managed_app, ["publish", "--to", "marketplace", "--submit"])

    assert isinstance(ended.exception, SettingsError)
    assert "the sandbox has no Partner Center" in str(ended.exception)


def test_without_an_offer_the_setting_is_named(publisher: Deployment, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cli_publish, "load", lambda **_: replace(publisher, offer=None))

    ended = CliRunner().invoke(managed_app, ["publish"])

    assert isinstance(ended.exception, SettingsError)
    assert "O365_OFFER is missing" in str(ended.exception)


def materialized(deployment: Deployment, instance: dg.DagsterInstance) -> dg.ExecuteInProcessResult:
    assert deployment.offer
    return dg.materialize(
        managed_app_assets(deployment.offer), resources=deployment.resources, instance=instance, raise_on_error=False
    )


def test_a_release_is_a_materialization_with_its_version(
    publisher: Deployment, offer: Offer, instance: dg.DagsterInstance
) -> None:
    result = materialized(publisher, instance)

    digest = build(offer).digest
    for key in (PACKAGE, SERVICE_CATALOG):
        event = instance.get_latest_materialization_event(key)
        assert event
        assert event.asset_materialization
        assert event.asset_materialization.metadata["version"].value == offer.version
        assert event.asset_materialization.tags
        assert event.asset_materialization.tags["dagster/data_version"] == digest
    assert result.success
    assert (packages.folder(publisher.home, offer) / build(offer).name).read_bytes() == build(offer).content


def test_a_release_tells_what_it_changed_and_holds_no_secret(
    publisher: Deployment, offer: Offer, instance: dg.DagsterInstance
) -> None:
    first = materialized(publisher, instance).asset_materializations_for_node("managed_app__service_catalog")
    again = materialized(publisher, instance).asset_materializations_for_node("managed_app__service_catalog")

    assert first[0].metadata["definition_id"].value == definition_id(offer)
    assert "+ lock level: ReadOnly" in str(first[0].metadata["changes"].value)
    assert again[0].metadata["fields_changed"].value == 0
    assert again[0].metadata["changes"].value == "unchanged"
    assert "sandbox" not in str(first[0].metadata["changes"].value)


def test_a_refused_release_fails_with_one_line_and_leaves_the_package(
    publisher: Deployment, cloud: StandIn, instance: dg.DagsterInstance
) -> None:
    cloud.refuse(403, "AuthorizationFailed")

    result = materialized(publisher, instance)

    assert not result.success
    failure = result.failure_data_for_node("managed_app__service_catalog")
    assert failure
    assert failure.user_failure_data
    assert "give it Contributor on rg-managed-app" in str(failure.user_failure_data.description)
    assert instance.get_latest_materialization_event(PACKAGE)
    assert instance.get_latest_materialization_event(MARKETPLACE)


def test_what_partner_center_would_refuse_is_a_warning(
    publisher: Deployment, offer: Offer, instance: dg.DagsterInstance
) -> None:
    nobody = offer.support.model_copy(update={"phone": None})
    result = materialized(replace(publisher, offer=offer.model_copy(update={"support": nobody})), instance)

    checks = {check.check_name: check for check in result.get_asset_check_evaluations()}
    assert checks["package_is_valid"].passed
    assert not checks["partner_center_refuses_nothing"].passed
    assert checks["partner_center_refuses_nothing"].severity is dg.AssetCheckSeverity.WARN


def test_the_sandbox_takes_what_is_published_and_needs_it_once(
    deployment: Deployment, offer: Offer, instance: dg.DagsterInstance
) -> None:
    first = materialized(deployment, instance)
    again = materialized(deployment, instance)

    assert first.success
    told = [
        result.asset_materializations_for_node("managed_app__service_catalog")[0].metadata for result in (first, again)
    ]
    assert told[0]["definition_id"].value == definition_id(offer)
    assert [entry["changes"].value == "unchanged" for entry in told] == [False, True]


def test_the_sandbox_knows_a_former_signature_though_it_never_shows_one(deployment: Deployment, offer: Offer) -> None:
    catalog, package = deployment.service_catalog, build(offer)
    catalog.publish(offer, package)

    changes = replace(catalog, signature=SecretStr("another")).changes(offer, package)

    assert [str(change) for change in changes] == ["notification signature: a secret -> a secret"]


def test_a_package_that_azure_would_refuse_is_published_nowhere(
    run: Run, publisher: Deployment, cloud: StandIn, instance: dg.DagsterInstance, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(packages, "build", lambda _: packages.packed("package.zip", {"mainTemplate.json": b"{"}))

    ended = run()
    result = materialized(publisher, instance)

    assert isinstance(ended.exception, PublishError)
    assert "Azure would refuse the package: createUiDefinition.json" in str(ended.exception)
    assert not result.success
    assert not {check.check_name: check.passed for check in result.get_asset_check_evaluations()}["package_is_valid"]
    assert cloud.held == {}


def test_an_offer_without_a_marketplace_has_no_such_asset(offer: Offer) -> None:
    keys = [asset.key for asset in managed_app_assets(offer.model_copy(update={"marketplace": None}))]

    assert keys == [PACKAGE, SERVICE_CATALOG]


def test_an_offer_that_azure_refuses_is_told_by_the_command(run: Run, cloud: StandIn) -> None:
    cloud.refuse(404, "ResourceGroupNotFound")

    ended = run()

    assert isinstance(ended.exception, PublishError)
    assert "az group create" in str(ended.exception)
