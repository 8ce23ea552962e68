-- One row per chat message and address that any copy names as a recipient.
WITH recipient AS (
    SELECT DISTINCT chat_message_id, address_of(recipient."emailAddress".address) AS recipient_address
    FROM (SELECT chat_message_id, unnest(to_recipients) AS recipient FROM chat_copy)
)

SELECT recipient.*, address_book.person_id
FROM recipient
LEFT JOIN address_book ON address_book.address = recipient.recipient_address
WHERE recipient_address IS NOT NULL
