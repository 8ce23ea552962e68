"""Azure policies in a resource group: which are assigned, and which are violated.

What belongs here: storing and judging them. Tests and the command line violate a policy; `policy_states.py` and
`data_connect.py` report it.
"""

from __future__ import annotations

from dataclasses import dataclass

from o365_pipeline.azure.policies import Policy, policies
from o365_pipeline.errors import UsageError
from o365_pipeline.sandbox.azure.resources import ACCOUNT_TYPE, Resource, Resources, named
from o365_pipeline.sandbox.state import State

ASSIGNMENT_TYPE = "Microsoft.Authorization/policyAssignments"
APPLIES_TO = {"sql-encryption": "Microsoft.Sql/servers/databases"}
"""The type of resources that a policy judges, if it is not storage accounts."""


@dataclass(frozen=True)
class Judgement:
    """What a policy assignment says about one resource."""

    assignment: Resource
    resource: Resource
    is_compliant: bool

    @property
    def definition_id(self) -> str:
        return str(self.assignment["properties"]["policyDefinitionId"])


class Compliance:
    """The policies of all resource groups."""

    def __init__(self, state: State) -> None:
        self._state = state
        self._resources = Resources(state)

    def judgements(self, group_id: str) -> list[Judgement]:
        """Returns what every policy assigned to the group says about every resource that it judges."""
        violated = self._violated(group_id)
        return [
            Judgement(assignment, resource, definition not in violated)
            for assignment in self._assignments(group_id)
            for definition in [assignment["properties"]["policyDefinitionId"].lower()]
            for resource in self._judged(group_id, definition)
        ]

    def violated(self, group_id: str) -> tuple[str, ...]:
        """The display names of the assigned policies that are violated."""
        judged = [judgement for judgement in self.judgements(group_id) if not judgement.is_compliant]
        return tuple(dict.fromkeys(_display_name(judgement.definition_id) for judgement in judged))

    def violate(self, group_id: str, policy: Policy) -> None:
        """Makes the resources in the group violate a policy.

        Raises:
            UsageError: the policy is not assigned there.
        """
        assigned = [entry["properties"]["policyDefinitionId"].lower() for entry in self._assignments(group_id)]
        if policy.definition_id.lower() not in assigned:
            known = [key for key, entry in policies().items() if entry.definition_id.lower() in assigned]
            raise UsageError(
                f"{named(group_id)} is not assigned the policy {policy.key}; there are {', '.join(known) or 'none'}"
            )
        with self._state.writing() as connection:
            connection.execute(
                "INSERT OR IGNORE INTO violation (resource_group, definition) VALUES (?, ?)",
                (group_id.lower(), policy.definition_id.lower()),
            )

    def comply(self, group_id: str) -> None:
        """Makes all resources in the group comply with its policies again."""
        with self._state.writing() as connection:
            connection.execute("DELETE FROM violation WHERE resource_group = ?", (group_id.lower(),))

    def _assignments(self, group_id: str) -> list[Resource]:
        return self._resources.of_type(ASSIGNMENT_TYPE, group_id)

    def _judged(self, group_id: str, definition_id: str) -> list[Resource]:
        keys = (key for key, policy in policies().items() if policy.definition_id.lower() == definition_id)
        return self._resources.of_type(APPLIES_TO.get(next(keys, ""), ACCOUNT_TYPE), group_id)

    def _violated(self, group_id: str) -> set[str]:
        with self._state.reading() as connection:
            query = "SELECT definition FROM violation WHERE resource_group = ?"
            return {row["definition"] for row in connection.execute(query, (group_id.lower(),))}


def _display_name(definition_id: str) -> str:
    known = (policy for policy in policies().values() if policy.definition_id.lower() == definition_id.lower())
    return next((policy.display_name for policy in known), named(definition_id))
