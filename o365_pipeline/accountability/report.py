"""The consent report: one self-contained page that a data protection officer can file, or print as PDF.

What belongs here: putting together what the page says, and writing it. Names are text on it, whatever they hold.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal

from o365_pipeline.accountability.held import Held, held_in_lake, held_in_mart
from o365_pipeline.accountability.history import Decision, History, Moved, history_of
from o365_pipeline.consent import approval_ledger
from o365_pipeline.consent.approvals import ApprovalEvent, ConsentStatus, State
from o365_pipeline.cost.assumptions import read_assumptions
from o365_pipeline.cost.rates import Rates, read_rates
from o365_pipeline.customers.customer import Customer
from o365_pipeline.customers.retention import STAGES, Horizon, recorded_horizon
from o365_pipeline.database.database import Database
from o365_pipeline.mart.marts import Marts
from o365_pipeline.raw.lakes import Lakes
from o365_pipeline.web.templates import templates_of


@dataclass(frozen=True)
class AskedDataset:
    """One dataset of the data request, beside what the approval in force says of it."""

    name: str
    columns: tuple[str, ...]
    scope: str
    left_out: int
    """How many groups' members the approval leaves out."""

    not_approved: tuple[str, ...]


@dataclass(frozen=True)
class ConsentReport:
    """What the page says of one customer at a moment."""

    customer: Customer
    at: dt.datetime
    status: ConsentStatus[ApprovalEvent]
    asked: Sequence[AskedDataset]
    history: History
    horizon: Horizon
    lake: Sequence[Held]
    mart: Sequence[Held]
    rates: Rates

    @property
    def no_longer(self) -> list[Decision]:
        """The decisions that denied the data request, or ended its approval."""
        return self.history.of_state(State.DENIED, State.EXPIRED)

    @property
    def allowing(self) -> list[tuple[Decision | None, list[Moved]]]:
        """The extractions by the decision that allowed them; None where the ledger does not hold it."""
        known = [(decision, self.history.under(decision.event_id)) for decision in self.history.decisions]
        ids = {decision.event_id for decision in self.history.decisions}
        unknown = [entry for entry in self.history.extractions if entry.event_id not in ids]
        return [*((decision, moved) for decision, moved in known if moved), *([(None, unknown)] if unknown else [])]

    @property
    def deleted_before(self) -> list[tuple[str, dt.date]]:
        """The days before which each stage counts as deleted."""
        days = ((stage, getattr(self.horizon, stage)) for stage in STAGES)
        return [(stage, day) for stage, day in days if day > dt.date.min]


def consent_report(
    database: Database, marts: Marts, lakes: Lakes, customer: Customer, at: dt.datetime
) -> ConsentReport:
    """Collects what the page says; nothing is changed."""
    rates = read_rates()
    status = approval_ledger.consent_status_of(database, customer, at)
    return ConsentReport(
        customer,
        at,
        status,
        _asked(customer, status.approval),
        history_of(database, customer, rates, read_assumptions()),
        recorded_horizon(database, customer.name),
        held_in_lake(lakes, customer),
        held_in_mart(marts, customer),
        rates,
    )


def _asked(customer: Customer, approval: ApprovalEvent | None) -> list[AskedDataset]:
    asked = []
    for requested in customer.data_request.datasets:
        approved = approval.dataset(requested.dataset.table_name) if approval else None
        covered = approved.columns if approved else ()
        asked.append(
            AskedDataset(
                requested.dataset.name,
                requested.columns,
                str(requested.scope),
                len(approved.deny_groups) if approved else 0,
                tuple(column for column in requested.columns if column not in covered),
            )
        )
    return asked


def page_of(report: ConsentReport) -> str:
    """Returns the page: HTML that needs no other file, and prints on A4."""
    environment = templates_of("o365_pipeline.accountability")
    environment.filters |= {"moment": _moment, "money": _money, "number": _number}
    return environment.get_template("consent_report.html").render(report=report, history=report.history)


def _moment(moment: dt.datetime | None) -> str:
    return f"{moment:%Y-%m-%d %H:%M}" if moment else "-"


def _number(number: int | None) -> str:
    return "-" if number is None else f"{number:,}"


def _money(amount: Decimal | None) -> str:
    return "-" if amount is None else f"{amount:,.2f}"
