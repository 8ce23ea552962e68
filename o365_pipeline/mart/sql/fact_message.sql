-- One row per mail, however many mailboxes hold a copy.
WITH mail AS (
    SELECT
        message_id,
        arg_min({
            'sent_at': sent_date_time,
            'created_at': created_date_time,
            'sender_id': sender_id,
            'sender_address': sender_address,
            'conversation_id': conversation_id,
            'importance': importance,
            'has_attachments': has_attachments,
            'extraction_id': extraction_id
        }, preference) AS chosen,
        min(received_date_time) AS received_at,
        -- A draft that was sent may linger in Drafts: the mail is one only while every copy is.
        bool_and(is_draft) AS is_draft,
        count(DISTINCT puser) AS copies
    FROM mail_copy
    GROUP BY message_id
),

recipients AS (
    SELECT message_id, count(DISTINCT recipient_address) AS recipient_count
    FROM bridge_message_recipient
    GROUP BY message_id
)

SELECT
    message_id,
    mail.chosen.sent_at,
    mail.received_at,
    coalesce(mail.chosen.sent_at, mail.chosen.created_at, partition_day())::DATE AS date_key,
    mail.chosen.sender_id,
    mail.chosen.sender_address,
    mail.chosen.conversation_id,
    mail.chosen.importance,
    mail.chosen.has_attachments,
    mail.is_draft,
    coalesce(recipients.recipient_count, 0) AS recipient_count,
    mail.copies,
    mail.chosen.extraction_id
FROM mail
LEFT JOIN recipients USING (message_id)
