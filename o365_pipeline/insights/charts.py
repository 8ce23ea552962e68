"""Pictures of numbers, as SVG within a page: it takes the page's colours, light or dark, and needs no script.

What belongs here: the kinds of charts, and making of matplotlib's drawing what a page may hold. What is drawn is the
caller's; the colours are in `static/insights.css`.
"""

from __future__ import annotations

import datetime as dt
import io
import math
import threading
import warnings
from collections.abc import Callable, Mapping, Sequence
from functools import lru_cache, wraps
from typing import TYPE_CHECKING, Any, ParamSpec, cast

from lxml import etree
from markupsafe import Markup, escape

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

TEXT, QUIET, LINE = "#010101", "#020202", "#030303"
SERIES = ("#0a0001", "#0a0002", "#0a0003", "#0a0004", "#0a0005", "#0a0006")
NAMES = {TEXT: "text", QUIET: "quiet", LINE: "line", **{colour: f"s{n}" for n, colour in enumerate(SERIES, 1)}}
"""Colours that stand for the page's own, by the names that its style sheet has for them."""

SETTINGS: Any = {"svg.fonttype": "none", "text.parse_math": False}
LOCK = threading.Lock()
Given = ParamSpec("Given")

SVG = "{http://www.w3.org/2000/svg}"
REFERRED_TO = (f"{SVG}path", f"{SVG}clipPath")
"""What other elements name by its id."""

KEPT = 256
WIDTH, ROW_HEIGHT, MARGIN = 4.4, 0.3, 0.05
RADII = (0.75, 1.95)
"""Of a network, in inches: names stand beside it."""
INCHES_OF_A_LETTER = 0.075
LETTERS = 24
"""So much of a name is drawn; the table beside the chart has all of it."""


def load_library() -> None:
    """Imports what draws, which takes a second that no page has to wait."""
    import matplotlib.figure  # noqa: F401


def _kept(draw: Callable[Given, Markup]) -> Callable[Given, Markup]:
    """Draws what was not drawn before, one chart at a time: matplotlib's settings are the whole process's."""

    @wraps(draw)
    def drawn(*args: Given.args, **options: Given.kwargs) -> Markup:
        import matplotlib as mpl

        with LOCK, mpl.rc_context(SETTINGS), warnings.catch_warnings():
            # A letter that its own font lacks is drawn by the browser's.
            warnings.simplefilter("ignore")
            return draw(*args, **options)

    return cast("Callable[Given, Markup]", lru_cache(KEPT)(drawn))


@_kept
def weekly(title: str, points: tuple[tuple[dt.date, float], ...], percent: bool = False) -> Markup:
    """Draws a number of each week as a line."""
    figure, axes = _figure(WIDTH, 2.0, left=0.6)
    x, y = range(len(points)), [value for _, value in points]
    axes.fill_between(x, y, color=SERIES[0], alpha=0.15, linewidth=0)
    axes.plot(x, y, color=SERIES[0], linewidth=2, marker="o", markersize=4)
    every = max(1, -(-len(points) // 5))
    shown = [place for place in x if (len(points) - 1 - place) % every == 0]
    axes.set_xticks(shown, [f"{points[place][0]:%d %b}" for place in shown])
    axes.set_ylim(0, (max(y) or 1) * 1.15)
    axes.yaxis.set_major_formatter(_percent if percent else "{x:,.0f}")
    axes.locator_params(axis="y", nbins=4)
    axes.grid(axis="y", color=LINE, linewidth=0.8)
    return _drawn(figure, title)


@_kept
def bars(title: str, values: tuple[tuple[str, float], ...], form: str = "{:,.1f}") -> Markup:
    """Draws one bar for each name, with its number."""
    figure, axes = _rows([name for name, _ in values])
    places = range(len(values))
    axes.barh(places, [value for _, value in values], height=0.62, color=SERIES[0])
    top = max(value for _, value in values) or 1
    for place, (_, value) in enumerate(values):
        axes.text(value + top * 0.02, place, form.format(value), va="center", color=TEXT, fontsize=9)
    axes.set_xlim(0, top * 1.2)
    axes.set_xticks([])
    return _drawn(figure, title)


@_kept
def stacked(title: str, values: tuple[tuple[str, tuple[float, ...]], ...]) -> Markup:
    """Draws one bar for each name, of parts that add up, each in the next colour."""
    figure, axes = _rows([name for name, _ in values], has_scale=True)
    ends = [0.0] * len(values)
    for number in range(len(values[0][1])):
        lengths = [value[number] for _, value in values]
        axes.barh(range(len(values)), lengths, left=ends, height=0.62, color=SERIES[number])
        ends = [end + length for end, length in zip(ends, lengths, strict=True)]
    axes.set_xlim(0, max(ends) * 1.05 or 1)
    axes.locator_params(axis="x", nbins=4, integer=True)
    axes.xaxis.set_major_formatter("{x:,.0f}")
    return _drawn(figure, title)


@_kept
def network(
    title: str, nodes: tuple[tuple[str, str, int], ...], ties: tuple[tuple[str, str, float], ...], center: str
) -> Markup:
    """Draws somebody in the middle of others, and who is tied to whom.

    Args:
        nodes: key, name and the number of the colour of each; they stand around the middle in this order.
        ties: the keys of two nodes, and how strong the tie is.
        center: the key of the node in the middle.
    """
    others = [key for key, _, _ in nodes if key != center]
    places = {center: (0.0, 0.0)}
    for number, key in enumerate(others):
        turn = 2 * math.pi * (number + 0.5) / len(others)
        places[key] = (RADII[0] * math.sin(turn), RADII[1] * math.cos(turn))
    figure, axes = _figure(WIDTH, WIDTH, left=0.1, bottom=0.1)
    axes.set_axis_off()
    axes.set_xlim(-WIDTH / 2, WIDTH / 2)
    axes.set_ylim(-WIDTH / 2, WIDTH / 2)
    strongest = max((weight for _, _, weight in ties), default=1) or 1
    for one, other, weight in sorted(ties, key=lambda tie: tie[2]):
        (x1, y1), (x2, y2) = places[one], places[other]
        axes.plot([x1, x2], [y1, y2], color=QUIET, linewidth=0.5 + 3 * weight / strongest, alpha=0.4, zorder=1)
    for key, name, colour in nodes:
        x, y = places[key]
        axes.scatter([x], [y], s=70 if key == center else 30, color=SERIES[colour], zorder=2)
        if key != center:
            side, away = ("left", 6) if x > 0 else ("right", -6)
            beside = {"textcoords": "offset points", "ha": side, "va": "center"}
            axes.annotate(_short(name), (x, y), (away, 0), color=TEXT, fontsize=8, **beside)  # type: ignore[arg-type]
    return _drawn(figure, title)


def _percent(value: float, _place: object) -> str:
    return f"{100 * value:.0f}%"


def _short(name: str) -> str:
    shown = "".join(letter for letter in name if letter.isprintable())
    return shown if len(shown) <= LETTERS else f"{shown[: LETTERS - 1]}…"


def _figure(width: float, height: float, left: float, bottom: float = 0.3, top: float = 0.1) -> tuple[Figure, Axes]:
    """Makes an empty figure with axes; the margins are inches."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(width, height))
    axes = figure.add_axes((left / width, bottom / height, 1 - (left + 0.1) / width, 1 - (bottom + top) / height))
    axes.patch.set_visible(False)
    figure.patch.set_visible(False)
    axes.spines[["top", "right", "left"]].set_visible(False)
    axes.spines["bottom"].set_color(LINE)
    axes.tick_params(colors=QUIET, labelsize=9, length=0)
    return figure, axes


def _rows(names: Sequence[str], has_scale: bool = False) -> tuple[Figure, Axes]:
    """Makes an empty figure with one row for each name."""
    shown = [_short(name) for name in names]
    left = 0.15 + INCHES_OF_A_LETTER * max(map(len, shown), default=0)
    bottom = 0.3 if has_scale else MARGIN
    height = ROW_HEIGHT * max(len(names), 1) + bottom + MARGIN
    figure, axes = _figure(WIDTH, height, left, bottom=bottom, top=MARGIN)
    axes.set_ylim(len(names) - 0.5, -0.5)
    axes.set_yticks(range(len(names)), shown)
    axes.tick_params(axis="y", labelcolor=TEXT)
    if not has_scale:
        axes.spines["bottom"].set_visible(False)
    return figure, axes


def _drawn(figure: Figure, title: str) -> Markup:
    """Returns the figure as an element of a page: without styles of its own, which a page's policy forbids."""
    import matplotlib as mpl

    written = io.BytesIO()
    # The same chart has the same ids, and no other chart of the page has them.
    mpl.rcParams["svg.hashsalt"] = f"chart {title}"
    figure.savefig(written, format="svg", metadata={"Date": None})
    root = etree.fromstring(written.getvalue())
    for element in root.xpath("//*[local-name()='metadata' or local-name()='style']"):
        element.getparent().remove(element)
    for element in root.iter(f"{SVG}*"):
        _take_the_pages_style(element)
    for name in ("width", "height"):
        root.attrib.pop(name, None)
    etree.cleanup_namespaces(root)
    inner = "".join(etree.tostring(child, encoding="unicode") for child in root)
    return Markup(  # noqa: S704 - names in it were escaped as the drawing was written
        f'<svg class="chart" role="img" aria-label="{escape(title)}" viewBox="{root.get("viewBox")}" '
        f'xmlns="http://www.w3.org/2000/svg" xmlns:xlink="http://www.w3.org/1999/xlink">{inner}</svg>'
    )


def _take_the_pages_style(element: etree._Element) -> None:
    """Turns an element's style into attributes, and colours that stand for the page's into classes."""
    for name, value in _declarations(element.attrib.pop("style", "")).items():
        if name == "font":
            element.set("font-size", value.partition("px")[0].split()[-1])
        else:
            element.set(name, value)
    classes = []
    for name in ("fill", "stroke"):
        if (colour := NAMES.get(element.get(name, ""))) is not None:
            del element.attrib[name]
            classes.append(f"{name}-{colour}")
    if classes:
        element.set("class", " ".join(classes))
    if element.tag not in REFERRED_TO:
        element.attrib.pop("id", None)


def _declarations(style: str) -> Mapping[str, str]:
    pairs = (part.partition(":") for part in style.split(";") if part.strip())
    return {name.strip(): value.strip() for name, _, value in pairs}
