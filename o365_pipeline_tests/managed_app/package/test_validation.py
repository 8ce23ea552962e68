"""What is wrong with a package is told by file, place, and what to do; each problem is made once."""

from __future__ import annotations

import io
import json
import zipfile
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest
from pydantic import SecretStr

from o365_pipeline.managed_app.package import template_checks, validation
from o365_pipeline.managed_app.package.package import README, TEMPLATE, VIEWS, WIZARD, packed, write
from o365_pipeline.managed_app.package.package_problems import Problem
from o365_pipeline.managed_app.package.validation import validate
from o365_pipeline_tests.managed_app.installing import example_package

Change = Callable[[Any], None]
OWNER = "8e3af657-a8ff-443c-a75c-2fe8c4bcb635"


def broken(file: str, change: Change) -> list[Problem]:
    """What is wrong with the example's package after a change of one of its documents."""
    document = json.loads(example_package().files[file])
    change(document)
    return checked({**example_package().files, file: json.dumps(document).encode()})


def checked(files: Mapping[str, bytes]) -> list[Problem]:
    return validate(packed("package.zip", files))


def resource(template: Any, kind: str) -> Any:
    return next(one for one in template["resources"] if one["type"].endswith(kind))


def element(wizard: Any, step: int, name: str) -> Any:
    return next(one for one in wizard["parameters"]["steps"][step]["elements"] if one["name"] == name)


def of_the_vault(template: Any) -> Any:
    """The assignment of the role with which the factory reads the vault."""
    return next(one for one in template["resources"] if "4633458b" in one["name"])


def another_role(template: Any) -> None:
    granted = of_the_vault(template)
    template["resources"].append(json.loads(json.dumps(granted).replace("4633458b-17de-408a-b874-0445c86b69e6", OWNER)))


def a_role_for_the_whole_group(template: Any) -> None:
    granted = json.loads(json.dumps(of_the_vault(template)))
    del granted["scope"]
    granted["name"] = "for-all"
    template["resources"].append(granted)


def no_role(template: Any) -> None:
    template["resources"].remove(of_the_vault(template))


def written_key(template: Any) -> None:
    services = [one for one in template["resources"] if one["type"].endswith("linkedservices")]
    next(one for one in services if "o365_lake" in one["name"])["properties"]["typeProperties"][
        "servicePrincipalKey"
    ] = {"type": "SecureString", "value": "[parameters('sku')]"}


def preset_secret(template: Any) -> None:
    metadata = {"description": "The application's secret."}
    template["parameters"]["applicationSecret"] = {
        "type": "securestring", "defaultValue": "hunter2", "metadata": metadata
    }  # fmt: skip


def written_password(template: Any) -> None:
    resource(template, "Sql/servers")["properties"]["administratorLoginPassword"] = "hunter2"


def extra_parameter(template: Any) -> None:
    template["parameters"]["extra"] = {"type": "string", "metadata": {"description": "Nobody is asked for it."}}
    template["outputs"]["extra"] = {
        "type": "string", "value": "[parameters('extra')]", "metadata": {"description": "What was given."}
    }  # fmt: skip


@pytest.mark.parametrize(
    ("change", "path", "message", "remedy"),
    [
        (lambda t: t["resources"][0].pop("apiVersion"), "resources.0", "'apiVersion' is a required", "keep to"),
        (lambda t: t.update(language="2.0"), "", "'language' was unexpected", "keep to arm_template"),
        (
            lambda t: t["variables"].update(container="[variables('lakes')]"),
            "",
            "no such variable: lakes",
            "correct the expression",
        ),
        (
            lambda t: t["variables"].update(container="[variables('container')]"),
            "",
            "the variable container needs itself",
            "correct the expression",
        ),
        (lambda t: t["resources"].append(t["resources"][0]), "", "it is there twice", "correct the expression"),
        (lambda t: t["variables"].update(idle="x"), "", "declared and never used: idle", "take out what"),
        (
            lambda t: t["parameters"]["location"].update(allowedValues=["westeurope", "swedencentral"]),
            "parameters.location.allowedValues",
            "does not deliver into swedencentral",
            "choose among eastasia",
        ),
        (
            lambda t: t["parameters"]["location"].pop("allowedValues"),
            "parameters.location.allowedValues",
            "any region may be chosen",
            "list regions",
        ),
        (another_role, "resources", f"the role {OWNER} is assigned on Microsoft.KeyVault/vaults", "and nothing else"),
        (a_role_for_the_whole_group, "resources", "is assigned on the resource group", "and nothing else"),
        (
            no_role,
            "resources",
            "the role Key Vault Secrets User is not assigned",
            "assign it to the factory: The factory reads",
        ),
        (written_key, "typeProperties.servicePrincipalKey", "no reference to a Key Vault", "as AzureKeyVaultSecret"),
        (preset_secret, "parameters.applicationSecret.defaultValue", "has a value by default", "leave the default out"),
        (written_password, "properties.administratorLoginPassword", "a secret is written down", "securestring"),
        (
            lambda t: t["variables"].update(container=f"[concat({'variables(1), ' * 2000}'')]"),
            "variables.container",
            "characters, more than 24576",
            "make it shorter",
        ),
    ],
)
def test_what_is_wrong_with_a_template_is_told(change: Change, path: str, message: str, remedy: str) -> None:
    problems = broken(TEMPLATE, change)

    assert has(problems, TEMPLATE, path, message, remedy), problems


@pytest.mark.parametrize(
    ("change", "path", "message", "remedy"),
    [
        (
            lambda w: w.update(handler="Other"),
            "handler",
            "'Microsoft.Azure.CreateUIDef' was expected",
            "keep to ui_def",
        ),
        (
            lambda w: w["parameters"]["outputs"].update(sku="[steps('plan').size]"),
            "parameters.outputs.sku",
            "there is no size",
            "name an element of a step",
        ),
        (
            lambda w: w["parameters"]["outputs"].update(sku="[steps('plans').sku]"),
            "parameters.outputs.sku",
            "there is no step plans",
            "name an element of a step",
        ),
        (
            lambda w: element(w, -1, "cost1").update(visible="[is(steps('plan').sku)]"),
            "visible",
            "no such function: is",
            "name an element",
        ),
        (
            lambda w: w["parameters"]["outputs"].update(more="[location()]"),
            "parameters.outputs.more",
            "the template has no such parameter",
            "take the output out",
        ),
        (
            lambda w: w["parameters"]["outputs"].pop("sku"),
            "parameters.outputs",
            "the template's parameter sku is not among them",
            "add an output sku",
        ),
        (
            lambda w: element(w, -1, "sku")["constraints"]["allowedValues"][0].update(value="huge"),
            "parameters.outputs",
            "sku=huge is not allowed",
            "hand on what it declares",
        ),
        (
            lambda w: w["parameters"]["outputs"].update(extractGroups="[steps('data').extractGroups]"),
            "parameters.outputs",
            "is no array",
            "hand on what it declares",
        ),
        (
            lambda w: w["parameters"]["config"]["basics"]["location"].update(allowedValues=["uksouth"]),
            "parameters.config.basics.location.allowedValues",
            "uksouth can be chosen, and the template takes westeurope, northeurope",
            "the same regions in both",
        ),
        (
            lambda w: element(w, -1, "users").update(name="sku"),
            "steps.plan",
            "two elements are named sku",
            "name each its own way",
        ),
        (lambda w: element(w, 0, "leaving").pop("options"), "elements.2", "'options' is a required", "keep to ui_def"),
    ],
)
def test_what_is_wrong_with_a_wizard_is_told(change: Change, path: str, message: str, remedy: str) -> None:
    problems = broken(WIZARD, change)

    assert has(problems, WIZARD, path, message, remedy), problems


def test_a_parameter_that_nobody_is_asked_for_is_told() -> None:
    problems = broken(TEMPLATE, extra_parameter)

    assert has(problems, WIZARD, "parameters.outputs", "parameter extra is not among them", "add an output extra")


def test_what_is_wrong_with_the_views_is_told() -> None:
    problems = broken(VIEWS, lambda views: views["views"][0].update(kind="Else"))

    assert has(problems, VIEWS, "views.0.kind", "'Else' is not one of", "keep to view_definition.schema.json")


SECRETS = {
    "a shared access signature": "https://sto.blob.core.windows.net/c/b?sv=2022-11-02&sig=aGVsbG8gd29ybGQ%3D",
    "a connection string with a key": "AccountName=sto;AccountKey=aGVsbG8gd29ybGQ;",
    "a connection string with a password": "Server=sql;Uid=me;Pwd=hunter2;",
    "an address with a password": "mssql://me:hunter2@server/mart",
    "a private key": "-----BEGIN RSA PRIVATE KEY-----",
    "a storage account's key": "a" * 86 + "==",
    "a secret of an Entra application": "abc8Q~" + "x" * 34,
}


@pytest.mark.parametrize("kind", SECRETS)
@pytest.mark.parametrize("file", [TEMPLATE, WIZARD, VIEWS, README])
def test_a_secret_is_found_in_any_file_and_not_repeated(kind: str, file: str) -> None:
    content = example_package().files[file] + b"\n" + SECRETS[kind].encode()

    found = [one for one in checked({**example_package().files, file: content}) if kind in one.message]

    assert [(one.file, one.path) for one in found] == [(file, f"line {content.count(10) + 1}")]
    assert "take it out" in found[0].remedy
    assert "hunter2" not in str(found[0]) and SECRETS[kind] not in str(found[0])


def test_the_offers_own_secret_is_found_and_not_repeated() -> None:
    files = {**example_package().files, README: b"Sign in with open sesame."}

    [problem] = validate(packed("package.zip", files), [SecretStr("open sesame"), SecretStr("untold"), SecretStr("")])

    assert (problem.file, problem.path) == (README, "line 1")
    assert "the offer's own secret" in problem.message
    assert "sesame" not in str(problem)


@pytest.mark.parametrize("file", [TEMPLATE, WIZARD, VIEWS, README])
def test_a_file_that_is_missing_is_told(file: str) -> None:
    files = {name: content for name, content in example_package().files.items() if name != file}

    assert has(checked(files), file, "", "it is not at the root", "zip the files")


@pytest.mark.parametrize("name", ["package/mainTemplate.json", "maintemplate.json"])
def test_a_file_that_lies_elsewhere_is_told(name: str) -> None:
    files = dict(example_package().files)
    files[name] = files.pop(TEMPLATE)

    assert has(checked(files), TEMPLATE, "", f"but {name} is there", "zip the files, not their folder")


@pytest.mark.parametrize("file", [TEMPLATE, WIZARD, VIEWS])
@pytest.mark.parametrize(
    ("content", "path", "message"), [(b'{\n"a": }', "line 2", "it is no JSON"), (b"\xff", "", "it is no UTF-8")]
)
def test_what_is_no_json_is_told(file: str, content: bytes, path: str, message: str) -> None:
    problems = checked({**example_package().files, file: content})

    assert has(problems, file, path, message, "")


@pytest.mark.parametrize(
    ("limit", "path", "message"),
    [("MAX_TEMPLATE", "", "bytes, more than 100"), ("MAX_RESOURCE", "resources.0", "bytes, more than 100")],
)
def test_a_template_that_is_too_large_is_told(
    monkeypatch: pytest.MonkeyPatch, limit: str, path: str, message: str
) -> None:
    monkeypatch.setattr(template_checks, limit, 100)

    assert has(validate(example_package()), TEMPLATE, path, message, "")


def test_a_package_that_is_too_large_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(validation, "MAX_PACKAGE", 100)

    assert has(validate(example_package()), example_package().name, "", "bytes, more than 100", "leave other files out")


def test_a_package_is_read_from_its_file(tmp_path: Path) -> None:
    good = write(example_package(), tmp_path)
    (tmp_path / "bad.zip").write_bytes(b"no zip")

    assert validate(good) == []
    [problem] = validate(tmp_path / "bad.zip")
    assert str(problem) == f"{tmp_path / 'bad.zip'}: it is no zip; `managed-app build` writes a package"


def test_a_package_that_another_tool_compressed_is_taken(tmp_path: Path) -> None:
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, text in example_package().files.items():
            archive.writestr(name, text)
    (tmp_path / "other.zip").write_bytes(content.getvalue())

    assert validate(tmp_path / "other.zip") == []


@pytest.mark.parametrize("document", [[], "text", 1, None, {}, {"parameters": [], "resources": {}}])
@pytest.mark.parametrize("file", [TEMPLATE, WIZARD, VIEWS])
def test_documents_of_any_form_are_refused_and_break_nothing(file: str, document: Any) -> None:
    problems = checked({**example_package().files, file: json.dumps(document).encode()})

    assert {one.file for one in problems} == {file}


def test_a_problem_is_one_line_of_file_place_message_and_remedy() -> None:
    assert str(Problem("a.json", "b.0", "it is wrong", "correct it")) == "a.json: b.0: it is wrong; correct it"
    assert str(Problem("a.json", "", "it is wrong", "correct it")) == "a.json: it is wrong; correct it"


def has(problems: list[Problem], file: str, path: str, message: str, remedy: str) -> bool:
    """Whether that problem is among them, as far as it is told."""
    there = [one for one in problems if one.file == file and one.path.endswith(path)]
    return any(message in one.message and remedy in one.remedy for one in there)


@pytest.mark.parametrize("region", [7, None, [], {}])
def test_a_region_that_is_no_text_is_told(region: Any) -> None:
    def change(template: Any) -> None:
        template["parameters"]["location"]["allowedValues"].append(region)

    told = [problem.message for problem in broken(TEMPLATE, change)]

    assert f"Data Connect does not deliver into {region}" in told
