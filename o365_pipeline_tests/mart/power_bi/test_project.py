"""Writing the project: the same bytes each time, and never over what is somebody else's."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import pytest
from click.testing import CliRunner

from o365_pipeline.cli.main import cli
from o365_pipeline.errors import UsageError
from o365_pipeline.mart.power_bi.project import MODEL, REPORT, SHORTCUT, project_files, write_project
from o365_pipeline.mart.power_bi.source import ServerKind, Source
from o365_pipeline_tests.mart.power_bi.conftest import CUSTOMERS, SOURCE


def content(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def test_a_project_that_is_written_again_has_the_same_bytes(project: Path, tmp_path: Path) -> None:
    write_project(tmp_path, SOURCE, ("contoso", "left", "fabrikam"))
    write_project(tmp_path, SOURCE, CUSTOMERS)

    assert content(tmp_path) == content(project)


def test_another_server_changes_the_parameters_alone() -> None:
    mine, other = (
        project_files(source, CUSTOMERS) for source in (SOURCE, dataclasses.replace(SOURCE, server='a"b.example'))
    )

    changed = {name for name, text in mine.items() if other[name] != text}
    assert changed == {f"{MODEL}/definition/expressions.tmdl"}
    assert 'expression Server = "a""b.example" meta' in other[changed.pop()]


@pytest.mark.parametrize("name", ["", " ", 'x"\n\tlet', "x\ty"])
def test_a_server_or_database_without_a_name_in_one_line_is_refused(name: str) -> None:
    for server, database in ((name, "office"), ("mart.example", name)):
        with pytest.raises(UsageError, match="expected a name in one line"):
            Source(ServerKind.SQL_SERVER, server, database)


def test_postgresql_is_asked_in_its_own_words() -> None:
    files = project_files(dataclasses.replace(SOURCE, kind=ServerKind.POSTGRESQL), CUSTOMERS)

    text = files[f"{MODEL}/definition/tables/Mail.tmdl"]
    assert "PostgreSQL.Database(Server, Database)" in text and 'Schema = "public", Item = "star_mail"' in text


def test_a_folder_with_something_else_is_refused_and_stays_as_it_was(tmp_path: Path) -> None:
    (tmp_path / "letter.txt").write_text("mine")
    with pytest.raises(UsageError, match="is no project of ours"):
        write_project(tmp_path, SOURCE, CUSTOMERS)
    with pytest.raises(UsageError, match="is no project of ours"):
        write_project(tmp_path / "letter.txt", SOURCE, CUSTOMERS)

    assert content(tmp_path) == {"letter.txt": b"mine"}


def test_a_project_that_somebody_else_made_is_refused(tmp_path: Path) -> None:
    (tmp_path / MODEL).mkdir()
    (tmp_path / MODEL / ".platform").write_text("{}")
    (tmp_path / SHORTCUT).write_text("{}")

    with pytest.raises(UsageError, match="is no project of ours"):
        write_project(tmp_path, SOURCE, CUSTOMERS)


def test_what_power_bi_keeps_beside_the_definition_stays(tmp_path: Path) -> None:
    write_project(tmp_path, SOURCE, CUSTOMERS)
    cache = tmp_path / MODEL / ".pbi" / "cache.abf"
    cache.parent.mkdir()
    cache.write_bytes(b"rows")
    (tmp_path / ".gitignore").write_text("**/.pbi/\n")
    write_project(tmp_path, SOURCE, CUSTOMERS)

    assert cache.read_bytes() == b"rows"


def test_the_command_writes_a_role_for_each_customer_and_says_what_to_open(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("O365_HOME", str(tmp_path / "home"))
    folder = tmp_path / "reports"
    arguments = ["mart", "power-bi", str(folder), "--server", "mart.example", "--database", "office"]
    result = CliRunner().invoke(cli, arguments)

    assert result.exit_code == 0, result.output
    assert f"open {folder / SHORTCUT} in Power BI Desktop" in result.output
    assert [path.stem for path in (folder / MODEL / "definition" / "roles").iterdir()] == ["contoso"]
    assert (folder / REPORT / "definition.pbir").is_file()
    refused = CliRunner().invoke(cli, [*arguments, "--customer", "nobody"])
    assert refused.exit_code != 0 and isinstance(refused.exception, UsageError)
