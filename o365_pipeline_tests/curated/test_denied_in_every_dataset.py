"""Somebody who is denied, by name or by the hash of an erased person, is in no row of any dataset, in no place."""

from __future__ import annotations

import json

import pytest

from o365_pipeline.curated.day_files import CURATED, QUARANTINE, USER_ROWS
from o365_pipeline.curated.privacy import ErasedPeople, People, identity_digest, one_drive_name
from o365_pipeline.datasets import Dataset, catalogue
from o365_pipeline_tests.curated.conftest import FIRST, Landing
from o365_pipeline_tests.curated.values import full_row, rows_naming

ADDRESS, ID = "ann.canary@contoso.com", "0a000000-0000-4000-8000-00000000000a"
IDENTITIES = (ADDRESS, ID, one_drive_name(ADDRESS))
SALT = b"salt"
BY_NAME = People(denied=frozenset(IDENTITIES))
BY_HASH = People(erased=ErasedPeople(SALT, frozenset(identity_digest(SALT, one) for one in IDENTITIES)))
BOTH_WAYS = ("User_v1", "Message_v1", "Event_v1", "SharePointPermissions_v1")
TEXTS = (
    f"SMTP:{ADDRESS.title()}",
    f"https://x/personal/{one_drive_name(ADDRESS)}/a?o=%7b%22{ID.upper()}%22%7d",
    json.dumps([{"Upn": ADDRESS}]),
)
UNREADABLE = f'{{"puser": "{ID}", "broken\n{{"puser": "x", "broken {ADDRESS}\n'.encode()


@pytest.mark.parametrize("dataset", catalogue(), ids=lambda dataset: dataset.name)
def test_whoever_is_denied_is_nowhere(landing: Landing, dataset: Dataset) -> None:
    others = full_row(dataset, pascal=False)
    content = {*dataset.content_columns}
    rows = [others, *(row for row in rows_naming(dataset, TEXTS) if not _speaks_of_her(row, content))]

    ways = (BY_NAME, BY_HASH) if dataset.name in BOTH_WAYS else (BY_HASH,)
    landed = [landing.curate(dataset.name, rows, UNREADABLE, people=people)[FIRST] for people in ways]

    assert landed[0] == landed[-1]
    assert landed[0].total == landing.rows_landed
    kept = [landing.table(dataset.name, stage) for stage in (CURATED, USER_ROWS, QUARANTINE)]
    text = json.dumps(kept, default=str).lower()
    assert [word for word in (*IDENTITIES, "canary") if word in text] == []
    assert landed[0].curated > 0


def _speaks_of_her(row: dict[str, object], content: set[str]) -> bool:
    """Whether the row names her in what people wrote, which stays as it is."""
    return any("canary" in json.dumps(row.get(name)).lower() for name in content)
