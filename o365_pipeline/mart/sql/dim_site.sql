-- One row per site that there is as of the day: the last full snapshot and the changes since.
SELECT
    id AS site_id,
    url,
    root_web.title AS title,
    one_spelling(root_web."webTemplate") AS template,
    -- One sign is enough: it is said of whose name must not be shown.
    coalesce(upper(root_web."webTemplate") LIKE 'SPSPERS%', false)
    OR coalesce(is_one_drive, false)
    OR coalesce(lower(url) LIKE '%/personal/%', false) AS is_personal,
    is_communication_site AS is_communication,
    nullif(trim(privacy), '') AS privacy,
    no_guid(group_id) AS group_id,
    is_teams_connected_site AS is_teams_connected,
    is_teams_channel_site AS is_teams_channel,
    no_guid(hub_site_id) AS hub_site_id,
    one_spelling(sensitivity_label_info."displayName") AS sensitivity_label,
    no_guid(sensitivity_label_info.id) AS sensitivity_label_id,
    one_spelling(classification) AS classification,
    is_in_recycle_bin,
    nullif(trim(archive_state), '') AS archive_state,
    coalesce(
        lower(nullif(trim(archive_state), '')) IN ('archived', 'recentlyarchived', 'fullyarchived', 'reactivating'),
        CASE WHEN site_archived_time IS NOT NULL THEN true END
    ) AS is_archived,
    site_archived_time AS archived_at,
    share_by_link_enabled,
    share_by_email_enabled,
    read_only AS is_read_only,
    coalesce(person.person_id, address_book.person_id) AS owner_id,
    address_of(coalesce(owner.email, owner.upn)) AS owner_address,
    len(list_distinct([
        lower(coalesce(owner."aadObjectId", owner.email, owner.name)),
        lower(coalesce(secondary_contact."aadObjectId", secondary_contact.email, secondary_contact.name))
    ])) AS owner_count,
    created_time AS created_at,
    root_web."lastItemModifiedDate" AS last_modified_at,
    last_content_change AS content_changed_at,
    last_user_access_date AS last_accessed_at,
    not_below_zero(partition_day() - created_time::DATE) AS age_days,
    not_below_zero(
        partition_day() - greatest(root_web."lastItemModifiedDate", last_content_change)::DATE
    ) AS inactive_days,
    not_below_zero(partition_day() - last_user_access_date::DATE) AS unvisited_days,
    web_count,
    storage_metrics."totalFileCount" AS file_count,
    storage_quota AS quota_bytes,
    storage_used AS used_bytes,
    storage_metrics."totalSize" AS total_bytes,
    storage_metrics."totalFileStreamSize" AS file_bytes,
    storage_metrics."metadataSize" AS metadata_bytes,
    not_below_zero(
        storage_metrics."totalSize" - storage_metrics."metadataSize" - storage_metrics."totalFileStreamSize"
    ) AS version_bytes,
    snapshot_date::DATE AS told_on,
    share_point_sites_current.extraction_id
FROM share_point_sites_current
LEFT JOIN dim_person AS person ON person.person_id = owner."aadObjectId"
LEFT JOIN address_book ON address_book.address = address_of(coalesce(owner.email, owner.upn))
