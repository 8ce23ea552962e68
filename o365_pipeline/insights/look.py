"""How pages show numbers, dates and pictures: what their templates can call.

What belongs here: the templates' environment. The templates are in `templates/`.
"""

from __future__ import annotations

import datetime as dt
from typing import Any
from urllib.parse import quote

from starlette.templating import Jinja2Templates

from o365_pipeline.insights import pictures
from o365_pipeline.insights.sites import REACH
from o365_pipeline.web.templates import templates_of

NOT_TOLD = "\N{EN DASH}"
UNITS = ("bytes", "KB", "MB", "GB", "TB", "PB")


def number(value: float | None, digits: int = 0) -> str:
    """1234.5 is 1,234.5; what is not told is a dash."""
    return NOT_TOLD if value is None else f"{value:,.{digits}f}"


def percent(value: float | None) -> str:
    return NOT_TOLD if value is None else f"{100 * value:.0f}%"


def size(value: int) -> str:
    """3221225472 is 3.0 GB."""
    shown, unit = float(value), 0
    while shown >= 1024 and unit < len(UNITS) - 1:
        shown, unit = shown / 1024, unit + 1
    return f"{shown:,.1f} {UNITS[unit]}" if unit else f"{value:,} bytes"


def day(moment: dt.date) -> str:
    return f"{moment.day} {moment:%B %Y}"


def clock(minutes: int) -> str:
    """540 is 09:00."""
    return f"{minutes // 60:02d}:{minutes % 60:02d}"


def _templates() -> Jinja2Templates:
    env = templates_of("o365_pipeline.insights")
    words: dict[str, Any] = {
        "number": number,
        "percent": percent,
        "size": size,
        "day": day,
        "clock": clock,
        "in_path": lambda text: quote(text, safe=""),
    }
    env.filters.update(words)
    env.globals.update({"pictures": pictures, "REACH": REACH})
    return Jinja2Templates(env=env)


TEMPLATES = _templates()
