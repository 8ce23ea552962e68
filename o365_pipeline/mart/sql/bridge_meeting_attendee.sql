-- One row per meeting and address: the organizer, and whoever any copy names as an attendee.
WITH invitation AS (
    SELECT
        meeting_id,
        organizer_address AS attendee_address,
        'organizer' AS kind,
        'organizer' AS response,
        0 AS preference,
        extraction_id
    FROM meeting_copy
    WHERE preference = 1
    UNION ALL
    SELECT
        meeting_id,
        address_of(attendee."emailAddress".address),
        coalesce(attendee.type, 'required'),
        attendee.status.response,
        preference,
        extraction_id
    FROM (SELECT *, unnest(attendees) AS attendee FROM meeting_copy)
),

attendee AS (
    SELECT
        meeting_id,
        attendee_address,
        arg_min(kind, (preference, kind)) AS kind,
        arg_min(response, (preference, response)) AS response,
        arg_min(extraction_id, preference) AS extraction_id
    FROM invitation
    WHERE attendee_address IS NOT NULL
    GROUP BY ALL
),

-- What a calendar says of its own owner is newer than what the organizer was told.
own_response AS (
    SELECT meeting_id, puser AS person_id, arg_min(response_status.response, preference) AS response
    FROM meeting_copy
    WHERE response_status.response IS NOT NULL
    GROUP BY ALL
)

SELECT
    meeting_id,
    attendee_address,
    person_id,
    attendee.kind,
    coalesce(own_response.response, attendee.response, 'none') AS response,
    attendee.extraction_id
FROM attendee
LEFT JOIN address_book ON address_book.address = attendee.attendee_address
LEFT JOIN own_response USING (meeting_id, person_id)
