"""The uninstallation job: it deletes all data of a customer whose managed application is gone.

What belongs here: the job as Dagster sees it. Deleting data belongs to `purge/`; what is gone already is found out in
`leftovers.py`.
"""

import datetime as dt

import dagster as dg
from pydantic import Field

from o365_pipeline.azure.cloud import Cloud
from o365_pipeline.customers.jobs import EXAMPLE, REPEATED, customer_job, customer_run
from o365_pipeline.customers.partitions import CUSTOMERS
from o365_pipeline.dagster_ui.failures import working_on
from o365_pipeline.database.ledger import naive_utc
from o365_pipeline.extraction import extraction_ledger
from o365_pipeline.extraction.data_factory import DataFactory
from o365_pipeline.managed_app.installations import installations
from o365_pipeline.managed_app.installations.installations import Installation, customer_of
from o365_pipeline.managed_app.installations.leftovers import lake_to_purge, marts_to_purge
from o365_pipeline.managed_app.installations.vendor import Vendor
from o365_pipeline.mart.marts import Marts
from o365_pipeline.purge import deletion
from o365_pipeline.purge.dagster_history import wait_for_others
from o365_pipeline.purge.job import carry_out
from o365_pipeline.purge.plan import plan_whole_purge
from o365_pipeline.raw.lakes import Lakes

UNINSTALLATION_JOB = "uninstallation_job"


class UninstallationConfig(dg.Config):
    """The customer whose data is deleted."""

    customer: str = Field(description="The customer whose managed application was deleted.")


@dg.op(
    description="Deletes everything of a customer whose managed application is gone, and records it in ledger_purge.",
    retry_policy=REPEATED,
)
def uninstall(
    context: dg.OpExecutionContext,
    config: UninstallationConfig,
    marts: dg.ResourceParam[Marts],
    lakes: dg.ResourceParam[Lakes],
    data_factory: DataFactory,
    cloud: dg.ResourceParam[Cloud],
    vendor: dg.ResourceParam[Vendor],
) -> None:
    database = marts.ledger
    known = installations.of_customer(database, config.customer)
    if known is None or not known.is_to_be_purged:
        context.log.info(f"{config.customer}: nothing is to be deleted")
        return
    customer, reason = customer_of(known, vendor.offer), _reason(known)
    wait_for_others(context, customer.name)
    extraction_ledger.give_up(database, customer.name, reason)
    with working_on(context):
        left = marts_to_purge(marts, data_factory, customer)
        lake = lake_to_purge(lakes, data_factory, customer)
    while plan := deletion.unfinished(database, customer):
        carry_out(context.instance, left, lake, customer, plan, cloud)
    if all(record.reason != reason for record in deletion.records(database, customer)):
        carry_out(context.instance, left, lake, customer, plan_whole_purge(database, customer, reason), cloud)
    context.instance.delete_dynamic_partition(CUSTOMERS, customer.name)
    installations.update(database, known.application_id, purged_at=naive_utc(dt.datetime.now(dt.UTC)))
    vendor.installed.refresh()
    context.log.info(f"{customer.name}: nothing is left ({reason})")


uninstallation_job = customer_job(
    UNINSTALLATION_JOB,
    uninstall,
    UninstallationConfig(customer=EXAMPLE),
    "Deletes of a customer whose managed application is gone all raw, curated and mart data, and what Dagster "
    "remembers of it. Launched by the installation sensor; to repeat it does no harm.",
    stage="managed_app",
)


def uninstallation_request(known: Installation, now: dt.datetime) -> dg.RunRequest:
    """The run that deletes what is left of a customer; under a key of its hour one that failed is asked for again."""
    config, run_key = (
        UninstallationConfig(customer=known.customer),
        f"{known.customer}:{known.deleted_at}:{now:%Y-%m-%dT%H}",
    )
    return customer_run(UNINSTALLATION_JOB, uninstall, config, known.customer, run_key)


def _reason(known: Installation) -> str:
    return f"the managed application was deleted at {known.deleted_at} UTC"
