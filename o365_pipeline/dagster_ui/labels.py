"""Labels of what the stages define in the UI: the owners of assets, and the stage of jobs, sensors and schedules.

What belongs here: the names of the owners, and the tag. An owner is the team to ask when an asset fails. Rename them
here to the teams of your organization.
"""

from __future__ import annotations

from collections.abc import Mapping

DATA_ENGINEERING = "team:data-engineering"
"""Runs the pipeline: extraction, raw, curated, mart."""

PRIVACY = "team:privacy"
"""Answers to approvers, and for what is deleted: consent and purge."""

FINOPS = "team:finops"
"""Answers for what is spent: cost."""

VENDOR = "team:vendor"
"""Sells the managed application and looks after its installations."""


def stage_tag(stage: str) -> Mapping[str, str]:
    """Returns the tag of a stage's jobs, whose runs have it too, and of its sensors and schedules."""
    return {"o365/stage": stage}
