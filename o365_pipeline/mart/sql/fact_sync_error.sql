-- One row per sync app and type of error. 34, 0 and 256 say that an error is not of the kind of that number.
WITH numbered AS (
    SELECT
        puser,
        sync_app_id_of(one_drive_device_id, puser) AS sync_app_id,
        coalesce(sync_error_id, 34) AS sync_number,
        coalesce(task_dialog_id1, 0) AS dialog_1,
        coalesce(task_dialog_id2, 256) AS dialog_2,
        error_title,
        error_count,
        extraction_id
    FROM one_drive_sync_errors
)

SELECT
    hash_of([sync_app_id, sync_number::VARCHAR, dialog_1::VARCHAR, dialog_2::VARCHAR]) AS sync_error_id,
    sync_app_id,
    puser AS person_id,
    CASE WHEN sync_number <> 34 THEN 'sync' WHEN dialog_1 <> 0 OR dialog_2 <> 256 THEN 'dialog' END AS kind,
    CASE WHEN sync_number <> 34 THEN sync_number WHEN dialog_1 <> 0 THEN dialog_1 WHEN dialog_2 <> 256 THEN dialog_2 END
        AS error_number,
    min(error_title) AS title,
    sum(coalesce(error_count, 1)) AS errors,
    min(extraction_id) AS extraction_id
FROM numbered
GROUP BY sync_app_id, puser, sync_number, dialog_1, dialog_2
