-- One row per person: the users, the managers who are not among them, and whoever owns any other row, so that every
-- person_id of the facts is here. What is known of a person comes from the first of these that has the person.
WITH seen AS (
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
        puser AS person_id, display_name, mail, user_principal_name, department, job_title, office_location, city,
        country, user_type, account_enabled, extraction_id, 1 AS preference
    FROM "user"
    UNION ALL
    SELECT
        id, display_name, mail, user_principal_name, department, job_title, office_location, city,
        country, user_type, account_enabled, extraction_id, 2
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
)

SELECT
    person.person_id,
    person.display_name,
    person.mail,
    person.user_principal_name,
    person.department,
    person.job_title,
    person.office_location,
    person.city,
    person.country,
    manager.id AS manager_id,
    manager.display_name AS manager_name,
    mailbox_settings.time_zone,
    person.user_type,
    person.account_enabled AS is_enabled,
    person.extraction_id
FROM person
LEFT JOIN manager ON manager.puser = person.person_id
LEFT JOIN mailbox_settings ON mailbox_settings.puser = person.person_id
