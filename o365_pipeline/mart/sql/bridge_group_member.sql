-- One row per group, role and member.
WITH entry AS (
    SELECT DISTINCT ON (group_id, role, member_id) *, key_of(coalesce(id, address), 320) AS member_id
    FROM group_entry
    ORDER BY group_id, role, member_id, extraction_id
)

SELECT
    entry.group_id,
    entry.role,
    entry.member_id,
    dim_person.person_id,
    entry.address AS member_address,
    entry.kind,
    entry.is_guest OR lower(dim_person.user_type) IS NOT DISTINCT FROM 'guest' AS is_guest,
    entry.extraction_id
FROM entry
LEFT JOIN dim_person ON dim_person.person_id = entry.id AND entry.kind = 'user'
