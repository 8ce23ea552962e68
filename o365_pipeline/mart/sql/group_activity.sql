-- One row per thing that somebody did in a group: a message, a mail, taking part in a call of one of its channels.
-- The group's own mails, as its welcome, are not anybody's doing.
WITH deed AS (
    SELECT
        'message' AS kind, group_id, date_key, coalesce(sender_id, sender_address) AS actor_id,
        sender_id AS person_id, is_reply, extraction_id
    FROM fact_channel_message
    UNION ALL BY NAME
    SELECT
        'mail' AS kind, mail.group_id, mail.date_key, coalesce(sender_id, sender_address) AS actor_id,
        sender_id AS person_id, is_reply, mail.extraction_id
    FROM fact_group_message AS mail
    JOIN dim_group USING (group_id)
    WHERE mail.sender_address IS DISTINCT FROM dim_group.mail
    UNION ALL BY NAME
    SELECT
        'call' AS kind, call.group_id, call.date_key, coalesce(person_id, participant_id) AS actor_id,
        person_id, call_id, coalesce(minutes, 0) AS call_minutes, call.extraction_id
    FROM fact_call AS call
    LEFT JOIN bridge_call_participant USING (call_id)
    WHERE call.group_id IS NOT NULL
),

member AS (
    SELECT group_id, actor_id, bool_or(is_guest) AS is_guest
    FROM (SELECT group_id, unnest([member_id, member_address]) AS actor_id, is_guest FROM bridge_group_member)
    GROUP BY ALL
)

SELECT
    deed.*,
    member.actor_id IS NOT NULL AS is_member,
    coalesce(member.is_guest, false) OR lower(dim_person.user_type) IS NOT DISTINCT FROM 'guest' AS is_guest
FROM deed
LEFT JOIN member USING (group_id, actor_id)
LEFT JOIN dim_person ON dim_person.person_id = deed.person_id
