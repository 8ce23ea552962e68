"""Views of SharePoint and OneDrive: sites, what they share and what they store, as of the newest day.

What belongs here: what there is now. The history is in the tables.
"""

from __future__ import annotations

import sqlalchemy as sa

from o365_pipeline.mart.tables import agg_site_exposure, agg_site_storage, dim_site, fact_sharing_link
from o365_pipeline.mart.views.view import columns_of, of_newest_day, view, view_of_newest_day

FLAGS = {column.name: f"1 or 0: {column.comment}" for column in dim_site.columns if isinstance(column.type, sa.Boolean)}


def _current_sharing_link() -> sa.Select:
    links = fact_sharing_link
    full = (
        sa.select(links.c.customer, sa.func.max(links.c.day).label("day"))
        .where(links.c.operation == "Full")
        .group_by(links.c.customer)
        .subquery()
    )
    newest = (
        sa.func.row_number()
        .over(partition_by=(links.c.customer, links.c.permission_id), order_by=links.c.day.desc())
        .label("newest")
    )
    told = (
        sa.select(*links.columns, newest)
        .select_from(links.outerjoin(full, full.c.customer == links.c.customer))
        .where(sa.or_(full.c.day.is_(None), links.c.day >= full.c.day))
        .subquery()
    )
    return sa.select(*(told.c[column.name] for column in links.columns)).where(
        told.c.newest == 1, told.c.operation != "Deleted"
    )


def _site_exposure() -> sa.Select:
    exposure, site = agg_site_exposure, dim_site
    same = (site.c[name] == exposure.c[name] for name in ("customer", "day", "site_id"))
    return sa.select(*columns_of(exposure), site.c.url, site.c.title, site.c.owner_address).select_from(
        of_newest_day(exposure).outerjoin(site, sa.and_(*same))
    )


current_site = view_of_newest_day(
    "current_site",
    "One row per site of dim_site on each customer's newest day, OneDrives among them.",
    dim_site,
    FLAGS,
)

current_sharing_link = view(
    "current_sharing_link",
    "One row per permission that there is: the newest row since the last full snapshot, unless that deleted it.",
    _current_sharing_link(),
    fact_sharing_link,
    comments={
        "day": "The day that told it last",
        "expires_at": "When the link ends, UTC; one that has ended stays until a snapshot or change is without it",
    },
)

site_exposure = view(
    "site_exposure",
    "One row per site, level and extension with a permission on each customer's newest day, with the site's name.",
    _site_exposure(),
    agg_site_exposure,
    dim_site,
    comments={
        "day": "The newest day",
        "is_personal": FLAGS["is_personal"],
    },
)

site_storage = view_of_newest_day(
    "site_storage",
    "One row per template and sensitivity label of sites on each customer's newest day.",
    agg_site_storage,
)
