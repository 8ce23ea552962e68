"""README.md of the package: what a purchaser reads after the installation.

What belongs here: filling in `templates/readme.md`. Sentences that the wizard shares belong to `purchaser_texts.py`.
"""

from __future__ import annotations

import shlex
from collections.abc import Mapping, Sequence

from o365_pipeline.dagster_ui.markdown_metadata import escaped
from o365_pipeline.managed_app.offer import Offer
from o365_pipeline.managed_app.package import purchaser_texts as words
from o365_pipeline.managed_app.package.cost_by_users import CostParts
from o365_pipeline.managed_app.template.roles import ASKS_ABOUT_POLICIES, GRANTS

EXAMPLE_USERS = (100, 1_000, 10_000)


def readme(offer: Offer, costs: Mapping[str, CostParts], example_users: Sequence[int] = EXAMPLE_USERS) -> str:
    """Builds the README of an offer.

    Args:
        costs: the cost of each SKU, by its name.
        example_users: the numbers of users for which costs are shown.
    """
    from jinja2 import Environment, PackageLoader, StrictUndefined

    environment = Environment(
        loader=PackageLoader("o365_pipeline.managed_app.package"),
        autoescape=False,  # noqa: S701 - it is Markdown, of the vendor's own file
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    environment.filters |= {"as_text": escaped, "as_argument": _argument}
    template = environment.get_template("readme.md")
    grants = (*GRANTS, ASKS_ABOUT_POLICIES) if offer.policies else GRANTS
    return template.render(offer=offer, costs=costs, words=words, example_users=example_users, grants=grants)


def _argument(text: str) -> str:
    """Returns a text as one argument of a command, in one line."""
    return shlex.quote(" ".join(text.split()))
