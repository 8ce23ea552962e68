"""The web application for the people of the organization, where it is wanted: a container behind the sign-in.

What belongs here: that container, its parameters, and what it is told. Who sees what belongs to `insights/viewers.py`;
what its identity reads in the mart, to `mart/views/readers.py`.
"""

from __future__ import annotations

from typing import Any

from o365_pipeline.managed_app.template.containers import SETTINGS, answers, container_app
from o365_pipeline.managed_app.template.identity import INSIGHTS_CLIENT_ID, INSIGHTS_IDENTITY
from o365_pipeline.managed_app.template.sign_in import secret, sign_in

PORT = 3003
MAX_ANALYST_GROUPS = 50
COMMAND = ("o365-pipeline", "insights", "--host", "0.0.0.0", "--port", str(PORT))  # noqa: S104
SHARED = (
    "AZURE_TOKEN_CREDENTIALS",
    "O365_CREDENTIAL",
    "O365_CUSTOMERS",
    "O365_DEPLOYMENT",
    "O365_HOME",
    "O365_MART_URL",
)
"""What it is told as the pipeline's containers are; it starts no runs, and reads no lake."""

INSIGHTS_SETTINGS = {
    **{name: SETTINGS[name] for name in SHARED},
    "AZURE_CLIENT_ID": f"[{INSIGHTS_CLIENT_ID}]",
    "O365_INSIGHTS_ANALYSTS": "[join(parameters('insightsAnalysts'), ',')]",
    "O365_INSIGHTS_RELATIONS": "[parameters('insightsRelations')]",
    "O365_INSIGHTS_SIGN_IN": "container-apps",
}


def insights_parameters() -> dict[str, Any]:
    """Returns the parameters; without an application for the sign-in there is no container."""
    return {
        "insightsApplicationId": {
            "type": "string",
            "defaultValue": "",
            "metadata": {
                "description": "Client id of the Entra application that the organisation's people sign in to insights "
                "with: another than that of the pipeline's pages. Empty: there is no such container."
            },
        },
        "insightsApplicationSecret": {
            "type": "securestring",
            "defaultValue": "",
            "metadata": {"description": "Secret of that application."},
        },
        "insightsAnalysts": {
            "type": "array",
            "defaultValue": [],
            "maxLength": MAX_ANALYST_GROUPS,
            "metadata": {
                "description": "Object ids of the groups whose members see all sites and who works with whom."
            },
        },
        "insightsRelations": {
            "type": "string",
            "defaultValue": "analysts",
            "allowedValues": ["analysts", "everybody"],
            "metadata": {"description": "Who sees who works with whom; everybody sees their own relations."},
        },
    }


def insights(registries: str | list[Any], needs: list[str]) -> list[dict[str, Any]]:
    """Returns the container and its sign-in. One container has what is told of the whole organization in memory.

    Args:
        registries: the registries that take the application's identity, or an expression for them.
        needs: what has to be there before it can get its image.
    """
    app = container_app(
        "insights",
        COMMAND,
        ("0.5", "1Gi"),
        registries,
        needs,
        settings=INSIGHTS_SETTINGS,
        identity=INSIGHTS_IDENTITY,
        ingress={"external": True, "transport": "http", "targetPort": PORT, "allowInsecure": False},
        probe=answers("/alive", PORT),
        secrets=secret("hasInsights", "insightsApplicationSecret"),
    )
    return [
        {**app, "condition": "[variables('hasInsights')]"},
        sign_in("insights", "hasInsights", "insightsApplicationId"),
    ]
