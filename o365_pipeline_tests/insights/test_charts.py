"""Pictures within a page: without styles of their own, the same each time, whatever names are in them."""

from __future__ import annotations

import datetime as dt
import re

import pytest
from lxml import etree

from o365_pipeline.insights import charts

NAMES = ["$x^{", "<script>alert(1)</script>", "\x00\x08", "\ud800", "営業部", "&amp;", "", "a" * 500]
WEEKS = tuple((dt.date(2026, 1, 5) + dt.timedelta(weeks=number), float(number)) for number in range(13))


def drawings() -> list[str]:
    return [
        charts.weekly("Mails", WEEKS),
        charts.weekly("None", ((WEEKS[0][0], 0.0),), True),
        charts.bars("Bars", tuple((name, 1.5) for name in NAMES)),
        charts.stacked("Parts", tuple((name, (1.0, 2.0)) for name in NAMES)),
        charts.network("Net", tuple((str(n), name, 1) for n, name in enumerate(NAMES)), (("0", "1", 2.0),), "0"),
    ]


@pytest.mark.parametrize("drawn", drawings(), ids=lambda drawn: re.findall('aria-label="(.*?)"', drawn)[0])
def test_a_chart_is_svg_that_brings_no_style_no_script_and_no_address(drawn: str) -> None:
    root = etree.fromstring(drawn.encode())

    assert {element.tag.rpartition("}")[2] for element in root.iter()} <= {
        *("svg", "g", "path", "text", "use", "defs", "clipPath", "rect"),
    }
    attributes = {name for element in root.iter() for name in element.attrib}
    assert not attributes & {"style", "onload"}
    links = [value for element in root.iter() for name, value in element.attrib.items() if name.endswith("href")]
    assert all(link.startswith("#") for link in links)
    assert not re.search("#0[0-9a]0[0-9]0[0-9]", drawn)


def test_the_same_numbers_are_the_same_picture_and_two_pictures_share_no_id() -> None:
    first = drawings()
    for chart in (charts.weekly, charts.bars, charts.stacked, charts.network):
        chart.cache_clear()

    assert drawings() == first
    ids = [found for drawn in first for found in re.findall(' id="(.*?)"', drawn)]
    assert ids and len(ids) == len(set(ids))
