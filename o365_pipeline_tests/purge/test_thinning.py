"""Old weeks of the mart keep one whole day, and no row of the others loses what it leads to."""

from __future__ import annotations

import datetime as dt

import pytest
import sqlalchemy as sa

from o365_pipeline.customers.customer import Customer
from o365_pipeline.customers.retention import Horizon
from o365_pipeline.deployment import Deployment
from o365_pipeline.mart.references import references
from o365_pipeline.mart.tables import MART_TABLES, dim_person, dim_site
from o365_pipeline.purge import erasure
from o365_pipeline.purge.job import carry_out
from o365_pipeline.purge.person import find_person
from o365_pipeline.purge.plan import Plan
from o365_pipeline.purge.thinning import days_to_thin
from o365_pipeline_tests.conftest import DAY
from o365_pipeline_tests.runner import Runner, lake_of, mart_rows

MONDAY, SECOND = DAY, DAY + dt.timedelta(days=1)
STATES = ("bridge_group_member", "bridge_person_license")


def day(number: int) -> dt.date:
    """A day of weeks that begin with 0, a Monday."""
    return dt.date(2026, 11, 2) + dt.timedelta(days=number)


@pytest.mark.parametrize(
    ("loaded", "first_whole", "thinned"),
    [
        (range(14), day(14), {*range(6), *range(7, 13)}),
        (range(14), day(13), set(range(6))),
        (range(14), day(7), set(range(6))),
        (range(14), day(6), set()),
        ((0, 2, 9), day(14), {0}),
        ((), day(14), set()),
        (range(3), dt.date.min, set()),
    ],
)
def test_of_each_week_that_is_old_enough_the_last_loaded_day_stays_whole(
    loaded: range, first_whole: dt.date, thinned: set[int]
) -> None:
    assert days_to_thin({day(number) for number in loaded}, first_whole) == {day(number) for number in thinned}


def thin_the_week(runner: Runner, deployment: Deployment, customer: Customer) -> None:
    horizon = Horizon(snapshots=MONDAY + dt.timedelta(days=7))
    plan = Plan(customer=customer.name, reason="old", event_id=None, horizon=horizon)
    carry_out(runner.instance, deployment.marts, lake_of(deployment), customer, plan)


def joined(deployment: Deployment) -> dict[str, int]:
    """How many rows of each table find the row that they lead to, for each of their references."""
    found = {}
    with deployment.database.begin() as connection:
        for table in MART_TABLES:
            for reference in (
                references(table) if not table.name.startswith("dim_") and table.name not in STATES else ()
            ):
                home = reference.key.table.alias()
                on = sa.and_(
                    table.c.customer == home.c.customer,
                    table.c.day == home.c.day,
                    reference.column == home.c[reference.key.name],
                )
                query = sa.select(sa.func.count()).select_from(table.join(home, on))
                found[f"{table.name}.{reference.name}"] = connection.scalar(query) or 0
    return found


def test_no_row_loses_what_it_leads_to(moved: Runner, deployment: Deployment, customer: Customer) -> None:
    before, joins = mart_rows(deployment), joined(deployment)
    assert sum(joins.values()) > 100
    with deployment.database.begin() as connection:
        # Somebody and something that nothing of the day leads to.
        for table, key in ((dim_person, "nobody"), (dim_site, "nowhere")):
            names = [column.name for column in table.columns]
            row = dict(zip(names, before[table.name][0], strict=True))
            [name] = [column.name for column in table.primary_key if column.name not in ("customer", "day")]
            connection.execute(table.insert(), [{**row, name: key, "day": at} for at in (MONDAY, SECOND)])

    thin_the_week(moved, deployment, customer)

    after = mart_rows(deployment)
    assert joined(deployment) == joins
    for table in (dim_person, dim_site):
        keys = {(row[1], row[2]) for row in after[table.name]}
        assert {at for at, key in keys if key in ("nobody", "nowhere")} == {SECOND}
    assert {name for name in before if after[name] != before[name]} <= {
        *(table.name for table in MART_TABLES if table.name.startswith("dim_")),
        *STATES,
    }
    thin_the_week(moved, deployment, customer)
    assert mart_rows(deployment) == after


def test_managers_of_whoever_is_kept_are_kept(moved: Runner, deployment: Deployment, customer: Customer) -> None:
    thin_the_week(moved, deployment, customer)

    with deployment.database.begin() as connection:
        manager = dim_person.alias()
        lost = sa.select(sa.func.count()).where(
            dim_person.c.manager_id.is_not(None),
            ~sa.exists().where(manager.c.day == dim_person.c.day, manager.c.person_id == dim_person.c.manager_id),
        )
        assert connection.scalar(lost) == 0


def test_a_day_that_is_made_anew_is_thinned_again(moved: Runner, deployment: Deployment, customer: Customer) -> None:
    thin_the_week(moved, deployment, customer)
    before = mart_rows(deployment)
    address = next(row[4] for row in before["dim_person"] if row[1] == SECOND and row[4])
    person = find_person(deployment.marts, lake_of(deployment), customer, address)
    request_id = erasure.begin(deployment.database, customer, address, person, "asked", dt.datetime.now(dt.UTC))

    erasure.carry_out(deployment.marts, lake_of(deployment), customer, request_id)

    after = mart_rows(deployment)
    assert {(row[1], row[2]) for row in after["dim_person"]} <= {(row[1], row[2]) for row in before["dim_person"]}
    assert {(row[1], row[2]) for row in after["dim_site"]} <= {(row[1], row[2]) for row in before["dim_site"]}
