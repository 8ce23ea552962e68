-- One row per copy of a meeting in a calendar. Calendar View alone where it was extracted: it has every occurrence of
-- the day, while Event is sliced by creation, so that an entry of it would count a meeting twice, and on other days.
-- The copy with preference 1 speaks for the meeting: the organizer's own, else the one with the lowest puser and id.
WITH copy AS (
    SELECT
        puser, id, i_cal_u_id, start_utc, start_time_zone, start_is_local, end_utc, end_is_local, created_date_time, organizer, attendees,
        response_status, is_all_day, is_cancelled, is_online_meeting, type, series_master_id,
        extraction_id, 'calendar_view' AS source
    FROM calendar_view
    -- A window holds what runs into it too: that is the meeting of the day before, in whose partition it is.
    WHERE NOT EXISTS (
        FROM earlier_calendar_view AS earlier
        WHERE earlier.puser = calendar_view.puser
            AND earlier.id = calendar_view.id
            AND earlier.start_utc = calendar_view.start_utc
    )
    UNION ALL
    SELECT
        puser, id, i_cal_u_id, start_utc, start_time_zone, start_is_local, end_utc, end_is_local, created_date_time, organizer, attendees,
        response_status, is_all_day, is_cancelled, is_online_meeting, type, series_master_id,
        extraction_id, 'event' AS source
    FROM event
    -- The master of a series is no occurrence of it.
    WHERE type IS DISTINCT FROM 'seriesMaster'
        AND NOT EXISTS (FROM curated_day WHERE asset_name = 'calendar_view' AND day = partition_day())
),

placed AS (
    SELECT
        copy.* EXCLUDE (end_utc, start_is_local, end_is_local),
        start_utc AS written_start,
        start_is_local,
        -- A time whose zone nobody knows is in that of the mailbox.
        coalesce(zone_of(start_time_zone), person.time_zone_iana, 'UTC') AS start_zone,
        coalesce(start_is_local OR end_is_local, false) AS is_zone_assumed,
        CASE WHEN start_is_local THEN at_utc(start_utc, coalesce(person.time_zone_iana, 'UTC')) ELSE start_utc END
            AS starts_at,
        CASE WHEN end_is_local THEN at_utc(end_utc, coalesce(person.time_zone_iana, 'UTC')) ELSE end_utc END
            AS ends_at,
        address_of(organizer."emailAddress".address) AS organizer_address
    FROM copy
    LEFT JOIN dim_person AS person ON person.person_id = copy.puser
),

-- When a meeting begins for certain, as another copy of it knows.
certain AS (
    SELECT DISTINCT trim(i_cal_u_id) AS of_meeting, starts_at AS certain_start
    FROM placed
    WHERE start_is_local IS NOT TRUE
),

keyed AS (
    SELECT
        placed.* EXCLUDE (start_utc, written_start, start_is_local, is_zone_assumed),
        is_zone_assumed AND certain_start IS NULL AS is_zone_assumed,
        CASE
            WHEN nullif(trim(i_cal_u_id), '') IS NULL THEN row_key(puser, id)
            -- The occurrences of a series share one iCalUId: their start tells them apart.
            ELSE key_of(concat_ws(
                '/', trim(i_cal_u_id), coalesce(strftime(coalesce(certain_start, written_start), '%Y%m%dT%H%M%SZ'), '')
            ), 400)
        END AS meeting_id
    FROM placed
    LEFT JOIN certain ON of_meeting = trim(i_cal_u_id) AND certain_start = starts_at AND start_is_local
)

SELECT
    keyed.* EXCLUDE (starts_at, ends_at),
    starts_at AS start_utc,
    ends_at AS end_utc,
    address_book.person_id AS organizer_id,
    row_number() OVER (
        PARTITION BY meeting_id
        ORDER BY (puser = address_book.person_id) IS NOT TRUE, puser, id
    ) AS preference
FROM keyed
LEFT JOIN address_book ON address_book.address = keyed.organizer_address
