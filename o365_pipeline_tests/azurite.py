"""Azurite, Microsoft's own stand-in for the Blob API, on a free port of this machine; started and ended by the tests.

What belongs here: finding, starting and filling it. Its accounts and keys are made up at each start.
"""

from __future__ import annotations

import base64
import os
import re
import secrets
import shutil
import subprocess
import threading
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from azure.storage.blob import BlobServiceClient
from pydantic import SecretStr

from o365_pipeline.raw.lake import Lake
from o365_pipeline.raw.lakes import Lakes

START_SECONDS = 60
MISSING = "Azurite is missing: it needs node and npm, then: make azurite"
INSTALLED = Path(__file__).parents[1] / ".azurite" / "node_modules" / ".bin" / "azurite-blob"
ACCOUNTS = ("sto365first", "sto365second")
STRANGER = "sto365stranger"
"""An account that has another key."""


@dataclass(frozen=True)
class Azurite:
    """A running Azurite."""

    url: str
    key: str
    strangers_key: str

    @property
    def endpoint(self) -> str:
        return f"{self.url}/{{account}}"

    @property
    def lakes(self) -> Lakes:
        """Each customer's own container."""
        return Lakes(endpoint=self.endpoint, account_key=SecretStr(self.key))

    def make_container(self, account: str = ACCOUNTS[0]) -> str:
        """A new container of the account; returns its name."""
        signed = {"account_name": account, "account_key": self.strangers_key if account == STRANGER else self.key}
        name = f"c{uuid.uuid4().hex}"
        with BlobServiceClient(f"{self.url}/{account}", credential=signed) as client:
            client.create_container(name).close()
        return name

    def make_lake(self) -> Lake:
        return self.lakes.at(ACCOUNTS[0], self.make_container())


def installed() -> str | None:
    """Where azurite-blob is, if it can be run."""
    found = str(INSTALLED) if INSTALLED.exists() else shutil.which("azurite-blob")
    return found if shutil.which("node") else None


@contextmanager
def running(program: str) -> Iterator[Azurite]:
    """Azurite from the moment when it answers to the end of the block."""
    key, strangers_key = (base64.b64encode(secrets.token_bytes(32)).decode() for _ in range(2))
    accounts = [*(f"{name}:{key}" for name in ACCOUNTS), f"{STRANGER}:{strangers_key}"]
    options = ["--inMemoryPersistence", "--skipApiVersionCheck", "--disableTelemetry", "--silent", "--blobPort", "0"]
    process = subprocess.Popen(
        [program, *options],
        env={**os.environ, "AZURITE_ACCOUNTS": ";".join(accounts)},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    late = threading.Timer(START_SECONDS, process.kill)
    late.start()
    try:
        with process:
            said = ""
            for line in process.stdout or ():
                said += line
                if listens := re.search(r"successfully listens on (http://\S+)", line):
                    late.cancel()
                    yield Azurite(listens[1], key, strangers_key)
                    break
            else:
                raise RuntimeError(f"Azurite did not start: {said}")
            process.terminate()
    finally:
        late.cancel()
        process.kill()
