"""Windows: which days are extracted together, and their keys."""

from __future__ import annotations

import datetime as dt
from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from o365_pipeline.extraction.windows import Window, extraction_id, missing_windows

DAYS = st.sets(st.dates(dt.date(2026, 1, 1), dt.date(2026, 2, 15)), max_size=40)


def test_a_window_ends_exclusively_at_the_next_midnight() -> None:
    window = Window(dt.date(2026, 12, 31), dt.date(2026, 12, 31))

    assert (window.start, window.end) == ("2026-12-31T00:00:00Z", "2027-01-01T00:00:00Z")
    assert str(window) == "2026-12-31"


def test_thirty_days_are_one_window_not_thirty() -> None:
    days = [dt.date(2026, 11, 1) + dt.timedelta(days=n) for n in range(30)]

    assert missing_windows(days, ()) == [Window(days[0], days[-1])]


@given(DAYS, DAYS)
def test_windows_hold_exactly_the_missing_days_in_the_fewest_stretches(
    days: set[dt.date], covered: set[dt.date]
) -> None:
    windows = missing_windows(days, covered)

    held = [day for window in windows for day in window.days]
    assert sorted(held) == sorted(days - covered)
    assert all((later.first_day - earlier.last_day).days > 1 for earlier, later in pairwise(windows))


def test_a_windows_key_depends_on_customer_dataset_and_days_alone() -> None:
    window = Window(dt.date(2026, 11, 16), dt.date(2026, 11, 22))
    key = extraction_id("contoso", "Message_v1", window)

    assert key == extraction_id("contoso", "Message_v1", Window(dt.date(2026, 11, 16), dt.date(2026, 11, 22)))
    others = {
        extraction_id("fabrikam", "Message_v1", window),
        extraction_id("contoso", "Event_v1", window),
        extraction_id("contoso", "Message_v1", Window(dt.date(2026, 11, 16), dt.date(2026, 11, 23))),
    }
    assert key not in others
    assert len(others) == 3
