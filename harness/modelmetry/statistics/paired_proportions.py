"""Intervals for the difference of two proportions on the same pairs; none has width 0."""

from __future__ import annotations

import math

from modelmetry.statistics.checks import fraction, whole
from modelmetry.statistics.distributions import two_sided
from modelmetry.statistics.estimate import Estimate
from modelmetry.statistics.proportions import wilson_bounds

# An end of an interval is sought this far from the estimate, where the variance may be 0.
_NUDGE = 1e-9


def tango(both: int, only_a: int, only_b: int, neither: int, *, level: float = 0.95) -> Estimate:
    """Tango's score interval for the difference of two models' rates on independent pairs.

    All differences that the score test does not reject. Source: Tango (1998), Equivalence test and
    confidence interval for the difference in proportions for the paired-sample design, Statistics
    in Medicine 17, 891-908.

    Args:
        both: Items that both models answered right, >= 0.
        only_a: Items that only the first answered right, >= 0.
        only_b: Items that only the second answered right, >= 0.
        neither: Items that both answered wrong, >= 0.
        level: Confidence level, in (0, 1).

    Raises:
        ValueError: A count is negative or not whole, or all are 0.
    """
    n = _pairs(both, only_a, only_b, neither, level)
    low, high = tango_bounds(only_a / n, only_b / n, n, two_sided(level))
    return _estimate(only_a, only_b, n, level, low, high, "Tango score interval")


def newcombe(both: int, only_a: int, only_b: int, neither: int, *, level: float = 0.95) -> Estimate:
    """Newcombe's interval: the two Wilson intervals, joined by their estimated correlation.

    Source: Newcombe (1998), Improved confidence intervals for the difference between binomial
    proportions based on paired data, method 10, Statistics in Medicine 17, 2635-2650. The
    correlation phi is corrected for continuity as there, which makes it smaller where it is positive.

    Args:
        both: Items that both models answered right, >= 0.
        only_a: Items that only the first answered right, >= 0.
        only_b: Items that only the second answered right, >= 0.
        neither: Items that both answered wrong, >= 0.
        level: Confidence level, in (0, 1).

    Raises:
        ValueError: A count is negative or not whole, or all are 0.
    """
    n = _pairs(both, only_a, only_b, neither, level)
    quantile = two_sided(level)
    a, b = (both + only_a) / n, (both + only_b) / n
    low_a, high_a = wilson_bounds(a, n, quantile)
    low_b, high_b = wilson_bounds(b, n, quantile)
    phi = _phi(both, only_a, only_b, neither)
    below = _joined(a - low_a, high_b - b, phi)
    above = _joined(high_a - a, b - low_b, phi)
    low, high = max(-1.0, a - b - below), min(1.0, a - b + above)
    return _estimate(only_a, only_b, n, level, low, high, "Newcombe hybrid score interval")


def tango_variance(gain: float, loss: float, difference: float) -> float:
    """Variance of one pair's difference, were the true mean difference this one.

    Gain and loss are fitted under that constraint by maximum likelihood, as Tango (1998) does.

    Args:
        gain: Share of pairs won by the first, in [0, 1]; or the mean of the positive differences.
        loss: Share won by the second, in [0, 1 - gain].
        difference: The true mean difference, in [-1, 1].
    """
    linear = (2 - gain + loss) * difference - gain - loss
    constant = -loss * difference * (1 - difference)
    fitted = (math.sqrt(max(0.0, linear**2 - 8 * constant)) - linear) / 4
    return max(0.0, 2 * fitted + difference * (1 - difference))


def tango_bounds(gain: float, loss: float, n: float, quantile: float) -> tuple[float, float]:
    """Ends of Tango's interval, also for a number of pairs that is not whole.

    Args:
        gain: Share of pairs won by the first, in [0, 1]; or the mean of the positive differences.
        loss: Share won by the second, in [0, 1 - gain].
        n: Pairs that carry as much information, > 0.
        quantile: Half-width of the interval in standard errors, > 0.

    Returns:
        Ends in [-1, 1], the lower one first, gain - loss between them.
    """
    from scipy.optimize import brentq

    value = gain - loss

    def excess(difference: float) -> float:
        variance = tango_variance(gain, loss, difference)
        return n * (value - difference) ** 2 - quantile**2 * variance

    ends = []
    for end in (-1.0, 1.0):
        start = value + math.copysign(_NUDGE, end)
        beyond = abs(start) >= 1 or excess(start) >= 0
        ends.append(min(1.0, max(-1.0, start)) if beyond else float(brentq(excess, start, end)))  # type: ignore[arg-type]
    return ends[0], ends[1]


def _phi(both: int, only_a: int, only_b: int, neither: int) -> float:
    """The correlation of the two models' answers; 0 where a margin is empty."""
    margins = (both + only_a) * (only_b + neither) * (both + only_b) * (only_a + neither)
    product = both * neither - only_a * only_b
    if product > 0:
        product = max(product - (both + only_a + only_b + neither) / 2, 0)
    return product / math.sqrt(margins) if margins else 0.0


def _joined(a: float, b: float, phi: float) -> float:
    return math.sqrt(max(0.0, a**2 - 2 * phi * a * b + b**2))


def _pairs(both: int, only_a: int, only_b: int, neither: int, level: float) -> int:
    fraction("level", level)
    counts = {"both": both, "only_a": only_a, "only_b": only_b, "neither": neither}
    n = sum(whole(name, count, 0) for name, count in counts.items())
    if not n:
        raise ValueError(f"{', '.join(counts)}: all 0; allowed: one pair or more")
    return n


def _estimate(
    only_a: int, only_b: int, n: int, level: float, low: float, high: float, method: str
) -> Estimate:
    value = (only_a - only_b) / n
    alike = n in (only_a, only_b) or only_a == only_b == 0
    return Estimate(
        value=value,
        std_error=0.0 if alike else math.sqrt(((only_a + only_b) / n - value**2) / n),
        low=low,
        high=high,
        level=level,
        n=n,
        clusters=n,
        method=f"paired difference; {method}",
        warnings=("all pairs differ by the same: read the interval, not the error",) * alike,
    )
