"""What differs between a definition and what a factory answers, which is more than it was sent."""

from __future__ import annotations

import copy
from typing import Any

import pytest
from pydantic import SecretStr

from o365_pipeline.customers.customer import Customer, KeyVaultSecret
from o365_pipeline.customers.data_request import Scope
from o365_pipeline.extraction import factory_definitions as definitions
from o365_pipeline.extraction.factory_changes import DefinitionChange, as_markdown, change
from o365_pipeline.extraction.factory_definitions import Definition

VAULT = KeyVaultSecret(key_vault="https://kv-contoso.vault.azure.net/secrets/data-connect")


def definition(customer: Customer, kind: str, name: str, **requested: Any) -> Definition:
    asked = customer.data_request.requested("Message_v1")
    assert asked
    found = definitions.copy_definitions(customer, asked.model_copy(update=requested))
    return next(entry for entry in found if (entry.kind, entry.name) == (kind, name))


def source(customer: Customer, secret: SecretStr | KeyVaultSecret) -> Definition:
    with_secret = customer.model_copy(update={"application_secret": secret})
    return definition(with_secret, "linked service", definitions.SOURCE_SERVICE)


def pipeline(customer: Customer, **requested: Any) -> Definition:
    return definition(customer, "pipeline", "o365_Message_v1", **requested)


def answered(sent: Definition) -> dict[str, Any]:
    """What the service answers of a definition: with its own additions, and stars for the secret."""
    properties = copy.deepcopy(sent.properties)
    properties = {
        "annotations": [],
        "folder": {"name": "by hand"},
        "lastPublishTime": "2026-11-16T01:00:00Z",
    } | properties
    for activity in properties.get("activities", []):
        activity |= {"dependsOn": [], "userProperties": [], "policy": {"timeout": "0.12:00:00", "retry": 0}}
        activity["typeProperties"]["enableStaging"] = False
    details = properties.get("typeProperties", {})
    if details.get("servicePrincipalKey", {}).get("type") == "SecureString":
        details["servicePrincipalKey"]["value"] = "**********"
        details["encryptedCredential"] = "opaque"
    return properties


def lines(definition: Definition, held: dict[str, Any]) -> tuple[str, ...]:
    different = change(definition, held)
    assert different
    return different.lines


@pytest.mark.parametrize("secret", [SecretStr("one"), VAULT])
def test_what_the_service_adds_is_no_difference(customer: Customer, secret: SecretStr | KeyVaultSecret) -> None:
    requested = customer.data_request.requested("Message_v1")
    assert requested
    changed = customer.model_copy(update={"application_secret": secret})

    for sent in definitions.copy_definitions(changed, requested):
        assert change(sent, answered(sent)) is None, sent.name


def test_columns_that_come_and_go_are_told_line_by_line(customer: Customer) -> None:
    held = answered(pipeline(customer, columns=("id", "internetMessageId", "subject")))

    told = lines(pipeline(customer, columns=("internetMessageId", "sentDateTime", "id")), held)

    path = "activities[copy_Message_v1].typeProperties.source.outputColumns"
    assert told == (f"- {path}: subject", f"+ {path}: sentDateTime")


def test_a_scope_that_is_left_out_today_must_not_stay_in_the_factory(customer: Customer) -> None:
    held = answered(pipeline(customer, scope=Scope(kind="List", groups=("g1",))))

    assert lines(pipeline(customer), held) == ("- activities[copy_Message_v1].typeProperties.source.allowedGroups: g1",)


def test_an_activity_that_somebody_added_is_a_difference(customer: Customer) -> None:
    held = answered(pipeline(customer))
    held["activities"].append({"name": "copy_elsewhere", "type": "Copy", "typeProperties": {}})

    assert lines(pipeline(customer), held) == ("- activities: copy_elsewhere",)


def test_a_key_that_somebody_gave_the_lake_is_a_difference(customer: Customer) -> None:
    lake = definition(customer, "linked service", definitions.LAKE_SERVICE)
    held = answered(lake)
    held["typeProperties"]["sasUri"] = {"type": "SecureString", "value": "**********"}
    held["typeProperties"]["accountKey"] = {"type": "AzureKeyVaultSecret", "secretName": "key"}

    assert lines(lake, held) == (
        "- typeProperties.accountKey.secretName: key",
        "- typeProperties.accountKey.type: AzureKeyVaultSecret",
        "- typeProperties.sasUri: a secret",
    )


def test_a_rotated_secret_is_noticed_and_no_secret_is_told(customer: Customer) -> None:
    held = answered(source(customer, SecretStr("rose-of-yesterday")))

    different = change(source(customer, SecretStr("rose-of-today")), held)

    assert different
    old, new = different.lines
    assert old.startswith("- annotations: application secret, fingerprint ")
    assert new.startswith("+ annotations: application secret, fingerprint ")
    assert old[2:] != new[2:]
    assert "rose" not in different.diff
    assert "**" not in different.diff


def test_the_same_secret_has_another_fingerprint_at_another_customer(customer: Customer) -> None:
    secret = SecretStr("shared by the vendor")
    other = customer.model_copy(update={"tenant_id": "another"})

    assert definitions.fingerprint_note(customer, secret) == definitions.fingerprint_note(customer, secret)
    assert definitions.fingerprint_note(customer, secret) != definitions.fingerprint_note(other, secret)


def test_moving_the_secret_into_a_key_vault_and_out_of_it_is_noticed(customer: Customer) -> None:
    inside, outside = source(customer, VAULT), source(customer, SecretStr("one"))

    moved_in = lines(inside, answered(outside))
    moved_out = lines(outside, answered(inside))

    assert "+ typeProperties.servicePrincipalKey.secretName: data-connect" in moved_in
    assert any(line.startswith("- annotations: application secret") for line in moved_in)
    assert any(line.startswith("+ annotations: application secret") for line in moved_out)


def test_annotations_of_others_are_left_alone(customer: Customer) -> None:
    sent = source(customer, SecretStr("one"))
    held = answered(sent)
    held["annotations"].append("owned by finance")

    assert change(sent, held) is None


def test_a_filter_is_told_by_its_fingerprint(customer: Customer) -> None:
    scope = Scope(kind="FilterUri", filter_uri="https://graph.microsoft.com/v1.0/users?$filter=mail eq 'ann@x.example'")

    told = lines(pipeline(customer, scope=scope), answered(pipeline(customer)))

    assert len(told) == 1
    assert "userScopeFilterUri: fingerprint " in told[0]
    assert "ann@" not in told[0]


def test_a_new_definition_is_told_in_one_line_and_a_changed_one_with_its_difference() -> None:
    created = DefinitionChange("dataset", "o365_User_v1", True, ("+ type: Office365Table",))
    changed = DefinitionChange("pipeline", "o365_User_v1", False, ("- a: 1", "+ a: 2"))

    assert as_markdown([created, changed]).splitlines() == [
        "- dataset o365_User_v1 created",
        "- pipeline o365_User_v1 changed",
        "```diff",
        "- a: 1",
        "+ a: 2",
        "```",
    ]
    assert created.diff == "dataset o365_User_v1 created\n+ type: Office365Table"
