"""Verifying and sealing landings."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable

import pytest

from o365_pipeline.customers.customer import Customer
from o365_pipeline.datasets import catalogue
from o365_pipeline.deployment import Deployment
from o365_pipeline.errors import DamagedLandingError
from o365_pipeline.extraction.data_factory import CopyOutcome
from o365_pipeline.extraction.extraction_ledger import Extraction
from o365_pipeline.extraction.submission import Submitter
from o365_pipeline.raw import landing
from o365_pipeline.raw.manifest import Manifest, landings_of
from o365_pipeline_tests.conftest import DAY
from o365_pipeline_tests.runner import lake_of

USERS = catalogue()["User_v1"]
NO_COUNTS = CopyOutcome(None, None, None)


@pytest.fixture
def extracted(deployment: Deployment, customer: Customer, decide: Callable[..., None]) -> Extraction:
    """An extraction with two files of three rows in the lake."""
    decide()
    requested = customer.data_request.requested("User_v1")
    assert requested
    submitter = Submitter(deployment.database, deployment.resources["data_factory"], "run-a", "raw")
    [entry] = submitter.submit_days(customer, requested, [DAY]).extractions
    folder = landing.folder(USERS, entry)
    lake_of(deployment).write(f"{folder}/part-0.json", b'{"id": 1}{"id": 2}\n')
    lake_of(deployment).write(f"{folder}/part-1.json", b'{"id": 3}\n')
    return entry


def count(deployment: Deployment, entry: Extraction) -> Manifest:
    return landing.count(lake_of(deployment), USERS, entry, NO_COUNTS)


def test_a_landing_is_counted_file_by_file(deployment: Deployment, extracted: Extraction) -> None:
    manifest = count(deployment, extracted)

    assert [(part.rows, part.is_clean) for part in manifest.parts] == [(2, False), (1, True)]


BESIDE = {
    "_SUCCESS": b"",
    "_committed_17": b'{"added": []}',
    ".part-0.json.crc": b"crc",
    "metadata/summary.json": b'{"rows": 3}\n{"users": 2}\n',
    "Metadata/part-7.json": b'{"id": 9}\n',
    "part-8.json": b"",
    "_temporary/0/part-0.json": b'{"id": 1}\n',
}


def test_what_lies_beside_the_part_files_is_no_part(deployment: Deployment, extracted: Extraction) -> None:
    for name, content in BESIDE.items():
        lake_of(deployment).write(f"{landing.folder(USERS, extracted)}/{name}", content)

    manifest = count(deployment, extracted)

    assert [part.path.rpartition("/")[2] for part in manifest.parts] == ["part-0.json", "part-1.json"]
    assert manifest.rows == 3
    assert len(manifest.beside) == len(BESIDE)


@pytest.mark.parametrize(
    ("files", "different"),
    [
        (2, None),
        (9, None),
        (10, "2 files landed, the factory reported 10"),
        (1, "2 files landed, the factory reported 1"),
    ],
)
def test_the_factory_may_count_what_lies_beside_the_parts(
    deployment: Deployment, extracted: Extraction, files: int, different: str | None
) -> None:
    for name, content in BESIDE.items():
        lake_of(deployment).write(f"{landing.folder(USERS, extracted)}/{name}", content)

    assert landing.difference(count(deployment, extracted), CopyOutcome(3, files, None)) == different


@pytest.mark.parametrize(
    ("reported", "different"),
    [
        (CopyOutcome(3, 2, None), None),
        (CopyOutcome(None, None, None), None),
        (CopyOutcome(4, 2, None), "3 rows landed, the factory reported 4"),
        (CopyOutcome(2, 2, None), "3 rows landed, the factory reported 2"),
        (CopyOutcome(3, 3, None), "2 files landed, the factory reported 3"),
        (CopyOutcome(3, 1, None), "2 files landed, the factory reported 1"),
    ],
)
def test_a_landing_is_compared_with_what_the_factory_reported(
    deployment: Deployment, extracted: Extraction, reported: CopyOutcome, different: str | None
) -> None:
    assert landing.difference(count(deployment, extracted), reported) == different


def test_a_landing_is_invisible_until_it_is_sealed(deployment: Deployment, extracted: Extraction) -> None:
    def found() -> set[dt.date]:
        return set(landings_of(deployment.database, lake_of(deployment), "contoso", USERS, [DAY]))

    assert found() == set()
    manifest = count(deployment, extracted)
    landing.seal(lake_of(deployment), deployment.database, USERS, extracted, manifest)

    assert found() == {DAY}


def test_sealing_again_changes_nothing(deployment: Deployment, extracted: Extraction) -> None:
    paths = {
        landing.seal(lake_of(deployment), deployment.database, USERS, extracted, count(deployment, extracted))
        for _ in range(2)
    }

    [path] = paths
    assert Manifest.model_validate_json(lake_of(deployment).read(path)).rows == 3


def test_files_that_were_changed_after_sealing_are_noticed(deployment: Deployment, extracted: Extraction) -> None:
    path = landing.seal(lake_of(deployment), deployment.database, USERS, extracted, count(deployment, extracted))
    lake_of(deployment).write(path.replace("manifest.json", "part-1.json"), b"")

    with pytest.raises(DamagedLandingError, match="was sealed with other contents"):
        landing.seal(lake_of(deployment), deployment.database, USERS, extracted, count(deployment, extracted))
