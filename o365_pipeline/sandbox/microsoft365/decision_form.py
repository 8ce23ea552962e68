"""The form in which an approver decides, and its mistakes.

What belongs here: reading and checking the fields. Whether the decision may be made is decided in `admin_center.py`.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, fields

from o365_pipeline.consent.approvals import State
from o365_pipeline.sandbox.microsoft365.admin_center import APPROVER

DECISIONS = {"approve": State.APPROVED, "decline": State.DENIED}
OBJECT_ID = r"[0-9A-Za-z-]+"


@dataclass(frozen=True)
class DecisionForm:
    """The fields as they were sent, and the reason if the admin center refused them."""

    decision: str = ""
    approver: str = APPROVER
    deny_groups: str = ""
    reason: str = ""
    seen: str = ""
    refusal: str = ""

    @property
    def state(self) -> State:
        return DECISIONS[self.decision]

    @property
    def groups(self) -> tuple[str, ...]:
        """The object ids of the groups to leave out, without repeats; a denial leaves out none."""
        lines = self.deny_groups.splitlines() if self.decision == "approve" else []
        return tuple(dict.fromkeys(line.strip() for line in lines if line.strip()))

    @property
    def problems(self) -> Mapping[str, str]:
        """What must be corrected, by field."""
        found = {}
        if not self.approver:
            found["approver"] = "Enter who is signed in."
        if wrong := [group for group in self.groups if not re.fullmatch(OBJECT_ID, group)]:
            found["deny_groups"] = f"'{wrong[0]}' is no object id. Give one on each line: letters, digits and hyphens."
        if self.decision == "decline" and not self.reason:
            found["reason"] = "Give a reason for declining."
        return found


def read_form(sent: Mapping[str, str]) -> DecisionForm | None:
    """Reads the decision from the fields that were sent; None if they hold none."""
    if sent.get("decision") not in DECISIONS:
        return None
    names = {entry.name for entry in fields(DecisionForm)} - {"refusal"}
    return DecisionForm(**{"approver": "", **{name: text.strip() for name, text in sent.items() if name in names}})
