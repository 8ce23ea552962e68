"""Synthetic groups, sites and calls: they fit each other, and what changed fits the whole."""

from __future__ import annotations

import json
from collections import Counter
from typing import Any

import pytest

from o365_pipeline.datasets import Dataset, catalogue
from o365_pipeline.sandbox.tenant.synthetic_tenant import SyntheticTenant
from o365_pipeline_tests.sandbox.conftest import copy_job

TENANT = SyntheticTenant(users=40)
FIRST, LAST = "2026-11-15", "2026-11-22"
SNAPSHOTS = [dataset for dataset in catalogue() if dataset.slicing == "snapshot"]


def rows(name: str, first: str, last: str) -> list[dict[str, Any]]:
    """All columns of a dataset, asked for from one day to another."""
    dataset = catalogue()[name]
    job = copy_job(
        name,
        [column.name for column in dataset.columns],
        table_name=dataset.table_name,
        date_column=dataset.date_filter,
        start=f"{first}T00:00:00Z",
        end=f"{last}T00:00:00Z",
    )
    return [json.loads(line.content) for line in TENANT.lines(job)]


def by_key(dataset: Dataset, found: list[dict[str, Any]]) -> dict[str, dict[str, Any]]:
    told = {"SnapshotDate", "Operation"}
    return {
        json.dumps([row.get(name) for name in dataset.natural_key]): {
            name: value for name, value in row.items() if name not in told
        }
        for row in found
    }


@pytest.mark.parametrize("dataset", SNAPSHOTS, ids=lambda dataset: dataset.name)
def test_one_snapshot_and_what_changed_since_make_the_next(dataset: Dataset) -> None:
    state = by_key(dataset, rows(dataset.name, FIRST, FIRST))
    changes = rows(dataset.name, FIRST, LAST)

    for operation in ("Created", "Updated", "Deleted"):
        changed = by_key(dataset, [row for row in changes if row["Operation"] == operation])
        assert (changed.keys() <= state.keys()) == (operation != "Created" or not changed)
        state = state | changed if operation != "Deleted" else {k: v for k, v in state.items() if k not in changed}

    assert changes
    assert state == by_key(dataset, rows(dataset.name, LAST, LAST))


@pytest.mark.parametrize("dataset", SNAPSHOTS, ids=lambda dataset: dataset.name)
def test_a_snapshot_is_full_and_dated_and_leaves_null_columns_out(dataset: Dataset) -> None:
    found = rows(dataset.name, LAST, LAST)

    assert {(row["Operation"], row["SnapshotDate"]) for row in found} == {("Full", f"{LAST}T00:00:00Z")}
    assert None not in {value for row in found for value in row.values() if not isinstance(value, dict | list)}


def test_files_come_change_and_go() -> None:
    changes = Counter(row["Operation"] for row in rows("SharePointFiles_v1", "2026-10-01", LAST))

    assert set(changes) == {"Created", "Updated", "Deleted"}


def test_only_changes_of_requested_columns_are_told() -> None:
    columns = ["Id", "Url"]
    dates = {"start": f"{FIRST}T00:00:00Z", "end": f"{LAST}T00:00:00Z"}
    job = copy_job("SharePointSites_v1", columns, date_column="SnapshotDate", **dates)

    assert list(TENANT.lines(job)) == []


def test_sites_belong_to_groups_and_people() -> None:
    groups = {row["pObjectId"] for row in rows("GroupDetails_v0", FIRST, LAST)}
    people = {row["id"] for row in rows("User_v1", FIRST, LAST)}
    sites = rows("SharePointSites_v1", LAST, LAST)
    of_groups = [row for row in sites if row["RootWeb"]["WebTemplate"] == "Group"]

    assert of_groups
    assert {row["GroupId"] for row in of_groups} <= groups
    assert {row["Owner"]["AadObjectId"] for row in sites if row["Owner"]} <= people
    assert any(not row["Owner"] for row in of_groups)
    assert any(row["RootWeb"]["LastItemModifiedDate"] < "2026-06" for row in sites)
    assert any(row["SensitivityLabelInfo"] for row in sites)


def test_permissions_show_every_way_of_sharing() -> None:
    permissions = rows("SharePointPermissions_v1", LAST, LAST)
    sites = {row["Id"] for row in rows("SharePointSites_v1", LAST, LAST)}
    recipients = [recipient for row in permissions for recipient in row["SharedWith"]]

    assert {row["SiteId"] for row in permissions} <= sites
    assert {row.get("LinkScope") for row in permissions} == {None, "Anyone", "Organization", "SpecificPeople"}
    assert {recipient["Type"] for recipient in recipients} == {
        "Internal",
        "External",
        "SecurityGroup",
        "SharePointGroup",
    }
    assert any(recipient["Name"] == "Everyone except external users" for recipient in recipients)
    assert any(recipient["Type"] == "External" and "AadObjectId" in recipient for recipient in recipients)
    for row in permissions:
        counts = Counter(recipient["Type"] for recipient in row["SharedWith"])
        assert {entry["Type"]: entry["Count"] for entry in row["SharedWithCount"]} == counts


def test_actions_are_those_of_the_days_the_last_included() -> None:
    actions = rows("SharePointFileActions_v1", "2026-11-16", LAST)
    files = {row["ItemId"] for row in rows("SharePointFiles_v1", LAST, LAST)}

    days = {row["ActionDate"][:10] for row in actions}
    assert days == {row["SnapshotDate"][:10] for row in actions}
    assert (min(days), max(days)) == ("2026-11-16", LAST)
    assert len([row for row in actions if row["ListItemId"] in files]) > 0.9 * len(actions)


def test_what_belongs_to_a_group_joins_with_it() -> None:
    groups = {row["pObjectId"]: row for row in rows("GroupDetails_v0", FIRST, LAST)}
    people = {row["id"]: row["userType"] for row in rows("User_v1", FIRST, LAST)}
    members, owners = rows("GroupMembers_v0", FIRST, LAST), rows("GroupOwners_v0", FIRST, LAST)
    channels = rows("TeamsChannelDetails_v0", FIRST, LAST)
    messages = rows("TeamsStandardChannelMessages_v0", FIRST, LAST)

    for row in (*members, *owners, *channels, *messages):
        assert row["pObjectId"] in groups
        assert "puser" not in row
    assert {row["id"] for row in (*members, *owners)} <= people.keys()
    assert "Guest" in {people[row["id"]] for row in members}
    assert {row["pObjectId"] for row in channels} == {
        key for key, group in groups.items() if group["resourceProvisioningOptions"] == ["Team"]
    }
    ids = {row["id"] for row in channels if row["membershipType"].endswith("'standard'")}
    assert {row["ConversationId"].partition(";")[0] for row in messages} <= ids


def test_a_groups_scope_narrows_the_groups() -> None:
    [wanted, *_] = [row["pObjectId"] for row in rows("GroupDetails_v0", FIRST, LAST)]
    job = copy_job("GroupMembers_v0", ["id"], groups=[wanted])

    assert {json.loads(line.content)["pObjectId"] for line in TENANT.lines(job)} == {wanted}


def test_a_call_has_one_record_for_each_who_joined_nine_hours_after_its_end() -> None:
    records = [row for row in rows("TeamsCallRecords_v1", "2026-11-16", "2026-11-23") if row["Id"]]
    meetings = {row["iCalUId"] for row in rows("CalendarView_v0", "2026-11-09", "2026-11-23")}
    holders = Counter(row["CommunicationId"] for row in records)

    assert {row["CommunicationType"] for row in records} == {"Call", "Meeting"}
    assert "MissedCall" in {row["CommunicationSubType"] for row in records}
    for row in records:
        assert holders[row["CommunicationId"]] == len(row["Attendees"])
        assert [event["dateTime"] for event in row["Content"]] == sorted(event["dateTime"] for event in row["Content"])
        assert row["Content"][-1]["dateTime"] == row["EndTime"] < row["CreatedDateTime"]
        assert row["ICalUid"] is None or row["ICalUid"] in meetings
