"""A sandbox over which customers install the shipped offer."""

from __future__ import annotations

from importlib import resources
from pathlib import Path

import pytest

from o365_pipeline.deployment import Deployment, load
from o365_pipeline.managed_app import offer as offers
from o365_pipeline.managed_app.offer import Offer
from o365_pipeline.sandbox.cloud import SandboxCloud
from o365_pipeline.sandbox.transport import sandbox_transport
from o365_pipeline_tests.managed_app.azure import Azure


@pytest.fixture
def deployment(tmp_path: Path) -> Deployment:
    """A sandbox that sells one day of history of the two datasets that make mail facts."""
    shipped = (resources.files("o365_pipeline.customers") / "data_request.toml").read_text()
    head, *datasets = shipped.split("[[datasets]]")
    wanted = [text for text in datasets if "User_v1" in text or "Message_v1" in text]
    (tmp_path / "request.toml").write_text("[[datasets]]".join([head, *wanted]))
    sold = offers.example().replace("history_days = 7", "history_days = 1")
    (tmp_path / "offer.toml").write_text(f'data_request = "request.toml"\n{sold}')
    return load(
        home=tmp_path / "o365", sandbox_seconds=0, sandbox_users=12, initial_days=1, offer=tmp_path / "offer.toml"
    )


@pytest.fixture
def offer(deployment: Deployment) -> Offer:
    assert deployment.offer
    return deployment.offer


@pytest.fixture
def azure(offer: Offer, monkeypatch: pytest.MonkeyPatch) -> Azure:
    azure = Azure(offer)
    monkeypatch.setattr(SandboxCloud, "transport", lambda cloud: sandbox_transport(azure.over(cloud.app)))
    return azure
