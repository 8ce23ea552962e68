"""What becomes of signals, tasks, devices, licenses and the metrics of Viva Insights."""

import datetime as dt

import pytest

from o365_pipeline.mart.tables import fact_viva_metric
from o365_pipeline_tests.mart.conftest import DAY, at

SIGNALS = (
    "outlook_mail_activity",
    "outlook_meeting_activity",
    "outlook_contact_activity",
    "teams_channel_activity",
    "teams_conversation_activity",
)


def signal(signal_id, kind="MessageSent", app="OWA", **more):
    return {"puser": "ann", "id": signal_id, "signal_type": kind, "app_name": app, "start_time": at(9)} | more


def days(number):
    return dt.datetime.combine(DAY, dt.time(12)) + dt.timedelta(days=number)


def planner(person="ann", task="T1", due=None, done=None, percent=0, **more):
    return {
        "puser": person,
        "id": task,
        "plan_id": "plan",
        "created_date_time": days(-9),
        "due_date_time": due,
        "completed_date_time": done,
        "percent_complete": percent,
    } | more


@pytest.mark.parametrize("dataset", SIGNALS)
def test_signals_of_every_dataset_are_counted_and_their_owners_are_persons(fill, rows, dataset):
    fill(dataset, signal("1"), signal("2"), signal("2"), signal(None), signal(None))

    [found] = rows("agg_signal_day")

    assert (found["person_id"], found["source"], found["signals"]) == ("ann", dataset, 4)
    assert (found["signal_type"], found["app_name"]) == ("MessageSent", "OWA")
    assert [row["person_id"] for row in rows("dim_person")] == ["ann"]


@pytest.mark.parametrize("dataset", SIGNALS)
def test_different_signals_under_one_id_are_not_one_signal(fill, rows, dataset):
    fill(dataset, signal("1"), signal("1", start_time=at(10)), signal("1", item_type="Mail"), signal("1"))

    assert [row["signals"] for row in rows("agg_signal_day")] == [3]


def test_signals_are_counted_apart_by_date_type_and_app(fill, rows):
    sunday = dt.datetime(2026, 1, 4, 23)
    fill("outlook_mail_activity", signal("1"), signal("1", kind="MessageRead"), signal("3", app="OutlookMobile"))
    fill("outlook_mail_activity", signal("4", start_time=None, creation_time=sunday), signal("5", kind=None, app=""))

    found = {
        (str(row["date_key"]), str(row["week_start"]), row["signal_type"], row["app_name"]): row["signals"]
        for row in rows("agg_signal_day")
    }

    assert found == {
        ("2026-01-05", "2026-01-05", "MessageSent", "OWA"): 1,
        ("2026-01-05", "2026-01-05", "MessageRead", "OWA"): 1,
        ("2026-01-05", "2026-01-05", "MessageSent", "OutlookMobile"): 1,
        ("2026-01-04", "2025-12-29", "MessageSent", "OWA"): 1,
        ("2026-01-05", "2026-01-05", "unknown", "unknown"): 1,
    }


def test_a_planner_task_of_two_people_is_a_row_for_each_with_one_task_id(fill, rows):
    fill("planner_tasks", planner("ann"), planner("bob"), planner("bob"), planner("bob", "t1"))

    found = rows("fact_task")

    assert sorted((row["person_id"], row["people"]) for row in found) == [("ann", 2), ("bob", 1), ("bob", 2)]
    assert len({row["task_id"] for row in found}) == 2
    assert {(row["source"], row["list_id"], row["date_key"]) for row in found} == {("planner", "plan", days(-9).date())}


@pytest.mark.parametrize(
    ("task", "state"),
    [
        (planner(due=days(-1)), (False, True, False)),
        (planner(due=days(0)), (False, False, False)),
        (planner(due=None), (False, False, False)),
        (planner(due=days(-1), done=days(-1), percent=100), (True, False, False)),
        (planner(due=days(-2), done=days(-1), percent=100), (True, False, True)),
        (planner(due=days(-2), done=days(1), percent=100), (False, True, False)),
        (planner(due=days(-2), percent=100), (True, False, False)),
        (planner(due=days(-2), done=days(-2), percent=None), (True, False, False)),
    ],
    ids=["overdue", "due today", "never due", "in time", "late", "done after the day", "done some day", "no percent"],
)
def test_a_task_is_overdue_or_late_as_of_the_day(fill, rows, task, state):
    fill("planner_tasks", task)

    [found] = rows("fact_task")

    assert (found["is_completed"], found["is_overdue"], found["is_late"]) == state


@pytest.mark.parametrize(
    ("status", "percent", "is_completed"),
    [("NotStarted", 0, False), ("InProgress", None, False), ("Completed", 100, True), (None, None, False)],
)
def test_a_task_of_to_do_has_a_status_instead_of_percents(fill, rows, status, percent, is_completed):
    fill("todo_tasks", {"puser": "ann", "id": "1", "status": status, "parent_folder_id": "folder"})

    [found] = rows("fact_task")

    assert (found["source"], found["list_id"], found["people"]) == ("to_do", "folder", 1)
    assert (found["percent_complete"], found["is_completed"]) == (percent, is_completed)
    assert found["date_key"] == DAY


def test_a_device_that_one_owns_and_two_registered_is_one_device_of_its_owner(fill, rows):
    fill("registered_devices", *({"puser": name, "id": "d1"} for name in ("ann", "bob")))
    fill("owned_devices", {"puser": "cat", "id": "d1", "operating_system": "iOS", "is_compliant": False})
    fill("registered_devices", {"puser": "bob", "device_id": "d2"}, {"puser": "ann", "device_id": "d2"})
    fill("owned_devices", {"puser": "ann"})

    found = {row["device_id"]: row for row in rows("dim_device")}

    assert {key: (row["owner_id"], row["is_owned"], row["people"]) for key, row in found.items()} == {
        "d1": ("cat", True, 3),
        "d2": ("ann", False, 2),
    }
    assert (found["d1"]["operating_system"], found["d1"]["is_compliant"], found["d1"]["is_managed"]) == (
        "iOS",
        False,
        None,
    )


def test_licenses_come_from_their_details_and_from_the_users_where_those_are_missing(fill, rows):
    plans = [{"servicePlanName": name} for name in ("EXCHANGE", "TEAMS")]
    fill("license_details", *[{"puser": "ann", "sku_id": "s1", "sku_part_number": "E5", "service_plans": plans}] * 2)
    fill("license_details", {"puser": "ann", "sku_part_number": "FREE"}, {"puser": "ann"})
    assigned = [{"disabledPlans": [], "skuId": sku} for sku in ("s1", "s2")]
    fill("user", {"puser": "ann", "assigned_licenses": assigned}, {"puser": "bob", "assigned_licenses": None})

    found = rows("bridge_person_license")

    assert [(row["person_id"], row["sku_id"], row["sku_part_number"], row["plan_count"]) for row in found] == [
        ("ann", "FREE", "FREE", None),
        ("ann", "s1", "E5", 2),
        ("ann", "s2", None, None),
    ]


def test_every_row_of_viva_is_a_row_though_nothing_tells_equal_ones_apart(fill, rows):
    one, other = {"collaboration_hours": 12.5}, {"total_focus_hours": 12.5}
    fill("viva_insights_dataset", one, one, other)

    found = rows("fact_viva_metric")

    assert sorted(
        (row["collaboration_hours"], row["viva_metric_id"][-2:]) for row in found if row["collaboration_hours"]
    ) == [
        (12.5, "/1"),
        (12.5, "/2"),
    ]
    assert [row["total_focus_hours"] for row in found].count(12.5) == 1
    assert len({row["viva_metric_id"] for row in found}) == len(found) == 3


def test_the_metrics_are_all_columns_of_the_dataset(curated):
    columns = {name for name, *_ in curated.execute("DESCRIBE viva_insights_dataset").fetchall()}

    assert {column.name for column in fact_viva_metric.columns} - {"customer", "day", "viva_metric_id"} <= columns
    assert len(fact_viva_metric.columns) == 3 + 18 + 1


def test_a_sync_app_is_one_device_of_one_user_with_its_errors(fill, rows):
    device = {"one_drive_device_id": "d1", "sync_app_update_ring": 5, "os_name": "Windows", "kfm_folders": [3, 1]}
    fill(
        "one_drive_sync_health",
        {"puser": "ann", "last_synced_timestamp_utc": at(9) - dt.timedelta(days=4), "total_error_count": 3} | device,
        {"puser": "bob", "kfm_folder_count": 7, "sync_app_update_ring": 9} | {"one_drive_device_id": "d1"},
        {"one_drive_device_id": "d2"},
    )
    error = {"puser": "ann", "one_drive_device_id": "d1", "error_title": "no space"}
    fill(
        "one_drive_sync_errors",
        {"sync_error_id": 53, "task_dialog_id1": 0, "task_dialog_id2": 256, "error_count": 2} | error,
        {"sync_error_id": 34, "task_dialog_id1": 30, "task_dialog_id2": 256} | error,
        {"sync_error_id": 34, "task_dialog_id1": 0, "task_dialog_id2": 7, "error_count": 1} | error,
        error,
    )

    found = {(row["sync_device_id"], row["person_id"]): row for row in rows("dim_sync_app")}
    ann = found["d1", "ann"]
    assert found.keys() == {("d1", "ann"), ("d1", "bob"), ("d2", None)}
    assert (ann["update_ring"], ann["unsynced_days"], ann["errors"]) == ("production", 4, 3)
    backed_up = ("backs_up_documents", "backs_up_pictures", "backs_up_desktop", "backup_folders")
    assert tuple(ann[name] for name in backed_up) == (True, False, True, 2)
    assert (found["d1", "bob"]["update_ring"], found["d1", "bob"]["backup_folders"]) == ("9", 7)
    errors = {(row["kind"], row["error_number"]): row for row in rows("fact_sync_error")}
    assert {kind: row["errors"] for kind, row in errors.items()} == {
        ("sync", 53): 2,
        ("dialog", 30): 1,
        ("dialog", 7): 1,
        (None, None): 1,
    }
    assert {row["sync_app_id"] for row in errors.values()} == {ann["sync_app_id"]}
    assert {row["person_id"] for row in rows("dim_person")} >= {"ann", "bob"}
