"""The package of an offer: the same bytes each time, with everything that Azure and a purchaser look for."""

from __future__ import annotations

import io
import json
import time
import zipfile
from pathlib import Path

import pytest

from o365_pipeline.errors import UsageError
from o365_pipeline.managed_app.package.arm_template import deploy
from o365_pipeline.managed_app.package.package import (
    README,
    TEMPLATE,
    WIZARD,
    build,
    build_plans,
    folder,
    packed,
    read,
    write,
)
from o365_pipeline.managed_app.package.ui_expressions import answers, outputs
from o365_pipeline.managed_app.package.validation import validate
from o365_pipeline_tests.managed_app.installing import APPLICATION, NARROWED, example_package, offer

FILES = ["mainTemplate.json", "createUiDefinition.json", "viewDefinition.json", "README.md"]


def test_the_same_offer_gives_the_same_bytes_whenever_it_is_built(monkeypatch: pytest.MonkeyPatch) -> None:
    first = example_package()
    monkeypatch.setattr(time, "time", lambda: 2_000_000_000.0)
    monkeypatch.setattr(time, "localtime", lambda *_: time.gmtime(2_000_000_000))

    again = build(offer())

    assert again.content == first.content
    assert again.digest == first.digest


def test_another_offer_gives_another_digest() -> None:
    assert build(offer(version="1.0.1")).digest != example_package().digest


def test_the_files_lie_at_the_root_in_one_order_with_one_time_and_one_permission() -> None:
    with zipfile.ZipFile(io.BytesIO(example_package().content)) as archive:
        entries = archive.infolist()

    assert [entry.filename for entry in entries] == FILES
    assert {(entry.date_time, entry.external_attr >> 16, entry.create_system) for entry in entries} == {
        ((1980, 1, 1, 0, 0, 0), 0o644, 3)
    }


@pytest.mark.parametrize("plan", ["standard", "weekly"])
def test_the_package_of_a_plan_installs_that_plan_and_asks_for_no_other(plan: str) -> None:
    sizes = {"standard": "S1", "weekly": "S2"}
    sold = offer(skus=tuple(sku.model_copy(update={"database": sizes[sku.name]}) for sku in offer().skus))
    package = build_plans(sold)[plan]
    wizard, template = json.loads(package.files[WIZARD]), json.loads(package.files[TEMPLATE])
    chosen = answers(wizard, "westeurope", APPLICATION)

    passwords = {"applicationSecret": "", "uiApplicationSecret": "", "insightsApplicationSecret": ""}
    deployed = deploy(template, **{**outputs(wizard, chosen), **passwords})

    assert validate(package) == []
    assert "sku" not in outputs(wizard, chosen)
    assert deployed.outputs["sku"] == plan
    assert deployed.only("Microsoft.Sql/servers/databases")["sku"] == {"name": sizes[plan]}
    text = package.files[README].decode()
    assert sold.sku(plan).description in text
    assert not any(sku.description in text for sku in sold.skus if sku.name != plan)


@pytest.mark.parametrize("sold", [offer(), NARROWED, offer(policies=())], ids=["example", "scopes", "no policies"])
def test_a_package_that_is_built_can_be_published(sold: object) -> None:
    assert validate(build(sold)) == []  # type: ignore[arg-type]


def test_what_was_written_is_read_back(tmp_path: Path) -> None:
    package = example_package()

    path = write(package, folder(tmp_path, offer()))

    assert path.relative_to(tmp_path) == Path("managed_app/office365-insights/1.0.0/office365-insights-1.0.0.zip")
    assert read(path) == package
    assert [one.name for one in path.parent.iterdir()] == [path.name]


def test_a_write_that_fails_leaves_what_was_there(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = write(packed("package.zip", {"a": b"before"}), tmp_path)

    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Path, "replace", full)

    with pytest.raises(UsageError, match="No space left on device; name another folder"):
        write(packed("package.zip", {"a": b"after"}), tmp_path)
    assert read(path).files == {"a": b"before"}


@pytest.mark.parametrize(("name", "said"), [("nothing.zip", "No such file"), ("text.zip", "it is no zip")])
def test_what_is_no_package_is_said(tmp_path: Path, name: str, said: str) -> None:
    (tmp_path / "text.zip").write_text("text")

    with pytest.raises(UsageError, match=said):
        read(tmp_path / name)


def test_the_view_names_the_offer_its_support_and_the_metrics_of_its_factory() -> None:
    views = json.loads(example_package().files["viewDefinition.json"])["views"]
    overview, metrics = (view["properties"] for view in views)

    assert overview["header"] == "Office 365 insights by Fabrikam"
    for told in ("support@fabrikam.example", "https://fabrikam.example/terms", "Data stays in your subscription"):
        assert told in overview["description"]
    assert {one["metrics"][0]["resourceType"] for one in metrics["charts"]} == {"Microsoft.DataFactory/factories"}
