"""Intervals for a proportion of independent yes/no observations; none has width 0."""

from __future__ import annotations

import math
from dataclasses import replace

from modelmetry.statistics.checks import fraction, whole
from modelmetry.statistics.distributions import beta_quantile, two_sided
from modelmetry.statistics.estimate import Estimate

# Below so many of the rarer outcome Wilson's interval may cover less than it says.
_FEW = 3


def wilson(k: int, n: int, *, level: float = 0.95) -> Estimate:
    """Wilson's score interval: good coverage on average at any n.

    Where fewer than three of the rarer outcome are expected a 95 % interval covers in as little as 83 %
    (from three on, and 20 observations, in 92.6 % or more); an estimate that saw so few warns of it.
    `exact` never covers less than its level; `jeffreys` falls to 87 % there.

    Source: Wilson (1927), Journal of the American Statistical Association 22, 209-212; as method 3
    in Newcombe (1998), Statistics in Medicine 17, 857-872.

    Args:
        k: Successes, in [0, n].
        n: Observations, >= 1, each drawn independently.
        level: Confidence level, in (0, 1).

    Raises:
        ValueError: An argument is out of range.
    """
    _check(k, n, level)
    low, high = wilson_bounds(k / n, n, two_sided(level))
    found = _estimate(k, n, level, low, high, "Wilson score")
    if min(k, n - k) >= _FEW:
        return found
    warning = f"fewer than {_FEW} of the rarer outcome were seen: the exact interval holds there"
    return replace(found, warnings=(warning,))


def jeffreys(k: int, n: int, *, level: float = 0.95) -> Estimate:
    """Jeffreys' interval: equal tails of Beta(k + 1/2, n - k + 1/2), with 0 and 1 as outer ends.

    Source: Brown, Cai and DasGupta (2001), Interval estimation for a binomial proportion,
    Statistical Science 16, 101-133.

    Args:
        k: Successes, in [0, n].
        n: Observations, >= 1, each drawn independently.
        level: Confidence level, in (0, 1).

    Raises:
        ValueError: An argument is out of range.
    """
    _check(k, n, level)
    tail = (1 - level) / 2
    low = 0.0 if k == 0 else beta_quantile(tail, k + 0.5, n - k + 0.5)
    high = 1.0 if k == n else beta_quantile(1 - tail, k + 0.5, n - k + 0.5)
    return _estimate(k, n, level, low, high, "Jeffreys")


def exact(k: int, n: int, *, level: float = 0.95) -> Estimate:
    """The exact interval of Clopper and Pearson: never covers less than its level.

    Source: Clopper and Pearson (1934), Biometrika 26, 404-413.

    Args:
        k: Successes, in [0, n].
        n: Observations, >= 1, each drawn independently.
        level: Confidence level, in (0, 1).

    Raises:
        ValueError: An argument is out of range.
    """
    _check(k, n, level)
    tail = (1 - level) / 2
    low = 0.0 if k == 0 else beta_quantile(tail, k, n - k + 1)
    high = 1.0 if k == n else beta_quantile(1 - tail, k + 1, n - k)
    return _estimate(k, n, level, low, high, "Clopper-Pearson exact")


def wilson_bounds(p: float, n: float, quantile: float) -> tuple[float, float]:
    """Ends of Wilson's interval, also for a number of observations that is not whole.

    Args:
        p: Proportion, in [0, 1].
        n: Observations that carry as much information, > 0.
        quantile: Half-width of the interval in standard errors, > 0.

    Returns:
        Ends in [0, 1], the lower one first, `p` between them.
    """
    shrink = quantile**2 / n
    center = (p + shrink / 2) / (1 + shrink)
    half = quantile * math.sqrt(p * (1 - p) / n + shrink / (4 * n)) / (1 + shrink)
    # Rounding must not push an end past the proportion, or past 0 and 1.
    return max(0.0, min(p, center - half)), min(1.0, max(p, center + half))


def _check(k: int, n: int, level: float) -> None:
    fraction("level", level)
    if whole("k", k, 0) > whole("n", n, 1):
        raise ValueError(f"k: {k}; allowed: whole numbers from 0 to {n}")


def _estimate(k: int, n: int, level: float, low: float, high: float, method: str) -> Estimate:
    p = k / n
    return Estimate(
        value=p,
        std_error=math.sqrt(p * (1 - p) / n),
        low=low,
        high=high,
        level=level,
        n=int(n),
        clusters=int(n),
        method=f"proportion; {method} interval",
    )
