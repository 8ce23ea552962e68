"""SharePoint in the mart: sites, who may see what in them, what is done with files, what storage holds."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable
from typing import Any

import duckdb
import pytest

from o365_pipeline.database.database import metadata
from o365_pipeline.mart.build import prepare, rows_of
from o365_pipeline_tests.mart.conftest import DAY, Fill, Row, at

Rows = Callable[[str], list[Row]]
GB = 2**30


def site(site_id: str, **values: Any) -> Row:
    return {"id": site_id, "operation": "Full", "extraction_id": "x", **values}


def permission(scope: str, *grantees: Row, **values: Any) -> Row:
    return {
        "site_id": "s1",
        "item_type": "File",
        "scope_id": scope,
        "role_definition": "Read",
        "item_url": f"sites/one/docs/{scope}.docx",
        "file_extension": "docx",
        "shared_with": list(grantees),
        **values,
    }


def grantee(kind: str, name: str, email: str | None = None, login: str | None = None, **values: Any) -> Row:
    every = dict.fromkeys(
        ("type", "name", "email", "emailAddress", "upn", "aadObjectId", "typeV2", "userCount", "userLoginName")
    )
    return {**every, "type": kind, "name": name, "email": email, "userLoginName": login, **values}


BOB = grantee("Internal", "Bob", "Bob@Contoso.com", typeV2="InternalUser", userCount=1)
GUEST = grantee("External", "Ann", "Ann@Fabrikam.com", typeV2="B2BUser", userCount=1)
EVERYBODY = grantee("SecurityGroup", "Jeder, außer externe", login="c:0-.f|rolemanager|spo-grid-all-users/t1")
EVERYBODY_BY_NAME = grantee("SecurityGroup", "Everyone except external users")
EVERYONE = grantee("SecurityGroup", "Everyone", login="c:0(.s|true")
MEMBERS = grantee("SharePointGroup", "One Members")


def only(rows: list[Row], **values: Any) -> Row:
    [found] = [row for row in rows if all(row[name] == value for name, value in values.items())]
    return found


@pytest.mark.usefixtures("organization")
def test_a_site_says_what_it_is_whose_it_is_and_what_it_stores(fill: Fill, rows: Rows) -> None:
    fill(
        "share_point_sites_current",
        site(
            "s1",
            url="https://contoso.sharepoint.com/sites/one",
            root_web={"title": "One", "webTemplate": "GROUP", "lastItemModifiedDate": at(0) - dt.timedelta(days=30)},
            group_id="00000000-0000-0000-0000-000000000000",
            sensitivity_label_info={"displayName": "Secret", "id": "L1"},
            owner={"email": "Ann@contoso.com", "name": "Ann"},
            secondary_contact={"email": "bob@contoso.com", "name": "Bob"},
            created_time=at(0) - dt.timedelta(days=100),
            storage_metrics={"metadataSize": 10, "totalFileCount": 2, "totalFileStreamSize": 60, "totalSize": 100},
        ),
        site(
            "s2",
            root_web={"webTemplate": "SPSPERS"},
            storage_metrics={"metadataSize": 5, "totalFileCount": 1, "totalFileStreamSize": 6, "totalSize": 10},
        ),
        site("s3"),
    )

    one, personal, bare = rows("dim_site")

    assert one["title"] == "One"
    assert (one["group_id"], one["sensitivity_label"]) == (None, "Secret")
    assert (one["owner_id"], one["owner_address"], one["owner_count"]) == ("ann", "ann@contoso.com", 2)
    assert (one["age_days"], one["inactive_days"], one["version_bytes"]) == (100, 30, 30)
    assert (one["is_personal"], personal["is_personal"], bare["is_personal"]) == (False, True, False)
    assert (personal["version_bytes"], personal["owner_count"], personal["age_days"]) == (0, 0, None)
    assert (bare["version_bytes"], bare["inactive_days"], bare["total_bytes"]) == (None, None, None)


def test_a_site_tells_whether_it_is_archived_whose_it_is_and_when_it_was_used(fill: Fill, rows: Rows) -> None:
    def days_ago(number: int) -> dt.datetime:
        return at(0) - dt.timedelta(days=number)

    fill(
        "share_point_sites_current",
        site("s1", archive_state="FullyArchived", site_archived_time=days_ago(9), privacy="Private"),
        site("s2", archive_state="NotArchived", is_communication_site=True, privacy="Public"),
        site("s3", is_one_drive=True, last_content_change=days_ago(3), last_user_access_date=days_ago(1)),
        site("s4", archive_state="", site_archived_time=days_ago(2), root_web={"lastItemModifiedDate": days_ago(5)}),
        site(
            "s5",
            archive_state="Reactivating",
            root_web={"webTemplate": "STS", "lastItemModifiedDate": days_ago(5)},
            last_content_change=days_ago(7),
        ),
        site("s6", url="https://contoso-my.sharepoint.com/personal/ann_contoso_com"),
    )

    found = rows("dim_site")

    assert [row["is_archived"] for row in found] == [True, False, None, True, True, None]
    assert [row["archive_state"] for row in found][2:5] == [None, None, "Reactivating"]
    assert (found[0]["archived_at"], found[0]["privacy"], found[1]["privacy"]) == (days_ago(9), "Private", "Public")
    assert [row["is_communication"] for row in found][:3] == [None, True, None]
    assert [row["is_personal"] for row in found] == [False, False, True, False, False, True]
    assert [row["inactive_days"] for row in found] == [None, None, 3, 5, 5, None]
    assert (found[2]["unvisited_days"], found[2]["last_accessed_at"]) == (1, days_ago(1))


@pytest.mark.usefixtures("organization")
def test_the_changes_of_the_day_are_told_without_the_names_of_files(fill: Fill, rows: Rows) -> None:
    link = {"link_id": "l1", "link_scope": "SpecificPeople", "operation": "Created"}
    counts = [{"type": "Internal", "count": 1}, {"type": "External", "count": 7}]
    by = {"type": "User", "email": "ANN@contoso.com"}
    fill(
        "share_point_permissions",
        permission("c", BOB, GUEST, MEMBERS, shared_with_count=counts, share_created_by=by, **link),
        permission("d", EVERYBODY, item_type="SiteAdmin", item_url=None, file_extension=None),
    )

    told = rows("fact_sharing_link")

    created, admin = only(told, link_id="l1"), only(told, link_id=None)
    assert (created["operation"], admin["operation"]) == ("Created", "Full")
    assert (created["level"], created["depth"], created["extension"]) == ("File", 4, "docx")
    assert (admin["level"], admin["depth"], admin["extension"], admin["item_id"]) == ("Site", None, None, None)
    assert (created["internal_count"], created["guest_count"], created["sharepoint_group_count"]) == (1, 7, 0)
    assert (admin["security_group_count"], admin["guest_count"]) == (1, 0)
    assert (created["created_by_id"], created["created_by_address"]) == ("ann", "ann@contoso.com")
    assert len(str(created["item_id"])) == 64
    assert not [value for row in told for value in row.values() if "docs" in str(value)]


@pytest.mark.parametrize("counts", [[{"type": "User", "count": 3}], None], ids=["counted", "named alone"])
@pytest.mark.usefixtures("organization")
def test_a_guest_who_is_called_a_user_counts_as_a_guest(fill: Fill, rows: Rows, counts: Any) -> None:
    users = [grantee("User", "Bob"), grantee("User", "Dan"), grantee("User", "Eve", upn="eve_out.org#EXT#@contoso.com")]
    fill("share_point_permissions", permission("c", *users, shared_with_count=counts))

    [found] = rows("fact_sharing_link")

    assert (found["internal_count"], found["guest_count"]) == (2, 1)


@pytest.mark.usefixtures("organization")
def test_users_whom_nobody_names_are_counted(fill: Fill, rows: Rows) -> None:
    counts = [{"type": "User", "count": 3}]
    fill("share_point_permissions", permission("c", shared_with=None, shared_with_count=counts))

    [found] = rows("fact_sharing_link")

    assert (found["internal_count"], found["guest_count"]) == (3, 0)


@pytest.mark.usefixtures("organization")
def test_a_permission_keeps_its_id_while_its_item_is_renamed(fill: Fill, rows: Rows) -> None:
    fill("share_point_permissions", permission("c", BOB))
    [before] = rows("fact_sharing_link")
    fill("share_point_permissions", permission("c", BOB, item_url="sites/one/docs/renamed.docx"))

    renamed = {row["permission_id"] for row in rows("fact_sharing_link")}

    assert renamed == {before["permission_id"]}


@pytest.mark.usefixtures("organization")
def test_grantees_are_people_guests_groups_and_claims(fill: Fill, rows: Rows) -> None:
    upn = "Carl_Litware.com#EXT#@contoso.onmicrosoft.com"
    unnamed = grantee("External", "Carl", upn=upn, aadObjectId="g1")
    fill(
        "share_point_permissions",
        permission("c", BOB, BOB, GUEST, unnamed, EVERYBODY, EVERYBODY_BY_NAME, EVERYONE, MEMBERS),
    )

    found = rows("bridge_sharing_grantee")

    assert len(found) == 7
    bob, guest = only(found, address="bob@contoso.com"), only(found, address="ann@fabrikam.com")
    carl = only(found, object_id="g1")
    assert (bob["kind"], bob["person_id"], bob["domain"], bob["group_name"]) == ("internal", "bob", "contoso.com", None)
    assert (guest["kind"], guest["person_id"], guest["domain"], guest["is_guest"]) == (
        "guest",
        None,
        "fabrikam.com",
        True,
    )
    assert (carl["kind"], carl["address"], carl["domain"]) == ("guest", None, "litware.com")
    assert only(found, group_name="One Members")["kind"] == "sharepoint_group"
    claims = {row["group_name"] for row in found if row["is_everyone_except_external"]}
    assert claims == {"Jeder, außer externe", "Everyone except external users"}
    assert [row["group_name"] for row in found if row["is_everyone"]] == ["Everyone"]


@pytest.mark.usefixtures("organization")
def test_exposure_counts_what_there_is_as_of_the_day(fill: Fill, rows: Rows) -> None:
    tomorrow, today = at(0) + dt.timedelta(days=1), at(12)
    root = {"webTemplate": "GROUP"}
    fill("share_point_sites_current", site("s1", root_web=root, sensitivity_label_info={"displayName": "Secret"}))
    fill(
        "share_point_groups_current",
        {
            "site_id": "s1",
            "group_id": 5,
            "display_name": "One Members",
            "members": [member("Everyone except external users")],
        },
        {"site_id": "s2", "group_id": 5, "display_name": "One Members", "members": [member("Everyone")]},
    )
    fill(
        "share_point_permissions_current",
        permission("a", link_id="l1", link_scope="Anyone"),
        permission("b", link_id="l2", link_scope="Anyone", share_expiration_time=tomorrow),
        permission("c", link_id="l3", link_scope="Anyone", share_expiration_time=today),
        permission("d", BOB, link_id="l4", link_scope="Organization"),
        permission("e", GUEST, link_id="l5", link_scope="SpecificPeople"),
        permission("f", GUEST, grantee("External", "Eve", "eve@FABRIKAM.com")),
        permission("g", EVERYBODY, EVERYBODY_BY_NAME),
        permission("h", EVERYONE, item_type="Web", file_extension=None),
        permission("i", MEMBERS, item_type="Web", file_extension=None),
        permission("j", BOB, site_id="s9", file_extension=None, item_type="List"),
    )
    fill("share_point_permissions", permission("k", link_id="l9", link_scope="Anyone", operation="Deleted"))

    found = rows("agg_site_exposure")

    files, webs = only(found, site_id="s1", level="File"), only(found, site_id="s1", level="Web")
    named = (
        *("extension", "sensitivity_label", "template", "permissions", "items"),
        *("anyone_links", "organization_links", "specific_people_links", "direct_grants"),
        *("everyone_except_external_grants", "everyone_grants", "guest_grants", "guests", "guest_domains"),
    )
    assert [files[name] for name in named] == ["docx", "Secret", "GROUP", 6, 6, 2, 1, 1, 2, 1, 0, 2, 2, 1]
    assert [webs[name] for name in named] == ["", "Secret", "GROUP", 2, 2, 0, 0, 0, 2, 1, 1, 0, 0, 0]
    assert only(found, site_id="s9")["template"] is None
    assert len(found) == 3


def exposed(rows: list[Any]) -> tuple[object, ...]:
    [found] = rows
    return tuple(found[name] for name in ("everyone_except_external_grants", "everyone_grants", "unknown_group_grants"))


@pytest.mark.usefixtures("organization")
def test_a_name_of_the_claim_is_learned_from_the_rows_that_carry_it_else_not_known(fill: Fill, rows: Rows) -> None:
    fill(
        "share_point_groups_current",
        {"site_id": "s1", "group_id": 5, "display_name": "One Members", "members": [member("Jeder, außer externe")]},
    )
    fill("share_point_permissions_current", permission("a", MEMBERS))
    before = exposed(rows("agg_site_exposure"))
    fill("share_point_permissions", permission("b", EVERYBODY))

    assert before == (0, 0, 1)
    assert exposed(rows("agg_site_exposure")) == (1, 0, 0)


@pytest.mark.parametrize(
    "name", ["Tout le monde sauf externes", "TOUT LE MONDE sauf\u00a0externes ", "Tout  le\tmonde\u2007sauf externes"]
)
@pytest.mark.usefixtures("organization")
def test_the_claim_is_known_by_its_login_and_then_by_its_name_whatever_blanks_it_has(
    fill: Fill, rows: Rows, name: str
) -> None:
    claim = "C:0-.F|RoleManager|SPO-Grid-All-Users/t1"
    fill(
        "share_point_permissions",
        permission("a", grantee("User", "Tout le monde sauf externes", login=claim)),
        permission("b", grantee("SecurityGroup", name)),
    )
    fill("share_point_permissions_current", permission("b", grantee("SecurityGroup", name)))

    assert exposed(rows("agg_site_exposure")) == (1, 0, 0)
    assert [row["is_everyone_except_external"] for row in rows("bridge_sharing_grantee")] == [True, True]


@pytest.mark.usefixtures("organization")
def test_the_name_of_everyone_is_learned_too(fill: Fill, rows: Rows) -> None:
    by_name = grantee("SecurityGroup", "Jeder")
    fill("share_point_permissions", permission("a", grantee("SecurityGroup", "Jeder", login="c:0(.s|true")))
    fill("share_point_permissions_current", permission("b", by_name), permission("c", MEMBERS))
    fill("share_point_groups_current", {"site_id": "s1", "display_name": "One Members", "members": [member("JEDER")]})

    assert exposed(rows("agg_site_exposure")) == (0, 2, 0)


@pytest.mark.usefixtures("organization")
def test_guests_in_a_group_of_the_site_are_told_as_those_beside_it(fill: Fill, rows: Rows) -> None:
    guests = [
        member("Ann", type="External", email="ann@fabrikam.com"),
        member("Eve", type="User", email="eve_litware.com#EXT#@contoso.com"),
        member("Zoe", type="External", email="zoe@litware.com"),
        member("Bob", type="User", email="bob@contoso.com"),
    ]
    fill("share_point_groups_current", {"site_id": "s1", "display_name": "One Members", "members": guests})
    fill("share_point_permissions_current", permission("a", MEMBERS))

    [found] = rows("agg_site_exposure")

    assert (found["guests"], found["guest_grants"], found["guest_domains"]) == (3, 1, 2)


@pytest.mark.usefixtures("organization")
def test_a_setting_says_what_the_claim_is_called(fill: Fill, curated: duckdb.DuckDBPyConnection) -> None:
    fill("share_point_permissions_current", permission("a", grantee("SecurityGroup", "Tout le monde sauf externes")))

    prepare(curated, "contoso", DAY, ["tout le Monde sauf externes"])

    [some] = rows_of(curated, "agg_site_exposure")
    names = metadata.tables["agg_site_exposure"].columns.keys()
    assert exposed([dict(zip(names, row, strict=True)) for row in some]) == (1, 0, 0)


@pytest.mark.usefixtures("organization")
def test_a_group_of_entra_is_known_by_its_id(fill: Fill, rows: Rows) -> None:
    fill("share_point_permissions_current", permission("a", grantee("SecurityGroup", "Sales", aadObjectId="g7")))

    assert exposed(rows("agg_site_exposure")) == (0, 0, 0)


@pytest.mark.parametrize(
    ("extension", "kept"), [("DOCX ", "docx"), (".tar", "tar"), ("5 minutes of the meeting", None), ("x" * 65, None)]
)
@pytest.mark.usefixtures("organization")
def test_what_is_a_part_of_a_files_name_is_no_extension(
    fill: Fill, rows: Rows, extension: str, kept: str | None
) -> None:
    fill("share_point_permissions", permission("a", BOB, file_extension=extension))
    fill("share_point_permissions_current", permission("a", BOB, file_extension=extension))
    fill("share_point_file_actions", {"site_id": "s", "item_extension": extension, "action_date": at(9)})

    assert [row["extension"] for row in rows("fact_sharing_link")] == [kept]
    assert [row["extension"] for row in rows("agg_site_exposure")] == [kept or ""]
    assert [row["extension"] for row in rows("fact_file_action")] == [kept]


def member(name: str, **values: Any) -> Row:
    every = dict.fromkeys(("type", "aadObjectId", "name", "email", "typeV2"))
    return {**every, "type": "SecurityGroup", "name": name, **values}


@pytest.mark.usefixtures("organization")
def test_storage_is_summed_by_template_and_label(fill: Fill, rows: Rows) -> None:
    def stored(site_id: str, template: str | None, total: int, files: int, days: int, *owners: str) -> Row:
        return site(
            site_id,
            root_web={"webTemplate": template, "lastItemModifiedDate": at(0) - dt.timedelta(days=days)},
            owner={"email": owners[0]} if owners else None,
            secondary_contact={"email": owners[1]} if owners[1:] else None,
            created_time=at(0) - dt.timedelta(days=400),
            is_in_recycle_bin=template is None,
            storage_metrics={"metadataSize": 0, "totalFileCount": 3, "totalFileStreamSize": files, "totalSize": total},
        )

    fill(
        "share_point_sites_current",
        stored("s1", "GROUP", 4 * GB, 1 * GB, 10, "ann@contoso.com"),
        stored("s2", "GROUP", 1 * GB, 1 * GB, 100, "ann@contoso.com", "bob@contoso.com"),
        stored("s3", "GROUP", 1 * GB, 2 * GB, 365),
        stored("s4", None, 0, 0, 0, "ann@contoso.com", "ann@contoso.com"),
    )

    unknown, group = rows("agg_site_storage")

    assert (group["template"], group["sites"], group["files"]) == ("GROUP", 3, 9)
    assert (group["sites_without_owner"], group["sites_with_one_owner"], group["owners"]) == (1, 1, 3)
    assert (group["sites_inactive_90_days"], group["sites_inactive_365_days"]) == (2, 1)
    assert (group["age_days"], group["inactive_days"]) == (1200, 475)
    assert (group["total_bytes"], group["version_bytes"], group["version_share"]) == (6 * GB, 3 * GB, 0.5)
    assert (unknown["template"], unknown["sites_in_recycle_bin"], unknown["version_share"]) == ("", 1, None)
    assert unknown["sites_with_one_owner"] == 1


@pytest.mark.usefixtures("organization")
def test_an_action_on_a_file_says_when_by_whom_and_with_what(fill: Fill, rows: Rows) -> None:
    did = {"site_id": "s1", "list_item_id": "i1", "action_date": at(9), "action_name": "FileModified"}
    fill(
        "share_point_file_actions",
        did
        | {
            "actor_email": "BOB@contoso.com",
            "actor_type": "User",
            "item_extension": "DOCX",
            "item_name": "plan.docx",
            "user_agent": "Microsoft Office Word/16.0.16124 (Windows/10.0; Desktop)",
        },
        did | {"action_date": at(10), "user_agent": "Mozilla/5.0 (Windows NT 10.0)"},
    )

    found = rows("fact_file_action")

    word, browser = only(found, acted_at=at(9)), only(found, acted_at=at(10))
    assert (word["actor_id"], word["extension"], word["application"]) == ("bob", "docx", "Microsoft Office Word")
    assert (word["date_key"], word["action"], word["site_id"]) == (DAY, "FileModified", "s1")
    assert (browser["actor_id"], browser["application"]) == (None, "Mozilla")
    assert not [value for row in found for value in row.values() if "plan" in str(value)]
