"""The deployment: what the environment must say for Azure, and what is built of it."""

from __future__ import annotations

import re
import shutil
from pathlib import Path

import pytest

from o365_pipeline.azure.cloud import AzureCloud
from o365_pipeline.customers.configuration import example
from o365_pipeline.deployment import Settings, load
from o365_pipeline.errors import SettingsError
from o365_pipeline.managed_app import offer as offers
from o365_pipeline_tests.customers.test_configuration import SHIPPED_REQUEST

MART = "mssql+pyodbc://@server.database.windows.net/mart"


@pytest.fixture
def customers(tmp_path: Path) -> Path:
    (tmp_path / "customers.toml").write_text(example())
    shutil.copyfile(SHIPPED_REQUEST, tmp_path / "data_request.toml")
    return tmp_path / "customers.toml"


def test_azure_needs_its_customers_and_a_mart(customers: Path) -> None:
    with pytest.raises(SettingsError, match=r"O365_CUSTOMERS is missing.*for example: customers.toml"):
        load(deployment="azure", mart_url=MART)
    with pytest.raises(SettingsError, match=r"O365_MART_URL is missing.*for example: mssql\+pyodbc://"):
        load(deployment="azure", customers=customers)


def test_azure_is_built_without_a_call_to_it(customers: Path) -> None:
    deployment = load(deployment="azure", customers=customers, mart_url=MART)

    assert not deployment.is_sandbox
    assert [customer.name for customer in deployment.customers] == ["contoso"]
    with pytest.raises(SettingsError, match="there is no sandbox where O365_DEPLOYMENT=azure"):
        _ = deployment.sandbox


@pytest.mark.parametrize(
    "name", [*("first_day", "initial_days", "data_request", "national_cloud", "purge_grace_days"), "unread_feed_hours"]
)
def test_what_each_customer_has_is_not_said_for_all(customers: Path, name: str) -> None:
    values = {
        "first_day": "2026-11-16",
        "initial_days": 3,
        "data_request": SHIPPED_REQUEST,
        "national_cloud": "gcc",
        "purge_grace_days": 3,
        "unread_feed_hours": 12,
    }

    with pytest.raises(SettingsError, match=f"O365_{name.upper()}: each customer has its own"):
        load(customers=customers, **{name: values[name]})


def test_the_sandbox_plays_the_tenants_of_configured_customers_too(customers: Path, tmp_path: Path) -> None:
    deployment = load(home=tmp_path / "home", customers=customers)

    assert deployment.is_sandbox
    [customer] = deployment.customers
    assert customer.sink == "https://sto365contoso.dfs.core.windows.net/lake"


@pytest.mark.parametrize(
    ("credential", "environment", "told"),
    [
        ("service-principal", {}, "AZURE_TENANT_ID is missing"),
        ("service-principal", {"AZURE_TENANT_ID": "t"}, "AZURE_CLIENT_ID is missing"),
        (
            "service-principal",
            {"AZURE_TENANT_ID": "t", "AZURE_CLIENT_ID": "c"},
            "AZURE_CLIENT_SECRET is missing.*AZURE_CLIENT_CERTIFICATE_PATH",
        ),
        (
            "workload-identity",
            {"AZURE_TENANT_ID": "t", "AZURE_CLIENT_ID": "c"},
            "AZURE_FEDERATED_TOKEN_FILE is missing.*for example: /var/run/secrets/",
        ),
    ],
)
def test_what_a_way_of_signing_in_lacks_is_told_at_the_start(
    customers: Path, monkeypatch: pytest.MonkeyPatch, credential: str, environment: dict[str, str], told: str
) -> None:
    for name, value in environment.items():
        monkeypatch.setenv(name, value)

    with pytest.raises(SettingsError, match=told):
        load(deployment="azure", customers=customers, mart_url=MART, credential=credential)


@pytest.mark.parametrize(
    ("sign_in", "kind"),
    [
        ("default", "DefaultAzureCredential"),
        ("managed-identity", "ManagedIdentityCredential"),
        ("workload-identity", "WorkloadIdentityCredential"),
        ("service-principal", "EnvironmentCredential"),
        ("azure-cli", "AzureCliCredential"),
    ],
)
def test_one_place_decides_how_to_sign_in(monkeypatch: pytest.MonkeyPatch, sign_in: str, kind: str) -> None:
    monkeypatch.setenv("AZURE_TENANT_ID", "00000000-0000-4000-8000-0000000000c1")
    monkeypatch.setenv("AZURE_FEDERATED_TOKEN_FILE", "/nowhere")

    credential = AzureCloud(sign_in=sign_in, client_id="00000000-0000-4000-8000-0000000000e1").credential()

    assert type(credential).__name__ == kind


@pytest.mark.parametrize(
    "url", ["mssql+pyodbc://server/mart?PWD=hunter2", "mssql+pyodbc:///?odbc_connect=DSN%3Dmart%3BPWD%3Dhunter2"]
)
def test_a_password_among_the_options_of_a_marts_url_is_not_shown(tmp_path: Path, url: str) -> None:
    deployment = load(home=tmp_path, mart_url=url)

    assert "hunter2" not in f"{deployment.database.name} {deployment} {deployment.resources}"


@pytest.mark.parametrize("name", ["arm_url", "feed_url"])
@pytest.mark.parametrize("url", ["http://localhost:3443", "localhost:3443", "https://", "https://host/path"])
def test_a_services_address_that_no_token_may_be_sent_to_is_told(customers: Path, name: str, url: str) -> None:
    with pytest.raises(SettingsError, match=f"O365_{name.upper()}={url}: an address such as https://"):
        load(deployment="azure", customers=customers, mart_url=MART, **{name: url})


def test_a_slash_at_the_end_of_a_services_address_makes_no_difference(customers: Path) -> None:
    deployment = load(deployment="azure", customers=customers, mart_url=MART, arm_url="https://localhost:3443/")

    assert deployment.cloud.arm_url == "https://localhost:3443"


def test_the_sandbox_sells_the_shipped_offer_and_knows_its_signature(tmp_path: Path) -> None:
    deployment = load(home=tmp_path)

    assert deployment.offer
    assert deployment.offer.name == "office365-insights"
    assert deployment.notification_signature
    assert deployment.notification_signature.get_secret_value() == "sandbox"


def test_azure_sells_nothing_unless_an_offer_is_named(customers: Path, tmp_path: Path) -> None:
    offer = tmp_path / "offer.toml"
    offer.write_text(offers.example().replace("office365-insights", "mail-insights"))

    silent = load(deployment="azure", customers=customers, mart_url=MART)
    selling = load(deployment="azure", customers=customers, mart_url=MART, offer=offer, notification_signature="x" * 32)

    assert silent.offer is None
    assert silent.notification_signature is None
    assert selling.offer
    assert selling.offer.name == "mail-insights"
    assert selling.notification_signature


def test_a_signature_that_can_be_guessed_is_refused_without_a_word_of_it(customers: Path) -> None:
    with pytest.raises(SettingsError, match="O365_NOTIFICATION_SIGNATURE: at least 32 characters") as refused:
        load(deployment="azure", customers=customers, mart_url=MART, notification_signature="hunter2")

    assert "hunter2" not in str(refused.value)


def test_an_offer_that_is_not_there_is_told_by_its_path(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match=r"missing.toml: No such file.*managed-app example"):
        load(home=tmp_path, offer=tmp_path / "missing.toml")


@pytest.mark.parametrize(
    ("name", "meant"),
    [
        ("O365_HOM", "O365_HOME"),
        ("O365_PURGE_GRACE_DAY", "O365_PURGE_GRACE_DAYS"),
        ("O365_PURGE_DAYS", "O365_PURGE_GRACE_DAYS"),
        ("o365_denied_people", "O365_DENY_PEOPLE"),
    ],
)
def test_a_misspelled_setting_stops_the_start(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str, meant: str
) -> None:
    monkeypatch.setenv(name, "hunter2")

    with pytest.raises(SettingsError, match=f"^{name}: there is no such setting; did you mean {meant}\\?$"):
        load(home=tmp_path)


def test_a_variable_that_is_like_no_setting_is_told_and_left_alone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setenv("O365_PASSWORD", "hunter2")

    load(home=tmp_path)

    assert caplog.messages == ["O365_PASSWORD: no setting of this project is called so"]


def test_variables_that_files_the_tests_dagster_and_kubernetes_name_are_not_taken_for_settings(
    customers: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    secret = 'application_secret = { env = "%s" }'
    customers.write_text(re.sub("application_secret = .*", secret % "O365_DATA_REQUESTS", customers.read_text()))
    names = ["O365_DATA_REQUESTS", "O365_TEST_MART_URL", "O365_CODE_SERVER", "O365_PIPELINE_PORT"]
    for name in names:
        monkeypatch.setenv(name, "hunter2")

    load(home=tmp_path / "home", customers=customers)

    assert caplog.messages == []


def test_every_setting_is_described() -> None:
    assert [name for name, field in Settings.model_fields.items() if not field.description] == []


def test_a_salt_that_can_be_guessed_stops_the_start_and_is_not_repeated(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match="O365_ADDRESS_SALT: at least 32 characters are needed") as raised:
        load(home=tmp_path, hash_outside_addresses=True, address_salt="pepper")

    assert "pepper" not in str(raised.value)
