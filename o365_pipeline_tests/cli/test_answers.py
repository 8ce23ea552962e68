"""What reading commands answer is text for people, and JSON or CSV for programs, with the same rows in each."""

from __future__ import annotations

import csv
import datetime as dt
import io
import json
from collections.abc import Callable, Iterator
from decimal import Decimal
from pathlib import Path

import click
import pytest
from click.testing import CliRunner

from o365_pipeline.cli.main import cli
from o365_pipeline.cli.terminal import COMMANDS, Answer, answering
from o365_pipeline_tests.cli.conftest import Command
from o365_pipeline_tests.finished_homes import MAILS, FinishedHomes

READING = {
    *("consent diff", "consent show", "customers check", "doctor", "managed-app estimate", "managed-app installations"),
    *("mart query", "mart show", "plan", "purge", "quarantine list", "quarantine query", "why-missing"),
}
SEVERAL_TABLES = {"consent diff", "consent show", "managed-app estimate"}
ROWS = [("a, b", 1_000, Decimal("2.50"), dt.date(2026, 11, 16), None), ('"ü"', 2, Decimal(1), None, "x")]
COLUMNS = ("name", "days left", "cost", "purged (UTC)", "note")


def leaves(group: click.Group, path: str = "") -> Iterator[tuple[str, click.Command]]:
    context = click.Context(group)
    for name in group.list_commands(context):
        command = group.get_command(context, name)
        assert command
        if isinstance(command, click.Group):
            yield from leaves(command, f"{path}{name} ")
        else:
            yield f"{path}{name}", command


def test_every_reading_command_answers_in_json_and_one_table_in_csv() -> None:
    offered = {
        name: {option for parameter in command.params for option in parameter.opts} for name, command in leaves(cli)
    }

    assert {name for name, options in offered.items() if "--json" in options} == READING
    assert {name for name, options in offered.items() if "--csv" in options} == READING - SEVERAL_TABLES


@click.command()
@answering()
def told(answer: Answer) -> None:
    answer.table("things", "Things", COLUMNS, ROWS[:1], total=("total", 1, 2, None, None), of={"currency": "USD"})
    answer.table("things", "Things", COLUMNS, ROWS[1:], of={"currency": "USD"})
    answer.note("all told")


def test_json_holds_every_value_as_it_is_under_names_that_stay() -> None:
    answer = json.loads(CliRunner().invoke(told, ["--json"]).stdout)

    assert answer["things"] == [
        {"currency": "USD", "name": "a, b", "days_left": 1000, "cost": 2.5, "purged_utc": "2026-11-16", "note": None},
        {"currency": "USD", "name": '"ü"', "days_left": 2, "cost": 1.0, "purged_utc": None, "note": "x"},
    ]
    assert answer["things_total"]["days_left"] == 1
    assert answer["notes"] == ["all told"]


def test_csv_is_one_table_that_is_read_back_and_its_notes_are_no_rows() -> None:
    ended = CliRunner().invoke(told, ["--csv"])

    read = list(csv.DictReader(io.StringIO(ended.stdout)))
    assert [(row["name"], row["days_left"], row["purged_utc"]) for row in read] == [
        ("a, b", "1000", "2026-11-16"),
        ('"ü"', "2", ""),
    ]
    assert ended.stderr == "all told\n"


def test_a_table_that_is_piped_is_whole(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("COLUMNS", raising=False)

    @click.command()
    @answering()
    def wide(answer: Answer) -> None:
        answer.table("wide", "Wide", ("one", "other"), [("a" * 300, "b" * 300)])

    [row] = [line for line in CliRunner().invoke(wide).stdout.splitlines() if "aaa" in line]
    assert "a" * 300 in row
    assert "b" * 300 in row


HOSTILE = "\x1b]52;c;ZXZpbA==\x07 \x9b2J \u202eexe.gnp \ud800 [link=https://evil.example]\u5c71\u3000\u7530[/]\n\u0645\u06cc\u200c\u062f"


@pytest.mark.parametrize("form", [None, "json"])
@pytest.mark.parametrize("line", [None, "of {}".format])
def test_nothing_that_is_shown_tells_the_terminal_to_do_something(
    capsys: pytest.CaptureFixture[str], form: str | None, line: Callable[..., str] | None
) -> None:
    answer = Answer(form)

    answer.table("rows", "Sites", ["title"], [[HOSTILE]], line=line)
    answer.note(HOSTILE)
    answer.end()

    told = capsys.readouterr()
    assert COMMANDS.findall(told.out + told.err) == []
    assert "\\u001b]52;c;ZXZpbA==" in told.out
    assert "[link=https://evil.example]\u5c71\u3000\u7530[/]" in told.out
    if form:
        assert json.loads(told.out) == {"rows": [{"title": HOSTILE}], "notes": [HOSTILE]}


@pytest.fixture
def moved_home(home: Path, finished_homes: FinishedHomes) -> Path:
    finished_homes.copy_days(1, home, MAILS)
    return home


@pytest.mark.usefixtures("moved_home")
def test_the_mart_is_asked_and_answers_in_every_form(command: Command) -> None:
    sql = "SELECT customer, count(*) AS people FROM dim_person GROUP BY customer"

    shown, answered, listed = (command("mart", "query", sql, *form) for form in ([], ["--json"], ["--csv"]))

    [row] = json.loads(answered.stdout)["rows"]
    assert row["customer"] == "contoso"
    assert row["people"] > 5
    assert listed.stdout == f"customer,people\ncontoso,{row['people']}\n"
    assert f"{row['people']} │" in shown.stdout


@pytest.mark.usefixtures("moved_home")
def test_the_same_rows_are_told_in_json_and_csv(command: Command) -> None:
    for arguments, name in ((("mart", "show"), "tables"), (("customers", "check"), "customers")):
        rows = json.loads(command(*arguments, "--json").stdout)[name]
        listed = list(csv.DictReader(io.StringIO(command(*arguments, "--csv").stdout)))
        assert rows
        assert [{key: str(value) for key, value in row.items()} for row in rows] == listed
