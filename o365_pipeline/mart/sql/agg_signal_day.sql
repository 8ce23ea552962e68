-- One row per person, date, dataset of signals, type of signal and app. A signal that came twice is one;
-- different signals under one id are not.
WITH signal AS (
    SELECT
        'outlook_mail_activity' AS source, puser, signal_type, app_name, start_time, creation_time, extraction_id, id,
        hash(id, start_time, creation_time, end_time, item_type, client_session_id) AS content
    FROM outlook_mail_activity
    UNION ALL
    SELECT 'outlook_meeting_activity', puser, signal_type, app_name, start_time, creation_time, extraction_id, id,
        hash(id, start_time, creation_time, end_time, item_type, client_session_id) AS content
    FROM outlook_meeting_activity
    UNION ALL
    SELECT 'outlook_contact_activity', puser, signal_type, app_name, start_time, creation_time, extraction_id, id,
        hash(id, start_time, creation_time, end_time, item_type, client_session_id) AS content
    FROM outlook_contact_activity
    UNION ALL
    SELECT 'teams_channel_activity', puser, signal_type, app_name, start_time, creation_time, extraction_id, id,
        hash(id, start_time, creation_time, end_time, item_type, thread_name, team_group_id) AS content
    FROM teams_channel_activity
    UNION ALL
    SELECT 'teams_conversation_activity', puser, signal_type, app_name, start_time, creation_time, extraction_id, id,
        hash(id, start_time, creation_time, end_time, item_type, thread_name, team_group_id) AS content
    FROM teams_conversation_activity
),

spelled AS (
    SELECT * REPLACE (one_spelling(nullif(signal_type, '')) AS signal_type, one_spelling(nullif(app_name, '')) AS app_name)
    FROM signal
)

SELECT
    puser AS person_id,
    coalesce(start_time, creation_time, partition_day())::DATE AS date_key,
    week_start_of(date_key) AS week_start,
    source,
    key_of(coalesce(signal_type, 'unknown'), 100) AS signal_type,
    key_of(coalesce(app_name, 'unknown'), 100) AS app_name,
    count(DISTINCT content) FILTER (id IS NOT NULL) + count(*) FILTER (id IS NULL) AS signals,
    min(extraction_id) AS extraction_id
FROM spelled
WHERE puser IS NOT NULL
GROUP BY ALL
