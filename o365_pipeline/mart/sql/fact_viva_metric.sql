-- One row per row of the dataset, which names neither a person nor a date. A row's key is the hash of its values and
-- its place among the rows that have the same.
WITH hashed AS (
    SELECT *, sha256(to_json([
        after_hours_collaboration,
        after_hours_collaboration_emails,
        after_hours_collaboration_instant_messages,
        after_hours_collaboration_meetings,
        after_hours_collaboration_scheduled_calls,
        after_hours_collaboration_adhoc_calls,
        collaboration_hours,
        collaboration_hours_emails,
        collaboration_hours_external,
        collaboration_hours_instant_messages,
        collaboration_hours_meetings,
        collaboration_hours_scheduled_calls,
        collaboration_hours_adhoc_calls,
        conflicting_meeting_hours,
        influence_score,
        one_on_one_meeting_hours,
        skip_level_meeting_hours,
        total_focus_hours
    ])::VARCHAR) AS content
    FROM viva_insights_dataset
)

SELECT
    concat_ws('/', content, row_number() OVER (PARTITION BY content ORDER BY extraction_id)) AS viva_metric_id,
    * EXCLUDE (content)
FROM hashed
