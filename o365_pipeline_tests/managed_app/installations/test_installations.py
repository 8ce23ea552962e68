"""The life of an installation as the vendor sees it: Azure's notification, its factory's runs, its end."""

from __future__ import annotations

import datetime as dt
import json
import logging
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Any, cast

import dagster as dg
import pytest
import sqlalchemy as sa
from azure.core.exceptions import HttpResponseError
from click.testing import CliRunner

from o365_pipeline.cli import managed_app as cli_managed_app
from o365_pipeline.database.database import Database
from o365_pipeline.database.ledger import notification as notification_table
from o365_pipeline.deployment import Deployment
from o365_pipeline.errors import SettingsError
from o365_pipeline.extraction.data_factory import CopyOutcome, DataFactory, FactoryRun
from o365_pipeline.managed_app.installations import confirmation, factory_activity, installations, notifications
from o365_pipeline.managed_app.installations.applications import Applications
from o365_pipeline.managed_app.installations.assets import installation_rows, installed_applications
from o365_pipeline.managed_app.installations.confirmation import Confirmation
from o365_pipeline.managed_app.installations.factory_activity import InstalledFactory, read_activity
from o365_pipeline.managed_app.installations.installations import Installation
from o365_pipeline.managed_app.installations.support_desk import SUPPORT_DESK_JOB
from o365_pipeline.managed_app.offer import Offer
from o365_pipeline_tests.managed_app.azure import INSTALLED_ON, Azure, application_id, at, notification
from o365_pipeline_tests.runner import Runner

LOG = logging.getLogger("test")
Tell = Callable[..., None]


def name_of(resource_id: str) -> str:
    return Installation(resource_id.lower(), resource_id, "", dt.datetime(2026, 1, 1)).name


INSIGHTS = name_of(application_id())


@pytest.fixture
def tell(deployment: Deployment, offer: Offer) -> Tell:
    """Let Azure notify of an application."""

    def tell(*args: Any, received: str = "12:00", **more: Any) -> None:
        notifications.record(deployment.database, [notification(offer, *args, **more)], at(received))

    return tell


def take_in(deployment: Deployment, clock: str = "12:00") -> list[str]:
    """One tick's work at a time of that day."""
    assert deployment.offer
    return Confirmation(deployment.database, deployment.offer, Applications(deployment.cloud), at(clock), LOG).run()


def known(deployment: Deployment, name: str = "insights") -> Installation:
    found = installations.of_application(deployment.database, application_id(name).lower())
    assert found
    return found


def outcomes(database: Database) -> list[tuple[str, bool, str]]:
    """What came of each notification: its state, whether it is settled, and what is noted."""
    table = notification_table
    query = sa.select(table).order_by(table.c.event_at, table.c.event_type)
    with database.begin() as connection:
        rows = connection.execute(query).all()
    return [(row.provisioning_state, row.settled_at is not None, row.outcome) for row in rows]


def standing(deployment: Deployment) -> list[str]:
    return [entry.name for entry in installations.all_of(deployment.database) if entry.stands]


def test_a_confirmed_installation_is_known_with_its_factory_and_nothing_of_its_data(
    deployment: Deployment, azure: Azure, tell: Tell
) -> None:
    azure.install()
    tell()

    assert take_in(deployment) == [INSIGHTS]

    found = known(deployment)
    assert (found.resource_group, found.factory, found.region) == ("mrg-insights", "adf-insights", "westeurope")
    assert (found.version, found.sku, found.state) == ("1.0.0", "standard", "Succeeded")
    assert outcomes(deployment.database) == [("Succeeded", True, "taken in")]
    assert [customer.name for customer in deployment.customers] == ["contoso"], "nothing of it is extracted from here"


def test_the_installation_sensor_asks_for_the_table_anew_where_something_changed(
    runner: Runner, azure: Azure, tell: Tell
) -> None:
    azure.install()
    tell()

    result = runner.tick("installation_sensor")

    assert len(result.run_requests or []) == 1
    assert runner.definitions.resolve_sensor_def("installation_sensor").job_name == SUPPORT_DESK_JOB
    assert runner.tick("installation_sensor").run_requests in (None, [])


def test_what_azure_does_not_confirm_changes_nothing(deployment: Deployment, azure: Azure, tell: Tell) -> None:
    azure.install(state="Updating")
    tell()

    assert take_in(deployment, "12:30") == []

    assert standing(deployment) == []
    assert installations.all_of(deployment.database) == []
    assert outcomes(deployment.database) == [("Succeeded", False, "not confirmed yet: Azure shows Updating")]

    take_in(deployment, "13:01")
    assert outcomes(deployment.database) == [("Succeeded", True, "not confirmed: Azure shows Updating")]
    asked = len(azure.asked)
    take_in(deployment, "13:02")
    assert len(azure.asked) == asked


def test_what_azure_confirms_later_is_taken_in_then(deployment: Deployment, azure: Azure, tell: Tell) -> None:
    azure.install(state="Running")
    tell()
    assert take_in(deployment) == []
    azure.set_state("Succeeded")

    assert take_in(deployment) == [INSIGHTS]
    assert standing(deployment) == [INSIGHTS]


def test_an_application_that_azure_shows_as_anothers_is_not_taken_in(
    deployment: Deployment, azure: Azure, tell: Tell
) -> None:
    azure.install()
    azure.applications[application_id()]["properties"]["applicationDefinitionId"] = "/subscriptions/of/another"
    tell()

    assert take_in(deployment) == []
    assert outcomes(deployment.database)[0][2] == "not taken in: Azure shows an application of another offer"


def test_a_forged_end_does_not_end_an_installation(deployment: Deployment, azure: Azure, tell: Tell) -> None:
    azure.install()
    tell()
    take_in(deployment)
    tell(event="DELETE", state="Deleted", at="11:00")

    assert take_in(deployment) == []
    assert standing(deployment) == [INSIGHTS]

    azure.forbids = True
    assert take_in(deployment) == []
    assert standing(deployment) == [INSIGHTS]
    assert outcomes(deployment.database)[1] == (
        "Deleted",
        False,
        "not confirmed yet: Azure does not let the vendor's identity see the application",
    )


def test_what_is_older_than_what_is_known_changes_nothing(deployment: Deployment, azure: Azure, tell: Tell) -> None:
    azure.install()
    tell(at="10:30")
    take_in(deployment)
    azure.set_state("Accepted")
    tell(state="Accepted", at="10:00")

    assert take_in(deployment) == []
    assert known(deployment).state == "Succeeded"
    assert outcomes(deployment.database)[0] == ("Accepted", True, "older than what is known")


def test_of_what_came_out_of_order_the_latest_decides(deployment: Deployment, azure: Azure, tell: Tell) -> None:
    azure.install()
    tell(at="10:30")
    tell(state="Accepted", at="10:00")

    assert take_in(deployment) == [INSIGHTS]
    assert known(deployment).state == "Succeeded"
    assert [settled for _, settled, _ in outcomes(deployment.database)] == [True, True]


def test_nothing_but_an_installation_anew_revives_what_was_deleted(
    deployment: Deployment, azure: Azure, tell: Tell
) -> None:
    azure.install()
    tell()
    take_in(deployment)
    azure.delete()
    tell(event="DELETE", state="Deleted", at="11:00")
    take_in(deployment)
    azure.install(version="1.0.1")
    tell(event="PATCH", at="11:30")
    tell(at="10:59")
    assert take_in(deployment) == []
    assert known(deployment).state == "Deleted"

    tell(at="11:40")

    assert take_in(deployment) == [INSIGHTS]
    assert standing(deployment) == [INSIGHTS]
    assert known(deployment).installed_at == at("11:40").replace(tzinfo=None, microsecond=123456)


def test_a_failure_is_kept_with_its_code_and_names_nobody(deployment: Deployment, azure: Azure, tell: Tell) -> None:
    azure.install(state="Failed")
    tell(state="Failed", error={"code": "QuotaExceeded", "message": "ann@contoso.com has no cores left"})

    take_in(deployment)

    found = known(deployment)
    assert (found.state, found.error_code) == ("Failed", "QuotaExceeded")
    assert found.error_message == "(somebody) has no cores left"
    assert standing(deployment) == []


def test_an_installation_stands_while_it_is_updated_and_when_that_fails(
    deployment: Deployment, azure: Azure, tell: Tell
) -> None:
    azure.install()
    tell()
    take_in(deployment)
    for state, clock in (("Accepted", "11:00"), ("Failed", "11:30")):
        azure.set_state(state)
        tell(state=state, at=clock)
        take_in(deployment)

        assert known(deployment).state == state
        assert standing(deployment) == [INSIGHTS]


def test_one_bad_installation_does_not_block_the_others(deployment: Deployment, azure: Azure, tell: Tell) -> None:
    azure.install("bad", factory="../another")
    azure.install("good")
    for name in ("bad", "good"):
        tell(name)

    assert take_in(deployment) == [name_of(application_id("good"))]

    assert standing(deployment) == [name_of(application_id("good"))]
    assert known(deployment, "bad").error_code == "OutputsWrong"
    azure.install("bad")
    assert take_in(deployment) == [name_of(application_id("bad"))]
    assert known(deployment, "bad").error_code is None


def test_repeats_of_what_was_taken_in_ask_azure_nothing(deployment: Deployment, azure: Azure, tell: Tell) -> None:
    azure.install()
    tell()
    take_in(deployment)
    asked = len(azure.asked)
    tell()

    assert take_in(deployment) == []
    assert len(azure.asked) == asked


def test_a_name_is_told_apart_by_its_application() -> None:
    first, second = name_of(application_id("insights")), name_of(application_id("insights").replace("c1", "c2"))

    assert name_of(application_id("Insights").upper()) == first
    assert first.startswith("insights-")
    assert len(name_of(application_id("x" * 64))) == 63
    assert name_of(application_id("Über_Sicht (1)")).startswith("ber-sicht-1-")
    assert second != first


def test_what_is_dated_in_the_future_does_not_keep_out_what_follows(
    deployment: Deployment, azure: Azure, tell: Tell
) -> None:
    azure.install()
    tell(eventTime="9999-12-31T23:59:59Z")
    take_in(deployment)
    azure.delete()
    tell(event="DELETE", state="Deleted", at="12:30")

    assert take_in(deployment, "12:31") == [INSIGHTS]
    assert known(deployment).state == "Deleted"


def test_an_end_that_comes_before_its_beginning_leaves_nothing(
    deployment: Deployment, azure: Azure, tell: Tell
) -> None:
    tell(event="DELETE", state="Deleted", at="11:00")
    assert take_in(deployment) == []
    tell(at="10:00")

    assert take_in(deployment, "12:01") == []
    assert take_in(deployment, "13:01") == []
    assert installations.all_of(deployment.database) == []
    assert all(settled for _, settled, _ in outcomes(deployment.database))


def test_an_end_that_nobody_may_confirm_stands_in_the_table(deployment: Deployment, azure: Azure, tell: Tell) -> None:
    azure.install()
    tell()
    take_in(deployment)
    azure.forbids = True
    tell(event="DELETE", state="Deleted", at="11:00")

    take_in(deployment, "13:01")

    assert standing(deployment) == [INSIGHTS]
    assert deployment.offer
    [line] = installation_rows(deployment.database, deployment.offer)
    assert line.last_error == (
        "NotConfirmed: Azure told Deleted, but Azure does not let the vendor's identity see the application"
    )


def test_an_end_is_certain_where_the_subscription_takes_no_token_of_the_vendors_any_more(
    deployment: Deployment, azure: Azure, tell: Tell
) -> None:
    azure.install()
    tell()
    take_in(deployment)
    azure.distrusts = True
    tell(event="DELETE", state="Deleted", at="11:00")

    assert take_in(deployment) == [INSIGHTS]
    assert [entry.state for entry in installations.all_of(deployment.database)] == ["Deleted"]


def test_ids_in_other_letters_are_of_the_same_application(deployment: Deployment, azure: Azure, tell: Tell) -> None:
    azure.install()
    tell()
    take_in(deployment)
    azure.delete()
    tell(event="DELETE", state="Deleted", at="11:00", applicationId=application_id().upper())

    assert take_in(deployment) == [INSIGHTS]
    assert [entry.state for entry in installations.all_of(deployment.database)] == ["Deleted"]


def test_azure_that_is_slow_does_not_hold_up_a_tick_for_all(
    deployment: Deployment, azure: Azure, tell: Tell, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(confirmation, "TICK_SECONDS", 0.0)
    for name in ("first", "second"):
        azure.install(name)
        tell(name)

    assert len(take_in(deployment)) == 1
    assert len(standing(deployment)) == 1
    assert len(take_in(deployment)) == 1
    assert len(standing(deployment)) == 2


COPIED = CopyOutcome(rows=1_500, files=1, error=None)


@dataclass
class Factories:
    """Data factories that answer what a test says, and remember where they were asked."""

    runs: list[FactoryRun]
    outcome: CopyOutcome = COPIED
    asked: list[Any] = field(default_factory=list)
    refuses: set[str] = field(default_factory=set)

    def runs_since(self, place: Any, since: dt.datetime) -> list[FactoryRun]:
        self.asked.append((place, since))
        if place.factory in self.refuses:
            raise HttpResponseError("ann@contoso.com may not")
        return self.runs

    def copy_outcome(self, place: Any, run: FactoryRun) -> CopyOutcome:
        self.asked.append((place, run.run_id))
        return self.outcome


def finished(run_id: str = "r1", status: str = "Succeeded", dataset: str = "Message_v1") -> FactoryRun:
    return FactoryRun(run_id, f"o365_{dataset}", "", status, "", at("11:00"))


def read(deployment: Deployment, factories: Factories, clock: str = "12:00") -> None:
    read_activity(deployment.database, cast("DataFactory", factories), at(clock), LOG)


@pytest.fixture
def taken_in(deployment: Deployment, azure: Azure, tell: Tell) -> Deployment:
    azure.install()
    tell()
    take_in(deployment)
    return deployment


def row(deployment: Deployment) -> Any:
    assert deployment.offer
    [found] = installation_rows(deployment.database, deployment.offer)
    return found


def test_runs_rows_and_cost_are_those_that_the_factory_shows_asked_in_the_vendors_own_tenant(
    taken_in: Deployment,
) -> None:
    factories = Factories([finished("r1"), finished("r2", dataset="User_v1"), finished("r3", "InProgress")])

    read(taken_in, factories)

    line = row(taken_in)
    assert (line.runs, line.rows) == ("2", "3,000")
    assert line.cost == "1.50 USD", "two units of messages; people cost nothing"
    assert line.last_extraction == f"{INSTALLED_ON} 11:00"
    place = InstalledFactory(
        "11111111-0000-4000-8000-0000000000c1", "mrg-insights", "adf-insights", azure_tenant_id=None
    )
    assert {asked for asked, _ in factories.asked} == {place}


def test_what_was_read_is_not_asked_for_again(taken_in: Deployment) -> None:
    read(taken_in, Factories([finished()]))
    again = Factories([finished()])

    read(taken_in, again, "13:00")

    assert [what for _, what in again.asked] == [at("11:00")], "since an hour before the last look"
    assert row(taken_in).runs == "1"


def test_the_error_of_a_run_stands_in_the_table_until_a_later_one_succeeds(taken_in: Deployment) -> None:
    read(taken_in, Factories([finished("r1", "Failed")], CopyOutcome(None, None, "ann@contoso.com: it is full")))
    assert row(taken_in).last_error == "(somebody) it is full"

    read(taken_in, Factories([replace(finished("r2"), ended_at=at("11:30"))]))

    assert row(taken_in).last_error == ""


def test_a_factory_that_does_not_answer_is_told_and_keeps_out_no_other(
    taken_in: Deployment, azure: Azure, tell: Tell
) -> None:
    azure.install("other")
    tell("other")
    take_in(taken_in)
    factories = Factories([finished()], refuses={"adf-insights"})

    read(taken_in, factories)

    assert taken_in.offer
    told = {line.name: line for line in installation_rows(taken_in.database, taken_in.offer)}
    assert told[INSIGHTS].last_error == "HttpResponseError: (somebody) may not"
    assert told[name_of(application_id("other"))].runs == "1"
    read(taken_in, Factories([]))
    assert known(taken_in).error_code is None


def test_those_that_were_asked_longest_ago_come_first(
    taken_in: Deployment, azure: Azure, tell: Tell, monkeypatch: pytest.MonkeyPatch
) -> None:
    read(taken_in, Factories([]))
    azure.install("other")
    tell("other")
    take_in(taken_in)
    monkeypatch.setattr(factory_activity, "LOOK_SECONDS", -1.0)
    read(taken_in, none := Factories([]))
    monkeypatch.setattr(factory_activity, "LOOK_SECONDS", 60.0)

    read(taken_in, factories := Factories([]))

    assert none.asked == []
    assert [place.factory for place, _ in factories.asked] == ["adf-other", "adf-insights"]


def test_a_deleted_installation_is_asked_nothing_and_stays_in_the_table(
    taken_in: Deployment, azure: Azure, tell: Tell
) -> None:
    read(taken_in, Factories([finished()]))
    azure.delete()
    tell(event="DELETE", state="Deleted", at="11:30")
    take_in(taken_in)
    factories = Factories([finished("r2")])

    read(taken_in, factories)

    assert factories.asked == []
    assert (row(taken_in).state, row(taken_in).rows) == ("Deleted", "1,500")


def test_an_older_version_is_told_with_the_one_that_is_offered(taken_in: Deployment) -> None:
    assert taken_in.offer
    newer = taken_in.offer.model_copy(update={"version": "1.1.0"})

    [line] = installation_rows(taken_in.database, newer)

    assert line.version == "1.0.0, 1.1.0 is offered"
    assert row(taken_in).version == "1.0.0"


def test_the_asset_of_installations_can_be_materialized(runner: Runner, azure: Azure, tell: Tell) -> None:
    azure.install()
    tell()
    runner.tick("installation_sensor")

    result = dg.materialize(
        [installed_applications],
        instance=runner.instance,
        resources={name: runner.deployment.resources[name] for name in ("database", "offer", "data_factory")},
    )

    [event] = result.get_asset_materialization_events()
    assert INSIGHTS in str(event.materialization.metadata["installations"].value)
    assert "@" not in json.dumps([str(value) for value in event.materialization.metadata.values()])


def test_without_a_daemon_a_command_takes_in_what_was_told_and_lists_it(
    deployment: Deployment, azure: Azure, tell: Tell, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(cli_managed_app, "load", lambda: deployment)
    azure.install()
    tell()

    listed = CliRunner().invoke(cli_managed_app.managed_app, ["installations"], catch_exceptions=False)
    assert standing(deployment) == []
    taken_in = CliRunner().invoke(cli_managed_app.managed_app, ["installations", "--take-in"], catch_exceptions=False)

    assert listed.exit_code == taken_in.exit_code == 0
    assert INSIGHTS not in listed.output
    assert taken_in.output.splitlines()[-3:] == [
        f"{INSIGHTS}: Succeeded, standard 1.0.0",
        "  extracted: never; runs: 0; rows: 0; 0.00 USD",
        "Installations: 1",
    ]


@pytest.mark.parametrize(("plan", "sku"), [("weekly", "weekly"), ("other", "standard")])
def test_an_installation_is_of_the_plan_that_the_marketplace_bills(
    deployment: Deployment, offer: Offer, azure: Azure, tell: Tell, plan: str, sku: str
) -> None:
    assert offer.marketplace
    azure.install(sku="standard")
    bought = azure.applications[application_id()]
    bought["plan"] = {
        "name": plan,
        "product": offer.marketplace.product_external_id,
        "publisher": "fabrikam",
        "version": "1.0.0",
    }
    tell()

    take_in(deployment)

    known = installations.all_of(deployment.database)
    assert [entry.sku for entry in known] == [sku]


def test_where_nothing_is_sold_the_commands_say_what_is_missing(
    deployment: Deployment, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(cli_managed_app, "load", lambda: replace(deployment, offer=None))

    for command in ("listen", "installations"):
        with pytest.raises(SettingsError, match="O365_OFFER is missing"):
            CliRunner().invoke(cli_managed_app.managed_app, [command], catch_exceptions=False)
