-- One row per call and participant. Whoever joined with several devices is counted once: minutes are those in which
-- at least one of them was in the call. A device that never left stayed to the end.
WITH action AS (
    SELECT DISTINCT
        call_id,
        participant_of(action.participant) AS participant_id,
        TRY_CAST(action."dateTime" AS TIMESTAMP) AS acted_at,
        CASE lower(action.action) WHEN 'join' THEN 1 WHEN 'leave' THEN -1 END AS change
    FROM (SELECT call_id, unnest(content) AS action FROM call_copy)
    WHERE acted_at IS NOT NULL AND change IS NOT NULL
),

step AS (
    SELECT
        action.*,
        sum(change) OVER in_order AS devices,
        lead(acted_at, 1, greatest(call.end_time, acted_at)) OVER in_order AS until
    FROM action
    JOIN call_copy AS call ON call.call_id = action.call_id AND call.preference = 1
    WINDOW in_order AS (PARTITION BY action.call_id, participant_id ORDER BY acted_at, change DESC)
),

presence AS (
    SELECT
        call_id,
        participant_id,
        min(acted_at) FILTER (change = 1) AS joined_at,
        max(acted_at) FILTER (change = -1) AS left_at,
        coalesce(sum(date_sub('second', acted_at, until)) FILTER (devices > 0), 0) // 60 AS minutes
    FROM step
    GROUP BY ALL
)

SELECT
    participant.call_id,
    participant.participant_id,
    dim_person.person_id,
    participant.participant_id = call.organizer."userAADObjectId" IS TRUE AS is_organizer,
    coalesce(NOT participant.is_own, dim_person.person_id IS NULL) AS is_external,
    presence.joined_at,
    presence.left_at,
    presence.minutes,
    participant.extraction_id
FROM call_participant AS participant
JOIN call_copy AS call ON call.call_id = participant.call_id AND call.preference = 1
LEFT JOIN presence
    ON presence.call_id = participant.call_id
    AND presence.participant_id = participant.participant_id
LEFT JOIN dim_person ON dim_person.person_id = participant.user_id
