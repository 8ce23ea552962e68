-- Guests of which domains may see what in our sites, and how many of them?
SELECT l.customer, g.domain,
    COUNT(DISTINCT g.grantee_id) AS guests,
    COUNT(DISTINCT l.site_id) AS sites,
    COUNT(DISTINCT l.permission_id) AS permissions
FROM current_sharing_link l
JOIN bridge_sharing_grantee g
    ON g.customer = l.customer AND g.day = l.day AND g.permission_id = l.permission_id
WHERE g.kind = 'guest'
GROUP BY l.customer, g.domain
ORDER BY l.customer, guests DESC, sites DESC, g.domain
