-- Which sites are open to whoever has a link, or to everybody in the organization and beyond?
SELECT customer, url, title, owner_address, sensitivity_label,
    SUM(anyone_links) AS anyone_links,
    SUM(everyone_except_external_grants) AS everyone_except_external_grants,
    SUM(everyone_grants) AS everyone_grants,
    SUM(organization_links) AS organization_links
FROM site_exposure
GROUP BY customer, site_id, url, title, owner_address, sensitivity_label
HAVING SUM(anyone_links + everyone_except_external_grants + everyone_grants) > 0
ORDER BY customer, anyone_links DESC, everyone_except_external_grants DESC, url
