"""The report, held against the schemas that Microsoft publishes for its files, and against the model.

The schemas lie in `schemas/` as Microsoft published them, under its MIT licence.
"""

from __future__ import annotations

import itertools
import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft7Validator
from referencing import Registry, Resource

from o365_pipeline.mart.power_bi.pages import PAGES
from o365_pipeline.mart.power_bi.project import MODEL, REPORT, SHORTCUT
from o365_pipeline.mart.power_bi.visuals import HEIGHT, WIDTH

HERE, PUBLISHED = Path(__file__).parent / "schemas", "https://developer.microsoft.com/json-schemas/"


def published(uri: str) -> Resource[Any]:
    return Resource.from_contents(json.loads((HERE / uri.removeprefix(PUBLISHED)).read_text()))


SCHEMAS: Registry[Any] = Registry(retrieve=published)  # type: ignore[call-arg]


def faults(content: dict[str, Any]) -> list[str]:
    """What Microsoft's schema says about a file's content."""
    schema = SCHEMAS.get_or_retrieve(content["$schema"]).value.contents
    return [error.message for error in Draft7Validator(schema, registry=SCHEMAS).iter_errors(content)]


def test_each_file_is_as_the_schema_wants_that_it_names(project: Path) -> None:
    files = [path for path in project.rglob("*") if path.is_file() and path.suffix != ".tmdl"]
    found = {str(path.relative_to(project)): faults(json.loads(path.read_text())) for path in files}

    assert {name: told for name, told in found.items() if told} == {}
    assert len(found) == 8 + len(PAGES) + sum(len(page.visuals) for page in PAGES)


def test_the_schemas_refuse_what_power_bi_would(visuals: Mapping[str, dict[str, Any]]) -> None:
    visual = next(iter(visuals.values()))

    assert faults(visual | {"colour": "red"}) and faults(visual | {"position": {}})
    assert faults({name: value for name, value in visual.items() if name != "visual"})


def test_shortcut_report_and_model_lead_to_each_other(project: Path) -> None:
    [artifact] = json.loads((project / SHORTCUT).read_text())["artifacts"]
    report = project / artifact["report"]["path"]
    model = report / json.loads((report / "definition.pbir").read_text())["datasetReference"]["byPath"]["path"]

    assert (report, model.resolve()) == (project / REPORT, (project / MODEL).resolve())


def test_the_four_pages_are_there_in_their_order(project: Path) -> None:
    pages = project / REPORT / "definition" / "pages"
    order = json.loads((pages / "pages.json").read_text())["pageOrder"]

    assert [json.loads((pages / name / "page.json").read_text())["displayName"] for name in order] == [
        "How work flows",
        "Who works with whom",
        "Copilot readiness: oversharing",
        "Storage and inactive sites",
    ]


def fields(content: Any) -> Iterator[tuple[str, str, str]]:
    """Gives (kind, table or its alias, name) of each field that is named anywhere in it."""
    if isinstance(content, list):
        for one in content:
            yield from fields(one)
    elif isinstance(content, dict):
        for kind in ("Column", "Measure"):
            if kind in content:
                source = content[kind]["Expression"]["SourceRef"]
                yield kind, source.get("Entity") or source["Source"], content[kind]["Property"]
        for one in content.values():
            yield from fields(one)


def test_each_field_of_a_visual_is_in_the_model_and_not_hidden(
    visuals: Mapping[str, dict[str, Any]],
    columns: Mapping[str, Mapping[str, dict[str, Any]]],
    measures: Mapping[str, dict[str, Any]],
) -> None:
    for name, visual in visuals.items():
        found = list(fields(visual))
        assert found
        for kind, table, field in found:
            if kind == "Measure":
                assert table in {"Measures", "m"} and field in measures, (name, field)
            else:
                assert field in columns[table] and not columns[table][field]["is_hidden"], (name, table, field)


def test_a_visual_is_sorted_by_what_it_shows(visuals: Mapping[str, dict[str, Any]]) -> None:
    for name, visual in visuals.items():
        query = visual["visual"]["query"]
        assert set(fields(query.get("sortDefinition"))) <= set(fields(query["queryState"])), name
        if visual["visual"]["visualType"] == "lineChart":
            [sort] = query["sortDefinition"]["sort"]
            [(_, table, _)] = fields(sort)
            assert (table, sort["direction"]) == ("Calendar", "Ascending")


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.title)
def test_visuals_lie_on_their_page_and_not_on_each_other(page: Any) -> None:
    for visual in page.visuals:
        left, top, width, height = visual.place
        assert left >= 0 and top >= 0 and left + width <= WIDTH and top + height <= HEIGHT
        assert width > 100 and height > 50
    for one, other in itertools.combinations(page.visuals, 2):
        assert not overlap(one.place, other.place), (one.title, other.title)


def overlap(one: tuple[int, int, int, int], other: tuple[int, int, int, int]) -> bool:
    return all(one[side] < other[side] + other[side + 2] and other[side] < one[side] + one[side + 2] for side in (0, 1))


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.title)
def test_titles_are_told_apart_on_a_page(page: Any) -> None:
    titles = [visual.title for visual in page.visuals]

    assert len(titles) == len(set(titles)) and 10 <= len(titles) <= 15


def test_visuals_by_department_leave_out_small_groups(visuals: Mapping[str, dict[str, Any]]) -> None:
    def is_of_departments(visual: dict[str, Any]) -> bool:
        queried = visual["visual"]["query"]["queryState"]
        shown = {(table, name) for kind, table, name in fields(queried) if kind == "Column"}
        return shown == {("Person", "Department")} and visual["visual"]["visualType"] != "slicer"

    left_out = {name for name, visual in visuals.items() if "filterConfig" in visual}
    assert left_out == {name for name, visual in visuals.items() if is_of_departments(visual)} != set()
