"""The variables that azure-identity reads itself, for each way to sign in to Microsoft Entra.

What belongs here: which ones must be there, and the errors where they are not. The settings are in `settings.py`.
"""

from __future__ import annotations

import os
from collections.abc import Mapping

from o365_pipeline.azure.cloud import SignIn
from o365_pipeline.errors import SettingsError

AN_APPLICATION = {
    "AZURE_TENANT_ID": "the tenant of the application to sign in as",
    "AZURE_CLIENT_ID": "the client id of the application to sign in as",
}
SIGN_IN_NEEDS: Mapping[str, Mapping[str, str]] = {
    "workload-identity": {**AN_APPLICATION, "AZURE_FEDERATED_TOKEN_FILE": "/var/run/secrets/azure/tokens/token"},
    "service-principal": AN_APPLICATION,
}
"""Variables that azure-identity reads itself; a missing one is reported at the start, not hours later."""


def check_sign_in(credential: SignIn) -> None:
    """Checks that the variables of a way to sign in are there.

    Raises:
        SettingsError: one is missing; the message names it.
    """
    for name, example in SIGN_IN_NEEDS.get(credential, {}).items():
        if not os.environ.get(name):
            raise SettingsError(f"{name} is missing: O365_CREDENTIAL={credential} needs it, for example: {example}")
    secret_or_certificate = ("AZURE_CLIENT_SECRET", "AZURE_CLIENT_CERTIFICATE_PATH")
    if credential == "service-principal" and not any(os.environ.get(name) for name in secret_or_certificate):
        raise SettingsError(
            "AZURE_CLIENT_SECRET is missing: O365_CREDENTIAL=service-principal needs it, or "
            "AZURE_CLIENT_CERTIFICATE_PATH with the path of a certificate, for example: /etc/o365/application.pem"
        )
