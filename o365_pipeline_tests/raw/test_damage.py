"""Files of sealed landings that were damaged or lost: found, named, given up, extracted anew."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable
from pathlib import Path

import pytest
import sqlalchemy as sa

from o365_pipeline.customers.customer import Customer
from o365_pipeline.database.ledger import extraction as extraction_table
from o365_pipeline.database.ledger import landing as landing_table
from o365_pipeline.database.ledger import release
from o365_pipeline.datasets import catalogue
from o365_pipeline.deployment import Deployment
from o365_pipeline.errors import DamagedLandingError, UsageError
from o365_pipeline.extraction import extraction_ledger
from o365_pipeline.extraction.data_factory import CopyOutcome
from o365_pipeline.extraction.extraction_ledger import RELEASED, Extraction
from o365_pipeline.extraction.submission import Submitter
from o365_pipeline.extraction.windows import Window
from o365_pipeline.raw import landing
from o365_pipeline.raw.manifest import MANIFEST_NAME, landings_of
from o365_pipeline.raw.parts import check_parts, staged_parts
from o365_pipeline.raw.release import release_days, release_landing
from o365_pipeline_tests.conftest import DAY
from o365_pipeline_tests.runner import lake_of

USERS = catalogue()["User_v1"]
NOW = dt.datetime(2026, 11, 20, tzinfo=dt.UTC)
PARTS = {"part-0.json": b'{"id": 1}{"id": 2}\n', "part-1.json": b'{"id": 3}\n'}


@pytest.fixture
def sealed(deployment: Deployment, customer: Customer, decide: Callable[..., None]) -> Extraction:
    """A sealed landing of two parts."""
    decide()
    entry = submit(deployment, customer)
    lake = lake_of(deployment)
    for name, content in PARTS.items():
        lake.write(f"{landing.folder(USERS, entry)}/{name}", content)
    extraction_ledger.set_status(deployment.database, entry.extraction_id, entry.factory_run_id or "", "Succeeded")
    manifest = landing.count(lake, USERS, entry, CopyOutcome(None, None, None))
    landing.seal(lake, deployment.database, USERS, entry, manifest)
    found = extraction_ledger.find(deployment.database, entry.extraction_id)
    assert found
    return found


def submit(deployment: Deployment, customer: Customer, claimant: str = "run-a") -> Extraction:
    requested = customer.data_request.requested("User_v1")
    assert requested
    submitter = Submitter(deployment.database, deployment.resources["data_factory"], claimant, "raw")
    [entry] = submitter.submit_days(customer, requested, [DAY]).extractions
    return entry


def read(deployment: Deployment) -> None:
    """Read the day as curation does."""
    landed = landings_of(deployment.database, lake_of(deployment), "contoso", USERS, [DAY])[DAY]
    with staged_parts(lake_of(deployment), landed.manifest, Path()):
        pass


def verify(deployment: Deployment, entry: Extraction) -> None:
    """Verify the landing as its raw asset does that is materialized again."""
    manifest = landing.sealed(lake_of(deployment), deployment.database, USERS, entry)
    assert manifest
    check_parts(lake_of(deployment), manifest)


DAMAGE: dict[str, tuple[str, bytes | None, str]] = {
    "other bytes of the same size": ("part-1.json", b'{"id": 4}\n', "part-1.json has other contents than were sealed"),
    "one bit": ("part-0.json", b'{"id": 1}{"id": 3}\n', "part-0.json has other contents than were sealed"),
    "truncated": ("part-0.json", b'{"id": 1}', "part-0.json has 9 bytes, 19 were sealed"),
    "emptied": ("part-1.json", b"", "part-1.json has 0 bytes, 10 were sealed"),
    "lost": ("part-1.json", None, "part-1.json is not there any more"),
    "manifest lost": (MANIFEST_NAME, None, "manifest.json is not there any more"),
    "manifest truncated": (MANIFEST_NAME, b'{"extraction_id": ', "manifest.json is damaged"),
}


@pytest.mark.parametrize(("name", "content", "told"), DAMAGE.values(), ids=DAMAGE.keys())
def test_a_damaged_landing_is_found_by_whoever_reads_it_and_named(
    deployment: Deployment, sealed: Extraction, name: str, content: bytes | None, told: str
) -> None:
    read(deployment)
    path, lake = f"{landing.folder(USERS, sealed)}/{name}", lake_of(deployment)
    lake.delete([path]) if content is None else lake.write(path, content)

    with pytest.raises(DamagedLandingError, match=told) as found:
        read(deployment)

    assert f"o365-pipeline extract --customer contoso --dataset User_v1 --from {DAY} --to {DAY} --anew" in str(
        found.value
    )
    with pytest.raises(DamagedLandingError, match=told):
        verify(deployment, sealed)


def test_damage_is_told_rather_than_what_a_reader_stumbles_over(deployment: Deployment, sealed: Extraction) -> None:
    lake = lake_of(deployment)
    landed = landings_of(deployment.database, lake, "contoso", USERS, [DAY])[DAY]
    lake.write(f"{landing.folder(USERS, sealed)}/part-1.json", b'{"id": ]}\n')

    with pytest.raises(DamagedLandingError), staged_parts(lake, landed.manifest, Path()):
        raise ValueError("not JSON")


def test_a_released_landing_leaves_its_reason_and_nothing_else(deployment: Deployment, sealed: Extraction) -> None:
    lake = lake_of(deployment)
    assert release_landing(deployment.database, lake, sealed, "the disk was lost", NOW)
    assert not release_landing(deployment.database, lake, sealed, "once more", NOW)

    assert landings_of(deployment.database, lake, "contoso", USERS, [DAY]) == {}
    assert lake.objects("raw/contoso/user") == []
    with deployment.database.begin() as connection:
        assert connection.scalar(sa.select(sa.func.count()).select_from(landing_table)) == 0
        [record] = connection.execute(sa.select(release))
    assert (record.reason, record.factory_run_id) == ("the disk was lost", sealed.factory_run_id)


def test_a_released_day_is_extracted_by_another_run(
    deployment: Deployment, customer: Customer, sealed: Extraction
) -> None:
    release_landing(deployment.database, lake_of(deployment), sealed, "the disk was lost", NOW)

    anew = submit(deployment, customer, "run-b")

    assert (anew.extraction_id, anew.attempt) == (sealed.extraction_id, 2)
    assert anew.factory_run_id != sealed.factory_run_id
    assert not release_landing(deployment.database, lake_of(deployment), sealed, "too late", NOW)


def seal(deployment: Deployment, entry: Extraction) -> None:
    manifest = landing.count(lake_of(deployment), USERS, entry, CopyOutcome(None, None, None))
    landing.seal(lake_of(deployment), deployment.database, USERS, entry, manifest)


def give_up(deployment: Deployment, customer: Customer) -> str | None:
    """Give the day up as the command does; the factory run that holds it then, if any does."""
    release_days(deployment.database, lake_of(deployment), customer, USERS, Window(DAY, DAY), "the disk was lost")
    found = extraction_ledger.overlapping(deployment.database, "contoso", "User_v1", DAY, DAY)
    return found[0].factory_run_id if found else None


def test_a_command_that_was_interrupted_is_repeated_without_paying_again(
    deployment: Deployment, customer: Customer, sealed: Extraction
) -> None:
    assert give_up(deployment, customer) is None
    anew = submit(deployment, customer, "run-b")
    run_id, lake = anew.factory_run_id or "", lake_of(deployment)

    assert give_up(deployment, customer) == run_id, "while it is under way"
    lake.write(f"{landing.folder(USERS, anew)}/part-0.json", PARTS["part-0.json"])
    extraction_ledger.set_counts(deployment.database, anew.extraction_id, run_id, 2, 1, None)
    extraction_ledger.set_status(deployment.database, anew.extraction_id, run_id, "Succeeded")
    assert give_up(deployment, customer) == run_id, "when it has landed"
    seal(deployment, anew)
    assert give_up(deployment, customer) == run_id, "when it is sealed"

    deployment.database.execute(extraction_table.update().values(loaded_at=dt.datetime(2026, 11, 20)))
    assert give_up(deployment, customer) is None, "it was in the mart, so that it was asked for once more"


@pytest.mark.parametrize("is_sealed", [True, False])
def test_what_was_extracted_anew_and_damaged_again_is_given_up_again(
    deployment: Deployment, customer: Customer, sealed: Extraction, is_sealed: bool
) -> None:
    give_up(deployment, customer)
    anew = submit(deployment, customer, "run-b")
    path, run_id = f"{landing.folder(USERS, anew)}/part-0.json", anew.factory_run_id or ""
    lake_of(deployment).write(path, PARTS["part-0.json"])
    extraction_ledger.set_counts(deployment.database, anew.extraction_id, run_id, 2, 1, None)
    extraction_ledger.set_status(deployment.database, anew.extraction_id, run_id, "Succeeded")
    if is_sealed:
        seal(deployment, anew)
    lake_of(deployment).write(path, b'{"id": 1}')

    assert give_up(deployment, customer) is None


def test_what_is_under_way_is_not_given_up(
    deployment: Deployment, customer: Customer, decide: Callable[..., None]
) -> None:
    decide()
    submit(deployment, customer)

    with pytest.raises(UsageError, match=r"User_v1 .* is under way"):
        give_up(deployment, customer)


def test_under_a_legal_hold_nothing_is_given_up(deployment: Deployment, customer: Customer, sealed: Extraction) -> None:
    before = lake_of(deployment).objects("raw")

    with pytest.raises(UsageError, match=r"nothing is deleted under the legal hold \(case 7\)"):
        give_up(deployment, customer.model_copy(update={"legal_hold": "case 7"}))

    assert lake_of(deployment).objects("raw") == before != []


def test_what_is_under_way_is_not_released(deployment: Deployment, customer: Customer, sealed: Extraction) -> None:
    release_landing(deployment.database, lake_of(deployment), sealed, "the disk was lost", NOW)
    under_way = submit(deployment, customer, "run-b")

    assert not release_landing(deployment.database, lake_of(deployment), under_way, "in a hurry", NOW)
    found = extraction_ledger.find(deployment.database, sealed.extraction_id)
    assert found
    assert found.status != RELEASED
