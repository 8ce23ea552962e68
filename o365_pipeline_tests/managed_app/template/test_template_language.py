"""What is written into a template comes out as it was meant."""

from __future__ import annotations

import re
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from o365_pipeline.managed_app.arm.template_language import templated
from o365_pipeline.managed_app.package.arm_template import Target, TemplateError, deploy

STAND_IN = "stand-in"
TEXTS = st.text() | st.sampled_from(
    ["[", "[[", "[[a", "[[a]", "[parameters('name')]", "it's", STAND_IN, f"https://{STAND_IN}/'[x]'"]
)
VALUES = st.recursive(
    TEXTS | st.integers() | st.booleans() | st.none(),
    lambda parts: st.lists(parts, max_size=4) | st.dictionaries(TEXTS, parts, max_size=4),
    max_leaves=10,
)


def read(written: Any, target: Target = Target()) -> Any:  # noqa: B008 - it cannot be changed
    template = {
        "parameters": {"name": {"type": "string"}},
        "resources": [],
        "outputs": {"name": {"value": "[parameters('name')]"}, "read": {"value": written}},
    }
    return deploy(template, target, name="the name").outputs["read"]


@given(VALUES)
def test_a_value_without_stand_ins_is_read_as_it_was(value: Any) -> None:
    assert read(templated(value, {})) == value


@given(TEXTS)
def test_stand_ins_are_read_as_what_stands_for_them_and_the_rest_as_it_was(text: str) -> None:
    written = templated(text, {STAND_IN: "parameters('name')"})

    assert read(written) == text.replace(STAND_IN, "the name")


@pytest.mark.parametrize(
    ("expression", "value"),
    [
        ("[createObject('a b', 1)['a b']]", 1),
        ("[createObject('a', createObject('b', 2.5)).a['b']]", 2.5),
        ("[union(createObject('a', 1, 'b', 2), createObject('b', 3))]", {"a": 1, "b": 3}),
        ("[if(equals(toLower('A'), 'a'), 'same', 'other')]", "same"),
        ("[resourceGroup().name]", "rg-of-it"),
        ("[subscription().tenantId]", "its-tenant"),
    ],
)
def test_expressions_come_to_what_azure_makes_of_them(expression: str, value: Any) -> None:
    assert read(expression, Target(tenant_id="its-tenant", resource_group="rg-of-it")) == value


def test_a_name_is_the_same_guid_each_time() -> None:
    first, again, other = read("[guid('a', 'b')]"), read("[guid('a', 'b')]"), read("[guid('a', 'c')]")

    assert first == again != other
    assert len(first) == 36


@pytest.mark.parametrize(
    ("expression", "said"),
    [
        ("[createObject('a', 1).b]", "there is no b"),
        ("[createObject('a', 1)['b']]", "there is no b"),
        ("[createObject('a', 1)['a'", None),
        ("[nothing()]", "no such function"),
        ("[concat()]", "concat(...) does not take what it is given"),
        ("[take(1, 2)]", "take(...) does not take what it is given"),
    ],
)
def test_what_cannot_be_read_is_said(expression: str, said: str | None) -> None:
    if said is None:
        assert read(expression) == expression
        return
    with pytest.raises(TemplateError, match=re.escape(said)):
        read(expression)
