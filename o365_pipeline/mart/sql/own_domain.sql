-- One row per domain of the organization: those of its members' addresses. Guests bring the domains of their own.
WITH address AS (
    SELECT unnest(list_concat(
        [mail, user_principal_name],
        list_filter(proxy_addresses, lambda proxy: starts_with(lower(proxy), 'smtp:'))
    )) AS address
    FROM "user"
    WHERE lower(user_type) IS DISTINCT FROM 'guest' AND contains(lower(user_principal_name), '#ext#') IS NOT TRUE
)

SELECT DISTINCT domain_of(address_of(address)) AS domain
FROM address
WHERE domain_of(address_of(address)) IS NOT NULL
