-- One row per entry in a group's list of members or owners. A guest's sign-in name holds the guest's own address:
-- x_out.org#EXT#@contoso.com is x@out.org.
WITH entry AS (
    SELECT p_object_id AS group_id, id, user_principal_name, o_data_type, 'member' AS role, extraction_id
    FROM group_members
    UNION ALL
    SELECT p_object_id, id, user_principal_name, o_data_type, 'owner', extraction_id
    FROM group_owners
),

spelled AS (
    SELECT
        *,
        contains(lower(user_principal_name), '#ext#') IS TRUE AS is_guest,
        coalesce(nullif(lower(regexp_extract(o_data_type, '[^.]+$')), ''), 'user') AS kind
    FROM entry
)

SELECT
    group_id,
    id,
    role,
    kind,
    is_guest,
    address_of(CASE
        WHEN is_guest THEN regexp_replace(split_part(lower(user_principal_name), '#ext#', 1), '_([^_]*)$', '@\1')
        ELSE user_principal_name
    END) AS address,
    extraction_id
FROM spelled
WHERE group_id IS NOT NULL AND (id IS NOT NULL OR address IS NOT NULL)
