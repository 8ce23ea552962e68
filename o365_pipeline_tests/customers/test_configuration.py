"""Files of customers: what they may say, and the one line that tells what is wrong in them."""

from __future__ import annotations

import json
import re
import shutil
import tomllib
from collections.abc import Callable
from pathlib import Path
from typing import Any
from unittest.mock import Mock

import jsonschema
import pytest
import yaml
from pydantic import SecretStr

from o365_pipeline.customers import configuration as customers_file
from o365_pipeline.customers.configuration import Configured, example, read_customers, schema
from o365_pipeline.customers.customer import Customer, KeyVaultSecret
from o365_pipeline.errors import SettingsError

SHIPPED_REQUEST = Path(__file__).parents[2] / "o365_pipeline" / "customers" / "data_request.toml"

Write = Callable[..., Path]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    shutil.copyfile(SHIPPED_REQUEST, tmp_path / "data_request.toml")
    return tmp_path


@pytest.fixture
def write(folder: Path) -> Write:
    """Write a file of one customer: the example with changes; a change to None leaves the key out."""

    def write(file: str = "customers.yaml", name: str = "contoso", **changes: Any) -> Path:
        entry = {**tomllib.loads(example())["customers"]["contoso"], **changes}
        kept = {key: value for key, value in entry.items() if value is not None}
        (folder / file).write_text(yaml.safe_dump({"customers": {name: kept}}))
        return folder / file

    return write


def read(path: Path, **environment: str) -> Configured:
    return read_customers(path, environment)


def only(path: Path, **environment: str) -> Customer:
    [customer] = read(path, **environment).customers
    return customer


def test_the_example_is_a_file_of_customers_and_fits_the_schema(folder: Path) -> None:
    (folder / "customers.toml").write_text(example())

    customer = only(folder / "customers.toml")

    jsonschema.validate(as_json(tomllib.loads(example())), schema())
    assert (customer.name, customer.region, customer.storage) == ("contoso", "westeurope", "adls-gen2")
    assert customer.sink == "https://sto365contoso.dfs.core.windows.net/lake"
    assert isinstance(customer.application_secret, KeyVaultSecret)


def as_json(value: object) -> Any:
    return json.loads(json.dumps(value, default=str))


def test_the_schema_finds_a_misspelt_key() -> None:
    content = as_json(tomllib.loads(example()))
    content["customers"]["contoso"]["storage_acount"] = content["customers"]["contoso"].pop("storage_account")

    with pytest.raises(jsonschema.ValidationError, match="storage_acount"):
        jsonschema.validate(content, schema())


def test_yaml_says_the_same_as_toml(folder: Path, write: Write) -> None:
    (folder / "customers.toml").write_text(example())

    assert only(write("customers.yaml")) == only(folder / "customers.toml")


def test_a_folder_holds_the_customers_of_all_its_files(folder: Path, write: Write) -> None:
    write("a.yaml", "contoso", data_request=str(SHIPPED_REQUEST))
    write("b.yml", "fabrikam", data_request=str(SHIPPED_REQUEST))
    (folder / "data_request.toml").unlink()

    customers = read(folder).customers

    assert [customer.name for customer in customers] == ["contoso", "fabrikam"]


def test_a_secret_is_looked_up_and_never_shown(write: Write) -> None:
    path = write(application_secret={"env": "CONTOSO_SECRET"})

    customer = only(path, CONTOSO_SECRET="hunter2")

    assert isinstance(customer.application_secret, SecretStr)
    assert customer.application_secret.get_secret_value() == "hunter2"
    assert "hunter2" not in repr(customer)
    assert "hunter2" not in customer.model_dump_json()


def test_a_mart_of_a_customers_own_is_named_by_url_or_by_variable(write: Write) -> None:
    by_url = read(write(mart="sqlite:////lake/contoso.db"))
    by_variable = read(write(mart={"env": "CONTOSO_MART"}), CONTOSO_MART="mssql+pyodbc://app:hunter2@server/mart")

    assert by_url.marts["contoso"].database == "/lake/contoso.db"
    assert by_variable.marts["contoso"].password == "hunter2"


def test_names_of_regions_are_taken_as_people_write_them(write: Write) -> None:
    assert only(write(region="West Europe")).region == "westeurope"


def test_a_blob_account_is_a_sink_at_its_own_address(write: Write) -> None:
    assert only(write(storage="blob")).sink == "https://sto365contoso.blob.core.windows.net/lake"


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"tenant_id": None}, 'customers.contoso.tenant_id is missing, for example: tenant_id = "72f988bf-'),
        ({"first_day": None}, "customers.contoso.first_day is missing, for example: first_day = "),
        ({"application_secret": None}, "customers.contoso.application_secret is missing, for example: application"),
        ({"tenant_id": "contoso.com"}, "customers.contoso.tenant_id: .*for example: tenant_id = "),
        ({"colour": "red"}, "customers.contoso.colour is no key of a customer; there are .*tenant_id, "),
        ({"region": "antarctica"}, "region: Data Connect delivers into no Azure region 'antarctica'; it does into "),
        ({"region": "eastus"}, "region: Data Connect does not deliver mailboxes of Europe into eastus; .*westeurope"),
        ({"mailbox_region": "Atlantis"}, "no Office region 'Atlantis'; there are Asia-Pacific, "),
        ({"storage": "adls-gen1"}, "Gen1 was retired on 2024-02-29.*Gen2"),
        ({"storage_account": "contoso.azuredatalakestore.net"}, "Gen1 was retired on 2024-02-29.*Gen2"),
        ({"storage": "tape"}, "customers.contoso.storage: Input should be 'adls-gen2' or 'blob'"),
        ({"storage_account": "Sto_365"}, "customers.contoso.storage_account: .*for example: storage_account = "),
        ({"schedule": "daily"}, "customers.contoso.schedule: 'daily' is no cron schedule .*30 3"),
        ({"schedule": "@daily"}, "customers.contoso.schedule: '@daily' is no cron schedule .*30 3"),
        ({"schedule": "R R * * *"}, "customers.contoso.schedule: 'R R .*' is no cron schedule"),
        ({"factory": ""}, "customers.contoso.factory: .*for example: factory = "),
        ({"factory": "a/b"}, "customers.contoso.factory: .*for example: factory = "),
        ({"resource_group": ""}, "customers.contoso.resource_group: .*for example: resource_group = "),
        ({"first_day": "9999-12-31"}, "customers.contoso.first_day: .*for example: first_day = "),
        ({"mart": "mssql+pyodbc://server/mart?PWD=hunter2"}, "customers.contoso.mart: the URL holds a password"),
        ({"mart": "mssql+pyodbc:///?odbc_connect=DSN%3Da%3BPwd%3Dhunter2"}, "mart: the URL holds a password"),
        ({"mart": "mssql+pyodbc://app:hun@ter2@server/mart"}, "customers.contoso.mart: .*%40"),
        ({"mart": "mssql+pyodbc://server:port/mart"}, "customers.contoso.mart: a mart is a SQLAlchemy URL"),
        ({"mart": {"env": "UNSET"}}, "customers.contoso.mart: the environment variable UNSET is not set"),
        ({"mart": {"env": "BAD_MART"}}, "customers.contoso.mart: a mart is a SQLAlchemy URL"),
        (
            {"application_secret": {"key_vault": "https://kv.example/secrets/a", "env": "A"}},
            "application_secret.env is no key there; there is key_vault",
        ),
        ({"first_day": "soon"}, 'customers.contoso.first_day: .*for example: first_day = "2026-11-16"'),
        ({"data_request": "nowhere.toml"}, "data request .*nowhere.toml: No such file"),
        ({"mart": "nonsense"}, "customers.contoso.mart: a mart is a SQLAlchemy URL"),
        ({"mart": "mssql+pyodbc://app:hunter2@server/mart"}, "customers.contoso.mart: the URL holds a password"),
        ({"application_secret": {"env": "UNSET"}}, "application_secret: the environment variable UNSET is not set"),
        ({"application_secret": "hunter2"}, "customers.contoso.application_secret: .*key_vault"),
        ({"application_secret": {"secret": "hunter2"}}, "customers.contoso.application_secret.*key_vault"),
    ],
)
def test_what_is_wrong_is_told_in_one_line_with_key_and_example(
    write: Write, changes: dict[str, Any], told: str
) -> None:
    path = write(**changes)

    with pytest.raises(SettingsError) as raised:
        read(path, BAD_MART="nonsense of hunter2")

    message = str(raised.value)
    assert re.search(told, message), message
    assert "\n" not in message
    assert "hunter2" not in message


@pytest.mark.parametrize(
    ("file", "content", "told"),
    [
        ("customers.toml", "", r"customers is missing, for example: \[customers.contoso\]"),
        ("customers.toml", "[customer.contoso]", r"customers is missing, for example: \[customers.contoso\]"),
        ("customers.yaml", "customers: {a: 1}\nversion: 1\n", "customers.a: .*for example"),
        ("customers.toml", f"{example()}\n[defaults]", "defaults is no key of a file of customers; there is customers"),
        ("customers.yaml", "? [a]\n: x\n", "cannot be read"),
        ("customers.yaml", "[" * 5_000, "cannot be read"),
        ("customers.toml", "[customers]", "customers: .*for example"),
        ("customers.toml", "[customers.contoso", "cannot be read"),
        ("customers.yaml", "customers: [", "cannot be read"),
        ("customers.yaml", "just words", "the file: .*for example"),
        ("customers.yaml", "customers:\n  a: {}\n  a: {}\n", "a stands there more than once"),
        ("customers.toml", "[customers.'Contoso Ltd']", "customers.Contoso Ltd: .*for example"),
    ],
)
def test_a_file_that_is_none_of_customers_is_told_in_one_line(
    tmp_path: Path, file: str, content: str, told: str
) -> None:
    (tmp_path / file).write_text(content)

    with pytest.raises(SettingsError, match=told) as raised:
        read(tmp_path / file)

    assert str(raised.value).startswith(str(tmp_path / file))
    assert "\n" not in str(raised.value)


def test_a_folder_may_hold_the_data_requests_of_its_customers(write: Write) -> None:
    path = write("customers.yaml")

    assert [customer.name for customer in read(path.parent).customers] == ["contoso"]


def test_a_byte_order_mark_is_no_part_of_a_file(folder: Path) -> None:
    request, mark = folder / "data_request.toml", b"\xef\xbb\xbf"
    request.write_bytes(mark + request.read_bytes())
    (folder / "customers.TOML").write_bytes(mark + example().encode())

    assert only(folder / "customers.TOML").name == "contoso"


def test_customers_may_share_what_they_have_in_common(write: Write) -> None:
    path = write()
    path.write_text(path.read_text().replace("contoso:", "contoso: &common", 1))
    with path.open("a") as file:
        file.write("  fabrikam:\n    <<: *common\n    factory: adf-fabrikam\n")

    contoso, fabrikam = read(path).customers

    assert (contoso.factory, fabrikam.factory) == ("adf-o365", "adf-fabrikam")
    assert contoso.tenant_id == fabrikam.tenant_id


def test_a_schedule_is_the_same_however_it_is_spaced(write: Write) -> None:
    assert only(write(schedule=" 30  3 * * *")).schedule == only(write(schedule="30 3 * * *")).schedule


def test_the_data_request_of_many_customers_is_read_once(
    folder: Path, write: Write, monkeypatch: pytest.MonkeyPatch
) -> None:
    reading = Mock(wraps=customers_file.read_data_request)
    monkeypatch.setattr(customers_file, "read_data_request", reading)
    write("a.yaml", "contoso")
    write("b.yaml", "fabrikam")

    assert len(read(folder).customers) == 2
    reading.assert_called_once_with(folder / "data_request.toml")


def test_a_customer_in_two_files_is_refused(folder: Path, write: Write) -> None:
    for file in ("a.yaml", "b.yaml"):
        write(file, data_request=str(SHIPPED_REQUEST))
    (folder / "data_request.toml").unlink()

    with pytest.raises(SettingsError, match=r"b.yaml: customers.contoso stands in another file too"):
        read(folder)


def test_a_file_that_is_not_there_is_told(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match=r"O365_CUSTOMERS=.*nowhere.toml: No such file.*for example"):
        read(tmp_path / "nowhere.toml")
    (tmp_path / "empty").mkdir()
    with pytest.raises(SettingsError, match="the folder holds no file of customers"):
        read(tmp_path / "empty")


SALT = "0123456789abcdef" * 2


def test_who_is_kept_out_and_the_salt_are_the_customers(write: Write) -> None:
    path = write(
        deny_people=["Ann@Contoso.com"],
        hash_outside_addresses=True,
        address_salt={"env": "SALT"},
        own_domains=["X.com"],
    )

    customer = only(path, SALT=SALT)

    assert (customer.deny_people, customer.own_domains) == (("ann@contoso.com",), ("x.com",))
    assert customer.address_salt == SecretStr(SALT)
    assert customer.keeps_people_out


@pytest.mark.parametrize("salt", ["pepper", "x" * 31])
def test_a_salt_that_can_be_guessed_is_refused_and_not_repeated(write: Write, salt: str) -> None:
    path = write(hash_outside_addresses=True, address_salt={"env": "SALT"})

    with pytest.raises(SettingsError, match=r"address_salt: at least 32 characters are needed") as raised:
        read(path, SALT=salt)

    assert salt not in str(raised.value)


def test_hashing_without_a_salt_is_wrong(write: Write) -> None:
    with pytest.raises(SettingsError, match="address_salt is missing, for example"):
        read(write(hash_outside_addresses=True))


def written_out(**changes: Any) -> str:
    """The example as the Azure template writes it: JSON, with the data request in it."""
    entry = as_json(tomllib.loads(example()))["customers"]["contoso"]
    asked = as_json(tomllib.loads(SHIPPED_REQUEST.read_text()))
    return json.dumps({"customers": {"contoso": {**entry, "data_request": asked, **changes}}})


def test_the_setting_itself_may_hold_the_customers(folder: Path) -> None:
    (folder / "customers.toml").write_text(example())

    [customer] = read_customers(written_out(), {}).customers

    assert customer == only(folder / "customers.toml")


def test_a_data_request_may_stand_in_a_file_of_customers(write: Write) -> None:
    asked = tomllib.loads(SHIPPED_REQUEST.read_text())

    assert only(write(data_request=asked)) == only(write(data_request=str(SHIPPED_REQUEST)))


@pytest.mark.parametrize(
    ("source", "said"),
    [
        ('{"customers": ', "O365_CUSTOMERS: its JSON cannot be read"),
        ('{"customers": {}}', "O365_CUSTOMERS: customers"),
        (written_out(data_request={}), "O365_CUSTOMERS: customers.contoso.data_request.application_id is missing"),
        (written_out(factory="x"), "O365_CUSTOMERS: customers.contoso.factory"),
        (written_out(data_requests={}), "customers.contoso.data_requests is no key of a customer"),
        (
            written_out(data_request={**tomllib.loads(SHIPPED_REQUEST.read_text()), "scope": "All"}),
            "customers.contoso.data_request.scope is no key of a data request",
        ),
        (
            written_out(
                data_request={
                    **tomllib.loads(SHIPPED_REQUEST.read_text()),
                    "datasets": [{"name": "Message_v9", "columns": ["id"]}],
                }
            ),
            "O365_CUSTOMERS: data_request: .*Message_v9",
        ),
    ],
)
def test_what_is_wrong_in_what_the_template_wrote_is_one_line(source: str, said: str) -> None:
    with pytest.raises(SettingsError, match=said) as refused:
        read_customers(source, {})

    assert len(str(refused.value).splitlines()) == 1
