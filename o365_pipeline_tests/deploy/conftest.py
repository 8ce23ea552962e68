"""What the tests of running beyond a laptop share: Redis, where Debian's package is installed."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from o365_pipeline_tests.deploy.services import missing

DEPLOY = Path(__file__).parents[2] / "deploy"


@pytest.fixture(scope="session")
def redis_installed() -> str:
    """Redis's server."""
    return shutil.which("redis-server") or missing("redis-server")
