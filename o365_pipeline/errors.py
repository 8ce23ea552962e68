"""The one tree of exceptions. Each message names the thing, what was expected and what to do, in one line.

What belongs here: exception classes only. The rules that raise them live in their stages.
"""

from typing import ClassVar

LONGEST_MESSAGE = 2_000


def one_line(text: str) -> str:
    """Returns the text as one line that can be printed anywhere and read by somebody, whatever it repeats of a file."""
    line = " ".join(text.split())
    if not line.isprintable():
        line = "".join(letter if letter.isprintable() else letter.encode("unicode_escape").decode() for letter in line)
    return line if len(line) <= LONGEST_MESSAGE else f"{line[:LONGEST_MESSAGE]} ..."


class O365PipelineError(Exception):
    """An error that the pipeline can explain to its user; the terminal shows the message alone, in one line."""

    lasts: ClassVar[bool] = False
    """Whether to try again without doing anything about it changes nothing."""

    def __init__(self, message: str = "") -> None:
        super().__init__(one_line(message))


class SettingsError(O365PipelineError):
    """A setting is missing or wrong; the message names it and gives an example."""

    lasts = True


class DatabaseError(O365PipelineError):
    """The mart's database cannot be opened."""


class DatabaseUnavailableError(O365PipelineError):
    """The mart's database repeatedly answered with a transient error."""


class OptionRefusedError(O365PipelineError):
    """The mart's database does not support an optional step."""


class UsageError(O365PipelineError):
    """The user asked for something that does not exist: an unknown dataset, column, customer, or a malformed date."""

    lasts = True


class TemplateError(O365PipelineError):
    """Azure would refuse a template or a wizard of a managed application; the message names the expression."""


class NotAuthorizedError(O365PipelineError):
    """No approval in force covers the request; the message names Data Connect's rule."""

    lasts = True


class FeedUnreadError(NotAuthorizedError):
    """A customer's feed was not read for so long that a revocation may have been missed."""


class PolicyViolationError(NotAuthorizedError):
    """A customer's installation violates a policy that its approver saw; the message names both."""


class FeedError(O365PipelineError):
    """The customers' feeds of audit records could not be read."""


class FeedThrottledError(FeedError):
    """The Management Activity API asks for a pause of some seconds."""

    def __init__(self, seconds: float) -> None:
        super().__init__(f"the activity feed asks for a pause of {seconds:.0f} s")
        self.seconds = seconds


class ExtractionError(O365PipelineError):
    """Azure Data Factory refused, failed, cancelled or lost a run."""


class BeingSubmittedError(ExtractionError):
    """Another process is submitting some of the days right now."""


class FactoryBusyError(ExtractionError):
    """Azure Data Factory did nothing, and asks for a pause of some seconds."""

    def __init__(self, message: str, seconds: float) -> None:
        super().__init__(message)
        self.seconds = seconds


class RunInDoubtError(ExtractionError):
    """Azure Data Factory was asked to create a run, and its answer does not show whether it did."""


class FactoryRunFailedError(ExtractionError):
    """A factory run ended without data; the message carries the factory's reason."""

    lasts = True


class PublishError(O365PipelineError):
    """Azure or Partner Center did not accept the offer; the message says what to do."""


class LakeError(O365PipelineError):
    """The lake cannot be reached, read or written; the message names the container."""


class LandingError(O365PipelineError):
    """The files in the lake differ from what the factory reported."""

    lasts = True


class DamagedLandingError(LandingError):
    """The files of a sealed landing are not what was sealed; the message says how to get them anew."""


class InstallationError(O365PipelineError):
    """An installation of the managed application cannot be taken in; the code is Azure's if Azure gave one."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code


class NewsError(O365PipelineError):
    """A message could not be sent, or a channel's URL is none; the message repeats nothing of the URL."""
