-- One row per person whose calendar is known and per working day that ended, in the person's zone, within the
-- partition's day: minutes of the working hours in blocks of two hours or more without a meeting.
WITH calendar_owner AS (
    SELECT puser AS person_id FROM calendar_view
    UNION
    SELECT puser FROM earlier_calendar_view
    UNION
    -- Whoever has a mailbox has a calendar, be it empty.
    SELECT puser FROM mailbox_settings
),

dated AS (
    SELECT
        person_id,
        coalesce(time_zone_iana, 'UTC') AS zone,
        work_days,
        work_starts,
        work_ends,
        extraction_id,
        unnest([partition_day() - 1, partition_day()]) AS date_key
    FROM dim_person
    JOIN calendar_owner USING (person_id)
    WHERE is_enabled IS NOT FALSE AND lower(user_type) IS DISTINCT FROM 'guest'
),

calendar_day AS (
    SELECT day FROM curated_day WHERE asset_name = 'calendar_view'
),

shift AS (
    SELECT
        person_id,
        date_key,
        extraction_id,
        at_utc(date_key + to_minutes(work_starts), zone) AS opens,
        at_utc(date_key + to_minutes(work_ends), zone) AS closes
    FROM dated
    WHERE is_work_day(date_key, work_days)
        AND at_utc((date_key + 1)::TIMESTAMP, zone) > partition_day()
        AND at_utc((date_key + 1)::TIMESTAMP, zone) <= partition_day() + 1
        AND opens::DATE IN (FROM calendar_day)
        AND (closes - INTERVAL 1 MINUTE)::DATE IN (FROM calendar_day)
),

-- The meetings within the working hours, and a last one of no length at their end.
slot AS (
    SELECT person_id, date_key, opens, greatest(starts_at, opens) AS starts_at, least(ends_at, closes) AS ends_at
    FROM shift
    JOIN calendar_slot USING (person_id)
    WHERE starts_at < closes AND ends_at > opens
    UNION ALL
    SELECT person_id, date_key, opens, closes, closes
    FROM shift
),

block AS (
    SELECT
        person_id,
        date_key,
        date_sub('minute', greatest(opens, max(ends_at) OVER (
            PARTITION BY person_id, date_key
            ORDER BY starts_at, ends_at
            ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING
        )), starts_at) AS minutes
    FROM slot
)

SELECT
    person_id,
    date_key,
    coalesce(sum(minutes) FILTER (minutes >= 120), 0) AS focus_minutes,
    any_value(extraction_id) AS extraction_id
FROM block
JOIN shift USING (person_id, date_key)
GROUP BY person_id, date_key
