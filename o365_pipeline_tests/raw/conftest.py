"""Lakes to test with: a folder, and a container on Azurite."""

from __future__ import annotations

from pathlib import Path

import pytest

from o365_pipeline.raw.lake import Lake
from o365_pipeline_tests.azurite import Azurite


@pytest.fixture(params=["folder", pytest.param("container", marks=pytest.mark.server)])
def lake(request: pytest.FixtureRequest, tmp_path: Path) -> Lake:
    """An empty lake, of either kind."""
    if request.param == "folder":
        return Lake.in_folder(tmp_path / "a lake")
    azurite: Azurite = request.getfixturevalue("azurite")
    return azurite.make_lake()


@pytest.fixture
def container(azurite: Azurite) -> Lake:
    """An empty lake in a container."""
    return azurite.make_lake()
