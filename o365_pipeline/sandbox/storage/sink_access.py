"""Data Factory's sign-in to the storage account that it copies to, which is the application's own.

What belongs here: whether that sign-in opens the account. Whether the copy is approved belongs to `data_connect.py`.
"""

from __future__ import annotations

from o365_pipeline.sandbox.azure.copy_job import CopyJob
from o365_pipeline.sandbox.azure.resources import ACCOUNT_TYPE, Resources
from o365_pipeline.sandbox.azure.roles import BLOB_WRITE, RoleAssignments
from o365_pipeline.sandbox.azure.subscriptions import Subscriptions
from o365_pipeline.sandbox.entra.directory import Directory
from o365_pipeline.sandbox.state import State

FAILED = "ErrorCode=AdlsGen2OperationFailed, the operation on the storage account '{account}' failed"


def no_access_to_sink(state: State, job: CopyJob) -> str | None:
    """Says why a job's application cannot write to its storage account; None if it can."""
    resources, failed = Resources(state), FAILED.format(account=job.storage_account)
    account = resources.named(ACCOUNT_TYPE, job.storage_account)
    if account is None:
        return f"{failed}: The specified account does not exist."
    tenant_id = Subscriptions(state).tenant_of(account["id"].split("/")[2])
    if tenant_id != job.destination_tenant_id:
        return f"{failed}: it is in tenant {tenant_id}, the factory in {job.destination_tenant_id}."
    principal = Directory(state).find(job.destination_tenant_id, job.application_id)
    scope = f"{account['id']}/blobServices/default/containers/{job.container}"
    if principal and RoleAssignments(resources).allows(principal.object_id, BLOB_WRITE, scope):
        return None
    return (
        f"{failed}: AuthorizationPermissionMismatch, the service principal {job.application_id} has no role such as "
        "Storage Blob Data Contributor on it."
    )
