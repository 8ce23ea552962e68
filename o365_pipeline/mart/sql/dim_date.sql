-- One row per calendar date that a row of the partition falls on, and one for the partition's own day.
WITH dated AS (
    SELECT date_key, extraction_id FROM fact_message
    UNION ALL
    SELECT date_key, extraction_id FROM fact_meeting
    UNION ALL
    SELECT date_key, extraction_id FROM fact_chat
    UNION ALL
    SELECT date_key, extraction_id FROM agg_person_day
    UNION ALL
    SELECT date_key, extraction_id FROM agg_response
    UNION ALL
    SELECT date_key, extraction_id FROM fact_channel_message
    UNION ALL
    SELECT date_key, extraction_id FROM fact_group_message
    UNION ALL
    SELECT date_key, extraction_id FROM fact_call
    UNION ALL
    SELECT date_key, extraction_id FROM fact_task
    UNION ALL
    SELECT date_key, extraction_id FROM agg_signal_day
    UNION ALL
    SELECT date_key, extraction_id FROM fact_file_action
    UNION ALL
    SELECT partition_day(), extraction_id FROM dim_person
    UNION ALL
    SELECT partition_day(), NULL
)

SELECT
    date_key,
    year(date_key) AS year,
    quarter(date_key) AS quarter,
    month(date_key) AS month,
    week(date_key) AS iso_week,
    isodow(date_key) AS weekday,
    isodow(date_key) IN (6, 7) AS is_weekend,
    min(extraction_id) AS extraction_id
FROM dated
GROUP BY date_key
