"""Checks of the mart's rows against each other and the ledger: what they refer to exists, addresses are known.

What belongs here: these checks as Dagster sees them, and their queries. Unique keys are ensured by the primary keys.
"""

from __future__ import annotations

import datetime as dt
from collections import Counter
from collections.abc import Collection, Iterator

import dagster as dg
import sqlalchemy as sa

from o365_pipeline.database.ledger import landing
from o365_pipeline.mart.references import Reference, own_key, references
from o365_pipeline.mart.tables import dim_person

REFERENCES_CHECK = "references_resolve"
ADDRESSES_CHECK = "addresses_resolved"

MIN_RESOLVED_SHARE = 0.5
"""Not all of the organization's addresses are people's: lists, rooms and shared mailboxes have some, too."""

MAX_DOMAINS = 20
"""An organization's own domains are those that most of its people have."""


def mart_check_specs(key: dg.AssetKey, table: sa.Table) -> Iterator[dg.AssetCheckSpec]:
    """Returns the specifications of the table's checks."""
    names = ", ".join(reference.name for reference in references(table))
    referred = f" What is referred to has its row in the same partition: {names}." if names else ""
    yield dg.AssetCheckSpec(
        REFERENCES_CHECK,
        asset=key,
        description=f"Every row's extraction is one whose landing was verified and sealed; else it fails.{referred}",
    )
    if address_column(table) is not None:
        yield dg.AssetCheckSpec(
            ADDRESSES_CHECK,
            asset=key,
            description=(
                f"Of the addresses in the organization's own domains, {MIN_RESOLVED_SHARE:.0%} are a person's."
            ),
        )


def mart_check_results(
    connection: sa.Connection, key: dg.AssetKey, table: sa.Table, customer: str, days: Collection[dt.date]
) -> Iterator[dg.AssetCheckResult]:
    """Returns the checks' results for consecutive days of the customer."""
    untraceable = _untraceable(connection, table, customer, days)
    lost = {one.name: count for one in references(table) if (count := _lost(connection, one, customer, days))}
    yield dg.AssetCheckResult(
        check_name=REFERENCES_CHECK,
        asset_key=key,
        passed=not lost and not untraceable,
        severity=dg.AssetCheckSeverity.ERROR if untraceable else dg.AssetCheckSeverity.WARN,
        metadata={"untraceable": untraceable, "rows_without": sum(lost.values()), **lost},
    )
    if address_column(table) is not None:
        own, resolved = _own_addresses(connection, table, customer, days)
        share = resolved / own if own else 1.0
        yield dg.AssetCheckResult(
            check_name=ADDRESSES_CHECK,
            asset_key=key,
            passed=share >= MIN_RESOLVED_SHARE,
            severity=dg.AssetCheckSeverity.WARN,
            metadata={"share": share, "own_addresses": own, "resolved": resolved},
        )


def address_column(table: sa.Table) -> sa.Column | None:
    """Returns the address column in a bridge's key, if the bridge also has the person's id."""
    addresses = [table.c[name] for name in own_key(table) if name.endswith("address")]
    return addresses[0] if addresses and "person_id" in table.c else None


def in_partitions(table: sa.FromClause, customer: str, days: Collection[dt.date]) -> sa.ColumnElement[bool]:
    """Returns the condition for the customer's days, as a range: a backfill can have more days than a statement has
    parameters.
    """
    return sa.and_(table.c.customer == customer, table.c.day.between(min(days), max(days)))


def _untraceable(connection: sa.Connection, table: sa.Table, customer: str, days: Collection[dt.date]) -> int:
    """Counts the rows of extractions whose landing the mart does not know."""
    of_extractions = (
        sa.select(table.c.extraction_id, sa.func.count().label("number"))
        .where(in_partitions(table, customer, days), table.c.extraction_id.is_not(None))
        .group_by(table.c.extraction_id)
        .subquery()
    )
    known = sa.select(sa.literal(1)).where(landing.c.extraction_id == of_extractions.c.extraction_id)
    return connection.scalar(sa.select(sa.func.sum(of_extractions.c.number)).where(~known.exists())) or 0


def _lost(connection: sa.Connection, reference: Reference, customer: str, days: Collection[dt.date]) -> int:
    """Counts the rows that refer to a key which the partition does not have."""
    table, column, home = reference.column.table, reference.column, reference.key.table.alias("home")
    there = sa.select(sa.literal(1)).where(
        home.c.customer == table.c.customer, home.c.day == table.c.day, home.c[reference.key.name] == column
    )
    query = (
        sa.select(sa.func.count()).select_from(table).where(in_partitions(table, customer, days), column.is_not(None))
    )
    return connection.scalar(query.where(~there.correlate(table).exists())) or 0


def _own_addresses(
    connection: sa.Connection, table: sa.Table, customer: str, days: Collection[dt.date]
) -> tuple[int, int]:
    """Counts the addresses of the organization's own domains on the days, and those of them that belong to a person."""
    mails = sa.select(dim_person.c.mail).where(
        dim_person.c.customer == customer, dim_person.c.day == max(days), dim_person.c.mail.is_not(None)
    )
    domains = Counter(str(mail).rpartition("@")[2].lower() for mail in connection.scalars(mails))
    address = address_column(table)
    if address is None or not domains:
        return 0, 0
    is_own = sa.or_(
        *(address.endswith(f"@{domain}", autoescape=True) for domain, _ in domains.most_common(MAX_DOMAINS))
    )
    distinct = (
        sa.select(address.label("address"), sa.func.max(table.c.person_id).label("person_id"))
        .where(in_partitions(table, customer, days), is_own)
        .group_by(address)
        .subquery()
    )
    counted = sa.select(sa.func.count(), sa.func.count(distinct.c.person_id)).select_from(distinct)
    own, resolved = connection.execute(counted).one()
    return own, resolved
