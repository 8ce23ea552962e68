"""The life of an installation: from Azure's notification to a customer, and to the deletion of all that it left."""

from __future__ import annotations

import datetime as dt
import json
import logging
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import dagster as dg
import pytest
import sqlalchemy as sa
from click.testing import CliRunner
from o365_pipeline.managed_app.installations.leftovers import lake_to_purge, marts_to_purge
from o365_pipeline.managed_app.installations.onboarding import Onboarding

from o365_pipeline.cli import managed_app as cli_managed_app
from o365_pipeline.consent.approvals import State
from o365_pipeline.customers.partitions import CUSTOMERS
from o365_pipeline.database.database import Database
from o365_pipeline.database.ledger import extraction
from o365_pipeline.database.ledger import notification as notification_table
from o365_pipeline.database.ledger import purge as purge_table
from o365_pipeline.deployment import Deployment
from o365_pipeline.errors import DatabaseError, LakeError, SettingsError, UsageError
from o365_pipeline.extraction import extraction_ledger
from o365_pipeline.extraction.data_factory import DataFactory
from o365_pipeline.managed_app.installations import installations, notifications
from o365_pipeline.managed_app.installations import onboarding as onboarding
from o365_pipeline.managed_app.installations import sensor as installation_sensor
from o365_pipeline.managed_app.installations.applications import Applications
from o365_pipeline.managed_app.installations.assets import INSTALLATIONS, installation_rows, installed_applications
from o365_pipeline.managed_app.installations.installations import Installation, customer_name
from o365_pipeline.managed_app.offer import Offer
from o365_pipeline.mart.marts import Marts
from o365_pipeline.mart.upgrade import mart_database
from o365_pipeline.purge import dagster_history
from o365_pipeline.raw.lakes import Lakes
from o365_pipeline_tests.conftest import DAY, read_decisions
from o365_pipeline_tests.ledger_rows import note_extraction
from o365_pipeline_tests.managed_app.azure import GROUP_A, INSTALLED_ON, TENANT, Azure, application_id, at, notification
from o365_pipeline_tests.runner import Runner, failure

INSIGHTS = customer_name(application_id())
Tell = Callable[..., None]


@pytest.fixture
def tell(deployment: Deployment, offer: Offer) -> Tell:
    """Let Azure notify of an application."""

    def tell(*args: Any, received: str = "12:00", **more: Any) -> None:
        notifications.record(deployment.database, [notification(offer, *args, **more)], at(received))

    return tell


def onboard(deployment: Deployment, clock: str = "12:00") -> list[str]:
    """One tick's work at a time of that day."""
    assert deployment.vendor
    factory = deployment.resources["data_factory"]
    applications = Applications(deployment.cloud)
    log = logging.getLogger("test")
    return Onboarding(deployment.database, deployment.vendor, applications, factory, at(clock), log).run()


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


def installed(deployment: Deployment) -> list[str]:
    assert deployment.vendor
    deployment.vendor.installed.refresh()
    return [customer.name for customer in deployment.customers if customer.installation]


def test_a_confirmed_installation_is_a_customer_whose_factory_can_sign_in(
    deployment: Deployment, azure: Azure, tell: Tell
) -> None:
    azure.install(groups=(GROUP_A,))
    tell()

    assert onboard(deployment) == [INSIGHTS]

    customer = deployment.customers[INSIGHTS]
    assert azure.secrets == {"mrg-insights/kv-insights/data-connect-application": "sandbox"}
    assert (customer.tenant_id, customer.resource_group, customer.factory) == (TENANT, "mrg-insights", "adf-insights")
    assert (customer.first_day, customer.initial_days) == (DAY, 1)
    assert customer.sink == "https://stinsights.dfs.core.windows.net/lake"
    assert customer.installation == application_id()
    assert {entry.scope.groups for entry in customer.data_request.datasets} == {(GROUP_A,)}
    assert deployment.marts[INSIGHTS].url.database == str(deployment.home / "marts" / "sql-insights.db")
    assert outcomes(deployment.database) == [("Succeeded", True, "taken in")]


def test_without_groups_everybodys_data_is_asked_for(deployment: Deployment, azure: Azure, tell: Tell) -> None:
    azure.install(sku="weekly")
    tell()
    onboard(deployment)

    customer = deployment.customers[INSIGHTS]
    assert deployment.offer
    assert customer.data_request == deployment.offer.request
    assert (customer.schedule, customer.initial_days) == ("0 4 * * 1", 28)


def test_the_installation_sensor_adds_the_customers_partition_and_tells_the_table(
    runner: Runner, azure: Azure, tell: Tell
) -> None:
    azure.install()
    tell()

    result = runner.tick("installation_sensor")

    assert runner.instance.get_dynamic_partitions(CUSTOMERS) == [INSIGHTS]
    [event] = result.asset_events
    assert isinstance(event, dg.AssetMaterialization)
    assert event.asset_key == INSTALLATIONS
    assert INSIGHTS in str(event.metadata["installations"].value)
    assert runner.tick("installation_sensor").asset_events == []


def test_the_consent_sensor_waits_for_a_new_customers_approver_without_a_restart(
    runner: Runner, azure: Azure, tell: Tell
) -> None:
    runner.tick("consent_sensor")
    azure.install()
    tell()
    runner.tick("installation_sensor")

    assert f"{INSIGHTS}: no decision yet" in str(runner.tick("consent_sensor").skip_reason)


def test_what_azure_does_not_confirm_changes_nothing(deployment: Deployment, azure: Azure, tell: Tell) -> None:
    azure.install(state="Updating")
    tell()

    assert onboard(deployment, "12:30") == []

    assert installed(deployment) == []
    assert installations.all_of(deployment.database) == []
    assert azure.secrets == {}
    assert outcomes(deployment.database) == [("Succeeded", False, "not confirmed yet: Azure shows Updating")]

    onboard(deployment, "13:01")
    assert outcomes(deployment.database) == [("Succeeded", True, "not confirmed: Azure shows Updating")]
    asked = len(azure.asked)
    onboard(deployment, "13:02")
    assert len(azure.asked) == asked


def test_what_azure_confirms_later_is_taken_in_then(deployment: Deployment, azure: Azure, tell: Tell) -> None:
    azure.install(state="Running")
    tell()
    assert onboard(deployment) == []
    azure.set_state("Succeeded")

    assert onboard(deployment) == [INSIGHTS]
    assert installed(deployment) == [INSIGHTS]


def test_an_application_that_azure_shows_as_anothers_is_not_taken_in(
    deployment: Deployment, azure: Azure, tell: Tell
) -> None:
    azure.install()
    azure.applications[application_id()]["properties"]["applicationDefinitionId"] = "/subscriptions/of/another"
    tell()

    assert onboard(deployment) == []
    assert azure.secrets == {}
    assert outcomes(deployment.database)[0][2] == "not taken in: Azure shows an application of another offer"


def test_a_forged_end_does_not_end_an_installation(deployment: Deployment, azure: Azure, tell: Tell) -> None:
    azure.install()
    tell()
    onboard(deployment)
    tell(event="DELETE", state="Deleted", at="11:00")

    assert onboard(deployment) == []
    assert installed(deployment) == [INSIGHTS]

    azure.forbids = True
    assert onboard(deployment) == []
    assert installed(deployment) == [INSIGHTS]
    assert outcomes(deployment.database)[1] == (
        "Deleted",
        False,
        "not confirmed yet: Azure does not let the vendor's identity see the application",
    )


def test_what_is_older_than_what_is_known_changes_nothing(deployment: Deployment, azure: Azure, tell: Tell) -> None:
    azure.install()
    tell(at="10:30")
    onboard(deployment)
    azure.set_state("Accepted")
    tell(state="Accepted", at="10:00")

    assert onboard(deployment) == []
    assert known(deployment).state == "Succeeded"
    assert outcomes(deployment.database)[0] == ("Accepted", True, "older than what is known")


def test_of_what_came_out_of_order_the_latest_decides(deployment: Deployment, azure: Azure, tell: Tell) -> None:
    azure.install()
    tell(at="10:30")
    tell(state="Accepted", at="10:00")

    assert onboard(deployment) == [INSIGHTS]
    assert known(deployment).state == "Succeeded"
    assert [settled for _, settled, _ in outcomes(deployment.database)] == [True, True]


def test_nothing_but_an_installation_anew_revives_what_was_deleted(
    deployment: Deployment, azure: Azure, tell: Tell, runner: Runner
) -> None:
    azure.install()
    tell()
    onboard(deployment)
    azure.delete()
    tell(event="DELETE", state="Deleted", at="11:00")
    onboard(deployment)
    azure.install(version="1.0.1")
    tell(event="PATCH", at="11:30")
    assert onboard(deployment) == []
    assert known(deployment).state == "Deleted"

    tell(at="11:40")
    assert onboard(deployment) == []
    assert outcomes(deployment.database)[-1][2] == "the data of the installation before it is deleted first"
    purge(runner)

    assert onboard(deployment) == [INSIGHTS]
    assert installed(deployment) == [INSIGHTS]
    assert known(deployment).installed_at == at("11:40").replace(tzinfo=None, microsecond=123456)


def test_a_failure_is_kept_with_its_code_and_names_nobody(deployment: Deployment, azure: Azure, tell: Tell) -> None:
    azure.install(state="Failed")
    tell(state="Failed", error={"code": "QuotaExceeded", "message": "ann@contoso.com has no cores left"})

    onboard(deployment)

    found = known(deployment)
    assert (found.state, found.error_code) == ("Failed", "QuotaExceeded")
    assert found.error_message == "(somebody) has no cores left"
    assert installed(deployment) == []


def test_a_customer_goes_on_while_its_installation_is_updated_and_when_that_fails(
    deployment: Deployment, azure: Azure, tell: Tell
) -> None:
    azure.install()
    tell()
    onboard(deployment)
    for state, clock in (("Accepted", "11:00"), ("Failed", "11:30")):
        azure.set_state(state)
        tell(state=state, at=clock)
        onboard(deployment)

        assert known(deployment).state == state
        assert installed(deployment) == [INSIGHTS]


def test_one_bad_installation_does_not_block_the_others(deployment: Deployment, azure: Azure, tell: Tell) -> None:
    azure.install("bad")
    azure.install("worse", region="atlantis")
    azure.install("good")
    azure.refuses_secrets_of = {"kv-bad"}
    for name in ("bad", "worse", "good"):
        tell(name)

    assert onboard(deployment) == [customer_name(application_id("good"))]

    assert installed(deployment) == [customer_name(application_id("good"))]
    assert known(deployment, "bad").error_code == "Forbidden"
    assert "@" not in str(known(deployment, "bad").error_message)
    assert known(deployment, "worse").error_code == "OutputsWrong"
    azure.refuses_secrets_of = set()
    assert onboard(deployment) == [customer_name(application_id("bad"))]
    assert known(deployment, "bad").error_code is None


def test_a_crash_between_steps_is_repaired_at_the_next_tick(
    deployment: Deployment, azure: Azure, tell: Tell, monkeypatch: pytest.MonkeyPatch
) -> None:
    azure.install()
    tell()

    def crash(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    steps: list[tuple[object, str]] = [
        (Applications, "get"),
        (Applications, "write_secret"),
        (installations, "update"),
        (notifications, "mark_settled"),
    ]
    for where, step in steps:
        with monkeypatch.context() as patch:
            patch.setattr(where, step, crash)
            with pytest.raises(KeyboardInterrupt):
                onboard(deployment)

    assert onboard(deployment) == [INSIGHTS]
    assert installed(deployment) == [INSIGHTS]
    assert onboard(deployment) == []
    assert len(azure.secrets) == 1


def test_repeats_of_what_was_taken_in_ask_azure_nothing(deployment: Deployment, azure: Azure, tell: Tell) -> None:
    azure.install()
    tell()
    onboard(deployment)
    asked = len(azure.asked)
    tell()

    assert onboard(deployment) == []
    assert len(azure.asked) == asked


def test_a_name_is_told_apart_by_its_application() -> None:
    first, second = customer_name(application_id("insights")), customer_name(application_id("insights") + "/")

    assert customer_name(application_id("Insights").upper()) == first
    assert first.startswith("insights-")
    assert len(customer_name(application_id("x" * 64))) == 63
    assert customer_name(application_id("Über_Sicht (1)")).startswith("ber-sicht-1-")
    assert second != first


def elsewhere(azure: Azure, name: str = "insights") -> str:
    """Another application of the same name, in another subscription; its id."""
    azure.install(name)
    application = azure.applications.pop(application_id(name))
    moved = application_id(name).replace("0000000000c1", "0000000000c2")
    azure.applications[moved] = {**application, "id": moved}
    return moved


def test_applications_of_one_name_are_two_customers_even_where_their_codes_are_alike(
    deployment: Deployment, azure: Azure, tell: Tell, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(installations, "CODE_LENGTHS", (0, 16))
    other = elsewhere(azure)
    azure.install()
    tell()
    tell(applicationId=other)

    assert len(set(onboard(deployment))) == 2

    names = installed(deployment)
    assert len({deployment.customers[name].subscription_id for name in names}) == 2
    assert len(names) == len(set(names)) == 2


def test_a_configured_customers_name_is_not_given_to_an_installation(
    deployment: Deployment, azure: Azure, tell: Tell
) -> None:
    assert deployment.vendor
    vendor = replace(deployment.vendor, configured=frozenset({INSIGHTS}))
    azure.install()
    tell()

    assert onboard(replace(deployment, vendor=vendor)) == [customer_name(application_id(), 16)]


def test_what_is_dated_in_the_future_does_not_keep_out_what_follows(
    deployment: Deployment, azure: Azure, tell: Tell
) -> None:
    azure.install()
    tell(eventTime="9999-12-31T23:59:59Z")
    onboard(deployment)
    assert deployment.customers[INSIGHTS].first_day == DAY
    azure.delete()
    tell(event="DELETE", state="Deleted", at="12:30")

    assert onboard(deployment, "12:31") == [INSIGHTS]
    assert known(deployment).state == "Deleted"


def test_an_end_that_comes_before_its_beginning_leaves_no_customer(
    deployment: Deployment, azure: Azure, tell: Tell
) -> None:
    tell(event="DELETE", state="Deleted", at="11:00")
    assert onboard(deployment) == []
    tell(at="10:00")

    assert onboard(deployment, "12:01") == []
    assert onboard(deployment, "13:01") == []
    assert installations.all_of(deployment.database) == []
    assert all(settled for _, settled, _ in outcomes(deployment.database))


def test_an_end_that_nobody_may_confirm_stands_in_the_table(deployment: Deployment, azure: Azure, tell: Tell) -> None:
    azure.install()
    tell()
    onboard(deployment)
    azure.forbids = True
    tell(event="DELETE", state="Deleted", at="11:00")

    onboard(deployment, "13:01")

    assert installed(deployment) == [INSIGHTS]
    assert deployment.vendor
    [line] = installation_rows(deployment.database, deployment.vendor, at("13:01"))
    assert line.last_error == (
        "NotConfirmed: Azure told Deleted, but Azure does not let the vendor's identity see the application"
    )


def test_an_old_beginning_does_not_revive_what_was_deleted(
    deployment: Deployment, azure: Azure, tell: Tell, runner: Runner
) -> None:
    azure.install()
    tell()
    onboard(deployment)
    azure.delete()
    tell(event="DELETE", state="Deleted", at="11:00")
    onboard(deployment)
    purge(runner)
    azure.install()
    tell(at="10:59")

    assert onboard(deployment) == []
    assert known(deployment).state == "Deleted"


def test_ids_in_other_letters_are_of_the_same_application(deployment: Deployment, azure: Azure, tell: Tell) -> None:
    azure.install()
    tell()
    onboard(deployment)
    azure.delete()
    tell(event="DELETE", state="Deleted", at="11:00", applicationId=application_id().upper())

    assert onboard(deployment) == [INSIGHTS]
    assert [entry.state for entry in installations.all_of(deployment.database)] == ["Deleted"]


def test_azure_that_is_slow_does_not_hold_up_a_tick_for_all(
    deployment: Deployment, azure: Azure, tell: Tell, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(onboarding, "TICK_SECONDS", 0.0)
    for name in ("first", "second"):
        azure.install(name)
        tell(name)

    assert len(onboard(deployment)) == 1
    assert len(installed(deployment)) == 1
    assert len(onboard(deployment)) == 1
    assert len(installed(deployment)) == 2


def write_secret(deployment: Deployment, monkeypatch: pytest.MonkeyPatch, *arguments: str) -> tuple[str, object]:
    monkeypatch.setattr(cli_managed_app, "load", lambda: deployment)
    ended = CliRunner().invoke(cli_managed_app.managed_app, ["write-secret", *arguments])
    return ended.output, ended.exception


def test_a_rotated_secret_is_written_to_every_vault_that_takes_it(
    deployment: Deployment, azure: Azure, tell: Tell, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("bad", "good", "left"):
        azure.install(name)
        tell(name)
    onboard(deployment)
    azure.delete("left")
    tell("left", event="DELETE", state="Deleted", at="11:00")
    onboard(deployment)
    azure.refuses_secrets_of = {"kv-bad"}
    monkeypatch.setenv("FABRIKAM_APPLICATION_SECRET", "the-new-one")

    told, error = write_secret(deployment, monkeypatch)

    secrets = {where.split("/")[1]: value for where, value in azure.secrets.items()}
    assert secrets == {"kv-bad": "sandbox", "kv-good": "the-new-one", "kv-left": "sandbox"}
    assert f"{customer_name(application_id('good'))}: written" in told
    assert "the-new-one" not in told
    assert str(error) == "1 installations go on with the secret before; run it again"


def test_a_rotated_secret_is_written_for_one_customer(
    deployment: Deployment, azure: Azure, tell: Tell, monkeypatch: pytest.MonkeyPatch
) -> None:
    azure.install()
    tell()
    onboard(deployment)

    assert write_secret(deployment, monkeypatch, "--customer", INSIGHTS) == (f"{INSIGHTS}: written\n", None)
    _, error = write_secret(deployment, monkeypatch, "--customer", "nobody")
    assert str(error) == f"no installation has the customer 'nobody'; there are {INSIGHTS}"


def approve(deployment: Deployment, name: str) -> None:
    customer = deployment.customers[name]
    deployment.sandbox.register(customer.tenant_id, customer.data_request, [customer.sink])
    deployment.sandbox.decide(customer.tenant_id, customer.data_request.application_id, State.APPROVED, "a@c.example")
    read_decisions(deployment, customer)


def purge(runner: Runner, name: str = INSIGHTS) -> Any:
    [request] = runner.tick("installation_sensor").run_requests or []
    assert request.tags["o365/customer"] == name
    return runner.definitions.resolve_job_def("uninstallation_job").execute_in_process(
        instance=runner.instance,
        tags=dict(request.tags),
        run_config=request.run_config,
        raise_on_error=False,
    )


def rows_of(database: Database, customer: str) -> int:
    with database.begin() as connection:
        query = sa.text("SELECT count(*) FROM fact_message WHERE customer = :customer")
        return connection.scalar(query, {"customer": customer}) or 0


def test_the_life_of_an_installation_ends_with_nothing_left(
    deployment: Deployment, azure: Azure, tell: Tell, runner: Runner
) -> None:
    azure.install("insights")
    azure.install("others", tenantId="72f988bf-0000-4000-8000-2d7cd011db48")
    others = customer_name(application_id("others"))
    tell("insights")
    tell("others")
    runner.tick("installation_sensor")
    for name in (INSIGHTS, others):
        approve(deployment, name)
    runner.move()
    lake, mart = deployment.lakes.of(deployment.customers[INSIGHTS]), deployment.marts[INSIGHTS]
    assert rows_of(mart, INSIGHTS) > 0
    assert rows_of(deployment.database, INSIGHTS) == rows_of(mart, others) == 0
    kept = lake.objects(f"raw/{others}")
    assert kept
    azure.delete("insights")
    tell("insights", event="DELETE", state="Deleted", at="11:00")

    result = purge(runner)

    assert result.success, failure(result)
    assert lake.objects(f"raw/{INSIGHTS}") == []
    assert rows_of(mart, INSIGHTS) == 0
    assert lake.objects(f"raw/{others}") == kept
    assert rows_of(deployment.marts[others], others) > 0
    assert INSIGHTS not in runner.instance.get_dynamic_partitions(CUSTOMERS)
    assert runner.tick("installation_sensor").run_requests == []
    assert installed(deployment) == [others]
    with deployment.database.begin() as connection:
        [record] = connection.execute(sa.select(purge_table)).all()
    assert record.customer == INSIGHTS
    assert record.reason.startswith(f"the managed application was deleted at {INSTALLED_ON} 11:00")
    assert record.purged_at
    assert record.mart_rows > 0
    assert record.dagster_runs > 0


def test_from_the_beginning_of_an_end_nothing_is_extracted_and_what_is_under_way_is_cancelled(
    deployment: Deployment, azure: Azure, tell: Tell, monkeypatch: pytest.MonkeyPatch
) -> None:
    azure.install()
    tell()
    onboard(deployment)
    note_extraction(deployment.database, customer=INSIGHTS, status="InProgress")
    cancelled: list[str] = []
    monkeypatch.setattr(DataFactory, "cancel", lambda _factory, _customer, run_id: cancelled.append(run_id))
    azure.set_state("Deleting")
    tell(event="DELETE", state="Deleting", at="11:00")

    onboard(deployment)

    assert cancelled == ["r1"]
    assert installed(deployment) == []
    found = extraction_ledger.find(deployment.database, "x1")
    assert found
    assert found.status == extraction_ledger.CANCELING


def test_what_went_with_the_managed_resource_group_counts_as_deleted(
    deployment: Deployment, azure: Azure, tell: Tell, runner: Runner, monkeypatch: pytest.MonkeyPatch
) -> None:
    azure.install()
    tell()
    onboard(deployment)
    note_extraction(deployment.database, "x1", customer=INSIGHTS, status="InProgress")
    note_extraction(deployment.database, "x2", "r2", customer=INSIGHTS, status="Succeeded")
    azure.delete()
    tell(event="DELETE", state="Deleted", at="11:00")
    onboard(deployment)

    def gone(*_: object) -> None:
        raise LakeError("the container is not there")

    monkeypatch.setattr(Lakes, "at", gone)
    azure.gone_factories.add("adf-insights")

    assert purge(runner).success

    assert known(deployment).purged_at
    with deployment.database.begin() as connection:
        statuses = connection.scalars(sa.select(extraction.c.status)).all()
    assert statuses == ["Purged", "Purged"]


def test_what_is_installed_anew_begins_anew(deployment: Deployment, azure: Azure, tell: Tell, runner: Runner) -> None:
    azure.install()
    tell()
    runner.tick("installation_sensor")
    approve(deployment, INSIGHTS)
    runner.move()
    azure.delete()
    tell(event="DELETE", state="Deleted", at="11:00")
    assert purge(runner).success
    later = INSTALLED_ON + dt.timedelta(days=1)
    azure.install()
    tell(eventTime=f"{later}T08:00:00Z")

    runner.tick("installation_sensor")
    runner.move()

    customer = deployment.customers[INSIGHTS]
    assert customer.first_day == INSTALLED_ON
    with deployment.marts[INSIGHTS].begin() as connection:
        days = connection.scalars(sa.text("SELECT DISTINCT day FROM fact_message")).all()
    assert days == [str(INSTALLED_ON)]
    assert {path.split("/")[3] for path, _ in deployment.lakes.of(customer).objects(f"raw/{INSIGHTS}")} == {
        str(INSTALLED_ON)
    }


def test_nothing_is_deleted_while_a_run_is_at_work_for_the_customer(
    deployment: Deployment, azure: Azure, tell: Tell, runner: Runner, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(dagster_history, "AT_WORK_REPEATS", 1)
    monkeypatch.setattr(dagster_history, "AT_WORK_SECONDS", 0.0)
    azure.install()
    tell()
    onboard(deployment)
    at_work = dg.DagsterRun(
        job_name="landing_job", tags={"o365/customer": INSIGHTS}, status=dg.DagsterRunStatus.STARTED
    )
    runner.instance.add_run(at_work)
    azure.delete()
    tell(event="DELETE", state="Deleted", at="11:00")

    assert not purge(runner).success
    assert known(deployment).is_to_be_purged

    runner.instance.report_run_failed(at_work)
    assert purge(runner).success
    assert known(deployment).purged_at


def test_uninstallations_that_fail_keep_out_no_other(
    deployment: Deployment, azure: Azure, tell: Tell, runner: Runner, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(installation_sensor, "MAX_REQUESTS", 2)
    names = ("first", "second", "third")
    for name in names:
        azure.install(name)
        tell(name)
    onboard(deployment)
    for name in names:
        azure.delete(name)
        tell(name, event="DELETE", state="Deleted", at="11:00")

    once = runner.tick("installation_sensor")
    again = runner.tick("installation_sensor", once.cursor)

    asked = [request.tags["o365/customer"] for tick in (once, again) for request in tick.run_requests or []]
    assert len(asked) == 4
    assert set(asked) == {customer_name(application_id(name)) for name in names}


def test_the_table_is_made_when_something_changed_alone(runner: Runner, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object) -> None:
        raise AssertionError("a thousand installations are a thousand questions of what they cost")

    monkeypatch.setattr(installation_sensor, "installations_metadata", fail)

    assert runner.tick("installation_sensor").asset_events == []


def test_a_customer_that_another_process_purged_is_not_found_for_long(
    deployment: Deployment, azure: Azure, tell: Tell, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(installations, "KEPT_SECONDS", 0.0)
    azure.install()
    tell()
    onboard(deployment)
    assert deployment.customers[INSIGHTS]

    purged = at("12:00").replace(tzinfo=None)
    installations.update(deployment.database, application_id().lower(), state="Deleted", purged_at=purged)

    with pytest.raises(UsageError, match="unknown customer"):
        deployment.customers[INSIGHTS]


def test_a_lake_or_a_mart_that_does_not_answer_is_not_taken_for_one_that_is_gone(
    deployment: Deployment, azure: Azure, tell: Tell, monkeypatch: pytest.MonkeyPatch
) -> None:
    azure.install()
    tell()
    onboard(deployment)
    customer, factory = deployment.customers[INSIGHTS], deployment.resources["data_factory"]
    no_mart = mart_database(sa.make_url("sqlite:////proc/no-such-folder/mart.db"))
    marts = Marts(deployment.database, {INSIGHTS: no_mart})

    def gone(*_: object) -> None:
        raise LakeError("the container is not there")

    monkeypatch.setattr(Lakes, "at", gone)
    with pytest.raises(LakeError):
        lake_to_purge(deployment.lakes, factory, customer)
    with pytest.raises(DatabaseError):
        marts_to_purge(marts, factory, customer)

    azure.gone_factories.add("adf-insights")
    assert lake_to_purge(deployment.lakes, factory, customer).objects("raw") == []
    assert marts_to_purge(marts, factory, customer)[INSIGHTS] == deployment.database


def test_the_table_shows_every_installation_and_nobody(deployment: Deployment, azure: Azure, tell: Tell) -> None:
    azure.install()
    tell()
    onboard(deployment)
    approve(deployment, INSIGHTS)
    assert deployment.vendor

    [line] = installation_rows(deployment.database, deployment.vendor, dt.datetime.now(dt.UTC))

    assert (line.customer, line.version, line.sku, line.state) == (INSIGHTS, "1.0.0", "standard", "Succeeded")
    assert line.consent == "Approved, 180 days left"
    assert (line.rows, line.cost) == ("0", "0.00 USD")
    assert "a@c.example" not in json.dumps(line.cells)


def test_the_asset_of_installations_can_be_materialized(runner: Runner, azure: Azure, tell: Tell) -> None:
    azure.install()
    tell()
    runner.tick("installation_sensor")

    result = dg.materialize(
        [installed_applications],
        instance=runner.instance,
        resources={name: runner.deployment.resources[name] for name in ("database", "vendor")},
    )

    [event] = result.get_asset_materialization_events()
    assert INSIGHTS in str(event.materialization.metadata["installations"].value)


def test_without_a_daemon_a_command_takes_in_what_was_told_and_lists_it(
    deployment: Deployment, azure: Azure, tell: Tell, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(cli_managed_app, "load", lambda: deployment)
    monkeypatch.setenv("DAGSTER_HOME", "")
    azure.install()
    tell()

    listed = CliRunner().invoke(cli_managed_app.managed_app, ["installations"], catch_exceptions=False)
    assert installed(deployment) == []
    taken_in = CliRunner().invoke(cli_managed_app.managed_app, ["installations", "--take-in"], catch_exceptions=False)

    assert listed.exit_code == taken_in.exit_code == 0
    assert INSIGHTS not in listed.output
    assert taken_in.output.splitlines()[-4:] == [
        f"{INSIGHTS}: Succeeded, standard 1.0.0",
        "  consent: no decision yet",
        "  extracted: never; rows: 0; cost: 0.00 USD",
        "Installations: 1",
    ]
    assert installed(deployment) == [INSIGHTS]


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

    onboard(deployment)

    known = installations.all_of(deployment.database)
    assert [entry.sku for entry in known] == [sku]
    assert deployment.customers[INSIGHTS].schedule == offer.sku(sku).schedule


def test_the_error_of_an_installation_stands_in_a_line_of_its_own(
    deployment: Deployment, azure: Azure, tell: Tell, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(cli_managed_app, "load", lambda: deployment)
    azure.install()
    tell()
    onboard(deployment)
    note_extraction(deployment.database, "failed", "run", customer=INSIGHTS, status="Failed", error="it is full")

    told = CliRunner().invoke(cli_managed_app.managed_app, ["installations"], catch_exceptions=False).output

    assert "  last error: it is full" in told.splitlines()
    assert max(map(len, told.splitlines())) <= 80


def test_where_nothing_is_sold_the_commands_say_what_is_missing(
    deployment: Deployment, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(cli_managed_app, "load", lambda: replace(deployment, offer=None, vendor=None))

    for command in ("listen", "installations", "write-secret"):
        with pytest.raises(SettingsError, match="O365_OFFER is missing"):
            CliRunner().invoke(cli_managed_app.managed_app, [command], catch_exceptions=False)
