-- One row per group: those with details, and every other group that has members, channels or messages.
WITH seen AS (
    SELECT group_id, extraction_id, false AS is_team FROM bridge_group_member
    UNION ALL
    SELECT p_object_id, extraction_id, true FROM teams_channel_details
    UNION ALL
    SELECT p_object_id, extraction_id, true FROM teams_standard_channel_messages
    UNION ALL
    SELECT p_object_id, extraction_id, false FROM outlook_group_conversations
),

known AS (
    SELECT
        coalesce(p_object_id, id) AS group_id, display_name, address_of(mail) AS mail, visibility, classification,
        created_date_time, expiration_date_time, deleted_date_time, mail_enabled, security_enabled,
        lower(group_types::VARCHAR) AS group_types,
        contains(lower(resource_provisioning_options::VARCHAR), 'team') IS TRUE AS is_team,
        extraction_id, 1 AS preference
    FROM group_details
    UNION ALL BY NAME
    SELECT group_id, is_team, extraction_id, 2 AS preference
    FROM seen
),

described AS (
    SELECT DISTINCT ON (group_id) *, bool_or(is_team) OVER (PARTITION BY group_id) AS is_a_team
    FROM known
    WHERE group_id IS NOT NULL
    ORDER BY group_id, preference, extraction_id
),

list AS (
    SELECT
        group_id,
        count(*) FILTER (role = 'member') AS members,
        count(*) FILTER (role = 'member' AND is_guest) AS guests,
        count(*) FILTER (role = 'owner') AS owners
    FROM bridge_group_member
    WHERE kind = 'user'
    GROUP BY group_id
)

SELECT
    group_id,
    described.display_name,
    described.mail,
    CASE
        WHEN contains(described.group_types, 'unified') THEN 'unified'
        WHEN described.mail_enabled AND described.security_enabled THEN 'mail_enabled_security'
        WHEN described.security_enabled THEN 'security'
        WHEN described.mail_enabled THEN 'distribution'
    END AS kind,
    described.is_a_team AS is_team,
    contains(described.group_types, 'dynamicmembership') AS is_dynamic,
    described.visibility,
    one_spelling(described.classification) AS classification,
    described.created_date_time AS created_at,
    described.expiration_date_time AS expires_at,
    described.deleted_date_time AS deleted_at,
    coalesce(list.members, 0) AS members,
    coalesce(list.guests, 0) AS guests,
    coalesce(list.owners, 0) AS owners,
    described.extraction_id
FROM described
LEFT JOIN list USING (group_id)
