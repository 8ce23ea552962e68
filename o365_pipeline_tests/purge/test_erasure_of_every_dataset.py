"""A person who is named in each place of each dataset is erased from all of them, whatever the files look like."""

from __future__ import annotations

import datetime as dt
import json
from pathlib import Path

import duckdb
import pytest
import sqlalchemy as sa

from o365_pipeline.curated.day_files import CURATED, QUARANTINE, USER_ROWS
from o365_pipeline.customers.customer import Customer
from o365_pipeline.database.ledger import landing
from o365_pipeline.datasets import catalogue
from o365_pipeline.deployment import Deployment
from o365_pipeline.mart.loading import load_day
from o365_pipeline.purge import erasure
from o365_pipeline.purge.person import find_person
from o365_pipeline_tests.curated.values import full_row, rows_naming
from o365_pipeline_tests.finished_homes import FinishedHomes
from o365_pipeline_tests.history import History
from o365_pipeline_tests.runner import lake_of, mart_rows
from o365_pipeline_tests.traces import files_naming

DAY = dt.date(2026, 11, 16)
NOW = dt.datetime.now(dt.UTC)
ANNS_ID = "0a000000-0000-4000-8000-00000000000a"
ANN = {"puser": ANNS_ID, "id": ANNS_ID, "displayName": "Ann Canary", "mail": "ann.canary@contoso.com"}
BOB = {"puser": "b", "id": "b", "displayName": "Bob Ray", "mail": "bob@contoso.com"}
TEXTS = (f"Ann.Canary@contoso.com and {ANNS_ID}", "Ann Canary writes to Bob Ray")
PRETTY = ("Message_v1", "TeamChat_v1")
WORDS = ("ann.canary", "ann canary", ANNS_ID, "canary")


@pytest.fixture
def home(tmp_path: Path, finished_homes: FinishedHomes) -> Path:
    """An empty mart: the landings are the test's own."""
    finished_homes.copy_empty_mart(tmp_path / "o365")
    return tmp_path / "o365"


@pytest.fixture
def history(deployment: Deployment) -> History:
    """A day of every dataset, in which Ann stands in each place, and Bob in as many."""
    history = History(deployment.database, lake_of(deployment))
    for part in (1, 2):
        # Two files more of one landing, in which each line is a row.
        lines = [{"puser": "b", "id": f"part {part} {name}", "subject": name} for name in ("Ann Canary", "Bob Ray")]
        path = f"raw/contoso/message/{DAY}/run-Message_v1-{DAY}/part-{part}.json"
        history.lake.write(path, "\n".join(map(json.dumps, lines)).encode() + b"\n")
    for dataset in catalogue().newest:
        rows = [full_row(dataset, pascal=False), *rows_naming(dataset, TEXTS)]
        users = []
        if dataset.name == "User_v1":
            # An address that stood in another user's row would be the other's too.
            rows, users = rows[:1], [ANN, BOB]
        unreadable = b'{"puser": "ann.canary@contoso.com", "broken\n{"puser": "bob@contoso.com", "broken\n'
        pretty = json.dumps(rows[:9], indent=1).encode() + b"\n" if dataset.name in PRETTY else b""
        history.tell(dataset.name, DAY, *users, *rows, pretty, unreadable)
        if dataset.current_name:
            history.build_current_state(dataset.name, DAY)
    load_day(deployment.marts, history.lake, "contoso", DAY, list(catalogue().newest))
    return history


def rows_naming_bob(home: Path) -> dict[str, int]:
    """How many rows of each stage name Bob."""
    counts = {}
    for stage in (CURATED, USER_ROWS, QUARANTINE):
        query = "SELECT count(*) FROM read_parquet(?) AS found WHERE to_json(found)::VARCHAR ILIKE '%bob ray%'"
        files = [str(path) for path in (home / "lake" / stage).rglob("*.parquet")]
        counts[stage] = sum(duckdb.execute(query, [file]).fetchall()[0][0] for file in files)
    return counts


def test_nothing_of_the_person_is_left_and_all_of_others_is(
    deployment: Deployment, customer: Customer, history: History
) -> None:
    home, bobs = deployment.home, rows_naming_bob(deployment.home)
    assert len(files_naming(home, WORDS)) > 3 * len(catalogue().newest)
    assert bobs[CURATED] > 100
    person = find_person(deployment.marts, history.lake, customer, "ann.canary@contoso.com")
    assert (ANNS_ID in person.identities, person.names) == (True, ("Ann Canary",))

    request_id = erasure.begin(deployment.database, customer, "ann.canary@contoso.com", person, "asked", NOW)
    erasure.carry_out(deployment.marts, history.lake, customer, request_id)

    assert files_naming(home, WORDS) == []
    assert rows_naming_bob(home) == bobs
    assert any(mart_rows(deployment).values())
    with deployment.database.begin() as connection:
        assert connection.scalar(sa.select(sa.func.count()).select_from(landing)) == len(catalogue().newest)
    parts = sorted((home / "lake" / "raw" / "contoso" / "message").rglob("*.json"))
    assert [path.name.partition(".")[0] for path in parts] == ["manifest", "part-0", "part-1", "part-2"]
    assert all("[erased]" in path.read_text() for path in parts[1:])
