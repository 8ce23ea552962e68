"""Why what a template deploys would not run: one line for each thing that is missing or wrong, which names it.

What belongs here: comparing what containers are given, and identities are granted, with what the code reads and with
what the same template makes.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any

import sqlalchemy as sa
import yaml

from o365_pipeline.deployment import Settings
from o365_pipeline.deployment.settings import OF_OTHERS
from o365_pipeline.managed_app.arm.template_names import RUNTIME
from o365_pipeline.managed_app.package.arm_template import SAMPLE, Deployed
from o365_pipeline.managed_app.template.roles import (
    ASKS_ABOUT_POLICIES,
    GRANTS,
    INSIGHTS_PULLS_IMAGE,
    PULLS_IMAGE,
    Grant,
)
from o365_pipeline_tests.deploy.conftest import DEPLOY
from o365_pipeline_tests.managed_app.installing import APPLICATION_OBJECT_ID

SETTINGS = {f"O365_{name.upper()}": field for name, field in Settings.model_fields.items()}
LEFT_TO_DEFAULTS = {
    "O365_LAKE_URL": "each customer has a container of its own",
    "O365_STORAGE_URL": "storage accounts answer where Azure has them",
    "O365_STORAGE_KEY": "no key is accepted",
    "O365_ARM_URL": "the public cloud, but for a rehearsal",
    "O365_FEED_URL": "the feed answers where the tenant's plan says",
    "O365_MEMORY_MB": "a run's container has more",
    "O365_NEWS_URLS": "no news leaves the subscription unless somebody sets a channel",
    "O365_NEWS_FILE": "the variable is enough in a container",
    "O365_NEWS_PER_HOUR": "its default is for anybody",
    "O365_THREADS": "as many as the container has cores",
}
OF_A_VENDOR = {"O365_OFFER", "O365_NOTIFICATION_SIGNATURE"}
OF_INSIGHTS = {"O365_INSIGHTS_ANALYSTS", "O365_INSIGHTS_RELATIONS", "O365_INSIGHTS_SIGN_IN"}
"""What the container of the web application alone is told."""

IMAGE_AND_SIGN_IN = {"AZURE_CLIENT_ID", "AZURE_TOKEN_CREDENTIALS", "DAGSTER_CURRENT_IMAGE"}
"""What azure-identity and Dagster's launcher read."""

INSTANCE = yaml.safe_load((DEPLOY / "dagster.yaml").read_text())
JOBS = INSTANCE["run_launcher"]["config"]["env_vars"]
CONTAINERS = ("code", "webserver", "daemon")

APPS, IDENTITIES = "Microsoft.App/containerApps", "Microsoft.ManagedIdentity/userAssignedIdentities"
ACCOUNTS, FACTORIES, VAULTS = (
    "Microsoft.Storage/storageAccounts",
    "Microsoft.DataFactory/factories",
    "Microsoft.KeyVault/vaults",
)
SQL, POSTGRES = "Microsoft.Sql/servers", "Microsoft.DBforPostgreSQL/flexibleServers"
PRINCIPALS = {
    "pipeline": RUNTIME[IDENTITIES]["principalId"],
    "factory": RUNTIME[FACTORIES]["identity"]["principalId"],
    "application": APPLICATION_OBJECT_ID,
    "insights": RUNTIME[f"{IDENTITIES}/insights"]["principalId"],
}
"""Who holds roles, by the ids that Azure will know."""


def settings_to_set() -> set[str]:
    """The settings that somebody has to set for the pipeline: not those of the sandbox, of a customer, of insights."""
    elsewhere = {
        name for name, field in SETTINGS.items() if str(field.description).startswith(("Sandbox:", "Customer:"))
    }
    return set(SETTINGS) - elsewhere - set(LEFT_TO_DEFAULTS) - OF_INSIGHTS


def named_in(part: Any) -> set[str]:
    """The variables that a file of Dagster's names as { env: NAME }."""
    if isinstance(part, dict):
        return {part["env"]} if set(part) == {"env"} else set().union(*map(named_in, part.values()))
    return set().union(*map(named_in, part)) if isinstance(part, list) else set()


def read_by_dagster() -> set[str]:
    return named_in(INSTANCE) | named_in(yaml.safe_load((DEPLOY / "workspace.yaml").read_text())) | set(JOBS)


def containers(deployed: Deployed) -> dict[str, Any]:
    return {one["name"].rpartition("-")[2]: one for one in deployed.of_type(APPS)}


def variables(app: Any) -> dict[str, str]:
    [container] = app["properties"]["template"]["containers"]
    return {one["name"]: one.get("value", "of a secret") for one in container["env"]}


def problems(deployed: Deployed) -> Iterator[str]:
    """Why what was deployed would not run: one line each."""
    apps = containers(deployed)
    yield from (f"there is no container {role}" for role in CONTAINERS if role not in apps)
    for role in [role for role in CONTAINERS if role in apps]:
        given, app = variables(apps[role]), apps[role]
        needed = (settings_to_set() - {"O365_NOTIFICATION_SIGNATURE"}) | read_by_dagster() | IMAGE_AND_SIGN_IN
        yield from (f"{role}: {name} is not set" for name in sorted(needed - set(given)))
        of_ours = {name for name in given if name.startswith("O365_")}
        yield from (f"{role}: nothing reads {name}" for name in sorted(of_ours - set(SETTINGS) - set(OF_OTHERS)))
        for name, expected in made(deployed, app).items():
            if name in given and given[name] != expected:
                yield f"{role}: {name} is {given[name] or 'empty'}, and not {expected}"
        yield from (f"{role}: {line}" for line in wrong_addresses(deployed, given))
        signs_in_as = set(app.get("identity", {}).get("userAssignedIdentities", {}))
        if given.get("DAGSTER_ACA_IDENTITY") not in signs_in_as:
            yield f"{role}: it does not have the identity {given.get('DAGSTER_ACA_IDENTITY')}"
        if app["properties"]["template"].get("volumes"):
            yield f"{role}: it has volumes, which a run's job does not get"
    if "insights" in apps:
        yield from problems_of_insights(deployed, apps["insights"])
    yield from missing_roles(deployed)
    yield from other_administrators(deployed)


def problems_of_insights(deployed: Deployed, app: Mapping[str, Any]) -> Iterator[str]:
    """Why the web application would not start, would not find its mart, or would believe whoever asks."""
    given = variables(app)
    own = {"AZURE_CLIENT_ID": RUNTIME[f"{IDENTITIES}/insights"]["clientId"], "O365_INSIGHTS_SIGN_IN": "container-apps"}
    shared = {name: made(deployed, app)[name] for name in ("O365_CREDENTIAL", "O365_DEPLOYMENT")}
    needed = {*OF_INSIGHTS, *own, *shared, "O365_CUSTOMERS", "O365_MART_URL"}
    yield from (f"insights: {name} is not set" for name in sorted(needed - set(given)))
    of_ours = {name for name in given if name.startswith("O365_")}
    yield from (f"insights: nothing reads {name}" for name in sorted(of_ours - set(SETTINGS)))
    for name, expected in {**own, **shared}.items():
        if name in given and given[name] != expected:
            yield f"insights: {name} is {given[name] or 'empty'}, and not {expected}"
    yield from (f"insights: {line}" for line in wrong_addresses(deployed, given))
    signed_in = [one for one in deployed.of_type(f"{APPS}/authConfigs") if one["name"].startswith(f"{app['name']}/")]
    if not signed_in and app["properties"]["configuration"].get("ingress"):
        yield "insights: no sign-in stands in front of it"


def made(deployed: Deployed, app: Mapping[str, Any]) -> dict[str, str]:
    """The variables whose values follow from what the template makes."""
    [container] = app["properties"]["template"]["containers"]
    [identity] = [
        name for name, one in deployed.resources.items() if one["type"] == IDENTITIES and "insights" not in name
    ]
    return {
        "AZURE_CLIENT_ID": RUNTIME[IDENTITIES]["clientId"],
        "AZURE_TOKEN_CREDENTIALS": "ManagedIdentityCredential",
        "DAGSTER_ACA_ENVIRONMENT": app["properties"]["environmentId"],
        "DAGSTER_ACA_IDENTITY": identity,
        "DAGSTER_ACA_REGION": app["location"],
        "DAGSTER_ACA_RESOURCE_GROUP": SAMPLE.resource_group,
        "DAGSTER_ACA_SUBSCRIPTION": SAMPLE.subscription_id,
        "DAGSTER_CURRENT_IMAGE": container["image"],
        "DAGSTER_LOGS_ACCOUNT": deployed.only(ACCOUNTS)["name"],
        "DAGSTER_PG_DB": last(deployed, f"{POSTGRES}/databases"),
        "DAGSTER_PG_HOST": f"{deployed.only(POSTGRES)['name']}.postgres.database.azure.com",
        "DAGSTER_PG_USER": identity.rpartition("/")[2],
        "O365_CODE_SERVER": containers(deployed)["code"]["name"] if "code" in containers(deployed) else "",
        "O365_CREDENTIAL": "managed-identity",
        "O365_DEPLOYMENT": "azure",
    }


def last(deployed: Deployed, kind: str) -> str:
    return str(deployed.only(kind)["name"]).rpartition("/")[2]


def wrong_addresses(deployed: Deployed, given: Mapping[str, str]) -> Iterator[str]:
    """The parts of addresses, and of the customer's entry, that the template does not make."""
    if (address := given.get("O365_MART_URL")) is not None:
        expected = f"{deployed.only(SQL)['name']}.database.windows.net", last(deployed, f"{SQL}/databases")
        url = sa.make_url(address or "mssql+pyodbc://")
        if (url.host, url.database) != expected:
            yield f"O365_MART_URL is {address or 'empty'}, and not of {'/'.join(expected)}"
    kept = {one["name"].rpartition("/")[2] for one in deployed.of_type(f"{ACCOUNTS}/blobServices/containers")}
    if given.get("DAGSTER_LOGS_CONTAINER", "") not in {*kept, ""}:
        yield f"DAGSTER_LOGS_CONTAINER is {given['DAGSTER_LOGS_CONTAINER']}, which is not made"
    for entry in json.loads(given.get("O365_CUSTOMERS") or "{}").get("customers", {}).values():
        places = {
            "factory": deployed.only(FACTORIES)["name"],
            "storage_account": deployed.only(ACCOUNTS)["name"],
            "resource_group": SAMPLE.resource_group,
            "subscription_id": SAMPLE.subscription_id,
            "tenant_id": SAMPLE.tenant_id,
        }
        for key, expected_place in places.items():
            if entry[key] != expected_place:
                yield f"O365_CUSTOMERS has the {key} {entry[key]}, and not {expected_place}"
        if not entry["application_secret"]["key_vault"].startswith(f"https://{deployed.only(VAULTS)['name']}."):
            yield "O365_CUSTOMERS has a secret of a vault that is not made"
        if entry["container"] not in kept:
            yield f"O365_CUSTOMERS has the container {entry['container']}, which is not made"


def missing_roles(deployed: Deployed) -> Iterator[str]:
    """The roles that somebody does not have where it needs them, whatever an assignment says of itself."""
    found = {
        (one["properties"]["principalId"], one["properties"]["roleDefinitionId"][-36:], scope.rpartition("/")[0])
        for scope, one in assignments(deployed)
    }
    for grant in needed_roles(deployed):
        scopes = [name for name, one in deployed.resources.items() if one["type"] == grant.on] or [SAMPLE.group_id]
        if not any((PRINCIPALS[grant.who], grant.role_id, scope) in found for scope in scopes):
            yield f"the role {grant.role} of the {grant.who} is missing"


def assignments(deployed: Deployed) -> Iterator[tuple[str, Mapping[str, Any]]]:
    for identifier, one in deployed.resources.items():
        if one["type"] == "Microsoft.Authorization/roleAssignments":
            yield identifier.removesuffix(f"/providers/{one['type']}/{one['name']}") + "/", one


def needed_roles(deployed: Deployed) -> tuple[Grant, ...]:
    has_policies = bool(deployed.of_type("Microsoft.Authorization/policyAssignments"))
    of_registry = any(app["properties"]["configuration"]["registries"] for app in deployed.of_type(APPS))
    has_insights = "insights" in containers(deployed)
    more = [
        (ASKS_ABOUT_POLICIES, has_policies),
        (PULLS_IMAGE, of_registry),
        (INSIGHTS_PULLS_IMAGE, of_registry and has_insights),
    ]
    return (*GRANTS, *(grant for grant, is_needed in more if is_needed))


def other_administrators(deployed: Deployed) -> Iterator[str]:
    """The database servers that the pipeline's identity does not administer."""
    if deployed.only(SQL)["properties"]["administrators"]["sid"] != RUNTIME[IDENTITIES]["clientId"]:
        yield "the pipeline's identity does not administer the SQL server"
    of_postgres = [one["name"].rpartition("/")[2] for one in deployed.of_type(f"{POSTGRES}/administrators")]
    if of_postgres != [PRINCIPALS["pipeline"]]:
        yield "the pipeline's identity does not administer the PostgreSQL server"
