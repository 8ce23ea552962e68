-- Which groups have no owner, or no activity that we know of?
SELECT g.customer, g.display_name, g.kind, g.members, g.owners, MAX(w.week_start) AS last_active_week
FROM current_group g
LEFT JOIN group_week w ON w.customer = g.customer AND w.group_id = g.group_id
WHERE g.deleted_at IS NULL
GROUP BY g.customer, g.group_id, g.display_name, g.kind, g.members, g.owners
HAVING g.owners = 0 OR MAX(w.week_start) IS NULL
ORDER BY g.customer, g.owners, g.members DESC, g.display_name
