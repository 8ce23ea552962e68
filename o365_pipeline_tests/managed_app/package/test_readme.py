"""What a purchaser reads after the installation."""

from __future__ import annotations

import re

import pytest
from markdown_it import MarkdownIt

from o365_pipeline.customers.data_request import RequestedDataset
from o365_pipeline.managed_app.offer import Offer
from o365_pipeline.managed_app.package.readme import readme
from o365_pipeline_tests.managed_app.installing import example_costs, offer, offer_of


def text(sold: Offer) -> str:
    return readme(sold, example_costs())


EXAMPLE = text(offer())


@pytest.mark.parametrize(
    "told",
    [
        "provisioning state is *Succeeded*",
        "SELECT TOP 10",
        "publish type *single-tenant*",
        "appRoles[?value=='ActivityFeed.Read'].id",
        '--command "o365-pipeline doctor"',
        "Fabrikam never sees it",
        "| the pipeline | Data Factory Contributor |",
        "Microsoft Graph Data Connect applications**",
        "An approval holds for 180 days",
        "The pipeline keeps raw files 90 days and rejected rows 30 days after they landed; curated files 740 days",
        "Whoever owns the application cannot approve it.",
        "<support@fabrikam.example>, <https://fabrikam.example/support>, +49 30 1234567.",
        "Delete the managed application",
        "Allowed locations",
        "400.00 USD a month and 0.20 USD a user and month",
        "APPROXIMATE COST",
        "Fabrikam has roles on the resource group of what is installed, and on nothing else of yours.",
        "The approval is for all of it or for nothing",
        "o365-pipeline mart admit <name of the group> <its object id>",
        "Data stays in your subscription",
        "o365-pipeline mart admit-insights $(out insightsIdentity) $(out insightsClientId)",
        "$(out insights).auth/login/aad/callback",
        "--set appRoleAssignmentRequired=true",
    ],
)
def test_a_purchaser_is_told(told: str) -> None:
    assert told in EXAMPLE


def test_each_dataset_is_listed_with_its_columns() -> None:
    rows = {row.split(" | ")[0].removeprefix("| "): row for row in EXAMPLE.splitlines() if row.count(" | ") == 2}

    for requested in offer().request.datasets:
        assert ", ".join(requested.columns) in rows[requested.dataset.name]


def test_content_is_marked_where_there_is_some() -> None:
    some = text(offer_of(RequestedDataset(name="Message_v1", columns=("id", "body"))))

    assert "id, body (content)" in some
    assert "There are none here" not in some
    assert "There are none here" in EXAMPLE


def test_every_plan_has_a_row_of_costs_as_wide_as_its_head() -> None:
    table = [row for row in EXAMPLE.splitlines() if "users |" in row or re.match(r"\| (Standard|Weekly) \| \d", row)]

    assert len(table) == 3
    assert {row.count("|") for row in table} == {5}
    assert "1,000 users" in table[0]


HOSTILE = "a|b ![x](https://evil.example/x.png) <img src=x> **c** `d` [e](https://evil.example)\n# f\n```\n$(reboot)"


def test_whatever_a_vendor_calls_things_they_are_text() -> None:
    shipped = offer()
    first, second = shipped.skus
    called = {"display_name": HOSTILE, "description": HOSTILE}
    hostile = offer(
        **dict.fromkeys(("display_name", "publisher", "summary"), HOSTILE),
        skus=(first.model_copy(update=called), second),
        support=shipped.support.model_copy(update={"name": HOSTILE, "phone": HOSTILE}),
        request=shipped.request.model_copy(update={"application_name": HOSTILE}),
    )

    assert kinds(text(hostile)) == kinds(EXAMPLE)
    assert "az ad app create --display-name 'a|b" in text(hostile)


def kinds(page: str) -> list[str]:
    """What a page consists of, but for its texts and for the lines that its texts take."""
    tokens = MarkdownIt("commonmark").enable("table").parse(page)
    every = (one for token in tokens for one in (token, *(token.children or ())))
    return [one.type for one in every if one.type not in ("text", "text_special", "softbreak")]


def test_where_data_leaves_it_is_told_how_that_is_deleted() -> None:
    leaving = text(offer(data_leaves_subscription=True))

    assert "Data LEAVES your subscription" in leaving
    assert "ask the\n   support for a confirmation" in leaving


def test_each_policy_is_told_with_who_enforces_it() -> None:
    lines = {line.split(": ")[0]: line for line in EXAMPLE.splitlines() if "Azure Policy enforces it" in line}

    assert len(lines) == len(offer().policies)
    assert "Data Connect also shows it" in lines["- Secure transfer to storage accounts should be enabled"]
    assert "Data Connect" not in lines["- Allowed locations"]
    assert "Data Connect also shows it" not in text(offer(marketplace=None))


def test_the_readme_tells_its_own_address() -> None:
    assert "<https://o365.fabrikam.example/notifications/readme>" in EXAMPLE
    assert "<https://fabrikam.example/read>" in text(offer(readme_url="https://fabrikam.example/read"))


def test_without_policies_none_are_told() -> None:
    sold = offer()
    none = sold.model_copy(update={"policies": (), "request": sold.request.model_copy(update={"policies": ()})})

    assert "No Azure policies are assigned." in text(none)
