"""The geometry of figures."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from modelmetry.reports.figures import SHARES, Scale, difference_scale, share_mark
from modelmetry.statistics import Estimate


def _estimate(value, low, high):
    return Estimate(value=value, std_error=0.1, low=low, high=high, level=0.95, n=9, clusters=9)


def test_shares_stand_where_they_are():
    """The scale of shares is never cut: 0 at the left, 1 at the right."""
    assert [SHARES.at(value) for value in (0.0, 0.617, 1.0)] == ["0.00%", "61.70%", "100.00%"]


def test_a_scale_can_run_down():
    """Vertical places count from the top."""
    assert Scale(low=0.0, high=1.0, down=True).at(0.25) == "75.00%"


@settings(deadline=None, max_examples=50)
@given(st.lists(st.floats(-1, 1), min_size=1, max_size=5))
def test_differences_fit_on_their_scale_around_zero(values):
    """The scale is symmetrical, holds every value inside its ends, and marks 0."""
    scale, ticks = difference_scale([_estimate(v, v, v) for v in values])
    assert scale.low == -scale.high
    assert all(scale.low <= v <= scale.high for v in values)
    assert [tick.x for tick in ticks if tick.zero] == ["50.00%"]


def test_a_mark_says_aloud_what_it_shows():
    """Estimate, interval and both references are in the figure's spoken text."""
    mark = share_mark("carry", _estimate(0.5, 0.4, 0.6), chance=0.1, constant=0.2)
    assert mark.says.replace("\u00a0", " ") == (
        "carry: 50.0 %, interval 40.0 to 60.0 %, guessing 10.0 %, one constant answer 20.0 %"
    )
    assert (mark.low, mark.high, mark.chance, mark.constant) == (
        *("40.00%", "60.00%", "10.00%", "20.00%"),
    )


def test_without_an_interval_there_is_no_bar():
    """No interval, no line: a point alone."""
    mark = share_mark("one", _estimate(1.0, None, None))
    assert (mark.x, mark.low, mark.high) == ("100.00%", None, None)
