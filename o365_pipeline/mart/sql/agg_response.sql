-- One row per responder, counterpart and local date of the response. Within a mailbox and a conversation, a received
-- mail is answered by the owner's next own mail, if that comes within seven days.
WITH entry AS (
    SELECT
        puser, message_id, conversation_id, sender_id, sender_address, sent_date_time, received_date_time,
        extraction_id, false AS is_earlier
    FROM mail_copy
    WHERE is_draft IS NOT TRUE
    UNION ALL
    SELECT
        puser,
        coalesce(key_of(nullif(trim(internet_message_id), ''), 400), row_key(puser, id)),
        conversation_id,
        address_book.person_id,
        address_of(coalesce("from"."emailAddress".address, sender."emailAddress".address)) AS sender_address,
        sent_date_time,
        received_date_time,
        extraction_id,
        true
    FROM earlier_message
    LEFT JOIN address_book ON address_book.address
        = address_of(coalesce("from"."emailAddress".address, sender."emailAddress".address))
    WHERE is_draft IS NOT TRUE
),

answered AS (
    SELECT DISTINCT puser, conversation_id
    FROM mail_copy
    WHERE puser = sender_id AND is_draft IS NOT TRUE AND conversation_id IS NOT NULL
),

-- Copies of a mail in several folders of a mailbox are one; the earliest day's, since it was counted there.
held AS (
    SELECT DISTINCT ON (entry.puser, entry.message_id)
        entry.* EXCLUDE (sent_date_time, received_date_time),
        coalesce(puser = sender_id, false) AS is_own,
        CASE
            WHEN is_own THEN coalesce(sent_date_time, received_date_time)
            ELSE coalesce(received_date_time, sent_date_time)
        END AS moment
    FROM entry
    SEMI JOIN answered USING (puser, conversation_id)
    ORDER BY entry.puser, entry.message_id, NOT is_earlier, moment, conversation_id, extraction_id
),

followed AS (
    SELECT
        puser,
        sender_id,
        sender_address,
        is_own,
        moment,
        min(CASE WHEN is_own THEN {'moment': moment, 'is_earlier': is_earlier, 'extraction_id': extraction_id} END)
            OVER (
                PARTITION BY puser, conversation_id
                ORDER BY moment, is_own, message_id
                ROWS BETWEEN 1 FOLLOWING AND UNBOUNDED FOLLOWING
            ) AS answer
    FROM held
    WHERE moment IS NOT NULL
),

response AS (
    SELECT
        followed.puser AS responder_id,
        coalesce(sender_id, domain_of(sender_address)) AS counterpart,
        sender_id AS counterpart_id,
        CASE WHEN sender_id IS NULL THEN domain_of(sender_address) END AS counterpart_domain,
        local_time(answer.moment, coalesce(person.time_zone_iana, 'UTC'))::DATE AS date_key,
        date_sub('minute', moment, answer.moment) AS minutes,
        answer.extraction_id AS extraction_id
    FROM followed
    JOIN dim_person AS person ON person.person_id = followed.puser
    WHERE NOT is_own AND NOT answer.is_earlier AND answer.moment <= moment + INTERVAL 7 DAY
)

SELECT
    responder_id,
    counterpart,
    date_key,
    week_start_of(date_key) AS week_start,
    any_value(counterpart_id) AS counterpart_id,
    any_value(counterpart_domain) AS counterpart_domain,
    count(*) AS responses,
    sum(minutes) AS response_minutes,
    min(minutes) AS fastest_minutes,
    floor(median(minutes)) AS median_minutes,
    min(extraction_id) AS extraction_id
FROM response
WHERE counterpart IS NOT NULL
GROUP BY responder_id, counterpart, date_key
