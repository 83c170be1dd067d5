"""Evidence against a mean, as the capital of a gambler who bets against it.

Evidence may be looked at after every observation, and the looking may decide when to stop.
"""

from __future__ import annotations

import math
from typing import Literal

import numpy as np
from numpy.typing import ArrayLike

from modelmetry.statistics.checks import Codes, Floats, numbers, two_dimensional, within

Alternative = Literal["two-sided", "greater", "less"]

# The bets: log odds ratios of both signs, spaced evenly on a log scale, and finely enough that the
# capital is smooth between them; the smallest serves some 10 million observations. Their Cauchy
# weights, of scale 1/2, cost about the same at any number of observations from 30 to 10,000.
_SIZES = np.geomspace(0.001, 12, 37)
_SCALE = 0.5
_SHIFTS = np.concatenate([-_SIZES[::-1], _SIZES])
_ODDS = np.expm1(_SHIFTS)
_DENSITY = np.abs(_SHIFTS) / (_SCALE**2 + _SHIFTS**2)
_LOG_WEIGHTS = np.log(_DENSITY / _DENSITY.sum())
_UPWARD = _SHIFTS > 0

BETS = len(_SHIFTS)
"""How many bets share the capital."""

BLOCK = 256
"""Observations worked on at a time."""

# Newton's steps come to an end of the interval from outside, so that stopping early only widens it.
_STEPS = 60
_CLOSE = 1e-7


def log_e_values(
    values: ArrayLike,
    mean: float,
    *,
    alternative: Alternative = "two-sided",
    bounds: tuple[float, float] = (0.0, 1.0),
) -> Floats:
    """Log of the evidence against a mean after each observation: the gambler's capital.

    Scaled to [0, 1], an observation x multiplies a stake on the log odds ratio t by
    (1 + (e^t - 1) x) / (1 + (e^t - 1) m), which is 1 on average if the mean is m. The capital, 1 at
    first, is spread over many t, small and large. If the mean is m, the chance that it ever
    reaches 1/a is at most a (Ville's inequality). Evidence from independent data multiplies.

    Source: Waudby-Smith and Ramdas (2024), Estimating means of bounded random variables by betting,
    Journal of the Royal Statistical Society B 86, 1-27; the portfolio mixed over bets is Cover (1991),
    Mathematical Finance 1, 1-29; for 0 and 1 it is a mixture of likelihood ratios, Robbins (1970),
    Annals of Mathematical Statistics 41, 1397-1409. The spread over t is this package's own.

    Args:
        values: Each one independently drawn unit, in the order drawn; shape (n,), or (n, strata) for
            rows, see `sequential.MeanSequence`.
        mean: The mean that is doubted, between the bounds, both excluded.
        alternative: `greater` doubts every mean up to `mean`, `less` every mean from it on.
        bounds: Lowest and highest possible value.

    Returns:
        Natural logarithms, shape (n,).

    Raises:
        ValueError: No values, NaN, values outside the bounds, or another argument not allowed.
    """
    lowest, highest = finite_bounds(bounds)
    found = observations(values, bounds)
    if not lowest < mean < highest:
        raise ValueError(f"mean: {mean}; allowed: between {lowest} and {highest}, both excluded")
    if alternative not in ("two-sided", "greater", "less"):
        raise ValueError(f"alternative: {alternative}; allowed: two-sided, greater, less")
    scaled, doubted = (found - lowest) / (highest - lowest), (mean - lowest) / (highest - lowest)
    # Bets that cannot win are left without capital.
    weights = _LOG_WEIGHTS
    if alternative != "two-sided":
        useful = _UPWARD if alternative == "greater" else ~_UPWARD
        weights = np.where(useful, _LOG_WEIGHTS + math.log(2), -math.inf)
    sums, capital = np.zeros(BETS), np.empty(len(scaled))
    for start in range(0, len(scaled), BLOCK):
        part = slice(start, start + BLOCK)
        table = sums + log_stakes(scaled[part])
        units = scaled[:1].size * (start + np.arange(1, len(table) + 1))
        capital[part], _ = log_capital(table, units, np.array([doubted]), weights)
        sums = table[-1]
    return capital


def p_values(
    values: ArrayLike,
    mean: float,
    *,
    alternative: Alternative = "two-sided",
    bounds: tuple[float, float] = (0.0, 1.0),
) -> Floats:
    """Anytime-valid p-value of a mean after each observation: 1 over the most evidence so far.

    The last one is valid whatever made the run stop.

    Args:
        values: As for `log_e_values`, like the rest.
        mean: The mean that is doubted.
        alternative: Which means are doubted with it.
        bounds: Lowest and highest possible value.

    Returns:
        In [0, 1], never rising; shape (n,).

    Raises:
        ValueError: As for `log_e_values`.
    """
    evidence = log_e_values(values, mean, alternative=alternative, bounds=bounds)
    return np.exp(-np.maximum(np.maximum.accumulate(evidence), 0.0))


def observations(values: ArrayLike, bounds: tuple[float, float]) -> Floats:
    """Observations, shape (n,), or rows of one from each stratum, shape (n, strata).

    Raises:
        ValueError: There are none, or one is NaN or outside the bounds.
    """
    rows = np.ndim(values) == 2
    found = two_dimensional("values", values, "(n, strata)") if rows else numbers("values", values)
    within("values", found, bounds)
    return found


def finite_bounds(bounds: tuple[float, float]) -> tuple[float, float]:
    """Bounds that one can bet within.

    Raises:
        ValueError: They are infinite or not in order.
    """
    low, high = bounds
    if not -math.inf < low < high < math.inf:
        raise ValueError(f"bounds: {low} to {high}; allowed: finite, the lower one first")
    return float(low), float(high)


def log_stakes(scaled: Floats) -> Floats:
    """Running sums of log(1 + (e^t - 1) x), shape (m, BETS).

    Args:
        scaled: Observations in [0, 1], in the order drawn, shape (m,), or (m, strata) for rows.
    """
    logs = np.log1p(np.multiply.outer(scaled, _ODDS))
    return np.cumsum(logs.reshape(len(scaled), -1, BETS).sum(axis=1), axis=0)


def turned(table: Floats, units: Codes) -> Floats:
    """What `log_stakes` gives for 1 - x: as 1 + (1/r - 1)(1 - x) = (1 + (r - 1) x) / r.

    Args:
        table: What it gave for x, shape (times, BETS).
        units: Observations at each time, shape (times,).
    """
    return table[:, ::-1] - units[:, None] * _SHIFTS[::-1]


def log_capital(
    table: Floats, units: Codes, means: Floats, weights: Floats = _LOG_WEIGHTS
) -> tuple[Floats, Floats]:
    """Log capital against a mean and its slope in the mean, at each time; convex in the mean.

    Args:
        table: What `log_stakes` gives, shape (times, BETS).
        units: Observations at each time, shape (times,).
        means: The mean that is doubted at each time, in [0, 1], shape (times,); (1,) for one mean.
        weights: Log share of the capital on each bet, shape (BETS,).
    """
    fair = 1 + np.multiply.outer(means, _ODDS)
    parts = table - units[:, None] * np.log(fair)
    parts += weights
    top = parts.max(axis=1)
    parts -= top[:, None]
    np.exp(parts, out=parts)
    total = parts.sum(axis=1)
    slope = -units * (parts * (_ODDS / fair)).sum(axis=1) / total
    return top + np.log(total), slope


def lower_ends(table: Floats, units: Codes, start: float, level: float) -> Floats:
    """Up to where means are ruled out at each time, at it or before.

    Log capital is convex in the mean, so Newton's steps from a mean that is ruled out stay outside.
    Where all means from `start` on are ruled out they pass the bottom, and the end goes to 1.

    Args:
        table: What `log_stakes` gives, shape (times, BETS).
        units: Observations at each time, shape (times,).
        start: The lower end before, in [0, 1].
        level: Confidence level, in (0, 1).
    """
    bar = -math.log1p(-level)
    ends = np.full(len(table), start)
    active = np.arange(len(table))
    capital, slope = log_capital(table, units, np.array([start]))
    for _ in range(_STEPS):
        keep = capital - bar > _CLOSE
        active, excess, slope = active[keep], capital[keep] - bar, slope[keep]
        falls = slope < 0
        ends[active[~falls]] = 1.0
        active = active[falls]
        ends[active] = np.minimum(ends[active] - excess[falls] / slope[falls], 1.0)
        if not len(active):
            break
        capital, slope = log_capital(table[active], units[active], ends[active])
    return np.maximum.accumulate(ends)
