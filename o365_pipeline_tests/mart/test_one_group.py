"""One text is one group, on servers that tell case apart and on those that do not."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable
from typing import Any

import pytest
import sqlalchemy as sa
from sqlalchemy.dialects import mssql

from o365_pipeline.database.database import Database
from o365_pipeline.mart.tables import MART_TABLES, agg_person_day, dim_person
from o365_pipeline_tests.mart.conftest import Fill
from o365_pipeline_tests.mart.hand_made_mart import MONDAY, add

Rows = Callable[[str], list[dict[str, Any]]]
GROUPED = {
    *("department", "company_name", "job_title", "office_location", "city", "country", "sensitivity_label", "template"),
    *("classification", "domain", "extension", "counterpart_domain", "outside_domain"),
}


def test_departments_that_differ_by_case_are_one_of_five_people(database: Database) -> None:
    spellings = ("Ärzte", "ÄRZTE", "ärzte", "Ärzte", "Ärzte", "Legal", "LEGAL")
    with database.begin() as connection:
        for number, department in enumerate(spellings):
            person = {"person_id": f"p{number}"}
            # The last of the spellings is known from another day alone.
            day = MONDAY - dt.timedelta(days=number // 6)
            key = department.lower()
            add(connection, dim_person, **person, department=department, department_key=key, day=day)
            add(connection, agg_person_day, **person, week_start=MONDAY, mails_sent=1)

        found = connection.execute(sa.text("SELECT department, people, mails_sent FROM department_week")).all()

    assert [(row.department, row.people, row.mails_sent) for row in found] == [("ÄRZTE", 5, 5)]


@pytest.mark.usefixtures("organization")
def test_texts_of_a_day_that_differ_by_case_or_composed_letters_have_one_spelling(fill: Fill, rows: Rows) -> None:
    labels = ("Sécret", "se\u0301cret", "SÉCRET")
    site = {"root_web": {"webTemplate": "Group"}, "operation": "Full"}
    for number, label in enumerate(labels):
        fill(
            "share_point_sites_current", {"id": f"s{number}", "sensitivity_label_info": {"displayName": label}, **site}
        )
    fill("user", {"puser": "x", "department": "sales"}, {"puser": "y", "department": "Sales"})
    signal = {"puser": "ann", "signal_type": "MessageSent"}
    fill("outlook_mail_activity", signal | {"app_name": "owa"}, signal | {"app_name": "OWA"})

    assert {row["sensitivity_label"] for row in rows("dim_site")} == {"SÉCRET"}
    assert [row["sites"] for row in rows("agg_site_storage")] == [3]
    assert [(row["app_name"], row["signals"]) for row in rows("agg_signal_day")] == [("OWA", 2)]
    people = [(row["department"], row["department_key"]) for row in rows("dim_person") if row["department"]]
    assert people == [("Sales", "sales")] * 2


def test_what_people_group_by_is_compared_exactly_on_sql_server() -> None:
    for table in MART_TABLES:
        for column in table.columns:
            if column.name in GROUPED:
                kind = column.type.dialect_impl(mssql.dialect())
                assert getattr(kind, "collation", None) == "Latin1_General_100_BIN2", str(column)
