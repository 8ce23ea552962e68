"""What holds for the whole package: who may read the environment, who may import whom, what is never imported."""

from __future__ import annotations

import ast
import subprocess
import sys
from pathlib import Path

import pytest

PACKAGE = Path(__file__).parents[1] / "o365_pipeline"
STAGES = ["datasets", "consent", "extraction", "raw", "curated", "mart", "purge", "cost", "managed_app"]
MODULES = sorted(PACKAGE.rglob("*.py"))


def imports(path: Path) -> set[str]:
    found = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            found |= {node.module, *(f"{node.module}.{alias.name}" for alias in node.names)}
    return found


def ids(path: Path) -> str:
    return str(path.relative_to(PACKAGE))


@pytest.mark.parametrize("stage", STAGES)
def test_a_stage_imports_those_before_it_and_never_the_sandbox(stage: str) -> None:
    later = STAGES[STAGES.index(stage) + 1 :]
    forbidden = [f"o365_pipeline.{name}" for name in (*later, "sandbox", "deployment", "definitions")]
    # Where the factory writes is the lake's, and the lake belongs to raw.
    for path in (PACKAGE / stage).rglob("*.py"):
        wrong = [name for name in imports(path) if any(name == one or name.startswith(f"{one}.") for one in forbidden)]
        assert not wrong, f"{ids(path)} imports {wrong}"


@pytest.mark.parametrize("path", MODULES, ids=ids)
def test_only_the_deployment_reads_the_environment(path: Path) -> None:
    if path.name == "deployment.py":
        return
    text = path.read_text()

    assert "os.environ" not in text
    assert "getenv" not in text
    assert "EnvVar" not in text


@pytest.mark.parametrize("path", MODULES, ids=ids)
def test_only_public_dagster_is_used(path: Path) -> None:
    assert not [name for name in imports(path) if name.startswith("dagster._")]


@pytest.mark.parametrize("path", MODULES, ids=ids)
def test_every_module_says_what_belongs_in_it(path: Path) -> None:
    if path.parent.name == "versions":
        return
    assert ast.get_docstring(ast.parse(path.read_text())), f"{ids(path)} has no docstring"


FOLDERS = sorted(path for path in PACKAGE.rglob("__init__.py") if path.parent != PACKAGE)


@pytest.mark.parametrize("path", FOLDERS, ids=ids)
def test_every_folder_says_what_belongs_there(path: Path) -> None:
    assert "belongs here" in (ast.get_docstring(ast.parse(path.read_text())) or "")


def test_the_default_path_never_imports_pyodbc() -> None:
    code = (
        "import sys, o365_pipeline.cli.demo, o365_pipeline.definitions as location; "
        "location.defs(); print('pyodbc' in sys.modules)"
    )

    ended = subprocess.run([sys.executable, "-W", "ignore", "-c", code], capture_output=True, text=True, check=True)

    assert ended.stdout.strip() == "False"
