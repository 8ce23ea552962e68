"""The customer of the sandbox's tenant, if no file names customers.

What belongs here: that customer, for synthetic people and for given files.
"""

from __future__ import annotations

import datetime as dt
import hashlib
from pathlib import Path
from typing import Any

from o365_pipeline.customers.customer import Customer
from o365_pipeline.customers.data_request import DataRequest
from o365_pipeline.errors import UsageError
from o365_pipeline.sandbox.tenant.tenant_files import files_in

SETTLED_DAYS = 2
"""Data Connect needs this many days until it has a day of every dataset."""


def sandbox_customer(request: DataRequest, **changes: Any) -> Customer:
    """Makes Contoso, with a tenant of synthetic people and an agreed week; `changes` replace its fields."""
    fields = {
        "name": "contoso",
        "tenant_id": request.application_tenant_id,
        "subscription_id": "00000000-0000-4000-8000-0000000000d1",
        "resource_group": "rg-sandbox",
        "factory": "adf-sandbox",
        "region": "westeurope",
        "storage_account": "o365sandbox",
        "container": "lake",
        "first_day": settled_monday(dt.datetime.now(dt.UTC).date()),
        "data_request": request,
    }
    given = {name: value for name, value in changes.items() if value is not None}
    return Customer.model_validate({**fields, **given})


def settled_monday(today: dt.date) -> dt.date:
    """Returns the Monday of the last whole week that Data Connect has of every dataset, including SharePoint's."""
    last_day = today - dt.timedelta(days=SETTLED_DAYS)
    sunday = last_day - dt.timedelta(days=(last_day.weekday() + 1) % 7)
    return sunday - dt.timedelta(days=6)


def customer_of_files(request: DataRequest, directory: Path, **changes: Any) -> Customer:
    """Makes a customer for a set of files: one day, which gets all rows, of the datasets in the files.

    Raises:
        UsageError: the data request names none of them.
    """
    files = files_in(directory)
    digest = hashlib.sha256()
    for path in sorted(path for parts in files.taken.values() for path in parts):
        with path.open("rb") as file:
            name = path.relative_to(directory).as_posix()
            digest.update(hashlib.file_digest(file, "sha256").digest() + name.encode())
    code = digest.hexdigest()
    datasets = tuple(requested for requested in request.datasets if requested.dataset.name in files.taken)
    if not datasets:
        raise UsageError(
            f"tenant data {directory}: the data request names none of {', '.join(files.taken)}; name another in "
            "O365_DATA_REQUEST, or let demo --write-request FILE ask for exactly what is there"
        )
    return sandbox_customer(
        request.model_copy(update={"datasets": datasets}),
        **{
            **changes,
            "name": f"tenant-{code[:8]}",
            "tenant_id": f"{code[:8]}-{code[8:12]}-4{code[13:16]}-8{code[17:20]}-{code[20:32]}",
            "subscription_id": f"{code[:8]}-{code[8:12]}-4{code[13:16]}-9{code[17:20]}-{code[20:32]}",
            "initial_days": 1,
        },
    )
