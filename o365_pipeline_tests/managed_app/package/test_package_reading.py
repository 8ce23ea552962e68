"""A package comes from anybody: whatever it holds, what is wrong with it is one line, in little time and memory."""

from __future__ import annotations

import io
import json
import struct
import time
import tracemalloc
import zipfile
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import SecretStr

from o365_pipeline.cli.offer.package import validate as validate_command
from o365_pipeline.errors import O365PipelineError, UsageError
from o365_pipeline.managed_app.package.package import README, TEMPLATE, VIEWS, WIZARD, packed
from o365_pipeline.managed_app.package.package_problems import MAX_PROBLEMS
from o365_pipeline.managed_app.package.package_reading import files_of
from o365_pipeline.managed_app.package.secret_checks import secret_problems
from o365_pipeline.managed_app.package.validation import validate
from o365_pipeline_tests.managed_app.installing import example_package

DOCUMENTS = (TEMPLATE, WIZARD, VIEWS)
GOOD = example_package().content


def zipped(files: Mapping[str, bytes], compression: int = zipfile.ZIP_DEFLATED) -> bytes:
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w", compression) as archive:
        for name, text in files.items():
            archive.writestr(name, text)
    return content.getvalue()


def said(folder: Path, content: bytes) -> list[str]:
    """What is said about a file of that content."""
    path = folder / "package.zip"
    path.write_bytes(content)
    return [str(problem) for problem in validate(path)]


def bomb() -> bytes:
    """A zip of some hundred kilobytes that unpacks to more than a package may have."""
    return zipped({TEMPLATE: bytes(121 * 1024 * 1024)})


def encrypted() -> bytes:
    content = bytearray(zipped({TEMPLATE: b"{}"}, zipfile.ZIP_STORED))
    content[content.index(b"PK\x03\x04") + 6] |= 1
    content[content.index(b"PK\x01\x02") + 8] |= 1
    return bytes(content)


def of_unknown_compression() -> bytes:
    content = bytearray(zipped({TEMPLATE: b"{}"}, zipfile.ZIP_STORED))
    content[content.index(b"PK\x01\x02") + 10] = 97
    return bytes(content)


def with_wrong_checksum() -> bytes:
    content = bytearray(zipped({TEMPLATE: b"{}"}, zipfile.ZIP_STORED))
    content[content.index(b"{}")] ^= 1
    return bytes(content)


def that_tells_a_huge_directory() -> bytes:
    content = bytearray(GOOD)
    struct.pack_into("<L", content, content.rindex(b"PK\x05\x06") + 12, 0xFFFFFF00)
    return bytes(content)


def with_a_file_twice() -> bytes:
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w") as archive:
        archive.writestr(TEMPLATE, b"{}")
        with pytest.warns(UserWarning, match="Duplicate"):
            archive.writestr(TEMPLATE, b"[]")
    return content.getvalue()


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "it is no zip"),
        (b"PK\x03\x04" * 10, "it is no zip"),
        (GOOD[:-30], "it is no zip"),
        (GOOD[1000:], "damaged"),
        (bomb(), "it unpacks to more than"),
        (encrypted(), "damaged or encrypted"),
        (of_unknown_compression(), "damaged or encrypted"),
        (with_wrong_checksum(), "damaged or encrypted"),
        (that_tells_a_huge_directory(), "table of contents"),
        (with_a_file_twice(), "is in it twice"),
        (zipped({f"file-{number}": b"" for number in range(2_001)}), "more than 2000 files"),
    ],
)
def test_a_file_that_is_no_sound_zip_is_refused_in_one_line(content: bytes, message: str, tmp_path: Path) -> None:
    [line] = said(tmp_path, content)

    assert message in line
    assert "\n" not in line


def test_a_bomb_is_refused_before_it_is_unpacked(tmp_path: Path) -> None:
    content = bomb()
    tracemalloc.start()
    try:
        said(tmp_path, content)
        _, most = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()

    assert most < 10 * 1024 * 1024


@pytest.mark.parametrize("kind", ["folder", "device", "nothing"])
def test_what_is_no_file_is_refused_in_one_line(kind: str, tmp_path: Path) -> None:
    path = {"folder": tmp_path, "device": Path("/dev/zero"), "nothing": tmp_path / "missing.zip"}[kind]

    [problem] = validate(path)

    assert str(problem).startswith(str(path))


@settings(max_examples=60, deadline=None)
@given(st.lists(st.tuples(st.integers(0, 10_000), st.integers(0, 255)), min_size=1, max_size=8), st.booleans())
def test_a_zip_with_any_bytes_changed_is_judged_and_breaks_nothing(
    changes: list[tuple[int, int]], from_end: bool
) -> None:
    content = bytearray(zipped({TEMPLATE: b"{}", WIZARD: b"{}", README: b"text"}))
    for place, value in changes:
        content[(-1 - place if from_end else place) % len(content)] = value
    with suppress(UsageError):
        files_of(bytes(content), "changed.zip")


@pytest.mark.parametrize("file", DOCUMENTS)
@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"[" * 100_000, "nested more than 64 deep"),
        (b'{"a":' * 100_000, "nested more than 64 deep"),
        (b"[" * 500 + b"]" * 500, "nested more than 64 deep"),
        (b"[" * 65 + b"]" * 65, "nested more than 64 deep"),
        (b'{"a": ' + b"9" * 5_000 + b"}", "it is no JSON"),
        (b'{"a": NaN}', "NaN is no number"),
        (b'"' + b"a" * (4 * 1024 * 1024) + b'"', "more than 4194304"),
        (b"", "it is no JSON"),
    ],
)
def test_a_document_beyond_the_limits_is_refused_in_one_line(file: str, content: bytes, message: str) -> None:
    problems = [
        one for one in validate(packed("p.zip", {**example_package().files, file: content})) if one.file == file
    ]

    [problem] = problems
    assert message in str(problem)


@pytest.mark.parametrize("name", ["a\nb", "a\x1b[31mb", "\ud800", "a\u2028b", "x" * 10_000])
def test_what_a_package_says_of_itself_is_shown_as_one_line(name: str) -> None:
    template = {**json.loads(example_package().files[TEMPLATE]), name: 1}
    problems = validate(packed("p.zip", {**example_package().files, TEMPLATE: json.dumps(template).encode()}))

    assert problems
    for problem in problems:
        assert str(problem).isprintable()
        assert str(problem).encode()
        assert len(str(problem)) < 500


@pytest.mark.parametrize(
    "value", [[[]] * 100_000, {str(number): {} for number in range(50_000)}, "a" * 500_000, "://" * 300_000]
)
def test_a_wide_document_of_wrong_form_gives_few_lines(value: Any) -> None:
    template = {**json.loads(example_package().files[TEMPLATE]), "resources": value, "parameters": value}
    problems = validate(packed("p.zip", {**example_package().files, TEMPLATE: json.dumps(template).encode()}))

    assert 0 < len(problems) < 200


@pytest.mark.parametrize(
    "part", [b"\n", b"pwd=x\n", b"a", b"://a:b", b"://", b"password", b"pwd ", b"AccountKey=" + b" " * 50]
)
def test_a_large_file_of_any_text_is_searched_in_little_time_and_memory(part: bytes) -> None:
    content = part * (2 * 1024 * 1024 // len(part))
    tracemalloc.start()
    began = time.process_time()
    try:
        problems = list(secret_problems({"large.txt": content}, [SecretStr("of the offer")]))
        _, most = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()

    assert time.process_time() - began < 10
    assert most < 4 * len(content)
    assert len(problems) <= 2 * MAX_PROBLEMS


def test_a_file_name_of_any_length_and_content_gives_a_line(tmp_path: Path) -> None:
    name = "\x1b[2J" + "n" * 20_000

    [line] = said(tmp_path, zipped({**example_package().files, name: b"pwd=hunter2"}))

    assert line.isprintable()
    assert len(line) < 2_000


def test_the_command_ends_with_a_line_for_each_problem(tmp_path: Path) -> None:
    (tmp_path / "package.zip").write_bytes(encrypted())

    result = CliRunner().invoke(validate_command, [str(tmp_path / "package.zip")])

    assert isinstance(result.exception, O365PipelineError)
    assert len(result.output.splitlines()) == 1
