"""The command of the doctor.

What belongs here: printing what it finds. What is tried belongs to `doctor/`.
"""

from __future__ import annotations

from dataclasses import fields

import click

from o365_pipeline.cli.terminal import Answer, answering
from o365_pipeline.deployment import Deployment, load
from o365_pipeline.doctor.examination import Connections, examine
from o365_pipeline.errors import O365PipelineError


@click.command()
@answering()
def doctor(answer: Answer) -> None:
    """Try every connection that an extraction needs, and say what works, what does not, and what to do.

    Nothing is extracted and nothing is spent. What the approvers said is read up to now, and kept.
    """
    failed = 0
    for finding in examine(connections(load())):
        failed += finding.works is False
        row = (finding.mark, finding.what, finding.message)
        answer.table("findings", "Findings", ("result", "what", "message"), [row], line="{}  {}: {}".format)
    if failed:
        raise O365PipelineError(f"{failed} of the connections do not work")


def connections(deployment: Deployment) -> Connections:
    return Connections(**{field.name: deployment.resources[field.name] for field in fields(Connections)})
