-- How many calls and online meetings are there each month, how long are they, and how many are with other organizations?
SELECT f.customer, d.year, d.month, f.kind,
    COUNT(*) AS calls,
    ROUND(CAST(1.0 * SUM(f.duration_minutes) / COUNT(*) AS DECIMAL(18, 4)), 0) AS mean_minutes,
    ROUND(CAST(1.0 * SUM(f.participant_count) / COUNT(*) AS DECIMAL(18, 4)), 1) AS mean_participants,
    SUM(CASE WHEN f.external_count > 0 THEN 1 ELSE 0 END) AS calls_with_outsiders
FROM fact_call f
JOIN dim_date d ON d.customer = f.customer AND d.day = f.day AND d.date_key = f.date_key
GROUP BY f.customer, d.year, d.month, f.kind
ORDER BY f.customer, d.year, d.month, f.kind
