"""What the pipeline defines in a customer's Data Factory: linked services, datasets and one pipeline per dataset.

What belongs here: building the SDK's models from a data request, with stable names, since a changed name asks for
consent again. Sending them is `data_factory.py`'s. Source: Microsoft, Data Factory connector for Microsoft 365.
Models that the SDK (10.0.0) can build from flat arguments forget their `type`, so it is set beside each.
"""

from __future__ import annotations

from azure.mgmt.datafactory import models as adf
from pydantic import SecretStr

from o365_pipeline.consent.data_request import RequestedDataset
from o365_pipeline.customers import Customer

SOURCE_SERVICE = "o365_source"
LAKE_SERVICE = "o365_lake"
LAKE_FOLDER = "o365_lake_folder"


def pipeline_name(requested: RequestedDataset) -> str:
    return f"o365_{requested.dataset.name}"


def activity_name(requested: RequestedDataset) -> str:
    return f"copy_{requested.dataset.name}"


def source_service(customer: Customer) -> adf.LinkedServiceResource:
    """Data Connect as a source: the customer's tenant, read by the application of the data request."""
    request, secret = customer.data_request, customer.application_secret
    assert isinstance(secret, SecretStr)
    service = adf.Office365LinkedService(
        type_properties=adf.Office365LinkedServiceTypeProperties(
            office365_tenant_id=customer.tenant_id,
            service_principal_tenant_id=request.application_tenant_id,
            service_principal_id=request.application_id,
            service_principal_key=adf.SecureString(value=secret.get_secret_value()),
        )
    )
    service.type = "Office365"
    return adf.LinkedServiceResource(properties=service)


def lake_service(customer: Customer) -> adf.LinkedServiceResource:
    """The customer's Data Lake Storage Gen2 account as a sink, reached by the factory's managed identity."""
    url = f"https://{customer.storage_account}.dfs.core.windows.net"
    service = adf.AzureBlobFSLinkedService(type_properties=adf.AzureBlobFSLinkedServiceTypeProperties(url=url))
    service.type = "AzureBlobFS"
    return adf.LinkedServiceResource(properties=service)


def lake_folder(customer: Customer) -> adf.DatasetResource:
    """A folder of the lake, named by parameter; the copy is binary: JSON Lines as Data Connect writes them."""
    location = adf.AzureBlobFSLocation(file_system=customer.container, folder_path=_expression("@dataset().folder"))
    folder = adf.BinaryDataset(
        linked_service_name=_service_reference(LAKE_SERVICE),
        parameters={"folder": adf.ParameterSpecification(type="String")},
        type_properties=adf.BinaryDatasetTypeProperties(location=location),
    )
    folder.type = "Binary"
    return adf.DatasetResource(properties=folder)


def source_table(requested: RequestedDataset) -> adf.DatasetResource:
    """The Data Connect dataset that a copy reads."""
    table = adf.Office365Dataset(
        linked_service_name=_service_reference(SOURCE_SERVICE),
        type_properties=adf.Office365DatasetTypeProperties(table_name=requested.dataset.table_name),
    )
    table.type = "Office365Table"
    return adf.DatasetResource(properties=table)


def copy_pipeline(requested: RequestedDataset) -> adf.PipelineResource:
    """One copy of one dataset's window into `<folder>/<run id>`; the run's parameters carry the window's key."""
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
    sink = adf.BinarySink(store_settings=adf.AzureBlobFSWriteSettings())
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


def _expression(text: str) -> dict[str, str]:
    return {"type": "Expression", "value": text}


def _service_reference(name: str) -> adf.LinkedServiceReference:
    return adf.LinkedServiceReference(type="LinkedServiceReference", reference_name=name)
