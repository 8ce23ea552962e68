"""What every step does: it notes its process, and turns errors into Dagster failures.

A failure is one clear line, and retried only if a retry can help.

What belongs here: that frame of a step. The errors belong to `errors.py`, what failed beneath the pipeline to
`failures.py`, the processes to `run_processes.py`.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import dagster as dg

from o365_pipeline.dagster_ui.failures import told
from o365_pipeline.dagster_ui.retries import INTERRUPTIONS
from o365_pipeline.dagster_ui.run_processes import note_process


@contextmanager
def working_on(context: dg.OpExecutionContext | dg.AssetExecutionContext) -> Iterator[None]:
    """Notes the run's process, and turns errors into failures of one line; what a retry cannot fix is not retried."""
    note_process(context)
    try:
        yield
    except (dg.Failure, *INTERRUPTIONS):
        raise
    except Exception as error:
        found = told(error)
        if not found.was_foreseen:
            raise
        raise dg.Failure(found.line, allow_retries=not found.lasts) from error
