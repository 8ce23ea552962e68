"""The cost of an installation as a function of the number of users, for a purchaser who wants to try several numbers.

What belongs here: splitting an estimate into parts from which a wizard can compute the same cost for any number of
users. The estimate itself belongs to `cost/estimate.py`.
"""

from __future__ import annotations

import datetime as dt
import math
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from decimal import Decimal

from o365_pipeline.cost.assumptions import Assumptions, read_assumptions
from o365_pipeline.cost.estimate import (
    MONTH,
    Bill,
    estimate,
    history_windows,
    objects_of_runs,
    window_days,
    year_windows,
)
from o365_pipeline.cost.rates import Rates, read_rates
from o365_pipeline.datasets import Dataset
from o365_pipeline.extraction.windows import Window
from o365_pipeline.managed_app.offer import Offer, Sku

ONE, MANY = 1, 1_001
"""Numbers of users: cost that is not rounded up is a straight line, which these two points determine."""


@dataclass(frozen=True)
class RoundedUp:
    """Runs of one size, each of which is billed in whole units."""

    units_per_user: Decimal
    units_beside: Decimal
    cost: Decimal
    """The cost of one unit in each of the runs."""

    def of(self, users: int) -> Decimal:
        return self.cost * math.ceil(self.units_per_user * users + self.units_beside)


@dataclass(frozen=True)
class Cost:
    """A cost that depends on the number of users."""

    fixed: Decimal
    per_user: Decimal
    rounded_up: tuple[RoundedUp, ...]

    def of(self, users: int) -> Decimal:
        return self.fixed + self.per_user * users + sum((part.of(users) for part in self.rounded_up), Decimal(0))


@dataclass(frozen=True)
class CostParts:
    """A purchaser's cost of a SKU: the vendor's price and everything that Azure charges."""

    monthly: Cost
    once: Cost
    """The cost of the history."""

    currency: str
    dated: dt.date
    """The oldest date of a rate."""


def cost_parts(offer: Offer, sku: Sku) -> CostParts:
    """Returns the cost of a SKU, in its currency.

    Raises:
        SettingsError: the rates do not know the SKU's database or currency.
    """
    rates, assumptions = read_rates(), read_assumptions()
    days = window_days(sku.schedule)
    one, many = (
        estimate(offer.request, users, sku.history_days, rates, assumptions, sku.database, (days,))
        for users in (ONE, MANY)
    )
    datasets = [requested.dataset for requested in offer.request.datasets]
    year = year_windows(days)
    first_runs = {dataset: history_windows(dataset, sku.history_days, sku.history_days) for dataset in datasets}

    def runs(dataset: Dataset, windows: Sequence[Window], share: Decimal, first: bool) -> Iterator[RoundedUp]:
        return _rounded_up(dataset, windows, share, first, rates, assumptions, sku.currency)

    def straight(at_one: Decimal, at_many: Decimal) -> tuple[Decimal, Decimal]:
        per_user = (at_many - at_one) / (MANY - ONE)
        return rates.in_currency(at_one - per_user * ONE, sku.currency), rates.in_currency(per_user, sku.currency)

    fixed, per_user = straight(*(each.per_month(days) - each.monthly[days].data_connect for each in (one, many)))
    return CostParts(
        monthly=Cost(
            sku.price_per_month + fixed,
            sku.price_per_user_month + per_user,
            tuple(part for dataset in datasets for part in runs(dataset, year, MONTH, False)),
        ),
        once=Cost(
            *straight(*(_beside_data_connect(each.history()) for each in (one, many))),
            tuple(part for dataset in datasets for part in runs(dataset, first_runs[dataset], Decimal(1), True)),
        ),
        currency=sku.currency,
        dated=rates.dated,
    )


def _beside_data_connect(bill: Bill) -> Decimal:
    return bill.total - bill.data_connect


def _rounded_up(
    dataset: Dataset,
    windows: Sequence[Window],
    share: Decimal,
    holds_nothing: bool,
    rates: Rates,
    assumptions: Assumptions,
    currency: str,
) -> Iterator[RoundedUp]:
    """Returns Data Connect's charge for a share of these runs; runs of one size are combined."""
    if rates.is_free(dataset):
        return
    rate = rates.of(dataset)
    nobody, somebody = (
        objects_of_runs(dataset, windows, users, assumptions, holds_nothing=holds_nothing) for users in (0, 1)
    )
    sizes = Counter(zip(nobody, somebody, strict=True))
    for (beside, with_one), runs in sizes.items():
        cost = rates.in_currency(rate.price * runs * share, currency)
        yield RoundedUp((with_one - beside) / rate.per, beside / rate.per, cost)
