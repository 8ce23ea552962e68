-- One row per group and date with any activity in the group.
SELECT
    group_id,
    date_key,
    week_start_of(date_key) AS week_start,
    any_value(dim_group.members) AS members,
    count(DISTINCT actor_id) FILTER (is_member) AS active_members,
    count(DISTINCT actor_id) FILTER (is_guest) AS active_guests,
    count(DISTINCT actor_id) FILTER (activity.kind <> 'call') AS senders,
    count(*) FILTER (activity.kind = 'message') AS messages,
    count(*) FILTER (activity.kind = 'mail') AS mails,
    count(*) FILTER (is_reply) AS replies,
    count(DISTINCT call_id) AS calls,
    coalesce(sum(call_minutes), 0) AS call_minutes,
    min(activity.extraction_id) AS extraction_id
FROM group_activity AS activity
JOIN dim_group USING (group_id)
GROUP BY group_id, date_key
