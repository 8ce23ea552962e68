"""Rejected rows: where each of them stands, how they are found, and reading them anew."""

from __future__ import annotations

import datetime as dt
import json
from pathlib import Path
from typing import Any

import dagster as dg
import duckdb
import pytest

from o365_pipeline.curated.curation import Counts
from o365_pipeline.curated.day_files import QUARANTINE
from o365_pipeline.curated.quarantine import Selection, lock, opened, summary
from o365_pipeline.customers.customer import Customer
from o365_pipeline.datasets import catalogue
from o365_pipeline.deployment import Deployment
from o365_pipeline.mart.loading import load_day
from o365_pipeline_tests.conftest import DAY
from o365_pipeline_tests.curated.conftest import FIRST, Landing, give_wrong_type, row
from o365_pipeline_tests.runner import Runner, failure, lake_of, mart_rows

MESSAGES = dg.AssetKey(["curated", "message"])
REPEATED = "repeats the key puser, id of a row that was kept"


def mail(identifier: str, **values: Any) -> dict[str, Any]:
    return row(id=identifier, sentDateTime=f"{FIRST}T10:00:00Z", **values)


def rejected(landing: Landing) -> list[tuple[str, int, str, Any]]:
    """(file, line, reason, raw as JSON) of the rejected messages."""
    found = landing.table("Message_v1", QUARANTINE)
    return [(entry["file"][-11:], entry["line"], entry["reason"], json.loads(entry["raw"])) for entry in found]


def test_a_row_of_a_wrong_type_has_its_line_in_a_clean_file(landing: Landing) -> None:
    bad = mail("bad", isRead="perhaps")
    part = "".join(f"{line}\n" for line in (json.dumps(mail("a")), "", "  ", json.dumps(bad), json.dumps(mail("b"))))

    landing.curate("Message_v1", [mail("c")], part.encode())

    assert rejected(landing) == [("part-1.json", 4, "isRead is not of type boolean", bad)]


def test_a_row_of_a_wrong_type_has_its_line_in_an_odd_file(landing: Landing) -> None:
    bad = [mail("one", isRead="perhaps"), mail("two", isRead="never")]
    array = json.dumps([mail("a"), bad[0]], indent=1)
    part = f"{json.dumps(mail('b'))}{json.dumps(mail('c'))}\n{array}\n{json.dumps(mail('d'))} {json.dumps(bad[1])}\n"

    landing.curate("Message_v1", part.encode("utf-16"))

    lines = part.splitlines()
    begins = [number for number, line in enumerate(lines, start=1) if line.strip() == "{"]
    assert [(line, raw) for _, line, _, raw in rejected(landing)] == [(begins[1], bad[0]), (len(lines), bad[1])]


def test_rows_with_one_key_keep_their_own_text_and_line(landing: Landing) -> None:
    rows = [mail("m1", lastModifiedDateTime=f"2026-11-16T1{hour}:00:00Z", unknown=hour) for hour in (0, 2, 1)]

    landing.curate("Message_v1", rows)

    assert rejected(landing) == [("part-0.json", 1, REPEATED, rows[0]), ("part-0.json", 3, REPEATED, rows[2])]


def test_of_rows_that_are_the_same_to_the_letter_the_first_is_kept(landing: Landing) -> None:
    landing.curate("Message_v1", [mail("m1"), mail("m2"), mail("m1")], [mail("m1")])

    assert [found[:3] for found in rejected(landing)] == [("part-0.json", 3, REPEATED), ("part-1.json", 1, REPEATED)]


def test_many_rejected_rows_of_many_files_have_the_lines_that_they_are_on(landing: Landing) -> None:
    parts = [[mail(f"{part}-{n}", isRead="perhaps" if n % 3 else True) for n in range(3000)] for part in range(4)]

    counts = landing.curate("Message_v1", *parts)

    assert counts == {FIRST: Counts(curated=4000, quarantined=8000)}
    assert all(raw["id"] == f"{file[5]}-{line - 1}" for file, line, _, raw in rejected(landing))


@pytest.mark.parametrize("megabytes", [17, 40, 100])
def test_a_large_object_is_curated_whole(landing: Landing, megabytes: int) -> None:
    large = mail("large", body={"contentType": "text", "content": "x" * (megabytes * 1024 * 1024)})

    counts = landing.curate("Message_v1", [mail("a"), large, mail("b", isRead="perhaps")])

    assert counts == {FIRST: Counts(curated=2, quarantined=1)}
    assert [found[1] for found in rejected(landing)] == [3]
    assert landing.rows_landed == 3


def test_a_large_object_that_is_rejected_has_its_line_and_the_beginning_of_its_text(landing: Landing) -> None:
    large = mail("large", isRead="perhaps", importance="x" * 17_000_000)

    landing.curate("Message_v1", [mail("a"), large])

    [found] = landing.table("Message_v1", QUARANTINE)
    assert (found["line"], found["reason"]) == (2, "isRead is not of type boolean")
    assert found["raw"] == json.dumps(large)[:1_000_000]


@pytest.fixture
def faulty(moved: Runner, monkeypatch: pytest.MonkeyPatch) -> Runner:
    """A day in the mart whose messages were curated while the catalogue had a wrong type for a column of them."""
    with monkeypatch.context() as fault:
        give_wrong_type(fault)
        assert moved.execute_day("landing_job", [MESSAGES]).success
    deployment = moved.deployment
    load_day(deployment.marts, lake_of(deployment), "contoso", DAY, list(catalogue()))
    return moved


def held(deployment: Deployment, customer: Customer, selection: Selection | None = None) -> dict[str, int]:
    """How many rejected rows each dataset has."""
    with opened(deployment.lakes, [customer], selection or Selection()) as connection:
        found: dict[str, int] = {}
        for entry in summary(connection):
            found[entry.dataset] = found.get(entry.dataset, 0) + entry.rows
        return found


def replay(runner: Runner, **config: str) -> Any:
    return runner.execute("replay_job", {}, config={"ops": {"replay_rejected_rows": {"config": config}}})


def test_rows_that_a_fault_of_the_catalogue_rejected_are_replayed_into_curated_and_the_mart(
    faulty: Runner, deployment: Deployment, customer: Customer, instance: dg.DagsterInstance
) -> None:
    rejected_before, mart_before = held(deployment, customer)["message"], mart_rows(deployment)
    with opened(deployment.lakes, [customer], Selection(catalogue()["Message_v1"], DAY, DAY)) as connection:
        found = connection.execute("SELECT customer, day, line > 0, file LIKE 'raw/contoso/%' FROM quarantine")
        assert set(found.fetchall()) == {("contoso", DAY, True, True)}
        people = connection.execute("SELECT DISTINCT raw ->> '$.puser' FROM quarantine").fetchall()

    result = replay(faulty, reason="importance is not of type boolean")

    assert result.success
    assert held(deployment, customer).get("message", 0) < rejected_before
    assert len(mart_rows(deployment)["fact_message"]) > len(mart_before["fact_message"])
    latest = instance.get_latest_materialization_event(MESSAGES)
    assert latest
    assert latest.asset_materialization
    metadata = latest.asset_materialization.metadata
    assert metadata["quarantined_before"].value == rejected_before
    assert metadata["dagster/row_count"].value
    assert latest.asset_materialization.partition == f"contoso|{DAY}"
    told = " ".join(entry.user_message for entry in instance.all_logs(result.run_id))
    assert f"message {DAY}: {rejected_before} rows were rejected before, " in told
    assert people
    assert not [person for (person,) in people if person in told]


def test_replayed_sites_are_in_what_there_is_as_of_the_day(
    moved: Runner, deployment: Deployment, monkeypatch: pytest.MonkeyPatch
) -> None:
    right = mart_rows(deployment)["dim_site"]
    with monkeypatch.context() as fault:
        give_wrong_type(fault, "SharePointSites_v1", "Url")
        sites = [dg.AssetKey(["curated", f"share_point_sites{part}"]) for part in ("", "_current")]
        assert moved.execute_day("landing_job", [*sites, *moved.keys("mart")]).success
    assert mart_rows(deployment)["dim_site"] != right

    assert replay(moved, dataset="SharePointSites_v1").success

    assert len(mart_rows(deployment)["dim_site"]) == len(right)


def test_a_replay_leaves_alone_what_was_not_selected(
    faulty: Runner, deployment: Deployment, customer: Customer
) -> None:
    before = held(deployment, customer)

    for config in (
        {"dataset": "Event_v1"},
        {"first_day": str(DAY + dt.timedelta(days=1))},
        {"last_day": str(DAY - dt.timedelta(days=1))},
        {"reason": "no such reason"},
    ):
        assert replay(faulty, customer="contoso", **config).success

    assert held(deployment, customer) == before
    failed = replay(faulty, first_day="yesterday")
    assert "yesterday is no day: write it as 2026-11-16" in failure(failed)


def test_where_nothing_was_rejected_the_relation_is_empty(deployment: Deployment, customer: Customer) -> None:
    with opened(deployment.lakes, [customer], Selection()) as connection:
        assert connection.execute("SELECT day, raw FROM quarantine").fetchall() == []


@pytest.mark.parametrize(
    "attack",
    [
        "SELECT content FROM read_text('{outside}')",
        "SELECT * FROM read_csv('{outside}')",
        "SELECT * FROM glob('{folder}/*')",
        "COPY (SELECT 1) TO '{folder}/written.csv'",
        "ATTACH '{folder}/written.duckdb' AS other",
        "EXPORT DATABASE '{folder}/written'",
        "INSTALL httpfs",
        "SET enable_external_access = true",
        "SET lock_configuration = false",
        "SET temp_directory = '{folder}/written'",
    ],
)
def test_whoever_asks_quarantine_reaches_no_file_and_no_setting(
    deployment: Deployment, customer: Customer, tmp_path: Path, attack: str
) -> None:
    (tmp_path / "outside.txt").write_text("a secret")

    with opened(deployment.lakes, [customer], Selection()) as connection:
        lock(connection)
        assert summary(connection) == []
        with pytest.raises(duckdb.Error):
            connection.execute(attack.format(outside=tmp_path / "outside.txt", folder=tmp_path)).fetchall()

    assert list(tmp_path.rglob("written*")) == []
