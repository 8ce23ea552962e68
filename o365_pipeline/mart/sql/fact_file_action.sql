-- One row per action on a file.
SELECT
    hash_of([
        site_id, web_id, list_id, list_item_id, action_date::VARCHAR, action_name, actor_email, client_ip, user_agent
    ]) AS action_id,
    action_date AS acted_at,
    action_date::DATE AS date_key,
    action_name AS action,
    site_id,
    list_item_id AS item_id,
    extension_of(item_extension) AS extension,
    actor_type,
    actor_id_type,
    address_of(actor_email) AS actor_address,
    address_book.person_id AS actor_id,
    -- "Microsoft Office Word/16.0.1 (Windows/10.0; ...)": what stands before the version; of browsers, Mozilla.
    nullif(trim(regexp_extract(user_agent, '^[^/(;]+')), '') AS application,
    extraction_id
FROM share_point_file_actions
LEFT JOIN address_book ON address_book.address = address_of(actor_email)
