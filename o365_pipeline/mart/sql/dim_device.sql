-- One row per device. Its owner is whom the owned devices name, else the first of those who registered it.
WITH device AS (
    SELECT *, 'owned' AS relation FROM owned_devices
    UNION ALL BY NAME
    SELECT *, 'registered' AS relation FROM registered_devices
),

keyed AS (
    SELECT *, key_of(coalesce(nullif(id, ''), nullif(device_id, '')), 100) AS device_key
    FROM device
),

people AS (
    SELECT device_key, count(DISTINCT puser) AS people
    FROM keyed
    GROUP BY device_key
),

chosen AS (
    SELECT DISTINCT ON (device_key) *
    FROM keyed
    WHERE device_key IS NOT NULL
    ORDER BY device_key, relation, puser, extraction_id
)

SELECT
    device_key AS device_id,
    chosen.puser AS owner_id,
    chosen.relation = 'owned' AS is_owned,
    people.people,
    chosen.operating_system,
    chosen.operating_system_version,
    chosen.manufacturer,
    chosen.model,
    chosen.device_ownership AS ownership,
    chosen.trust_type,
    chosen.management_type,
    chosen.account_enabled AS is_enabled,
    chosen.is_compliant,
    chosen.is_managed,
    chosen.is_rooted,
    chosen.registration_date_time AS registered_at,
    chosen.approximate_last_sign_in_date_time AS last_sign_in_at,
    chosen.extraction_id
FROM chosen
JOIN people USING (device_key)
