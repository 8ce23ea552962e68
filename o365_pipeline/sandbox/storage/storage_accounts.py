"""The storage accounts that templates install: each has folders of its own, whichever process copies into them.

What belongs here: where such an account lies, and its end. Others lie in the deployment's lake.
"""

from __future__ import annotations

import shutil
from pathlib import Path

from o365_pipeline.raw.lake import Lake
from o365_pipeline.sandbox.azure.resources import Resources, named
from o365_pipeline.sandbox.state import State

ACCOUNT_TYPE = "Microsoft.Storage/storageAccounts"


def container_folder(state: State, account: str, container: str) -> Path:
    """Returns the folder of an installed account's container."""
    return state.home.resolve() / "storage" / account / container


def installed_lake(state: State, account: str, container: str) -> Lake | None:
    """Returns the container of an account that a template installed; None of any other."""
    if all(named(resource["id"]) != account for resource in Resources(state).of_type(ACCOUNT_TYPE)):
        return None
    folder = container_folder(state, account, container)
    folder.mkdir(parents=True, exist_ok=True)
    return Lake.in_folder(folder)


def delete_accounts(state: State, group_id: str) -> None:
    """Deletes what lies in the accounts of a resource group, as Azure does with the group."""
    for account in Resources(state).of_type(ACCOUNT_TYPE, group_id):
        shutil.rmtree(state.home / "storage" / named(account["id"]), ignore_errors=True)
