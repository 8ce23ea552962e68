"""The kinds of storage account that a copy writes to, and where the application's secret lies."""

from __future__ import annotations

from typing import Any

import pytest
from azure.core.exceptions import HttpResponseError
from azure.mgmt.datafactory import models as adf

from o365_pipeline.customers.customer import KeyVaultSecret
from o365_pipeline.extraction import factory_definitions
from o365_pipeline_tests.sandbox.conftest import FACTORY, GROUP, World

VAULT = KeyVaultSecret(key_vault="https://kv-contoso.vault.azure.net/secrets/data-connect")


def with_sink(world: World, service: dict[str, Any], location: dict[str, Any], settings: str) -> Any:
    """How a run ends that copies there."""
    world.approve()
    name = world.deploy()
    lake = {"properties": service}
    world.client.linked_services.create_or_update(GROUP, FACTORY, "o365_lake", adf.LinkedServiceResource(lake))
    folder = factory_definitions.lake_folder(world.customer).as_dict()
    folder["properties"]["typeProperties"]["location"] = location
    world.client.datasets.create_or_update(GROUP, FACTORY, "o365_lake_folder", adf.DatasetResource(folder))
    pipeline = world.client.pipelines.get(GROUP, FACTORY, name).as_dict()
    pipeline["properties"]["activities"][0]["typeProperties"]["sink"]["storeSettings"] = {"type": settings}
    world.client.pipelines.create_or_update(GROUP, FACTORY, name, adf.PipelineResource(pipeline))
    run_id = world.start(name)
    world.clock.forward(seconds=6)
    return world.status(run_id)


@pytest.mark.parametrize("storage", ["adls-gen2", "blob"])
def test_a_customers_storage_is_either_kind(world: World, storage: str) -> None:
    world.customer = world.customer.model_copy(update={"storage": storage})
    world.approve()

    run = world.run_to_end()

    assert run.status == "Succeeded", run.message
    assert world.landed()


def test_blobs_of_another_account_are_not_the_approved_sink(world: World) -> None:
    world.approve()
    world.customer = world.customer.model_copy(update={"storage": "blob", "storage_account": "elsewhere"})

    run = world.run_to_end()

    assert run.status == "Failed"
    assert "https://elsewhere.blob.core.windows.net/lake" in run.message


def test_data_lake_storage_gen1_is_refused_with_its_end_and_the_way_out(world: World) -> None:
    run = with_sink(
        world,
        {"type": "AzureDataLakeStore", "typeProperties": {"dataLakeStoreUri": "https://acc.azuredatalakestore.net"}},
        {"type": "AzureDataLakeStoreLocation", "folderPath": "raw"},
        "AzureDataLakeStoreWriteSettings",
    )

    assert run.status == "Failed"
    assert "retired on 2024-02-29: copy to Data Lake Storage Gen2" in run.message


@pytest.mark.parametrize(
    ("location", "settings", "reason"),
    [
        ("AzureBlobFSLocation", "AzureBlobStorageWriteSettings", "takes AzureBlobFSWriteSettings"),
        ("AzureBlobStorageLocation", "AzureBlobFSWriteSettings", "takes AzureBlobFSLocation"),
    ],
)
def test_the_parts_of_a_sink_are_of_one_kind(world: World, location: str, settings: str, reason: str) -> None:
    run = with_sink(
        world,
        {"type": "AzureBlobFS", "typeProperties": {"url": "https://acc.dfs.core.windows.net"}},
        {"type": location, "fileSystem": "lake", "container": "lake", "folderPath": "raw"},
        settings,
    )

    assert run.status == "Failed"
    assert reason in run.message


def test_a_secret_in_a_key_vault_needs_the_vaults_linked_service(world: World) -> None:
    world.customer = world.customer.model_copy(update={"application_secret": VAULT})
    service = factory_definitions.source_service(world.customer)
    runtime = factory_definitions.runtime(world.customer)
    world.client.integration_runtimes.create_or_update(GROUP, FACTORY, factory_definitions.RUNTIME, runtime)

    with pytest.raises(HttpResponseError, match="invalid reference 'o365_vault'"):
        world.client.linked_services.create_or_update(GROUP, FACTORY, "o365_source", service)

    world.approve()
    assert world.run_to_end().status == "Succeeded"
