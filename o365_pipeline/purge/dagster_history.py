"""Deletes Dagster's memory of purged data, and of old runs: previews, schemas and counts in the events of runs.

What belongs here: deleting those events, and reporting to the UI what is left. Dagster deletes events only with their
whole run; it keeps an asset's latest materialization until there is a later one.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Collection, Iterator, Mapping, Sequence

import dagster as dg

from o365_pipeline.curated.assets import curated_key
from o365_pipeline.curated.current.current_assets import current_key
from o365_pipeline.customers.partitions import CUSTOMER_TAG, partition_key
from o365_pipeline.dagster_ui.run_processes import AT_WORK, BEGUN, end_dead_runs
from o365_pipeline.datasets import Dataset, catalogue
from o365_pipeline.mart.assets import MART_KEYS
from o365_pipeline.raw.assets import raw_key

PARTITIONS_PER_QUERY = 200
RECORDS_PER_QUERY = 500

AT_WORK_REPEATS, AT_WORK_SECONDS = 10, 30.0
"""How often, and after which pause, the job checks whether another run still works for the customer."""


def delete_runs(
    instance: dg.DagsterInstance, customer: str, days: Collection[dt.date], live: Collection[tuple[Dataset, dt.date]]
) -> int:
    """Deletes the runs with events about a customer's days; returns how many.

    Partitions that still hold data are reported again, without a preview.
    """
    known = {*days, *(day for _, day in live)}
    entries = [record.asset_entry for record in instance.get_asset_records(_keys())]
    latest = {entry.asset_key: entry.last_materialization for entry in entries if entry.last_materialization}
    materialized = {key: list(_materialized(instance, key, customer, known)) for key in latest}
    purged = {partition_key(customer, day) for day in days}
    runs = {run_id for found in materialized.values() for partition, run_id in found if partition in purged}
    runs = {run_id for run_id in runs if instance.has_run(run_id)}
    # Told first: a kill in between is made good by the next, which finds the runs still there.
    for key, event in latest.items():
        lost = {partition for partition, run_id in materialized[key] if run_id in runs}
        _report(instance, key, customer, lost, _kept(key, customer, live), event.asset_materialization)
    for run_id in runs:
        instance.delete_run(run_id)
    instance.wipe_asset_cached_status(list(latest))
    return len(runs)


def delete_old_runs(
    instance: dg.DagsterInstance, before: dt.datetime, kept_from: Mapping[str, dt.date], limit: int
) -> int:
    """Deletes runs that were created before a moment and have ended, with their events; returns how many.

    What they materialized is reported again, without a page, where its day is kept and no later run made it anew.

    Args:
        kept_from: the first day that is kept of each customer's data.
        limit: how many runs are deleted at most.
    """
    ended = [status for status in dg.DagsterRunStatus if status not in (*BEGUN, dg.DagsterRunStatus.QUEUED)]
    old = dg.RunsFilter(created_before=before, statuses=ended)
    records = instance.get_run_records(old, limit=limit, order_by="id", ascending=True)
    for record in records:
        run_id = record.dagster_run.run_id
        for key, partitions in _made_by(instance, run_id).items():
            kept = {partition for partition in partitions if _is_kept(partition, kept_from)}
            for partition in sorted(_last_made_by(instance, run_id, key, kept)):
                instance.report_runless_asset_event(
                    dg.AssetMaterialization(key, partition=partition, description="Made by a run that is not kept.")
                )
        instance.delete_run(run_id)
    return len(records)


def _made_by(instance: dg.DagsterInstance, run_id: str) -> dict[dg.AssetKey, set[str]]:
    """Returns the partitions of assets that a run materialized."""
    made: dict[dg.AssetKey, set[str]] = {}
    for record in instance.get_records_for_run(run_id, of_type=dg.DagsterEventType.ASSET_MATERIALIZATION).records:
        event = record.asset_materialization
        if event and event.partition:
            made.setdefault(event.asset_key, set()).add(event.partition)
    return made


def _last_made_by(
    instance: dg.DagsterInstance, run_id: str, key: dg.AssetKey, partitions: Collection[str]
) -> Iterator[str]:
    """Returns those of an asset's partitions that no other run made after this one."""
    for partition in partitions:
        wanted = dg.AssetRecordsFilter(asset_key=key, asset_partitions=[partition])
        if [record.run_id for record in instance.fetch_materializations(wanted, limit=1).records] == [run_id]:
            yield partition


def _is_kept(partition: str, kept_from: Mapping[str, dt.date]) -> bool:
    customer, _, day = partition.partition("|")
    return bool(day) and customer in kept_from and dt.date.fromisoformat(day) >= kept_from[customer]


def wait_for_others(context: dg.OpExecutionContext, customer: str) -> None:
    """Postpones the op while another run works for the customer, whose events would come too late to be deleted.

    Runs whose process was killed are ended, and not waited for.

    Raises:
        dg.RetryRequested: another run does; the op is repeated after a while.
        dg.Failure: it still does after the last repeat.
    """
    of_customer = {CUSTOMER_TAG: customer}
    end_dead_runs(context.instance, dt.datetime.now(dt.UTC), of_customer)
    runs = context.instance.get_runs(dg.RunsFilter(tags=of_customer, statuses=list(AT_WORK)), limit=2)
    if not (others := [run for run in runs if run.run_id != context.run.run_id]):
        return
    who = f"{customer}: run {others[0].run_id} of {others[0].job_name} is at work"
    if context.retry_number >= AT_WORK_REPEATS:
        advice = "purge again when it has ended, or terminate it in the UI if nothing works on it"
        raise dg.Failure(f"{who}; {advice}", allow_retries=False)
    context.log.info(f"{who}; the purge waits for it")
    raise dg.RetryRequested(max_retries=AT_WORK_REPEATS, seconds_to_wait=AT_WORK_SECONDS)


def _keys() -> Sequence[dg.AssetKey]:
    return [*(key for dataset in catalogue().newest for key in _keys_of(dataset)), *MART_KEYS]


def _keys_of(dataset: Dataset) -> list[dg.AssetKey]:
    current = [current_key(dataset)] if dataset.current_name else []
    return [raw_key(dataset), curated_key(dataset), *current]


def _materialized(
    instance: dg.DagsterInstance, key: dg.AssetKey, customer: str, days: Collection[dt.date]
) -> Iterator[tuple[str, str]]:
    """Returns (partition, run id) of the materializations of a customer's days."""
    partitions = [partition_key(customer, day) for day in sorted(days)]
    for start in range(0, len(partitions), PARTITIONS_PER_QUERY):
        wanted = dg.AssetRecordsFilter(asset_key=key, asset_partitions=partitions[start : start + PARTITIONS_PER_QUERY])
        cursor = None
        while True:
            found = instance.fetch_materializations(wanted, limit=RECORDS_PER_QUERY, cursor=cursor)
            yield from ((record.partition_key or "", record.run_id) for record in found.records)
            cursor = found.cursor
            if not found.has_more:
                break


def _kept(key: dg.AssetKey, customer: str, live: Collection[tuple[Dataset, dt.date]]) -> set[str]:
    """Returns the partitions of an asset that still hold data."""
    datasets = {dataset for dataset, _ in live if key in _keys_of(dataset)}
    if key in MART_KEYS:
        return {partition_key(customer, day) for _, day in live}
    return {partition_key(customer, day) for dataset, day in live if dataset in datasets}


def _report(
    instance: dg.DagsterInstance,
    key: dg.AssetKey,
    customer: str,
    materialized: set[str],
    kept: set[str],
    latest: dg.AssetMaterialization | None,
) -> None:
    """Reports the partitions that still hold data; if there are none, and the asset's latest materialization is purged,
    reports that.
    """
    for partition in sorted(materialized & kept):
        instance.report_runless_asset_event(
            dg.AssetMaterialization(
                key, partition=partition, description="Written anew when what is no longer approved was purged."
            )
        )
    if not latest or materialized & kept or latest.partition not in materialized or latest.metadata.get("purged"):
        return
    instance.report_runless_asset_event(
        dg.AssetMaterialization(
            key,
            partition=latest.partition,
            description=f"Purged: nothing of {customer} is kept that its approvers no longer allow.",
            metadata={"purged": True, "dagster/row_count": 0},
        )
    )
