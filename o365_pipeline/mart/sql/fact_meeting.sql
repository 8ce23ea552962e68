-- One row per occurrence of a meeting, however many calendars hold it.
WITH every_copy AS (
    SELECT meeting_id, count(DISTINCT puser) AS copies
    FROM meeting_copy
    GROUP BY meeting_id
),

attendees AS (
    SELECT meeting_id, count(*) AS attendee_count
    FROM bridge_meeting_attendee
    GROUP BY meeting_id
),

chosen AS (
    SELECT
        *,
        coalesce(type IN ('occurrence', 'exception'), false)
            OR nullif(trim(series_master_id), '') IS NOT NULL AS is_recurring,
        -- An event of the whole day is on the date as written, whatever the zone of the reader.
        CASE WHEN is_all_day THEN local_time(start_utc, start_zone) ELSE start_utc END
            AS dated
    FROM meeting_copy
    WHERE preference = 1
)

SELECT
    meeting_id,
    meeting.i_cal_u_id,
    meeting.start_utc AS starts_at,
    meeting.end_utc AS ends_at,
    coalesce(meeting.dated, meeting.created_date_time, partition_day())::DATE AS date_key,
    date_sub('minute', meeting.start_utc, meeting.end_utc) AS duration_minutes,
    meeting.organizer_id,
    meeting.organizer_address,
    meeting.is_all_day,
    meeting.is_cancelled,
    meeting.is_online_meeting AS is_online,
    meeting.is_zone_assumed,
    meeting.type AS series_type,
    meeting.is_recurring,
    CASE WHEN meeting.is_recurring THEN
        coalesce(series_of(meeting.i_cal_u_id), row_key(meeting.puser, meeting.series_master_id))
    END AS series_id,
    coalesce(attendees.attendee_count, 0) AS attendee_count,
    every_copy.copies,
    meeting.source,
    meeting.extraction_id
FROM chosen AS meeting
JOIN every_copy USING (meeting_id)
LEFT JOIN attendees USING (meeting_id)
