-- One row per name that the claim of all members goes by in the tenant's languages, without blanks, lower case: those
-- that the customer's settings tell, and those of the tenant's own rows that carry the claim.
WITH said AS (
    SELECT unnest(getvariable('everyone_names')) AS name
    UNION ALL
    SELECT grantee.name
    FROM (SELECT unnest(shared_with) AS grantee FROM sharing_permission)
    WHERE contains(lower(grantee."userLoginName"), 'spo-grid-all-users')
)

SELECT DISTINCT lower(replace(name, ' ', '')) AS name
FROM said
WHERE nullif(replace(name, ' ', ''), '') IS NOT NULL
