-- One row per call and participant that any copy names, without bots and recorders. The tenant that owns the records
-- is the one that most of them give for their owner.
WITH named AS (
    SELECT call_id, puser, unnest(attendees) AS identity, extraction_id FROM call_copy
    UNION ALL
    -- The organizer of a call is the caller; that of a meeting need not have come.
    SELECT call_id, puser, organizer, extraction_id FROM call_copy WHERE lower(communication_type) = 'call'
    UNION ALL
    SELECT call_id, puser, action.participant, extraction_id
    FROM (SELECT call_id, puser, unnest(content) AS action, extraction_id FROM call_copy)
),

own_tenant AS (
    SELECT identity."tenantId" AS tenant_id
    FROM named
    WHERE identity."userAADObjectId" = puser AND nullif(identity."tenantId", '') IS NOT NULL
    GROUP BY tenant_id
    ORDER BY count(*) DESC, tenant_id
    LIMIT 1
),

participant AS (
    SELECT
        call_id,
        participant_of(identity) AS participant_id,
        max(nullif(identity."userAADObjectId", '')) AS user_id,
        max(nullif(identity."tenantId", '')) AS tenant_id,
        min(extraction_id) AS extraction_id
    FROM named
    WHERE coalesce(nullif(identity."userAADObjectId", ''), nullif(identity."displayName", '')) IS NOT NULL
        AND starts_with(lower(identity."recipientType"), 'application') IS NOT TRUE
    GROUP BY ALL
)

SELECT participant.*, participant.tenant_id = own_tenant.tenant_id AS is_own
FROM participant
LEFT JOIN own_tenant ON true
