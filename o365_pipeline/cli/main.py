"""The command line, `o365-pipeline ...`: the table of its commands; errors become one line and an exit status.

What belongs here: which commands there are and how they end. Each is in the file of its name. The exit status is 0 only
when a command did what was asked, 2 for bad input, 1 for what failed.
"""

from __future__ import annotations

import logging
import sys

import click

from o365_pipeline.cli.lazy_group import LazyGroup
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
    "purge": "Delete what no approval has covered for longer than the grace, and what is older than it is kept, as the "
    "purge sensor and the schedule do; show the record.",
    "managed-app": "Sell the pipeline: package, price, publish it, and look after its installations.",
    "docs": "Write the reference of commands and settings, the data dictionaries, the Azure template, from the code.",
}
"""The commands with their lines of help; a test compares these with the commands' own help."""


def main() -> None:
    """Run the command line; the pipeline's own errors are one line on stderr."""
    logging.getLogger("dagster").setLevel(logging.WARNING)
    # What it warns of, attempts to sign in for example, is told in one line where it matters.
    logging.getLogger("azure").setLevel(logging.ERROR)
    try:
        sys.exit(cli(prog_name="o365-pipeline", standalone_mode=False) or 0)
    except click.exceptions.NoArgsIsHelpError as error:
        error.show()
        sys.exit(error.exit_code)
    except click.ClickException as error:
        click.echo(f"o365-pipeline: {error.format_message()}", err=True)
        sys.exit(2)
    except click.Abort:
        sys.exit(130)
    except O365PipelineError as error:
        click.echo(f"o365-pipeline: {error}", err=True)
        sys.exit(2 if isinstance(error, BAD_INPUT) else 1)


@click.group(
    cls=LazyGroup,
    package="o365_pipeline.cli",
    lines=COMMANDS,
    context_settings={"help_option_names": ["-h", "--help"]},
)
@click.version_option(package_name="o365-pipeline")
def cli() -> None:
    """Office 365 data through Microsoft Graph Data Connect, from an approver's yes to a SQL table.

    Settings are environment variables that begin with O365_; docs/settings.md lists them.
    """
