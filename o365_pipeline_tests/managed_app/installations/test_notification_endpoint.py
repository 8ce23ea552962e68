"""The endpoint of notifications: what it keeps, what it refuses, and that it tells either in one line."""

from __future__ import annotations

import asyncio
import json
import logging
import re
import signal
import subprocess
import sys
import threading
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx2
import pytest
import sqlalchemy as sa
import uvicorn
from pydantic import SecretStr
from starlette.applications import Starlette
from starlette.testclient import TestClient

from o365_pipeline.database.database import Database
from o365_pipeline.database.ledger import installation, notification
from o365_pipeline.deployment import Deployment
from o365_pipeline.errors import DatabaseUnavailableError
from o365_pipeline.managed_app.installations.confirmation import MAX_APPLICATIONS
from o365_pipeline.managed_app.installations.notification_endpoint import MAX_BYTES, notification_app
from o365_pipeline.managed_app.installations.notifications import pending
from o365_pipeline.managed_app.offer import Offer
from o365_pipeline.managed_app.package.package import README, build
from o365_pipeline_tests.managed_app.azure import INSTALLED_ON, at, told

SIGNATURE = "an-unguessable-signature"


@pytest.fixture
def app(deployment: Deployment, offer: Offer) -> Starlette:
    return notification_app(deployment.database, SecretStr(SIGNATURE), offer, lambda: at("12:00"))


@pytest.fixture
def client(app: Starlette) -> TestClient:
    return TestClient(app)


def kept(database: Database) -> list[Any]:
    with database.begin() as connection:
        return list(connection.execute(sa.select(notification)))


def lines(caplog: pytest.LogCaptureFixture) -> list[str]:
    return [record.getMessage() for record in caplog.records if record.name == "o365_pipeline.notifications"]


def post(client: TestClient, body: Any, sig: str = SIGNATURE, path: str = "/resource") -> httpx2.Response:
    content = body if isinstance(body, bytes | str) else json.dumps(body)
    return client.post(path, params={"sig": sig}, content=content)


def test_a_notification_is_kept_before_it_is_answered_and_told_in_one_line(
    client: TestClient, deployment: Deployment, offer: Offer, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)

    answer = post(client, told(offer))

    assert answer.status_code == 200
    [row] = kept(deployment.database)
    assert (row.event_type, row.provisioning_state, row.settled_at) == ("PUT", "Succeeded", None)
    assert row.event_at.isoformat() == f"{INSTALLED_ON}T10:00:00.123456"
    [line] = lines(caplog)
    assert line.startswith("200 PUT Succeeded: kept")
    assert SIGNATURE not in line


def test_a_reverse_proxys_path_before_it_makes_no_difference(
    client: TestClient, deployment: Deployment, offer: Offer
) -> None:
    assert post(client, told(offer), path="/notifications/resource").status_code == 200
    assert len(kept(deployment.database)) == 1


@pytest.mark.parametrize("sig", ["", "wrong", SIGNATURE.upper(), f"{SIGNATURE}x", "ü"])
def test_without_the_signature_nothing_is_read(
    sig: str, client: TestClient, deployment: Deployment, offer: Offer, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)

    answer = post(client, told(offer), sig)

    assert answer.status_code == 401
    assert kept(deployment.database) == []
    assert lines(caplog) == ["401 a notification without the signature"]


@pytest.mark.parametrize("query", [f"sig=wrong&sig={SIGNATURE}", f"sig={SIGNATURE}&sig=wrong", "sig=%ff", "SIG=x", ""])
def test_the_signature_is_given_once_or_not_at_all(
    query: str, client: TestClient, offer: Offer, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)

    assert client.post(f"/resource?{query}", json=told(offer)).status_code == 401
    assert lines(caplog) == ["401 a notification without the signature"]


CHANGES: list[dict[str, Any]] = [
    {"eventType": "POST"},
    {"provisioningState": "Deleted"},
    {"eventTime": "yesterday"},
    {"eventTime": 1},
    {"eventTime": "0001-01-01T00:00:00+14:00"},
    {"eventTime": "9999-12-31T23:59:59-14:00"},
    {"applicationId": "/subscriptions/s/resourceGroups/../providers/Microsoft.Solutions/applications/a"},
    {"applicationId": "/subscriptions/s/resourceGroups/g/providers/Microsoft.Solutions/applications/a\x00"},
    {"applicationId": "/subscriptions/s/resourceGroups/g/providers/Microsoft.Solutions/applications/a%2f.."},
    {"applicationId": "/subscriptions/s/resourceGroups/g/providers/Microsoft.Web/sites/ann"},
    {"applicationId": f"/subscriptions/s/resourceGroups/{'g' * 400}/providers/Microsoft.Solutions/applications/a"},
    {"applicationDefinitionId": None},
    {"applicationDefinitionId": None, "plan": None},
    {"applicationDefinitionId": None, "plan": {"product": None}},
]


@pytest.mark.parametrize("change", CHANGES, ids=lambda change: next(iter(change)))
def test_what_azure_does_not_document_is_refused(
    change: dict[str, Any], client: TestClient, deployment: Deployment, offer: Offer, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)

    answer = post(client, {**told(offer), **change})

    assert answer.status_code == 400
    assert kept(deployment.database) == []
    [line] = lines(caplog)
    assert line.startswith("400 no notification: ")


DEEP = b'{"a":' * 5_000 + b"1" + b"}" * 5_000


@pytest.mark.parametrize("body", [b"", b"ann@contoso.com", b"[]", b"\xff\xfe", b'{"eventType": ', DEEP])
def test_what_is_no_json_object_is_refused_and_not_repeated_in_the_log(
    body: bytes, client: TestClient, deployment: Deployment, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)

    assert post(client, body).status_code == 400
    assert kept(deployment.database) == []
    assert lines(caplog) == ["400 no notification: the body is wrong"]


def test_a_long_body_is_refused_before_it_is_read_to_its_end(
    client: TestClient, deployment: Deployment, offer: Offer, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)

    answer = post(client, json.dumps(told(offer)) + " " * MAX_BYTES)

    assert answer.status_code == 413
    assert kept(deployment.database) == []
    assert len(lines(caplog)) == 1


def test_a_body_that_does_not_end_is_not_waited_for(
    app: Starlette, deployment: Deployment, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    monkeypatch.setattr("o365_pipeline.managed_app.installations.notification_endpoint.BODY_SECONDS", 0.05)

    async def begun() -> int:
        async def content() -> AsyncIterator[bytes]:
            yield b'{"eventType": '
            await asyncio.Event().wait()

        transport = httpx2.ASGITransport(app)
        async with httpx2.AsyncClient(transport=transport, base_url="http://vendor.example") as client:
            return (await client.post("/resource", params={"sig": SIGNATURE}, content=content())).status_code

    assert asyncio.run(begun()) == 408
    assert kept(deployment.database) == []
    assert lines(caplog) == ["408 the notification did not come to its end"]


def test_an_error_that_nobody_thought_of_is_one_line_and_azure_repeats(
    client: TestClient, offer: Offer, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    caplog.set_level(logging.INFO)

    def fail(*_: object) -> None:
        raise RuntimeError("ann@contoso.com")

    monkeypatch.setattr(Database, "run", fail)

    assert post(client, told(offer)).status_code == 500
    assert lines(caplog) == ["500 not kept, an error of the endpoint: RuntimeError"]


PLAN = {"publisher": "fabrikam", "product": "office365-insights", "name": "standard", "version": "1.0.0"}
OTHERS: list[dict[str, Any]] = [
    {
        "applicationDefinitionId": "/subscriptions/s/resourceGroups/g"
        "/providers/Microsoft.Solutions/applicationDefinitions/x"
    },
    {"applicationDefinitionId": None, "plan": {**PLAN, "product": "another"}},
]


@pytest.mark.parametrize("change", OTHERS, ids=["definition", "plan"])
def test_what_is_of_an_offer_that_is_not_known_yet_is_to_be_repeated(
    change: dict[str, Any], client: TestClient, deployment: Deployment, offer: Offer, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)

    assert post(client, {**told(offer), **change}).status_code == 503
    assert kept(deployment.database) == []
    assert lines(caplog) == ["503 PUT Succeeded: of an offer not known here"]


def test_the_marketplace_tells_a_plan_and_where_it_bills(
    client: TestClient, deployment: Deployment, offer: Offer
) -> None:
    bought = {**told(offer), "plan": PLAN, "billingDetails": {"resourceUsageId": "usage"}}
    del bought["applicationDefinitionId"]

    assert post(client, bought).status_code == 200
    [row] = kept(deployment.database)
    assert json.loads(row.notification)["plan"] == PLAN


ANOTHER = "/subscriptions/s/resourceGroups/g/providers/Microsoft.Solutions/applicationDefinitions/of-the-marketplace"
AS_AZURE_WRITES_IT: dict[str, dict[str, Any]] = {
    "a plan beside the definition": {"plan": PLAN},
    "a plan beside a definition of the marketplace's own": {"plan": PLAN, "applicationDefinitionId": ANOTHER},
    "a plan of the preview beside it": {
        "plan": {**PLAN, "product": "office365-insights-preview"},
        "applicationDefinitionId": ANOTHER,
    },
    "a plan without a version": {
        "plan": {"publisher": "fabrikam", "product": "office365-insights", "name": "standard"},
        "applicationDefinitionId": None,
    },
    "a plan with nulls": {"plan": {**PLAN, "version": None, "publisher": None}, "applicationDefinitionId": None},
    "no plan": {"plan": None, "billingDetails": None, "error": None},
    "no usage": {"billingDetails": {"resourceUsageId": None}},
    "no details": {"provisioningState": "Failed", "error": {"code": "Bad", "message": "it is", "details": None}},
    "no message": {"provisioningState": "Failed", "error": {"code": "Bad", "message": None}},
    "no code": {"provisioningState": "Failed", "error": {"code": None, "message": None, "details": []}},
    "details of nulls": {
        "provisioningState": "Failed",
        "error": {"code": "Bad", "details": [None, {"code": None, "message": None}]},
    },
    "what is new": {"somethingNew": {"deep": [1, None]}},
}


@pytest.mark.parametrize("kind", AS_AZURE_WRITES_IT)
def test_what_azure_leaves_out_or_writes_as_null_is_kept_and_read_again(
    kind: str, client: TestClient, deployment: Deployment, offer: Offer
) -> None:
    assert post(client, {**told(offer), **AS_AZURE_WRITES_IT[kind]}).status_code == 200

    [[received]] = pending(deployment.database, 10).values()
    assert received.notification.event_type == "PUT"


def test_what_is_repeated_is_kept_once_however_its_id_is_spelled(
    client: TestClient, deployment: Deployment, offer: Offer, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    first = told(offer)
    again = {**first, "applicationId": first["applicationId"].lstrip("/").upper()}

    answers = [post(client, body).status_code for body in (first, first, again)]

    assert answers == [200, 200, 200]
    assert len(kept(deployment.database)) == 1
    assert [line.split(" (")[0] for line in lines(caplog)] == [
        "200 PUT Succeeded: kept",
        "200 PUT Succeeded: known already",
        "200 PUT Succeeded: known already",
    ]


def test_what_comes_out_of_order_is_kept_too(client: TestClient, deployment: Deployment, offer: Offer) -> None:
    later = told(offer, event="DELETE", state="Deleted", at="11:00")

    assert [post(client, body).status_code for body in (later, told(offer))] == [200, 200]
    assert len(kept(deployment.database)) == 2


def test_errors_name_nobody(client: TestClient, deployment: Deployment, offer: Offer) -> None:
    error = {"code": "AuthorizationFailed", "message": 'The client "live.com#ann@contoso.com" may not, "ann@c.com"'}

    assert post(client, told(offer, state="Failed", error={**error, "details": [error]})).status_code == 200

    [row] = kept(deployment.database)
    assert "@" not in row.notification
    assert json.loads(row.notification)["error"]["code"] == "AuthorizationFailed"


def test_while_the_database_is_away_azure_is_asked_to_repeat(
    client: TestClient,
    deployment: Deployment,
    offer: Offer,
    caplog: pytest.LogCaptureFixture,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    caplog.set_level(logging.INFO)

    def away(*_: object) -> None:
        raise DatabaseUnavailableError("the mart failed 5 times")

    with monkeypatch.context() as patch:
        patch.setattr(Database, "run", away)
        assert post(client, told(offer)).status_code == 503

    assert post(client, told(offer)).status_code == 200
    assert len(kept(deployment.database)) == 1
    assert [line[:3] for line in lines(caplog)] == ["503", "200"]


@pytest.mark.parametrize("path", ["/readme", "/notifications/readme"])
def test_everybody_can_read_the_readme(path: str, client: TestClient, offer: Offer) -> None:
    answer = client.get(path)

    assert answer.status_code == 200
    assert answer.headers["content-type"] == "text/plain; charset=utf-8"
    assert answer.text == build(offer).files[README].decode()
    assert offer.readme_address.endswith("/readme")


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("GET", "/health", 200),
        ("GET", "/readme", 200),
        ("POST", "/readme", 405),
        ("HEAD", "/health", 200),
        ("HEAD", "/resource", 405),
        ("GET", "/resource", 405),
        ("POST", "/", 404),
        ("GET", "/resource/", 404),
    ],
)
def test_every_request_is_one_line(
    method: str, path: str, status: int, client: TestClient, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)

    assert client.request(method, path, follow_redirects=False).status_code == status
    assert [line[:3] for line in lines(caplog)] == [str(status)]


def test_what_is_listened_to_is_one_line_for_each_request_without_the_signature(
    offer: Offer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("O365_HOME", str(tmp_path / "vendor"))
    monkeypatch.setenv("O365_NOTIFICATION_SIGNATURE", SIGNATURE)
    code = "from o365_pipeline.cli.main import main; main()"
    arguments = [sys.executable, "-W", "ignore", "-c", code, "managed-app", "listen", "--port", "0"]

    with subprocess.Popen(arguments, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        [address] = re.findall(r"http://127\.0\.0\.1:\d+/resource", process.stdout.readline())
        statuses = [
            httpx2.post(address, params={"sig": sig}, json=told(offer)).status_code
            for sig in (SIGNATURE, SIGNATURE, f"not-{SIGNATURE}")
        ]
        process.send_signal(signal.SIGINT)
        out, errors = process.communicate(timeout=60)

    assert statuses == [200, 200, 401]
    assert [line[:3] for line in errors.splitlines()] == ["200", "200", "401"]
    assert SIGNATURE not in out + errors


@contextmanager
def served(app: Starlette) -> Iterator[str]:
    """The application on a free port of this machine."""
    server = uvicorn.Server(uvicorn.Config(app, port=0, lifespan="off", log_level="warning", backlog=2048))
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    while not server.started:
        assert thread.is_alive()
        thread.join(0.01)
    try:
        yield f"http://127.0.0.1:{server.servers[0].sockets[0].getsockname()[1]}"
    finally:
        server.should_exit = True
        thread.join()


def work_on(database: Database, ended: threading.Event) -> None:
    """Another reader and writer of the same ledger, as the sensors are."""
    while not ended.is_set():
        pending(database, MAX_APPLICATIONS)
        database.execute(installation.delete())


def test_a_burst_of_a_thousand_is_kept_while_a_sensor_reads_and_writes_the_ledger(
    app: Starlette, deployment: Deployment, offer: Offer
) -> None:
    bodies = [told(offer, f"app-{number}") for number in range(1_000)]
    _ = deployment.database.engine
    ended = threading.Event()
    sensor = threading.Thread(target=work_on, args=(deployment.database, ended))
    sensor.start()

    async def all_at_once(url: str) -> list[int]:
        limits = httpx2.Limits(max_connections=200)
        async with httpx2.AsyncClient(base_url=url, limits=limits, timeout=120) as client:
            posts = [client.post("/resource", params={"sig": SIGNATURE}, json=body) for body in bodies]
            return [answer.status_code for answer in await asyncio.gather(*posts)]

    with served(app) as url:
        statuses = asyncio.run(all_at_once(url))
    ended.set()
    sensor.join()

    assert statuses == [200] * 1_000
    assert len({row.application_id for row in kept(deployment.database)}) == 1_000
