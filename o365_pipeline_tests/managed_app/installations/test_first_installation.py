"""From an offer to a second purchaser's filled mart, with the command line alone: two installations never mix."""

from __future__ import annotations

import io
import json
import os
import re
import sqlite3
import sys
import tempfile
import zlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, redirect_stderr, redirect_stdout
from dataclasses import dataclass, field
from importlib import resources
from pathlib import Path
from typing import Any

import duckdb
import pytest
import sqlalchemy as sa
from azure.core.exceptions import HttpResponseError
from starlette.testclient import TestClient

from o365_pipeline.cli import main as cli
from o365_pipeline.cli.offer import purchaser
from o365_pipeline.deployment import load
from o365_pipeline.errors import DatabaseError, ExtractionError
from o365_pipeline.sandbox.azure import installation
from o365_pipeline.sandbox.azure.purchases import SOME_SECRET
from o365_pipeline.sandbox.azure.resources import Resources
from o365_pipeline.sandbox.state import State
from o365_pipeline_tests import privacy_page

DATASETS = ("User_v1", "Message_v1")
OF_PEOPLE = re.compile(
    r"id|puser|mail|userPrincipalName|proxyAddresses|displayName|name|address|AadObjectId|Email|Url|internetMessageId"
)
"""Keys of raw rows whose texts tell a person, a message or a site."""

SUBJECT = re.compile("subject")
STAYING = privacy_page.places_of("After an uninstallation")
APPROVER = ("--approver", "grace.finch@northwind.example", "--reason", "Finch has looked at it")
SIGNATURE, CHANNEL = "canary-of-the-signature-5b1d7e20c4", "canary-of-the-channel-8d2f"

TABLES = ("dim_person", "fact_message", "agg_person_day")


@dataclass(frozen=True)
class Ended:
    """A program that ended."""

    returncode: int = 0


@dataclass
class Vendor:
    """A vendor's terminal, in a folder of its own. The sandbox is strict: nothing is registered or granted but by
    somebody.
    """

    folder: Path
    printed: list[str] = field(default_factory=list)

    @property
    def home(self) -> Path:
        return self.folder / "home"

    def run(self, *arguments: str, status: int = 0) -> str:
        """Run `o365-pipeline` with arguments; what it printed."""
        return self._main(arguments, {**os.environ, **self._settings()}, status)

    def within(self, application: str, *arguments: str, status: int = 0) -> str:
        """Run `o365-pipeline` in the container of an installation, here in this process; what it printed."""
        printed: list[str] = []
        self._execute(application, arguments, lambda given, env: printed.append(self._main(given, env, status)), status)
        return "".join(printed)

    def container(self, application: str) -> dict[str, str]:
        """The environment of the container of an installation."""
        found: dict[str, str] = {}
        self._execute(application, ["doctor"], lambda _, env: found.update(env))
        return found

    def _execute(
        self,
        application: str,
        arguments: Sequence[str],
        runs: Callable[[list[str], dict[str, str]], None],
        status: int = 0,
    ) -> None:
        def in_this_process(program: list[str], env: dict[str, str], check: bool) -> Ended:
            assert program[1:3] == ["-m", "o365_pipeline"]
            runs(program[3:], env)
            return Ended(status)

        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(purchaser.subprocess, "run", in_this_process)
            environment = {**os.environ, **self._settings()}
            self._main(["sandbox", "exec", application, *arguments], environment, status)

    def _main(self, arguments: Sequence[str], environment: Mapping[str, str], status: int = 0) -> str:
        out, err = io.StringIO(), io.StringIO()
        with exactly(environment) as patch:
            patch.setattr(sys, "argv", ["o365-pipeline", *arguments])
            with redirect_stdout(out), redirect_stderr(err), pytest.raises(SystemExit) as ended:
                cli.main()
        assert int(ended.value.code or 0) == status, err.getvalue()
        self.printed.append(out.getvalue())
        return out.getvalue()

    def told_of(self, application: str) -> list[str]:
        """The lines that the list of installations has of an application, without its name."""
        listed = self.run("managed-app", "installations", "--take-in")
        [told] = re.findall(rf"^{application}-[0-9a-f]{{6}}: (.+\n(?:  .+\n)*)", listed, re.MULTILINE)
        return [line.strip() for line in str(told).splitlines()]

    def mart(self, application: str) -> tuple[dict[str, int], Path]:
        """Rows by table of an installation's mart, and the file that holds it."""
        shown = self.within(application, "mart", "show")
        rows = {name: int(number.replace(",", "")) for name, number in re.findall(r"│ (\w+) +│ +([\d,]+) │", shown)}
        [path] = re.findall(r"^It is in sqlite:///(.+)$", shown, re.MULTILINE)
        return rows, Path(path)

    def _settings(self) -> dict[str, str]:
        offer = self.folder / "offer.toml"
        return {
            "O365_HOME": str(self.home),
            "O365_SANDBOX_STRICT": "1",
            "O365_SANDBOX_SECONDS": "0",
            "O365_SANDBOX_USERS": "8",
            "COLUMNS": "250",
            "DAGSTER_HOME": "",
            "O365_NOTIFICATION_SIGNATURE": SIGNATURE,
            "O365_NEWS_URLS": f"json://news.example/{CHANNEL}",
            **({"O365_OFFER": str(offer)} if offer.exists() else {}),
        }


@contextmanager
def exactly(environment: Mapping[str, str]) -> Iterator[pytest.MonkeyPatch]:
    """Let the environment be this, and no more, for a time."""
    with pytest.MonkeyPatch.context() as patch:
        for name in [name for name in os.environ if name not in environment]:
            patch.delenv(name)
        for name, value in environment.items():
            patch.setenv(name, value)
        yield patch


@pytest.fixture
def vendor(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Vendor:
    """A vendor whose temporary files are in a folder of their own."""
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "tmp"))
    (tmp_path / "tmp").mkdir()
    return Vendor(tmp_path)


def write_offer(vendor: Vendor, printed: str) -> None:
    """The example as a vendor would edit it: a small data request, two days of history."""
    shipped = (resources.files("o365_pipeline.customers") / "data_request.toml").read_text()
    head, *datasets = shipped.split("[[datasets]]")
    wanted = [text for text in datasets if any(f'"{name}"' in text for name in DATASETS)]
    wanted = [text.replace('"bccRecipients"', '"bccRecipients", "subject"') for text in wanted]
    (vendor.folder / "request.toml").write_text("[[datasets]]".join([head, *wanted]))
    edited = re.sub(r"history_days = \d+", "history_days = 4", printed)
    (vendor.folder / "offer.toml").write_text(f'data_request = "request.toml"\n{edited}')


def texts_of(row: Any, keys: re.Pattern[str], key: str = "") -> Iterator[str]:
    """The texts of a raw row that stand under one of the keys."""
    if isinstance(row, dict):
        for name, value in row.items():
            yield from texts_of(value, keys, name)
    elif isinstance(row, list):
        for value in row:
            yield from texts_of(value, keys, key)
    elif isinstance(row, str) and len(row) >= 6 and keys.fullmatch(key):
        yield row.lower()


def marks_of(vendor: Vendor, customer: str, keys: re.Pattern[str] = OF_PEOPLE) -> set[str]:
    """What is a customer's alone: ids, names and addresses of its people, of their messages, of sites."""
    files = (vendor.home / "sandbox" / "storage").rglob(f"raw/{customer}/**/part-*.json")
    lines = [json.loads(line) for file in files for line in file.read_text().splitlines()]
    return {mark for line in lines for mark in texts_of(line, keys)}


def readable(path: Path) -> str:
    """All that a file holds, as text: its bytes, and what is packed in them."""
    content = path.read_bytes()
    texts = [content.decode("utf-8", "replace")]
    if path.suffix == ".parquet":
        query = "SELECT to_json(r)::VARCHAR FROM read_parquet(?, hive_partitioning = false) r"
        rows = duckdb.connect().execute(query, [str(path)]).fetchall()
        texts += [text for (text,) in rows]
    elif content.startswith(b"SQLite format 3"):
        texts += values_of(path)
    return unescaped("\n".join(texts)).lower()


def values_of(path: Path) -> Iterator[str]:
    """Every value of a database; a long one is in pieces in the file itself, and Dagster packs some."""
    connection = sqlite3.connect(path)
    tables = [name for (name,) in connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'")]
    for name in tables:
        for row in connection.execute(f'SELECT * FROM "{name}"'):
            for value in row:
                yield unpacked(value).decode("utf-8", "replace") if isinstance(value, bytes) else str(value)
    connection.close()


def unpacked(content: bytes) -> bytes:
    try:
        return zlib.decompress(content)
    except zlib.error:
        return content


def unescaped(text: str) -> str:
    r"""The text with letters in the place of JSON's \u00e9."""
    return re.sub(r"\\+u([0-9a-fA-F]{4})", lambda found: chr(int(found[1], 16)), text)


def found_in(files: list[Path], marks: set[str]) -> list[str]:
    """Which files hold which of the marks."""
    texts = {file: readable(file) for file in files}
    return [f"{file}: {mark}" for file, text in texts.items() for mark in sorted(marks) if mark in text]


def all_files(vendor: Vendor) -> list[Path]:
    """Every file of the home, as it is once no process is at work: what is written ahead is in the database."""
    for path in vendor.home.rglob("*.db-wal"):
        connection = sqlite3.connect(path.with_suffix(".db"))
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        connection.close()
    return [path for path in vendor.home.rglob("*") if path.is_file() and path.suffix != ".db-shm"]


def places_naming(vendor: Vendor, texts: Mapping[Path, str], word: str) -> set[str]:
    """Where in the home a word stands, as the page about privacy calls the places."""
    below = [path.relative_to(vendor.home).parts for path, text in texts.items() if word.lower() in text]
    return {parts[0] if len(parts) == 1 else f"{parts[0]}/" for parts in below}


def installed_by(vendor: Vendor, application: str) -> dict[str, str]:
    """What Azure shows of an installation to its purchaser."""
    found = installation.found(Resources(State(vendor.home / "sandbox")), application)["properties"]
    outputs = {name: entry["value"] for name, entry in found["outputs"].items()}
    return {**outputs, "group": found["managedResourceGroupId"], "server": outputs["sqlServer"].partition(".")[0]}


def files_of(vendor: Vendor, *places: set[str]) -> tuple[list[list[Path]], list[Path]]:
    """The files of each installation, in its storage account, its database and its own folder, and those that are
    nobody's own.
    """
    everything = all_files(vendor)
    own = [[path for path in everything if named & set(path.parts)] for named in places]
    return own, [path for path in everything if not any(path in files for files in own)]


def places_of(vendor: Vendor, application: str) -> set[str]:
    """The names of folders that are an installation's own."""
    shown = installed_by(vendor, application)
    return {application, shown["storageAccount"], shown["server"]}


def test_one_sequence_of_commands_leads_from_an_offer_to_a_second_purchasers_mart(vendor: Vendor) -> None:
    write_offer(vendor, vendor.run("managed-app", "example"))
    estimated = vendor.run("managed-app", "estimate", "--users", "500")
    assert "4 days of history" in estimated
    assert "TeamChat_v1" not in estimated
    vendor.run("managed-app", "build")
    vendor.run("managed-app", "publish", status=1)
    vendor.run("sandbox", "grant", "--vendor")
    vendor.run("managed-app", "publish")
    contoso, northwind, tailspin = "contoso-insights", "northwind-insights", "tailspin-insights"
    vendor.run("sandbox", "install", "--name", contoso)
    vendor.run("sandbox", "install", "--name", northwind, "--sku", "weekly")

    for act in (("register",), ("grant", "--without", "azure"), ("approve",)):
        vendor.within(contoso, "sandbox", *act)
    vendor.within(contoso, "demo")

    rows, mart = vendor.mart(contoso)
    assert all(rows[name] for name in TABLES), rows
    assert not list((vendor.home / "sandbox" / "storage").rglob(f"{northwind}/**/*"))
    [before, nothing] = vendor.told_of(northwind)
    assert (before, nothing.partition(";")[0]) == ("Succeeded, weekly 1.0.0", "extracted: never")
    asked = vendor.within(northwind, "doctor", status=1)
    assert re.search(r"^FAILS  northwind-insights: activity feed: \(b\) is missing", asked, re.MULTILINE)
    assert re.search(r"^later  northwind-insights: registration with Data Connect: \(a\) ", asked, re.MULTILINE)
    assert re.search(r"^later  northwind-insights: approval: \(c\) no decision yet", asked, re.MULTILINE)

    for act in (("register",), ("grant", "--without", "azure")):
        vendor.within(northwind, "sandbox", *act)
    vendor.within(northwind, "sandbox", "approve", *APPROVER)
    healthy = vendor.within(northwind, "doctor")
    assert "it holds for 180 days" in healthy, "it reads the feed itself"
    assert "works  northwind-insights: policies: mrg-northwind-insights complies with all 6" in healthy
    told = vendor.within(northwind, "demo")

    assert "Paid for 2 factory runs" in told
    assert all(vendor.mart(northwind)[0][name] for name in TABLES)
    assert vendor.mart(contoso) == (rows, mart)
    for application, sku in ((contoso, "standard"), (northwind, "weekly")):
        state, extracted = vendor.told_of(application)
        assert state == f"Succeeded, {sku} 1.0.0"
        assert "; runs: 2; rows: " in extracted
        assert " USD" in extracted
    never_mixes(vendor, contoso, northwind)
    vendor.run("sandbox", "install", "--name", tailspin)
    sees_nothing_of(vendor, tailspin, northwind)
    shown, places = installed_by(vendor, northwind), places_of(vendor, northwind)
    people = marks_of(vendor, northwind)
    subjects = marks_of(vendor, northwind, SUBJECT) - marks_of(vendor, contoso, SUBJECT)
    header = vendor.container(northwind)["IDENTITY_HEADER"]
    assert min(len(people), len(subjects)) > 10
    assert tables_that_hold(vendor, header) == {"principal"}

    vendor.run("sandbox", "uninstall", northwind)

    assert vendor.told_of(northwind)[0].startswith("Deleted")
    assert vendor.told_of(contoso)[0].startswith("Succeeded")
    [left], _ = files_of(vendor, places)
    assert left == []
    gone = (header, shown["identityClientId"], shown["identityObjectId"], shown["group"])
    assert tables_that_hold(vendor, *gone) == set()
    # The customer's own: what its approver was shown, what its developer registered, and what its audit log says.
    assert tables_that_hold(vendor, shown["storageAccount"]) == {"registration", "portal_registration", "record"}
    texts = {path: readable(path) for path in all_files(vendor)}
    assert [mark for text in texts.values() for mark in people | subjects if mark in text] == []
    assert tables_that_hold(vendor, "Finch") == {"record"}
    assert STAYING.nobody == {"mart.db"}
    found = {word: places_naming(vendor, texts, word) for word in ("Finch", SIGNATURE, CHANNEL, SOME_SECRET)}
    assert found == {"Finch": STAYING.approvers, SIGNATURE: STAYING.approvers, CHANNEL: set(), SOME_SECRET: set()}
    assert not any(secret in text for secret in (SIGNATURE, header, "Finch", "canary") for text in vendor.printed)
    assert [path for path in (vendor.folder / "tmp").rglob("*") if path.is_file()] == []


def never_mixes(vendor: Vendor, first: str, second: str) -> None:
    """See to it that nothing of an installation stands in what is the other's, or in what is nobody's own, such as the
    vendor's ledger.
    """
    marks = {customer: marks_of(vendor, customer) for customer in (first, second)}
    assert min(len(found) for found in marks.values()) > 50, "fewer on a weekend"
    assert marks[first] & marks[second] == set()
    (of_first, of_second), common = files_of(vendor, places_of(vendor, first), places_of(vendor, second))
    for own, mine in ((of_first, marks[first]), (of_second, marks[second])):
        kinds = {path.suffix for path in own if found_in([path], mine)}
        assert kinds >= {".json", ".parquet", ".db"}, "what is looked for would be found"

    assert found_in(of_first, marks[second]) == []
    assert found_in(of_second, marks[first]) == []
    assert {path.name for path in common} >= {"mart.db", "sandbox.db"}
    assert found_in(common, marks[first] | marks[second]) == []
    for printed in vendor.printed:
        assert not all(any(mark in printed.lower() for mark in mine) for mine in marks.values())


def sees_nothing_of(vendor: Vendor, third: str, second: str) -> None:
    """See to it that neither settings nor tokens of an installation open what is another's: its feed, its factory, its
    storage account, its database; and that it gets no tokens of the other's identity.
    """
    own, others = vendor.container(third), vendor.container(second)
    shown = installed_by(vendor, second)
    secrets = [shown["tenantId"], shown["storageAccount"], shown["server"], shown["identityClientId"]]
    assert all(mark in json.dumps(others) and mark not in json.dumps(own) for mark in [*secrets, second])
    with exactly(others):
        [customer] = load().customers
    with exactly(own):
        deployment = load()
    assert own["IDENTITY_HEADER"] != others["IDENTITY_HEADER"]

    with pytest.raises(HttpResponseError, match="AF20010"):
        deployment.resources["activity_feed"].is_subscribed(customer)
    with pytest.raises(ExtractionError, match="InvalidAuthenticationTokenTenant"):
        deployment.resources["data_factory"].region(customer)
    blob = f"/blob/{customer.storage_account}/{customer.container}"
    signs_in = deployment.cloud.credential(customer.azure_tenant_id)
    answer = TestClient(deployment.sandbox_cloud.served).get(
        f"{blob}?restype=container&comp=list",
        headers={"Authorization": f"Bearer {signs_in.get_token('https://storage.azure.com/.default').token}"},
    )
    assert (answer.status_code, "Issuer did not match" in answer.text) == (401, True)
    mart, identity = ({name: others[name]} for name in ("O365_MART_URL", "AZURE_CLIENT_ID"))
    for taken, told in (mart, "cannot be opened"), ({**mart, **identity}, "nobody could be signed in"):
        with exactly({**own, **taken}), pytest.raises(DatabaseError, match=told):
            load().database.run(lambda connection: connection.execute(sa.select(1)))
    assert all(vendor.mart(third)[0][name] == 0 for name in TABLES)


def tables_that_hold(vendor: Vendor, *marks: str) -> set[str]:
    """The tables of the sandbox that hold one of these texts."""
    with State(vendor.home / "sandbox").reading() as connection:
        tables = [row["name"] for row in connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'")]
        return {
            table
            for table in tables
            for row in connection.execute(f'SELECT * FROM "{table}"')
            if any(mark.lower() in str(value).lower() for mark in marks for value in tuple(row))
        }
