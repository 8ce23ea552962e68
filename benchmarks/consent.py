"""The consent sensor's tick with a thousand customers and a thousand new decisions, beside a plain loop.

Both read the same feeds, which answer after 10 ms each, into the same tables of SQLite: the sensor's own tick, as often
as it needs, and the loop that one would write first: feed after feed, decision after decision.
"""

from __future__ import annotations

import datetime as dt
import logging
import tempfile
import time
import warnings
from pathlib import Path

import dagster as dg
import sqlalchemy as sa

from o365_pipeline.consent import approval_ledger
from o365_pipeline.consent.activity_feed import Page, Position
from o365_pipeline.consent.feed_records import classify_records
from o365_pipeline.consent.sensor import build_consent_sensor
from o365_pipeline.customers.customer import Customer, Customers
from o365_pipeline.deployment import Deployment, load

CUSTOMERS = 1000
LATENCY_SECONDS = 0.01
NOW = dt.datetime.now(dt.UTC)


class SlowFeed:
    """Every tenant's feed holds one approval, on one page that takes its time."""

    poll_seconds = 0.0

    def __init__(self, customers: Customers) -> None:
        self._records = {customer.tenant_id: _record(customer) for customer in customers}

    def read(self, customer: Customer, _position: Position, now: dt.datetime) -> Page:
        time.sleep(LATENCY_SECONDS)
        return Page(Position(now), (self._records[customer.tenant_id],))


def main() -> None:
    warnings.simplefilter("ignore")
    logging.getLogger("dagster").setLevel(logging.ERROR)
    with tempfile.TemporaryDirectory() as name:
        deployment, customers = _many(Path(name) / "sensor")
        _ticks(deployment, customers)
        deployment, customers = _many(Path(name) / "loop")
        _loop(deployment, customers)


def _ticks(deployment: Deployment, customers: Customers) -> None:
    sensor, feed, cursor = build_consent_sensor(dg.DefaultSensorStatus.STOPPED), SlowFeed(customers), None
    with dg.DagsterInstance.ephemeral() as instance:
        for number in range(1, 4):
            began = time.perf_counter()
            resources = {**deployment.resources, "activity_feed": feed, "customers": customers}
            with dg.build_sensor_context(instance=instance, cursor=cursor, resources=resources) as context:
                result = sensor(context)
            seconds = time.perf_counter() - began
            assert isinstance(result, dg.SensorResult)
            cursor = result.cursor
            print(
                f"tick {number}: {seconds:.2f} s, {_recorded(deployment)} decisions recorded in all, "
                f"{len(result.run_requests or [])} runs asked for, cursor {len(cursor or '')} bytes"
            )
            for added in result.dynamic_partitions_requests or []:
                instance.add_dynamic_partitions(added.partitions_def_name, list(added.partition_keys))


def _loop(deployment: Deployment, customers: Customers) -> None:
    feed, began = SlowFeed(customers), time.perf_counter()
    for customer in customers:
        page = feed.read(customer, Position(NOW), NOW)
        for event in classify_records(page.records, customer.tenant_id).approvals:
            with deployment.database.begin() as connection:
                approval_ledger.record(connection, customer, [event], NOW)
        approval_ledger.consent_status_of(deployment.database, customer, NOW)
    print(f"plain loop: {time.perf_counter() - began:.2f} s, {_recorded(deployment)} decisions recorded")


def _many(home: Path) -> tuple[Deployment, Customers]:
    deployment = load(home=home)
    [customer] = deployment.customers
    names = [f"customer-{number:04d}" for number in range(CUSTOMERS)]
    return deployment, Customers(customer.model_copy(update={"name": name, "tenant_id": name}) for name in names)


def _record(customer: Customer) -> dict[str, object]:
    request = customer.data_request
    datasets = [
        {"DatasetName": entry.dataset.table_name, "DatasetColumns": list(entry.columns)} for entry in request.datasets
    ]
    return {
        "Id": f"approval of {customer.name}",
        "RecordType": 217,
        "CreationTime": NOW.isoformat(),
        "ApplicationId": request.application_id,
        "AppRegistrationTenantId": request.application_tenant_id,
        "DestinationTenantId": customer.tenant_id,
        "DestinationSinks": [customer.sink],
        "State": "Approved",
        "ApprovalUpdatedDateInUTC": NOW.isoformat(),
        "Datasets": datasets,
    }


def _recorded(deployment: Deployment) -> int:
    with deployment.database.begin() as connection:
        return int(connection.scalar(sa.text("SELECT count(*) FROM ledger_approval_event")) or 0)


if __name__ == "__main__":
    main()
