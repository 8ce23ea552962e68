"""The command that writes the generated documents.

What belongs here: which documents there are, and writing them. What they say is `datasets/dictionary.py`'s and
`mart/dictionary.py`'s.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import click

from o365_pipeline.datasets.dictionary import catalogue_document
from o365_pipeline.mart.dictionary import mart_document


def documents() -> Mapping[str, str]:
    """The generated documents by their file's name."""
    return {"data-dictionary.md": catalogue_document(), "mart.md": mart_document()}


@click.command()
@click.option(
    "--folder", type=click.Path(path_type=Path), default=Path("docs"), show_default=True, help="Where they are written."
)
def docs(folder: Path) -> None:
    """Write the data dictionaries of datasets and mart, from what the code says of them."""
    folder.mkdir(parents=True, exist_ok=True)
    for name, text in documents().items():
        (folder / name).write_text(text, encoding="utf-8")
        click.echo(f"written: {folder / name}")
