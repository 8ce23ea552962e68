-- One row per message in a channel. A message does not say in which channel of the team it stands, nor whether it
-- replies to one of an earlier day: the sender's signal of the same second in the same team says both. What lies in the
-- partition counts, whatever its date.
WITH message AS (
    SELECT DISTINCT ON (channel_message_id)
        row_key(p_object_id, id) AS channel_message_id,
        p_object_id AS group_id,
        coalesce(sent_date_time, created_date_time) AS sent_at,
        conversation_id,
        importance,
        coalesce(sender_of("from"), sender_of(sender)) AS written_by,
        extraction_id
    FROM teams_standard_channel_messages
    WHERE p_object_id IS NOT NULL
    ORDER BY channel_message_id, last_modified_date_time DESC NULLS LAST, extraction_id
),

sent AS (
    SELECT
        message.*,
        address_of(written_by ->> '$.emailaddress.address') AS sender_address,
        coalesce(dim_person.person_id, address_book.person_id) AS sender_id,
        conversation_id IS NOT NULL AND row_number() OVER (
            PARTITION BY group_id, conversation_id
            ORDER BY sent_at, channel_message_id
        ) > 1 AS is_later
    FROM message
    LEFT JOIN dim_person ON dim_person.person_id = written_by ->> '$.user.id'
    LEFT JOIN address_book ON address_book.address = address_of(written_by ->> '$.emailaddress.address')
),

signal AS (
    SELECT
        puser AS sender_id,
        team_group_id AS group_id,
        date_trunc('second', start_time) AS sent_in,
        CASE WHEN count(DISTINCT thread_name) = 1 THEN min(thread_name) END AS channel_name,
        CASE WHEN count(DISTINCT signal_type) = 1 THEN min(signal_type) = 'ReplyChannelMessage' END AS is_reply
    FROM (
        SELECT puser, team_group_id, start_time, thread_name, signal_type FROM teams_channel_activity
        UNION ALL
        SELECT puser, team_group_id, start_time, thread_name, signal_type FROM teams_conversation_activity
    )
    WHERE signal_type IN ('PostChannelMessage', 'ReplyChannelMessage')
    GROUP BY ALL
),

named_channel AS (
    SELECT group_id, channel_name, min(channel_id) AS channel_id
    FROM channel
    GROUP BY ALL
)

SELECT
    sent.channel_message_id,
    sent.sent_at,
    coalesce(sent.sent_at, partition_day())::DATE AS date_key,
    sent.group_id,
    coalesce(named_channel.channel_id, sent.group_id) AS channel_id,
    sent.sender_id,
    sent.sender_address,
    sent.conversation_id,
    coalesce(signal.is_reply, sent.is_later) AS is_reply,
    sent.importance,
    sent.extraction_id
FROM sent
LEFT JOIN signal
    ON signal.sender_id = sent.sender_id
    AND signal.group_id = sent.group_id
    AND signal.sent_in = date_trunc('second', sent.sent_at)
LEFT JOIN named_channel
    ON named_channel.group_id = sent.group_id
    AND named_channel.channel_name = signal.channel_name
