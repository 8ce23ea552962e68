-- One row per permission and grantee as it is named, of both kinds of sharing_permission.
WITH named AS (
    SELECT is_current, permission_id, site_id, extraction_id, unnest(shared_with) AS grantee
    FROM sharing_permission
),

read AS (
    SELECT
        is_current,
        permission_id,
        site_id,
        extraction_id,
        grantee_kind(
            grantee."typeV2", grantee."type", concat_ws(' ', grantee.upn, grantee."userLoginName")
        ) AS kind,
        squeezed(grantee.name) AS squeezed_name,
        nullif(trim(grantee.name), '') AS name,
        lower(grantee."userLoginName") AS login,
        lower(grantee.upn) AS upn,
        nullif(grantee."aadObjectId", '') AS object_id,
        address_of(coalesce(grantee.email, grantee."emailAddress")) AS address,
        grantee."userCount" AS user_count
    FROM named
),

placed AS (
    SELECT
        read.*,
        coalesce(
            address,
            CASE WHEN NOT contains(upn, '#ext#') THEN address_of(upn) END,
            lower(object_id),
            login,
            concat(kind, ':', squeezed_name)
        ) AS known_as,
        is_claim(kind, login, squeezed_name, learned.claim, everyone_except_external_claims())
            AS is_everyone_except_external,
        is_claim(kind, login, squeezed_name, learned.claim, everyone_claims()) AS is_everyone
    FROM read
    LEFT JOIN everyone_name AS learned ON learned.name = read.squeezed_name
)

SELECT
    placed.* EXCLUDE (address, known_as, upn, login),
    -- Of a group that is told by its name alone, nobody knows whether it holds everybody.
    kind = 'security_group' AND login IS NULL AND object_id IS NULL AND placed.address IS NULL
        AND NOT is_everyone AND NOT is_everyone_except_external AS is_unknown_group,
    sha256(known_as) AS grantee_id,
    coalesce(placed.address, CASE WHEN contains(known_as, '@') THEN known_as END) AS address,
    coalesce(
        domain_in_guest_name(placed.address),
        split_part(placed.address, '@', 2),
        domain_in_guest_name(upn),
        CASE WHEN contains(known_as, '@') THEN split_part(known_as, '@', 2) END
    ) AS domain,
    coalesce(person.person_id, address_book.person_id) AS person_id
FROM placed
LEFT JOIN dim_person AS person ON person.person_id = placed.object_id
LEFT JOIN address_book
    ON address_book.address = coalesce(placed.address, CASE WHEN NOT contains(upn, '#ext#') THEN address_of(upn) END)
