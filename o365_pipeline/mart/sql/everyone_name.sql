-- One row per name that a claim goes by in the tenant's languages, squeezed: of the claim of all members those that the
-- customer's settings tell, of it and of everyone's those of the tenant's own rows that carry the claim.
WITH said AS (
    SELECT unnest(getvariable('everyone_names')) AS name, everyone_except_external_claims().claim AS claim
    UNION ALL
    SELECT
        grantee.name,
        CASE
            WHEN carries(grantee."userLoginName", everyone_claims()) THEN everyone_claims().claim
            WHEN carries(grantee."userLoginName", everyone_except_external_claims())
                THEN everyone_except_external_claims().claim
        END
    FROM (SELECT unnest(shared_with) AS grantee FROM sharing_permission)
)

SELECT squeezed(name) AS name, min(claim) AS claim
FROM said
WHERE claim IS NOT NULL AND squeezed(name) <> ''
GROUP BY ALL
