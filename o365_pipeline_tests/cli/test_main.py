"""The command line: what it prints, and with which status it ends."""

from __future__ import annotations

import datetime as dt
import json
import re
import signal
import socket
import sqlite3
import ssl
import subprocess
import sys
from collections.abc import Iterator
from contextlib import nullcontext
from pathlib import Path

import dagster as dg
import httpx2
import pytest
from azure.core.exceptions import ServiceRequestError

from o365_pipeline.consent.activity_feed import ActivityFeed
from o365_pipeline_tests.cli.conftest import Command
from o365_pipeline_tests.conftest import DAY, SAMPLES
from o365_pipeline_tests.finished_homes import MAILS, FinishedHomes, data_request_of
from o365_pipeline_tests.served import certificate

SHIPPED_REQUEST = Path(__file__).parents[2] / "o365_pipeline" / "customers" / "data_request.toml"
MONDAY, TUESDAY, WEDNESDAY = (str(DAY + dt.timedelta(days=number)) for number in range(3))


@pytest.fixture
def demonstrated(home: Path, finished_homes: FinishedHomes) -> None:
    """The home after `o365-pipeline demo --days 1`."""
    finished_homes.copy_days(1, home)


@pytest.fixture
def two_datasets(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A data request of people and mails alone."""
    monkeypatch.setenv("O365_DATA_REQUEST", str(data_request_of(MAILS, tmp_path)))


@pytest.fixture
def mails_demonstrated(home: Path, two_datasets: None, finished_homes: FinishedHomes) -> None:
    """The home after a demo of one day of people and mails."""
    finished_homes.copy_days(1, home, MAILS)


@pytest.fixture
def dagster_in_memory(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Let the test's commands share what Dagster remembers, without files."""
    with dg.DagsterInstance.ephemeral() as instance:
        monkeypatch.setattr(dg.DagsterInstance, "get", lambda: nullcontext(instance))
        yield


def rows(home: Path, table: str) -> int:
    with sqlite3.connect(home / "mart.db") as connection:
        return int(connection.execute(f"SELECT count(*) FROM {table}").fetchone()[0])


def factory_runs(home: Path) -> int:
    with sqlite3.connect(home / "sandbox" / "sandbox.db") as connection:
        return int(connection.execute("SELECT count(*) FROM run").fetchone()[0])


@pytest.mark.usefixtures("two_datasets")
def test_the_demo_waits_for_approval_then_fills_the_mart_in_its_home_and_a_second_one_adds_nothing(
    command: Command, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    home = tmp_path / "my home"
    monkeypatch.setenv("O365_HOME", str(home))

    first = command("demo", "--days", "2")

    assert first.status == 0, first.stderr
    told = [
        first.stdout.index(text) for text in ("waiting for approval", "nothing has moved", "approved", "fact_message")
    ]
    assert told == sorted(told)
    assert "0 factory runs, 0 lake objects, 0 mart rows" in first.stdout
    for title in ("Busiest senders", "Meeting hours by department", "Mails per day"):
        assert title in first.stdout
    assert f"To look at it: {home / 'report.html'}" in first.stdout
    report = (home / "report.html").read_text()
    assert "Overview" in report and "http" not in report.replace("http://www.w3.org", "")
    assert (home / "report.html").stat().st_mode & 0o077 == 0
    messages, runs = rows(home, "fact_message"), factory_runs(home)
    assert messages
    assert runs == 2
    assert (home / "lake" / "raw").is_dir()
    assert [path.name for path in tmp_path.iterdir() if path.name.startswith("my")] == [home.name]

    second = command("demo", "--days", "2")

    assert second.status == 0, second.stderr
    assert "Paid for no further factory run, 0 rows added" in second.stdout
    assert (rows(home, "fact_message"), factory_runs(home)) == (messages, runs)


@pytest.mark.usefixtures("two_datasets", "dagster_in_memory")
def test_the_demo_extracts_what_was_approved_before_it(command: Command, home: Path) -> None:
    command("sandbox", "approve")

    ended = command("demo", "--days", "1")

    assert "already approved by approver@contoso.example" in ended.stdout
    assert (factory_runs(home), rows(home, "fact_message") > 0) == (2, True)


@pytest.mark.usefixtures("mails_demonstrated")
@pytest.mark.parametrize("address", ["another", "the same"])
def test_a_mart_that_is_empty_is_filled_although_dagster_knows_an_earlier_one(
    command: Command, home: Path, monkeypatch: pytest.MonkeyPatch, address: str
) -> None:
    messages, runs = rows(home, "fact_message"), factory_runs(home)
    if address == "another":
        monkeypatch.setenv("O365_MART_URL", f"sqlite:///{home / 'second' / 'mart.db'}")
    else:
        with sqlite3.connect(home / "mart.db") as connection:
            for (table,) in connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'").fetchall():
                if table != "alembic_version":
                    connection.execute(f"DELETE FROM {table}")

    ended = command("demo", "--days", "1")

    assert ended.status == 0, ended.stderr
    assert rows(home / "second" if address == "another" else home, "fact_message") == messages > 0
    assert factory_runs(home) == runs


@pytest.mark.usefixtures("two_datasets", "dagster_in_memory")
def test_the_demo_accounts_for_every_row_of_a_tenants_files(command: Command, home: Path, tmp_path: Path) -> None:
    data = tmp_path / "tenant"
    data.mkdir()
    good = '{"id": "m%d", "puser": "u1", "sentDateTime": "2024-05-01T10:00:00Z", "internetMessageId": "<%d@x>"}'
    lines = [good % (1, 1) + good % (2, 2), good % (3, 3), '{"id": oops}', "", good % (3, 3)]
    (data / "BasicDataSet_v0.Message_v1.json").write_bytes(b"\xef\xbb\xbf" + "\n".join(lines).encode())
    (data / "User_v1.json").write_text('{"id": "u1", "puser": "u1", "displayName": "Ada", "mail": "ada@x.example"}\n')
    (data / "Planets_v1.json").write_text("{}\n")

    ended = command("demo", "--tenant-data", str(data))

    assert ended.status == 0, ended.stderr
    assert "left aside: Planets_v1.json (no dataset" in ended.stdout
    assert "6 rows landed, all accounted for" in ended.stdout
    assert "Message_v1: 1 quarantined: not JSON" in ended.stdout
    assert "Message_v1: 1 quarantined: repeats the key puser, id" in ended.stdout
    assert rows(home, "fact_message") == 3


@pytest.mark.usefixtures("dagster_in_memory")
def test_the_demo_offers_to_ask_for_what_is_there_and_does(command: Command, home: Path, tmp_path: Path) -> None:
    data, request = tmp_path / "tenant data", tmp_path / "request.toml"
    (data / "message_v1").mkdir(parents=True)
    (data / "message_v1" / "part-0.json").write_text('{"id": "m1", "puser": "u1"}\n')
    (data / "message_v1" / "_SUCCESS").touch()
    (data / "TodoTasks v0.jsonl").write_text('{"Id": "t1", "puser": "u1"}\n')

    before = command("demo", "--tenant-data", str(data))
    after = command("demo", "--tenant-data", str(data), "--write-request", str(request))

    assert before.status == after.status == 0, before.stderr + after.stderr
    assert "taken: Message_v1: message_v1/part-0.json" in before.stdout
    assert "not asked for by the data request: TodoTasks_v0: TodoTasks v0.jsonl" in before.stdout
    assert "left aside: message_v1/_SUCCESS" in before.stdout
    assert (
        f"O365_DATA_REQUEST; or ask for exactly what is there: o365-pipeline demo --tenant-data '{data}'"
        in before.stdout
    )
    assert "taken: TodoTasks_v0: TodoTasks v0.jsonl" in after.stdout
    assert "not asked for" not in after.stdout
    assert (rows(home, "fact_message"), rows(home, "fact_task")) == (1, 1)
    assert "Paid for 1 factory runs" in after.stdout


@pytest.mark.usefixtures("dagster_in_memory")
@pytest.mark.skipif(not SAMPLES.is_dir(), reason="the published samples are not beside the project")
def test_the_demo_takes_microsofts_published_rows(command: Command, home: Path) -> None:
    ended = command("demo", "--tenant-data", str(SAMPLES))

    assert ended.status == 0, ended.stderr
    assert "334 rows landed, all accounted for" in ended.stdout
    assert rows(home, "fact_message") == 10


@pytest.mark.usefixtures("dagster_in_memory")
def test_extract_takes_days_to_the_mart_and_pays_once(command: Command, home: Path) -> None:
    command("sandbox", "approve")

    ended = command("extract", "--dataset", "Message_v1", "--from", TUESDAY, "--to", WEDNESDAY)

    assert ended.status == 0, ended.stderr
    assert rows(home, "fact_message")
    assert factory_runs(home) == 1
    again = command("extract", "--dataset", "Message_v1", "--from", WEDNESDAY)
    assert again.status == 0, again.stderr
    assert factory_runs(home) == 1


@pytest.mark.usefixtures("demonstrated")
def test_why_missing_answers_for_each_dataset_and_writes_nothing_down(command: Command, home: Path) -> None:
    with sqlite3.connect(home / "mart.db") as connection:
        people = "SELECT person_id, mail FROM dim_person JOIN fact_chat ON sender_id = person_id WHERE mail IS NOT NULL"
        [(person, mail)] = connection.execute(f"{people} LIMIT 1")
    known = {path: path.stat().st_mtime_ns for path in (home / "dagster").rglob("*")}

    ended = command("why-missing", mail.upper(), "--day", MONDAY)

    assert ended.status == 0, ended.stderr
    answers = dict(line.split(": ", 1) for line in ended.stdout.splitlines())
    assert len(answers) == 9
    assert not any(name.startswith("SharePoint") for name in answers)
    assert answers["User_v1"] == "there: 1 row"
    assert answers["TeamChat_v1"].startswith("there: ")
    by_id = command("why-missing", person, "--day", MONDAY)
    assert by_id.stdout == ended.stdout
    other_day = command("why-missing", person, "--day", WEDNESDAY, "--dataset", "message")
    assert other_day.stdout == "Message_v1: not extracted: nothing was asked for on this day\n"
    assert ended.stderr == ""
    assert {path: path.stat().st_mtime_ns for path in (home / "dagster").rglob("*")} == known


def test_without_approval_extract_names_the_rule_and_creates_no_factory_run(command: Command, home: Path) -> None:
    ended = command("extract", "--from", TUESDAY)

    assert ended.status == 1
    assert ended.stderr.count("\n") == 1
    assert "rule 'the application's authorization is approved'" in ended.stderr
    assert factory_runs(home) == 0


def test_a_column_added_after_the_approval_is_refused_by_name(
    command: Command, home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    command("sandbox", "approve")
    request = tmp_path / "request.toml"
    request.write_text(SHIPPED_REQUEST.read_text().replace('"isRead"', '"isRead", "subject"'))
    monkeypatch.setenv("O365_DATA_REQUEST", str(request))

    ended = command("extract", "--dataset", "Message_v1", "--from", TUESDAY)

    assert ended.status == 1
    assert "the columns are a subset of the authorized columns" in ended.stderr
    assert "subject" in ended.stderr
    assert factory_runs(home) == 0


def test_a_denied_request_is_shown_and_refused(command: Command, home: Path) -> None:
    command("sandbox", "deny", "--reason", "not now")

    ended = command("extract", "--from", TUESDAY)

    assert ended.status == 1
    assert "approved is Denied" in ended.stderr
    assert "Denied" in command("consent", "show").stdout
    assert factory_runs(home) == 0


def test_the_example_can_be_checked_as_it_is_printed(
    command: Command, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (tmp_path / "customers.toml").write_text(command("customers", "example").stdout)
    (tmp_path / "data_request.toml").write_text(SHIPPED_REQUEST.read_text())
    monkeypatch.setenv("O365_CUSTOMERS", str(tmp_path / "customers.toml"))
    monkeypatch.setenv("COLUMNS", "250")

    ended = command("customers", "check")

    assert ended.status == 0, ended.stderr
    for shown in ("contoso", "https://sto365contoso.dfs.core.windows.net/lake", "30 3 * * *", "Key Vault"):
        assert shown in ended.stdout


def test_a_check_tells_what_is_wrong_and_never_a_secret(
    command: Command, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    secret = 'application_secret = { env = "SECRET" }'
    example = re.sub("application_secret = .*", secret, command("customers", "example").stdout)
    (tmp_path / "data_request.toml").write_text(SHIPPED_REQUEST.read_text())
    (tmp_path / "customers.toml").write_text(example)
    monkeypatch.setenv("O365_CUSTOMERS", str(tmp_path / "customers.toml"))

    unset = command("customers", "check")
    monkeypatch.setenv("SECRET", "hunter2")
    known = command("customers", "check")

    assert (unset.status, unset.stderr.count("\n")) == (2, 1)
    assert "application_secret: the environment variable SECRET is not set" in unset.stderr
    assert known.status == 0
    assert "hunter2" not in known.stdout + known.stderr


def test_the_schema_is_one_of_customers(command: Command) -> None:
    schema = json.loads(command("customers", "schema").stdout)

    assert schema["title"] == "Customers of o365_pipeline"


def test_the_doctor_ends_well_where_everything_works_and_with_status_1_where_not(
    command: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    well = command("doctor")
    monkeypatch.setenv("O365_MART_URL", "sqlite:////proc/nope/mart.db")
    ill = command("doctor")

    assert (well.status, well.stderr) == (0, "")
    assert [line[:5] for line in well.stdout.splitlines()].count("works") == 5
    assert (ill.status, ill.stderr) == (1, "o365-pipeline: 1 of the connections do not work\n")
    assert "FAILS  ledger and mart: sqlite:////proc/nope/mart.db: " in ill.stdout


def test_the_sandboxes_azure_is_served_over_https(home: Path, tmp_path: Path) -> None:
    files, authority = certificate(tmp_path)
    code = "from o365_pipeline.cli.main import main; main()"
    paths = ["--certificate", str(files.certificate), "--key", str(files.key)]
    arguments = [sys.executable, "-c", code, "sandbox", "azure", "--port", "0", *paths]

    with subprocess.Popen(arguments, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        [address] = re.findall(r"https://localhost:\d+", process.stdout.readline())
        signed_in = httpx2.post(
            f"{address}/tenant/oauth2/v2.0/token",
            data={"client_id": "app", "client_secret": "any", "scope": f"{address}/.default"},
            verify=ssl.create_default_context(cafile=authority),
        )
        process.send_signal(signal.SIGINT)
        errors = process.communicate(timeout=60)[1]

    assert signed_in.json()["token_type"] == "Bearer"
    assert (process.returncode, errors) == (0, "")


def test_a_certificate_that_is_none_is_one_line_and_status_2(command: Command, tmp_path: Path) -> None:
    (tmp_path / "none.pem").write_text("no certificate")

    ended = command(
        "sandbox", "azure", "--port", "0", "--certificate", f"{tmp_path}/none.pem", "--key", f"{tmp_path}/none.pem"
    )

    assert (ended.status, ended.stderr.count("\n")) == (2, 1)
    assert "none.pem" in ended.stderr


def test_the_approvers_page_is_served_until_it_is_interrupted(home: Path) -> None:
    code = "from o365_pipeline.cli.main import main; main()"
    arguments = [sys.executable, "-c", code, "sandbox", "serve", "--port", "0"]

    with subprocess.Popen(arguments, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        told = process.stdout.readline()
        [address] = re.findall(r"http://127\.0\.0\.1:\d+", told)
        shown = httpx2.get(address).text
        process.send_signal(signal.SIGINT)
        errors = process.communicate(timeout=60)[1]

    assert "Office 365 insights" in shown
    assert process.returncode == 0
    assert errors == ""


def test_a_port_in_use_is_one_line_and_status_2(command: Command) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        ended = command("sandbox", "serve", "--port", port)

    assert ended.status == 2
    assert ended.stderr.count("\n") == 1
    assert f"nothing can listen on 127.0.0.1 port {port}: Address already in use; give another --port" in ended.stderr


def test_the_owner_cannot_approve(command: Command) -> None:
    ended = command("sandbox", "approve", "--approver", "developer@contoso.example")

    assert ended.status == 2
    assert "App approver and owner cannot be the same user." in ended.stderr


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["extract", "--dataset", "Mesage_v1", "--from", TUESDAY], "did you mean Message_v1?"),
        (["extract", "--from", "2026-13-45"], "'2026-13-45' does not match the format"),
        (["extract", "--from", TUESDAY, "--to", MONDAY], "lies before"),
        (["extract", "--customer", "nobody", "--from", TUESDAY], "unknown customer 'nobody'; known are contoso"),
        (["demo", "--first-day", "yesterday"], "'yesterday' does not match the format"),
        (["demo", "--tenant-data", "/nowhere"], "tenant data /nowhere: cannot be read as a folder"),
        (["demo", "--tenant-data", __file__], "cannot be read as a folder"),
        (["demo", "--write-request", "x.toml"], "--write-request needs --tenant-data"),
        (["demo", "--days", "0"], "0 is not in the range"),
        (["demo", "--first-day", "2100-01-04"], "2100-01-04 is not over yet"),
        (["extract", "--from", "2100-01-04"], "2100-01-04 is not over yet"),
        (["extract", "--from", "2020-01-01"], f"2020-01-01 lies before {DAY}, the first day of the customers"),
        (["why-missing", "nobody@x.example", "--day", TUESDAY], "nobody of contoso has the address nobody@x"),
        (["why-missing", "someone"], "Missing option '--day'"),
        (["fly"], "No such command 'fly'"),
    ],
)
def test_bad_arguments_get_a_clear_line_and_status_2(command: Command, arguments: list[str], message: str) -> None:
    ended = command(*arguments)

    assert ended.status == 2
    assert message in ended.stderr
    assert ended.stderr.count("\n") == 1


@pytest.mark.parametrize(
    ("name", "value", "message"),
    [
        ("O365_PURGE_GRACE_DAY", "hunter2", "O365_PURGE_GRACE_DAY: there is no such setting; did you mean O365_PURGE_"),
        ("O365_DEPLOYMENT", "moon", "O365_DEPLOYMENT=moon"),
        (
            "O365_DEPLOYMENT",
            "azure",
            "O365_CUSTOMERS is missing: O365_DEPLOYMENT=azure needs it, for example: customers.toml",
        ),
        ("O365_FIRST_DAY", "2026-13-45", "O365_FIRST_DAY=2026-13-45"),
        ("O365_SANDBOX_SECONDS", "soon", "O365_SANDBOX_SECONDS=soon"),
        ("O365_LAKE_URL", "s3://bucket", "O365_LAKE_URL=s3://bucket: a lake is file:///path or az://"),
        ("O365_MART_URL", "nonsense with hunter2", "O365_MART_URL: a mart is a SQLAlchemy URL"),
        ("O365_DATA_REQUEST", "/nowhere.toml", "data request /nowhere.toml"),
        ("O365_CUSTOMERS", "/nowhere.toml", "O365_CUSTOMERS=/nowhere.toml: No such file or directory"),
        ("O365_CREDENTIAL", "password", "O365_CREDENTIAL=password: Input should be 'default', 'managed-identity'"),
        ("O365_LAKE_URL", "adl://contoso.azuredatalakestore.net/lake", "Gen1 was retired on 2024-02-29"),
        ("O365_HOME", "/tmp/h#x", "O365_HOME=/tmp/h#x: a path without any of"),
        ("O365_HOME", __file__, "no folder can be made there"),
        ("O365_MART_URL", "foo://sa:hunter2@server/mart", "the mart foo://sa:***@server/mart cannot be opened"),
        ("O365_MART_URL", "postgresql+psycopg2://sa:hunter2@127.0.0.1:1/mart", "cannot be opened"),
        ("O365_MART_URL", "postgresql+psycopg2://127.0.0.1:1/mart?user=sa&password=hunter2", "127.0.0.1:1/mart cannot"),
        ("O365_MART_URL", "postgresql://sa:hun@ter2@server/mart", "O365_MART_URL: in a SQLAlchemy URL an @ of a name"),
        ("O365_MART_URL", "sqlite:////proc/nope/mart.db", "cannot be opened"),
    ],
)
def test_a_wrong_setting_stops_the_start_with_one_line_that_names_it(
    command: Command, monkeypatch: pytest.MonkeyPatch, name: str, value: str, message: str
) -> None:
    monkeypatch.setenv(name, value)

    ended = command("consent", "show")

    assert ended.status == 2
    assert ended.stderr.count("\n") == 1
    assert message in ended.stderr
    assert "hunter2" not in ended.stderr


@pytest.mark.parametrize(
    "arguments",
    [
        [],
        ["demo"],
        ["dev"],
        ["extract"],
        ["why-missing"],
        ["consent", "show"],
        ["customers", "check"],
        ["customers", "schema"],
        ["sandbox", "approve"],
        ["sandbox", "serve"],
    ],
)
def test_every_command_explains_itself(command: Command, arguments: list[str]) -> None:
    ended = command(*arguments, "--help")

    assert ended.status == 0
    assert "Usage: o365-pipeline" in ended.stdout


def test_the_demo_stays_in_the_sandbox(command: Command, monkeypatch: pytest.MonkeyPatch, home: Path) -> None:
    monkeypatch.setenv("O365_DEPLOYMENT", "azure")

    ended = command("demo")

    assert ended.status == 2
    assert not (home / "mart.db").exists()


@pytest.mark.usefixtures("two_datasets", "dagster_in_memory")
def test_what_people_are_called_is_never_markup(command: Command, tmp_path: Path) -> None:
    data = tmp_path / "odd [red] tenant"
    data.mkdir()
    sender = '{"emailAddress": {"name": "x", "address": "[/red]boo@x"}}'
    (data / "Message_v1.json").write_text(
        f'{{"id": "m1", "puser": "u1", "sentDateTime": "2024-05-01T10:00:00Z", "from": {sender}}}'
    )

    ended = command("demo", "--tenant-data", str(data))

    assert ended.status == 0, ended.stderr
    assert "[/red]boo@x" in ended.stdout


@pytest.mark.usefixtures("mails_demonstrated")
def test_a_demo_that_was_killed_after_sealing_fills_the_mart_the_next_time(command: Command, home: Path) -> None:
    with sqlite3.connect(home / "mart.db") as connection:
        messages = connection.execute("SELECT count(*) FROM fact_message").fetchone()[0]
        connection.execute("UPDATE ledger_extraction SET loaded_at = NULL")
        connection.execute("DELETE FROM fact_message")
    with sqlite3.connect(home / "dagster" / "history" / "runs.db") as connection:
        connection.execute("DELETE FROM runs WHERE pipeline_name = 'landing_job'")
        connection.execute("DELETE FROM run_tags WHERE value LIKE 'contoso:%'")

    again = command("demo", "--days", "1")

    assert again.status == 0, again.stderr
    assert rows(home, "fact_message") == messages
    assert factory_runs(home) == 2


def changed_request(tmp_path: Path, before: str, after: str) -> str:
    path = tmp_path / "request.toml"
    text = SHIPPED_REQUEST.read_text()
    assert before in text
    path.write_text(text.replace(before, after))
    return str(path)


@pytest.mark.usefixtures("demonstrated")
def test_consent_show_reads_the_feed_and_tells_state_days_left_and_history(command: Command, home: Path) -> None:
    assert command("sandbox", "revoke", "--reason", "no longer wanted").status == 0

    ended = command("consent", "show", "--customer", "contoso")

    assert ended.status == 0, ended.stderr
    assert "Denied" in ended.stdout
    for word in (
        "Decisions about the data request of contoso",
        "PendingAuthorization",
        "Approved",
        "because: no longer wanted",
    ):
        assert word in ended.stdout


@pytest.mark.usefixtures("demonstrated")
def test_consent_diff_says_what_a_changed_request_adds_and_that_it_needs_an_approval(
    command: Command, home: Path, tmp_path: Path
) -> None:
    wider = changed_request(tmp_path, '"isRead", ', '"isRead", "subject", ')

    ended = command("consent", "diff", "--request", wider)

    assert ended.status == 0, ended.stderr
    assert "+ Message_v1 subject" in ended.stdout
    assert "the columns are a subset of the authorized columns" in ended.stdout
    assert ended.stdout.endswith("A new approval is needed before this is put to work.\n")


@pytest.mark.usefixtures("demonstrated")
def test_consent_diff_says_when_the_approval_in_force_covers_a_smaller_request(
    command: Command, home: Path, tmp_path: Path
) -> None:
    smaller = changed_request(tmp_path, '"jobTitle",', "")

    ended = command("consent", "diff", "--request", smaller)

    assert ended.stdout == (
        "- User_v1 jobTitle\nNo new approval is needed: the approval in force covers all that is asked.\n"
    )


def test_consent_diff_without_an_approval_asks_for_one(command: Command, home: Path) -> None:
    ended = command("consent", "diff")

    assert ended.status == 0, ended.stderr
    assert "the application's authorization is approved" in ended.stdout
    assert "A new approval is needed" in ended.stdout


@pytest.mark.usefixtures("demonstrated")
def test_purge_says_what_it_would_delete_and_when_then_deletes_and_shows_the_record(
    command: Command, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert command("purge").stdout == "contoso: nothing is to be purged now\n"
    command("sandbox", "revoke")
    assert "what is no longer approved is purged on" in command("purge").stdout
    monkeypatch.setenv("O365_PURGE_GRACE_DAYS", "0")

    assert "contoso: 18 extractions would be deleted (Denied since" in command("purge", "--dry-run").stdout
    assert rows(home, "fact_message")
    ended = command("purge")

    assert ended.status == 0, ended.stderr
    assert "Purges of contoso" in ended.stdout
    assert rows(home, "fact_message") == 0
    assert not [path for path in (home / "lake").rglob("*") if path.is_file()]


@pytest.mark.usefixtures("demonstrated")
def test_a_feed_that_cannot_be_read_is_said_and_what_was_read_before_is_shown(
    command: Command, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:

    def silent(*_: object) -> None:
        raise ServiceRequestError("no route")

    monkeypatch.setattr(ActivityFeed, "read", silent)
    ended = command("consent", "show")

    assert ended.status == 0
    assert "could not be read up to now" in ended.stderr
    assert "Approved" in ended.stdout
