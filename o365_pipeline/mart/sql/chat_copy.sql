-- One row per copy of a Teams chat message in a mailbox. Its internetMessageId is an epoch in milliseconds, which two
-- people can share: the sender makes it a key. The copy with preference 1 speaks for the message: the sender's own,
-- else the one with the lowest puser and id.
WITH addressed AS (
    SELECT
        *,
        address_of(coalesce("from"."emailAddress".address, sender."emailAddress".address)) AS sender_address
    FROM team_chat
),

keyed AS (
    SELECT
        *,
        CASE
            WHEN nullif(trim(internet_message_id), '') IS NULL THEN row_key(puser, id)
            WHEN contains(internet_message_id, '/') THEN 'sha256:' || hash_of([trim(internet_message_id), sender_address])
            ELSE key_of(concat_ws('/', trim(internet_message_id), sender_address), 400)
        END AS chat_message_id
    FROM addressed
)

SELECT
    keyed.*,
    address_book.person_id AS sender_id,
    row_number() OVER (
        PARTITION BY chat_message_id
        ORDER BY (puser = address_book.person_id) IS NOT TRUE, puser, id
    ) AS preference
FROM keyed
LEFT JOIN address_book ON address_book.address = keyed.sender_address
