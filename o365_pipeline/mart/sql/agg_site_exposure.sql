-- As of the day, one row per site, level and extension with any permission. Whoever is a member of a SharePoint group
-- of the site is a grantee of what the group was granted; groups of Entra are not looked into.
WITH permission AS (
    SELECT
        permission_id,
        site_id,
        coalesce(level, '') AS level,
        coalesce(extension, '') AS extension,
        coalesce(item_id, scope_id) AS item,
        link_scope,
        extraction_id
    FROM sharing_permission
    -- A link that expired grants nothing, also before SharePoint tells that it is gone.
    WHERE is_current AND (expires_at IS NULL OR expires_at >= partition_day() + INTERVAL 1 DAY)
),

named_member AS (
    SELECT
        site_id,
        squeezed(display_name) AS group_name,
        unnest(members) AS said
    FROM share_point_groups_current
),

group_member AS (
    SELECT
        site_id,
        group_name,
        grantee_kind(said."typeV2", said."type", said.email) AS kind,
        squeezed(said.name) AS member_name,
        address_of(said.email) AS address,
        said."aadObjectId" AS object_id
    FROM named_member
),

member AS (
    SELECT
        site_id,
        group_name,
        is_claim(kind, NULL, member_name, learned.claim, everyone_except_external_claims())
            AS is_everyone_except_external,
        is_claim(kind, NULL, member_name, learned.claim, everyone_claims()) AS is_everyone,
        kind = 'security_group' AND object_id IS NULL AND address IS NULL
            AND NOT is_everyone AND NOT is_everyone_except_external AS is_unknown_group,
        kind = 'guest' AS is_guest,
        coalesce(address, lower(object_id)) AS guest,
        coalesce(domain_in_guest_name(address), split_part(address, '@', 2)) AS domain
    FROM group_member
    LEFT JOIN everyone_name AS learned ON learned.name = member_name
    WHERE kind IN ('guest', 'security_group')
),

reached AS (
    SELECT
        permission_id, is_everyone_except_external, is_everyone, is_unknown_group,
        kind = 'guest' AS is_guest, coalesce(address, lower(object_id), grantee_id) AS guest, domain
    FROM sharing_grantee
    WHERE is_current
    UNION ALL
    SELECT
        permission_id, member.is_everyone_except_external, member.is_everyone, member.is_unknown_group,
        member.is_guest, member.guest, member.domain
    FROM sharing_grantee
    JOIN member ON member.site_id = sharing_grantee.site_id AND member.group_name = sharing_grantee.squeezed_name
    WHERE is_current AND kind = 'sharepoint_group'
),

-- A permission counts once, however many it was granted to.
reach AS (
    SELECT
        permission_id,
        bool_or(is_everyone_except_external) AS is_everyone_except_external,
        bool_or(is_everyone) AS is_everyone,
        bool_or(is_unknown_group) AS is_unknown_group,
        bool_or(is_guest) AS is_guest
    FROM reached
    GROUP BY permission_id
),

guest AS (
    SELECT site_id, level, extension, count(DISTINCT guest) AS guests, count(DISTINCT domain) AS guest_domains
    FROM permission
    JOIN reached USING (permission_id)
    WHERE is_guest
    GROUP BY ALL
),

counted AS (
    SELECT
        site_id,
        level,
        extension,
        count(*) AS permissions,
        count(DISTINCT item) AS items,
        count(*) FILTER (lower(link_scope) = 'anyone') AS anyone_links,
        count(*) FILTER (lower(link_scope) = 'organization') AS organization_links,
        count(*) FILTER (lower(link_scope) = 'specificpeople') AS specific_people_links,
        count(*) FILTER (link_scope IS NULL) AS direct_grants,
        count(*) FILTER (is_everyone_except_external) AS everyone_except_external_grants,
        count(*) FILTER (is_everyone) AS everyone_grants,
        count(*) FILTER (is_unknown_group) AS unknown_group_grants,
        count(*) FILTER (is_guest) AS guest_grants,
        min(extraction_id) AS extraction_id
    FROM permission
    LEFT JOIN reach USING (permission_id)
    GROUP BY ALL
)

SELECT
    counted.*,
    coalesce(guest.guests, 0) AS guests,
    coalesce(guest.guest_domains, 0) AS guest_domains,
    dim_site.sensitivity_label,
    dim_site.template,
    dim_site.is_personal
FROM counted
LEFT JOIN guest USING (site_id, level, extension)
LEFT JOIN dim_site USING (site_id)
