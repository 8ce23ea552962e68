"""The pipeline itself on Azure Container Apps: the code server, the web server and the daemon, all of one image.

What belongs here: those resources, and the environment variables of each container. Every run becomes a job of its own,
which Dagster makes from the daemon's variables (deploy/dagster.yaml names them); no container has a volume.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from o365_pipeline.managed_app.arm.template_language import quoted
from o365_pipeline.managed_app.template.identity import CLIENT_ID, IDENTITY
from o365_pipeline.managed_app.template.network import APPS_SUBNET, NETWORK
from o365_pipeline.managed_app.template.postgres import ADMINISTRATOR
from o365_pipeline.managed_app.template.sign_in import secret, sign_in

LOGS_VERSION, VERSION = "2025-07-01", "2025-07-01"
LOGS = "[resourceId('Microsoft.OperationalInsights/workspaces', variables('logs'))]"
ENVIRONMENT = "[resourceId('Microsoft.App/managedEnvironments', variables('appsEnvironment'))]"
CODE_PORT, WEB_PORT, NOTIFICATIONS_PORT = 4000, 3000, 3002
WORKSPACE = ("--workspace", "/opt/dagster/workspace.yaml")
COMMANDS: Mapping[str, Sequence[str]] = {
    "codeServer": (
        *("dagster", "code-server", "start", "--host", "0.0.0.0", "--port", str(CODE_PORT)),  # noqa: S104
        *("--module-name", "o365_pipeline.definitions"),
    ),
    "webserver": ("dagster-webserver", "--host", "0.0.0.0", "--port", str(WEB_PORT), *WORKSPACE),  # noqa: S104
    "daemon": ("dagster-daemon", "run", *WORKSPACE),
}
"""What each container runs, as the image's stages say."""

SETTINGS: Mapping[str, str] = {
    "AZURE_CLIENT_ID": f"[{CLIENT_ID}]",
    "AZURE_TOKEN_CREDENTIALS": "ManagedIdentityCredential",
    "DAGSTER_ACA_ENVIRONMENT": ENVIRONMENT,
    "DAGSTER_ACA_IDENTITY": IDENTITY,
    "DAGSTER_ACA_REGION": "[parameters('location')]",
    "DAGSTER_ACA_RESOURCE_GROUP": "[resourceGroup().name]",
    "DAGSTER_ACA_SUBSCRIPTION": "[subscription().subscriptionId]",
    "DAGSTER_CURRENT_IMAGE": "[variables('image')]",
    "DAGSTER_LOGS_ACCOUNT": "[variables('storageAccount')]",
    "DAGSTER_LOGS_CONTAINER": "[variables('logsContainer')]",
    "DAGSTER_PG_DB": "[variables('postgresDatabase')]",
    "DAGSTER_PG_HOST": "[variables('postgresHost')]",
    "DAGSTER_PG_PORT": "5432",
    "DAGSTER_PG_USER": "[variables('identity')]",
    "O365_CODE_SERVER": "[variables('codeServer')]",
    "O365_CREDENTIAL": "managed-identity",
    "O365_CUSTOMERS": "[variables('customers')]",
    "O365_DEPLOYMENT": "azure",
    "O365_HOME": "/tmp/o365",  # noqa: S108 - of the container alone
    "O365_MART_URL": "[variables('mart')]",
    "O365_OFFER": "[variables('offer')]",
    "O365_START_SENSORS": "[variables('startSensors')]",
}
"""The environment of every container."""


def containers(registries: str | list[Any], needs: Sequence[str] = ()) -> list[dict[str, Any]]:
    """Returns the environment in the network, with its logs, and the three containers.

    Args:
        registries: the registries that take the pipeline's identity, or an expression for them.
        needs: what has to be there before a container can get its image.
    """
    ingress = {
        "codeServer": {"external": False, "transport": "tcp", "targetPort": CODE_PORT, "exposedPort": CODE_PORT},
        "webserver": {
            "external": "[variables('hasUi')]",
            "transport": "http",
            "targetPort": WEB_PORT,
            "allowInsecure": False,
        },
    }
    probed = {"codeServer": {"tcpSocket": {"port": CODE_PORT}}, "webserver": answers("/server_info", WEB_PORT)}
    sizes = {"codeServer": ("1", "2Gi"), "webserver": ("0.5", "1Gi"), "daemon": ("1", "2Gi")}
    secrets = {"webserver": secret("hasUi", "uiApplicationSecret")}
    apps = [
        container_app(
            name,
            command,
            sizes[name],
            registries,
            [ADMINISTRATOR, *needs],
            ingress=ingress.get(name),
            probe=probed.get(name),
            secrets=secrets.get(name),
        )
        for name, command in COMMANDS.items()
    ]
    chosen = "createObject('allowedPrincipals', createObject('identities', parameters('uiPeople')))"
    policy = f"[if(empty(parameters('uiPeople')), json('null'), {chosen})]"
    return [_logs(), _environment(), *apps, sign_in("webserver", "hasUi", "uiApplicationId", policy)]


def container_app(
    name: str,
    command: Sequence[str],
    size: tuple[str, str],
    registries: str | list[Any],
    needs: Sequence[str] = (),
    *,
    settings: Mapping[str, str] = SETTINGS,
    identity: str = IDENTITY,
    ingress: Mapping[str, Any] | None = None,
    probe: Mapping[str, Any] | None = None,
    secrets: Any = None,
    variables: Sequence[Mapping[str, str]] = (),
) -> dict[str, Any]:
    """Returns one container that always runs; its name is the template's variable of that name.

    Args:
        registries: the registries that take its identity, or an expression for them.
        needs: what has to be there before it can start.
        settings: its environment.
        identity: whom it signs in as.
    """
    cpu, memory = size
    container: dict[str, Any] = {
        "name": "dagster",
        "image": "[variables('image')]",
        "command": list(command),
        "resources": {"cpu": f"[json({quoted(cpu)})]", "memory": memory},
        "env": [*({"name": key, "value": value} for key, value in settings.items()), *variables],
    }
    if probe:
        started = {"type": "Startup", **probe, "periodSeconds": 10, "failureThreshold": 10}
        container["probes"] = [started, {"type": "Liveness", **probe, "periodSeconds": 30}]
    configuration: dict[str, Any] = {"activeRevisionsMode": "Single", "registries": registries}
    configuration |= {"secrets": secrets} if secrets else {}
    configuration |= {"ingress": dict(ingress)} if ingress else {}
    return {
        "type": "Microsoft.App/containerApps",
        "apiVersion": VERSION,
        "name": f"[variables('{name}')]",
        "location": "[parameters('location')]",
        "identity": {"type": "UserAssigned", "userAssignedIdentities": {identity: {}}},
        "properties": {
            "environmentId": ENVIRONMENT,
            "configuration": configuration,
            "template": {"containers": [container], "scale": {"minReplicas": 1, "maxReplicas": 1}},
        },
        "dependsOn": [ENVIRONMENT, identity, *needs],
    }


def answers(path: str, port: int) -> dict[str, Any]:
    """Returns the probe that asks the container itself, behind no sign-in."""
    return {"httpGet": {"port": port, "path": path}}


def _logs() -> dict[str, Any]:
    return {
        "type": "Microsoft.OperationalInsights/workspaces",
        "apiVersion": LOGS_VERSION,
        "name": "[variables('logs')]",
        "location": "[parameters('location')]",
        "properties": {"sku": {"name": "PerGB2018"}, "retentionInDays": 30},
    }


def _environment() -> dict[str, Any]:
    destination = {
        "customerId": f"[reference({LOGS[1:-1]}).customerId]",
        "sharedKey": f"[listKeys({LOGS[1:-1]}, '{LOGS_VERSION}').primarySharedKey]",
    }
    return {
        "type": "Microsoft.App/managedEnvironments",
        "apiVersion": VERSION,
        "name": "[variables('appsEnvironment')]",
        "location": "[parameters('location')]",
        "properties": {
            "vnetConfiguration": {"infrastructureSubnetId": APPS_SUBNET},
            "workloadProfiles": [{"name": "Consumption", "workloadProfileType": "Consumption"}],
            "appLogsConfiguration": {"destination": "log-analytics", "logAnalyticsConfiguration": destination},
        },
        "dependsOn": [LOGS, NETWORK],
    }
