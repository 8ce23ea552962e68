"""The command line, `o365-pipeline ...`: the table of its commands; errors become one line and an exit status.

What belongs here: which commands there are, how they are found and how they end. Each is in the file of its name. The
exit status is 0 only when a command did what was asked, 2 for bad input, 1 for what failed.
"""

from __future__ import annotations

import logging
import os
import sys
import traceback
from collections.abc import Mapping
from dataclasses import dataclass
from importlib import import_module
from typing import Any, TextIO

import click
from click.shell_completion import CompletionItem

from o365_pipeline.errors import DatabaseError, O365PipelineError, SettingsError, UsageError

BAD_INPUT = (DatabaseError, SettingsError, UsageError)

COMMANDS = {
    "demo": "Take the sandbox from approval to a filled mart, in this terminal.",
    "dev": "Open the Dagster UI, with sensors and schedules at work.",
    "sandbox": "Play the people of the sandbox: the approver at the Microsoft 365 admin center, the offer's "
    "purchasers.",
    "doctor": "Try every connection that an extraction needs, and say what works, what does not, and what to do.",
    "customers": "The customers of this deployment, and the files that name them.",
    "consent": "What approvers were asked, and what they said.",
    "plan": "Show what the next extraction would ask for and cost; nothing is extracted, nothing is written.",
    "extract": "Extract days of data and take them to the mart; what was extracted before is not paid for again.",
    "quarantine": "Rows that could not be read: how many, which, why; reading them anew.",
    "why-missing": "Say why a person's rows of a day are missing, or how many there are, for each dataset.",
    "mart": "The mart: what it holds, and what only some servers have.",
    "insights": "Serve the web application for the people of the organization: pictures and answers from the mart.",
    "purge": "Delete what no approval has covered for longer than the grace and what is too old, finish erasures that "
    "were begun, and show the record.",
    "person": "One person's rights: a copy of what is held about her, and its erasure.",
    "managed-app": "Sell the pipeline: package, price, publish it, and look after its installations.",
    "docs": "Write the reference of commands and settings, the data dictionaries, the Azure template, from the code.",
}
"""The commands with their lines of help; a test compares these with the commands' own help."""


class LazyGroup(click.Group):
    """Knows its commands by name and a line of help, so that `--help` and completion need none of their libraries.

    The command `some-thing` is the function `some_thing` of the module `some_thing` in the package.
    """

    def __init__(self, *args: Any, package: str, lines: Mapping[str, str], **options: Any) -> None:
        super().__init__(*args, **options)
        self._package = package
        self._lines = lines

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002 - click's signature
        """Returns the names, in the order in which they were given."""
        return list(self._lines)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:  # noqa: ARG002
        """Imports the command; None if there is none of that name."""
        if cmd_name not in self._lines:
            return None
        name = cmd_name.replace("-", "_")
        command = getattr(import_module(f"{self._package}.{name}"), name)
        assert isinstance(command, click.Command)
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:  # noqa: ARG002
        """Writes the names with their lines."""
        with formatter.section("Commands"):
            formatter.write_dl(list(self._lines.items()))

    def shell_complete(self, ctx: click.Context, incomplete: str) -> list[CompletionItem]:
        """Returns the names and options that begin with the typed text."""
        names = [CompletionItem(name, help=line) for name, line in self._lines.items() if name.startswith(incomplete)]
        return [*names, *click.Command.shell_complete(self, ctx, incomplete)]


@dataclass
class Shown:
    """How much of a failure is shown."""

    traceback: bool = False


def main() -> None:
    """Run the command line; what fails is one line on stderr, with --debug after its traceback."""
    logging.getLogger("dagster").setLevel(logging.WARNING)
    # What it warns of, attempts to sign in for example, is told in one line where it matters.
    logging.getLogger("azure").setLevel(logging.ERROR)
    shown = Shown()
    try:
        status = cli(prog_name="o365-pipeline", standalone_mode=False, obj=shown) or 0
        sys.stdout.flush()
    except click.exceptions.NoArgsIsHelpError as error:
        error.show()
        status = error.exit_code
    except click.ClickException as error:
        click.echo(f"o365-pipeline: {error.format_message()}", err=True)
        status = 2
    except (click.Abort, KeyboardInterrupt):
        status = 130
    except BrokenPipeError:
        # Whoever read the answer has had enough.
        status = 1
        _give_up(sys.stdout)
    except Exception as error:
        if shown.traceback:
            traceback.print_exception(error)
        click.echo(f"o365-pipeline: {_one_line(error)}", err=True)
        status = 2 if isinstance(error, BAD_INPUT) else 1
        _give_up(sys.stdout)
    sys.exit(status)


def _one_line(error: Exception) -> str:
    """Says what failed; whose libraries are needed for that are loaded now."""
    if isinstance(error, O365PipelineError):
        return str(error)
    from o365_pipeline.dagster_ui.failures import told

    found = told(error)
    return found.line if found.was_foreseen else f"{found.line}; `o365-pipeline --debug ...` shows more"


def _give_up(output: TextIO) -> None:
    """Lets Python not complain at its end about output that cannot be written."""
    try:
        output.flush()
    except OSError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), output.fileno())


@click.group(
    cls=LazyGroup,
    package="o365_pipeline.cli",
    lines=COMMANDS,
    context_settings={"help_option_names": ["-h", "--help"]},
)
@click.option("--debug", is_flag=True, help="Show where a failure came from, which may repeat what rows hold.")
@click.version_option(package_name="o365-pipeline")
@click.pass_context
def cli(ctx: click.Context, debug: bool) -> None:
    """Office 365 data through Microsoft Graph Data Connect, from an approver's yes to a SQL table.

    Settings are environment variables that begin with O365_; docs/settings.md lists them.
    """
    ctx.ensure_object(Shown).traceback = debug
