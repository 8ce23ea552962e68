-- One row per chat message, however many mailboxes hold a copy.
WITH every_copy AS (
    SELECT chat_message_id, count(DISTINCT puser) AS copies
    FROM chat_copy
    GROUP BY chat_message_id
),

recipients AS (
    SELECT chat_message_id, count(*) AS recipient_count
    FROM chat_recipient
    GROUP BY chat_message_id
)

SELECT
    chat_message_id,
    chat.sent_date_time AS sent_at,
    coalesce(chat.sent_date_time, chat.created_date_time, partition_day())::DATE AS date_key,
    chat.sender_id,
    chat.sender_address,
    chat.conversation_id,
    coalesce(recipients.recipient_count, 0) AS recipient_count,
    every_copy.copies,
    chat.has_attachments,
    chat.importance,
    chat.extraction_id
FROM chat_copy AS chat
JOIN every_copy USING (chat_message_id)
LEFT JOIN recipients USING (chat_message_id)
WHERE chat.preference = 1
