"""The estimate: units for every run, history and months, replaced and old rates, a line for purchasers."""

from __future__ import annotations

import datetime as dt
from decimal import Decimal
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from o365_pipeline.cost.assumptions import read_assumptions, shipped_assumptions
from o365_pipeline.cost.estimate import cost_line, estimate, priced, split_window, window_days
from o365_pipeline.cost.rates import read_rates, shipped_rates
from o365_pipeline.customers.data_request import DataRequest, read_data_request
from o365_pipeline.datasets import catalogue
from o365_pipeline.errors import SettingsError
from o365_pipeline.extraction.windows import Window
from o365_pipeline.managed_app.offer import read_offer
from o365_pipeline.managed_app.package.cost_by_users import cost_parts
from o365_pipeline_tests.conftest import few

RATES, ASSUMPTIONS = read_rates(), read_assumptions()
MESSAGE, FILES = catalogue()["Message_v1"], catalogue()["SharePointFiles_v1"]
MONDAY = dt.date(2026, 11, 16)
WEEK = Window(MONDAY, MONDAY + dt.timedelta(days=6))
TODAY = dt.date(2026, 11, 25)


def every_dataset() -> DataRequest:
    request = read_data_request(None)
    datasets = [
        {"name": dataset.name, "columns": [column.name for column in dataset.columns]} for dataset in catalogue().newest
    ]
    return DataRequest.model_validate({**request.model_dump(), "datasets": datasets})


EVERY_DATASET = every_dataset()


@pytest.mark.parametrize(("runs", "rows", "units"), [(20, 500, 20), (1, 10_000, 10), (1, 10_001, 11), (3, 0, 0)])
def test_units_are_rounded_up_for_every_run(runs: int, rows: int, units: int) -> None:
    line = priced(MESSAGE, [Decimal(rows)] * runs, RATES, ASSUMPTIONS)

    assert line.units == units
    assert line.cost == units * Decimal("0.75")


def test_sharepoint_files_have_a_rate_of_their_own() -> None:
    assert priced(FILES, [Decimal(50_001)], RATES, ASSUMPTIONS).cost == Decimal("1.50")


def test_free_datasets_cost_nothing_but_their_factory_runs() -> None:
    for dataset in (dataset for dataset in catalogue() if dataset.free_of_charge):
        line = priced(dataset, [Decimal(1_000_000)], RATES, ASSUMPTIONS)
        assert (line.units, line.cost) == (0, 0)
        assert line.factory == Decimal("0.751")


def test_the_rates_and_the_catalogue_agree_on_what_is_free() -> None:
    assert {dataset.name for dataset in catalogue() if RATES.is_free(dataset)} == {
        dataset.name for dataset in catalogue() if dataset.free_of_charge
    }


def test_something_is_assumed_of_every_dataset_and_of_nothing_else() -> None:
    assert set(ASSUMPTIONS.datasets) == {dataset.asset_name for dataset in catalogue()}
    for dataset in catalogue():
        volume = ASSUMPTIONS.of(dataset)
        assert bool(volume.per_user_day) == (dataset.slicing != "none"), dataset.name
        assert bool(volume.per_user) == (dataset.slicing in ("none", "snapshot")), dataset.name


def test_a_weekend_counts_as_little_as_is_assumed() -> None:
    line = cost_line(MESSAGE, [WEEK], 10, RATES, ASSUMPTIONS)

    assert line.objects == 10 * 150 * (5 + 2 * Decimal("0.1"))


def test_what_cannot_be_sliced_is_paid_whole_with_every_run() -> None:
    contacts = catalogue()["Contact_v1"]

    weekly, daily = (cost_line(contacts, split_window(WEEK, days), 100, RATES, ASSUMPTIONS) for days in (7, 1))

    assert (weekly.runs, weekly.objects) == (1, 3_000)
    assert (daily.runs, daily.objects, daily.units) == (7, 21_000, 21)


def test_a_first_snapshot_is_whole_and_what_follows_is_what_changed() -> None:
    sites = catalogue()["SharePointSites_v1"]

    daily = cost_line(sites, split_window(WEEK, 1), 100, RATES, ASSUMPTIONS, holds_nothing=True)

    changes = 100 * Decimal("0.2") * (4 + 2 * Decimal("0.1"))
    assert daily.objects == 100 * Decimal("1.5") + 500 + changes


def test_history_goes_no_further_back_than_data_connect_does() -> None:
    found = estimate(EVERY_DATASET, 100, 60, RATES, ASSUMPTIONS)
    runs = {line.dataset: line.runs for line in found.once[1].lines}

    assert runs["Message_v1"] == 60
    assert runs["SharePointFileActions_v1"] == 20
    assert all(line.runs == 1 for line in found.history().lines)


@few(15)
@given(users=st.integers(1, 20_000), history_days=st.integers(1, 60))
def test_weekly_windows_are_never_dearer_than_daily_ones(users: int, history_days: int) -> None:
    found = estimate(EVERY_DATASET, users, history_days, RATES, ASSUMPTIONS)

    for bills in (found.monthly, found.once):
        for day, week in zip(bills[1].lines, bills[7].lines, strict=True):
            assert week.units <= day.units, day.dataset
            assert week.cost <= day.cost
            assert week.factory <= day.factory


def test_rates_of_ones_own_take_the_place_of_the_shipped_ones(tmp_path: Path) -> None:
    path = tmp_path / "rates.toml"
    path.write_text(shipped_rates().replace("price = 0.75", "price = 0.375", 1))

    own = read_rates(path)

    assert priced(MESSAGE, [Decimal(1)], own, ASSUMPTIONS).cost == Decimal("0.375")
    assert priced(FILES, [Decimal(1)], own, ASSUMPTIONS).cost == Decimal("0.75")


@pytest.mark.parametrize(
    ("before", "after", "told"),
    [
        ("price = 0.75", "price = -1", "data_connect.price: Input should be greater than or equal to 0"),
        ("per = 1_000", "", "data_connect.per: Field required"),
        ('currency = "USD"', "", "currency: Field required"),
        ("price = 0.75", "price = ", "cannot be read"),
    ],
)
def test_a_file_of_rates_that_is_wrong_is_told_by_its_key(tmp_path: Path, before: str, after: str, told: str) -> None:
    path = tmp_path / "mine.toml"
    path.write_text(shipped_rates().replace(before, after, 1))

    with pytest.raises(SettingsError, match=f"(?s)mine.toml.*{told}.*`managed-app rates` prints one"):
        read_rates(path)


def test_assumptions_of_ones_own_take_the_place_of_the_shipped_ones(tmp_path: Path) -> None:
    path = tmp_path / "assumptions.toml"
    path.write_text(shipped_assumptions().replace("per_user_day = 150", "per_user_day = 15"))

    assert cost_line(MESSAGE, [Window(MONDAY, MONDAY)], 10, RATES, read_assumptions(path)).objects == 150


def test_rates_older_than_a_year_are_told() -> None:
    year_old = {told.dated for told in RATES.old(TODAY).values()}

    assert "data_connect" in RATES.old(TODAY)
    assert "databases.S0" not in RATES.old(TODAY)
    assert max(year_old) < TODAY - dt.timedelta(days=365)
    assert set(RATES.old(dt.date(2030, 1, 1))) == set(RATES.facts)


def test_a_database_is_priced_by_its_service_objective() -> None:
    month = Decimal(365) / 12

    serverless = RATES.database_month("GP_S_Gen5_4", Decimal(8), Decimal("0.5"))

    assert serverless == Decimal("0.5218") * 4 * Decimal("0.5") * 8 * month
    assert RATES.database_month("S1", Decimal(8), Decimal("0.5")) == Decimal("0.9677") * month
    own = RATES.databases["S1"].model_copy(update={"price": Decimal(180), "unit": "vCore-month"})
    with_own = RATES.model_copy(update={"databases": {"GP_Gen5": own}})
    assert with_own.database_month("GP_Gen5_2", Decimal(8), Decimal("0.5")) == Decimal(180) * 2


@pytest.mark.parametrize("objective", ["HS_Gen5_2", "GP_Gen5_4"])
def test_a_database_without_a_rate_is_told_with_the_key_to_add(objective: str) -> None:
    with pytest.raises(SettingsError, match=rf"no rate for the database {objective}; .* add \[databases.{objective}\]"):
        RATES.database_month(objective, Decimal(8), Decimal("0.5"))


def test_the_pipeline_itself_costs_what_its_containers_and_dagsters_database_cost() -> None:
    own = RATES.model_copy(
        update={
            name: RATES.container_cpu.model_copy(update={"price": Decimal(price)})
            for name, price in (("container_cpu", 2), ("container_memory", 3), ("dagster_database", 5))
        }
    )
    hours = Decimal(730)

    month = own.pipeline_month(Decimal(4), Decimal(8), Decimal("0.5"))

    assert month == 2 * 4 * hours * 3_600 / 2 + 3 * 8 * hours * 3_600 + 5 * hours


def test_rates_that_were_not_read_where_they_are_made_are_told_apart() -> None:
    told = {key for key, rate in RATES.facts.items() if rate.is_second_hand}

    assert {"database_storage", "activity_run", "databases.S0"} <= told
    assert not told & {"data_connect", "data_connect_datasets.share_point_files", "exchange.EUR"}


@pytest.mark.parametrize(
    ("cron", "days"), [("30 3 * * *", 1), ("0 */6 * * *", 1), ("0 4 * * 1", 7), ("0 4 1 * *", 30), ("0 4 * * 1,4", 4)]
)
def test_a_schedule_tells_how_many_days_a_window_has(cron: str, days: int) -> None:
    assert window_days(cron) == days


@pytest.mark.parametrize("name", ["standard", "weekly"])
@pytest.mark.parametrize("users", [1, 100, 317, 500, 5_000, 30_000])
def test_the_purchasers_parts_come_to_the_estimate(name: str, users: int) -> None:
    offer = read_offer(None)
    sku = offer.sku(name)

    parts = cost_parts(offer, sku)

    days = window_days(sku.schedule)
    found = estimate(offer.request, users, sku.history_days, RATES, ASSUMPTIONS, sku.database, (days,))
    expected = found.per_month(days) + sku.price_per_month + sku.price_per_user_month * users
    assert parts.monthly.of(users) == pytest.approx(expected, abs=Decimal("0.000001"))
    assert parts.once.of(users) == pytest.approx(found.history().total, abs=Decimal("0.000001"))
    assert (parts.currency, parts.dated) == ("USD", RATES.dated)


def test_an_offer_in_another_currency_is_priced_by_the_rates_of_exchange() -> None:
    offer = read_offer(None)
    sku = offer.sku("standard").model_copy(update={"currency": "EUR"})

    parts = cost_parts(offer, sku)

    dollars = cost_parts(offer, offer.sku("standard"))
    assert parts.currency == "EUR"
    vendor = sku.price_per_month + sku.price_per_user_month * 100
    assert parts.once.of(100) == pytest.approx(dollars.once.of(100) / Decimal("1.0389"))
    assert parts.monthly.of(100) - vendor == pytest.approx((dollars.monthly.of(100) - vendor) / Decimal("1.0389"))
    with pytest.raises(SettingsError, match=r"do not say what CHF is worth: add \[exchange.CHF\]"):
        cost_parts(offer, sku.model_copy(update={"currency": "CHF"}))


def test_a_month_of_sent_mail_is_what_comes_out_by_hand() -> None:
    # 500 people send 33 mails on each of 5 working days, and a tenth of that on each of the 2 others.
    weeks = Decimal(365) / 12 / 7
    found = estimate(read_offer(None).request, 500, 7, RATES, ASSUMPTIONS)

    daily, weekly = (
        next(line for line in found.monthly[days].lines if line.dataset == "SentItem_v1") for days in (1, 7)
    )

    assert daily.objects == weekly.objects == pytest.approx((5 * 16_500 + 2 * 1_650) * weeks)
    assert daily.units == pytest.approx((5 * 17 + 2 * 2) * weeks)
    assert weekly.units == pytest.approx(86 * weeks)
    assert daily.cost == pytest.approx(Decimal("0.75") * 89 * weeks)
    assert daily.factory == pytest.approx(7 * weeks * (Decimal("0.001") + Decimal("0.25") * 4 * 45 / 60))
