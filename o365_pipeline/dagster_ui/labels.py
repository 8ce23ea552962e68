"""How the UI labels what the stages define: who owns it, and which stage it is of.

What belongs here: the names of the owners, and the tag. An owner is the team that is asked when an asset, a job, a
sensor or a schedule fails; rename them to the teams of your organisation, each is said once.
"""

from __future__ import annotations

from collections.abc import Mapping

DATA_ENGINEERING = "team:data-engineering"
"""Extraction, raw, curated, mart: who runs the pipeline."""

PRIVACY = "team:privacy"
"""Consent and purge: who answers to approvers, and for what is deleted."""

FINOPS = "team:finops"
"""Cost: who answers for what is spent."""

VENDOR = "team:vendor"
"""The managed application: who sells it and looks after its installations."""


def stage_tag(stage: str) -> Mapping[str, str]:
    """The tag of a stage's jobs, which their runs bear as well, and of its sensors and schedules."""
    return {"o365/stage": stage}
