"""The definitions of the consent stage: the approval, the check of it, and the sensor that reads it."""

from __future__ import annotations

import dagster as dg

from o365_pipeline.consent.assets import approval, approval_in_force
from o365_pipeline.consent.sensor import build_consent_sensor


def consent_definitions(sensors: dg.DefaultSensorStatus) -> dg.Definitions:
    return dg.Definitions(assets=[approval], asset_checks=[approval_in_force], sensors=[build_consent_sensor(sensors)])
