-- One row: the customer as of the day.
SELECT
    count(*) AS people,
    count(*) FILTER (lower(user_type) = 'guest') AS guests,
    (SELECT string_agg(domain, ', ' ORDER BY domain) FROM own_domain) AS own_domains,
    min(extraction_id) AS extraction_id
FROM dim_person
