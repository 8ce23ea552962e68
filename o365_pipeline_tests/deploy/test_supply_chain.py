"""The list of what is shipped holds all that is installed for it, and an advisory is found where it holds."""

from __future__ import annotations

import sys
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

PROJECT = Path(__file__).parents[2]


def _supply_chain() -> ModuleType:
    spec = spec_from_file_location("supply_chain", PROJECT / "deploy" / "supply_chain.py")
    assert spec
    assert spec.loader
    module = module_from_spec(spec)
    sys.modules["supply_chain"] = module
    spec.loader.exec_module(module)
    return module


supply_chain = _supply_chain()


def advisory(*events: dict[str, str], versions: tuple[str, ...] = ()) -> dict[str, Any]:
    affected = {"package": {"name": "Some_Package"}, "versions": list(versions)}
    return {"id": "PYSEC-1", "affected": [{**affected, "ranges": [{"type": "ECOSYSTEM", "events": list(events)}]}]}


@pytest.mark.parametrize(
    ("events", "inside", "outside"),
    [
        ([{"introduced": "0"}, {"fixed": "2.11.3"}], ("1.0", "2.11.2"), ("2.11.3", "3.0")),
        ([{"introduced": "1.5"}, {"last_affected": "1.9"}], ("1.5", "1.9"), ("1.4", "1.10")),
        ([{"introduced": "1"}, {"fixed": "2"}, {"introduced": "3"}, {"fixed": "4"}], ("1", "3.9"), ("2.5", "4")),
        ([{"fixed": "4"}, {"introduced": "3"}], ("3.1",), ("2", "4")),
        ([{"introduced": "0"}], ("0.1", "99"), ()),
    ],
)
def test_an_advisory_holds_from_where_a_fault_came_to_where_it_was_mended(
    events: list[dict[str, str]], inside: tuple[str, ...], outside: tuple[str, ...]
) -> None:
    told = advisory(*events)

    assert [version for version in inside if not supply_chain.holds_for(told, "some-package", version)] == []
    assert [version for version in outside if supply_chain.holds_for(told, "some-package", version)] == []
    assert not supply_chain.holds_for(told, "another-package", inside[0])


def test_a_version_that_is_listed_is_held_against_whatever_the_ranges_are() -> None:
    told = advisory({"introduced": "2019-09-12"}, versions=("1.2.3",))

    assert supply_chain.holds_for(told, "some-package", "1.2.3")
    assert not supply_chain.holds_for(told, "some-package", "1.2.4")


@given(st.lists(st.integers(0, 30), min_size=2, max_size=2, unique=True), st.integers(0, 30))
def test_any_version_before_the_mended_one_is_held_against(places: list[int], pinned: int) -> None:
    introduced, fixed = sorted(places)
    told = advisory({"introduced": f"1.{introduced}"}, {"fixed": f"1.{fixed}"})

    assert supply_chain.holds_for(told, "some-package", f"1.{pinned}") == (introduced <= pinned < fixed)


def test_everything_that_is_shipped_is_pinned_and_what_tests_alone_need_is_not_shipped() -> None:
    pinned = dict(supply_chain.pins((PROJECT / "constraints.txt").read_text()))

    shipped = supply_chain.needed("o365-pipeline", supply_chain.SHIPPED_EXTRAS)

    assert shipped - set(pinned) == set()
    assert {"dagster", "duckdb", "psycopg2-binary", "celery", "azure-core"} <= shipped
    assert {"pytest", "hypothesis", "mypy", "playwright", "polars"} & shipped == set()
