-- One row per pair that worked together and date: two people, or a person and the domain of outsiders. An interaction of
-- n people adds 1/(n-1) to the weight of each of its pairs. Where nobody of the organization is named, as in a thread
-- of outsiders that a mailbox holds a copy of, there is no pair.
WITH mail AS (
    SELECT * FROM fact_message WHERE is_draft IS NOT TRUE
),

talk AS (
    SELECT
        'mail' AS kind, message_id AS id, mail.date_key, mail.extraction_id, mail.recipient_count AS others,
        mail.sender_id AS one_id, mail.sender_address AS one_address,
        bridge.person_id AS other_id, bridge.recipient_address AS other_address
    FROM mail
    JOIN bridge_message_recipient AS bridge USING (message_id)
    UNION ALL
    SELECT
        'chat', chat_message_id, fact_chat.date_key, fact_chat.extraction_id, fact_chat.recipient_count,
        fact_chat.sender_id, fact_chat.sender_address,
        chat_recipient.person_id, chat_recipient.recipient_address
    FROM fact_chat
    JOIN chat_recipient USING (chat_message_id)
),

participant AS (
    SELECT meeting_id, meeting.date_key, meeting.extraction_id, bridge.person_id, bridge.attendee_address
    FROM fact_meeting AS meeting
    JOIN bridge_meeting_attendee AS bridge USING (meeting_id)
    WHERE meeting.is_cancelled IS NOT TRUE
        AND meeting.is_all_day IS NOT TRUE
        AND bridge.response <> 'declined'
        AND bridge.kind <> 'resource'
),

meeting_size AS (
    SELECT meeting_id, count(DISTINCT coalesce(person_id, attendee_address)) AS people
    FROM participant
    GROUP BY meeting_id
    HAVING people BETWEEN 2 AND 8
),

met AS (
    SELECT
        'meeting' AS kind, meeting_id AS id, one.date_key, one.extraction_id, meeting_size.people - 1 AS others,
        one.person_id AS one_id, one.attendee_address AS one_address,
        other.person_id AS other_id, other.attendee_address AS other_address
    FROM meeting_size
    JOIN participant AS one USING (meeting_id)
    JOIN participant AS other USING (meeting_id)
    WHERE one.attendee_address < other.attendee_address
),

contact AS (
    SELECT * FROM talk
    UNION ALL
    SELECT * FROM met
),

-- Addresses of the organization that are nobody's, such as lists, are neither a person nor outside.
named AS (
    SELECT
        * EXCLUDE (one_address, other_address),
        CASE WHEN one_id IS NULL AND domain_of(one_address) NOT IN (SELECT domain FROM own_domain)
            THEN domain_of(one_address) END AS one_domain,
        CASE WHEN other_id IS NULL AND domain_of(other_address) NOT IN (SELECT domain FROM own_domain)
            THEN domain_of(other_address) END AS other_domain
    FROM contact
),

pair AS (
    SELECT DISTINCT
        kind,
        id,
        date_key,
        extraction_id,
        others,
        CASE
            WHEN one_id IS NULL THEN other_id
            WHEN other_id IS NULL THEN one_id
            ELSE least(one_id, other_id)
        END AS person_a,
        CASE WHEN one_id IS NOT NULL AND other_id IS NOT NULL THEN greatest(one_id, other_id) END AS person_b,
        coalesce(one_domain, other_domain) AS outside_domain
    FROM named
    WHERE (one_id IS NOT NULL OR other_id IS NOT NULL) AND one_id IS DISTINCT FROM other_id
)

SELECT
    person_a,
    coalesce(person_b, outside_domain) AS counterpart,
    date_key,
    week_start_of(date_key) AS week_start,
    any_value(person_b) AS person_b,
    any_value(outside_domain) AS outside_domain,
    count(*) FILTER (kind = 'mail') AS mails,
    count(*) FILTER (kind = 'meeting') AS meetings,
    count(*) FILTER (kind = 'chat') AS chats,
    -- Decimals add up to the same in any order.
    sum((1.0 / greatest(others, 1))::DECIMAL(18, 6)) AS weight,
    min(extraction_id) AS extraction_id
FROM pair
WHERE counterpart IS NOT NULL
GROUP BY person_a, counterpart, date_key
