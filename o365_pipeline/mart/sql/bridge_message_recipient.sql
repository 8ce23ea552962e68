-- One row per mail, kind and address: what all copies say together, since Bcc stands in the sender's copy alone.
WITH recipient AS (
    SELECT
        message_id,
        extraction_id,
        unnest(list_concat(
            list_transform(to_recipients, lambda r: {'kind': 'to', 'address': r."emailAddress".address}),
            list_transform(cc_recipients, lambda r: {'kind': 'cc', 'address': r."emailAddress".address}),
            list_transform(bcc_recipients, lambda r: {'kind': 'bcc', 'address': r."emailAddress".address})
        ), recursive := true)
    FROM mail_copy
),

addressed AS (
    SELECT
        message_id,
        kind,
        address_of(address) AS recipient_address,
        -- Every copy names the recipient. The copy that speaks for the mail would cost twice the memory to find here.
        min(extraction_id) AS extraction_id
    FROM recipient
    GROUP BY ALL
    HAVING recipient_address IS NOT NULL
)

SELECT addressed.*, address_book.person_id
FROM addressed
LEFT JOIN address_book ON address_book.address = addressed.recipient_address
