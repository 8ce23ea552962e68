"""What the tests of running beyond a laptop share: PostgreSQL and Redis, where Debian's packages are installed."""

from __future__ import annotations

import os
import shutil
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import NoReturn

import pytest

from o365_pipeline_tests.deploy.services import Postgres, postgres_programs
from o365_pipeline_tests.deploy.services import postgres as started_postgres

DEPLOY = Path(__file__).parents[2] / "deploy"


def _missing(package: str) -> NoReturn:
    """Leave the test out by name; where CI is set, everything is to be there."""
    reason = f"Debian's package {package} is not installed"
    if os.environ.get("CI"):
        pytest.fail(f"{reason}, and CI is set")
    pytest.skip(reason)


@pytest.fixture(scope="session")
def postgres_installed() -> Path:
    """The folder of PostgreSQL's programs."""
    return postgres_programs() or _missing("postgresql")


@pytest.fixture(scope="session")
def redis_installed() -> str:
    """Redis's server."""
    return shutil.which("redis-server") or _missing("redis-server")


@pytest.fixture(scope="session")
def postgres(postgres_installed: Path) -> Iterator[Postgres]:
    """A PostgreSQL server of this session's own."""
    with started_postgres(postgres_installed) as server:
        yield server


@pytest.fixture
def postgres_url(postgres: Postgres) -> str:
    """The URL of an empty database of the test's own."""
    return postgres.create(f"test_{uuid.uuid4().hex}")
