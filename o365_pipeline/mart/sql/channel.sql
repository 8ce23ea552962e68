-- One row per channel that the list of channels knows.
SELECT DISTINCT ON (channel_id)
    key_of(id, 400) AS channel_id,
    p_object_id AS group_id,
    display_name AS channel_name,
    membership_type,
    created_date_time AS created_at,
    extraction_id
FROM teams_channel_details
WHERE id IS NOT NULL
ORDER BY channel_id, extraction_id
