"""Measure how long the application's pages take with many people: a mart of some weeks is made, then each page opened.

The rows are made in SQL and mean nothing: each person sends mail on every working day, and shares something with a few
colleagues and, now and then, with an outside organization. How to read the table: seconds until the page is there, the
first time, and the middle of the times after that. What is told of the whole organization is being made meanwhile: a
page does not wait for it, and has it once it is there. Pages about one person are never kept.
"""

from __future__ import annotations

import argparse
import datetime as dt
import tempfile
import time
from pathlib import Path
from statistics import median

import sqlalchemy as sa
from starlette.requests import Request
from starlette.testclient import TestClient

from o365_pipeline.deployment import load
from o365_pipeline.insights.charts import load_library
from o365_pipeline.insights.overview import answers, flow, pairs
from o365_pipeline.insights.pages import insights_app
from o365_pipeline.insights.reader import reader_of
from o365_pipeline.insights.relationships import nearest_organizations
from o365_pipeline.insights.sites import oversharing, storage
from o365_pipeline.insights.viewers import Viewer
from o365_pipeline.mart.marts import Marts
from o365_pipeline.mart.tables.settings import write_minimum_group_size
from o365_pipeline.mart.upgrade import mart_database

PEOPLE, WEEKS, ROUNDS = 100_000, 2, 5
FIRST = dt.date(2026, 1, 5)
DEPARTMENT_SIZE, DOMAINS, SITES = 40, 20_000, 50_000

NUMBERS = "WITH RECURSIVE n(i) AS (SELECT 0 UNION ALL SELECT i + 1 FROM n WHERE i + 1 < {count})"
ID = "printf('%08d-0000-4000-8000-000000000000', {number})"
FILL = {
    "dim_person": (
        "{people} INSERT INTO dim_person (customer, day, person_id, display_name, mail, department, department_key,"
        " is_enabled, extraction_id) SELECT 'contoso', '{day}', {id}, 'Person ' || i, 'person' || i || '@contoso.com',"
        " 'Department ' || (i / {size}), 'department ' || (i / {size}), 1, 'x' FROM n"
    ),
    "agg_person_day": (
        "{people} INSERT INTO agg_person_day SELECT 'contoso', '{day}', {id}, '{day}', '{week}', 5 + i % 7, 20, 1,"
        " i % 3, 3, 120, 110, i % 20, 9, 9, i % 2, 240, 'x' FROM n"
    ),
    "agg_collaboration_day": (
        "{people} INSERT INTO agg_collaboration_day SELECT 'contoso', '{day}', {id}, {other}, '{day}', '{week}',"
        " {other}, NULL, 2, 1, 3, 1.5, 'x' FROM n, (SELECT 1 AS step UNION SELECT 7 UNION SELECT 301)"
        " WHERE i + step < {count}"
    ),
    "outside": (
        "{people} INSERT INTO agg_collaboration_day SELECT 'contoso', '{day}', {id}, {domain}, '{day}', '{week}', NULL,"
        " {domain}, 1, 0, 0, 1.0, 'x' FROM n WHERE i % 5 = {weekday}"
    ),
}
SITE = (
    "{people} INSERT INTO dim_site (customer, day, site_id, title, owner_id, owner_count, inactive_days, total_bytes,"
    " version_bytes, template, extraction_id) SELECT 'contoso', '{day}', 'site' || i, 'Site ' || i, {id}, i % 3,"
    " i % 500, i * 1000, i * 400, 'GROUP', 'x' FROM n WHERE i < {sites}"
)
EXPOSURE = (
    "{people} INSERT INTO agg_site_exposure SELECT 'contoso', '{day}', 'site' || i, 'File', 'docx', 'General',"
    " 'GROUP', 0, 10, 5, i % 3, i % 5, 1, 1, i % 2, 0, 0, i % 2, i % 2, i % 2, 'x' FROM n WHERE i < {sites}"
)

PAGES = (
    *("/me", "/people/{somebody}", "/organizations/o77.example", "/people?q=person 77", "/people?q=o77"),
    *("/about", "/oversharing", "/storage", "/"),
)
"""Those about one person first: what is told of the whole organization is made long after its page is there."""


class Analyst:
    """Somebody in the middle of the organization, who may see everything."""

    def __init__(self, person_id: str) -> None:
        self._person_id = person_id

    def viewer(self, _request: Request) -> Viewer:
        return Viewer("contoso", "An analyst", self._person_id, is_analyst=True, sees_relations=True)


def fill(connection: sa.Connection, people: int, weeks: int) -> None:
    """Makes the weeks' rows."""
    days = [FIRST + dt.timedelta(days=number) for number in range(7 * weeks)]
    for day in (day for day in days if day.weekday() < 5):
        texts = [*FILL.values(), *((SITE, EXPOSURE) if day == days[-3] else ())]
        for text in texts:
            connection.exec_driver_sql(
                text.format(
                    people=NUMBERS.format(count=people),
                    id=ID.format(number="i"),
                    other=ID.format(number="i + step"),
                    day=day,
                    week=day - dt.timedelta(days=day.weekday()),
                    weekday=day.weekday(),
                    size=DEPARTMENT_SIZE,
                    domain=f"'o' || (i % {DOMAINS}) || '.example'",
                    sites=SITES,
                    count=people,
                )
            )
        connection.exec_driver_sql(
            f"INSERT INTO dim_customer (customer, day, people, guests) VALUES ('contoso', '{day}', {people}, 0)"
        )
    write_minimum_group_size(connection, 5)


def seconds(client: TestClient, path: str) -> float:
    began = time.perf_counter()
    answer = client.get(path)
    assert answer.status_code == 200, (path, answer.status_code)
    return time.perf_counter() - began


def main() -> None:
    arguments = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    arguments.add_argument("--people", type=int, default=PEOPLE)
    arguments.add_argument("--weeks", type=int, default=WEEKS)
    given = arguments.parse_args()
    load_library()
    somebody = f"{given.people // 2:08d}-0000-4000-8000-000000000000"
    with tempfile.TemporaryDirectory() as folder:
        database = mart_database(sa.URL.create("sqlite", database=str(Path(folder) / "mart.db")))
        began = time.perf_counter()
        with database.begin() as connection:
            fill(connection, given.people, given.weeks)
        print(f"{given.people:,} people, {given.weeks} weeks: made in {time.perf_counter() - began:.0f} s")
        with reader_of(database, "contoso") as reader:
            for ask in (nearest_organizations, oversharing, storage, flow, answers, pairs):
                began, worked = time.perf_counter(), time.process_time()
                ask(reader)
                took, worked = time.perf_counter() - began, time.process_time() - worked
                print(f"{ask.__name__}: {took:.1f} s to make, {worked:.1f} s of the processor", flush=True)
        app = insights_app(Marts(database), load(home=Path(folder)).customers, Analyst(somebody))
        client = TestClient(app)
        print(f"{'page':32} {'first':>8} {'then':>8}")
        for page in PAGES:
            path = page.format(somebody=somebody)
            first = seconds(client, path)
            print(f"{page:32} {first:8.3f} {median(seconds(client, path) for _ in range(ROUNDS)):8.3f}", flush=True)


if __name__ == "__main__":
    main()
