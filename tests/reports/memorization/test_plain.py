"""Numbers without exponents, and warnings in copies."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.reports.memorization.studies import estimate

from modelmetry.reports.memorization.plain import in_copies, plain, plain_span, short
from modelmetry.reports.words import DASH, MINUS


@pytest.mark.parametrize(
    ("value", "long", "brief"),
    [
        (1316.4, "1,320", "1,320"),
        (9.81e-5, "< 0.0001", "< 0.0001"),
        (-9.81e-5, f"> {MINUS}0.0001", f"> {MINUS}0.0001"),
        (999.9, "1,000", "1,000"),
        (5.0, "5.00", "5"),
        (-0.25, f"{MINUS}0.250", f"{MINUS}0.25"),
        (0.0, "0.00", "0"),
    ],
)
def test_numbers_are_plain(value, long, brief):
    """Thousands have commas, and what is tiny is below a bound."""
    assert (plain(value), short(value)) == (long, brief)
    assert plain(None) == DASH


@given(st.floats(-1e300, 1e300))
def test_no_number_has_an_exponent(value):
    """Whatever its size."""
    assert "e" not in plain(value) + short(value)


def test_intervals_are_plain():
    """Both ends, or the one that there is."""
    assert plain_span(estimate(1500.0, 180.0)) == "1,320 to 1,680"
    assert plain_span(estimate(7.0, 2.0), brief=True) == "5 to 9"
    assert plain_span(estimate(7.0, None)) == "none"


@pytest.mark.parametrize(
    ("warning", "said"),
    [
        (
            "half may be reached with fewer than 1 duplicates",
            "half may be reached with fewer than 1 copy",
        ),
        ("only 1 duplicates were asked", "only sequences of 1 copy were asked"),
        ("only 16 duplicates were asked", "only sequences of 16 copies were asked"),
        ("half may take more than 1,024 duplicates", "half may take more than 1,024 copies"),
        ("extraction does not rise with duplicates", "extraction does not rise with copies"),
        ("at every number of duplicates, 1 on", "at every number of copies, 1 on"),
        ("more than 21 duplicates", "more than 21 copies"),
    ],
)
def test_warnings_count_copies(warning, said):
    """One copy, two copies; no duplicates for people."""
    assert in_copies(warning) == said
