"""The command that writes the generated documents.

What belongs here: the list of the documents, and writing them. Their content belongs to `datasets/dictionary.py`,
`mart/dictionary.py` and `cli/reference.py`.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import click

from o365_pipeline.cli.reference import commands_document, settings_document
from o365_pipeline.datasets.dictionary import catalogue_document
from o365_pipeline.mart.dictionary import mart_document


def documents(root: click.Command) -> Mapping[str, str]:
    """The generated documents by their file's name; the root is the whole command line."""
    return {
        "commands.md": commands_document(root),
        "data-dictionary.md": catalogue_document(),
        "mart.md": mart_document(),
        "settings.md": settings_document(),
    }


@click.command()
@click.option(
    "--folder", type=click.Path(path_type=Path), default=Path("docs"), show_default=True, help="Where they are written."
)
@click.pass_context
def docs(context: click.Context, folder: Path) -> None:
    """Write the reference of commands and settings and the data dictionaries, from what the code says of them."""
    folder.mkdir(parents=True, exist_ok=True)
    for name, text in documents(context.find_root().command).items():
        (folder / name).write_text(text, encoding="utf-8")
        click.echo(f"written: {folder / name}")
