-- One row per mail and mailbox that held a copy, however many copies the mailbox held.
SELECT
    message_id,
    puser AS person_id,
    arg_min(conversation_id, preference) AS conversation_id,
    -- Of a mail to oneself the copy in Sent Items is always read: the mail is, once every copy is.
    bool_and(is_read) AS is_read,
    coalesce(bool_or(puser = sender_id), false) AS is_sender,
    min(extraction_id) AS extraction_id
FROM mail_copy
GROUP BY message_id, puser
