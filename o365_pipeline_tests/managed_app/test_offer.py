"""What an offer's file may say."""

from __future__ import annotations

from pathlib import Path

import pytest

from o365_pipeline.errors import SettingsError
from o365_pipeline.managed_app.offer import Offer, example, read_offer

PRINCIPAL = 'principal_id = "22222222-0000-4000-8000-0000000000f2"'


def read(tmp_path: Path, old: str, new: str) -> Offer:
    """The shipped example with a change, read from a file."""
    assert old in example()
    (tmp_path / "offer.toml").write_text(example().replace(old, new))
    return read_offer(tmp_path / "offer.toml")


def test_the_vendors_role_is_no_choice_of_the_offer(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match=r"management\.role is no key of an offer"):
        read(tmp_path, PRINCIPAL, f'{PRINCIPAL}\nrole = "Contributor"')


DIGEST = "@sha256:" + 64 * "0"


@pytest.mark.parametrize(
    ("image", "said"),
    [
        ("registry.example/o365-pipeline:1.0.0", "image: String should match pattern"),
        (f"registry.example/o365-pipeline:1.0.0{DIGEST}", "image: String should match pattern"),
        (f"o365-pipeline{DIGEST}", "image: String should match pattern"),
        (f"fabrikam.azurecr.io/o365-pipeline{DIGEST}", "identities of its own tenant alone"),
    ],
)
def test_the_image_is_named_by_registry_and_digest_where_another_tenant_may_pull_it(
    tmp_path: Path, image: str, said: str
) -> None:
    [line] = [line for line in example().splitlines() if line.startswith("image")]

    with pytest.raises(SettingsError, match=said):
        read(tmp_path, line, f'image = "{image}"')

    port = f"registry.example:5000/of/o365-pipeline{DIGEST}"
    assert read(tmp_path, line, f'image = "{port}"').image == port


@pytest.mark.parametrize("cron", ["daily", "0 4 * *", "0 25 * * 1", ""])
def test_a_schedule_that_is_no_cron_is_refused_in_one_line(tmp_path: Path, cron: str) -> None:
    with pytest.raises(SettingsError, match=r"skus.2.schedule: '.*' is no cron schedule of five fields") as refused:
        read(tmp_path, '"0 4 * * 1"', f'"{cron}"')

    assert "\n" not in str(refused.value)


def test_a_schedule_is_taken_as_it_is_meant(tmp_path: Path) -> None:
    assert read(tmp_path, '"0 4 * * 1"', '" 0  5 * * 2"').skus[1].schedule == "0 5 * * 2"
