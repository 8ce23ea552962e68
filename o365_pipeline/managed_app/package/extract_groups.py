"""The groups that a purchaser names, whose members' data an installation extracts.

What belongs here: which datasets the groups limit, and the resulting data request. The limit of ten groups is a rule of
the data request.
"""

from __future__ import annotations

from collections.abc import Sequence

from o365_pipeline.customers.data_request import DataRequest, RequestedDataset, Scope


def can_be_limited_to_groups(requested: RequestedDataset) -> bool:
    """Tells whether a purchaser's groups limit the dataset: the offer requests everybody, and Data Connect accepts
    groups for it.

    If the offer has a scope of its own, the approver sees exactly that scope.
    """
    return requested.scope.kind == "All" and "List" in requested.dataset.scopes


def limited_to_groups(request: DataRequest, groups: Sequence[str]) -> DataRequest:
    """Returns the data request of an installation whose purchaser named those groups; without groups, the request
    unchanged.
    """
    if not groups:
        return request
    scope = Scope(kind="List", groups=tuple(groups))
    datasets = [
        RequestedDataset(name=requested.name, columns=requested.columns, scope=scope)
        if can_be_limited_to_groups(requested)
        else requested
        for requested in request.datasets
    ]
    return request.model_copy(update={"datasets": tuple(datasets)})
