"""The doctor's page in the UI: a check of the approval, which anybody who sees the UI may execute.

What belongs here: the check, its job and its schedule. What is tried belongs to `examination.py`.
"""

import dagster as dg

from o365_pipeline.azure.cloud import Cloud
from o365_pipeline.consent.activity_feed import ActivityFeed
from o365_pipeline.consent.assets import APPROVAL
from o365_pipeline.customers.customer import Customers
from o365_pipeline.dagster_ui.labels import stage_tag
from o365_pipeline.database.database import Database
from o365_pipeline.doctor.examination import Connections, examine
from o365_pipeline.doctor.findings import Finding
from o365_pipeline.extraction.data_factory import DataFactory
from o365_pipeline.mart.marts import Marts
from o365_pipeline.news.channels import Channels
from o365_pipeline.raw.lakes import Lakes

CHECK = "doctor"
SHOWN = 200
"""How many lines the page has; those that work are left out first."""

NAMED = 3
"""How many of the lines stand in the check's own line."""


@dg.asset_check(
    asset=APPROVAL,
    name=CHECK,
    description=(
        "What `o365-pipeline doctor` says: every connection that an extraction needs, one line each, and which of the "
        "customer's steps is missing: (a) the registration with Data Connect, (b) the right to read the activity feed, "
        "(c) the approval. Execute it at any time; nothing is extracted and nothing is spent."
    ),
)
def doctor(
    cloud: Cloud,
    customers: dg.ResourceParam[Customers],
    activity_feed: ActivityFeed,
    data_factory: DataFactory,
    lakes: dg.ResourceParam[Lakes],
    database: dg.ResourceParam[Database],
    marts: dg.ResourceParam[Marts],
    channels: dg.ResourceParam[Channels],
) -> dg.AssetCheckResult:
    to = Connections(cloud, customers, activity_feed, data_factory, lakes, database, marts, channels)
    return findings_result(list(examine(to)))


def findings_result(findings: list[Finding]) -> dg.AssetCheckResult:
    """Shows what the doctor found, what fails first; it fails where something does, and warns where somebody has yet to
    act.
    """
    failing = [finding for finding in findings if finding.works is False]
    missing = [finding for finding in findings if finding.works is None and finding.message.startswith("(")]
    others = [finding for finding in findings if finding not in failing and finding not in missing]
    lines = [*failing, *missing, *others][:SHOWN]
    more = f"; and {len(failing + missing) - NAMED} more" if len(failing + missing) > NAMED else ""
    told = [f"{each.what}: {each.message}" for each in [*failing, *missing]]
    return dg.AssetCheckResult(
        passed=not told,
        severity=dg.AssetCheckSeverity.ERROR if failing else dg.AssetCheckSeverity.WARN,
        description=f"{'; '.join(told[:NAMED])}{more}" if told else "Everything that an extraction needs works.",
        metadata={each.what: dg.MetadataValue.text(f"{each.mark}: {each.message}") for each in lines},
    )


doctor_job = dg.define_asset_job(
    "doctor_job",
    selection=dg.AssetSelection.checks(dg.AssetCheckKey(APPROVAL, CHECK)),
    description="Tries every connection that an extraction needs, and shows what it found as the approval's check.",
    tags=stage_tag("consent"),
)


def build_doctor_schedule(default_status: dg.DefaultScheduleStatus) -> dg.ScheduleDefinition:
    """Builds the schedule; `default_status` says whether it is on until somebody changes that in the UI."""
    return dg.ScheduleDefinition(
        name="daily_doctor",
        job=doctor_job,
        cron_schedule="0 5 * * *",
        execution_timezone="UTC",
        default_status=default_status,
        tags=stage_tag("consent"),
        description="Each morning: what works of all that an extraction needs, and which step is missing.",
    )


def doctor_definitions(schedules: dg.DefaultScheduleStatus) -> dg.Definitions:
    return dg.Definitions(asset_checks=[doctor], jobs=[doctor_job], schedules=[build_doctor_schedule(schedules)])
