"""What Partner Center is told of an offer, what it would refuse, and how a draft is submitted."""

from __future__ import annotations

import json
from collections.abc import Mapping
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from o365_pipeline.errors import PublishError, SettingsError
from o365_pipeline.managed_app.authorizations import authorizations
from o365_pipeline.managed_app.offer import Offer, read_offer
from o365_pipeline.managed_app.package.package import build_plans, packed
from o365_pipeline.managed_app.publishing.marketplace import CONFIGURE, Payload, payload
from o365_pipeline.managed_app.publishing.marketplace_rules import kind
from o365_pipeline.managed_app.publishing.partner_center import PartnerCenter
from o365_pipeline.managed_app.template.roles import ACTIONS, DATA_ACTIONS
from o365_pipeline_tests.managed_app.resource_manager import StandIn

OFFER = read_offer(None)
PACKAGE = packed(f"{OFFER.name}-{OFFER.version}.zip", {"mainTemplate.json": b"{}"})
JOBS = "/rp/product-ingestion/configure"


def told(offer: Offer = OFFER) -> Payload:
    return payload(offer, {sku.name: PACKAGE for sku in offer.skus})


def resources(what: Payload, of_kind: str) -> list[Mapping[str, Any]]:
    return [resource for resource in what.request["resources"] if kind(resource) == of_kind]


def test_the_shipped_offer_is_told_without_a_finding() -> None:
    assert told().findings == ()


def test_each_sku_is_a_plan_with_its_listing_and_its_price() -> None:
    standard, weekly = resources(told(), "price-and-availability-plan")

    assert [plan["identity"] for plan in resources(told(), "plan")] == [
        {"externalId": "standard"},
        {"externalId": "weekly"},
    ]
    assert [listing["name"] for listing in resources(told(), "plan-listing")] == ["Standard", "Weekly"]
    assert standard["plan"] == {"resourceName": "plan standard"}
    assert standard["markets"] == ["us"]
    assert standard["pricing"]["recurrentPrice"]["prices"][0]["pricePerPaymentInUsd"] == 400
    assert weekly["pricing"]["customMeters"]["meters"]["users"]["pricePerUnitInUsd"] == 0.1


def test_what_refers_to_another_resource_names_one_of_the_same_request() -> None:
    names = [resource["resourceName"] for resource in told().request["resources"]]
    referred = {
        resource[part]["resourceName"]
        for resource in told().request["resources"]
        for part in ("product", "plan")
        if part in resource
    }

    assert len(set(names)) == len(names)
    assert referred <= set(names)


def test_each_plan_is_told_its_own_package() -> None:
    plans = build_plans(OFFER)
    told = payload(OFFER, plans).documents

    for name, package in plans.items():
        configured = told[f"technical-configuration-{name}.json"]["packageFile"]
        assert configured == {"name": f"office365-insights-1.0.0-{name}.zip", "sha256": package.digest}
    assert len({package.digest for package in plans.values()}) == len(OFFER.skus)


def test_the_policies_of_azure_storage_are_named_and_no_others() -> None:
    named = told().documents["technical-configuration-standard.json"]["policies"]

    assert [policy["name"] for policy in named] == [
        "infrastructure-encryption", "secure-transfer", "no-public-access", "no-shared-key"
    ]  # fmt: skip
    assert all(policy["policyDefinitionId"].startswith("/providers/Microsoft.Authorization/") for policy in named)
    assert (
        told(OFFER.model_copy(update={"policies": ("region",)})).documents["technical-configuration-weekly.json"][
            "policies"
        ]
        == []
    )


def test_the_listing_links_the_readme() -> None:
    [listing] = resources(told(), "listing")

    assert {"displayText": "ReadMe", "link": OFFER.readme_address} in listing["generalLinks"]


def test_a_plan_without_a_price_for_users_has_no_meter() -> None:
    flat = OFFER.model_copy(
        update={"skus": tuple(sku.model_copy(update={"price_per_user_month": Decimal(0)}) for sku in OFFER.skus)}
    )

    assert resources(told(flat), "price-and-availability-custom-meter") == []
    assert "Metering" not in " ".join(told(flat).by_hand)
    assert "Metering" in " ".join(told().by_hand)


def test_the_technical_configuration_names_package_access_and_endpoint_but_no_secret() -> None:
    configuration = told().documents["technical-configuration-standard.json"]

    assert configuration["packageFile"] == {"name": f"{OFFER.name}-{OFFER.version}.zip", "sha256": PACKAGE.digest}
    assert configuration["publicAzureTenantID"] == OFFER.management.tenant_id
    assert configuration["publicAzureAuthorizations"] == [
        {"principalID": one.principal_id, "roleDefinitionID": one.role_id} for one in authorizations(OFFER)
    ]
    assert configuration["notificationEndpoint"].endswith("/notifications?sig=<O365_NOTIFICATION_SIGNATURE>")
    assert configuration["deploymentMode"] == "Incremental"
    assert configuration["canEnableCustomerActions"] is True
    assert configuration["allowedCustomerActions"] == list(ACTIONS)
    assert configuration["allowedDataActions"] == list(DATA_ACTIONS)


@pytest.mark.parametrize(
    ("changes", "finding"),
    [
        ({"summary": "x" * 101}, "listing: searchResultSummary: String should have at most 100 characters"),
        (
            {"support": OFFER.support.model_copy(update={"phone": None})},
            "listing: supportContact.phone: Field required",
        ),
        (
            {"skus": (OFFER.skus[0].model_copy(update={"price_per_month": Decimal("9.999")}),)},
            "price of plan standard: pricing.recurrentPrice.prices.0.pricePerPaymentInUsd: "
            "a price in dollars and cents is needed, not 9.999",
        ),
        (
            {"skus": (OFFER.skus[0].model_copy(update={"currency": "EUR"}),)},
            "skus: Partner Center takes prices in USD, not EUR",
        ),
        (
            {"skus": (OFFER.skus[0].model_copy(update={"description": "x" * 101}),)},
            "listing of plan standard: summary: String should have at most 100 characters",
        ),
    ],
)
def test_what_partner_center_would_refuse_is_found_and_not_submitted(changes: dict[str, Any], finding: str) -> None:
    what, cloud = told(OFFER.model_copy(update=changes)), StandIn()

    with pytest.raises(PublishError, match=r"would refuse the offer: .*mend its file"):
        PartnerCenter(cloud).submit(what)

    assert finding in what.findings
    assert cloud.asked == []


def test_an_offer_without_a_marketplace_section_is_told_so() -> None:
    with pytest.raises(SettingsError, match=r"office365-insights has no section \[marketplace\]"):
        told(OFFER.model_copy(update={"marketplace": None}))


def test_files_are_written_where_they_differ_and_those_of_former_plans_go(tmp_path: Path) -> None:
    first = told().write(tmp_path)
    again = told().write(tmp_path)
    fewer = told(OFFER.model_copy(update={"skus": OFFER.skus[:1]}))

    changed = fewer.write(tmp_path)

    assert first == (CONFIGURE, "technical-configuration-standard.json", "technical-configuration-weekly.json")
    assert again == ()
    assert changed == (CONFIGURE, "technical-configuration-weekly.json")
    assert {path.name for path in tmp_path.iterdir()} == set(fewer.files)
    assert json.loads((tmp_path / CONFIGURE).read_text()) == fewer.request


def test_a_draft_is_submitted_and_waited_for() -> None:
    cloud, pauses = StandIn(), list[float]()
    cloud.answer(202, {"jobId": "job-1", "jobStatus": "notStarted", "jobResult": "pending"})
    cloud.answer(200, {"jobId": "job-1", "jobStatus": "running", "jobResult": "pending"})
    cloud.answer(200, {"jobId": "job-1", "jobStatus": "completed", "jobResult": "succeeded"})

    job = PartnerCenter(cloud, pauses.append).submit(told())

    assert job == "job-1"
    assert cloud.asked == [("POST", JOBS), ("GET", f"{JOBS}/job-1/status"), ("GET", f"{JOBS}/job-1/status")]
    assert len(pauses) == 2


def test_nothing_is_published_by_a_submission() -> None:
    assert resources(told(), "submission") == []


@pytest.mark.parametrize(
    ("status", "body", "line"),
    [
        (403, {"error": {"code": "forbidden"}}, r"let this identity in \(403\): add the application.*role Manager"),
        (
            400,
            {"error": {"code": "badRequest", "message": "no such type"}},
            r"refused \(400\): badRequest: no such type",
        ),
        (
            200,
            {
                "jobID": "job-2",
                "jobStatus": "completed",
                "jobResult": "failed",
                "errors": [{"resourceName": "listing", "code": "invalid", "message": "too\nlong"}],
            },
            r"did not take the draft \(job job-2, failed\): listing: invalid: too long",
        ),
    ],
)
def test_a_refused_draft_is_told_in_one_line(status: int, body: dict[str, Any], line: str) -> None:
    cloud = StandIn()
    cloud.answer(status, body)

    with pytest.raises(PublishError, match=line) as refused:
        PartnerCenter(cloud, lambda _: None).submit(told())

    assert "\n" not in str(refused.value)


def test_a_page_that_partner_center_never_sent_is_told() -> None:
    cloud = StandIn()
    cloud.answer(200, "<html>sign in to the proxy</html>")

    with pytest.raises(PublishError, match=r"answered no JSON \(200\); check the proxy"):
        PartnerCenter(cloud, lambda _: None).submit(told())


def test_a_job_without_an_end_is_left_to_a_person() -> None:
    cloud = StandIn()
    cloud.answer(200, {"jobId": "job-3", "jobStatus": "running"}, times=100)

    with pytest.raises(PublishError, match="still at work on job job-3"):
        PartnerCenter(cloud, lambda _: None).submit(told())
