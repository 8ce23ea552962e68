-- One row per sync app: the device by the app's own id, and its user.
WITH single AS (
    SELECT DISTINCT ON (sync_app_id) *
    FROM (SELECT *, sync_app_id_of(one_drive_device_id, puser) AS sync_app_id FROM one_drive_sync_health)
    ORDER BY sync_app_id, last_status_reported_timestamp_utc DESC NULLS LAST, extraction_id
)

SELECT
    sync_app_id,
    one_drive_device_id AS sync_device_id,
    puser AS person_id,
    sync_app_version AS app_version,
    CASE sync_app_update_ring WHEN 4 THEN 'insiders' WHEN 5 THEN 'production' WHEN 0 THEN 'deferred'
        ELSE sync_app_update_ring::VARCHAR END AS update_ring,
    nullif(sync_app_build_type, '') AS build_type,
    os_name AS operating_system,
    os_version AS operating_system_version,
    list_contains(kfm_folders, 1) AS backs_up_documents,
    list_contains(kfm_folders, 2) AS backs_up_pictures,
    list_contains(kfm_folders, 3) AS backs_up_desktop,
    coalesce(kfm_folder_count, len(kfm_folders)) AS backup_folders,
    kfm_opt_in_with_wizard_gpo_enabled AS is_backup_asked_for,
    kfm_silent_opt_in_gpo_enabled AS is_backup_enforced,
    last_status_reported_timestamp_utc AS reported_at,
    last_synced_timestamp_utc AS synced_at,
    not_below_zero(partition_day() - last_synced_timestamp_utc::DATE) AS unsynced_days,
    total_error_count AS errors,
    extraction_id
FROM single
