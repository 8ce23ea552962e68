-- One row per channel; and one per team of which no channel is known, or a message whose channel is not.
WITH team AS (
    SELECT group_id, extraction_id
    FROM dim_group
    WHERE is_team AND group_id NOT IN (SELECT group_id FROM channel WHERE group_id IS NOT NULL)
    UNION ALL
    SELECT group_id, extraction_id
    FROM fact_channel_message
    WHERE channel_id = group_id
),

found AS (
    SELECT channel_id, group_id, channel_name, membership_type, created_at, extraction_id
    FROM channel
    UNION ALL BY NAME
    SELECT group_id AS channel_id, group_id, min(extraction_id) AS extraction_id
    FROM team
    WHERE group_id NOT IN (SELECT channel_id FROM channel)
    GROUP BY group_id
)

SELECT
    found.channel_id,
    found.channel_name,
    found.membership_type,
    found.created_at,
    found.group_id,
    team.display_name AS team_name,
    team.visibility AS team_visibility,
    team.mail AS team_mail,
    found.extraction_id
FROM found
LEFT JOIN dim_group AS team USING (group_id)
