-- One row per meeting in a person's own calendar, of the day and of the day before, that takes the person's time.
WITH entry AS (
    SELECT puser, start_utc, end_utc, response_status, is_all_day, is_cancelled, false AS is_earlier
    FROM calendar_view
    UNION ALL
    SELECT puser, start_utc, end_utc, response_status, is_all_day, is_cancelled, true
    FROM earlier_calendar_view
)

SELECT puser AS person_id, start_utc AS starts_at, end_utc AS ends_at, is_earlier
FROM entry
WHERE is_all_day IS NOT TRUE
    AND is_cancelled IS NOT TRUE
    AND response_status.response IS DISTINCT FROM 'declined'
    AND start_utc < end_utc
