"""Checks of the mart's rows against each other: references lead somewhere, addresses are known.

What belongs here: what Dagster sees of these checks, and their queries. Keys are the primary keys' to keep unique.
"""

from __future__ import annotations

import datetime as dt
from collections import Counter
from collections.abc import Collection, Iterator

import dagster as dg
import sqlalchemy as sa

from o365_pipeline.mart.references import Reference, own_key, references
from o365_pipeline.mart.tables import dim_person

REFERENCES_CHECK = "references_resolve"
ADDRESSES_CHECK = "addresses_resolved"

LEAST_RESOLVED_SHARE = 0.5
"""Lists, rooms and shared mailboxes have addresses of the organization's, and are nobody's."""

MOST_DOMAINS = 20
"""An organization's own domains: those that most of its people have."""


def mart_check_specs(key: dg.AssetKey, table: sa.Table) -> Iterator[dg.AssetCheckSpec]:
    """The checks that the table can have."""
    if found := references(table):
        told = ", ".join(reference.name for reference in found)
        yield dg.AssetCheckSpec(
            REFERENCES_CHECK, asset=key, description=f"What is referred to has its row in the same partition: {told}."
        )
    if address_column(table) is not None:
        yield dg.AssetCheckSpec(
            ADDRESSES_CHECK,
            asset=key,
            description=(
                f"Of the addresses in the organization's own domains, {LEAST_RESOLVED_SHARE:.0%} are a person's."
            ),
        )


def mart_check_results(
    connection: sa.Connection, key: dg.AssetKey, table: sa.Table, customer: str, days: Collection[dt.date]
) -> Iterator[dg.AssetCheckResult]:
    """The checks' results for the customer's days, which follow each other."""
    if references(table):
        lost = {one.name: count for one in references(table) if (count := _lost(connection, one, customer, days))}
        yield dg.AssetCheckResult(
            check_name=REFERENCES_CHECK,
            asset_key=key,
            passed=not lost,
            severity=dg.AssetCheckSeverity.WARN,
            metadata={"rows_without": sum(lost.values()), **lost},
        )
    if address_column(table) is not None:
        own, resolved = _own_addresses(connection, table, customer, days)
        share = resolved / own if own else 1.0
        yield dg.AssetCheckResult(
            check_name=ADDRESSES_CHECK,
            asset_key=key,
            passed=share >= LEAST_RESOLVED_SHARE,
            severity=dg.AssetCheckSeverity.WARN,
            metadata={"share": share, "own_addresses": own, "resolved": resolved},
        )


def address_column(table: sa.Table) -> sa.Column | None:
    """The address in a bridge's key, where the bridge also says whose it is."""
    addresses = [table.c[name] for name in own_key(table) if name.endswith("address")]
    return addresses[0] if addresses and "person_id" in table.c else None


def of_days(table: sa.FromClause, customer: str, days: Collection[dt.date]) -> sa.ColumnElement[bool]:
    """The customer's days; a backfill's follow each other, and can be more than a statement takes one by one."""
    return sa.and_(table.c.customer == customer, table.c.day.between(min(days), max(days)))


def _lost(connection: sa.Connection, reference: Reference, customer: str, days: Collection[dt.date]) -> int:
    """How many rows refer to a key that the partition does not have."""
    table, column, home = reference.column.table, reference.column, reference.key.table.alias("home")
    there = sa.select(sa.literal(1)).where(
        home.c.customer == table.c.customer, home.c.day == table.c.day, home.c[reference.key.name] == column
    )
    query = sa.select(sa.func.count()).select_from(table).where(of_days(table, customer, days), column.is_not(None))
    return connection.scalar(query.where(~there.correlate(table).exists())) or 0


def _own_addresses(
    connection: sa.Connection, table: sa.Table, customer: str, days: Collection[dt.date]
) -> tuple[int, int]:
    """How many addresses of the organization's own domains the days have, and how many of them are a person's."""
    mails = sa.select(dim_person.c.mail).where(
        dim_person.c.customer == customer, dim_person.c.day == max(days), dim_person.c.mail.is_not(None)
    )
    domains = Counter(str(mail).rpartition("@")[2].lower() for mail in connection.scalars(mails))
    address = address_column(table)
    if address is None or not domains:
        return 0, 0
    is_own = sa.or_(
        *(address.endswith(f"@{domain}", autoescape=True) for domain, _ in domains.most_common(MOST_DOMAINS))
    )
    distinct = (
        sa.select(address.label("address"), sa.func.max(table.c.person_id).label("person_id"))
        .where(of_days(table, customer, days), is_own)
        .group_by(address)
        .subquery()
    )
    counted = sa.select(sa.func.count(), sa.func.count(distinct.c.person_id)).select_from(distinct)
    own, resolved = connection.execute(counted).one()
    return own, resolved
