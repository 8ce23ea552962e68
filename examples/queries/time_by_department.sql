-- Where does the time of departments go: hours per person in meetings and in focus, and what is sent after hours?
SELECT customer, department, week_start, people,
    ROUND(CAST(meeting_hours_per_person AS DECIMAL(18, 4)), 1) AS meeting_hours_per_person,
    ROUND(CAST(focus_hours_per_person AS DECIMAL(18, 4)), 1) AS focus_hours_per_person,
    ROUND(CAST(100.0 * after_hours_share AS DECIMAL(18, 4)), 0) AS percent_sent_after_hours
FROM department_week
ORDER BY customer, week_start, meeting_hours_per_person DESC, department
