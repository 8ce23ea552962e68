"""Templates of pages: whatever they are filled with is text, and a name that is missing is an error.

What belongs here: how templates are read. The templates belong to the folders that show them.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from jinja2 import Environment


def templates_of(package: str) -> Environment:
    """Returns the templates in a package's folder `templates`."""
    # Who shows no page need not wait for the library.
    from jinja2 import Environment, PackageLoader, StrictUndefined

    return Environment(
        loader=PackageLoader(package), autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True
    )
