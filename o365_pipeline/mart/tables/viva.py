"""What Viva Insights measures of people, without saying of whom.

What belongs here: grain, columns, types and keys. The SQL that fills a table is in `sql/`, under its name.
"""

from __future__ import annotations

import sqlalchemy as sa

from o365_pipeline.mart.tables.columns import exact_unicode, extraction_id, table


def metric(name: str, comment: str) -> sa.Column[float]:
    return sa.Column(name, sa.Double, comment=comment)


fact_viva_metric = table(
    "fact_viva_metric",
    "One row per row of the dataset, which names neither a person nor a date",
    ("viva_metric_id",),
    sa.Column("viva_metric_id", exact_unicode(100), comment="Hash of the metrics and the place among equal rows"),
    metric("after_hours_collaboration", "Hours of collaboration outside of working hours"),
    metric("after_hours_collaboration_emails", "After-hours collaboration, hours in mails"),
    metric("after_hours_collaboration_instant_messages", "After-hours collaboration, hours in chats"),
    metric("after_hours_collaboration_meetings", "After-hours collaboration, hours in meetings"),
    metric("after_hours_collaboration_scheduled_calls", "After-hours collaboration, hours in scheduled calls"),
    metric("after_hours_collaboration_adhoc_calls", "After-hours collaboration, hours in unscheduled calls"),
    metric("collaboration_hours", "Hours of collaboration"),
    metric("collaboration_hours_emails", "Collaboration, hours in mails"),
    metric("collaboration_hours_external", "Collaboration, hours with people outside of the organization"),
    metric("collaboration_hours_instant_messages", "Collaboration, hours in chats"),
    metric("collaboration_hours_meetings", "Collaboration, hours in meetings"),
    metric("collaboration_hours_scheduled_calls", "Collaboration, hours in scheduled calls"),
    metric("collaboration_hours_adhoc_calls", "Collaboration, hours in unscheduled calls"),
    metric("conflicting_meeting_hours", "Hours of meetings that overlap others"),
    metric("influence_score", "How well connected the person is, 0 to 1"),
    metric("one_on_one_meeting_hours", "Hours of meetings with the manager alone"),
    metric("skip_level_meeting_hours", "Hours of meetings with the manager's manager"),
    metric("total_focus_hours", "Hours of blocks without meetings, for focused work"),
    extraction_id(),
)
