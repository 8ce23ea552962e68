"""The code server as the image starts it, and the workspace file that webserver and daemon find it by."""

from __future__ import annotations

import os
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest

from o365_pipeline_tests.deploy.conftest import DEPLOY
from o365_pipeline_tests.deploy.services import free_port
from o365_pipeline_tests.deploy.test_container_file import PROGRAMS, command, health_check

PATIENCE_SECONDS, POLL_SECONDS = 180, 0.1


@pytest.fixture
def environment(tmp_path: Path) -> dict[str, str]:
    (tmp_path / "dagster").mkdir()
    return {**os.environ, "DAGSTER_HOME": str(tmp_path / "dagster"), "O365_HOME": str(tmp_path / "o365")}


@pytest.fixture
def port(environment: dict[str, str]) -> Iterator[str]:
    """The port of a code server that is up."""
    port = str(free_port())
    program, *arguments = [port if part == "4000" else part for part in command("code-server")]
    server = subprocess.Popen([PROGRAMS / program, *arguments], env=environment, stdout=subprocess.DEVNULL)
    try:
        _await_listening(server, int(port))
        checker, *options = [port if part == "4000" else part for part in health_check("code-server")]
        subprocess.run([PROGRAMS / checker, *options], env=environment, check=True)
        yield port
    finally:
        server.terminate()
        server.wait()


def _await_listening(server: subprocess.Popen[bytes], port: int) -> None:
    deadline = time.monotonic() + PATIENCE_SECONDS
    while time.monotonic() < deadline:
        with suppress(ConnectionRefusedError), socket.create_connection(("127.0.0.1", port)):
            return
        with suppress(subprocess.TimeoutExpired):
            pytest.fail(f"the code server ended with status {server.wait(POLL_SECONDS)}")
    pytest.fail("the code server never came up")


def test_the_workspace_finds_the_code_server_where_the_environment_says(
    port: str, environment: dict[str, str], tmp_path: Path
) -> None:
    workspace = tmp_path / "workspace.yaml"
    workspace.write_text((DEPLOY / "workspace.yaml").read_text().replace("port: 4000", f"port: {port}"))

    listed = subprocess.run(
        [PROGRAMS / "dagster", "job", "list", "--workspace", workspace],
        env={**environment, "O365_CODE_SERVER": "127.0.0.1"},
        capture_output=True,
        text=True,
    )

    assert listed.returncode == 0, listed.stderr
    assert {"Job: extraction_job", "Job: landing_job", "Job: purge_job"} <= set(listed.stdout.splitlines())
