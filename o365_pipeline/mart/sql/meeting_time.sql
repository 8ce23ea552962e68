-- One row per person and meeting that takes the person's time: on which local date, and how many minutes.
WITH attended AS (
    -- A person can be invited under two addresses: DISTINCT makes that one meeting.
    SELECT DISTINCT meeting_id, bridge.person_id, starts_at, ends_at, duration_minutes, date_key, meeting.extraction_id
    FROM fact_meeting AS meeting
    JOIN bridge_meeting_attendee AS bridge USING (meeting_id)
    WHERE meeting.is_cancelled IS NOT TRUE
        AND meeting.is_all_day IS NOT TRUE
        AND bridge.response <> 'declined'
        AND bridge.person_id IS NOT NULL
),

-- Of meetings that overlap each takes the time after the end of all that began before it: together, their union. What
-- the day before reaches into the day is counted there.
taken AS (
    SELECT person_id, meeting_id, starts_at, ends_at FROM attended
    UNION ALL
    SELECT person_id, NULL, starts_at, ends_at FROM calendar_slot WHERE is_earlier
),

reached AS (
    SELECT
        person_id,
        meeting_id,
        max(ends_at) OVER (
            PARTITION BY person_id
            ORDER BY starts_at, meeting_id IS NOT NULL, ends_at, meeting_id
            ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING
        ) AS until
    FROM taken
),

local AS (
    SELECT
        attended.*,
        reached.until,
        coalesce(person.time_zone_iana, 'UTC') AS zone,
        person.work_days,
        person.work_starts,
        person.work_ends,
        local_time(attended.starts_at, coalesce(person.time_zone_iana, 'UTC')) AS local_start,
        local_time(attended.ends_at, coalesce(person.time_zone_iana, 'UTC')) AS local_end
    FROM attended
    JOIN reached USING (person_id, meeting_id)
    JOIN dim_person AS person USING (person_id)
),

-- The dates that a meeting touches: of one that lasts longer than a month, those of its first month.
touched AS (
    SELECT
        *,
        unnest(generate_series(
            local_start::DATE, least(local_end, local_start + INTERVAL 31 DAY)::DATE, INTERVAL 1 DAY
        ))::DATE AS date
    FROM local
),

in_hours AS (
    SELECT
        person_id,
        meeting_id,
        sum(greatest(0, date_sub(
            'minute',
            greatest(starts_at, at_utc(date + to_minutes(work_starts), zone)),
            least(ends_at, at_utc(date + to_minutes(work_ends), zone))
        ))) AS minutes
    FROM touched
    WHERE is_work_day(date, work_days)
    GROUP BY ALL
)

SELECT
    person_id,
    meeting_id,
    coalesce(local_start::DATE, date_key) AS date_key,
    greatest(0, coalesce(duration_minutes, 0)) AS meeting_minutes,
    greatest(0, coalesce(date_sub('minute', greatest(starts_at, until), ends_at), 0)) AS busy_minutes,
    greatest(0, coalesce(duration_minutes, 0)) - coalesce(in_hours.minutes, 0) AS after_hours_meeting_minutes,
    extraction_id
FROM local
LEFT JOIN in_hours USING (person_id, meeting_id)
