"""Which lake is whose, and how it is signed in to."""

from __future__ import annotations

import time
from pathlib import Path

import pytest
from azure.core.credentials import AccessToken
from obstore.store import AzureStore
from pydantic import SecretStr

from o365_pipeline.customers.customer import Customer
from o365_pipeline.deployment import load
from o365_pipeline.errors import LakeError, SettingsError
from o365_pipeline.raw.lakes import Lakes
from o365_pipeline_tests.azurite import ACCOUNTS, Azurite

KEY = SecretStr("c2VjcmV0LWtleQ==")


class Tokens:
    """A sign-in that notes to which tenant it was asked for a token."""

    def __init__(self, tenant_id: str | None) -> None:
        self.tenant_id = tenant_id
        self.scopes: list[str] = []

    def get_token(self, *scopes: str, **_options: object) -> AccessToken:
        self.scopes += scopes
        return AccessToken("token", int(time.time()) + 3600)


def test_each_customer_has_its_own_container(customer: Customer) -> None:
    lakes = Lakes(account_key=KEY)
    other = customer.model_copy(update={"storage_account": "sto365other", "container": "theirs"})

    assert lakes.of(customer).url == "az://o365sandbox/lake"
    assert lakes.of(customer).access.address == "https://o365sandbox.blob.core.windows.net/lake"
    assert lakes.of(other).uri("raw/x") == "az://sto365other/theirs/raw/x"


def test_one_url_is_the_lake_of_all_customers(customer: Customer, tmp_path: Path) -> None:
    other = customer.model_copy(update={"storage_account": "sto365other", "container": "theirs"})

    for lakes in (Lakes((tmp_path / "a lake").as_uri()), Lakes("az://sto365/lake", account_key=KEY)):
        assert lakes.of(customer) is lakes.of(other) is lakes.at("any", "container")

    assert lakes.of(customer).url == "az://sto365/lake"


def test_a_lake_is_opened_once(customer: Customer) -> None:
    lakes = Lakes(account_key=KEY)

    assert lakes.of(customer) is lakes.of(customer)


def test_two_customers_data_lie_in_two_accounts(azurite: Azurite, customer: Customer) -> None:
    mine, theirs = (
        azurite.lakes.of(
            customer.model_copy(update={"storage_account": account, "container": azurite.make_container(account)})
        )
        for account in ACCOUNTS
    )

    mine.write("raw/a", b"mine")
    theirs.write("raw/a", b"theirs")

    assert (mine.read("raw/a"), theirs.read("raw/a")) == (b"mine", b"theirs")


def test_without_a_key_a_customers_container_is_signed_in_to_in_the_customers_tenant(customer: Customer) -> None:
    asked: list[Tokens] = []

    def sign_in(tenant_id: str | None) -> Tokens:
        asked.append(Tokens(tenant_id))
        return asked[-1]

    store = Lakes(credential=sign_in).of(customer).store
    assert isinstance(store, AzureStore) and store.credential_provider
    store.credential_provider()
    Lakes("az://sto365/lake", credential=sign_in).of(customer)

    assert [tokens.tenant_id for tokens in asked] == [customer.tenant_id, None]
    assert asked[0].scopes == ["https://storage.azure.com/.default"]


def test_a_token_is_not_sent_where_it_could_be_read() -> None:
    with pytest.raises(LakeError, match="takes no sign-in over http; use https"):
        Lakes(endpoint="http://127.0.0.1:10000/{account}", credential=Tokens).at("sto365", "lake")


def test_the_environment_neither_signs_nor_moves_the_lake(azurite: Azurite, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in {
        "AZURE_STORAGE_ENDPOINT": "http://127.0.0.1:1",
        "AZURE_STORAGE_ACCOUNT_KEY": KEY.get_secret_value(),
        "AZURE_STORAGE_TOKEN": "token",
        "AZURE_STORAGE_SAS_KEY": "sv=1&sig=2",
        "AZURE_STORAGE_USE_EMULATOR": "true",
        "AZURE_SKIP_SIGNATURE": "true",
    }.items():
        monkeypatch.setenv(name, value)

    lake = azurite.make_lake()

    assert lake.create("a", b"x")


def test_a_lake_without_key_or_sign_in_says_so() -> None:
    with pytest.raises(LakeError, match=r"core\.windows\.net/lake: there is neither a key nor a sign-in"):
        Lakes().at("sto365", "lake")


def test_a_key_that_is_none_is_refused_without_being_repeated() -> None:
    with pytest.raises(SettingsError, match="O365_STORAGE_KEY: the base64 text") as raised:
        Lakes(account_key=SecretStr("!not a key!")).at("sto365", "lake")
    assert "not a key" not in str(raised.value)


def test_a_key_stands_in_no_text(customer: Customer) -> None:
    lakes = Lakes(account_key=KEY)

    assert KEY.get_secret_value() not in f"{lakes!r} {lakes.of(customer)!r}"


def test_a_storage_url_gives_each_customer_of_the_sandbox_its_container(tmp_path: Path) -> None:
    deployment = load(home=tmp_path, storage_url="http://127.0.0.1:10000/{account}", storage_key=KEY.get_secret_value())

    lake = deployment.lakes.of(deployment.customers.chosen(None))

    assert lake.access.address == "http://127.0.0.1:10000/o365sandbox/lake"


def test_a_storage_url_needs_a_place_for_the_account(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match=r"O365_STORAGE_URL=http://127.0.0.1:10000: .*\{account\}"):
        load(home=tmp_path, storage_url="http://127.0.0.1:10000")
