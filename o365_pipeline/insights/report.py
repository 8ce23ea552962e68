"""One page that holds itself: the pictures and answers of Overview and Oversharing, to be opened as a file.

What belongs here: that page. It is made of the same templates as the application's.
"""

from __future__ import annotations

from importlib import resources

from markupsafe import Markup

from o365_pipeline.database.database import Database
from o365_pipeline.insights.calls import calls, channels
from o365_pipeline.insights.look import TEMPLATES
from o365_pipeline.insights.overview import answers, flow, pairs
from o365_pipeline.insights.reader import reader_of
from o365_pipeline.insights.sites import oversharing


def report(database: Database, customer: str, more: str) -> str:
    """Returns the page about a customer, as HTML.

    Args:
        more: how to start the application.
    """
    style = (resources.files("o365_pipeline.insights") / "static" / "insights.css").read_text(encoding="utf-8")
    with reader_of(database, customer) as reader:
        return TEMPLATES.get_template("report.html").render(
            customer=customer,
            flow=flow(reader),
            answers=answers(reader),
            pairs=pairs(reader),
            calls=calls(reader),
            channels=channels(reader),
            sharing=oversharing(reader),
            newest_day=reader.newest_day,
            group_size=reader.group_size,
            style=Markup(style),  # noqa: S704 - it is the package's own file
            more=more,
            is_page=False,
            nothing="No site is known yet.",
        )
