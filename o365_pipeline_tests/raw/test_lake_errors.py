"""What the storage refuses is one line that names the container and what to do, and repeats no secret."""

from __future__ import annotations

import base64
import datetime as dt
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import dagster as dg
import pytest
from azure.core.credentials import AccessToken
from azure.core.exceptions import ClientAuthenticationError
from obstore.store import AzureStore
from pydantic import SecretStr

from o365_pipeline.dagster_ui.run_processes import PROCESS
from o365_pipeline.dagster_ui.steps import working_on
from o365_pipeline.errors import LakeError
from o365_pipeline.raw import lakes as lakes_module
from o365_pipeline.raw.lake import Lake
from o365_pipeline.raw.lake_errors import LakeAccess
from o365_pipeline.raw.lakes import Lakes
from o365_pipeline_tests.azurite import ACCOUNTS, STRANGER, Azurite

OPERATIONS: dict[str, Callable[[Lake, Path], object]] = {
    "read": lambda lake, _: lake.read("raw/a"),
    "write": lambda lake, _: lake.write("raw/a", b"x"),
    "write file": lambda lake, folder: lake.write("raw/a", _file(folder)),
    "create": lambda lake, _: lake.create("raw/a", b"x"),
    "exists": lambda lake, _: lake.exists("raw/a"),
    "list": lambda lake, _: lake.objects("raw"),
    "folders": lambda lake, _: lake.folders("raw"),
    "delete": lambda lake, _: lake.delete(["raw/a", "raw/b"]),
    "stage": lambda lake, folder: lake.stage(["raw/a"], folder),
}
TOKEN = "e30.token-that-nobody-should-see"

SECONDS_TO_SHUTDOWN = 0.01
"""How often the server looks whether it is to end."""


def _file(folder: Path) -> Path:
    path = folder / "source"
    path.write_bytes(b"x" * 10_000_000)
    return path


@pytest.fixture(params=OPERATIONS)
def refused(request: pytest.FixtureRequest, tmp_path: Path) -> Callable[[Lake], str]:
    """What each operation says where it is refused: one line."""

    def refused(lake: Lake) -> str:
        with pytest.raises(LakeError) as raised:
            OPERATIONS[request.param](lake, tmp_path)
        message = str(raised.value)
        assert raised.value.__cause__ is None and raised.value.__suppress_context__
        assert lake.access.address in message
        assert "\n" not in message and "RequestId" not in message and len(message) < 300
        return message

    return refused


@pytest.fixture(autouse=True)
def _few_retries(monkeypatch: pytest.MonkeyPatch) -> None:
    backoff = {"init_backoff": dt.timedelta(milliseconds=1), "max_backoff": dt.timedelta(milliseconds=2)}
    monkeypatch.setattr(lakes_module, "RETRIES", {"max_retries": 1, "backoff": backoff})


def test_a_wrong_key_is_told(azurite: Azurite, refused: Callable[[Lake], str]) -> None:
    lakes = Lakes(endpoint=azurite.endpoint, account_key=SecretStr(azurite.key))

    message = refused(lakes.at(STRANGER, azurite.make_container(STRANGER)))

    assert "the storage key was refused" in message and "correct O365_STORAGE_KEY" in message
    assert azurite.key not in message and azurite.strangers_key not in message


def test_a_missing_container_is_told(azurite: Azurite, refused: Callable[[Lake], str]) -> None:
    message = refused(azurite.lakes.at(ACCOUNTS[0], "nobodys"))

    assert "there is no such container; make it, or correct" in message


def test_a_host_that_cannot_be_reached_is_told(refused: Callable[[Lake], str]) -> None:
    key = SecretStr(base64.b64encode(b"key").decode())

    message = refused(Lakes(endpoint="http://127.0.0.1:1/{account}", account_key=key).at("sto365", "lake"))

    assert "cannot be reached; check the storage account's name, the network and O365_STORAGE_URL" in message


def test_a_sign_in_that_fails_is_told(refused: Callable[[Lake], str]) -> None:
    class SignedOut:
        def get_token(self, *_scopes: str, **_options: object) -> AccessToken:
            raise ClientAuthenticationError("AADSTS700082: the refresh token of ann@contoso.example has expired")

    message = refused(Lakes(credential=lambda _tenant: SignedOut()).at("sto365", "lake"))

    assert "nobody is signed in, or the sign-in is over" in message and "az login" in message
    assert "ann@" not in message


@pytest.mark.parametrize(
    ("status", "code", "by_key", "expected"),
    [
        (403, "AuthorizationPermissionMismatch", False, "it needs the role Storage Blob Data Contributor on the"),
        (403, "AuthorizationFailure", False, "or the account's firewall keeps this machine out"),
        (403, "KeyBasedAuthenticationNotPermitted", True, "takes no keys; unset O365_STORAGE_KEY and sign in"),
        (401, "InvalidAuthenticationInfo", False, "the sign-in is over (InvalidAuthenticationInfo); sign in again"),
        (503, "ServerBusy", False, "failed (503"),
    ],
)
def test_what_azure_answers_is_told(
    refused: Callable[[Lake], str], status: int, code: str, by_key: bool, expected: str
) -> None:
    with answering(status, code) as url:
        store = AzureStore(
            "lake",
            account_name="sto365",
            endpoint=f"{url}/sto365",
            token=TOKEN,
            client_options={"allow_http": True},
            retry_config={"max_retries": 0},
        )

        message = refused(Lake("az://sto365/lake", store, LakeAccess(f"{url}/sto365/lake", by_key)))

    assert expected in message
    assert TOKEN not in message and "sig=" not in message


def test_a_folder_that_cannot_be_made_is_told(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"")

    with pytest.raises(LakeError, match=r"file:///.*/file/lake: no folder can be made there \(Not a directory\)"):
        Lake.in_folder(tmp_path / "file" / "lake")


def test_a_step_that_the_lake_fails_says_so_in_one_line_and_is_tried_again(azurite: Azurite) -> None:
    step: Any = SimpleNamespace(run=SimpleNamespace(tags={PROCESS: "of a terminal"}))

    with pytest.raises(dg.Failure) as raised, working_on(step):
        azurite.lakes.at(ACCOUNTS[0], "nobodys").read("raw/a")

    assert raised.value.allow_retries
    assert "there is no such container" in str(raised.value.description)


@contextmanager
def answering(status: int, code: str) -> Iterator[str]:
    """A server that answers everything in the same way, as Azure does it."""

    class Answers(BaseHTTPRequestHandler):
        def answer(self) -> None:
            self.rfile.read(int(self.headers.get("Content-Length") or 0))
            body = f"<Error><Code>{code}</Code><Message>Signature sig=abc\nRequestId:1</Message></Error>".encode()
            self.send_response(status)
            self.send_header("x-ms-error-code", code)
            self.send_header("Content-Length", str(0 if self.command == "HEAD" else len(body)))
            self.end_headers()
            if self.command != "HEAD":
                self.wfile.write(body)

        do_GET = do_PUT = do_HEAD = do_POST = do_DELETE = answer  # noqa: N815

        def log_message(self, *_arguments: object) -> None:
            pass

    server = HTTPServer(("127.0.0.1", 0), Answers)
    thread = threading.Thread(target=server.serve_forever, args=(SECONDS_TO_SHUTDOWN,), daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
