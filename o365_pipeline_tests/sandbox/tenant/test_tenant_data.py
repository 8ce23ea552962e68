"""Files in Data Connect's format in place of synthetic rows: projected line by line, or passed on as they are."""

import gzip
import json
from pathlib import Path

import pytest

from o365_pipeline.errors import UsageError
from o365_pipeline.sandbox.tenant.tenant_data import FileTenant
from o365_pipeline_tests.sandbox.conftest import World, copy_job


def copied(directory: Path, content: bytes, columns: list[str], name: str = "Message_v1.json") -> tuple[bytes, int]:
    """What lands of a file, and how many rows are counted."""
    (directory / name).write_bytes(content)
    lines = list(FileTenant(directory).lines(copy_job("Message_v1", columns)))
    return b"".join(line.content for line in lines), sum(line.rows for line in lines)


def test_rows_keep_the_requested_and_the_system_columns(tmp_path: Path) -> None:
    landed, count = copied(tmp_path, b'{"id":"1","subject":"no","puser":"u","ptenant":"t"}\n', ["id"])
    assert json.loads(landed) == {"id": "1", "puser": "u", "ptenant": "t"}
    assert count == 1


def test_a_column_that_the_catalogue_lacks_lands_however_the_file_is_laid_out(tmp_path: Path) -> None:
    row = {"id": "1", "newcomer": "kept", "subject": "no"}

    on_a_line, _ = copied(tmp_path, json.dumps(row).encode() + b"\n", ["id"])
    across_lines, _ = copied(tmp_path, json.dumps(row, indent=1).encode(), ["id"])

    assert json.loads(on_a_line) == {"id": "1", "newcomer": "kept"}
    assert json.loads(across_lines)["newcomer"] == "kept"


def test_two_objects_on_a_line_stay_on_it_and_count_twice(tmp_path: Path) -> None:
    landed, count = copied(tmp_path, b'{"id":"1","subject":"a"} {"id":"2","subject":"b"}\r\n\n{"id":"3"}', ["id"])
    assert landed == b'{"id":"1"} {"id":"2"}\r\n\n{"id":"3"}'
    assert count == 3


def test_a_byte_order_mark_stays_at_the_start(tmp_path: Path) -> None:
    landed, count = copied(tmp_path, b'\xef\xbb\xbf{"id":"1","subject":"a"}\n', ["id"])
    assert (landed, count) == (b'\xef\xbb\xbf{"id":"1"}\n', 1)


@pytest.mark.parametrize(
    "content",
    [
        b'{"id":"1","subject":\n',
        b'{"id":"1"} and more\n',
        b"[1]\n",
        b'{"id":NaN}\n',
        b'{"id":"\xff"}\n',
        b'{"id":' + b"[" * 100_000 + b"\n",
    ],
)
def test_a_line_that_is_no_json_lands_as_it_is(tmp_path: Path, content: bytes) -> None:
    assert copied(tmp_path, content, ["id"]) == (content, 1)


def test_a_utf_16_file_lands_byte_for_byte(tmp_path: Path) -> None:
    content = '{"id":"1","subject":"é"}\n{"id":"2"}\n'.encode("utf-16")
    assert copied(tmp_path, content, ["id"]) == (content, 2)


def test_a_pretty_printed_object_keeps_its_nested_objects(tmp_path: Path) -> None:
    content = b'{\n "toRecipients": [\n  {"emailAddress": {"name": "x"}}\n ]\n}\n'
    assert copied(tmp_path, content, ["id"])[0] == content


def test_the_case_of_a_first_letter_does_not_matter(tmp_path: Path) -> None:
    landed, _ = copied(tmp_path, b'{"Id":"1","Subject":"a"}\n', ["id"])
    assert landed == b'{"Id":"1"}\n'


def test_a_row_whose_text_is_no_unicode_keeps_its_escapes(tmp_path: Path) -> None:
    landed, _ = copied(tmp_path, b'{"id":"\\ud83d","subject":"a"}\n', ["id"])
    assert landed == b'{"id":"\\ud83d"}\n'


def test_two_files_of_a_dataset_are_two_parts_of_it_packed_or_not(tmp_path: Path) -> None:
    (tmp_path / "message_v1.JSONL").write_bytes(b'{"id":"1","subject":"a"}\n')
    (tmp_path / "Message_v1.json.gz").write_bytes(gzip.compress(b'{"id":"2","subject":"b"}\n{"id":"3"}\n'))

    lines = list(FileTenant(tmp_path, tmp_path / "scratch").lines(copy_job("Message_v1", ["id"])))

    assert sorted((line.part, json.loads(line.content)["id"]) for line in lines) == [(0, "2"), (0, "3"), (1, "1")]
    assert list((tmp_path / "scratch").iterdir()) == []


def test_a_packed_file_that_is_damaged_is_named(tmp_path: Path) -> None:
    (tmp_path / "Message_v1.json.gz").write_bytes(gzip.compress(b'{"id":"2"}\n' * 1000)[:-20])

    with pytest.raises(UsageError, match=r"Message_v1\.json\.gz: cannot be read"):
        list(FileTenant(tmp_path).lines(copy_job("Message_v1", ["id"])))


def test_a_run_lands_the_file_and_a_dataset_without_one_lands_nothing(tmp_path: Path) -> None:
    data = tmp_path / "data"
    data.mkdir()
    (data / "Message_v1.json").write_bytes(b'{"id":"1","puser":"u"}\n{"broken\n')
    world = World(tmp_path, FileTenant(data))
    world.approve()

    mail, users = world.run_to_end("Message_v1"), world.run_to_end("User_v1")

    assert world.activity(mail.run_id).output["rowsCopied"] == 2
    assert world.activity(users.run_id).output["rowsCopied"] == 0
    assert users.status == "Succeeded"
    assert [path.rpartition("/")[2] for path in world.landed()] == ["part-00000.json"]
