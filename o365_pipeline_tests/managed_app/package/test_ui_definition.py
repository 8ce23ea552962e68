"""The wizard: it is filled in as a purchaser would, and what it tells and hands on is looked at."""

from __future__ import annotations

import re
from decimal import ROUND_CEILING
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from o365_pipeline.customers.data_request import RequestedDataset
from o365_pipeline.managed_app.authorizations import authorizations
from o365_pipeline.managed_app.offer import Offer
from o365_pipeline.managed_app.package.arm_template import deploy
from o365_pipeline.managed_app.package.ui_definition import ui_definition
from o365_pipeline.managed_app.package.ui_expressions import Answers, answers, elements, outputs
from o365_pipeline.managed_app.template.azure_template import main_template
from o365_pipeline_tests.managed_app.installing import (
    APPLICATION,
    APPLICATION_ID,
    APPLICATION_OBJECT_ID,
    GROUPS,
    NARROWED,
    example_costs,
    offer,
    offer_of,
)

SOLD = offer()
TEMPLATE = main_template(SOLD)
GIVEN = APPLICATION


def wizard(sold: Offer = SOLD) -> dict[str, Any]:
    return ui_definition(sold, example_costs())


def filled(sold: Offer = SOLD, *, location: str = "westeurope", **given: str) -> Answers:
    return answers(wizard(sold), location, {**GIVEN, **given})


def element(name: str, sold: Offer = SOLD) -> Any:
    [found] = [one for _, one in elements(wizard(sold)) if one["name"] == name]
    return found


def told(sold: Offer = SOLD, **given: str) -> str:
    """Everything that the wizard tells a purchaser who filled it in so."""
    chosen = filled(sold, **given)
    return "\n".join(
        chosen.evaluate(one["options"]["text"])
        for _, one in elements(wizard(sold))
        if "text" in one.get("options", {}) and chosen.evaluate(one.get("visible", True))
    )


def accepts(name: str, value: str) -> bool:
    """Whether the portal takes a value for an element."""
    chosen = answers(wizard(), "westeurope", {**GIVEN, name: value})
    return all(
        bool(re.search(rule["regex"], value)) if "regex" in rule else chosen.evaluate(rule["isValid"])
        for rule in element(name)["constraints"]["validations"]
    )


def test_the_outputs_are_parameters_of_the_template_and_what_is_left_out_has_a_default() -> None:
    left_out = set(TEMPLATE["parameters"]) - set(wizard()["parameters"]["outputs"])

    assert set(wizard()["parameters"]["outputs"]) <= set(TEMPLATE["parameters"])
    assert left_out == {"applicationTenantId", "customerSettings", "installedOn", "insightsRelations", "uiPeople"}
    assert all("defaultValue" in TEMPLATE["parameters"][name] for name in left_out)


def test_only_the_offers_regions_can_be_chosen() -> None:
    config = wizard()["parameters"]["config"]["basics"]["location"]

    assert config["allowedValues"] == list(SOLD.regions)
    assert "Microsoft.DataFactory/factories" in config["resourceTypes"]


def test_the_steps_are_gone_through_in_order() -> None:
    parameters = wizard()["parameters"]

    assert parameters["config"]["isWizard"] is True
    assert [step["name"] for step in parameters["steps"]] == [
        *("terms", "data", "application", "pages", "insights", "plan")
    ]


def test_the_terms_are_linked_and_have_to_be_accepted() -> None:
    links = {one["options"]["link"]["uri"] for _, one in elements(wizard()) if "link" in one.get("options", {})}

    assert {SOLD.terms_of_service_url, SOLD.privacy_url, SOLD.readme_address} <= links
    assert element("accepted")["constraints"]["required"] is True


@pytest.mark.parametrize(("leaves", "icon", "said"), [(True, "Warning", "LEAVES"), (False, "Info", "Data stays in")])
def test_the_purchaser_is_told_whether_data_leaves_the_subscription(leaves: bool, icon: str, said: str) -> None:
    box = element("leaving", offer(data_leaves_subscription=leaves))

    assert box["options"]["icon"] == icon
    assert said in box["options"]["text"]


def test_every_dataset_is_shown_with_each_column_and_the_people_whose_data_it_is() -> None:
    text = told()

    for requested in SOLD.request.datasets:
        [line] = [line for line in text.splitlines() if line.startswith(f"{requested.dataset.name}, ")]
        assert set(requested.columns) <= set(re.findall(r"\w+", line))
    assert "SharePointSites_v1, of the whole organisation" in text
    assert "User_v1, of everybody, or of the members of the groups that you name" in text


def test_columns_with_what_people_wrote_are_marked_and_the_others_are_not() -> None:
    text = told(offer_of(RequestedDataset(name="Message_v1", columns=("id", "subject", "body"))))

    assert "id, subject (content), body (content)." in text


def test_a_scope_of_the_offers_own_is_told_in_full() -> None:
    text = told(NARROWED)

    assert "of the members of the groups 77777777-0000-4000-8000-000000000007" in text
    assert "this filter selects: https://[graph]/users?$filter=department eq 'It''s'" in text


def test_the_policies_are_told() -> None:
    assert all(policy in told() for policy in SOLD.request.policies)
    assert "assigned: none" in told(offer(policies=()))


def test_everything_that_is_answered_explains_itself() -> None:
    asked = [
        one
        for step in wizard()["parameters"]["steps"]
        for one in step["elements"]
        if one["type"] not in ("Microsoft.Common.InfoBox", "Microsoft.Common.TextBlock")
    ]

    assert len(asked) == 13
    assert all(one["toolTip"] for one in asked)


def test_the_vendors_access_is_told_before_the_terms_are_accepted() -> None:
    assert "Fabrikam has roles on the resource group of what is installed, and on nothing else of yours" in told()
    assert all(f"{one.role}: {one.reason}" in told() for one in authorizations(SOLD))


@pytest.mark.parametrize("number", [0, 1])
def test_each_plan_has_its_price_and_its_own_cost(number: int) -> None:
    sku, other = SOLD.skus[number], SOLD.skus[1 - number]
    [choice] = [one for one in element("sku")["constraints"]["allowedValues"] if one["value"] == sku.name]

    assert f"{sku.price_per_month} {sku.currency} a month" in choice["label"]
    assert f"{sku.price_per_user_month} {sku.currency} a user" in choice["label"]
    assert choice["description"] == sku.description
    assert told(sku=sku.name).count("APPROXIMATE COST") == 1
    assert told(sku=sku.name) != told(sku=other.name)


@given(st.integers(1, 999_999), st.sampled_from([sku.name for sku in SOLD.skus]))
def test_the_approximate_cost_follows_the_number_of_users(users: int, sku: str) -> None:
    parts = example_costs()[sku]

    text = told(sku=sku, users=str(users))

    amounts = re.findall(r"(\d+) USD", text)
    assert abs(int(amounts[0]) - parts.monthly.of(users).to_integral_value(ROUND_CEILING)) <= 1
    assert abs(int(amounts[1]) - parts.once.of(users).to_integral_value(ROUND_CEILING)) <= 1
    assert str(parts.dated) in text


@pytest.mark.parametrize(
    ("name", "value", "taken"),
    [
        ("applicationObjectId", APPLICATION_OBJECT_ID, True),
        ("applicationObjectId", "44444444", False),
        ("applicationObjectId", APPLICATION_ID.upper(), False),
        ("applicationId", APPLICATION_ID, True),
        ("applicationId", "insights", False),
        ("customer", "contoso-2", True),
        ("customer", "Contoso Ltd.", False),
        ("uiApplicationId", "", True),
        ("uiApplicationId", "someone", False),
        ("insightsApplicationId", "", True),
        ("insightsApplicationId", APPLICATION_ID, True),
        ("insightsApplicationId", "someone", False),
        ("insightsAnalysts", ", ".join(GROUPS * 25), True),
        ("insightsAnalysts", "analysts", False),
        ("extractGroups", GROUPS[0], True),
        ("extractGroups", ", ".join(GROUPS * 5), True),
        ("extractGroups", ", ".join([*GROUPS * 5, GROUPS[0]]), False),
        ("extractGroups", f"{GROUPS[0]};{GROUPS[1]}", False),
        ("extractGroups", "everybody", False),
        ("users", "1000", True),
        ("users", "0", False),
        ("users", "1e3", False),
    ],
)
def test_what_cannot_be_meant_is_not_taken(name: str, value: str, taken: bool) -> None:
    assert accepts(name, value) is taken


def test_insights_is_not_signed_in_to_with_the_application_of_the_pipelines_pages() -> None:
    [_, differs] = element("insightsApplicationId")["constraints"]["validations"]

    def takes(insights: str, pages: str) -> Any:
        return filled(insightsApplicationId=insights, uiApplicationId=pages).evaluate(differs["isValid"])

    assert takes("", "") is True
    assert takes(APPLICATION_ID, APPLICATION_OBJECT_ID) is True
    assert takes(APPLICATION_OBJECT_ID.lower(), APPLICATION_OBJECT_ID.upper()) is False


def test_the_groups_of_analysts_are_handed_on_as_a_list() -> None:
    assert outputs(wizard(), filled(insightsAnalysts=f"{GROUPS[0]}, {GROUPS[1]}"))["insightsAnalysts"] == GROUPS
    assert outputs(wizard(), filled())["insightsAnalysts"] == []


def test_it_is_told_how_the_applications_object_id_is_found() -> None:
    assert "az ad sp show --id <client id> --query id" in element("applicationObjectId")["toolTip"]


def test_secrets_are_typed_where_nobody_sees_them_and_may_be_left_out() -> None:
    for name in ("applicationSecret", "uiApplicationSecret"):
        assert element(name)["type"] == "Microsoft.Common.PasswordBox"
        assert element(name)["constraints"]["required"] is False
        assert TEMPLATE["parameters"][name] == {
            **TEMPLATE["parameters"][name], "type": "securestring", "defaultValue": ""
        }  # fmt: skip


@given(
    st.lists(st.uuids().map(str), max_size=10),
    st.sampled_from([",", ", ", " , "]),
    st.sampled_from(SOLD.regions),
    st.sampled_from([sku.name for sku in SOLD.skus]),
)
def test_the_template_takes_whatever_the_wizard_takes(groups: list[str], between: str, region: str, sku: str) -> None:
    chosen = filled(location=region, sku=sku, extractGroups=between.join(groups))

    given = outputs(wizard(), chosen)
    # What the portal alone fills in are the two passwords.
    deployed = deploy(TEMPLATE, **{**given, "applicationSecret": "", "uiApplicationSecret": ""})

    assert given["extractGroups"] == groups
    assert deployed.outputs["region"] == region
    assert deployed.outputs["sku"] == sku


def test_groups_that_are_left_out_are_nobodys() -> None:
    assert outputs(wizard(), filled())["extractGroups"] == []
