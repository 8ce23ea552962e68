"""The commands that tell costs: plan, managed-app estimate, rates, assumptions."""

from __future__ import annotations

import math
import re
from decimal import Decimal
from pathlib import Path

import pytest
import sqlalchemy as sa

from o365_pipeline.cost.rates import shipped_rates
from o365_pipeline.database.ledger import approval_event, extraction
from o365_pipeline.deployment import load
from o365_pipeline.managed_app.offer import read_offer
from o365_pipeline.managed_app.package.readme import readme
from o365_pipeline.managed_app.package.ui_definition import ui_definition
from o365_pipeline.managed_app.package.ui_expressions import answers, elements
from o365_pipeline_tests.cli.conftest import Command
from o365_pipeline_tests.conftest import DAY
from o365_pipeline_tests.cost.test_next_extraction import REQUEST
from o365_pipeline_tests.ledger_rows import note_extraction
from o365_pipeline_tests.managed_app.installing import example_costs

pytestmark = pytest.mark.usefixtures("wide_terminal")


@pytest.fixture
def home(home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A home whose data request is short."""
    request = tmp_path / "data_request.toml"
    request.write_text(REQUEST)
    monkeypatch.setenv("O365_DATA_REQUEST", str(request))
    return home


def cells(text: str, first: str) -> list[str]:
    """The cells of a table's row, by its first."""
    [line] = [line for line in text.splitlines() if re.match(rf"│ {re.escape(first)} +│", line)]
    return [cell.strip() for cell in line.strip("│").split("│")]


def test_an_estimate_shows_daily_beside_weekly_for_each_sku_and_what_it_rests_on(command: Command) -> None:
    status, told, error = command("managed-app", "estimate", "--users", "500")

    assert (status, error) == (0, "")
    assert "Standard: what Data Connect charges for 500 users, in USD: once for 7 days of history" in told
    assert "Weekly: what Data Connect charges for 500 users, in USD: once for 28 days of history" in told
    assert "a month, daily (as sold)" in told
    assert "a month, weekly (as sold)" in told
    assert "Rates in USD, told for days between" in told
    assert "Assumed: 5 working days a week" in told
    assert re.search(r"Told by third parties alone: .*activity_run, .*database_storage", told)
    assert re.search(r"Older than a year: .*data_connect \(2024-03-04\)", told)


def test_an_estimate_of_one_sku_adds_up_with_the_vendors_price(command: Command) -> None:
    _, told, _ = command("managed-app", "estimate", "--users", "500", "--sku", "weekly", "--history-days", "14")

    def month(what: str) -> list[float]:
        return [float(cell.replace(",", "")) for cell in cells(told, what)[1:]]

    parts = [
        month(what)
        for what in ("Data Connect", "Data Factory", "storage", "database GP_S_Gen5_2", "the pipeline itself")
    ]
    vendor, total = month("vendor's price"), month("total")
    assert "14 days of history" in told
    assert "Standard:" not in told
    assert vendor == [0, 300, 300]
    for place in range(3):
        assert total[place] == pytest.approx(sum(part[place] for part in parts) + vendor[place], abs=0.03)
    assert total[2] < total[1]


@pytest.mark.parametrize(
    "arguments",
    [("plan", "--users", "50000"), ("managed-app", "estimate", "--users", "50000", "--sku", "standard")],
    ids=["plan", "estimate"],
)
def test_a_table_fits_a_terminal_of_80_columns_with_every_name_and_number_in_one_piece(
    command: Command, monkeypatch: pytest.MonkeyPatch, arguments: tuple[str, ...]
) -> None:
    monkeypatch.delenv("O365_DATA_REQUEST")
    monkeypatch.setenv("COLUMNS", "80")

    _, told, _ = command(*arguments)

    rows = [line for line in told.splitlines() if line.startswith(("│", "┃"))]
    body = [row.strip("│").split("│") for row in rows if row.startswith("│")]
    assert max(map(len, rows)) <= 80
    assert cells(told, "TeamsStandardChannelMessages_v0")
    assert all(cell.strip() for row in body for cell in row)
    assert all(re.fullmatch(r"[\d,]+(\.\d\d)?", cell.strip()) for row in body for cell in row[1:])


@pytest.mark.parametrize("sku", ["standard", "weekly"])
@pytest.mark.parametrize("users", [100, 500, 5_000])
def test_the_purchaser_is_told_what_the_estimate_comes_to_rounded_up(
    command: Command, monkeypatch: pytest.MonkeyPatch, sku: str, users: int
) -> None:
    monkeypatch.delenv("O365_DATA_REQUEST")
    wizard = ui_definition(read_offer(None), example_costs())
    chosen = answers(wizard, "westeurope", {"sku": sku, "users": str(users)})
    texts = [chosen.evaluate(one["options"]["text"]) for _, one in elements(wizard) if one["name"].startswith("cost")]

    _, told, _ = command("managed-app", "estimate", "--users", str(users), "--sku", sku)

    once, daily, weekly = (Decimal(cell.replace(",", "")) for cell in cells(told, "total")[1:])
    month = {"standard": daily, "weekly": weekly}[sku]
    [amounts] = [
        list(map(int, re.findall(r"(\d+) USD", text)))
        for text, plan in zip(texts, ("standard", "weekly"), strict=True)
        if plan == sku
    ]
    assert amounts == [math.ceil(month), math.ceil(once)]
    assert f" {math.ceil(month):,} USD ({math.ceil(once):,}) |" in readme(read_offer(None), example_costs(), (users,))


def test_rates_that_are_printed_and_changed_are_taken(command: Command, tmp_path: Path) -> None:
    _, printed, _ = command("managed-app", "rates")
    path = tmp_path / "rates.toml"
    path.write_text(printed.replace("price = 0.75", "price = 0", 1))

    _, told, _ = command("managed-app", "estimate", "--users", "500", "--sku", "weekly", "--rates", str(path))

    assert printed == shipped_rates()
    assert cells(told, "Message_v1")[2] == "0"


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["managed-app", "estimate", "--users", "5", "--sku", "huge"], "has no SKU 'huge'; it has standard, weekly"),
        (["managed-app", "estimate", "--users", "5", "--rates", "none.toml"], "none.toml: No such file or directory; "),
        (["plan", "--to", "2026-11-16"], "--from is missing: say the first day too"),
        (["plan", "--from", "2026-11-16", "--to", "2026-11-15"], "--to 2026-11-15 lies before --from 2026-11-16"),
        (["plan", "--customer", "nobody"], "unknown customer 'nobody'; known are contoso"),
    ],
)
def test_what_is_wrong_is_one_line(command: Command, arguments: list[str], told: str) -> None:
    status, _, error = command(*arguments)

    assert status == 2
    assert told in error
    assert len(error.splitlines()) == 1


def test_a_plan_costs_where_nothing_is_held_and_nothing_where_all_is(command: Command) -> None:
    day = str(DAY)
    status, before, _ = command("plan", "--from", day)
    for name in ("Message_v1", "SharePointSites_v1"):
        note_extraction(load().database, name, f"run of {name}", dataset=name)

    _, after, _ = command("plan", "--from", day)

    assert status == 0
    assert "contoso: no approval is in force (no decision yet); an extraction would be refused." in before
    assert "Users: 1,000, assumed; --users says how many there are." in before
    assert cells(before, "Message_v1") == ["Message_v1", "150,000", "112.50", "112.50"]
    assert f"Asked for {day}: every dataset." in before
    assert "All objects are assumed." in before
    assert "Nothing is to pay" in after
    assert cells(after, "Message_v1") == ["Message_v1", "0", "0.00", "0.00"]
    assert "Not asked, 1 of 1 days held: every dataset." in after
    assert cells(after, "total")[2] == "0.00"


def test_a_plan_writes_nothing(command: Command, tmp_path: Path) -> None:
    command("plan")

    with load().database.begin() as connection:
        held = [
            connection.scalar(sa.select(sa.func.count()).select_from(table)) for table in (extraction, approval_event)
        ]
    assert held == [0, 0]
    assert not (tmp_path / "home" / "dagster").exists()
