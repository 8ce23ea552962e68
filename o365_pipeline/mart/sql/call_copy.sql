-- One row per copy of a call's record, which everybody who took part has. The copy with preference 1 speaks for the
-- call: the organizer's own, else the one with the lowest puser and id.
WITH keyed AS (
    SELECT
        *,
        coalesce(key_of(nullif(trim(communication_id), ''), 400), row_key(puser, id)) AS call_id
    FROM teams_call_records
)

SELECT
    *,
    row_number() OVER (
        PARTITION BY call_id
        ORDER BY (puser = organizer."userAADObjectId") IS NOT TRUE, puser, id
    ) AS preference
FROM keyed
