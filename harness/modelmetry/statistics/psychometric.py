"""Accuracy along difficulty: a logistic curve between guess rate and lapses, and its threshold."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from modelmetry.statistics.checks import (
    Codes,
    Floats,
    effective_number,
    fraction,
    numbers,
    partition,
    within,
)
from modelmetry.statistics.clustered import FEW_CLUSTERS
from modelmetry.statistics.distributions import two_sided
from modelmetry.statistics.estimate import Estimate
from modelmetry.statistics.logistic import (
    MOST_LAPSES,
    STEEPEST,
    Likelihood,
    accuracy,
    guess_rates,
)
from modelmetry.statistics.means import UNIT

# An end of the threshold's interval is searched up to this many standard deviations of difficulty.
_FARTHEST = 50.0

_START = np.array([0.0, -1.0, 0.0])


@dataclass(frozen=True, slots=True, kw_only=True)
class Curve:
    """P(right | x) = guess + (1 - guess) (1 - lapse) / (1 + exp(slope (x - threshold))).

    Attributes:
        threshold: Difficulty at which accuracy is halfway between the guess rate and the curve's
            ceiling, guess + (1 - guess) (1 - lapse); None where the data cannot say.
        slope: Logits lost per unit of difficulty; None where there is no threshold, or where
            accuracy falls as a step.
        lapse: Rate of guessing at any difficulty, in [0, 0.2]; None where there is no threshold.
        coefficients: Logits at difficulty 0, logits gained per unit of difficulty, and lapse rate
            of the fitted curve; None where nothing was fitted.
        lowest: Lowest difficulty tested.
        highest: Highest difficulty tested.
        warnings: Why there is no threshold, or reasons for care, one sentence each.
    """

    threshold: Estimate | None
    slope: Estimate | None
    lapse: Estimate | None
    coefficients: tuple[float, float, float] | None
    lowest: float
    highest: float
    warnings: tuple[str, ...] = ()

    def at(self, difficulty: ArrayLike, guess: ArrayLike = 0.0) -> Floats | None:
        """Accuracy on the curve at some difficulties, in [0, 1]; None where nothing was fitted.

        Args:
            difficulty: Shape (m,).
            guess: Probability of guessing right, shape (m,) or one number, in [0, 1).
        """
        if self.coefficients is None:
            return None
        intercept, gradient, lapse = self.coefficients
        logits = intercept + gradient * np.asarray(difficulty, dtype=np.float64)
        return accuracy(logits, np.asarray(guess, dtype=np.float64), lapse)


def fit(
    difficulty: ArrayLike,
    values: ArrayLike,
    clusters: ArrayLike | None = None,
    *,
    guess: ArrayLike = 0.0,
    level: float = 0.95,
) -> Curve:
    """Fit the curve by maximum likelihood and read threshold, slope and lapse rate.

    Fisher scoring on the Bernoulli likelihood, which for item means over repeats is the quasi-
    likelihood. Standard errors are cluster sandwiches with G/(G-1), by the delta method. Intervals
    hold what the profile likelihood does not reject: twice the loss of log-likelihood, with the
    other two parameters free, is held against the squared t quantile with the effective number of
    clusters less one for degrees of freedom, times the ratio of the sandwich to the model's variance (1 where each cluster is one
    right or wrong answer, and no less in larger ones). So the threshold's interval allows for every
    lapse rate from 0 to 0.2. Where their likelihoods hardly differ (twice the loss is below 1), as
    without easy items, the curve is drawn and the estimates are made at a lapse rate of 0, and the
    lapse rate's warnings say so.

    There is no threshold, and `warnings` says why, where there is one difficulty only, accuracy is
    on one side of halfway at all of them, does not fall, falls too little to be told from flat, or
    where the threshold is outside what was tested. An end of the threshold's interval beyond the
    difficulties tested is None, and its warnings say so. More than 400 distinct difficulties are
    joined in 400 steps.

    Source: Wichmann and Hill (2001), Perception & Psychophysics 63, 1293-1313 (the curve, and the
    bias of a threshold without lapses); Rotnitzky and Jewell (1990), Biometrika 77, 485-497
    (likelihood ratios of clustered data); Liang and Zeger (1986), Biometrika 73, 13-22.

    Args:
        difficulty: Of each item, in the factor's own unit, shape (n,).
        values: Score of each item, shape (n,), in [0, 1].
        clusters: Label of the unit drawn independently, shape (n,); None for one unit per item.
        guess: Probability of guessing each item right, shape (n,) or one number, in [0, 1).
        level: Confidence level, in (0, 1).

    Raises:
        ValueError: No values, NaN, values out of range, or shapes that differ.
    """
    fraction("level", level)
    x = numbers("difficulty", difficulty)
    y = numbers("values", values, len(x))
    within("values", y, UNIT)
    rate = guess_rates(guess, len(x))
    codes, count = partition(clusters, len(x))
    reason = _one_sided(x, y, rate)
    if reason:
        return _none(x, None, reason)
    found = Likelihood(x, y, rate)
    straight = found.climb(_START, free=(True, True, False), rising=True)
    if straight[1] >= 0:
        return _none(x, found.natural(straight), "accuracy does not fall with difficulty")
    return _Falling(found, straight, y, codes, count, level).curve(x)


def _none(x: Floats, coefficients: tuple[float, float, float] | None, reason: str) -> Curve:
    return Curve(
        threshold=None,
        slope=None,
        lapse=None,
        coefficients=coefficients,
        lowest=float(x.min()),
        highest=float(x.max()),
        warnings=(reason,),
    )


def _one_sided(x: Floats, y: Floats, rate: Floats) -> str:
    """Why the means by difficulty cannot hold a threshold; empty when they may."""
    tested, codes = np.unique(x, return_inverse=True)
    if len(tested) < 2:
        return f"all items have difficulty {tested[0]:g}"
    above = np.bincount(codes, weights=y - (1 + rate) / 2)
    if (above > 0).all():
        return "saturated: accuracy is above halfway at every difficulty tested"
    if (above < 0).all():
        return "floor: accuracy is below halfway at every difficulty tested"
    return ""


class _Falling:
    """A curve that falls, and the intervals of its three parameters.

    Args:
        found: The likelihood.
        straight: Its maximum without lapses.
        y: Scores, shape (n,).
        codes: Cluster of each, from 0.
        count: How many clusters.
        level: Confidence level.
    """

    def __init__(
        self,
        found: Likelihood,
        straight: Floats,
        y: Floats,
        codes: Codes,
        count: int,
        level: float,
    ) -> None:
        self._found, self._level = found, level
        self._y, self._codes, self._count = y, codes, count
        lapsing = np.array([straight[0], straight[1], MOST_LAPSES / 2])
        self._top = max(found.climb(straight), found.climb(lapsing), key=found.value)
        self._most = found.value(self._top)
        self._effective = effective_number(codes)
        self._df = max(0.5, self._effective - 1)
        self._squared = two_sided(level, self._df) ** 2 if count > 1 else math.inf
        self._shown = self._top
        self._lapse = self._lapses()
        if self._lapse.value == 0:
            self._shown = straight

    def curve(self, x: Floats) -> Curve:
        """Threshold, slope and lapse rate, or the reason why there is none."""
        found, shown = self._found, self._shown
        coefficients = found.natural(shown)
        a, b = float(shown[0]), float(shown[1])
        value = found.center - found.scale * a / b if b else math.inf
        low, high = float(x.min()), float(x.max())
        slope = self._slope()
        if slope is None:
            return _none(
                x, coefficients, "accuracy falls too little with difficulty to be told from flat"
            )
        if not low <= value <= high:
            reason = f"the threshold, {value:.3g}, is outside the difficulties tested"
            return _none(x, coefficients, reason)
        threshold = self._threshold(low, high)
        step = b <= -STEEPEST
        reason = ("accuracy falls as a step: its slope cannot be told",) if step else ()
        return Curve(
            threshold=threshold,
            slope=None if step else slope,
            lapse=self._lapse,
            coefficients=coefficients,
            lowest=low,
            highest=high,
            warnings=threshold.warnings + reason,
        )

    def _lapses(self) -> Estimate:
        """The lapse rate; its value is 0 and a warning says why where all rates are possible."""

        def at(rate: float) -> Floats:
            start = np.array([self._top[0], self._top[1], rate])
            return self._found.climb(start, free=(True, True, False))

        value = float(self._top[2])
        error, ratio = self._spread(self._top, (0.0, 0.0, 1.0))
        ends = self._ends(at, value, ratio, error or 0.02, (0.0, MOST_LAPSES))
        if self._count < 2:
            return self._estimate("lapse rate", value, None, (None, None))
        low, high = (0.0 if ends[0] is None else ends[0]), ends[1] or MOST_LAPSES
        if ends == (None, None) and max(self._loss(at(r)) for r in (0.0, MOST_LAPSES)) < ratio:
            reason = f"no item is easy enough to tell a lapse rate: taken as 0, possibly {high:g}"
            return self._estimate("lapse rate", 0.0, None, (low, high), (reason,))
        bound = f"the lapse rate may be above {MOST_LAPSES:g}, the highest considered"
        return self._estimate(
            "lapse rate",
            value,
            error if 0 < value < MOST_LAPSES else None,
            (low, high),
            () if ends[1] is not None else (bound,),
        )

    def _slope(self) -> Estimate | None:
        """Logits lost per unit of difficulty; None where a flat curve is possible."""
        found, top, shown = self._found, self._top, self._shown

        def at(slope: float) -> Floats:
            start = np.array([top[0] * slope / -top[1], -slope, top[2]])
            return found.climb(start, free=(True, False, True))

        error, ratio = self._spread(shown, (0.0, -1.0, 0.0))
        flat = found.climb(np.zeros(3), free=(True, False, False))
        if self._count > 1 and self._loss(flat) <= self._squared * ratio:
            return None
        value = -float(shown[1])
        low, high = self._ends(at, value, ratio, error or value / 10, (0.0, STEEPEST))
        ends = tuple(None if end is None else end / found.scale for end in (low, high))
        reason = () if high is not None else ("the slope may be that of a step",)
        return self._estimate(
            "slope",
            value / found.scale,
            None if error is None else error / found.scale,
            (ends[0], ends[1]),
            reason if self._count > 1 else (),
        )

    def _threshold(self, lowest: float, highest: float) -> Estimate:
        """The threshold; ends of its interval beyond the difficulties tested are None."""
        found, top, shown = self._found, self._top, self._shown

        def at(threshold: float) -> Floats:
            return found.climb(top, threshold=threshold)

        a, b = float(shown[0]), float(shown[1])
        error, ratio = self._spread(shown, (-1 / b, a / b**2, 0.0))
        low, high = self._ends(at, -a / b, ratio, error or 0.1, (-_FARTHEST, _FARTHEST))
        value = -a / b
        if error is None and low is not None and high is not None:
            # Between two levels with no accuracy between theirs all thresholds are as likely.
            value = (low + high) / 2
        first, last = (None if e is None else found.center + found.scale * e for e in (low, high))
        warnings = []
        if self._count > 1 and (first is None or first < lowest):
            warnings.append(f"the threshold may be below the easiest difficulty tested, {lowest:g}")
            first = None
        if self._count > 1 and (last is None or last > highest):
            warnings.append(
                f"the threshold may be above the hardest difficulty tested, {highest:g}"
            )
            last = None
        return self._estimate(
            "threshold",
            found.center + found.scale * value,
            None if error is None else found.scale * error,
            (first, last),
            tuple(warnings),
        )

    def _spread(
        self, theta: Floats, gradient: tuple[float, float, float]
    ) -> tuple[float | None, float]:
        if self._count < 2:
            return None, 1.0
        return self._found.spread(theta, np.array(gradient), self._y, self._codes, self._count)

    def _loss(self, theta: Floats) -> float:
        """Twice the log-likelihood that is lost against the maximum."""
        return 2 * (self._most - self._found.value(theta))

    def _ends(
        self,
        at: Callable[[float], Floats],
        value: float,
        ratio: float,
        step: float,
        limits: tuple[float, float],
    ) -> tuple[float | None, float | None]:
        """Where the profile's loss reaches what chance allows; None where it does not."""
        from scipy.optimize import root_scalar

        if self._count < 2:
            return None, None

        def over(point: float) -> float:
            return self._loss(at(point)) - self._squared * ratio

        ends: list[float | None] = []
        for limit in limits:
            inner, reach = value, step
            while True:
                outer = max(value - reach, limit) if limit < value else min(value + reach, limit)
                if outer == inner:
                    ends.append(None)
                    break
                if over(outer) > 0:
                    if over(inner) < 0:
                        inner = root_scalar(over, bracket=(inner, outer), xtol=1e-3 * step).root
                    ends.append(float(inner))
                    break
                inner, reach = outer, 2 * reach
        return ends[0], ends[1]

    def _estimate(
        self,
        what: str,
        value: float,
        error: float | None,
        ends: tuple[float | None, float | None],
        warnings: tuple[str, ...] = (),
    ) -> Estimate:
        interval = f"profile likelihood interval, {self._df:.4g} df"
        if self._count < 2:
            interval = "no interval"
            warnings = (f"an interval needs at least 2 clusters, got {self._count}", *warnings)
        elif self._effective < FEW_CLUSTERS - 1e-9:
            uneven = self._count >= FEW_CLUSTERS
            size = f", worth {self._effective:.1f} of one size" if uneven else ""
            warnings = (f"only {self._count} clusters{size}: the interval is rough", *warnings)
        return Estimate(
            value=value,
            std_error=error,
            low=ends[0],
            high=ends[1],
            level=self._level,
            n=len(self._y),
            clusters=self._count,
            method=f"{what} of a logistic curve; {interval}",
            warnings=warnings,
        )
