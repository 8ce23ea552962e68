"""Who is delivered: people in scope but for members of denied groups and mailboxes that give nothing."""

from pathlib import Path

import pytest

from o365_pipeline.customers.data_request import Scope
from o365_pipeline.extraction import factory_definitions
from o365_pipeline.sandbox.tenant.organization import organization
from o365_pipeline.sandbox.tenant.row_format import share
from o365_pipeline.sandbox.tenant.scope import GROUP_SHARE
from o365_pipeline.sandbox.tenant.synthetic_tenant import OTHER_REGION, UNREADABLE, SyntheticTenant
from o365_pipeline.sandbox.tenant.tenant_data import FileTenant
from o365_pipeline_tests.sandbox.conftest import World, counts

PEOPLE = [person.id for person in organization("t1", 20, 7).people]
MAILBOXES = [person.id for person in organization("t1", 20, 7).active]


def members(group: str) -> list[str]:
    found = [person for person in PEOPLE if share(group, person) < GROUP_SHARE]
    assert 0 < len(found) < len(PEOPLE)
    return found


def test_only_the_groups_that_were_asked_for_are_counted(world: World) -> None:
    world.approve()
    requested = world.customer.data_request.requested("Message_v1")
    assert requested
    narrow = requested.model_copy(update={"scope": Scope(kind="List", groups=("g1",))})
    run_id = world.start(world.deploy(pipeline=factory_definitions.copy_pipeline(narrow)))
    world.clock.forward(seconds=6)
    assert world.status(run_id).status == "Succeeded"

    record = world.operation(run_id)

    assert record["ScopeList"] == ["g1"]
    assert counts(record) == (len(members("g1")),) * 2


def test_members_of_denied_groups_leave_no_row_and_are_undelivered(world: World) -> None:
    world.approve_denying("Message_v1", ["g1", "g2"])
    run = world.run_to_end()

    record = world.operation(run.run_id)

    denied = {*members("g1"), *members("g2")}
    rows = world.rows(run.run_id)
    assert set(record["UndeliveredScope"]) == denied
    assert {row["puser"] for row in rows} == set(PEOPLE) - denied
    assert counts(record) == (20, 20 - len(denied))
    assert record["RowCount"] == len(rows)


def test_a_deny_list_is_of_its_dataset_and_its_approval(world: World) -> None:
    world.approve_denying("Message_v1", ["g1"])
    other = world.run_to_end("User_v1")
    world.clock.forward(minutes=1)
    world.approve()
    later = world.run_to_end("Message_v1")

    assert {row["puser"] for row in world.rows(other.run_id)} == set(PEOPLE)
    assert {row["puser"] for row in world.rows(later.run_id)} == set(PEOPLE)


def test_groups_without_the_policy_deny_nobody(world: World) -> None:
    world.approve_denying("Message_v1", ["g1"], policy="None")
    assert {row["puser"] for row in world.rows(world.run_to_end().run_id)} == set(PEOPLE)


@pytest.mark.parametrize(
    ("tenant", "sentence", "no_data"),
    [
        (SyntheticTenant(20, out_of_region=0.3), OTHER_REGION, True),
        (SyntheticTenant(20, failing=0.3), UNREADABLE, False),
    ],
)
@pytest.mark.parametrize("dataset", ["Message_v1", "User_v1"])
def test_a_mailbox_that_gives_nothing_has_one_user_row_that_says_why(
    tmp_path: Path, dataset: str, tenant: SyntheticTenant, sentence: str, no_data: bool
) -> None:
    world = World(tmp_path, tenant)
    world.approve()
    run = world.run_to_end(dataset)

    record = world.operation(run.run_id)

    undelivered = record["UndeliveredScope"]
    told = [row for row in world.rows(run.run_id) if row["rowinformation"]["errorInformation"]]
    assert 0 < len(undelivered) < len(MAILBOXES)
    assert set(undelivered) <= set(MAILBOXES)
    assert counts(record) == (20, 20 - len(undelivered))
    assert sorted(row["puser"] for row in told) == sorted(undelivered)
    assert [row for row in world.rows(run.run_id) if row["puser"] in undelivered] == told
    assert {row["id"] for row in told} == {None}
    expected = {
        "errorInformation": sentence,
        "userReturnedNoData": no_data,
        "isUserSummaryRow": True,
        "userHasCompleteData": False,
    }
    assert all(row["rowinformation"] == expected for row in told)


def test_who_is_denied_is_not_told_of_in_a_user_row_either(tmp_path: Path) -> None:
    world = World(tmp_path, SyntheticTenant(20, out_of_region=1.0))
    world.approve_denying("Message_v1", ["g1"])
    run = world.run_to_end()

    assert not {row["puser"] for row in world.rows(run.run_id)} & set(members("g1"))
    undelivered = world.operation(run.run_id)["UndeliveredScope"]
    assert sorted(undelivered) == sorted({*MAILBOXES, *members("g1")})


def test_people_of_tenant_data_are_those_who_have_rows(tmp_path: Path) -> None:
    data = tmp_path / "data"
    data.mkdir()
    (data / "Message_v1.json").write_bytes(
        b'{"id":"1","puser":"u"}\n{"id":"2","puser":"u"} {"id":"3","puser":"v"}\n{"broken\n{"id":"4","puser":null}\n'
    )
    (data / "User_v1.json").write_bytes(b'{\n "id": "1",\n "puser": "u"\n}\n{\n "id": "2",\n "puser": "v"\n}\n')
    world = World(tmp_path, FileTenant(data))
    world.approve()
    mail, users = world.run_to_end("Message_v1"), world.run_to_end("User_v1")

    records = [world.operation(run.run_id) for run in (mail, users)]

    assert [counts(record) for record in records] == [(2, 2), (2, 2)]
    assert [record["RowCount"] for record in records] == [5, 2]
    assert not any("UndeliveredScope" in record for record in records)
