"""Reading what Data Connect writes, oddities included."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from o365_pipeline.raw import json_lines
from o365_pipeline.raw.json_lines import Contents, contents, objects_in, pieces
from o365_pipeline_tests.duckdb_files import connection

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
    return contents(connection(), path)


def test_a_clean_file_is_counted_without_being_taken_apart(tmp_path: Path) -> None:
    assert count(written(tmp_path, b'{"id": 1}\n{"id": 2}\n')) == Contents(
        2, is_clean=True, structure='{"id": "UBIGINT"}'
    )


def test_an_empty_file_has_no_rows(tmp_path: Path) -> None:
    assert count(written(tmp_path, b"")) == Contents(0, is_clean=True, structure='"NULL"')


def test_two_objects_on_one_line_are_two_rows(tmp_path: Path) -> None:
    path = written(tmp_path, b'{"id": 1}{"id": 2}\n{"id": 3}\n')

    assert count(path) == Contents(rows=3, is_clean=False)
    assert [json.loads(piece.text)["id"] for piece in pieces(path)] == [1, 2, 3]


def test_a_byte_order_mark_is_no_error(tmp_path: Path) -> None:
    assert count(written(tmp_path, b'\xef\xbb\xbf{"id": 1}\n')) == Contents(
        1, is_clean=True, structure='{"id": "UBIGINT"}'
    )


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


@given(st.lists(LINES, max_size=12))
def test_counting_in_bulk_and_line_by_line_agree(tmp_path: Path, lines: list[str]) -> None:
    path = written(tmp_path, "\n".join(lines).encode())

    found = count(path)

    assert found.rows == sum(1 for _ in pieces(path))
    if found.is_clean:
        query = f"SELECT count(json) FROM {objects_in([path])}"
        assert connection().execute(query).fetchall() == [(found.rows,)]


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


ACROSS = st.builds(lambda entry, indent: json.dumps(entry, indent=indent), OBJECTS, st.sampled_from([1, 2, "\t"]))
ARRAYS = st.builds(
    lambda entries, indent: json.dumps(entries, indent=indent),
    st.lists(OBJECTS, max_size=4),
    st.sampled_from([None, 1]),
)
TOGETHER = st.lists(OBJECTS, max_size=3).map(lambda objects: " ".join(map(json.dumps, objects)))
ODDITIES = st.one_of(OBJECTS.map(json.dumps), ACROSS, ARRAYS, TOGETHER, st.sampled_from(["", "  ", "\ufeff"]))


def objects_of(text: str) -> list[object]:
    """What a part of a file holds, by Python's own reader."""
    found: list[object] = []
    rest = text.strip("\ufeff \n\t")
    while rest:
        value, end = json.JSONDecoder().raw_decode(rest)
        found += value if isinstance(value, list) else [value]
        rest = rest[end:].strip()
    return found


@given(st.lists(ODDITIES, max_size=8), st.sampled_from(["utf-8", "utf-8-sig", "utf-16"]), st.integers(40, 200))
def test_any_mixture_of_oddities_gives_as_many_pieces_as_objects(
    tmp_path: Path, parts: list[str], encoding: str, window: int
) -> None:
    path = written(tmp_path, "\n".join(parts).encode(encoding))

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(json_lines, "WINDOW", window)
        found = list(pieces(path))

    assert [json.loads(piece.text) for piece in found] == [entry for part in parts for entry in objects_of(part)]
    assert {piece.reason for piece in found} <= {None}


@given(st.lists(st.one_of(ODDITIES, LINES), max_size=8), st.integers(40, 200))
def test_whatever_is_between_them_no_text_is_lost(tmp_path: Path, parts: list[str], window: int) -> None:
    path = written(tmp_path, "\n".join(parts).encode())

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(json_lines, "WINDOW", window)
        found = list(pieces(path))

    lost = set("[],\ufeff \n\t")
    assert [sign for piece in found for sign in piece.text if sign not in lost] == [
        sign for part in parts for sign in part if sign not in lost
    ]


def test_an_object_that_is_cut_off_takes_none_with_it(tmp_path: Path) -> None:
    path = written(tmp_path, b'{"id": 1, "text": "cut\n{"id": 2}\n{"id": 3,\n{"id": 4}\n{"id": [\n{"id": 5}\n')

    assert [(piece.line, piece.reason is None) for piece in pieces(path)] == [
        (1, False),
        (2, True),
        (3, False),
        (4, True),
        (5, False),
        (6, True),
    ]


def test_an_object_across_lines_that_cannot_be_read_is_one_piece(tmp_path: Path) -> None:
    objects = ['{\n  "id": 1\n}', '{\n  "id": oops,\n  "of": {\n    "id": 3\n  }\n}', '{\n  "id": 2\n}']
    path = written(tmp_path, "\n".join(objects).encode())

    assert [(piece.line, piece.reason is None) for piece in pieces(path)] == [(1, True), (4, False), (10, True)]
    assert list(pieces(path))[1].text == objects[1]


def test_every_piece_knows_the_line_that_it_begins_on(tmp_path: Path) -> None:
    path = written(tmp_path, b'\n{"id": 1} {"id": 2}\n[\n  {\n    "id": 3\n  },\n  {"id": 4}]\noops\n')

    assert [piece.line for piece in pieces(path)] == [2, 2, 4, 7, 8]


@pytest.mark.parametrize(
    ("text", "reasons"),
    [
        (json.dumps({"id": 'x\\"}{' * 600_000}), [None]),
        (json.dumps({"id": [{"of": number} for number in range(200_000)]}, indent=1), [None]),
        ('{"id": "' + "x" * 3_000_000 + "\n", ["not JSON: it breaks off"]),
        ('{"id": 1, "of": "' + "x" * 3_000_000 + '",\n', ["not JSON: it breaks off"]),
        ("x" * 3_000_000 + "\n", ["not JSON: it breaks off"]),
        ("[1" + ", 1" * 1_000_000 + "]\n", ["JSON, but not an object"]),
    ],
)
def test_what_is_larger_than_a_window_takes_nothing_with_it(
    tmp_path: Path, text: str, reasons: list[str | None]
) -> None:
    path = written(tmp_path, f'{{"id": 1}}\n{text}\n{{"id": 2}}\n'.encode())

    found = list(pieces(path))

    assert [piece.reason for piece in found] == [None, *reasons, None]
    assert [json.loads(piece.text)["id"] for piece in found[:: len(found) - 1]] == [1, 2]
    assert found[-1].line == 3 + text.count("\n")
    if reasons == [None]:
        assert json.loads(found[1].text) == json.loads(text)


def test_an_object_larger_than_can_be_read_is_kept_aside_by_its_beginning(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(json_lines, "LARGEST_OBJECT", 3_000_000)
    path = written(tmp_path, json.dumps([{"id": "x" * 4_000_000}, {"id": 2}]).encode())

    large, small = pieces(path)

    assert large.reason == "more than 3,000,000 characters"
    assert large.text == '{"id": "' + "x" * (json_lines.KEPT_CHARACTERS - 8)
    assert (small.reason, small.text) == (None, '{"id": 2}')


def test_a_file_with_a_large_object_is_odd_and_loses_none(tmp_path: Path) -> None:
    path = written(tmp_path, json.dumps({"id": "x" * 17_000_000}).encode() + b'\n{"id": 2}\n')

    assert count(path) == Contents(rows=2, is_clean=False)
    assert [piece.reason for piece in pieces(path)] == [None, None]


MEASURED = """
import resource, sys
from pathlib import Path
from o365_pipeline.raw.json_lines import pieces
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
rows = sum(piece.reason is None for piece in pieces(Path(sys.argv[1])))
print(rows, (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) // 1024)
"""


def test_a_huge_array_is_read_in_little_memory(tmp_path: Path) -> None:
    path = tmp_path / "part.json"
    with path.open("w") as file:
        file.write("[")
        file.writelines('{"id": "' + "x" * 1000 + '"},' for _ in range(100_000))
        file.write("]")

    ended = subprocess.run([sys.executable, "-c", MEASURED, str(path)], capture_output=True, text=True, check=True)

    rows, megabytes = map(int, ended.stdout.split())
    assert rows == 100_000
    assert megabytes < 50
