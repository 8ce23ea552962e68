"""The pipeline's definitions in a customer's Data Factory: runtime, linked services, datasets, a pipeline for each
dataset.

What belongs here: building the SDK's models from a data request. Names are stable, since a changed name needs a new
consent. Sending them belongs to `data_factory.py`. Source: Microsoft, Data Factory connector for Microsoft 365. Models
that the SDK (10.0.0) builds from flat arguments lose their `type`, so it is set explicitly.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, Literal

from azure.mgmt.datafactory import models as adf
from pydantic import SecretStr

from o365_pipeline.customers.customer import Customer, KeyVaultSecret, Storage
from o365_pipeline.customers.data_request import RequestedDataset
from o365_pipeline.customers.regions import REGION_NAMES

RUNTIME = "o365-runtime"
SOURCE_SERVICE = "o365_source"
LAKE_SERVICE = "o365_lake"
VAULT_SERVICE = "o365_vault"
LAKE_FOLDER = "o365_lake_folder"
FINGERPRINT_NOTE = "application secret, fingerprint "
"""The beginning of the annotation by which a linked service shows that its secret was changed."""

Kind = Literal["integration runtime", "linked service", "dataset", "pipeline"]
Resource = adf.IntegrationRuntimeResource | adf.LinkedServiceResource | adf.DatasetResource | adf.PipelineResource


@dataclass(frozen=True)
class Definition:
    """One definition, with the name that it has in a factory."""

    kind: Kind
    name: str
    resource: Resource

    @property
    def properties(self) -> dict[str, Any]:
        """The definition as JSON."""
        properties: dict[str, Any] = self.resource.as_dict()["properties"]
        return properties

    @property
    def digest(self) -> str:
        """A digest that is the same for equal definitions."""
        content = json.dumps([self.kind, self.name, self.properties], sort_keys=True)
        return hashlib.sha256(content.encode()).hexdigest()


def copy_definitions(customer: Customer, requested: RequestedDataset) -> tuple[Definition, ...]:
    """Returns everything that the dataset's copy needs; a definition comes after those that it refers to."""
    secret, name = customer.application_secret, pipeline_name(requested)
    vault = (
        (Definition("linked service", VAULT_SERVICE, vault_service(secret)),)
        if isinstance(secret, KeyVaultSecret)
        else ()
    )
    return (
        Definition("integration runtime", RUNTIME, runtime(customer)),
        *vault,
        Definition("linked service", SOURCE_SERVICE, source_service(customer)),
        Definition("linked service", LAKE_SERVICE, lake_service(customer)),
        Definition("dataset", LAKE_FOLDER, lake_folder(customer)),
        Definition("dataset", name, source_table(requested)),
        Definition("pipeline", name, copy_pipeline(requested, customer.storage)),
    )


def pipeline_name(requested: RequestedDataset) -> str:
    return f"o365_{requested.dataset.name}"


def activity_name(requested: RequestedDataset) -> str:
    return f"copy_{requested.dataset.name}"


def runtime(customer: Customer) -> adf.IntegrationRuntimeResource:
    """Returns the runtime of the copies, in the customer's region, which must be that of the mailboxes and of the sink.

    The factory's default runtime would choose a region by its own rules.
    """
    compute = adf.IntegrationRuntimeComputeProperties(location=REGION_NAMES[customer.region])
    properties = adf.ManagedIntegrationRuntimeTypeProperties(compute_properties=compute)
    managed = adf.ManagedIntegrationRuntime(type_properties=properties)
    managed.type = adf.IntegrationRuntimeType.MANAGED
    return adf.IntegrationRuntimeResource(properties=managed)


def vault_service(secret: KeyVaultSecret) -> adf.LinkedServiceResource:
    """Returns the Key Vault that stores the application's secret and is read by the factory's managed identity."""
    properties = adf.AzureKeyVaultLinkedServiceTypeProperties(base_url=f"{secret.vault_url}/")
    service = adf.AzureKeyVaultLinkedService(type_properties=properties)
    service.type = "AzureKeyVault"
    return adf.LinkedServiceResource(properties=service)


def source_service(customer: Customer) -> adf.LinkedServiceResource:
    """Returns Data Connect as a source: the customer's tenant, read by the application of the data request."""
    request, secret = customer.data_request, customer.application_secret
    service = adf.Office365LinkedService(
        annotations=_annotations(customer),
        connect_via=_runtime_reference(),
        type_properties=adf.Office365LinkedServiceTypeProperties(
            office365_tenant_id=customer.tenant_id,
            service_principal_tenant_id=request.application_tenant_id,
            service_principal_id=request.application_id,
            service_principal_key=_secret(secret),
        ),
    )
    service.type = "Office365"
    return adf.LinkedServiceResource(properties=service)


def fingerprint_note(customer: Customer, secret: SecretStr) -> str:
    """Returns an annotation that changes with the secret, which no factory returns, and reveals nothing else about it.

    It is 32 bits of a slow hash, salted with customer and application: too few to find a secret by, and no table helps.
    """
    salt = f"{customer.tenant_id}|{customer.factory}|{customer.data_request.application_id}"
    return FINGERPRINT_NOTE + _fingerprint(secret, salt)


@lru_cache(maxsize=1024)
def _fingerprint(secret: SecretStr, salt: str) -> str:
    value = secret.get_secret_value().encode()
    return hashlib.scrypt(value, salt=salt.encode(), n=2**14, r=8, p=1, dklen=4).hex()


def lake_service(customer: Customer) -> adf.LinkedServiceResource:
    """Returns the customer's storage account as a sink, written as the application: Data Connect accepts no other
    sign-in.
    """
    account = customer.storage_account
    application: dict[str, Any] = {
        "service_principal_id": customer.data_request.application_id,
        "service_principal_key": _secret(customer.application_secret),
        "tenant": customer.azure_tenant_id,
    }
    service: adf.LinkedService
    if customer.storage == "blob":
        endpoint = f"https://{account}.blob.core.windows.net/"
        blobs = adf.AzureBlobStorageLinkedServiceTypeProperties(service_endpoint=endpoint, **application)
        service = adf.AzureBlobStorageLinkedService(type_properties=blobs)
        service.type = "AzureBlobStorage"
    else:
        url = f"https://{account}.dfs.core.windows.net"
        files = adf.AzureBlobFSLinkedServiceTypeProperties(url=url, **application)
        service = adf.AzureBlobFSLinkedService(type_properties=files)
        service.type = "AzureBlobFS"
    service.annotations = _annotations(customer)
    service.connect_via = _runtime_reference()
    return adf.LinkedServiceResource(properties=service)


def lake_folder(customer: Customer) -> adf.DatasetResource:
    """Returns a folder of the lake, named by a parameter; the copy is binary, so JSON Lines stay as Data Connect writes
    them.
    """
    path = _expression("@dataset().folder")
    location: adf.DatasetLocation = (
        adf.AzureBlobStorageLocation(container=customer.container, folder_path=path)
        if customer.storage == "blob"
        else adf.AzureBlobFSLocation(file_system=customer.container, folder_path=path)
    )
    folder = adf.BinaryDataset(
        linked_service_name=_service_reference(LAKE_SERVICE),
        parameters={"folder": adf.ParameterSpecification(type="String")},
        type_properties=adf.BinaryDatasetTypeProperties(location=location),
    )
    folder.type = "Binary"
    return adf.DatasetResource(properties=folder)


def source_table(requested: RequestedDataset) -> adf.DatasetResource:
    """Returns the Data Connect dataset that a copy reads."""
    table = adf.Office365Dataset(
        linked_service_name=_service_reference(SOURCE_SERVICE),
        type_properties=adf.Office365DatasetTypeProperties(table_name=requested.dataset.table_name),
    )
    table.type = "Office365Table"
    return adf.DatasetResource(properties=table)


def copy_pipeline(requested: RequestedDataset, storage: Storage = "adls-gen2") -> adf.PipelineResource:
    """Copies one window of one dataset into `<folder>/<run id>`; the run's parameters contain the window's key."""
    dataset, scope = requested.dataset, requested.scope
    sliced = dataset.slicing != "none"
    source = adf.Office365Source(
        output_columns=[{"name": column} for column in requested.columns],
        date_filter_column=dataset.date_filter,
        start_time=_expression("@pipeline().parameters.startTime") if sliced else None,
        end_time=_expression("@pipeline().parameters.endTime") if sliced else None,
        allowed_groups=list(scope.groups) or None,
        user_scope_filter_uri=scope.filter_uri,
    )
    settings = adf.AzureBlobStorageWriteSettings() if storage == "blob" else adf.AzureBlobFSWriteSettings()
    sink = adf.BinarySink(store_settings=settings)
    copy = adf.CopyActivity(
        name=activity_name(requested),
        type_properties=adf.CopyActivityTypeProperties(source=source, sink=sink),
        inputs=[adf.DatasetReference(type="DatasetReference", reference_name=pipeline_name(requested))],
        outputs=[
            adf.DatasetReference(
                type="DatasetReference",
                reference_name=LAKE_FOLDER,
                parameters={"folder": _expression("@concat(pipeline().parameters.folder, '/', pipeline().RunId)")},
            )
        ],
    )
    copy.type = "Copy"
    names = ("windowKey", "startTime", "endTime", "folder")
    parameters = {name: adf.ParameterSpecification(type="String") for name in names}
    return adf.PipelineResource(properties=adf.Pipeline(activities=[copy], parameters=parameters))


def _annotations(customer: Customer) -> list[str] | None:
    secret = customer.application_secret
    return [fingerprint_note(customer, secret)] if isinstance(secret, SecretStr) else None


def _runtime_reference() -> adf.IntegrationRuntimeReference:
    return adf.IntegrationRuntimeReference(type="IntegrationRuntimeReference", reference_name=RUNTIME)


def _secret(secret: SecretStr | KeyVaultSecret) -> adf.SecretBase:
    if isinstance(secret, KeyVaultSecret):
        return adf.AzureKeyVaultSecretReference(store=_service_reference(VAULT_SERVICE), secret_name=secret.name)
    return adf.SecureString(value=secret.get_secret_value())


def _expression(text: str) -> dict[str, str]:
    return {"type": "Expression", "value": text}


def _service_reference(name: str) -> adf.LinkedServiceReference:
    return adf.LinkedServiceReference(type="LinkedServiceReference", reference_name=name)
