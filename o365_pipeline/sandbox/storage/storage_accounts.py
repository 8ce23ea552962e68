"""The storage accounts that templates install: each has folders of its own, whichever process copies into them.

What belongs here: where an account lies, and the end of an installed one. Others lie in the deployment's lakes.
"""

from __future__ import annotations

import shutil
from pathlib import Path

from o365_pipeline.raw.lake import Lake
from o365_pipeline.raw.lakes import Lakes
from o365_pipeline.sandbox.azure.resources import ACCOUNT_TYPE, Resources, group_of, named
from o365_pipeline.sandbox.state import State


def container_folder(state: State, account: str, container: str) -> Path:
    """Returns the folder of an installed account's container."""
    return state.home.resolve() / "storage" / account / container


def container_of(state: State, lakes: Lakes, account: str, container: str) -> Lake:
    """Returns a container of any account: in a folder of its own if it lies in a group that an application manages."""
    resources = Resources(state)
    found = resources.named(ACCOUNT_TYPE, account)
    group = resources.find(group_of(found["id"])) if found else None
    if "managedBy" not in (group or {}):
        return lakes.at(account, container)
    folder = container_folder(state, account, container)
    folder.mkdir(parents=True, exist_ok=True)
    return Lake.in_folder(folder)


def delete_accounts(state: State, group_id: str) -> None:
    """Deletes what lies in the accounts of a resource group, as Azure does with the group."""
    for account in Resources(state).of_type(ACCOUNT_TYPE, group_id):
        shutil.rmtree(state.home / "storage" / named(account["id"]), ignore_errors=True)
