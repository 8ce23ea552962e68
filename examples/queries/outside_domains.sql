-- With which other organizations do most of our people work?
SELECT customer, outside_domain, COUNT(DISTINCT person_a) AS people,
    SUM(mails) AS mails, SUM(meetings) AS meetings, SUM(chats) AS chats
FROM collaboration_week
WHERE outside_domain IS NOT NULL
GROUP BY customer, outside_domain
ORDER BY customer, people DESC, mails DESC, outside_domain
