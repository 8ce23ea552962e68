"""The generated documents: they say what the code says, and the database describes itself by the same words."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import click
import pytest
import sqlalchemy as sa
from click.testing import CliRunner

from o365_pipeline.cli.docs import documents
from o365_pipeline.cli.main import cli
from o365_pipeline.cli.reference import commands_document
from o365_pipeline.database.database import metadata
from o365_pipeline.datasets import catalogue
from o365_pipeline.deployment import Settings, load
from o365_pipeline.errors import SettingsError
from o365_pipeline.mart.diagram import er_diagram, subjects
from o365_pipeline.mart.dictionary import data_dictionary, write_dictionary
from o365_pipeline.mart.references import own_key, references
from o365_pipeline.mart.tables import MART_TABLES
from o365_pipeline.mart.views import VIEWS

DOCS = Path(__file__).parents[2] / "docs"


DOCUMENTS = documents(cli)


@pytest.mark.parametrize("name", DOCUMENTS)
def test_the_committed_documents_are_what_the_code_says(name: str) -> None:
    assert (DOCS / name).read_text(encoding="utf-8") == DOCUMENTS[name], f"docs/{name} is old: run make docs"


def test_the_command_writes_them(tmp_path: Path) -> None:
    result = CliRunner().invoke(cli, ["docs", "--folder", str(tmp_path / "new")])

    assert result.exit_code == 0
    assert {path.name: path.read_text(encoding="utf-8") for path in (tmp_path / "new").iterdir()} == DOCUMENTS


def test_commands_of_all_groups_are_in_the_reference_with_their_options() -> None:
    text = DOCUMENTS["commands.md"]

    section = text.split("\n## quarantine show\n")[1].split("\n## ")[0]
    assert "`o365-pipeline quarantine show [OPTIONS]`" in section
    assert "| `--limit INTEGER RANGE` | How many rows.  [default: 20; x>=1] |" in section
    assert {"## demo", "## sandbox approve", "## why-missing"} <= set(text.splitlines())


def test_a_hidden_command_is_not_in_the_reference() -> None:
    root = click.Group(commands=[click.Command("seen", help="Seen."), click.Command("unseen", hidden=True)])

    assert re.findall("^## (.*)$", commands_document(root), re.MULTILINE) == ["seen"]


def test_every_command_and_option_says_what_it_is_for() -> None:
    def below(command: click.Command, path: str) -> Iterator[str]:
        if not command.help:
            yield path
        yield from (f"{path} {one.opts[0]}" for one in command.params if isinstance(one, click.Option) and not one.help)
        if isinstance(command, click.Group):
            context = click.Context(command)
            for name in command.list_commands(context):
                found = command.get_command(context, name)
                assert found
                yield from below(found, f"{path} {name}")

    assert list(below(cli, "o365-pipeline")) == []


def test_every_setting_is_in_the_reference_with_its_default_and_values() -> None:
    text = DOCUMENTS["settings.md"]
    rows = dict(re.findall(r"^\| `O365_(\w+)` (\|.*)$", text, re.MULTILINE))

    assert rows.keys() == {name.upper() for name in Settings.model_fields}
    assert rows["INITIAL_DAYS"] == "| `7` | 1 to 366 | Days of the first window after an approval. |"
    assert rows["DEPLOYMENT"].startswith("| `sandbox` | `sandbox`, `azure` |")
    assert rows["HASH_OUTSIDE_ADDRESSES"].startswith("| `false` | `true`, `false` |")


OF_THE_SANDBOXES_CUSTOMER = {
    "ADDRESS_SALT": "0123456789abcdef" * 2,
    "DATA_REQUEST": "data_request.toml",
    "DENY_GROUPS": "5d2a9c7e-0000-4000-8000-0000000000b2",
    "DENY_PEOPLE": "ann@contoso.example",
    "FIRST_DAY": "2026-11-16",
    "HASH_OUTSIDE_ADDRESSES": "false",
    "INITIAL_DAYS": "7",
    "KEEP_CURATED_DAYS": "740",
    "KEEP_MART_DAYS": "730",
    "KEEP_QUARANTINE_DAYS": "30",
    "KEEP_RAW_DAYS": "90",
    "KEEP_SNAPSHOTS_DAYS": "400",
    "LEGAL_HOLD": "case 2026-114",
    "NATIONAL_CLOUD": "gcc",
    "OWN_DOMAINS": "contoso.example",
    "PURGE_GRACE_DAYS": "30",
    "UNREAD_FEED_HOURS": "24",
}


def test_settings_of_the_sandboxes_customer_have_a_section_of_their_own() -> None:
    section = DOCUMENTS["settings.md"].split("\n## The sandbox's own customer\n")[1].split("\n## ")[0]

    assert set(re.findall(r"^\| `O365_(\w+)`", section, re.MULTILINE)) == OF_THE_SANDBOXES_CUSTOMER.keys()


@pytest.mark.parametrize("name", OF_THE_SANDBOXES_CUSTOMER)
def test_they_are_refused_beside_a_file_of_customers_as_the_section_says(
    name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("O365_CUSTOMERS", "customers.toml")
    monkeypatch.setenv(f"O365_{name}", OF_THE_SANDBOXES_CUSTOMER[name])

    with pytest.raises(SettingsError, match=f"O365_{name}: each customer has its own"):
        load()


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_shells_are_given_the_completion_that_the_reference_names(shell: str, monkeypatch: pytest.MonkeyPatch) -> None:
    variable = re.search(rf"(\w+)={shell}_source", DOCUMENTS["commands.md"])
    assert variable
    monkeypatch.setenv(variable[1], f"{shell}_complete")
    monkeypatch.setenv("COMP_WORDS", "o365-pipeline why-m")
    monkeypatch.setenv("COMP_CWORD", "why-m" if shell == "fish" else "1")

    result = CliRunner().invoke(cli, prog_name="o365-pipeline")

    assert "why-missing" in result.stdout


def test_every_dataset_column_and_content_column_is_in_the_dictionary() -> None:
    text = DOCUMENTS["data-dictionary.md"]

    for dataset in catalogue():
        section = text.split(f"\n## {dataset.name}\n")[1].split("\n## ")[0]
        assert [column.name for column in dataset.columns if f"`{column.name}`" not in section] == []
        assert set(re.findall(r"^\| \*\*`(\w+)`", section, re.MULTILINE)) == set(dataset.content_columns)


def test_every_table_of_the_mart_belongs_to_one_subject() -> None:
    described = [table for subject in subjects() for table in subject.tables]

    assert sorted(table.name for table in described) == sorted(table.name for table in MART_TABLES)


def test_every_view_and_column_of_it_is_in_the_marts_document() -> None:
    text = DOCUMENTS["mart.md"]

    for view in VIEWS.values():
        section = text.split(f"\n### {view.name}\n")[1].split("\n### ")[0]
        assert view.description in section
        assert [name for name in view.comments if f"| `{name}` |" not in section] == []


def test_a_column_of_a_keys_name_refers_to_its_table_and_a_role_says_so_itself() -> None:
    tables = {table.name: table for table in MART_TABLES}

    assert [one.name for one in references(tables["fact_message"])] == [
        "date_key -> dim_date.date_key",
        "sender_id -> dim_person.person_id",
    ]
    assert "message_id -> fact_message.message_id" in [
        one.name for one in references(tables["bridge_message_recipient"])
    ]
    assert [one.name for one in references(tables["dim_person"])] == ["manager_id -> dim_person.person_id"]


def test_what_says_that_it_refers_to_something_refers_to_a_key() -> None:
    for table in MART_TABLES:
        told = {column.name for column in table.columns if "references" in column.info}
        assert told - set(own_key(table)) <= {one.column.name for one in references(table)}


def test_the_diagram_draws_each_reference_once() -> None:
    diagram = er_diagram()

    edges = re.findall(r"^    (\w+) (?:\|o|\|\|)--o\{ (\w+) : (\w+)$", diagram, re.MULTILINE)
    assert sorted(edges) == sorted(
        (one.key.table.name, table.name, one.column.name) for table in MART_TABLES for one in references(table)
    )
    assert CliRunner().invoke(cli, ["mart", "diagram"]).output == diagram


def test_the_database_describes_every_table_view_and_column_and_again_changes_nothing() -> None:
    engine = sa.create_engine("sqlite://")
    metadata.create_all(engine)

    with engine.begin() as connection:
        write_dictionary(connection)
        write_dictionary(connection)
        rows = connection.execute(sa.select(data_dictionary)).mappings().all()

    columns = [len(table.columns) for table in metadata.tables.values()] + [
        len(view.comments) for view in VIEWS.values()
    ]
    assert len(rows) == len(columns) + sum(columns)
    described = {(row["table_name"], row["column_name"]): row for row in rows}
    assert described["fact_message", "*"]["description"].startswith("One row per mail")
    assert described["fact_message", "sender_id"]["key_of"] == "dim_person.person_id"
    assert described["department_week", "*"]["description"].startswith("One row per department and week")
    share = described["department_week", "after_hours_share"]
    assert (share["type"], share["description"].endswith("0 to 1")) == ("FLOAT", True)
