-- One row per permission: as the day's rows tell of it, and (is_current) as it is as of the day.
WITH told AS (
    SELECT *, false AS is_current FROM share_point_permissions
    UNION ALL
    SELECT *, true AS is_current FROM share_point_permissions_current
)

SELECT
    is_current,
    -- What identifies a permission may lack parts: a direct one has no link, an administrator of a site no scope.
    hash_of([site_id, item_type, scope_id, role_definition, link_id]) AS permission_id,
    coalesce(upper(left(operation, 1)) || lower(substr(operation, 2)), 'Full') AS operation,
    site_id,
    web_id,
    list_id,
    scope_id,
    no_guid(link_id) AS link_id,
    link_scope,
    role_definition AS role,
    item_type,
    CASE item_type WHEN 'SiteAdmin' THEN 'Site' WHEN 'ListItem' THEN 'File' ELSE item_type END AS level,
    -- What an item is called tells what is in it, and is needed for nothing: its hash says that it is the same item.
    sha256(lower(trim(item_url, '/'))) AS item_id,
    len(string_split(nullif(trim(item_url, '/'), ''), '/')) AS depth,
    extension_of(file_extension) AS extension,
    shared_with_count,
    shared_with,
    share_created_by,
    share_created_time AS created_at,
    share_last_modified_time AS modified_at,
    share_expiration_time AS expires_at,
    extraction_id
FROM told
