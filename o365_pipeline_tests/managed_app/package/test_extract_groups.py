"""Whose data is extracted where a purchaser names groups."""

from __future__ import annotations

from o365_pipeline.customers.data_request import Scope
from o365_pipeline.managed_app.package.extract_groups import can_be_limited_to_groups, limited_to_groups
from o365_pipeline_tests.managed_app.installing import GROUPS, NARROWED, offer


def test_without_groups_the_request_is_the_offers() -> None:
    assert limited_to_groups(offer().request, []) == offer().request


def test_groups_narrow_down_what_is_asked_of_everybody() -> None:
    narrowed = limited_to_groups(offer().request, GROUPS).requested("Message_v1")

    assert narrowed is not None
    assert narrowed.scope == Scope(kind="List", groups=tuple(GROUPS))


def test_what_cannot_be_scoped_by_groups_stays_the_whole_organisations() -> None:
    sites = limited_to_groups(offer().request, GROUPS).requested("SharePointSites_v1")

    assert sites is not None
    assert sites.scope == Scope()


def test_a_scope_of_the_offers_own_stays() -> None:
    narrowed = limited_to_groups(NARROWED.request, GROUPS)

    assert [can_be_limited_to_groups(requested) for requested in NARROWED.request.datasets] == [True, False, False]
    assert narrowed.datasets[1:] == NARROWED.request.datasets[1:]
