-- One row per meeting in a person's own calendar, of the day and of the day before, that takes the person's time.
WITH entry AS (
    SELECT
        puser, start_utc, start_is_local, end_utc, end_is_local, response_status, is_all_day, is_cancelled,
        false AS is_earlier
    FROM calendar_view
    UNION ALL
    SELECT puser, start_utc, start_is_local, end_utc, end_is_local, response_status, is_all_day, is_cancelled, true
    FROM earlier_calendar_view
)

SELECT
    puser AS person_id,
    CASE WHEN start_is_local THEN at_utc(start_utc, coalesce(person.time_zone_iana, 'UTC')) ELSE start_utc END
        AS starts_at,
    CASE WHEN end_is_local THEN at_utc(end_utc, coalesce(person.time_zone_iana, 'UTC')) ELSE end_utc END AS ends_at,
    is_earlier
FROM entry
LEFT JOIN dim_person AS person ON person.person_id = entry.puser
WHERE is_all_day IS NOT TRUE
    AND is_cancelled IS NOT TRUE
    AND response_status.response IS DISTINCT FROM 'declined'
    AND starts_at < ends_at
