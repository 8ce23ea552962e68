"""Where the containers of storage accounts lie: those of installations each in folders of their own."""

from __future__ import annotations

from typing import Any

import pytest

from o365_pipeline.sandbox.azure.resource_groups import make_managed_group
from o365_pipeline.sandbox.azure.resources import ACCOUNT_TYPE, Resources
from o365_pipeline_tests.sandbox.conftest import GROUP_ID, World


@pytest.mark.parametrize("sku", [{}, {"sku": {"name": "Standard_LRS"}}])
@pytest.mark.parametrize("is_managed", [False, True])
def test_an_account_has_folders_of_its_own_where_an_application_manages_its_group(
    world: World, is_managed: bool, sku: dict[str, Any]
) -> None:
    resources = Resources(world.factories.state)
    resources.put({"id": f"{GROUP_ID}/providers/{ACCOUNT_TYPE}/acc", "name": "acc", "type": ACCOUNT_TYPE, **sku})
    if is_managed:
        make_managed_group(resources, GROUP_ID, "westeurope", "/an/application")

    container = world.factories.container("acc", "lake")

    assert (container.url == world.lake.url) is not is_managed
