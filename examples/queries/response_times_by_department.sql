-- How fast do departments answer mail, week by week?
SELECT customer, department, week_start, people, responses,
    ROUND(CAST(mean_minutes / 60.0 AS DECIMAL(18, 4)), 1) AS mean_hours,
    ROUND(CAST(100.0 * responses_to_outsiders / responses AS DECIMAL(18, 4)), 0) AS percent_to_outsiders
FROM response_week
ORDER BY customer, week_start, mean_hours DESC, department
