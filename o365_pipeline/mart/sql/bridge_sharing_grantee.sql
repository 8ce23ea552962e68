-- One row per permission that the day's rows tell of and grantee; a grantee that is named twice counts once.
SELECT DISTINCT ON (permission_id, grantee_id)
    permission_id,
    grantee_id,
    kind,
    address,
    person_id,
    object_id,
    -- A person's name is dim_person's, or nobody's.
    CASE WHEN kind IN ('security_group', 'sharepoint_group') THEN name END AS group_name,
    kind = 'guest' AS is_guest,
    domain,
    user_count,
    is_everyone_except_external,
    is_everyone,
    extraction_id
FROM sharing_grantee
WHERE NOT is_current
ORDER BY permission_id, grantee_id, name, object_id, user_count
