"""The kinds of input that come from outside: good ones, how they are spoiled, and what takes them.

What belongs here: one class for each kind. `take` returns what became of an input, in a word, and raises an error for
nothing: neither a traceback nor an error of many lines is a place where an input may end.
"""

from __future__ import annotations

import asyncio
import datetime as dt
import io
import json
import logging
import random
import tempfile
import tomllib
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any, Protocol

import sqlalchemy as sa
from pydantic import SecretStr

from o365_pipeline.consent.activity_feed import Page, Position
from o365_pipeline.consent.feed_reading import read_feeds
from o365_pipeline.cost.assumptions import read_assumptions
from o365_pipeline.cost.rates import read_rates
from o365_pipeline.cost.reference_data import shipped_text
from o365_pipeline.curated.curation import Counts, curate
from o365_pipeline.customers import configuration
from o365_pipeline.customers.customer import Customers
from o365_pipeline.customers.data_request import read_data_request
from o365_pipeline.database.database import Database
from o365_pipeline.datasets import catalogue
from o365_pipeline.errors import SettingsError, UsageError
from o365_pipeline.extraction.extraction_ledger import Extraction
from o365_pipeline.managed_app import offer as offers
from o365_pipeline.managed_app.installations.notification_endpoint import notification_app
from o365_pipeline.managed_app.installations.notifications import definition_of
from o365_pipeline.managed_app.offer import read_offer
from o365_pipeline.managed_app.package.package import Package, build
from o365_pipeline.managed_app.package.package_reading import files_of
from o365_pipeline.managed_app.package.validation import validate
from o365_pipeline.mart.upgrade import mart_database
from o365_pipeline.raw.duckdb_session import duckdb_session
from o365_pipeline.raw.lake import Lake
from o365_pipeline.raw.manifest import Landed, Manifest
from o365_pipeline.raw.parts import part_of
from o365_pipeline.sandbox.customer import sandbox_customer
from o365_pipeline_tests.consent.fakes import NOW, record
from o365_pipeline_tests.curated.values import full_row
from o365_pipeline_tests.fuzz import malformed
from o365_pipeline_tests.fuzz.days import Days

DAY = dt.date(2026, 11, 16)
LONGEST_LINE = 2_010
ENVIRONMENT = {name: f"a-strong-value-of-{name}-8f3a9c51d7e2" for name in ("CONTOSO_SECRET", "FABRIKAM_SECRET")}
QUIET = logging.getLogger("o365_pipeline.fuzz")
QUIET.disabled = True
logging.getLogger("o365_pipeline.notifications").disabled = True


class FaultError(Exception):
    """An input did not end where it may end."""


class Kind(Protocol):
    """One kind of input."""

    def good(self, chance: random.Random) -> bytes:
        """An input that is taken."""

    def spoiled(self, chance: random.Random) -> bytes:
        """An input that nobody should send."""

    def take(self, content: bytes) -> str:
        """What became of an input; FaultError, or any other exception, is a fault."""


def refused(error: Exception) -> str:
    """A refusal has one line, of a length that somebody reads."""
    line = str(error)
    if not line.strip() or "\n" in line or "\r" in line or len(line) > LONGEST_LINE:
        raise FaultError(f"a refusal that is not one line: {line[:200]!r} ({len(line)} characters)") from error
    if not line.isprintable():
        raise FaultError(f"a refusal that cannot be printed: {line!a}"[:400]) from error
    return "refused"


class Written:
    """A file that somebody writes by hand."""

    ends: tuple[str, ...] = (".toml",)

    def __init__(self, folder: Path, text: str, read: Callable[[Path], object]) -> None:
        self.text, self._read = text.encode(), read
        self.path = folder / f"input{self.ends[0]}"

    def good(self, chance: random.Random) -> bytes:
        return self.text

    def spoiled(self, chance: random.Random) -> bytes:
        ways = (malformed.changed_lines, malformed.changed_lines, malformed.changed_bytes)
        return malformed.changed(chance, self.text, ways)

    def take(self, content: bytes) -> str:
        self.path.write_bytes(content)
        try:
            self._read(self.path)
        except (SettingsError, UsageError) as error:
            return refused(error)
        return "taken"


class CustomersFiles(Written):
    """Files of customers, in TOML, YAML and JSON."""

    def __init__(self, folder: Path) -> None:
        super().__init__(folder, configuration.example(), lambda path: configuration.read_customers(path, ENVIRONMENT))
        (folder / "data_request.toml").write_text(
            (Path(configuration.__file__).parent / "data_request.toml").read_text(encoding="utf-8"), encoding="utf-8"
        )
        self.tree = tomllib.loads(self.text.decode())
        self.yaml = self.path.with_suffix(".yaml")

    def spoiled(self, chance: random.Random) -> bytes:
        match chance.randrange(8):
            case 0 | 1 | 2:
                return b"#yaml\n" + malformed.as_json(chance, malformed.changed_tree(chance, self.tree))
            case 3:
                return b"#json\n" + malformed.as_json(chance, malformed.changed_tree(chance, self.tree))
            case 4:
                bomb = chance.choice((malformed.BOMB, malformed.MERGED)).encode()
                return b"#yaml\n" + malformed.changed_lines(chance, bomb)
        return super().spoiled(chance)

    def take(self, content: bytes) -> str:
        kind, _, rest = content.partition(b"\n")
        if kind == b"#json":
            try:
                configuration.read_customers(rest.decode(errors="surrogateescape"), ENVIRONMENT)
            except (SettingsError, UsageError) as error:
                return refused(error)
            return "taken"
        if kind == b"#yaml":
            self.yaml.write_bytes(rest)
            try:
                configuration.read_customers(self.yaml, ENVIRONMENT)
            except (SettingsError, UsageError) as error:
                return refused(error)
            return "taken"
        return super().take(content)


class DataRequests(Written):
    """Data requests."""

    def __init__(self, folder: Path) -> None:
        text = (Path(configuration.__file__).parent / "data_request.toml").read_text(encoding="utf-8")
        super().__init__(folder, text, read_data_request)


class Offers(Written):
    """Offers."""

    def __init__(self, folder: Path) -> None:
        super().__init__(folder, offers.example(), read_offer)


class Packages:
    """Packages: zips of JSON documents."""

    def __init__(self) -> None:
        built = build(read_offer(None))
        self.content, self.files = built.content, built.files

    def good(self, chance: random.Random) -> bytes:
        return self.content

    def spoiled(self, chance: random.Random) -> bytes:
        if chance.random() < 0.3:
            return malformed.changed_bytes(chance, self.content)
        name = chance.choice([name for name in self.files if name.endswith(".json")])
        document = malformed.changed(chance, self.files[name], (malformed.tree_changed, malformed.tree_changed))
        if chance.random() < 0.1:
            document = malformed.changed_bytes(chance, self.files[name])
        files = {**self.files, name: document}
        match chance.randrange(20):
            case 0:
                del files[chance.choice(list(files))]
            case 1:
                files[chance.choice(("../../x", "/etc/passwd", "C:\\x", "a\x00b", "x" * 60_000, "\u202e.json"))] = b"x"
            case 2:
                files["bomb.json"] = b" " * (8 << 20)
        packed = io.BytesIO()
        with zipfile.ZipFile(packed, "w", chance.choice((zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED))) as archive:
            for path, content in files.items():
                archive.writestr(path, content)
        return packed.getvalue()

    def take(self, content: bytes) -> str:
        try:
            package = Package("package.zip", content, files_of(content, "package.zip"))
        except UsageError as error:
            return refused(error)
        problems = validate(package, [SecretStr("a-secret-that-is-not-there")])
        for problem in problems:
            refused(UsageError(str(problem)))
        return "refused" if problems else "taken"


class Notifications:
    """Azure's notifications of installations, as they come over HTTP."""

    def __init__(self, database: Database) -> None:
        offer = read_offer(None)
        self.app = notification_app(database, SecretStr("signature"), offer, lambda: NOW)
        self.loop = asyncio.new_event_loop()
        self.bodies: list[dict[str, Any]] = [
            {
                "eventType": "PUT",
                "applicationId": "/subscriptions/s1/resourceGroups/g1/providers/Microsoft.Solutions/applications/a1",
                "eventTime": "2026-11-25T12:00:00Z",
                "provisioningState": state,
                "applicationDefinitionId": definition_of(offer),
                "plan": {"publisher": "p", "product": "o", "name": "n", "version": "1.0.0"},
                "billingDetails": {"resourceUsageId": "u1"},
                "error": {"code": "c", "message": "somebody@x.example has none", "details": [{"code": "d"}]},
            }
            for state in ("Accepted", "Succeeded", "Failed")
        ]

    def good(self, chance: random.Random) -> bytes:
        return json.dumps(chance.choice(self.bodies)).encode()

    def spoiled(self, chance: random.Random) -> bytes:
        ways = (malformed.tree_changed, malformed.tree_changed, malformed.changed_bytes)
        return malformed.changed(chance, self.good(chance), ways)

    def take(self, content: bytes) -> str:
        status = self.loop.run_until_complete(self._post(content))
        if status not in (200, 400, 413, 503):
            raise FaultError(f"a notification is answered with {status}")
        return {200: "taken", 503: "asked to come again"}.get(status, "refused")

    async def _post(self, content: bytes) -> int:
        scope = {
            "type": "http",
            "method": "POST",
            "path": "/resource",
            "raw_path": b"/resource",
            "query_string": b"sig=signature",
            "headers": [(b"content-type", b"application/json")],
            "http_version": "1.1",
            "scheme": "https",
            "server": ("localhost", 443),
            "client": ("127.0.0.1", 1),
        }
        statuses: list[int] = []

        async def receive() -> dict[str, Any]:
            return {"type": "http.request", "body": content, "more_body": False}

        async def send(message: Any) -> None:
            if message["type"] == "http.response.start":
                statuses.append(message["status"])

        await self.app(scope, receive, send)
        return statuses[0]


class FeedRecords:
    """Blobs of audit records, from the feed to the ledger."""

    def __init__(self, database: Database) -> None:
        self.database = database
        self.customer = sandbox_customer(read_data_request(None))
        counted = {
            "Id": "o1",
            "RecordType": 183,
            "ApplicationId": self.customer.data_request.application_id,
            "DatasetName": "BasicDataSet_v0.Message_v1",
            "PipelineRunId": "r1",
            "RunStartTime": NOW.isoformat(),
            "Status": "Succeeded",
            "RowCount": 3,
            "UndeliveredScope": "[]",
        }
        self.records: list[dict[str, Any]] = [
            record(self.customer, Datasets=[{"DatasetName": "BasicDataSet_v0.Message_v1", "DatasetColumns": ["id"]}]),
            record(self.customer, "e2", State="Denied", Reason="no"),
            counted,
            {"Id": "x1", "RecordType": 15, "CreationTime": NOW.isoformat(), "UserId": "somebody"},
        ]

    def good(self, chance: random.Random) -> bytes:
        return json.dumps(self.records).encode()

    def spoiled(self, chance: random.Random) -> bytes:
        ways = (malformed.tree_changed, malformed.tree_changed, malformed.tree_changed, malformed.changed_bytes)
        return malformed.changed(chance, self.good(chance), ways)

    def take(self, content: bytes) -> str:
        try:
            read = json.loads(content)
        except (ValueError, RecursionError):
            # As `ActivityFeed` does: such a blob is asked for again, and named.
            return "refused"
        records = tuple(read) if isinstance(read, list) else (read,)
        feed: Any = _Feed(records)
        progress = read_feeds(self.database, feed, Customers([self.customer]), NOW, 60, QUIET)
        if progress.failures or progress.behind:
            raise FaultError(f"a page is not recorded: {'; '.join(progress.failures)}")
        return "refused" if progress.unreadable else "taken"


class _Feed:
    poll_seconds = 0.0

    def __init__(self, records: tuple[object, ...]) -> None:
        self.records = records

    def read(self, _customer: object, _position: Position, now: dt.datetime) -> Page:
        return Page(Position(now), self.records)


class Rows:
    """Parts of landings, as the factory writes them: many rows each, each of which ends somewhere."""

    def __init__(self, folder: Path, rows: int) -> None:
        self.lake, self.rows = Lake.in_folder(folder / "lake"), rows
        self.number = 0

    def good(self, chance: random.Random) -> bytes:
        dataset = chance.choice(list(catalogue()))
        lines = [json.dumps(self._row(chance, dataset)) for _ in range(self.rows)]
        return "\n".join([dataset.name, *lines]).encode()

    def spoiled(self, chance: random.Random) -> bytes:
        dataset = chance.choice(list(catalogue()))
        lines = [
            malformed.as_json(chance, malformed.changed_tree(chance, self._row(chance, dataset)))
            for _ in range(self.rows)
        ]
        # A row of many brackets is slow to read, so that there are few of them.
        lines = [line if len(line) < 4_000 or chance.random() < 0.1 else line[:1_000] for line in lines]
        part = chance.choice((b"\n", b"\n", b"\r\n", b"", b",\n")).join(lines)
        if chance.random() < 0.5:
            part = malformed.changed_bytes(chance, part)
        return dataset.name.encode() + b"\n" + part

    def take(self, content: bytes) -> str:
        name, _, part = content.partition(b"\n")
        dataset = catalogue()[name.decode()]
        columns = tuple(column.name for column in dataset.columns)
        path = f"raw/contoso/{dataset.asset_name}/{DAY}/r1/part-0.json"
        self.lake.write(path, part)
        with duckdb_session() as (connection, _):
            sealed = part_of(connection, path, self.lake.stage([path], Path())[0])
        manifest = Manifest(
            extraction_id="x1",
            customer="contoso",
            dataset=dataset.name,
            first_day=DAY,
            last_day=DAY,
            columns=columns,
            factory_run_id="r1",
            rows_reported=None,
            parts=(sealed,),
        )
        extraction = Extraction(
            "x1", "contoso", dataset.name, DAY, DAY, columns, "{}", "e1", "extraction", "Succeeded",
            "me", dt.datetime(2026, 11, 17), 1, "r1", None, None, None,
        )  # fmt: skip
        counts = curate(self.lake, dataset, Landed(extraction, manifest), [DAY], columns).counts
        total = sum(counts.values(), Counts()).total
        if total != manifest.rows:
            raise FaultError(f"{dataset.name}: {manifest.rows} rows landed, {total} ended somewhere")
        return "taken"

    def _row(self, chance: random.Random, dataset: Any) -> dict[str, Any]:
        self.number += 1
        keys = dict.fromkeys(dataset.natural_key, f"key {self.number}")
        information = {"errorInformation": None, "userReturnedNoData": False, "isUserSummaryRow": False}
        return {**full_row(dataset, chance.random() < 0.3), **keys, "puser": "u1", "rowinformation": information}


def kinds(folder: Path, rows: int, mart: sa.URL | None = None) -> dict[str, Kind]:
    """All kinds, which work in an empty folder; a part of a landing has so many rows, and so have all parts of a day.

    Args:
        mart: an empty database that days are loaded into; else a SQLite file.
    """
    sqlite = sa.URL.create("sqlite", database=str(folder / "mart.db"))
    database = mart_database(sqlite)
    return {
        "rows": Rows(folder, rows),
        "days": Days(folder, rows, mart or sqlite),
        "customers": CustomersFiles(Path(tempfile.mkdtemp(dir=folder))),
        "requests": DataRequests(Path(tempfile.mkdtemp(dir=folder))),
        "offers": Offers(Path(tempfile.mkdtemp(dir=folder))),
        "rates": Written(Path(tempfile.mkdtemp(dir=folder)), shipped_text("rates.toml"), read_rates),
        "assumptions": Written(Path(tempfile.mkdtemp(dir=folder)), shipped_text("assumptions.toml"), read_assumptions),
        "packages": Packages(),
        "notifications": Notifications(database),
        "feed": FeedRecords(database),
    }
