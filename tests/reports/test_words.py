"""Numbers and names as people read them."""

from __future__ import annotations

import pytest

from modelmetry.reports.words import (
    interval,
    listed,
    markdown,
    number,
    percent,
    points,
    points_interval,
    size,
)
from modelmetry.statistics import Estimate


def _estimate(value, low, high):
    return Estimate(value=value, std_error=0.1, low=low, high=high, level=0.95, n=10, clusters=10)


def test_shares_are_percentages():
    """A share has one decimal and a space that does not break; a missing one is a dash."""
    assert percent(0.617) == "61.7\u00a0%"
    assert percent(None) == "\u2013"


def test_differences_carry_their_sign_and_zero_has_none():
    """Percentage points are signed with a real minus; what rounds to zero is zero."""
    assert points(0.031) == "+3.1"
    assert points(-0.031) == "\u22123.1"
    assert points(-0.0001) == "0.0"


def test_intervals_name_both_ends_or_none():
    """An interval is two ends, and its absence is said."""
    assert interval(_estimate(0.6, 0.521, 0.704)) == "52.1 to 70.4\u00a0%"
    assert points_interval(_estimate(0.0, -0.02, 0.041)) == "\u22122.0 to +4.1"
    assert interval(_estimate(0.6, None, None)) == "none"


def test_narrow_intervals_get_another_decimal():
    """Where the uncertainty is below a point, two decimals are meant."""
    assert interval(_estimate(0.6, 0.5981, 0.6019)) == "59.81 to 60.19\u00a0%"


@pytest.mark.parametrize(
    ("n", "text"), [(1122, "1,122"), (818181810000, "8.2\u00a0\u00d7\u00a010\u00b9\u00b9")]
)
def test_sizes_are_readable(n, text):
    """Small counts are exact, large ones powers of ten."""
    assert size(n) == text


def test_numbers_keep_three_digits():
    """A threshold of 2.9 and one of 2.904 look alike."""
    assert (number(2.9), number(100.0), number(-1.0)) == ("2.90", "100", "\u22121.00")


def test_lists_end_with_and():
    """One, two and three names."""
    assert [listed(list("abc")[:n]) for n in (1, 2, 3)] == ["a", "a and b", "a, b and c"]


def test_nothing_in_a_text_is_markdown():
    """Pipes, links, tags and line breaks lose their meaning."""
    assert markdown("a|b\n[x](y) <b> `c`") == "a\\|b \\[x\\](y) \\<b\\> \\`c\\`"
