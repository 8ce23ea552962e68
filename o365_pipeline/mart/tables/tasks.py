"""Tasks of Planner and To Do. Their titles are content and are left out.

What belongs here: grain, columns, types and keys. The SQL that fills a table is in `sql/`, under its name.
"""

from __future__ import annotations

import sqlalchemy as sa

from o365_pipeline.database.database import timestamp
from o365_pipeline.mart.tables.columns import count, date_key, exact_unicode, extraction_id, person_id, table

fact_task = table(
    "fact_task",
    "One row per task and person who has it: all of Planner, and those of To Do that were changed on the day",
    ("task_id", "person_id"),
    sa.Column("task_id", exact_unicode(100), comment="Hash of the task's id, the same for all who have it"),
    person_id("person_id", "Who has the task; a person of dim_person"),
    sa.Column("source", sa.String(10), nullable=False, comment="planner or to_do"),
    sa.Column("list_id", sa.Unicode(400), comment="Plan in Planner, folder in To Do"),
    sa.Column("created_at", timestamp(), comment="When it was made, UTC"),
    date_key("Date of created_at, UTC; where that is unknown, the partition's day"),
    sa.Column("starts_at", timestamp(), comment="When it is to be begun, UTC"),
    sa.Column("due_at", timestamp(), comment="When it is to be done, UTC"),
    sa.Column("completed_at", timestamp(), comment="When it was done, UTC"),
    sa.Column("percent_complete", sa.Integer, comment="0 to 100; in To Do 0 or 100, null between"),
    sa.Column("is_completed", sa.Boolean, nullable=False, comment="True where it was done by the end of the day"),
    sa.Column(
        "is_overdue", sa.Boolean, nullable=False, comment="True where it was due before the day and is not completed"
    ),
    sa.Column("is_late", sa.Boolean, nullable=False, comment="True where it was completed on a date after the due one"),
    count("people", "People who have the task"),
    extraction_id(),
)
