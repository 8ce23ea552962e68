"""Sites: who can reach what is in them, and what their storage holds.

What belongs here: the questions of the pages *Oversharing* and *Storage*, about all sites or those of one owner.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa

from o365_pipeline.insights.reader import SHOWN, Reader
from o365_pipeline.mart.tables import (
    agg_group_day,
    agg_site_exposure,
    bridge_sharing_grantee,
    dim_group,
    dim_site,
)

INACTIVE_DAYS = 90

REACH = {
    "anyone_links": "Whoever has the link",
    "everyone_grants": "Everybody, guests too",
    "everyone_except_external_grants": "All members",
    "organization_links": "The organization, by link",
    "guest_grants": "Guests",
    "specific_people_links": "People it was sent to",
}
"""Whom permissions reach, the widest circle first."""

OPEN = tuple(REACH)[:4]
"""Permissions that reach more than those whom somebody chose."""


@dataclass(frozen=True)
class Exposure:
    """A site, and its permissions by whom they reach."""

    site_id: str
    url: str | None
    title: str | None
    owner: str | None
    label: str | None
    permissions: int
    anyone_links: int
    everyone_grants: int
    everyone_except_external_grants: int
    organization_links: int
    guest_grants: int
    specific_people_links: int
    is_personal: bool

    @property
    def is_open(self) -> bool:
        return any(getattr(self, name) for name in OPEN)

    @property
    def advice(self) -> str:
        """What to do first."""
        if self.anyone_links:
            return "Replace its links for anyone by links for named people"
        if self.everyone_grants:
            return "Replace Everyone by a group of the people who need it"
        if self.everyone_except_external_grants:
            return "Replace Everyone except external users by a group of the people who need it"
        if self.organization_links:
            return "Replace its links for the organization by links for named people"
        return "Look through the guests" if self.guest_grants else ""


@dataclass(frozen=True)
class Oversharing:
    sites: int
    by_level: Sequence[tuple[str, tuple[int, ...]]]
    """Permissions of each level by whom they reach, as REACH orders them."""
    by_label: Sequence[tuple[str, int, int]]
    """Label, sites, and those of them that are open."""
    open_sites: int
    sites_with_anyone_links: int
    anyone_links: int
    first: Sequence[Exposure]
    """What to fix first."""
    guest_domains: Sequence[tuple[str, int | None]]
    """Domains of guests, and how many guests; None where they are few."""


@dataclass(frozen=True)
class Stored:
    """A site and what it stores."""

    url: str | None
    title: str | None
    owner: str | None
    template: str | None
    inactive_days: int | None
    total_bytes: int
    version_bytes: int


@dataclass(frozen=True)
class Storage:
    sites: int
    total_bytes: int
    version_bytes: int
    inactive_bytes: int
    ownerless: int
    by_template: Sequence[tuple[str, tuple[float, float]]]
    """Template, and bytes of the newest and of earlier versions."""
    most_versions: Sequence[Stored]
    inactive: Sequence[Stored]
    without_owner: Sequence[Stored]
    groups: Sequence[tuple[str, int, int, bool]]
    """Groups without owner or activity: name, members, owners, whether anything was done in them lately."""


def exposures(reader: Reader, owner: str | None, limit: int) -> list[Exposure]:
    """Returns the sites with permissions, those that are most open first.

    Args:
        owner: whose sites; those of everybody without it.
    """
    counted = [sa.func.sum(agg_site_exposure.c[name]).label(name) for name in ("permissions", *REACH)]
    named = dim_site.c
    query = (
        sa.select(
            agg_site_exposure.c.site_id,
            *(sa.func.max(column) for column in (named.url, named.title, named.owner_address)),
            sa.func.max(agg_site_exposure.c.sensitivity_label),
            *counted,
            sa.func.max(sa.case((named.is_personal, 1), else_=0)),
        )
        .select_from(_exposed(owner))
        .where(reader.is_newest(agg_site_exposure), *_owned(owner))
        .group_by(agg_site_exposure.c.site_id)
        .order_by(*(column.desc() for column in counted[1:]), agg_site_exposure.c.site_id)
        .limit(limit)
    )
    return [Exposure(*(*row[:5], *(int(value) for value in row[5:-1]), bool(row[-1]))) for row in reader.rows(query)]


def oversharing(reader: Reader, owner: str | None = None) -> Oversharing:
    """Answers the page's questions."""
    exposure = agg_site_exposure
    counted = [sa.func.sum(exposure.c[name]).label(name) for name in REACH]
    mine = (reader.is_newest(exposure), *_owned(owner))
    by_level = reader.rows(
        sa.select(exposure.c.level, *counted)
        .select_from(_exposed(owner))
        .where(*mine)
        .group_by(exposure.c.level)
        .order_by(exposure.c.level)
    )
    openness = sum((sa.func.sum(exposure.c[name]) for name in OPEN[1:]), sa.func.sum(exposure.c[OPEN[0]]))
    per_site = (
        sa.select(
            exposure.c.site_id,
            sa.func.max(exposure.c.sensitivity_label).label("label"),
            openness.label("openness"),
            sa.func.sum(exposure.c.anyone_links).label("anyone_links"),
        )
        .select_from(_exposed(owner))
        .where(*mine)
        .group_by(exposure.c.site_id)
        .subquery()
    )
    is_open, has_anyone = (sa.case((per_site.c[name] > 0, 1), else_=0) for name in ("openness", "anyone_links"))
    by_label = reader.rows(
        sa.select(
            per_site.c.label,
            sa.func.count(),
            sa.func.sum(is_open),
            sa.func.sum(has_anyone),
            sa.func.sum(per_site.c.anyone_links),
        ).group_by(per_site.c.label)
    )
    return Oversharing(
        sites=sum(row[1] for row in by_label),
        by_level=[(row.level or "Other", tuple(int(value) for value in row[1:])) for row in by_level],
        by_label=sorted((label or "(no label)", sites, int(open_sites)) for label, sites, open_sites, *_ in by_label),
        open_sites=sum(int(row[2]) for row in by_label),
        sites_with_anyone_links=sum(int(row[3]) for row in by_label),
        anyone_links=sum(int(row[4]) for row in by_label),
        first=[site for site in exposures(reader, owner, SHOWN) if site.advice],
        guest_domains=_guest_domains(reader) if owner is None else [],
    )


def storage(reader: Reader, owner: str | None = None) -> Storage:
    """Answers the page's questions."""
    site = dim_site.c
    mine = (reader.is_newest(dim_site), *_owned(owner))
    total, versions = sa.func.coalesce(site.total_bytes, 0), sa.func.coalesce(site.version_bytes, 0)
    inactive = site.inactive_days >= INACTIVE_DAYS
    template = sa.func.coalesce(site.template, "").label("template")
    by_template = reader.rows(
        sa.select(
            template,
            sa.func.count(),
            sa.func.sum(total).label("total"),
            sa.func.sum(versions),
            sa.func.sum(sa.case((inactive, total), else_=0)),
            sa.func.sum(sa.case((site.owner_count == 0, 1), else_=0)),
        )
        .where(*mine)
        .group_by(site.template)
        .order_by(sa.desc("total"))
    )

    def listed(*conditions: sa.ColumnElement[bool], by: sa.ColumnElement[Any]) -> list[Stored]:
        shown = (site.url, site.title, site.owner_address, site.template, site.inactive_days, total, versions)
        query = sa.select(*shown).where(*mine, *conditions).order_by(by.desc(), site.site_id).limit(SHOWN)
        return [Stored(*row) for row in reader.rows(query)]

    sites, stored, of_versions, of_inactive, ownerless = (
        sum(int(row[place]) for row in by_template) for place in range(1, 6)
    )
    return Storage(
        sites=sites,
        total_bytes=stored,
        version_bytes=of_versions,
        inactive_bytes=of_inactive,
        ownerless=ownerless,
        by_template=[(row[0] or "(unknown)", (float(row[2] - row[3]), float(row[3]))) for row in by_template],
        most_versions=listed(versions > 0, by=versions),
        inactive=listed(inactive, by=total),
        without_owner=listed(site.owner_count == 0, by=total),
        groups=_groups_to_clean_up(reader) if owner is None else [],
    )


def _groups_to_clean_up(reader: Reader) -> list[tuple[str, int, int, bool]]:
    group, activity = dim_group.c, agg_group_day
    active = sa.exists().where(reader.is_recent(activity), activity.c.group_id == group.group_id)
    is_active = sa.case((active, 1), else_=0)
    query = (
        sa.select(sa.func.coalesce(group.display_name, group.group_id), group.members, group.owners, is_active)
        .where(reader.is_newest(dim_group), group.deleted_at.is_(None), sa.or_(group.owners == 0, sa.not_(active)))
        .order_by(group.owners, group.members.desc(), group.group_id)
        .limit(SHOWN)
    )
    return [(name, members, owners, bool(is_active)) for name, members, owners, is_active in reader.rows(query)]


def _guest_domains(reader: Reader) -> list[tuple[str, int | None]]:
    grantee, link = (
        bridge_sharing_grantee.c,
        sa.table("current_sharing_link", *(sa.column(name) for name in ("customer", "day", "permission_id"))),
    )
    same = (link.c[name] == grantee[name] for name in ("customer", "day", "permission_id"))
    guests = sa.func.count(sa.distinct(grantee.grantee_id)).label("guests")
    query = (
        sa.select(grantee.domain, guests)
        .select_from(link.join(bridge_sharing_grantee, sa.and_(*same)))
        .where(link.c.customer == reader.customer, grantee.kind == "guest", grantee.domain.is_not(None))
        .group_by(grantee.domain)
        .order_by(guests.desc(), grantee.domain)
        .limit(SHOWN)
    )
    return [(domain, count if count >= reader.group_size else None) for domain, count in reader.rows(query)]


def _exposed(owner: str | None) -> sa.FromClause:
    same = (dim_site.c[name] == agg_site_exposure.c[name] for name in ("customer", "day", "site_id"))
    return agg_site_exposure.join(dim_site, sa.and_(*same), isouter=owner is None)


def _owned(owner: str | None) -> list[sa.ColumnElement[bool]]:
    return [] if owner is None else [dim_site.c.owner_id == owner]
