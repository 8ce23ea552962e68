-- One row per group, person and date with any activity of the person in the group.
SELECT
    group_id,
    actor_id,
    date_key,
    week_start_of(date_key) AS week_start,
    any_value(person_id) AS person_id,
    bool_or(is_member) AS is_member,
    bool_or(is_guest) AS is_guest,
    count(*) FILTER (kind = 'message') AS messages,
    count(*) FILTER (kind = 'mail') AS mails,
    count(*) FILTER (is_reply) AS replies,
    count(*) FILTER (kind = 'call') AS calls,
    coalesce(sum(call_minutes), 0) AS call_minutes,
    min(extraction_id) AS extraction_id
FROM group_activity
WHERE actor_id IS NOT NULL
GROUP BY group_id, actor_id, date_key
