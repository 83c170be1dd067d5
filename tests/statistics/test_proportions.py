"""Intervals for a proportion."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from modelmetry.statistics import Estimate, proportions

METHODS = (proportions.wilson, proportions.jeffreys, proportions.exact)


@pytest.mark.parametrize(
    ("k", "n", "low", "high"),
    [
        (81, 263, 0.2553, 0.3662),
        (15, 148, 0.0624, 0.1605),
        (0, 20, 0, 0.1611),
        (1, 29, 0.0061, 0.1718),
    ],
)
def test_wilson_published(k: int, n: int, low: float, high: float) -> None:
    """Wilson's interval gives the worked examples of Newcombe (1998), method 3."""
    found = proportions.wilson(k, n)
    assert (low, high) == (round(found.low or 0, 4), round(found.high or 0, 4))


@pytest.mark.parametrize(
    ("k", "n", "low", "high"),
    [
        (81, 263, 0.2527, 0.3676),
        (15, 148, 0.0578, 0.1617),
        (0, 20, 0, 0.1684),
        (1, 29, 0.0009, 0.1776),
    ],
)
def test_exact_published(k: int, n: int, low: float, high: float) -> None:
    """The exact interval gives the worked examples of Newcombe (1998), method 5."""
    found = proportions.exact(k, n)
    assert (low, high) == (round(found.low or 0, 4), round(found.high or 0, 4))


@pytest.mark.parametrize("level", [0.8, 0.95, 0.99])
@pytest.mark.parametrize(("k", "n"), [(0, 1), (1, 1), (0, 30), (3, 30), (29, 30), (400, 1000)])
def test_statsmodels(k: int, n: int, level: float) -> None:
    """statsmodels gives the same intervals; Jeffreys' outer ends are 0 and 1 here."""
    from statsmodels.stats.proportion import proportion_confint

    names = {"wilson": "wilson", "jeffreys": "jeffreys", "exact": "beta"}
    for method in METHODS:
        found = method(k, n, level=level)
        low, high = proportion_confint(k, n, alpha=1 - level, method=names[method.__name__])
        if method is proportions.jeffreys:
            low, high = (0.0 if k == 0 else low), (1.0 if k == n else high)
        assert found.low == pytest.approx(low, abs=1e-9)
        assert found.high == pytest.approx(high, abs=1e-9)


@given(st.integers(1, 10_000).flatmap(lambda n: st.tuples(st.integers(0, n), st.just(n))))
@settings(deadline=None, max_examples=50)
def test_intervals_hold_the_proportion(counts: tuple[int, int]) -> None:
    """Every interval lies in [0, 1], holds k/n, has a width, and mirrors when successes do."""
    k, n = counts
    for method in METHODS:
        found, mirrored = method(k, n), method(n - k, n)
        assert 0 <= (found.low or 0.0) <= k / n <= (found.high or 0.0) <= 1
        assert (found.high or 0.0) - (found.low or 0.0) > 0
        assert 1 - (mirrored.high or 0.0) == pytest.approx(found.low, abs=1e-9)


def test_wilson_warns_where_it_dips() -> None:
    """Fewer than three successes or failures are warned of, by Wilson's interval alone."""
    for k in (0, 2, 98, 100):
        (warning,) = proportions.wilson(k, 100).warnings
        assert (
            warning == "fewer than 3 of the rarer outcome were seen: the exact interval holds there"
        )
        assert proportions.exact(k, 100).warnings == proportions.jeffreys(k, 100).warnings == ()
    assert proportions.wilson(3, 100).warnings == proportions.wilson(97, 100).warnings == ()


@pytest.mark.parametrize("n", [20, 100, 1000])
def test_wilson_covers_where_it_does_not_warn(n: int) -> None:
    """From three expected of each outcome on a 95 % interval covers in 92 % or more, at every p."""
    from scipy.stats import binom

    k = np.arange(n + 1)
    found = [proportions.wilson(int(hits), n) for hits in k]
    low, high = (np.array([getattr(one, end) for one in found]) for end in ("low", "high"))
    # Coverage changes at the ends, so these and a grid between are all that need be seen.
    p = np.concatenate([np.linspace(3 / n, 1 - 3 / n, 200), low - 1e-9, high + 1e-9])
    p = p[(p >= 3 / n) & (p <= 1 - 3 / n)]
    holds = (low <= p[:, None]) & (p[:, None] <= high)
    assert (binom.pmf(k, n, p[:, None]) * holds).sum(axis=1).min() >= 0.92


@given(st.integers(2, 200), st.floats(0.5, 0.999))
@settings(deadline=None, max_examples=30)
def test_exact_covers(n: int, p: float) -> None:
    """Summed over all outcomes, the exact interval covers the truth with at least its level."""
    covered = 0.0
    for k in range(n + 1):
        found: Estimate = proportions.exact(k, n)
        if (found.low or 0.0) <= p <= (found.high or 0.0):
            covered += math.comb(n, k) * p**k * (1 - p) ** (n - k)
    assert covered >= 0.95 - 1e-9


@pytest.mark.parametrize(
    ("k", "n", "level"), [(-1, 5, 0.95), (6, 5, 0.95), (0, 0, 0.95), (1.5, 5, 0.95), (1, 5, 1.0)]
)
def test_refused(k: int, n: int, level: float) -> None:
    """Counts that cannot be, and levels outside (0, 1), are refused with what is allowed."""
    for method in METHODS:
        with pytest.raises(ValueError, match="allowed"):
            method(k, n, level=level)
