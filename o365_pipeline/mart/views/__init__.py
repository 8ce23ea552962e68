"""The mart's views, which reports read: weekly sums of daily rows, and the state on the newest day.

What belongs here: the list of the views. Those of the star are made in `mart/star/`; each of the others is in the
module of its subject. `schema.py` creates them when the schema is upgraded, so changing a view needs no migration.
"""

from __future__ import annotations

from collections.abc import Mapping

from o365_pipeline.mart.views.department_pairs import department_collaboration_week
from o365_pipeline.mart.views.departments import department_week, response_week
from o365_pipeline.mart.views.groups import current_group, group_week
from o365_pipeline.mart.views.people import collaboration_week, current_person, person_day
from o365_pipeline.mart.views.provenance import ledger_row_provenance
from o365_pipeline.mart.views.sites import current_sharing_link, current_site, site_exposure, site_storage
from o365_pipeline.mart.views.small_groups import minimum_group_size_view
from o365_pipeline.mart.views.stars import STAR_VIEWS
from o365_pipeline.mart.views.view import View

__all__ = ["STAR_VIEWS", "VIEWS", "View"]

VIEWS: Mapping[str, View] = {
    view.name: view
    for view in (
        person_day,
        collaboration_week,
        department_week,
        department_collaboration_week,
        response_week,
        group_week,
        current_person,
        current_group,
        current_site,
        current_sharing_link,
        site_exposure,
        site_storage,
        ledger_row_provenance,
        minimum_group_size_view,
        *STAR_VIEWS.values(),
    )
}
"""All views by name."""
