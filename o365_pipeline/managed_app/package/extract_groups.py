"""The groups that a purchaser names: whose data is extracted for an installation.

What belongs here: which datasets the groups narrow down, and the data request that results. That a copy takes ten
groups at most is the data request's rule.
"""

from __future__ import annotations

from collections.abc import Sequence

from o365_pipeline.customers.data_request import DataRequest, RequestedDataset, Scope


def takes_groups(requested: RequestedDataset) -> bool:
    """Whether a purchaser's groups narrow the dataset down: the offer asks for everybody, and groups can be named.

    Where the offer has a scope of its own the approver is asked for just that.
    """
    return requested.scope.kind == "All" and "List" in requested.dataset.scopes


def of_groups(request: DataRequest, groups: Sequence[str]) -> DataRequest:
    """The data request of an installation whose purchaser named those groups; of none, the request itself."""
    if not groups:
        return request
    scope = Scope(kind="List", groups=tuple(groups))
    datasets = [
        RequestedDataset(name=requested.name, columns=requested.columns, scope=scope)
        if takes_groups(requested)
        else requested
        for requested in request.datasets
    ]
    return request.model_copy(update={"datasets": tuple(datasets)})
