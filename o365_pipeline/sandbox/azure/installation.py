"""Installs and removes a managed application, as Azure does when a purchaser asks for it.

What belongs here: the order of the steps, their results, and the notifications to the vendor. What is bought belongs to
`purchases.py`; sending notifications belongs to `notification_sender.py`.
"""

from __future__ import annotations

import datetime as dt
import secrets
import uuid
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from graphlib import CycleError, TopologicalSorter
from typing import Any

from o365_pipeline.errors import O365PipelineError, UsageError
from o365_pipeline.managed_app.arm.template_names import RUNTIME, Target
from o365_pipeline.managed_app.package.arm_template import Deployed, TemplateError, deploy
from o365_pipeline.sandbox.azure.arm import DOCUMENT_KINDS
from o365_pipeline.sandbox.azure.documents import Documents
from o365_pipeline.sandbox.azure.purchases import Purchase, Sold
from o365_pipeline.sandbox.azure.resource_groups import make_managed_group
from o365_pipeline.sandbox.azure.resources import IDENTITY_TYPE, Resource, Resources, named
from o365_pipeline.sandbox.azure.solutions import APPLICATION_TYPE, delete_installed
from o365_pipeline.sandbox.azure.subscriptions import Subscriptions
from o365_pipeline.sandbox.clock import Clock, stamp, utc_now
from o365_pipeline.sandbox.entra.directory import Directory
from o365_pipeline.sandbox.state import State

FACTORY_TYPE = "Microsoft.DataFactory/factories"
SECRET_TYPE = "Microsoft.KeyVault/vaults/secrets"  # noqa: S105 - a resource's type
CONTAINER_APP_TYPE = "Microsoft.App/containerApps"
PARAMETER_TYPES: Mapping[type, str] = {str: "String", list: "Array", bool: "Bool", int: "Int", dict: "Object"}
ASKED_TO_FAIL = "The resource operation completed with terminal provisioning state 'Failed'."


@dataclass(frozen=True)
class Installer:
    """Installs and removes managed applications.

    Args:
        notify: notifies the vendor; False if the vendor did not accept it.
        tell: shows progress, line by line.
    """

    state: State
    notify: Callable[[Mapping[str, Any]], bool]
    announce: Callable[[str], None]
    clock: Clock = utc_now

    @property
    def resources(self) -> Resources:
        return Resources(self.state)

    def install(self, sold: Sold, purchase: Purchase, *, fails: bool = False) -> Resource:
        """Returns the application in its final state: Succeeded or Failed.

        Args:
            fails: whether Azure fails to provision it.

        Raises:
            UsageError: it is installed already, or its form has a question that no purchaser answers.
        """
        there = self.resources.find(purchase.application_id)
        if there and there["properties"]["provisioningState"] != "Failed":
            raise UsageError(f"{purchase.name} is installed already: `sandbox uninstall {purchase.name}` removes it")
        registered = Directory(self.state).register(purchase.client_id, purchase.tenant_id)
        parameters = sold.package.parameters({**purchase.answers, "applicationObjectId": registered.object_id})
        application = _application(sold, purchase, parameters)
        group_id = purchase.target.group_id
        target = replace(purchase.target, runtime=_known_of(group_id))
        principals = [known["principalId"] for kind, known in target.runtime.items() if kind.startswith(IDENTITY_TYPE)]
        new = [one for one in principals if Directory(self.state).by_object_id(one) is None]
        Subscriptions(self.state).create(purchase.subscription_id, purchase.tenant_id)
        self.resources.delete_all(group_id)
        make_managed_group(self.resources, group_id, purchase.region, purchase.application_id)
        self._now(application, "PUT", "Accepted")
        try:
            if fails:
                raise O365PipelineError(ASKED_TO_FAIL)
            deployed = deploy(sold.package.template, target, **parameters)
            self.announce(f"{named(group_id)}: {len(deployed.resources)} resources")
            self._provision(deployed, target)
        except (O365PipelineError, TemplateError, CycleError) as error:
            self.resources.delete_all(group_id)
            for principal in new:
                Directory(self.state).delete(principal)
            self._now(application, "PUT", "Failed", _error(str(error)))
        else:
            application["properties"]["outputs"] = _typed(deployed.outputs)
            self._now(application, "PUT", "Succeeded")
        return application

    def uninstall(self, name: str) -> None:
        """Removes an application with everything that it installed.

        Raises:
            UsageError: no application has that name or id, or several have it.
        """
        application = found(self.resources, name)
        self._now(application, "DELETE", "Deleting")
        delete_installed(self.state, application)
        self._tell_vendor(application, "DELETE", "Deleted")

    def _now(
        self, application: Resource, event: str, provisioning_state: str, error: dict[str, Any] | None = None
    ) -> None:
        """Sets an application's state and notifies the vendor."""
        application["properties"]["provisioningState"] = provisioning_state
        self.resources.put(application)
        self._tell_vendor(application, event, provisioning_state, error)

    def _tell_vendor(
        self, application: Resource, event: str, provisioning_state: str, error: dict[str, Any] | None = None
    ) -> None:
        taken = self.notify(_notification(application, event, provisioning_state, self.clock(), error))
        reason = f": {error['details'][0]['message']}" if error else ""
        self.announce(
            f"{application['name']}: {provisioning_state}{reason}{'' if taken else ' (the vendor was not told)'}"
        )

    def _provision(self, deployed: Deployed, target: Target) -> None:
        """Stores every resource after those that it depends on; for a factory, also its documents."""
        needs = {
            identifier: [name for name in resource.get("dependsOn", []) if name in deployed.resources]
            for identifier, resource in deployed.resources.items()
        }
        # While one connection is open, SQLite does not clear up after each of the many writes.
        with self.state.reading():
            for identifier in TopologicalSorter(needs).static_order():
                resource = deployed.resources[identifier]
                self._keep_document(identifier, resource)
                if resource["type"] == IDENTITY_TYPE:
                    resource = {**resource, "properties": self._identity(target, identifier)}
                if resource["type"] == FACTORY_TYPE and "identity" in resource:
                    known = target.runtime[FACTORY_TYPE]["identity"]
                    resource = {**resource, "identity": {**resource["identity"], **known}}
                kept = {key: value for key, value in resource.items() if key not in ("apiVersion", "dependsOn")}
                self.resources.put({**_without_secrets(kept), "id": identifier, "name": named(identifier)})

    def _identity(self, target: Target, identifier: str) -> dict[str, Any]:
        """Adds a managed identity to its tenant, which alone gives it tokens; returns what Azure shows of it."""
        known = dict(target.known_of(IDENTITY_TYPE, identifier) or {})
        Directory(self.state).add_managed_identity(
            known["clientId"], target.tenant_id, known["principalId"], secrets.token_hex()
        )
        return {**known, "tenantId": target.tenant_id}

    def _keep_document(self, identifier: str, resource: Mapping[str, Any]) -> None:
        kinds = {f"{FACTORY_TYPE}/{kind}".lower(): kind for kind in DOCUMENT_KINDS}
        if kind := kinds.get(resource["type"].lower()):
            factory = "/".join(identifier.split("/")[:-2])
            Documents(self.state, factory).put(kind, named(identifier), resource["properties"])


def _known_of(group_id: str) -> dict[str, Mapping[str, Any]]:
    """Returns what Azure knows of the resources of a group once they are deployed: its identities are its own."""

    def own(what: str) -> str:
        return str(uuid.uuid5(uuid.NAMESPACE_URL, f"{what} of {group_id.lower()}"))

    identities = {
        kind: {"principalId": own(f"the {whose} principal"), "clientId": own(f"the {whose} client")}
        for kind, whose in ((IDENTITY_TYPE, "identity's"), (f"{IDENTITY_TYPE}/insights", "application's"))
    }
    return {
        **RUNTIME,
        **identities,
        FACTORY_TYPE: {"identity": {"principalId": own("the factory's principal")}},
    }


def _without_secrets(resource: Mapping[str, Any]) -> dict[str, Any]:
    """Returns a resource without the values of its secrets, which nothing in the sandbox signs in with."""
    properties = dict(resource.get("properties") or {})
    if resource["type"] == SECRET_TYPE:
        properties = {"attributes": {"enabled": True}}
    configuration = properties.get("configuration")
    if isinstance(configuration, dict) and configuration.get("secrets"):
        names = [{"name": secret["name"]} for secret in configuration["secrets"]]
        properties["configuration"] = {**configuration, "secrets": names}
    return {**resource, "properties": properties}


def found(resources: Resources, name: str) -> Resource:
    """Finds an application by name or id.

    Raises:
        UsageError: there is none, or several have the name.
    """
    applications = resources.of_type(APPLICATION_TYPE)
    alike = [entry for entry in applications if name.lower() in (entry["name"].lower(), entry["id"].lower())]
    if len(alike) == 1:
        return alike[0]
    if alike:
        raise UsageError(f"several applications are called {name}; give the id of one: {', '.join(_ids(alike))}")
    known = ", ".join(entry["name"] for entry in applications)
    raise UsageError(f"no application {name} is installed; there are {known or 'none'}")


def _ids(applications: list[Resource]) -> list[str]:
    return [entry["id"] for entry in applications]


def _application(sold: Sold, purchase: Purchase, parameters: Mapping[str, Any]) -> Resource:
    identifier = purchase.application_id
    usage = str(uuid.uuid5(uuid.NAMESPACE_URL, identifier))
    bought = {"plan": {**sold.plan, "name": purchase.sku}} if sold.plan else {}
    return {
        "id": identifier,
        "name": purchase.name,
        "type": APPLICATION_TYPE,
        "location": purchase.region,
        "kind": "MarketPlace" if sold.plan else "ServiceCatalog",
        **bought,
        "properties": {
            "managedResourceGroupId": purchase.target.group_id,
            **({"billingDetails": {"resourceUsageId": usage}} if sold.plan else {}),
            **({"applicationDefinitionId": sold.definition_id} if sold.definition_id else {}),
            "parameters": _typed({name: value for name, value in parameters.items() if name not in _secure(sold)}),
            "publisherTenantId": sold.publisher_tenant_id,
            "authorizations": list(sold.authorizations),
            "managementMode": "Managed",
        },
    }


def _secure(sold: Sold) -> set[str]:
    """Returns the parameters whose values Azure never shows."""
    declared = sold.package.template.get("parameters", {})
    return {name for name, one in declared.items() if one["type"].lower().startswith("secure")}


def environment_of(resources: Resources, application: Resource) -> dict[str, str]:
    """Returns the environment variables of the container in which a purchaser runs commands.

    Raises:
        UsageError: the application installed no such container.
    """
    [container] = _code_server(resources, application)["properties"]["template"]["containers"]
    return {one["name"]: one["value"] for one in container["env"] if "value" in one}


def added_by_azure(state: State, application: Resource) -> dict[str, str]:
    """Returns the variables that Container Apps themselves add to that container: what its identities are asked with.

    Raises:
        UsageError: the application installed no such container.
    """
    resources = Resources(state)
    assigned = _code_server(resources, application).get("identity", {}).get("userAssignedIdentities", {})
    for identity in filter(None, map(resources.find, assigned)):
        principal = Directory(state).by_object_id(identity["properties"]["principalId"])
        if principal and principal.header:
            return {"IDENTITY_HEADER": principal.header}
    return {}


def _code_server(resources: Resources, application: Resource) -> Resource:
    properties = application["properties"]
    name = properties.get("outputs", {}).get("codeServer", {}).get("value")
    app = resources.find(f"{properties['managedResourceGroupId']}/providers/{CONTAINER_APP_TYPE}/{name}")
    if app is None:
        raise UsageError(f"{application['name']} installed no container in which a command could run")
    return app


def _typed(values: Mapping[str, Any]) -> dict[str, Any]:
    """Returns parameters or outputs, each with its type, as Azure shows them."""
    return {name: {"type": PARAMETER_TYPES[type(value)], "value": value} for name, value in values.items()}


def _notification(
    application: Resource, event: str, provisioning_state: str, at: dt.datetime, error: dict[str, Any] | None
) -> dict[str, Any]:
    properties = application["properties"]
    of_marketplace = {"billingDetails": properties.get("billingDetails"), "plan": application.get("plan")}
    of_catalog = {"applicationDefinitionId": properties.get("applicationDefinitionId")}
    return {
        "eventType": event,
        "applicationId": application["id"],
        "eventTime": stamp(at),
        "provisioningState": provisioning_state,
        **(of_marketplace if "plan" in application else of_catalog),
        **({"error": error} if error else {}),
    }


def _error(message: str) -> dict[str, Any]:
    return {
        "code": "ApplianceDeploymentFailed",
        "message": "The operation to create managed application failed. Please see details for more information.",
        "details": [{"code": "DeploymentFailed", "message": message}],
    }
