"""The sign-in in front of a container's pages: Container Apps asks Microsoft Entra who somebody is.

What belongs here: that resource, and the container's secret for it. Whom Entra lets in is said by the application that
people sign in to (assignment required).
"""

from __future__ import annotations

from typing import Any

VERSION = "2025-07-01"
SECRET = "sign-in"  # noqa: S105 - its name


def secret(condition: str, parameter: str) -> str:
    """Returns the expression of a container's secrets: the application's, if there is a sign-in.

    Args:
        condition: the variable that says whether there is one.
        parameter: the parameter that holds the application's secret.
    """
    of_application = f"createObject('name', '{SECRET}', 'value', parameters('{parameter}'))"
    return f"[if(variables('{condition}'), createArray({of_application}), createArray())]"


def sign_in(container: str, condition: str, application: str, policy: Any = None) -> dict[str, Any]:
    """Returns the sign-in in front of a container. Nobody comes in without; `/.auth` alone is answered to anybody.

    Args:
        container: the variable that names the container.
        condition: the variable that says whether there is a sign-in.
        application: the parameter that holds the client id of the application.
        policy: who of those whom Entra lets in may pass; None for all.
    """
    return {
        "type": "Microsoft.App/containerApps/authConfigs",
        "apiVersion": VERSION,
        "name": f"[concat(variables('{container}'), '/current')]",
        "condition": f"[variables('{condition}')]",
        "properties": {
            "platform": {"enabled": True},
            "globalValidation": {
                "unauthenticatedClientAction": "RedirectToLoginPage",
                "redirectToProvider": "azureactivedirectory",
            },
            "identityProviders": {
                "azureActiveDirectory": {
                    "enabled": True,
                    "registration": {
                        "clientId": f"[parameters('{application}')]",
                        "clientSecretSettingName": SECRET,
                        "openIdIssuer": (
                            "[uri(environment().authentication.loginEndpoint, "
                            "concat(subscription().tenantId, '/v2.0'))]"
                        ),
                    },
                    **({"validation": {"defaultAuthorizationPolicy": policy}} if policy else {}),
                }
            },
        },
        "dependsOn": [f"[resourceId('Microsoft.App/containerApps', variables('{container}'))]"],
    }
