"""Confidence sequences: intervals that may be looked at after every observation and stopped on.

A confidence sequence covers the mean at all times at once with its level; an ordinary interval covers
it at one number of observations fixed beforehand, and fails where it decides when to stop.
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import ArrayLike

from modelmetry.statistics.betting import (
    BETS,
    BLOCK,
    finite_bounds,
    log_stakes,
    lower_ends,
    observations,
    turned,
)
from modelmetry.statistics.checks import Floats, fraction, numbers, whole, within
from modelmetry.statistics.estimate import Estimate

# Observations worked on at first, while the ends still move far; then as many as came before.
_FIRST_BLOCK = 8


class MeanSequence:
    """Anytime-valid interval for the mean of bounded observations, by betting; fed as they come.

    At any time the interval is the means against which the capital of `betting.log_e_values` has
    never reached 1 / (1 - level). It adapts to the variance of the observations, and is at most about
    twice as wide as an interval for a fixed number of them, once there are a few hundred.

    Where observations are drawn from strata in turn, a row of them, one from each stratum, is taken
    in as a whole, and the interval is of the mean over strata. It stays valid, because the bets never
    change: a row multiplies each stake by no more on average than as many draws of the mixture
    would, the geometric mean of the strata's factors being at most their arithmetic mean.

    Intervals of different times share a mean unless one of them missed it. Where they share none,
    their intersection starts anew, and the estimate warns.

    Source: Waudby-Smith and Ramdas (2024), Journal of the Royal Statistical Society B 86, 1-27.

    Args:
        level: Confidence level, in (0, 1).
        bounds: Lowest and highest possible value.

    Raises:
        ValueError: The level or the bounds are not allowed.
    """

    def __init__(self, *, level: float = 0.95, bounds: tuple[float, float] = (0.0, 1.0)) -> None:
        self._level = fraction("level", level)
        self._bounds = finite_bounds(bounds)
        self._units = 0
        self._total = 0.0
        self._sums = np.zeros(BETS)
        # How far means are ruled out from below and, counted from 1 down, from above.
        self._below = self._above = 0.0
        self._contradicted = False

    def add(self, values: ArrayLike) -> None:
        """Take in observations; how they are grouped into calls does not matter.

        Args:
            values: Each one independently drawn unit (a cluster's mean), in the order drawn; shape
                (m,), or (m, strata) for rows. The order must not depend on the values.

        Raises:
            ValueError: No values, NaN, or values outside the bounds; nothing is taken in.
        """
        self.follow(values)

    def follow(self, values: ArrayLike) -> tuple[Floats, Floats]:
        """Take in observations as `add` does, and give the interval after each.

        Returns:
            Lower and upper ends, shape (m,) each.
        """
        found = observations(values, self._bounds)
        lowest, highest = self._bounds
        span = highest - lowest
        low, high = np.empty(len(found)), np.empty(len(found))
        done = 0
        while done < len(found):
            part = slice(done, done + min(BLOCK, max(_FIRST_BLOCK, self._units)))
            low[part], high[part] = self._advance((found[part] - lowest) / span)
            done = part.stop
        self._total += float(found.sum())
        return lowest + span * low, lowest + span * high

    def _advance(self, scaled: Floats) -> tuple[Floats, Floats]:
        table = self._sums + log_stakes(scaled)
        units = self._units + scaled[:1].size * np.arange(1, len(scaled) + 1)
        mirrored = turned(table, units)
        below, above = np.zeros(len(scaled)), np.zeros(len(scaled))
        done = 0
        while done < len(scaled):
            rest = slice(done, None)
            below[rest] = lower_ends(table[rest], units[rest], self._below, self._level)
            above[rest] = lower_ends(mirrored[rest], units[rest], self._above, self._level)
            apart = np.flatnonzero(below[rest] + above[rest] > 1)
            if not len(apart):
                self._below, self._above = float(below[-1]), float(above[-1])
                break
            # At any one time the mean so far is not ruled out, so that this goes on.
            done += int(apart[0])
            self._below = self._above = 0.0
            self._contradicted = True
        self._sums, self._units = table[-1].copy(), int(units[-1])
        return below, 1 - above

    def estimate(self, *, n: int | None = None, unscored: int = 0) -> Estimate:
        """The mean so far, with the intersection of the intervals at all times so far.

        There is no standard error: after a stop that looked at the data it has no meaning.

        Args:
            n: Observations in the units so far, or None for one in each.
            unscored: Observations that were left out, to be passed on.

        Raises:
            ValueError: Nothing was added yet, or `n` is less than the units.
        """
        if not self._units:
            raise ValueError("values: none added yet; allowed: one or more")
        n = self._units if n is None else whole("n", n, self._units)
        lowest, highest = self._bounds
        value = self._total / self._units
        low = lowest + (highest - lowest) * self._below
        high = lowest + (highest - lowest) * (1 - self._above)
        warnings = []
        if self._contradicted:
            warnings.append(
                "intervals of different times shared no mean: an early one missed, or units drift "
                "or are not independent"
            )
        if not low <= value <= high:
            warnings.append(
                "the mean lies outside an interval of an earlier time: that one missed, or units "
                "drift or are not independent"
            )
        return Estimate(
            value=value,
            std_error=None,
            low=low,
            high=high,
            level=self._level,
            n=n,
            clusters=self._units,
            unscored=unscored,
            method="mean; anytime-valid interval by betting",
            warnings=tuple(warnings),
        )


def mean_sequence(
    values: ArrayLike, *, level: float = 0.95, bounds: tuple[float, float] = (0.0, 1.0)
) -> tuple[Floats, Floats]:
    """The interval of `MeanSequence` after each observation.

    Args:
        values: Each one independently drawn unit, in the order drawn; shape (n,), or (n, strata) for
            rows, which are looked at when whole.
        level: Confidence level, in (0, 1).
        bounds: Lowest and highest possible value.

    Returns:
        Lower and upper ends, shape (n,) each.

    Raises:
        ValueError: No values, NaN, values outside the bounds, or a level not allowed.
    """
    return MeanSequence(level=level, bounds=bounds).follow(values)


def paired_sequence(a: ArrayLike, b: ArrayLike, *, level: float = 0.95) -> tuple[Floats, Floats]:
    """Anytime-valid interval for the mean of a - b, after each pair.

    Args:
        a: Score of the first model on each unit, in the order drawn; shape (n,), in [0, 1].
        b: Score of the second on the same units, shape (n,), in [0, 1].
        level: Confidence level, in (0, 1).

    Returns:
        Lower and upper ends in [-1, 1], shape (n,) each.

    Raises:
        ValueError: No values, NaN, values outside [0, 1], or shapes that differ.
    """
    first = numbers("a", a)
    second = numbers("b", b, len(first))
    within("a", first, (0.0, 1.0))
    within("b", second, (0.0, 1.0))
    return mean_sequence(first - second, level=level, bounds=(-1.0, 1.0))


def normal_mixture(
    values: ArrayLike,
    *,
    level: float = 0.95,
    bounds: tuple[float, float] | None = (0.0, 1.0),
    tightest: int = 1000,
    first: int = 100,
) -> tuple[Floats, Floats]:
    """Robbins' normal-mixture interval for a mean, after each observation.

    With bounds the observations are sub-Gaussian, with half their range for a standard deviation, and
    the interval is valid at any time; it is simple, and wide where they vary less. Without bounds the
    standard deviation is that of the data so far, and the interval is only asymptotic: its first
    look is at observation `first`.

    Source: Robbins (1970), Annals of Mathematical Statistics 41, 1397-1409; Howard, Ramdas, McAuliffe
    and Sekhon (2021), Annals of Statistics 49, 1055-1080; without bounds Waudby-Smith, Arbour, Sinha,
    Kennedy and Ramdas (2024), Time-uniform central limit theory and asymptotic confidence sequences,
    Annals of Statistics 52, 2613-2640.

    Args:
        values: Each one independently drawn unit, in the order drawn; shape (n,).
        level: Confidence level, in (0, 1).
        bounds: Lowest and highest possible value; None for the asymptotic interval.
        tightest: Observations at which the interval is as narrow as its kind can be, >= 1.
        first: Observation of the first look without bounds, >= 2; the ends are infinite before.

    Returns:
        Lower and upper ends, shape (n,) each, of intersections over the times so far.

    Raises:
        ValueError: No values, NaN, values outside the bounds, or another argument out of range.
    """
    found = numbers("values", values)
    within("values", found, bounds)
    alpha = 1 - fraction("level", level)
    whole("tightest", tightest, 1)
    whole("first", first, 2)
    count = np.arange(1, len(found) + 1)
    center = found.mean()
    means = np.cumsum(found - center) / count
    growth = 1 + count * (_signal(alpha) / tightest)
    # Squared half-width over the variance of one observation.
    squared = growth / (growth - 1) * (np.log(growth) - 2 * math.log(alpha)) / count
    lowest, highest = -math.inf, math.inf
    if bounds is not None:
        lowest, highest = bounds
        half = np.sqrt(squared) * (highest - lowest) / 2
    else:
        spread = np.maximum(np.cumsum((found - center) ** 2) / count - means**2, 0.0)
        half = np.sqrt(squared * spread)
        half[(count < first) | (half <= 0)] = math.inf
    low = np.maximum.accumulate(np.maximum(center + means - half, lowest))
    high = np.minimum.accumulate(np.minimum(center + means + half, highest))
    return low, high


def _signal(alpha: float) -> float:
    """Observations over those that the mixture is worth, where its interval is tightest.

    Source: Howard et al. (2021), section 3.5: -W(-alpha^2 / e) - 1, on the lower branch of Lambert's W.
    """
    from scipy.special import lambertw

    return float(-lambertw(-(alpha**2) / math.e, -1).real - 1)
