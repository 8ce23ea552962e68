-- One row per person and product: from the license details, and from the users what those leave out.
WITH license AS (
    SELECT
        puser, coalesce(nullif(sku_id, ''), nullif(sku_part_number, '')) AS sku, sku_part_number,
        json_array_length(TRY_CAST(service_plans AS JSON)) AS plan_count, extraction_id, 1 AS preference
    FROM license_details
    UNION ALL BY NAME
    SELECT puser, assigned."skuId" AS sku, extraction_id, 2 AS preference
    FROM (SELECT puser, unnest(assigned_licenses) AS assigned, extraction_id FROM "user")
)

SELECT DISTINCT ON (person_id, sku_id)
    puser AS person_id,
    key_of(sku, 100) AS sku_id,
    sku_part_number,
    plan_count,
    extraction_id
FROM license
WHERE puser IS NOT NULL AND nullif(sku, '') IS NOT NULL
ORDER BY person_id, sku_id, preference, extraction_id
