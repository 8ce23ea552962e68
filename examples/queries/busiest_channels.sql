-- Which channels of teams are busiest, and is there an answer to what is written?
SELECT m.customer, MAX(c.team_name) AS team_name, MAX(c.channel_name) AS channel_name,
    COUNT(*) AS messages,
    ROUND(CAST(100.0 * SUM(CAST(m.is_reply AS INTEGER)) / COUNT(*) AS DECIMAL(18, 4)), 0) AS percent_replies,
    MAX(m.date_key) AS last_message_on
FROM fact_channel_message m
JOIN dim_channel c ON c.customer = m.customer AND c.day = m.day AND c.channel_id = m.channel_id
GROUP BY m.customer, m.channel_id
ORDER BY m.customer, messages DESC, team_name, channel_name
