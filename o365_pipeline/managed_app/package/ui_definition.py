"""createUiDefinition.json: the wizard that a purchaser fills in.

What belongs here: its steps, and its outputs, which are exactly the template's parameters. The sentences belong to
`purchaser_texts.py`. Source: Microsoft, CreateUiDefinition elements.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import Any

from o365_pipeline.customers.customer import CUSTOMER_NAME
from o365_pipeline.customers.data_request import MAX_GROUPS
from o365_pipeline.managed_app.arm.template_language import quoted
from o365_pipeline.managed_app.offer import Offer
from o365_pipeline.managed_app.package import purchaser_texts as words
from o365_pipeline.managed_app.package.cost_by_users import Cost, CostParts, RoundedUp
from o365_pipeline.managed_app.template.customer import OWN
from o365_pipeline.managed_app.template.insights import MAX_ANALYST_GROUPS

SCHEMA = "https://schema.management.azure.com/schemas/0.1.2-preview/CreateUIDefinition.MultiVm.json#"
NEW_APPLICATION = "https://portal.azure.com/#view/Microsoft_AAD_IAM/ActiveDirectoryMenuBlade/~/RegisteredApps"
CUSTOMER_NAME_FORM = f"^{CUSTOMER_NAME}$"
GUID = "[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}"
USERS = "^[1-9][0-9]{0,5}$"
SOME_USERS = "1000"
USERS_GIVEN = "int(steps('plan').users)"
ROUNDING_MARGIN = "0.000001"
RESOURCE_TYPES = (
    "Microsoft.Storage/storageAccounts",
    "Microsoft.DataFactory/factories",
    "Microsoft.KeyVault/vaults",
    "Microsoft.Sql/servers",
    "Microsoft.DBforPostgreSQL/flexibleServers",
    "Microsoft.App/managedEnvironments",
)
Element = dict[str, Any]


def ui_definition(offer: Offer, costs: Mapping[str, CostParts]) -> dict[str, Any]:
    """Builds the wizard of an offer.

    Args:
        costs: the cost of each SKU, by its name.
    """
    return {
        "$schema": SCHEMA,
        "handler": "Microsoft.Azure.CreateUIDef",
        "version": "0.1.2-preview",
        "parameters": {
            "config": {"isWizard": True, "basics": _basics(offer)},
            "basics": [],
            "steps": [
                {"name": "terms", "label": "Terms", "elements": _terms(offer)},
                {"name": "data", "label": "Data", "elements": _data(offer)},
                {"name": "application", "label": "Your application", "elements": _application(offer)},
                {"name": "pages", "label": "The pipeline's pages", "elements": _pages()},
                {"name": "insights", "label": "Insights", "elements": _insights()},
                {"name": "plan", "label": "Plan and cost", "elements": _plan(offer, costs)},
            ],
            "outputs": _outputs(offer),
        },
    }


def _basics(offer: Offer) -> dict[str, Any]:
    return {
        "description": f"**{offer.display_name}** by {offer.publisher}. {offer.description.strip()}",
        "location": {
            "label": "Region",
            "toolTip": "Data Connect delivers mailboxes only into regions of their own part of the world.",
            "resourceTypes": list(RESOURCE_TYPES),
            "allowedValues": list(offer.regions),
        },
    }


def _terms(offer: Offer) -> list[Element]:
    icon = "Warning" if offer.data_leaves_subscription else "Info"
    return [
        _text(
            "termsOfService", f"{offer.publisher}'s terms of service apply.", "Read them", offer.terms_of_service_url
        ),
        _text("privacy", f"{offer.publisher}'s privacy statement applies.", "Read it", offer.privacy_url),
        _box("leaving", icon, words.data_location(offer)),
        _box("access", "Info", words.access(offer)),
        _text(
            "readMe",
            "The ReadMe says what an administrator has to approve, how to use it, and how to leave.",
            "Read it",
            offer.readme_address,
        ),
        {
            "name": "accepted",
            "type": "Microsoft.Common.CheckBox",
            "label": "I accept the terms of service and the privacy statement.",
            "toolTip": f"Both are {offer.publisher}'s: read them at the addresses above.",
            "constraints": {"required": True, "validationMessage": "Nothing is installed without your acceptance."},
        },
    ]


def _data(offer: Offer) -> list[Element]:
    """Shows which data is requested, about whom and under which policies; asks for the groups."""
    asked = "This data is asked for. Nothing of it moves before an administrator of Microsoft 365 approves it."
    return [
        _box("asked", "Info", asked),
        *(
            _text(f"dataset{number}", f"{one.dataset.name}, {words.people(one)}: {words.columns(one)}.")
            for number, one in enumerate(offer.request.datasets, start=1)
        ),
        _text("policies", f"Azure policies that are assigned: {' '.join(words.policy_lines(offer)) or 'none.'}"),
        _groups("extractGroups", "Groups to extract", "everybody", MAX_GROUPS,
                "Empty: everybody. Data of the whole organisation is not narrowed down by groups."),
    ]  # fmt: skip


def _groups(name: str, label: str, nobody: str, most: int, tip: str) -> Element:
    """Asks for groups, by their object ids.

    Args:
        nobody: who it is where none is given.
        most: how many may be given.
    """
    form = f"^ *{GUID} *(, *{GUID} *){{0,{most - 1}}}$"
    return {
        "name": name,
        "type": "Microsoft.Common.TextBox",
        "label": label,
        "placeholder": nobody,
        "toolTip": f"Object ids of at most {most} Microsoft Entra groups, with commas between them. {tip}",
        "constraints": {
            "required": False,
            "validations": [{"regex": form, "message": f"Give at most {most} object ids with commas between them."}],
        },
    }


def _application(offer: Offer) -> list[Element]:
    """Asks for the application that is approved and writes to the lake: the purchaser's own."""
    how = (
        "What your administrator approves is an application of your own. Register one in Microsoft Entra, for accounts "
        f"in this directory only, named for example {offer.request.application_name}, with a secret; the ReadMe has "
        "the commands. Whoever owns it cannot approve it."
    )
    client_id, object_id = (
        f"toLower(coalesce(steps('application').{name}, ''))" for name in ("applicationId", "applicationObjectId")
    )
    return [
        _text("newApplication", how, "Register an application", NEW_APPLICATION),
        _answer("customer", "Short name of your organisation", "It names your data in the pipeline's pages and tables.",
                CUSTOMER_NAME_FORM, "Small letters, digits and hyphens are needed, up to 63.", default=OWN),
        _answer("applicationId", "Client id of the application", "Its Application (client) ID in Microsoft Entra.",
                f"^{GUID}$", "A client id is needed: 8-4-4-4-12 hexadecimal digits."),
        _answer("applicationObjectId", "Object id of its service principal",
                "Under Enterprise applications, and by: az ad sp show --id <client id> --query id",
                f"^{GUID}$", "An object id is needed: 8-4-4-4-12 hexadecimal digits.",
                {"isValid": f"[or(empty({client_id}), not(equals({object_id}, {client_id})))]",
                 "message": "That is the client id: give the object id of the enterprise application."}),
        _password("applicationSecret", "Secret of the application",
                  "It goes into the Key Vault that is installed, and nowhere else. You can also leave it out, and put "
                  "it there later by the command in the ReadMe."),
    ]  # fmt: skip


def _pages() -> list[Element]:
    """Asks for the application that people sign in to the pipeline's pages with; there need not be one."""
    how = (
        "The pipeline shows what it does in pages of its own, behind Microsoft Entra. They are reachable from outside "
        "only with an application for the sign-in, in which you require assignment."
    )
    return [
        _text("aboutPages", how),
        _answer("uiApplicationId", "Client id for the sign-in", "Empty: the pages are not reachable from outside.",
                f"^({GUID})?$", "A client id is needed, or nothing.", required=False),
        _password("uiApplicationSecret", "Secret for the sign-in", "Of the same application."),
    ]  # fmt: skip


def _insights() -> list[Element]:
    """Asks for the application that the organisation's people sign in to insights with; there need not be one."""
    pages, own = (
        f"toLower(coalesce(steps('{step}').{name}, ''))"
        for step, name in (("pages", "uiApplicationId"), ("insights", "insightsApplicationId"))
    )
    return [
        _text("aboutInsights", words.insights()),
        _answer("insightsApplicationId", "Client id for insights", "Empty: there is no such application.",
                f"^({GUID})?$", "A client id is needed, or nothing.",
                {"isValid": f"[or(empty({own}), not(equals({own}, {pages})))]",
                 "message": "Take another application: whoever may see insights need not see the pipeline's pages."},
                required=False),
        _password("insightsApplicationSecret", "Secret for insights", "Of the same application."),
        _groups("insightsAnalysts", "Groups of analysts", "nobody", MAX_ANALYST_GROUPS,
                "Their members see all sites, and who works with whom. Empty: nobody does."),
    ]  # fmt: skip


def _answer(
    name: str,
    label: str,
    tip: str,
    form: str,
    wrong: str,
    *more: Element,
    default: str | None = None,
    required: bool = True,
) -> Element:
    return {
        "name": name,
        "type": "Microsoft.Common.TextBox",
        "label": label,
        **({"defaultValue": default} if default else {}),
        "toolTip": tip,
        "constraints": {"required": required, "validations": [{"regex": form, "message": wrong}, *more]},
    }


def _password(name: str, label: str, tip: str) -> Element:
    return {
        "name": name,
        "type": "Microsoft.Common.PasswordBox",
        "label": {"password": label, "confirmPassword": label},
        "toolTip": tip,
        "constraints": {"required": False},
        "options": {"hideConfirmation": True},
    }


def _plan(offer: Offer, costs: Mapping[str, CostParts]) -> list[Element]:
    """Asks for the plan, if there is a choice, and shows what it costs."""
    labels = {sku.name: f"{sku.display_name}: {words.price(sku)}" for sku in offer.skus}
    values = [{"label": labels[sku.name], "description": sku.description, "value": sku.name} for sku in offer.skus]
    only = offer.skus[0]
    bought = _text("bought", f"{labels[only.name]}. {only.description}. What Azure charges comes on top.")
    return [
        bought
        if offer.has_one_plan
        else {
            "name": "sku",
            "type": "Microsoft.Common.DropDown",
            "label": "Plan",
            "defaultValue": labels[offer.skus[0].name],
            "toolTip": f"The price is {offer.publisher}'s; what Azure charges comes on top.",
            "multiLine": True,
            "constraints": {"allowedValues": values, "required": True},
        },
        {
            "name": "users",
            "type": "Microsoft.Common.TextBox",
            "label": "Number of users",
            "defaultValue": SOME_USERS,
            "toolTip": "How many people's data is extracted; the approximate cost is made of it, and nothing else.",
            "constraints": {
                "required": True,
                "validations": [{"regex": USERS, "message": "A number of users is needed, up to 999999."}],
            },
        },
        *(
            _box(f"cost{number}", "Info", _cost(costs[sku.name]))
            | ({} if offer.has_one_plan else {"visible": f"[equals(steps('plan').sku, {quoted(sku.name)})]"})
            for number, sku in enumerate(offer.skus, start=1)
        ),
    ]


def _cost(costs: CostParts) -> str:
    """Returns the approximate cost as an expression of the number of users."""
    monthly, history = (f"string(ceil({_by_users(cost)}))" for cost in (costs.monthly, costs.once))
    before = quoted("APPROXIMATE COST: ")
    between = quoted(
        f" {costs.currency} a month, the vendor's price, Data Connect and Azure resources together, and once, for the "
        "history, "
    )
    after = quoted(f" {costs.currency}. At rates of {costs.dated}; your agreement with Microsoft may have others.")
    return f"[concat({before}, {monthly}, {between}, {history}, {after})]"


def _by_users(cost: Cost) -> str:
    """Returns a cost as an expression."""
    rounded_up = (f"mul({_number(part.cost)}, ceil({_units(part)}))" for part in cost.rounded_up)
    return _sum([_number(cost.fixed), f"mul({_number(cost.per_user)}, {USERS_GIVEN})", *rounded_up])


def _units(part: RoundedUp) -> str:
    """Subtracts a very small amount from the units before they are rounded up, since the portal's fractions are not
    exact.
    """
    units = f"mul({_number(part.units_per_user)}, {USERS_GIVEN})"
    if part.units_beside:
        units = f"add({units}, {_number(part.units_beside)})"
    return f"sub({units}, {ROUNDING_MARGIN})"


def _sum(terms: Sequence[str]) -> str:
    """Adds terms in pairs, since `add` takes two; halving the list keeps the expression flat."""
    if len(terms) == 1:
        return terms[0]
    half = len(terms) // 2
    return f"add({_sum(terms[:half])}, {_sum(terms[half:])})"


def _number(amount: Decimal) -> str:
    return f"{amount:.12f}".rstrip("0").rstrip(".")


def _outputs(offer: Offer) -> dict[str, str]:
    return {
        "location": "[location()]",
        **({} if offer.has_one_plan else {"sku": "[steps('plan').sku]"}),
        **{name: f"[steps('application').{name}]" for name in ("customer", "applicationId", "applicationObjectId")},
        "applicationSecret": "[coalesce(steps('application').applicationSecret, '')]",
        "extractGroups": _list("steps('data').extractGroups"),
        "uiApplicationId": "[coalesce(steps('pages').uiApplicationId, '')]",
        "uiApplicationSecret": "[coalesce(steps('pages').uiApplicationSecret, '')]",
        "insightsApplicationId": "[coalesce(steps('insights').insightsApplicationId, '')]",
        "insightsApplicationSecret": "[coalesce(steps('insights').insightsApplicationSecret, '')]",
        "insightsAnalysts": _list("steps('insights').insightsAnalysts"),
    }


def _list(answer: str) -> str:
    """Returns the expression of what stands between commas in an answer."""
    return f"[if(empty({answer}), parse('[]'), split(replace(coalesce({answer}, ''), ' ', ''), ','))]"


def _text(name: str, text: str, label: str | None = None, uri: str | None = None) -> Element:
    link = {"link": {"label": label, "uri": uri}} if uri else {}
    return {"name": name, "type": "Microsoft.Common.TextBlock", "options": {"text": text, **link}}


def _box(name: str, icon: str, text: str) -> Element:
    return {"name": name, "type": "Microsoft.Common.InfoBox", "options": {"icon": icon, "text": text}}
