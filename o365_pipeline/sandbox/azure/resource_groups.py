"""Resource groups: whose they are, and their end, in which Azure takes along all that lies in them.

What belongs here: what the sandbox keeps of a group elsewhere than among its resources. Routes belong to
`subscription_routes.py`.
"""

from __future__ import annotations

from o365_pipeline.sandbox.azure.resources import GROUP_TYPE, IDENTITY_TYPE, Resources, named
from o365_pipeline.sandbox.entra.directory import Directory
from o365_pipeline.sandbox.state import State
from o365_pipeline.sandbox.storage.sql_servers import delete_databases
from o365_pipeline.sandbox.storage.storage_accounts import delete_accounts


def make_managed_group(resources: Resources, group_id: str, location: str, application_id: str) -> None:
    """Makes the resource group that an application manages."""
    made = {"id": group_id, "name": named(group_id), "type": GROUP_TYPE, "location": location}
    resources.put({**made, "managedBy": application_id})


def delete_group(state: State, group_id: str) -> None:
    """Deletes a resource group, the files of its accounts and databases, and its identities with their grants."""
    resources, directory = Resources(state), Directory(state)
    delete_accounts(state, group_id)
    delete_databases(state, group_id)
    for identity in resources.of_type(IDENTITY_TYPE, group_id):
        if object_id := identity.get("properties", {}).get("principalId"):
            directory.delete(object_id)
    resources.delete_all(group_id)
    resources.delete(group_id)
