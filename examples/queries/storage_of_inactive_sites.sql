-- Which sites store much although nothing was changed in them for 90 days, and what share of it is earlier versions?
SELECT customer, url, title, inactive_days,
    ROUND(CAST(total_bytes / 1073741824.0 AS DECIMAL(18, 4)), 1) AS gigabytes,
    ROUND(CAST(100.0 * version_bytes / NULLIF(total_bytes, 0) AS DECIMAL(18, 4)), 0) AS percent_of_versions
FROM current_site
WHERE inactive_days >= 90
ORDER BY customer, total_bytes DESC, url
