-- Which managers have the most direct reports?
SELECT m.customer, m.display_name, m.department, m.level, COUNT(*) AS direct_reports
FROM current_person m
JOIN current_person p ON p.customer = m.customer AND p.manager_id = m.person_id
GROUP BY m.customer, m.person_id, m.display_name, m.department, m.level
ORDER BY m.customer, direct_reports DESC, m.display_name
