"""What a check found, as a sensor reports it.

What belongs here: the way from a check's result to an event outside of runs. What is judged is each check's.
"""

from __future__ import annotations

import dagster as dg


def evaluation(key: dg.AssetKey, check: str, result: dg.AssetCheckResult) -> dg.AssetCheckEvaluation:
    """The result of an asset's check without a run.

    It has no partition: outside of runs Dagster (1.13) records a check once for each partition, and never again.
    """
    return dg.AssetCheckEvaluation(
        asset_key=key,
        check_name=check,
        passed=result.passed,
        severity=result.severity,
        description=result.description,
        metadata=result.metadata,
    )
