-- One row per task and person who has it: a task of Planner stands in the list of everybody whom it is assigned to.
WITH task AS (
    SELECT
        'planner' AS source, row_key('planner', id) AS task_id, puser, plan_id AS list_id, created_date_time,
        start_date_time, due_date_time, completed_date_time, percent_complete,
        coalesce(percent_complete = 100, completed_date_time IS NOT NULL) AS is_done, extraction_id
    FROM planner_tasks
    UNION ALL
    SELECT
        'to_do', row_key(puser, id), puser, parent_folder_id, created_date_time,
        start_date_time, due_date_time, completed_date_time,
        CASE lower(status) WHEN 'completed' THEN 100 WHEN 'notstarted' THEN 0 END,
        coalesce(lower(status) = 'completed', completed_date_time IS NOT NULL), extraction_id
    FROM todo_tasks
),

single AS (
    SELECT DISTINCT ON (task_id, puser) *
    FROM task
    WHERE puser IS NOT NULL
    ORDER BY task_id, puser, is_done DESC, extraction_id
),

seen AS (
    -- What was completed after the day was open on it.
    SELECT *, is_done AND (completed_date_time::DATE > partition_day()) IS NOT TRUE AS is_completed
    FROM single
)

SELECT
    task_id,
    puser AS person_id,
    source,
    list_id,
    created_date_time AS created_at,
    coalesce(created_date_time, partition_day())::DATE AS date_key,
    start_date_time AS starts_at,
    due_date_time AS due_at,
    completed_date_time AS completed_at,
    percent_complete,
    is_completed,
    NOT is_completed AND (due_date_time::DATE < partition_day()) IS TRUE AS is_overdue,
    is_completed AND (completed_date_time::DATE > due_date_time::DATE) IS TRUE AS is_late,
    count(*) OVER (PARTITION BY task_id) AS people,
    extraction_id
FROM seen
