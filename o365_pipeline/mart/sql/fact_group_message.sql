-- One row per mail in a group's mailbox; a mail to two groups is two rows with one group_message_id.
WITH mail AS (
    SELECT DISTINCT ON (group_id, group_message_id)
        p_object_id AS group_id,
        coalesce(key_of(nullif(trim(internet_message_id), ''), 400), row_key(p_object_id, id)) AS group_message_id,
        coalesce(sent_date_time, received_date_time, created_date_time) AS sent_at,
        conversation_id,
        conversation_index,
        importance,
        address_of(coalesce(sender_of("from"), sender_of(sender)) ->> '$.emailaddress.address') AS sender_address,
        extraction_id
    FROM outlook_group_conversations
    WHERE p_object_id IS NOT NULL
    ORDER BY group_id, group_message_id, last_modified_date_time DESC NULLS LAST, id, extraction_id
)

SELECT
    mail.group_id,
    mail.group_message_id,
    mail.sent_at,
    coalesce(mail.sent_at, partition_day())::DATE AS date_key,
    address_book.person_id AS sender_id,
    mail.sender_address,
    mail.conversation_id,
    -- The index of a conversation's first mail has 22 bytes, 32 characters; every reply adds 5 bytes.
    length(mail.conversation_index) > 32 IS TRUE OR (mail.conversation_id IS NOT NULL AND row_number() OVER (
        PARTITION BY mail.group_id, mail.conversation_id
        ORDER BY mail.sent_at, mail.group_message_id
    ) > 1) AS is_reply,
    mail.importance,
    mail.extraction_id
FROM mail
LEFT JOIN address_book ON address_book.address = mail.sender_address
