"""Small pictures for the Dagster UI: drawn without a display, and embedded in the metadata's Markdown.

What belongs here: charts of numbers per day, and converting a figure into Markdown. A picture contains no names of
people. The drawing library is imported only when it is used, since that takes a second that sensors and commands need
not wait.
"""

from __future__ import annotations

import base64
import datetime as dt
import io
from collections.abc import Mapping
from typing import TYPE_CHECKING

import dagster as dg

if TYPE_CHECKING:
    from matplotlib.figure import Figure

DAYS_SHOWN = 30
DOTS_PER_INCH = 80
COLOURS_KEPT = 64
"""So few colours need a third of the bytes; Dagster stores them with the run."""

BLUE, PALE_BLUE, GREY = "#3367d6", "#a9c1f0", "#777777"


def new_figure(width: float, height: float) -> Figure:
    """Makes an empty figure without pyplot, whose list of figures would have to be cleared."""
    from matplotlib.figure import Figure

    return Figure(figsize=(width, height), layout="constrained")


def picture(figure: Figure, caption: str) -> dg.MetadataValue:
    """Returns the figure as an image in Markdown; `caption` is its text for readers without images."""
    from PIL import Image

    drawn, small = io.BytesIO(), io.BytesIO()
    figure.savefig(drawn, format="png", dpi=DOTS_PER_INCH)
    Image.open(drawn).convert("RGB").quantize(COLOURS_KEPT).save(small, format="png", optimize=True)
    data = base64.b64encode(small.getvalue()).decode("ascii")
    return dg.MetadataValue.md(f"![{caption}](data:image/png;base64,{data})")


def rows_per_day(history: Mapping[dt.date, int], counts: Mapping[dt.date, int]) -> dict[str, dg.MetadataValue]:
    """Draws a bar for each of the last days with a row count; those of this run have the full colour.

    A single day is not worth a picture.
    """
    last = max(counts)
    known = {**history, **counts}
    return {"rows_per_day": _bars(known, counts, last)} if len(known) > 1 else {}


def _bars(known: Mapping[dt.date, int], counts: Mapping[dt.date, int], last: dt.date) -> dg.MetadataValue:
    from matplotlib.figure import Figure
    from matplotlib.ticker import MaxNLocator

    days = [last - dt.timedelta(n) for n in reversed(range(DAYS_SHOWN))]
    # Margins that always fit, and lines instead of bars, which are artists one by one: a run draws a hundred of these.
    figure = Figure(figsize=(6, 1.8))
    axes = figure.add_axes((0.16, 0.16, 0.79, 0.8))
    for shown, colour in (([day for day in days if day not in counts], PALE_BLUE), (sorted(counts), BLUE)):
        places = [day for day in shown if day in known and day in days]
        axes.vlines(
            [(day - last).days for day in places],
            0,
            [known[day] for day in places],
            colour,
            linewidth=9,
            capstyle="butt",
        )
    axes.set_xlim(0.5 - DAYS_SHOWN, 0.5)
    axes.set_ylim(bottom=0)
    ticks = [(day - last).days for day in days if (last - day).days % 7 == 0]
    axes.set_xticks(ticks, [f"{last + dt.timedelta(tick):%d %b}" for tick in ticks])
    axes.yaxis.set_major_formatter("{x:,.0f}")
    axes.yaxis.set_major_locator(MaxNLocator(nbins=3, integer=True))
    axes.spines[["top", "right"]].set_visible(False)
    axes.tick_params(labelsize=8, colors=GREY)
    return picture(figure, f"Rows per day, {days[0]} to {last}")
