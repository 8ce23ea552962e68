"""Who and when: the dimensions that every fact is joined to.

What belongs here: grain, columns, types and keys. The SQL that fills a table is in `sql/`, under its name.
"""

from __future__ import annotations

import sqlalchemy as sa

from o365_pipeline.mart.tables.columns import count, date_key, exact_unicode, extraction_id, person_id, table

dim_customer = table(
    "dim_customer",
    "One row per customer and day",
    (),
    count("people", "People in dim_person, guests included"),
    count("guests", "Guests among them"),
    sa.Column("own_domains", sa.Unicode(1000), comment="Domains of the members' addresses: 'contoso.com, contoso.org'"),
    extraction_id(nullable=True),
)


dim_person = table(
    "dim_person",
    "One row per person of the organization",
    ("person_id",),
    person_id("person_id", "Entra object id"),
    sa.Column("display_name", sa.Unicode(256), comment="Name as shown in the organization"),
    sa.Column("mail", sa.Unicode(320), comment="Primary address"),
    sa.Column("user_principal_name", sa.Unicode(320), comment="Name used to sign in"),
    sa.Column("company_name", exact_unicode(256), comment="Company"),
    sa.Column("department", exact_unicode(256), comment="Department, as of the day"),
    sa.Column("department_key", exact_unicode(256), comment="The department in lower case: what departments group by"),
    sa.Column("job_title", exact_unicode(256), comment="Job title"),
    sa.Column("office_location", exact_unicode(256), comment="Office"),
    sa.Column("city", exact_unicode(256), comment="City"),
    sa.Column("country", exact_unicode(256), comment="Country"),
    person_id("manager_id", "Entra object id of the manager; a person of dim_person"),
    sa.Column("manager_name", sa.Unicode(256), comment="Name of the manager"),
    sa.Column(
        "manager_chain",
        exact_unicode(4000),
        comment="Entra object ids from the direct manager to the top, joined by '/'; ends where it would repeat",
    ),
    sa.Column("level", sa.Integer, comment="Steps from the top: 0 for whoever has no manager"),
    sa.Column("time_zone", sa.Unicode(256), comment="Time zone of the mailbox, as Exchange names it"),
    sa.Column("time_zone_iana", sa.Unicode(64), comment="The same zone by its IANA name; null where unknown"),
    sa.Column("work_days", sa.Unicode(100), comment="Working days: 'monday,tuesday'; Monday to Friday where unknown"),
    sa.Column(
        "work_starts", sa.Integer, comment="First minute of the working hours, of the local day; 540 (09:00) if unknown"
    ),
    sa.Column("work_ends", sa.Integer, comment="Minute at which they end; 1020 (17:00) where unknown"),
    sa.Column("user_type", sa.Unicode(64), comment="Member or Guest"),
    sa.Column("is_enabled", sa.Boolean, comment="True where the account can sign in"),
    extraction_id(),
)


dim_date = table(
    "dim_date",
    "One row per calendar date that the partition's rows fall on, and one for its own day",
    ("date_key",),
    date_key("The date"),
    count("year", "Calendar year"),
    count("quarter", "Quarter, 1 to 4"),
    count("month", "Month, 1 to 12"),
    count("iso_week", "Week of ISO 8601, 1 to 53"),
    count("weekday", "1 is Monday, 7 is Sunday"),
    sa.Column("is_weekend", sa.Boolean, nullable=False, comment="True on Saturday and Sunday"),
    extraction_id(nullable=True),
)
