"""What holds for the whole package: who may read the environment, who may import whom, what is never imported."""

from __future__ import annotations

import ast
import subprocess
import sys
from pathlib import Path

import grimp
import networkx as nx
import pytest

PACKAGE = Path(__file__).parents[1] / "o365_pipeline"
LAYERS = (
    "cli",
    "definitions",
    "deployment",
    "sandbox",
    "managed_app",
    "doctor",
    "news",
    "accountability",
    "insights",
    "cost",
    "purge",
    "mart",
    "curated",
    "raw",
    "extraction",
    "consent",
    "customers",
    "datasets",
    {"azure", "dagster_ui", "database", "web"},
    "errors",
)
"""What a module imports lies below it. Layers in one line import neither each other."""

MODULES = sorted(PACKAGE.rglob("*.py"))

MODULES_AT_THE_TOP, MODULES_IN_A_FOLDER, LINES_OF_A_MODULE = 4, 25, 350


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


@pytest.fixture
def graph() -> grimp.ImportGraph:
    return grimp.build_graph("o365_pipeline", cache_dir=None)


def upward_imports(graph: grimp.ImportGraph) -> set[str]:
    layers = [layer if isinstance(layer, str) else set(layer) for layer in LAYERS]
    found = graph.find_illegal_dependencies_for_layers(layers=layers, containers={"o365_pipeline"})
    return {f"{dependency.importer} -> {dependency.imported}" for dependency in found}


def circles(graph: grimp.ImportGraph) -> list[set[str]]:
    imports = nx.DiGraph(
        (module, imported) for module in graph.modules for imported in graph.find_modules_directly_imported_by(module)
    )
    return [circle for circle in nx.strongly_connected_components(imports) if len(circle) > 1]


def test_a_stage_imports_those_before_it_and_never_the_sandbox(graph: grimp.ImportGraph) -> None:
    assert upward_imports(graph) == set()


def test_modules_do_not_import_each_other_in_a_circle(graph: grimp.ImportGraph) -> None:
    assert circles(graph) == []


def test_every_part_of_the_package_has_its_layer(graph: grimp.ImportGraph) -> None:
    known = {name for layer in LAYERS for name in ([layer] if isinstance(layer, str) else layer)}

    assert {child.rpartition(".")[2] for child in graph.find_children("o365_pipeline")} - {"__main__"} == known


def test_an_import_of_a_later_stage_and_a_circle_would_be_found(graph: grimp.ImportGraph) -> None:
    graph.add_import(importer="o365_pipeline.raw.landing", imported="o365_pipeline.sandbox.clock")
    graph.add_import(importer="o365_pipeline.errors", imported="o365_pipeline.consent.approvals")

    assert "o365_pipeline.raw -> o365_pipeline.sandbox" in upward_imports(graph)
    assert {"o365_pipeline.errors", "o365_pipeline.consent.approvals"} <= set().union(*circles(graph))


def test_the_listing_stays_short() -> None:
    folders = {path.parent for path in MODULES}
    lengths = {ids(path): len(path.read_text().splitlines()) for path in MODULES}

    assert len(list(PACKAGE.glob("*.py"))) <= MODULES_AT_THE_TOP
    assert [ids(folder) for folder in folders if len(list(folder.glob("*.py"))) > MODULES_IN_A_FOLDER] == []
    assert [name for name, lines in lengths.items() if lines > LINES_OF_A_MODULE] == []


@pytest.mark.parametrize("path", MODULES, ids=ids)
def test_only_the_deployment_reads_the_environment(path: Path) -> None:
    if path.parent.name == "deployment":
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


def test_the_default_path_imports_nothing_that_it_does_not_need() -> None:
    code = (
        "import sys, o365_pipeline.cli.demo, o365_pipeline.definitions as location; "
        "location.defs(); print(sorted({'apprise', 'azure.identity', 'jsonschema', 'pyodbc'} & {*sys.modules}))"
    )

    ended = subprocess.run([sys.executable, "-W", "ignore", "-c", code], capture_output=True, text=True, check=True)

    assert ended.stdout.strip() == "[]"
