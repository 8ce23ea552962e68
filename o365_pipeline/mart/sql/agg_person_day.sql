-- One row per person and calendar date with any activity. Someone received what is addressed to them: mail through a
-- distribution list, whose members are not known here, is not counted.
WITH mail AS (
    SELECT * FROM fact_message WHERE is_draft IS NOT TRUE
),

meeting AS (
    SELECT * FROM fact_meeting WHERE is_cancelled IS NOT TRUE AND is_all_day IS NOT TRUE
),

-- A person can stand in To and Cc, or under two addresses: DISTINCT makes that one mail, meeting or chat.
mail_received AS (
    SELECT DISTINCT message_id, bridge.person_id, mail.date_key, mail.extraction_id
    FROM mail
    JOIN bridge_message_recipient AS bridge USING (message_id)
),

meeting_attended AS (
    SELECT DISTINCT meeting_id, bridge.person_id, meeting.date_key, meeting.duration_minutes, meeting.extraction_id
    FROM meeting
    JOIN bridge_meeting_attendee AS bridge USING (meeting_id)
    WHERE bridge.response <> 'declined'
),

chat_received AS (
    SELECT DISTINCT chat_message_id, chat_recipient.person_id, fact_chat.date_key, fact_chat.extraction_id
    FROM fact_chat
    JOIN chat_recipient USING (chat_message_id)
),

activity AS (
    SELECT sender_id AS person_id, date_key, extraction_id, 1 AS mails_sent FROM mail
    UNION ALL BY NAME
    SELECT person_id, date_key, extraction_id, 1 AS mails_received FROM mail_received
    UNION ALL BY NAME
    SELECT person_id, date_key, extraction_id, 1 AS meetings, duration_minutes AS meeting_minutes FROM meeting_attended
    UNION ALL BY NAME
    SELECT sender_id AS person_id, date_key, extraction_id, 1 AS chats_sent FROM fact_chat
    UNION ALL BY NAME
    SELECT person_id, date_key, extraction_id, 1 AS chats_received FROM chat_received
)

SELECT
    person_id,
    date_key,
    coalesce(sum(mails_sent), 0) AS mails_sent,
    coalesce(sum(mails_received), 0) AS mails_received,
    coalesce(sum(meetings), 0) AS meetings,
    coalesce(sum(meeting_minutes), 0) AS meeting_minutes,
    coalesce(sum(chats_sent), 0) AS chats_sent,
    coalesce(sum(chats_received), 0) AS chats_received,
    min(extraction_id) AS extraction_id
FROM activity
WHERE person_id IS NOT NULL
GROUP BY person_id, date_key
