"""Azure's built-in policies that an offer can name, by key.

What belongs here: looking them up. Their assignments in a package belong to `managed_app/template/policies.py`;
whether an installation complies is checked in `extraction/compliance.py`.
"""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from functools import cache
from importlib import resources

from pydantic import BaseModel, ConfigDict, Field


class Policy(BaseModel):
    """A built-in policy of Azure."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    key: str = Field(description="How an offer's file names it.")
    display_name: str = Field(description="How Azure names it; the approver is shown this.")
    definition: str = Field(
        pattern=r"^[0-9a-z]{8}(-[0-9a-z]{4}){3}-[0-9a-z]{12}$", description="The name of its definition."
    )

    of_storage: bool = Field(
        default=False,
        description="Whether it is one of Azure Storage's, which Data Connect itself enforces (Microsoft: Data Connect "
        "policies).",
    )

    @property
    def definition_id(self) -> str:
        return f"/providers/Microsoft.Authorization/policyDefinitions/{self.definition}"


@cache
def policies() -> Mapping[str, Policy]:
    """Returns all policies that an offer can name, by key."""
    text = (resources.files("o365_pipeline.azure") / "policies.toml").read_text(encoding="utf-8")
    return {key: Policy(key=key, **entry) for key, entry in tomllib.loads(text).items()}
