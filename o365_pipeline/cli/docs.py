"""The command that writes the generated documents, and the Azure template of an enterprise.

What belongs here: the list of the documents, and writing them. Their content belongs to `datasets/dictionary.py`,
`mart/dictionary.py`, `mart/power_bi/page.py`, `cli/reference.py` and `managed_app/template/azure_template.py`.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path

import click

from o365_pipeline.cli.reference import commands_document, settings_document
from o365_pipeline.datasets.dictionary import catalogue_document
from o365_pipeline.managed_app.template.azure_template import enterprise_template
from o365_pipeline.mart.dictionary import mart_document
from o365_pipeline.mart.power_bi.page import measures_document


def documents(root: click.Command) -> Mapping[str, str]:
    """The generated documents by their file's name; the root is the whole command line."""
    return {
        "commands.md": commands_document(root),
        "data-dictionary.md": catalogue_document(),
        "mart.md": mart_document(),
        "power-bi-measures.md": measures_document(),
        "settings.md": settings_document(),
    }


def template_document() -> str:
    """The Azure template of an enterprise, as a file."""
    return json.dumps(enterprise_template(), indent=2) + "\n"


@click.command()
@click.option(
    "--folder", type=click.Path(path_type=Path), default=Path("docs"), show_default=True, help="Where they are written."
)
@click.option(
    "--template",
    type=click.Path(path_type=Path),
    default=Path("deploy/azure/mainTemplate.json"),
    show_default=True,
    help="Where the Azure template is written.",
)
@click.pass_context
def docs(context: click.Context, folder: Path, template: Path) -> None:
    """Write the reference of commands and settings, the data dictionaries, the Azure template, from the code."""
    folder.mkdir(parents=True, exist_ok=True)
    for name, text in documents(context.find_root().command).items():
        (folder / name).write_text(text, encoding="utf-8")
        click.echo(f"written: {folder / name}")
    template.parent.mkdir(parents=True, exist_ok=True)
    template.write_text(template_document(), encoding="utf-8")
    click.echo(f"written: {template}")
