"""A sandbox over which customers install the shipped offer."""

from __future__ import annotations

import dagster as dg
import pytest

from o365_pipeline.deployment import Deployment
from o365_pipeline.managed_app.offer import Offer
from o365_pipeline.sandbox.cloud import SandboxCloud
from o365_pipeline.sandbox.transport import sandbox_transport
from o365_pipeline_tests.managed_app.azure import Azure
from o365_pipeline_tests.runner import Runner


@pytest.fixture
def offer(deployment: Deployment) -> Offer:
    assert deployment.offer
    return deployment.offer


@pytest.fixture
def azure(offer: Offer, monkeypatch: pytest.MonkeyPatch) -> Azure:
    azure = Azure(offer)
    monkeypatch.setattr(SandboxCloud, "transport", lambda cloud: sandbox_transport(azure.over(cloud.app)))
    return azure


@pytest.fixture
def runner(deployment: Deployment, instance: dg.DagsterInstance) -> Runner:
    return Runner(deployment, instance)
