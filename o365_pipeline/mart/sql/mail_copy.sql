-- One row per copy of a mail in a mailbox, and again per copy in Sent Items. The copy with the lowest preference speaks
-- for the mail: the sender's own (it alone knows Bcc), else the one with the lowest puser and id.
WITH copy AS (
    SELECT
        puser, id, internet_message_id, "from", sender, sent_date_time, received_date_time, created_date_time,
        conversation_id, importance, has_attachments, is_draft, is_read, to_recipients, cc_recipients,
        bcc_recipients, extraction_id, 'message' AS origin
    FROM message
    UNION ALL
    SELECT
        puser, id, internet_message_id, "from", sender, sent_date_time, received_date_time, created_date_time,
        conversation_id, importance, has_attachments, is_draft, is_read, to_recipients, cc_recipients,
        bcc_recipients, extraction_id, 'sent_item' AS origin
    FROM sent_item
),

keyed AS (
    SELECT
        *,
        coalesce(key_of(nullif(trim(internet_message_id), ''), 400), row_key(puser, id)) AS message_id,
        -- A delegate's mail is its principal's: "from" is the principal, "sender" the delegate.
        address_of(coalesce("from"."emailAddress".address, sender."emailAddress".address)) AS sender_address
    FROM copy
)

SELECT
    keyed.*,
    address_book.person_id AS sender_id,
    row((puser = address_book.person_id) IS NOT TRUE, puser, id, origin) AS preference
FROM keyed
LEFT JOIN address_book ON address_book.address = keyed.sender_address
