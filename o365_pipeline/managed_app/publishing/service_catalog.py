"""The service catalog: an offer's package and its definition, from which purchasers in the vendor's own organization
install.

What belongs here: uploading, and calls through the real management client, with their errors in one line. Comparing
definitions belongs to `definition_changes.py`; the content of a package belongs to `package.py`.
"""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass
from datetime import timedelta
from urllib.parse import urlencode

from azure.core.exceptions import AzureError, ClientAuthenticationError, HttpResponseError, ResourceNotFoundError
from azure.mgmt.resource.managedapplications import ApplicationClient, models
from pydantic import SecretStr

from o365_pipeline.azure.cloud import Cloud, JsonAlone, sign_in_failure
from o365_pipeline.errors import PublishError, SettingsError
from o365_pipeline.managed_app.authorizations import authorizations
from o365_pipeline.managed_app.offer import Offer
from o365_pipeline.managed_app.package.package import README, Package
from o365_pipeline.managed_app.publishing.definition_changes import (
    DIGEST_TAG,
    SIGNATURE_TAG,
    VERSION_TAG,
    Change,
    changes,
)
from o365_pipeline.managed_app.template.roles import ACTIONS, DATA_ACTIONS
from o365_pipeline.raw.lakes import Lakes

API_VERSION = "2019-07-01"
READABLE_FOR = timedelta(hours=1)
"""How long Azure may read an uploaded package; it copies the package when it accepts the definition."""

RETRIES = 4
NO_PLACE = ("ResourceGroupNotFound", "SubscriptionNotFound")
BUSY = (429, 503)


@dataclass(frozen=True)
class Published:
    """The offer in the service catalog, and what was changed there."""

    definition_id: str
    digest: str
    changes: tuple[Change, ...]


@dataclass(frozen=True)
class ServiceCatalog:
    """The vendor's service catalog.

    Every method raises PublishError, in one line, if Azure refuses or does not answer, and LakeError if the vendor's
    storage does.
    """

    cloud: Cloud
    lakes: Lakes
    signature: SecretStr | None
    """The secret with which Azure signs its notifications."""

    def changes(self, offer: Offer, package: Package) -> tuple[Change, ...]:
        """Returns what publishing would change; writes nothing."""
        return changes(self._definition(offer, package, package_path(offer, package)), self._held(offer))

    def publish(self, offer: Offer, package: Package) -> Published:
        """Uploads the package and writes the definition, if it differs from the published one.

        Raises:
            SettingsError: there is no signature for notifications.
        """
        held, path = self._held(offer), package_path(offer, package)
        different = changes(self._definition(offer, package, path), held)
        if different:
            self._write(offer, self._definition(offer, package, self._uploaded(offer, package, path), held))
        return Published(definition_id(offer), package.digest, different)

    def _uploaded(self, offer: Offer, package: Package, path: str) -> str:
        """Returns the address where Azure reads the package; an existing package at the same path is identical."""
        vendor = offer.management
        lake = self.lakes.at(vendor.package_storage_account, vendor.package_container)
        lake.create(path, package.content)
        if README in package.files:
            lake.create(f"{path.removesuffix('.zip')}.md", package.files[README])
        return lake.readable_url(path, READABLE_FOR)

    def _held(self, offer: Offer) -> models.ApplicationDefinition | None:
        """Returns the definition of that name; None if there is none."""
        try:
            held = self._client(offer).application_definitions.get(offer.management.resource_group, offer.name)
        except ResourceNotFoundError as error:
            if _code(error) in NO_PLACE:
                raise PublishError(_describe_error(offer, error)) from None
            return None
        except AzureError as error:
            raise PublishError(_describe_error(offer, error)) from None
        if held.location and _location(held.location) != _location(offer.management.region):
            raise PublishError(
                f"{offer.name} is published in {held.location}, and a definition cannot be moved to "
                f"{offer.management.region}: name {held.location} in the offer, or delete the definition"
            )
        return held

    def _write(self, offer: Offer, definition: models.ApplicationDefinition) -> None:
        operations = self._client(offer).application_definitions
        try:
            operations.begin_create_or_update(offer.management.resource_group, offer.name, definition).result()
        except AzureError as error:
            raise PublishError(_describe_error(offer, error)) from None

    def _definition(
        self, offer: Offer, package: Package, uri: str, held: models.ApplicationDefinition | None = None
    ) -> models.ApplicationDefinition:
        """Builds the definition that the offer needs; tags set by others are kept."""
        vendor, signature = offer.management, self._signature()
        ours = {
            VERSION_TAG: offer.version,
            DIGEST_TAG: package.digest,
            SIGNATURE_TAG: _fingerprint(offer, signature),
        }
        return models.ApplicationDefinition(
            location=vendor.region,
            tags={**((held.tags if held else None) or {}), **ours},
            display_name=offer.display_name,
            description=" ".join(offer.description.split()),
            lock_level=vendor.lock_level,
            package_file_uri=uri,
            authorizations=[
                models.ApplicationAuthorization(principal_id=one.principal_id, role_definition_id=one.role_id)
                for one in authorizations(offer)
            ],
            notification_policy=models.ApplicationNotificationPolicy(
                notification_endpoints=[
                    models.ApplicationNotificationEndpoint(
                        uri=f"{vendor.notification_endpoint}?{urlencode({'sig': signature})}"
                    )
                ]
            ),
            deployment_policy=models.ApplicationDeploymentPolicy(deployment_mode="Incremental"),
            locking_policy=models.ApplicationPackageLockingPolicyDefinition(
                allowed_actions=[*ACTIONS, *vendor.allowed_actions], allowed_data_actions=list(DATA_ACTIONS)
            ),
        )

    def _signature(self) -> str:
        if not self.signature:
            raise SettingsError(
                "O365_NOTIFICATION_SIGNATURE is missing: an offer is published with it, for example the answer of "
                "`openssl rand -hex 32`"
            )
        return self.signature.get_secret_value()

    def _client(self, offer: Offer) -> ApplicationClient:
        return ApplicationClient(
            self.cloud.credential(),
            offer.management.subscription_id,
            base_url=self.cloud.arm_url,
            credential_scopes=[f"{self.cloud.arm_url}/.default"],
            api_version=API_VERSION,
            transport=self.cloud.transport(),
            retry_total=RETRIES,
            per_call_policies=[JsonAlone()],
        )


def package_path(offer: Offer, package: Package) -> str:
    """Returns the package's path in the vendor's storage; different content never has the same path."""
    return f"{offer.name}/{offer.version}/{package.digest}.zip"


def definition_id(offer: Offer) -> str:
    """Returns the Azure Resource Manager id of an offer's definition."""
    group = f"/subscriptions/{offer.management.subscription_id}/resourceGroups/{offer.management.resource_group}"
    return f"{group}/providers/Microsoft.Solutions/applicationDefinitions/{offer.name}"


def _fingerprint(offer: Offer, signature: str) -> str:
    """Makes a fingerprint that shows whether a definition has this signature, without revealing it; Azure need not
    return it.
    """
    return hashlib.sha256(f"{definition_id(offer)} {signature}".encode()).hexdigest()[:12]


def _location(name: str) -> str:
    """Writes a location in the form in which Azure compares it."""
    return name.replace(" ", "").lower()


def _code(error: AzureError) -> str:
    answered = error.error if isinstance(error, HttpResponseError) else None
    return str(answered.code or "") if answered else ""


def _describe_error(offer: Offer, error: AzureError) -> str:
    """Says in one line, without a signed URL, why Azure refuses and what to do."""
    vendor, code = offer.management, _code(error)
    if isinstance(error, ClientAuthenticationError):
        return sign_in_failure(error)
    refused = f"the service catalog did not take {offer.name}"
    status = error.status_code if isinstance(error, HttpResponseError) else None
    if status == 403:
        return f"{refused}: this identity may not write there; give it Contributor on {vendor.resource_group} ({code})"
    if code == "SubscriptionNotFound":
        return f"{refused}: this identity sees no subscription {vendor.subscription_id}; check management in the offer"
    if code == "ResourceGroupNotFound":
        create = f"az group create --name {vendor.resource_group} --location {vendor.region}"
        return f"{refused}: there is no resource group {vendor.resource_group}; make it with: {create}"
    if status in BUSY:
        return f"{refused}: Azure is busy ({status}); nothing was changed, publish again in some minutes"
    message = re.sub(r"(https?://[^\s?'\"]+)\?[^\s'\"]*", r"\1", " ".join((error.message or "").split()))
    return f"{refused}: {message or type(error).__name__}"
