-- As of the day, one row per template and sensitivity label of sites.
SELECT
    coalesce(template, '') AS template,
    coalesce(sensitivity_label, '') AS sensitivity_label,
    count(*) AS sites,
    count(*) FILTER (owner_count = 0) AS sites_without_owner,
    count(*) FILTER (owner_count = 1) AS sites_with_one_owner,
    count(*) FILTER (inactive_days >= 90) AS sites_inactive_90_days,
    count(*) FILTER (inactive_days >= 365) AS sites_inactive_365_days,
    count(*) FILTER (is_in_recycle_bin) AS sites_in_recycle_bin,
    coalesce(sum(age_days), 0) AS age_days,
    coalesce(sum(inactive_days), 0) AS inactive_days,
    coalesce(sum(owner_count), 0) AS owners,
    coalesce(sum(file_count), 0) AS files,
    coalesce(sum(quota_bytes), 0) AS quota_bytes,
    coalesce(sum(total_bytes), 0) AS total_bytes,
    coalesce(sum(file_bytes), 0) AS file_bytes,
    coalesce(sum(metadata_bytes), 0) AS metadata_bytes,
    coalesce(sum(version_bytes), 0) AS version_bytes,
    sum(version_bytes) / nullif(sum(total_bytes), 0) AS version_share,
    min(extraction_id) AS extraction_id
FROM dim_site
GROUP BY ALL
