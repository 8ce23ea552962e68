"""Publishing to a service catalog, through the real client: what is written, when, and what is told."""

from __future__ import annotations

import json
import logging
from dataclasses import replace
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

import pytest
import requests
from pydantic import SecretStr

from o365_pipeline.errors import PublishError, SettingsError
from o365_pipeline.managed_app.authorizations import authorizations
from o365_pipeline.managed_app.offer import Offer, read_offer
from o365_pipeline.managed_app.package.package import packed
from o365_pipeline.managed_app.publishing.definition_changes import as_markdown
from o365_pipeline.managed_app.publishing.service_catalog import ServiceCatalog, definition_id, package_path
from o365_pipeline.managed_app.template.roles import ACTIONS, DATA_ACTIONS
from o365_pipeline.raw.lakes import Lakes
from o365_pipeline_tests.azurite import ACCOUNTS, Azurite
from o365_pipeline_tests.managed_app.resource_manager import StandIn

OFFER = read_offer(None)
FIRST = packed("package.zip", {"mainTemplate.json": b"{}"})
SECOND = packed("package.zip", {"mainTemplate.json": b"[]"})
SIGNATURE = "s3cret/with&signs"


@pytest.fixture
def cloud() -> StandIn:
    return StandIn()


@pytest.fixture
def catalog(cloud: StandIn, tmp_path: Path) -> ServiceCatalog:
    return ServiceCatalog(cloud, Lakes((tmp_path / "lake").as_uri()), SecretStr(SIGNATURE))


def written(cloud: StandIn) -> dict[str, Any]:
    return cloud.held[definition_id(OFFER)]


def changed(**values: object) -> Offer:
    return OFFER.model_copy(update={"management": OFFER.management.model_copy(update=values)})


def test_a_definition_says_what_the_offer_says(catalog: ServiceCatalog, cloud: StandIn, tmp_path: Path) -> None:
    published = catalog.publish(OFFER, FIRST)

    definition = written(cloud)
    properties = definition["properties"]
    assert published.definition_id == definition_id(OFFER)
    assert published.digest == FIRST.digest
    assert definition["location"] == "westeurope"
    assert definition["tags"]["version"] == OFFER.version
    assert definition["tags"]["package-digest"] == FIRST.digest
    assert properties["displayName"] == "Office 365 insights"
    assert properties["lockLevel"] == "ReadOnly"
    assert properties["deploymentPolicy"] == {"deploymentMode": "Incremental"}
    assert properties["lockingPolicy"] == {"allowedActions": list(ACTIONS), "allowedDataActions": list(DATA_ACTIONS)}
    assert properties["authorizations"] == [
        {"principalId": one.principal_id, "roleDefinitionId": one.role_id} for one in authorizations(OFFER)
    ]
    assert properties["notificationPolicy"]["notificationEndpoints"] == [
        {"uri": "https://o365.fabrikam.example/notifications?sig=s3cret%2Fwith%26signs"}
    ]
    package = Path(unquote(urlsplit(properties["packageFileUri"]).path))
    assert package == tmp_path / "lake" / "office365-insights" / OFFER.version / f"{FIRST.digest}.zip"
    assert package.read_bytes() == FIRST.content


def test_the_readme_lies_beside_the_package(catalog: ServiceCatalog, tmp_path: Path) -> None:
    package = packed("package.zip", {"mainTemplate.json": b"{}", "README.md": b"# Read me"})

    catalog.publish(OFFER, package)

    [beside] = tmp_path.rglob(f"{package.digest}.md")
    assert beside.read_bytes() == b"# Read me"


def test_what_is_held_already_is_not_written_again(catalog: ServiceCatalog, cloud: StandIn) -> None:
    catalog.publish(OFFER, FIRST)
    cloud.asked.clear()

    again = catalog.publish(OFFER, FIRST)

    assert again.changes == ()
    assert cloud.asked == [("GET", definition_id(OFFER))]
    assert as_markdown(again.changes) == "unchanged"


def test_azure_that_hides_where_the_package_came_from_is_judged_by_the_digest(
    catalog: ServiceCatalog, cloud: StandIn
) -> None:
    catalog.publish(OFFER, FIRST)
    written(cloud)["properties"]["packageFileUri"] = None

    assert catalog.changes(OFFER, FIRST) == ()
    assert [change.field for change in catalog.changes(OFFER, SECOND)] == ["tag package-digest"]


def test_a_new_package_is_told_and_lies_beside_the_old_one(
    catalog: ServiceCatalog, cloud: StandIn, tmp_path: Path
) -> None:
    catalog.publish(OFFER, FIRST)

    published = catalog.publish(OFFER, SECOND)

    assert [str(change) for change in published.changes] == [
        f"tag package-digest: {FIRST.digest} -> {SECOND.digest}",
        f"package: {package_path(OFFER, FIRST)} -> {package_path(OFFER, SECOND)}",
    ]
    assert written(cloud)["tags"]["package-digest"] == SECOND.digest
    assert {path.stem for path in tmp_path.rglob("*.zip")} == {FIRST.digest, SECOND.digest}


def test_each_field_that_differs_is_told_and_nothing_else(catalog: ServiceCatalog) -> None:
    catalog.publish(OFFER, FIRST)

    principal, another = OFFER.management.principal_id, "22222222-0000-4000-8000-0000000000f3"
    owner, more = OFFER.management.installer_principal_id, (*ACTIONS, "Microsoft.Z/read")
    told = catalog.changes(
        changed(principal_id=another, lock_level="None", allowed_actions=("Microsoft.Z/read",)), FIRST
    )

    assert [change.lines for change in told] == [
        ("- lock level: ReadOnly", "+ lock level: None"),
        tuple(
            f"{sign} authorizations: Data Factory Contributor {one}, Owner {owner}, Reader {one}"
            for sign, one in (("-", principal), ("+", another))
        ),
        tuple(f"{sign} allowed actions: {', '.join(actions)}" for sign, actions in (("-", ACTIONS), ("+", more))),
    ]


def test_the_lock_lets_through_what_the_packages_own_roles_do_with_data(
    catalog: ServiceCatalog, cloud: StandIn
) -> None:
    catalog.publish(OFFER, FIRST)
    locking = written(cloud)["properties"]["lockingPolicy"]

    assert "Microsoft.KeyVault/vaults/secrets/getSecret/action" in locking["allowedDataActions"]
    assert "Microsoft.Storage/storageAccounts/blobServices/containers/blobs/write" in locking["allowedDataActions"]
    locking["allowedDataActions"] = []
    [change] = catalog.changes(OFFER, FIRST)
    assert change.lines == (f"+ allowed data actions: {', '.join(DATA_ACTIONS)}",)


def test_what_would_change_is_told_without_a_write(catalog: ServiceCatalog, cloud: StandIn, tmp_path: Path) -> None:
    told = catalog.changes(OFFER, FIRST)

    assert all(change.held is None for change in told)
    assert {method for method, _ in cloud.asked} == {"GET"}
    assert not list(tmp_path.rglob("*.zip"))


def test_a_new_signature_is_written_and_never_shown(
    catalog: ServiceCatalog, cloud: StandIn, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    catalog.publish(OFFER, FIRST)

    published = replace(catalog, signature=SecretStr("another")).publish(OFFER, FIRST)

    assert [str(change) for change in published.changes] == ["notification signature: a secret -> a secret"]
    assert written(cloud)["properties"]["notificationPolicy"]["notificationEndpoints"][0]["uri"].endswith(
        "?sig=another"
    )
    assert "s3cret" not in json.dumps(written(cloud)["tags"])
    assert "s3cret" not in caplog.text + as_markdown(catalog.changes(OFFER, FIRST)) + repr(catalog)


def test_tags_of_others_stay(catalog: ServiceCatalog, cloud: StandIn) -> None:
    catalog.publish(OFFER, FIRST)
    written(cloud)["tags"]["cost-center"] = "42"

    catalog.publish(OFFER, SECOND)

    assert written(cloud)["tags"]["cost-center"] == "42"


def test_a_definition_cannot_be_moved(catalog: ServiceCatalog, cloud: StandIn) -> None:
    catalog.publish(OFFER, FIRST)
    written(cloud)["location"] = "West Europe"

    assert catalog.changes(OFFER, FIRST) == ()
    with pytest.raises(PublishError, match="published in West Europe, and a definition cannot be moved to northeurope"):
        catalog.publish(changed(region="northeurope"), FIRST)


def test_without_a_signature_nothing_is_published(catalog: ServiceCatalog, cloud: StandIn) -> None:
    with pytest.raises(SettingsError, match=r"O365_NOTIFICATION_SIGNATURE is missing.*openssl rand"):
        replace(catalog, signature=None).publish(OFFER, FIRST)

    assert "PUT" not in {method for method, _ in cloud.asked}


@pytest.mark.parametrize(
    ("status", "code", "told"),
    [
        (403, "AuthorizationFailed", r"give it Contributor on rg-managed-app \(AuthorizationFailed\)"),
        (404, "ResourceGroupNotFound", "az group create --name rg-managed-app --location westeurope"),
        (404, "SubscriptionNotFound", "sees no subscription 11111111-0000-4000-8000-0000000000f1"),
        (401, "InvalidAuthenticationToken", "set O365_CREDENTIAL"),
        (400, "BadRequest", "did not take office365-insights: .*cannot be downloaded from https://x.example/p.zip$"),
    ],
)
def test_a_refusal_is_one_line_that_says_what_to_do(
    catalog: ServiceCatalog, cloud: StandIn, status: int, code: str, told: str
) -> None:
    cloud.refuse(status, code, "the package\ncannot be downloaded from https://x.example/p.zip?sig=s3cret")

    with pytest.raises(PublishError, match=told) as refused:
        catalog.publish(OFFER, FIRST)

    assert "\n" not in str(refused.value)
    assert "s3cret" not in str(refused.value)


def test_a_busy_azure_is_asked_again_and_then_left_alone(catalog: ServiceCatalog, cloud: StandIn) -> None:
    cloud.refuse(429, "TooManyRequests")
    catalog.publish(OFFER, FIRST)
    cloud.refuse(429, "TooManyRequests", times=20)

    with pytest.raises(PublishError, match=r"Azure is busy \(429\); nothing was changed, publish again"):
        catalog.publish(OFFER, SECOND)


def test_a_proxys_page_is_no_answer_of_azures(catalog: ServiceCatalog, cloud: StandIn) -> None:
    cloud.answer(200, "<html>sign in to the proxy</html>")

    with pytest.raises(PublishError, match=r"text/html.* was answered, not JSON: check O365_ARM_URL and the proxy"):
        catalog.publish(OFFER, FIRST)


def test_a_refused_write_leaves_what_is_held(catalog: ServiceCatalog, cloud: StandIn) -> None:
    cloud.refuse(404, "ResourceNotFound")
    cloud.refuse(403, "AuthorizationFailed")

    with pytest.raises(PublishError, match="give it Contributor"):
        catalog.publish(OFFER, FIRST)

    assert cloud.held == {}


def test_on_azure_storage_the_package_is_read_by_a_signed_url_for_a_time(
    cloud: StandIn, azurite: Azurite, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    offer = changed(package_storage_account=ACCOUNTS[0], package_container=azurite.make_container())
    catalog = ServiceCatalog(cloud, azurite.lakes, SecretStr(SIGNATURE))

    published = catalog.publish(offer, FIRST)

    signed = written(cloud)["properties"]["packageFileUri"]
    url = urlsplit(signed)
    assert url.path.endswith(package_path(offer, FIRST))
    assert "sig=" in url.query
    assert "se=" in url.query
    assert "sig=" not in as_markdown(published.changes)
    assert url.query not in caplog.text
    assert catalog.changes(offer, FIRST) == ()
    assert requests.get(signed, timeout=30).content == FIRST.content
