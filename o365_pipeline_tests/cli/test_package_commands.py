"""`managed-app build` and `managed-app validate`: what they print, write, and end with."""

from __future__ import annotations

from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from o365_pipeline.cli.managed_app import managed_app
from o365_pipeline.errors import O365PipelineError, SettingsError
from o365_pipeline.managed_app.offer import example
from o365_pipeline.managed_app.package import validation
from o365_pipeline.managed_app.package.package import packed, read, write
from o365_pipeline_tests.managed_app.installing import example_package

NAME = "office365-insights-1.0.0.zip"


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("O365_HOME", str(tmp_path / "home"))
    return tmp_path / "home"


def run(*arguments: str | Path) -> Result:
    return CliRunner().invoke(managed_app, [str(argument) for argument in arguments])


def test_the_package_of_the_deployments_offer_is_written_into_the_home(home: Path) -> None:
    ended = run("build")

    path = home / "managed_app" / "office365-insights" / "1.0.0" / NAME
    assert ended.exit_code == 0
    assert read(path) == example_package()
    assert ended.stdout.splitlines()[:2] == [
        str(path),
        f"{len(example_package().content)} bytes, sha256 {example_package().digest}",
    ]
    assert all(name in ended.stdout for name in example_package().files)


def test_the_package_of_a_file_is_written_where_it_is_asked_for(home: Path, tmp_path: Path) -> None:
    (tmp_path / "offer.toml").write_text(example().replace('version = "1.0.0"', 'version = "2.0.0"'))

    ended = run("build", tmp_path / "offer.toml", "--output", tmp_path / "out")

    assert ended.exit_code == 0
    assert [one.name for one in (tmp_path / "out").iterdir()] == ["office365-insights-2.0.0.zip"]
    assert not home.exists()


def test_a_package_with_problems_is_not_written(home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(validation, "MAX_PACKAGE", 100)

    ended = run("build", "--output", tmp_path / "out")

    assert isinstance(ended.exception, O365PipelineError)
    assert ended.stdout.startswith(f"{NAME}: it has ")
    assert ended.stdout.count("\n") == 1
    assert not (tmp_path / "out").exists()


def test_an_offer_that_cannot_be_read_is_said(tmp_path: Path) -> None:
    ended = run("build", tmp_path / "none.toml")

    assert isinstance(ended.exception, SettingsError)
    assert "none.toml: No such file" in str(ended.exception)


def test_a_package_can_be_validated_by_itself(tmp_path: Path) -> None:
    path = write(example_package(), tmp_path)

    ended = run("validate", path)

    assert ended.exit_code == 0
    assert ended.stdout == f"{path} can be published\n"


def test_each_problem_of_a_package_is_one_line(tmp_path: Path) -> None:
    path = write(packed("bad.zip", {"README.md": b"read me"}), tmp_path)

    ended = run("validate", path)

    assert isinstance(ended.exception, O365PipelineError)
    assert str(ended.exception) == "the package would be refused, problems: 2"
    assert [line.split(":")[0] for line in ended.stdout.splitlines()] == [
        "mainTemplate.json",
        "createUiDefinition.json",
    ]
