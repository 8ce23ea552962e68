"""What people write by hand, whatever it holds: it becomes a value, or one reason why not."""

from __future__ import annotations

import json
import tomllib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml

from o365_pipeline.cost.rates import read_rates
from o365_pipeline.customers import written_text
from o365_pipeline.customers.configuration import read_customers
from o365_pipeline.customers.data_request import read_data_request
from o365_pipeline.customers.written_text import UnreadableTextError, parsed
from o365_pipeline.errors import SettingsError, one_line
from o365_pipeline.managed_app.offer import read_offer

DEEP = "[" * 20_000
DIGITS = "9" * 5_000


def customers(path: Path) -> object:
    return read_customers(path, {})


@pytest.mark.parametrize("read", [customers, read_data_request, read_offer, read_rates])
@pytest.mark.parametrize(
    ("text", "reason"),
    [
        (f"a = {DEEP}", "it is nested too deeply"),
        (f"a = {DIGITS}", "Exceeds the limit (4300 digits)"),
        ("a = 1\n" * 2, "Cannot overwrite a value"),
        ("a = \x00", "Invalid value"),
    ],
)
def test_a_file_that_cannot_be_parsed_is_refused_in_one_line_that_names_it(
    tmp_path: Path, read: Callable[[Path], object], text: str, reason: str
) -> None:
    path = tmp_path / "written.toml"
    path.write_text(text)

    with pytest.raises(SettingsError) as failed:
        read(path)

    assert str(path) in str(failed.value) and reason in str(failed.value)
    assert str(failed.value).isprintable()


@pytest.mark.parametrize("parse", [tomllib.loads, json.loads, yaml.safe_load])
def test_a_text_of_any_length_is_not_parsed(monkeypatch: pytest.MonkeyPatch, parse: Callable[[str], Any]) -> None:
    monkeypatch.setattr(written_text, "LARGEST", 10)

    with pytest.raises(UnreadableTextError, match="more than 10 characters"):
        parsed("a" * 11, parse)


@pytest.mark.parametrize("source", ["x" * 5_000, "a\x00b", "{" + DEEP])
def test_customers_at_a_place_that_cannot_be_one_are_refused_in_one_line(source: str) -> None:
    with pytest.raises(SettingsError, match="O365_CUSTOMERS"):
        read_customers(source, {})


def test_a_message_is_one_line_that_can_be_printed_whatever_it_repeats() -> None:
    error = SettingsError("x.yaml: \u202eyek\ud800\n\x00 is no key")

    assert str(error) == "x.yaml: \\u202eyek\\ud800 \\x00 is no key"
    assert len(one_line("x" * 5_000)) == 2_004
    assert str(SettingsError("Müller: 8 € für 日本")) == "Müller: 8 € für 日本"
