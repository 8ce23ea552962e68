-- One row per person: the users, the managers who are not among them, and whoever owns any other row, so that every
-- person_id of the facts is here. What is known of a person comes from the first of these that has the person.
WITH RECURSIVE seen AS (
    SELECT puser, extraction_id FROM mailbox_settings
    UNION
    SELECT puser, extraction_id FROM manager
    UNION
    SELECT puser, extraction_id FROM message
    UNION
    SELECT puser, extraction_id FROM sent_item
    UNION
    SELECT puser, extraction_id FROM event
    UNION
    SELECT puser, extraction_id FROM calendar_view
    UNION
    SELECT puser, extraction_id FROM team_chat
    UNION
    SELECT puser, extraction_id FROM planner_tasks
    UNION
    SELECT puser, extraction_id FROM todo_tasks
    UNION
    SELECT puser, extraction_id FROM owned_devices
    UNION
    SELECT puser, extraction_id FROM registered_devices
    UNION
    SELECT puser, extraction_id FROM license_details
    UNION
    SELECT puser, extraction_id FROM one_drive_sync_health
    UNION
    SELECT puser, extraction_id FROM one_drive_sync_errors
    UNION
    SELECT puser, extraction_id FROM outlook_mail_activity
    UNION
    SELECT puser, extraction_id FROM outlook_meeting_activity
    UNION
    SELECT puser, extraction_id FROM outlook_contact_activity
    UNION
    SELECT puser, extraction_id FROM teams_channel_activity
    UNION
    SELECT puser, extraction_id FROM teams_conversation_activity
    UNION
    SELECT id, extraction_id FROM group_entry WHERE kind = 'user' AND NOT is_guest
    UNION
    SELECT user_id, extraction_id FROM call_participant WHERE is_own
),

known AS (
    SELECT
        puser AS person_id, display_name, mail, user_principal_name, company_name, department, job_title,
        office_location, city, country, user_type, account_enabled, extraction_id, 1 AS preference
    FROM "user"
    UNION ALL
    SELECT
        id, display_name, mail, user_principal_name, company_name, department, job_title,
        office_location, city, country, user_type, account_enabled, extraction_id, 2
    FROM manager
    UNION ALL BY NAME
    SELECT puser AS person_id, extraction_id, 3 AS preference
    FROM seen
),

person AS (
    SELECT DISTINCT ON (person_id) *
    FROM known
    WHERE person_id IS NOT NULL
    ORDER BY person_id, preference, extraction_id
),

line AS (
    SELECT puser AS person_id, id AS manager_id
    FROM manager
    WHERE id <> puser
),

-- From everybody upwards, one step at a time. Whoever is in the chain already, or is where it began, ends it.
step AS (
    SELECT person_id, [manager_id] AS chain
    FROM line
    UNION ALL
    SELECT step.person_id, list_append(step.chain, line.manager_id)
    FROM step
    JOIN line ON line.person_id = step.chain[-1]
    WHERE line.manager_id <> step.person_id AND NOT list_contains(step.chain, line.manager_id)
),

chain AS (
    SELECT person_id, arg_max(chain, len(chain)) AS chain
    FROM step
    GROUP BY person_id
),

said AS (
    SELECT puser AS person_id, time_zone, TRY_CAST(working_hours AS JSON) AS hours
    FROM mailbox_settings
),

setting AS (
    SELECT
        person_id,
        time_zone,
        coalesce(
            zone_of(time_zone),
            zone_of(coalesce(hours ->> '$.timeZone.name', hours ->> '$.TimeZone.Name', hours ->> '$.timeZone')),
            zone_of_bias(hours ->> '$.timeZone.bias')
        ) AS time_zone_iana,
        nullif(array_to_string(regexp_extract_all(
            lower(coalesce(hours ->> '$.daysOfWeek', hours ->> '$.DaysOfWeek')),
            'monday|tuesday|wednesday|thursday|friday|saturday|sunday'
        ), ','), '') AS work_days,
        minutes_in(coalesce(hours ->> '$.startTime', hours ->> '$.StartTime')) AS starts,
        minutes_in(coalesce(hours ->> '$.endTime', hours ->> '$.EndTime')) AS ends
    FROM said
)

SELECT
    person.person_id,
    person.display_name,
    person.mail,
    person.user_principal_name,
    one_spelling(person.company_name) AS company_name,
    one_spelling(person.department) AS department,
    as_compared(person.department) AS department_key,
    one_spelling(person.job_title) AS job_title,
    one_spelling(person.office_location) AS office_location,
    one_spelling(person.city) AS city,
    one_spelling(person.country) AS country,
    manager.id AS manager_id,
    manager.display_name AS manager_name,
    array_to_string(chain.chain, '/') AS manager_chain,
    coalesce(len(chain.chain), 0) AS level,
    setting.time_zone,
    setting.time_zone_iana,
    coalesce(setting.work_days, 'monday,tuesday,wednesday,thursday,friday') AS work_days,
    CASE WHEN setting.starts < setting.ends THEN setting.starts ELSE 540 END AS work_starts,
    CASE WHEN setting.starts < setting.ends THEN setting.ends ELSE 1020 END AS work_ends,
    person.user_type,
    person.account_enabled AS is_enabled,
    person.extraction_id
FROM person
LEFT JOIN manager ON manager.puser = person.person_id
LEFT JOIN chain USING (person_id)
LEFT JOIN setting USING (person_id)
