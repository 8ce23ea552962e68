"""The purge sensor's tick, where there are more customers than one tick looks at."""

from __future__ import annotations

import dagster as dg
import pytest

from o365_pipeline.customers.customer import Customer
from o365_pipeline.database.database import Database
from o365_pipeline.deployment import Deployment
from o365_pipeline.purge import job
from o365_pipeline.purge.plan import Uncovered
from o365_pipeline_tests.consent.fakes import many


def test_two_ticks_look_at_all_customers_and_begin_anew_after_the_last(
    deployment: Deployment, customer: Customer, instance: dg.DagsterInstance, monkeypatch: pytest.MonkeyPatch
) -> None:
    customers = many(customer, job.MAX_CUSTOMERS + 10)
    looked_at: list[str] = []

    def all_is_covered(_database: Database, looked: Customer, _now: object) -> list[Uncovered]:
        looked_at.append(looked.name)
        return []

    monkeypatch.setattr(job, "uncovered", all_is_covered)
    sensor, cursor = job.build_purge_sensor(dg.DefaultSensorStatus.STOPPED), None
    resources = {"database": deployment.database, "customers": customers}

    for _ in range(2):
        with dg.build_sensor_context(instance=instance, cursor=cursor, resources=resources) as context:
            result = sensor(context)
        assert isinstance(result, dg.SensorResult)
        assert not result.run_requests
        cursor = result.cursor

    names = [customer.name for customer in customers]
    assert looked_at == [*names, *names[: job.MAX_CUSTOMERS - 10]]
