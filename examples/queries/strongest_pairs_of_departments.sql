-- Which departments work with each other most, and is it by mail, in meetings or in chats?
SELECT customer, department, other_department,
    ROUND(CAST(SUM(weight) AS DECIMAL(18, 4)), 1) AS weight,
    SUM(mails) AS mails, SUM(meetings) AS meetings, SUM(chats) AS chats
FROM department_collaboration_week
WHERE department < other_department
GROUP BY customer, department, other_department
ORDER BY customer, weight DESC, department, other_department
