"""Intervals for the difference of paired proportions."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from modelmetry.statistics.paired_proportions import (
    newcombe,
    tango,
    tango_bounds,
    tango_variance,
)

TABLES = st.tuples(*[st.integers(0, 12)] * 4).filter(any)
METHODS = pytest.mark.parametrize("method", [tango, newcombe])


def fitted_variance(gain: float, loss: float, difference: float) -> float:
    """Variance at the largest multinomial likelihood on a fine grid of losses."""
    losses = np.linspace(max(0.0, -difference), min(1.0, (1 - difference) / 2), 200_001)
    gains = losses + difference
    rest = np.maximum(1 - gains - losses, 0)
    with np.errstate(divide="ignore", invalid="ignore"):
        terms = [
            np.where(share > 0, share * np.log(np.maximum(fit, 0)), 0.0)
            for share, fit in ((gain, gains), (loss, losses), (1 - gain - loss, rest))
        ]
    best = int(np.argmax(sum(terms)))
    return float(gains[best] + losses[best] - difference**2)


@given(TABLES, st.floats(-0.95, 0.95))
@settings(deadline=None, max_examples=30)
def test_the_variance_is_that_of_the_largest_likelihood(
    table: tuple[int, int, int, int], difference: float
) -> None:
    """Tango's closed form is what a search over a grid finds."""
    n = sum(table)
    gain, loss = table[1] / n, table[2] / n
    expected = fitted_variance(gain, loss, difference)
    assert tango_variance(gain, loss, difference) == pytest.approx(expected, abs=1e-4)


@given(TABLES)
@settings(deadline=None, max_examples=50)
def test_tango_holds_what_the_score_test_does_not_reject(table: tuple[int, int, int, int]) -> None:
    """Inside the ends the score statistic is below its quantile, outside above it."""
    found, n = tango(*table), sum(table)
    assert found.low is not None
    assert found.high is not None
    gain, loss = table[1] / n, table[2] / n
    for difference in np.linspace(-0.999, 0.999, 201):
        variance = tango_variance(gain, loss, float(difference))
        statistic = abs(found.value - difference) / math.sqrt(variance / n)
        if abs(difference - found.low) > 1e-6 and abs(difference - found.high) > 1e-6:
            assert (statistic < 1.959964) == (found.low < difference < found.high)


@METHODS
@given(table=TABLES)
@settings(deadline=None, max_examples=50)
def test_an_interval_holds_its_estimate_and_has_a_width(
    method, table: tuple[int, int, int, int]
) -> None:
    """Ends are in order within -1 and 1 and apart; swapping the models mirrors them."""
    found = method(*table)
    mirror = method(table[0], table[2], table[1], table[3])
    assert -1 <= found.low <= found.value + 1e-12
    assert found.value - 1e-12 <= found.high <= 1
    assert found.high - found.low > 0.01
    assert (mirror.low, mirror.high) == (
        pytest.approx(-found.high, abs=1e-8),
        pytest.approx(-found.low, abs=1e-8),
    )


def test_published() -> None:
    """Fagerland, Lydersen and Laake (2014): 1, 1, 7, 12 gives -0.517 to -0.026 and -0.507 to -0.026.

    The airway hyper-responsiveness of Bentur et al. (2009), as in Statistics in Medicine 33, 2850-2875.
    """
    a, b = tango(1, 1, 7, 12), newcombe(1, 1, 7, 12)
    assert (round(a.low or 0, 3), round(a.high or 0, 3)) == (-0.517, -0.026)
    assert (round(b.low or 0, 3), round(b.high or 0, 3)) == (-0.507, -0.026)


def test_newcombe_published() -> None:
    """Newcombe (1998), method 10: 36, 12, 2, 0 gives 0.0569 to 0.3404."""
    found = newcombe(36, 12, 2, 0)
    assert (round(found.low or 0, 4), round(found.high or 0, 4)) == (0.0569, 0.3404)


def test_no_discordant_pair() -> None:
    """Where models never differ, Tango's ends are z^2 / (n + z^2)."""
    found = tango(30, 0, 0, 10)
    expected = 1.959964**2 / (40 + 1.959964**2)
    assert (found.low, found.high) == (
        pytest.approx(-expected, abs=1e-6),
        pytest.approx(expected, abs=1e-6),
    )


def test_a_number_of_pairs_need_not_be_whole() -> None:
    """Between 20 and 21 pairs the interval is in between."""
    ends = [tango_bounds(0.2, 0.1, n, 2.0)[0] for n in (20, 20.5, 21)]
    assert ends == sorted(ends)


@METHODS
@pytest.mark.parametrize("table", [(0, 0, 0, 0), (1, -1, 2, 3), (1, 2, 0.5, 1)])
def test_refused(method, table: tuple[float, ...]) -> None:
    """Empty tables, negative and broken counts are refused, and so are impossible levels."""
    with pytest.raises(ValueError, match=r"allowed: (one pair|whole numbers)"):
        method(*table)
    with pytest.raises(ValueError, match="level"):
        method(1, 1, 1, 1, level=1.0)
