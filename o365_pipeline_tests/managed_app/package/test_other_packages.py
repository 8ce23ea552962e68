"""A package that this project did not make is taken where Azure takes it, and refused where Azure refuses it."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator
from copy import deepcopy
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from o365_pipeline.managed_app.package.package import TEMPLATE, VIEWS, WIZARD, packed
from o365_pipeline.managed_app.package.validation import validate
from o365_pipeline_tests.managed_app.installing import example_package
from o365_pipeline_tests.managed_app.package.other_packages import VALID, template, wizard


def said(template: Any, wizard: Any) -> list[str]:
    files = {TEMPLATE: json.dumps(template).encode(), WIZARD: json.dumps(wizard).encode()}
    return [str(problem) for problem in validate(packed("other.zip", files))]


@pytest.mark.parametrize("name", VALID)
def test_a_valid_package_of_another_making_is_taken(name: str) -> None:
    assert said(*VALID[name]) == []


def test_our_own_package_needs_views_and_readme_and_another_does_not() -> None:
    files = {name: example_package().files[name] for name in (TEMPLATE, WIZARD)}

    assert {problem.file for problem in validate(packed("ours.zip", files))} == {VIEWS, "README.md"}


def of_machines(template: Any, kind: str) -> Any:
    return next(one for one in template["resources"] if one["type"].endswith(kind))


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda t: of_machines(t, "Machines").update(dependsOn=["wheels"]), "depends on what is not there: wheels"),
        (lambda t: of_machines(t, "Networks").update(dependsOn=["all"]), "in a circle"),
        (lambda t: of_machines(t, "Networks").update(dependsOn=["cards"]), "in a circle"),
        (lambda t: t["variables"].update(network="[nothing()]"), "no such function: nothing"),
        (lambda t: t["variables"].update(network="[parameters('no')]"), "no such parameter: no"),
        (lambda t: t["parameters"]["tier"].update(type="text"), "does not match"),
        (lambda t: of_machines(t, "Machines").update(typ="x"), "'typ' was unexpected"),
        (lambda t: of_machines(t, "Machines")["copy"].update(count=801), "more than 800 resources"),
    ],
)
def test_what_azure_would_refuse_of_another_package_is_told(change: Callable[[Any], None], message: str) -> None:
    changed = deepcopy(VALID["machines"])
    change(changed[0])

    assert any(message in line for line in said(*changed)), said(*changed)


ODD: st.SearchStrategy[Any] = st.sampled_from(
    [
        None,
        True,
        0,
        -1,
        1.5,
        10**30,
        "",
        "[",
        "[]",
        "[x]",
        "[[x]",
        "[copyIndex()]",
        "[reference('x')]",
        "[if()]",
        [],
        {},
        "[parameters(1)]",
        "[variables(concat())]",
        "[resourceId('a')]",
        "[concat('a').b]",
        "[json('{')]",
        [[]],
        [{}],
        {"a": 1},
        {"copy": [1]},
        {"copy": {"name": 1, "count": "x"}},
        {"scope": "inner"},
        "[steps('x').y]",
        "[basics(1)]",
    ]
)


def places(value: Any, place: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """Every place of a document but its root."""
    parts = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for name, part in parts:
        yield (*place, name)
        yield from places(part, (*place, name))


@settings(max_examples=100, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.data())
def test_a_package_with_anything_anywhere_is_judged_and_breaks_nothing(data: st.DataObject) -> None:
    documents = deepcopy(VALID[data.draw(st.sampled_from(list(VALID)))])
    for _ in range(data.draw(st.integers(1, 3))):
        changed = documents[data.draw(st.integers(0, 1))]
        *outer, last = data.draw(st.sampled_from(list(places(changed))))
        for name in outer:
            changed = changed[name]
        changed[last] = data.draw(ODD)

    assert all(line.isprintable() for line in said(*documents))


def chained(number: int, value: str) -> dict[str, str]:
    """Variables of which each names the one before twice."""
    return {"v0": "x" * 100, **{f"v{n}": value.replace("before", f"v{n - 1}") for n in range(1, number)}}


TWICE = "[concat(variables('before'), variables('before'))]"
BOMBS = {
    "texts": chained(40, TWICE),
    "lists": chained(45, "[createArray(variables('before'), variables('before'))]"),
    "unknown": {**chained(45, TWICE), "v0": "[newGuid()]"},
    "chain": chained(500, "[variables('before')]"),
    "nested": {"v1": f"[{'concat(' * 3_000}''{')' * 3_000}]"},
    "quotes": {"v1": f"[{chr(39) * 20_001}]"},
    "brackets": {"v1": f"[parameters('a'){'[0]' * 5_000}]"},
}


@pytest.mark.parametrize("kind", BOMBS)
def test_expressions_that_grow_without_end_are_refused_in_little_time(kind: str) -> None:
    last = list(BOMBS[kind])[-1]
    growing = template(
        parameters={"a": {"type": "string"}},
        variables=BOMBS[kind],
        outputs={"last": {"type": "string", "value": f"[concat(parameters('a'), string(variables('{last}')))]"}},
    )
    began = time.process_time()

    lines = said(growing, wizard(basics=[], outputs={"a": "[location()]"}))

    assert time.process_time() - began < 10
    assert all(len(line) < 1_000 for line in lines)


def test_a_wizard_with_many_elements_is_judged_in_little_time() -> None:
    boxes = [{"name": f"e{n}", "type": "Microsoft.Common.TextBox", "label": "x"} for n in range(10_000)]
    choice = {
        "name": "many",
        "type": "Microsoft.Common.DropDown",
        "label": "x",
        "constraints": {"allowedValues": [{"label": str(n), "value": str(n)} for n in range(10_000)]},
    }
    began = time.process_time()

    said(template(), wizard(basics=[], steps=[{"name": "s", "label": "s", "elements": [*boxes, choice]}]))

    assert time.process_time() - began < 15
