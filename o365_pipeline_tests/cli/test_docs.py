"""The generated documents: they say what the code says, and the database describes itself by the same words."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

import click
import pytest
import sqlalchemy as sa
from click.testing import CliRunner

from o365_pipeline.cli.docs import documents
from o365_pipeline.cli.main import cli
from o365_pipeline.database.database import metadata
from o365_pipeline.datasets import catalogue
from o365_pipeline.mart.diagram import er_diagram, subjects
from o365_pipeline.mart.dictionary import data_dictionary, write_dictionary
from o365_pipeline.mart.references import own_key, references
from o365_pipeline.mart.tables import MART_TABLES
from o365_pipeline.mart.views import VIEWS

DOCS = Path(__file__).parents[2] / "docs"


@pytest.mark.parametrize("name", documents())
def test_the_committed_documents_are_what_the_code_says(name: str) -> None:
    assert (DOCS / name).read_text(encoding="utf-8") == documents()[name], f"docs/{name} is old: run make docs"


def test_the_command_writes_them(tmp_path: Path) -> None:
    result = CliRunner().invoke(cli, ["docs", "--folder", str(tmp_path / "new")])

    assert result.exit_code == 0
    assert {path.name for path in (tmp_path / "new").iterdir()} == {"data-dictionary.md", "mart.md"}


def test_every_link_of_a_document_leads_to_a_section_of_it() -> None:
    for text in documents().values():
        sections = {title.lower() for title in re.findall(r"^#+ (\S+)$", text, re.MULTILINE)}

        assert set(re.findall(r"\]\(#([^)]+)\)", text)) <= sections


def test_every_dataset_column_and_content_column_is_in_the_dictionary() -> None:
    text = documents()["data-dictionary.md"]

    for dataset in catalogue():
        section = text.split(f"\n## {dataset.name}\n")[1].split("\n## ")[0]
        assert [column.name for column in dataset.columns if f"`{column.name}`" not in section] == []
        assert set(re.findall(r"^\| \*\*`(\w+)`", section, re.MULTILINE)) == set(dataset.content_columns)


def test_every_table_of_the_mart_belongs_to_one_subject() -> None:
    described = [table for subject in subjects() for table in subject.tables]

    assert sorted(table.name for table in described) == sorted(table.name for table in MART_TABLES)


def test_every_view_and_column_of_it_is_in_the_marts_document() -> None:
    text = documents()["mart.md"]

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


PAGES = [DOCS.parent / "README.md", *sorted(DOCS.glob("*.md"))]


def documented_commands() -> list[tuple[str, str]]:
    """The commands in the pages' blocks of shell, each with the page that shows it."""
    return [
        (page.name, line)
        for page in PAGES
        for block in re.findall(r"```(?:sh|console)\n(.*?)```", page.read_text(encoding="utf-8"), re.DOTALL)
        for line in re.findall(r"^ *(?:\$ )?(?:\.venv/bin/)?o365-pipeline (.+)$", block, re.MULTILINE)
    ]


@pytest.mark.parametrize(("page", "line"), documented_commands())
def test_a_documented_command_is_one_with_the_options_that_it_has(page: str, line: str) -> None:
    words = shlex.split(line.split(" > ")[0], comments=True)
    command: click.Command = cli

    while isinstance(command, click.Group):
        found = command.get_command(click.Context(command), words[0])
        assert found, f"{page}: {line}"
        command, words = found, words[1:]

    options = {name for parameter in command.params for name in parameter.opts}
    assert {word.split("=")[0] for word in words if word.startswith("--")} <= options, f"{page}: {line}"
