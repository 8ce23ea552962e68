-- One row per call or online meeting, however many people have a copy of its record.
WITH every_copy AS (
    SELECT call_id, count(DISTINCT puser) AS copies
    FROM call_copy
    GROUP BY call_id
),

participants AS (
    SELECT
        call_id,
        count(*) AS participant_count,
        count(*) FILTER (is_external) AS external_count
    FROM bridge_call_participant
    GROUP BY call_id
)

SELECT
    call_id,
    call.start_time AS starts_at,
    call.end_time AS ends_at,
    coalesce(call.start_time, call.created_date_time, partition_day())::DATE AS date_key,
    date_sub('minute', call.start_time, call.end_time) AS duration_minutes,
    lower(call.communication_type) AS kind,
    call.communication_sub_type AS sub_type,
    dim_person.person_id AS organizer_id,
    upper(call.i_cal_uid) AS i_cal_u_id,
    call.thread_id,
    channel.channel_id,
    channel.group_id,
    coalesce(participants.participant_count, 0) AS participant_count,
    coalesce(participants.external_count, 0) AS external_count,
    every_copy.copies,
    call.extraction_id
FROM call_copy AS call
JOIN every_copy USING (call_id)
LEFT JOIN participants USING (call_id)
LEFT JOIN dim_person ON dim_person.person_id = call.organizer."userAADObjectId"
LEFT JOIN channel ON channel.channel_id = key_of(call.thread_id, 400)
WHERE call.preference = 1
