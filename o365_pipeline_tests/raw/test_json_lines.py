"""Reading what Data Connect writes, oddities included."""

from __future__ import annotations

import json
from pathlib import Path

import duckdb
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from o365_pipeline.raw.json_lines import Contents, contents, objects_in, pieces

OBJECTS = st.dictionaries(st.text(max_size=5), st.one_of(st.none(), st.integers(), st.text(max_size=20)), max_size=3)
LINES = st.one_of(
    OBJECTS.map(json.dumps),
    st.lists(OBJECTS, min_size=2, max_size=3).map(lambda objects: "".join(json.dumps(entry) for entry in objects)),
    OBJECTS.map(lambda entry: json.dumps(entry)[:-1]),
    st.sampled_from(["", "   ", "[1, 2]", '"text"', "17", "null", "{'a': 1}", '{"a": 1} and more']),
)


def written(tmp_path: Path, content: bytes) -> Path:
    path = tmp_path / "part.json"
    path.write_bytes(content)
    return path


def count(path: Path) -> Contents:
    with duckdb.connect() as connection:
        return contents(connection, path)


def test_a_clean_file_is_counted_without_being_taken_apart(tmp_path: Path) -> None:
    assert count(written(tmp_path, b'{"id": 1}\n{"id": 2}\n')) == Contents(rows=2, is_clean=True)


def test_an_empty_file_has_no_rows(tmp_path: Path) -> None:
    assert count(written(tmp_path, b"")) == Contents(rows=0, is_clean=True)


def test_two_objects_on_one_line_are_two_rows(tmp_path: Path) -> None:
    path = written(tmp_path, b'{"id": 1}{"id": 2}\n{"id": 3}\n')

    assert count(path) == Contents(rows=3, is_clean=False)
    assert [json.loads(piece.text)["id"] for piece in pieces(path)] == [1, 2, 3]


def test_a_byte_order_mark_is_no_error(tmp_path: Path) -> None:
    assert count(written(tmp_path, b'\xef\xbb\xbf{"id": 1}\n')) == Contents(rows=1, is_clean=True)


def test_a_byte_order_mark_before_an_odd_file_is_no_error_either(tmp_path: Path) -> None:
    path = written(tmp_path, b'\xef\xbb\xbf{"id": 1}{"id": 2}\n')

    assert [piece.reason for piece in pieces(path)] == [None, None]


def test_utf_16_with_a_byte_order_mark_is_read(tmp_path: Path) -> None:
    path = written(tmp_path, '{"id": "é"}\n{"id": 2}\n'.encode("utf-16"))

    assert count(path) == Contents(rows=2, is_clean=False)
    assert [json.loads(piece.text)["id"] for piece in pieces(path)] == ["é", 2]


def test_a_line_that_cannot_be_read_is_one_piece_with_its_number_text_and_reason(tmp_path: Path) -> None:
    path = written(tmp_path, b'{"id": 1}\n\n{"id": oops}\n{"id": 2}\n')

    found = list(pieces(path))

    assert [(piece.line, piece.reason is None) for piece in found] == [(1, True), (3, False), (4, True)]
    assert found[1].text == '{"id": oops}'
    assert found[1].reason is not None
    assert found[1].reason.startswith("not JSON: Expecting value")


@pytest.mark.parametrize("line", [b"[1, 2]", b'"text"', b"17", b"null", b'{"id": 1} and more', b'{"id": "\xff\xfe"}'])
def test_what_is_no_object_is_kept_aside_whole(tmp_path: Path, line: bytes) -> None:
    path = written(tmp_path, b'{"id": 1}\n' + line + b"\n")

    found = list(pieces(path))

    assert [piece.reason is None for piece in found] == [True, False]
    assert count(path) == Contents(rows=2, is_clean=False)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(st.lists(LINES, max_size=12))
def test_counting_in_bulk_and_line_by_line_agree(tmp_path: Path, lines: list[str]) -> None:
    path = written(tmp_path, "\n".join(lines).encode())

    found = count(path)

    assert found.rows == sum(1 for _ in pieces(path))
    if found.is_clean:
        with duckdb.connect() as connection:
            assert connection.execute(f"SELECT count(json) FROM {objects_in([path])}").fetchall()[0][0] == found.rows


def test_pretty_printed_objects_are_rows(tmp_path: Path) -> None:
    rows = [{"id": 1, "from": {"name": "a"}}, {"id": 2}]
    path = written(tmp_path, "\n".join(json.dumps(row, indent=2) for row in rows).encode())

    assert count(path) == Contents(rows=2, is_clean=False)
    assert [json.loads(piece.text) for piece in pieces(path)] == rows


@pytest.mark.parametrize("indent", [None, 2])
def test_an_array_of_objects_is_its_objects(tmp_path: Path, indent: int | None) -> None:
    path = written(tmp_path, json.dumps([{"id": 1}, {"id": 2}, 3], indent=indent).encode("utf-16"))

    assert [piece.reason for piece in pieces(path)] == [None, None, "JSON, but not an object"]


def test_a_number_that_is_too_long_stops_nothing(tmp_path: Path) -> None:
    path = written(tmp_path, b'{"id": ' + b"9" * 5000 + b'}\n{"id": oops}\n{"id": 2}\n')

    assert [piece.reason is None for piece in pieces(path)] == [False, False, True]


def test_half_a_character_becomes_a_question_mark(tmp_path: Path) -> None:
    path = written(tmp_path, b'{"id": "cut \\ud83d"}\n')

    [piece] = pieces(path)

    assert piece.reason is None
    assert json.loads(piece.text) == {"id": "cut ?"}


def test_utf_16_lines_end_where_lines_end(tmp_path: Path) -> None:
    path = written(tmp_path, '{"id": "a\u2028b\u0085c"}\n{"id": "Ċ"}\n'.encode("utf-16"))

    assert [json.loads(piece.text)["id"] for piece in pieces(path)] == ["a\u2028b\u0085c", "Ċ"]
