"""The definitions of accountability: the consent report."""

from __future__ import annotations

import dagster as dg

from o365_pipeline.accountability.assets import consent_report_asset


def accountability_definitions() -> dg.Definitions:
    return dg.Definitions(assets=[consent_report_asset])
