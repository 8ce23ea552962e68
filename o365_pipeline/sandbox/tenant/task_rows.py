"""Tasks in plans and in to-do lists: the rows of PlannerTasks_v0, TodoTasks_v0 and TodoTaskFolders_v0.

What belongs here: which tasks there are, and their columns.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator
from dataclasses import dataclass

from o365_pipeline.sandbox.tenant.organization import Organization, Person
from o365_pipeline.sandbox.tenant.row_format import Columns, Window, constant, opaque_id, utc_text

TASKS_PER_DAY = 0.3
PLANNED_DAYS = 60
"""A plan holds the tasks of this many past days."""

TITLES = ("Prepare the review", "Call the supplier", "Update the price list", "Write the minutes", "Order material")
TASK_LISTS = ("Tasks", "Follow-up", "Ideas")


@dataclass(slots=True)
class Task:
    """One task of one person."""

    key: str
    organization: Organization
    holder: Person
    author: Person
    title: str
    created: dt.datetime
    due: dt.datetime
    completed: dt.datetime | None
    changed: dt.datetime
    progress: int
    task_list: str


@dataclass(slots=True)
class TaskList:
    """One list of tasks of one person."""

    holder: Person
    name: str


def planner_tasks(organization: Organization, window: Window) -> Iterator[Task]:
    """Returns the tasks of the plans, in their state at the window's end."""
    for day in window.days(PLANNED_DAYS, -1):
        yield from _tasks(organization, day, "planner", window.end)


def todo_tasks(organization: Organization, window: Window) -> Iterator[Task]:
    """Returns the tasks that may have changed in the window."""
    for day in window.days(PLANNED_DAYS, 0):
        yield from _tasks(organization, day, "todo", window.end)


def todo_lists(organization: Organization, _: Window) -> Iterator[TaskList]:
    return (TaskList(person, name) for person in organization.active for name in TASK_LISTS)


def _tasks(organization: Organization, day: dt.date, kind: str, until: dt.datetime) -> Iterator[Task]:
    """Returns the tasks of a day; a task that is not done by the moment is open."""
    if day.weekday() >= 5:
        return
    for person in organization.active:
        random = organization.random(kind, day, person.number)
        if random.random() >= TASKS_PER_DAY:
            continue
        created = person.working_moment(day, random).replace(microsecond=0)
        lasts = dt.timedelta(hours=int(random.expovariate(1 / 60)) + 1)
        is_done = random.random() < 0.7 and created + lasts <= until
        yield Task(
            key=f"{kind}|{day}|{person.number}",
            organization=organization,
            holder=person,
            author=(organization.colleagues(person, random, 1) or [person])[0] if kind == "planner" else person,
            title=random.choice(TITLES),
            created=created,
            due=created + dt.timedelta(days=random.randrange(1, 14)),
            completed=created + lasts if is_done else None,
            changed=created + lasts if is_done else created,
            progress=100 if is_done else random.choice((0, 0, 50)),
            task_list=random.choice(TASK_LISTS),
        )


def _created_by(task: Task) -> dict[str, object]:
    return {"application": None, "user": {"displayName": None, "id": task.author.id}}


def _assignments(task: Task) -> dict[str, object]:
    return {task.holder.id: {"assignedDateTime": utc_text(task.created), "orderHint": "", "assignedBy": None}}


def _moment(at: dt.datetime | None) -> str | None:
    return utc_text(at) if at else None


PLANNER_COLUMNS: Columns = {
    "planId": lambda task: opaque_id("", "plan", task.holder.department)[:28],
    "bucketId": lambda task: opaque_id("", "bucket", task.holder.department, task.task_list)[:28],
    "title": lambda task: task.title,
    "orderHint": constant(""),
    "assigneePriority": constant(""),
    "percentComplete": lambda task: task.progress,
    "createdDateTime": lambda task: utc_text(task.created),
    "dueDateTime": lambda task: utc_text(task.due),
    "hasDescription": constant(False),
    "previewType": constant("automatic"),
    "completedDateTime": lambda task: _moment(task.completed),
    "completedBy": lambda task: task.holder.id if task.completed else None,
    "referenceCount": constant(0),
    "checklistItemCount": constant(0),
    "activeChecklistItemCount": constant(0),
    "priority": constant(5),
    "id": lambda task: opaque_id("", task.organization.seed, task.key)[:28],
    "createdBy": _created_by,
    "assignments": _assignments,
}

TODO_COLUMNS: Columns = {
    "Id": lambda task: opaque_id("AAMk", task.organization.seed, task.key),
    "Body": lambda task: {"ContentType": "Microsoft.OutlookServices.BodyType'Text'", "Content": task.title},
    "Categories": constant([]),
    "ChangeKey": lambda task: opaque_id("", "change", task.key)[:24],
    "CompletedDateTime": lambda task: _moment(task.completed),
    "CreatedDateTime": lambda task: utc_text(task.created),
    "DueDateTime": lambda task: utc_text(task.due),
    "HasAttachments": constant(False),
    "Importance": constant("Microsoft.OutlookServices.Importance'Normal'"),
    "IsReminderOn": constant(False),
    "LastModifiedDateTime": lambda task: utc_text(task.changed),
    "Owner": lambda task: task.holder.name,
    "ParentFolderId": lambda task: _list_id(task.holder, task.task_list),
    "Sensitivity": constant("Microsoft.OutlookServices.Sensitivity'Normal'"),
    "Status": lambda task: f"Microsoft.OutlookServices.TaskStatus'{'Completed' if task.completed else 'NotStarted'}'",
    "Subject": lambda task: task.title,
    "Attachments": constant([]),
    "ODataType": constant("#Microsoft.OutlookServices.Task"),
}

LIST_COLUMNS: Columns = {
    "Id": lambda entry: _list_id(entry.holder, entry.name),
    "ChangeKey": lambda entry: opaque_id("", "change", entry.holder.id, entry.name)[:24],
    "IsDefaultFolder": lambda entry: entry.name == TASK_LISTS[0],
    "Name": lambda entry: entry.name,
    "ParentGroupKey": lambda entry: opaque_id("", "lists", entry.holder.id)[:36],
    "ODataType": constant("#Microsoft.OutlookServices.TaskFolder"),
}


def _list_id(holder: Person, name: str) -> str:
    return opaque_id("AAMk", "tasks", holder.id, name)
