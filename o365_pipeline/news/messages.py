"""What a message says: how often what happened to whom, of which days, and what to do.

What belongs here: the words. They name customers, datasets, jobs, checks and days; no person, and no error, whose text
may hold values of rows.
"""

from __future__ import annotations

import datetime as dt

from o365_pipeline.news.channels import SENDER, Message
from o365_pipeline.news.outbox import OF_THE_DEPLOYMENT, Claimed, Kind, Subject

HEADLINES = {
    Kind.RUNS: "runs failed",
    Kind.CHECKS: "checks failed",
    Kind.CONSENT: "consent",
    Kind.STUCK: "stuck",
    Kind.COST: "cost more than planned",
    Kind.DIGEST: "the last day",
}
REMEDIES = {
    Kind.RUNS: "The reasons stand in the Dagster UI, under Runs, and in the ledger (ledger_extraction).",
    Kind.CHECKS: "What they found stands in the Dagster UI, at the assets' checks.",
    Kind.CONSENT: "Ask the customer's approver; `o365-pipeline consent show` tells the decisions.",
    Kind.STUCK: "What to do stands in the ticks of the landing_sensor in the Dagster UI.",
    Kind.COST: "See which datasets in the table of the asset cost/plan_and_actual.",
    Kind.DIGEST: None,
}
TEST = Message(f"{SENDER}: a test", "The doctor sends this message. News of the pipeline will come to this channel.")


def message_of(claimed: Claimed) -> Message:
    """Returns the message about what one process has claimed."""
    kind = claimed.waiting.kind
    if kind is Kind.DIGEST:
        newest, *older = sorted((subject.text for subject in claimed.subjects), reverse=True)
        headline, _, text = newest.partition("\n")
        return Message(f"{SENDER}: {headline}", "\n\n".join([text, *older]))
    who = "the deployment" if claimed.waiting.customer == OF_THE_DEPLOYMENT else claimed.waiting.customer
    times = f" ({claimed.times:,})" if claimed.times > 1 else ""
    lines = [_line(subject) for subject in claimed.subjects]
    if claimed.others:
        lines.append(f"... and {claimed.others:,} more")
    return Message(f"{SENDER}: {who}: {HEADLINES[kind]}{times}", "\n".join([*lines, "", REMEDIES[kind] or ""]))


def _line(subject: Subject) -> str:
    times = f", {subject.times:,} times" if subject.times > 1 else ""
    return f"{subject.text}{_days(subject.first_day, subject.last_day)}{times}"


def _days(first_day: dt.date | None, last_day: dt.date | None) -> str:
    if first_day is None or last_day is None:
        return ""
    return f", {first_day}" if first_day == last_day else f", {first_day} to {last_day}"
