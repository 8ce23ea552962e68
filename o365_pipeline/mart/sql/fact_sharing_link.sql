-- One row per permission that the day's rows tell of: the history of changes. SharePoint counts some guests as users.
WITH counted AS (
    SELECT
        *,
        grantees_of(shared_with_count, shared_with, ['internal', 'internaluser', 'user']) AS users,
        least(users, coalesce(len(list_filter(shared_with, lambda g: lower(g."type") = 'user' AND grantee_kind(
            g."typeV2", g."type", concat_ws(' ', g.upn, g."userLoginName")
        ) = 'guest')), 0)) AS guests_among_users
    FROM sharing_permission
    WHERE NOT is_current
)

SELECT
    permission_id,
    operation,
    site_id,
    web_id,
    list_id,
    scope_id,
    link_id,
    link_scope,
    role,
    item_type,
    level,
    item_id,
    depth,
    extension,
    users - guests_among_users AS internal_count,
    grantees_of(shared_with_count, shared_with, ['external', 'externaluser', 'b2buser']) + guests_among_users
        AS guest_count,
    grantees_of(shared_with_count, shared_with, ['securitygroup']) AS security_group_count,
    grantees_of(shared_with_count, shared_with, ['sharepointgroup']) AS sharepoint_group_count,
    address_book.person_id AS created_by_id,
    address_of(coalesce(share_created_by.email, share_created_by.upn)) AS created_by_address,
    created_at,
    modified_at,
    expires_at,
    extraction_id
FROM counted
LEFT JOIN address_book
    ON address_book.address = address_of(coalesce(share_created_by.email, share_created_by.upn))
