"""How steps are repeated after a failure, and that a step that somebody terminated is not.

What belongs here: the one kind of retry policy. How often and after which pause belongs to the stages.
"""

import sys

import dagster as dg

INTERRUPTIONS = (dg.DagsterExecutionInterruptedError, KeyboardInterrupt)


class UnlessTerminated(dg.RetryPolicy):
    """A retry policy for failures alone.

    Dagster asks the policy for a pause after an interruption too, and then begins the step anew: what was cancelled
    would be extracted, and paid, a second time. This policy lets the interruption through, which ends the run; also
    where something failed while the step was cleaning up after it.
    """

    def calculate_delay(self, attempt_num: int) -> float:
        error = sys.exception()
        while error:
            if isinstance(error, INTERRUPTIONS):
                raise error
            error = error.__cause__ or error.__context__
        return super().calculate_delay(attempt_num)
