-- One row per person and local date with any activity, or with working hours that could be focused in. Someone received
-- what is addressed to them: mail through a distribution list, whose members are not known here, is not counted.
WITH mail AS (
    SELECT * FROM fact_message WHERE is_draft IS NOT TRUE
),

mail_outside AS (
    SELECT DISTINCT message_id, true AS is_external
    FROM bridge_message_recipient
    WHERE domain_of(recipient_address) NOT IN (SELECT domain FROM own_domain)
),

-- A person can stand in To and Cc, or under two addresses: DISTINCT makes that one mail or chat.
mail_received AS (
    SELECT DISTINCT
        message_id, bridge.person_id, coalesce(mail.received_at, mail.sent_at) AS moment, mail.date_key,
        mail.extraction_id
    FROM mail
    JOIN bridge_message_recipient AS bridge USING (message_id)
),

chat_received AS (
    SELECT DISTINCT chat_message_id, chat_recipient.person_id, fact_chat.sent_at, fact_chat.date_key, extraction_id
    FROM fact_chat
    JOIN chat_recipient USING (chat_message_id)
),

exchanged AS (
    SELECT
        sender_id AS person_id, sent_at AS moment, date_key, extraction_id, 1 AS mails_sent,
        coalesce(is_external, false)::INTEGER AS external_mails_sent
    FROM mail
    LEFT JOIN mail_outside USING (message_id)
    UNION ALL BY NAME
    SELECT person_id, moment, date_key, extraction_id, 1 AS mails_received FROM mail_received
    UNION ALL BY NAME
    SELECT sender_id AS person_id, sent_at AS moment, date_key, extraction_id, 1 AS chats_sent FROM fact_chat
    UNION ALL BY NAME
    SELECT person_id, sent_at AS moment, date_key, extraction_id, 1 AS chats_received FROM chat_received
),

local AS (
    SELECT
        exchanged.* EXCLUDE (moment, date_key),
        local_time(moment, coalesce(person.time_zone_iana, 'UTC')) AS local,
        coalesce(local, date_key)::DATE AS date_key,
        coalesce(is_after_hours(local, work_days, work_starts, work_ends), false)::INTEGER AS after_hours
    FROM exchanged
    JOIN dim_person AS person USING (person_id)
),

activity AS (
    SELECT
        * EXCLUDE (local, after_hours),
        mails_sent * after_hours AS after_hours_mails_sent,
        chats_sent * after_hours AS after_hours_chats_sent
    FROM local
    UNION ALL BY NAME
    SELECT * EXCLUDE (meeting_id), 1 AS meetings FROM meeting_time
    UNION ALL BY NAME
    SELECT * FROM focus_time
)

SELECT
    person_id,
    date_key,
    week_start_of(date_key) AS week_start,
    coalesce(sum(mails_sent), 0) AS mails_sent,
    coalesce(sum(mails_received), 0) AS mails_received,
    coalesce(sum(external_mails_sent), 0) AS external_mails_sent,
    coalesce(sum(after_hours_mails_sent), 0) AS after_hours_mails_sent,
    coalesce(sum(meetings), 0) AS meetings,
    coalesce(sum(meeting_minutes), 0) AS meeting_minutes,
    coalesce(sum(busy_minutes), 0) AS busy_minutes,
    coalesce(sum(after_hours_meeting_minutes), 0) AS after_hours_meeting_minutes,
    coalesce(sum(chats_sent), 0) AS chats_sent,
    coalesce(sum(chats_received), 0) AS chats_received,
    coalesce(sum(after_hours_chats_sent), 0) AS after_hours_chats_sent,
    sum(focus_minutes) AS focus_minutes,
    min(extraction_id) AS extraction_id
FROM activity
GROUP BY person_id, date_key
