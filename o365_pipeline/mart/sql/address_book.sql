-- One row per address of the organization: whose it is. On a clash the lowest person_id, so that a repeat agrees.
WITH identity AS (
    SELECT puser AS person_id, mail, user_principal_name, proxy_addresses
    FROM "user"
    UNION ALL
    SELECT id, mail, user_principal_name, proxy_addresses
    FROM manager
    WHERE id IS NOT NULL
),

claim AS (
    SELECT
        person_id,
        address_of(regexp_replace(
            unnest(list_concat([mail, user_principal_name], proxy_addresses)), '^smtp:', '', 'i'
        )) AS address
    FROM identity
)

SELECT address, min(person_id) AS person_id
FROM claim
WHERE address IS NOT NULL
GROUP BY address
