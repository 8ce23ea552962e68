"""Turns the pipeline's errors into Dagster failures: one clear line, retried only if a retry can help.

What belongs here: that translation. The errors belong to `errors.py`.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import dagster as dg

from o365_pipeline.errors import (
    FactoryRunFailedError,
    LakeError,
    LandingError,
    NotAuthorizedError,
    PublishError,
    SettingsError,
    UsageError,
)


@contextmanager
def failures_in_one_line() -> Iterator[None]:
    """Turns the pipeline's errors into failures of one line; those that a retry cannot fix are not retried."""
    try:
        yield
    except (LakeError, PublishError) as error:
        raise dg.Failure(str(error)) from error
    except (NotAuthorizedError, FactoryRunFailedError, LandingError, SettingsError, UsageError) as error:
        raise dg.Failure(str(error), allow_retries=False) from error
