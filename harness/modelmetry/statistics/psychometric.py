"""Accuracy along difficulty: a logistic curve above the guess rate, and its threshold."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from modelmetry.statistics.checks import Codes, Floats, fraction, numbers, partition, within
from modelmetry.statistics.distributions import two_sided
from modelmetry.statistics.estimate import Estimate
from modelmetry.statistics.means import UNIT

_STEPS = 100
_CONVERGED = 1e-9

# Beyond this many logits a curve is a step, whose slope the data cannot tell.
_STEEPEST = 40.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Curve:
    """P(right | x) = guess + (1 - guess) / (1 + exp(-(intercept + slope x))).

    Attributes:
        threshold: Difficulty at which accuracy is halfway between the guess rate and 1; None where
            the data cannot say.
        intercept: Logits at difficulty 0; None where nothing was fitted.
        slope: Logits per unit of difficulty, negative where accuracy falls; None likewise.
        lowest: Lowest difficulty tested.
        highest: Highest difficulty tested.
        warnings: Why there is no threshold, or reasons for care, one sentence each.
    """

    threshold: Estimate | None
    intercept: float | None
    slope: float | None
    lowest: float
    highest: float
    warnings: tuple[str, ...] = ()

    def at(self, difficulty: ArrayLike, guess: ArrayLike = 0.0) -> Floats | None:
        """Accuracy on the curve at some difficulties, in [0, 1]; None where nothing was fitted.

        Args:
            difficulty: Shape (m,).
            guess: Probability of guessing right, shape (m,) or one number, in [0, 1).
        """
        if self.intercept is None or self.slope is None:
            return None
        share = _logistic(self.intercept + self.slope * np.asarray(difficulty, dtype=np.float64))
        rate = np.asarray(guess, dtype=np.float64)
        return rate + (1 - rate) * share


def fit(
    difficulty: ArrayLike,
    values: ArrayLike,
    clusters: ArrayLike | None = None,
    *,
    guess: ArrayLike = 0.0,
    level: float = 0.95,
) -> Curve:
    """Fit the curve by maximum likelihood and read its threshold.

    Fisher scoring on the Bernoulli likelihood, which for item means over repeats is the quasi-
    likelihood; covariances are cluster sandwiches with G/(G-1). The threshold's standard error is
    by the delta method and its interval is Fieller's: the difficulties at which the curve cannot be
    told from halfway. There are no lapses in the model: a model that slips on easy items too has a
    flatter curve. Source: Wichmann and Hill (2001), Perception & Psychophysics 63, 1293-1313; Finney
    (1971), Probit analysis (Abbott's correction is the guess rate); Fieller (1954),
    Journal of the Royal Statistical Society B 16, 175-185; Liang and Zeger (1986), Biometrika 73.

    There is no threshold, and `warnings` says why, where there is one difficulty only, accuracy is
    on one side of halfway at all of them, jumps from one side to the other as a step, does not fall,
    falls too little to be told from flat, or where the threshold is outside what was tested.

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
    rate = numbers("guess", np.broadcast_to(np.asarray(guess, dtype=np.float64), x.shape))
    if rate.min() < 0 or rate.max() >= 1:
        raise ValueError(f"guess: {rate.min()} to {rate.max()}; allowed: from 0 to below 1")
    codes, count = partition(clusters, len(x))
    reason = _one_sided(x, y, rate)
    if reason:
        return _none(x, reason)
    center, scale = float(x.mean()), float(x.std())
    design = np.column_stack([np.ones_like(x), (x - center) / scale])
    coefficients = _maximize(design, y, rate)
    if coefficients is None:
        return _none(x, "accuracy falls as a step: its slope cannot be estimated")
    covariance = _sandwich(design, y, rate, coefficients, codes, count)
    slope = float(coefficients[1]) / scale
    intercept = float(coefficients[0]) - slope * center
    threshold, warnings = _threshold(coefficients, covariance, level, x, count)
    return Curve(
        threshold=threshold,
        intercept=intercept,
        slope=slope,
        lowest=float(x.min()),
        highest=float(x.max()),
        warnings=warnings,
    )


def _none(x: Floats, reason: str) -> Curve:
    low, high = float(x.min()), float(x.max())
    return Curve(
        threshold=None, intercept=None, slope=None, lowest=low, highest=high, warnings=(reason,)
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


def _logistic(logits: Floats) -> Floats:
    # tanh does not overflow.
    return (1 + np.tanh(logits / 2)) / 2


def _parts(design: Floats, rate: Floats, coefficients: Floats) -> tuple[Floats, Floats, Floats]:
    """Share known, accuracy, and share over accuracy, each of shape (n,) and above 0."""
    share = np.clip(_logistic(design @ coefficients), 1e-15, 1 - 1e-15)
    accuracy = rate + (1 - rate) * share
    return share, accuracy, share / accuracy


def _likelihood(design: Floats, y: Floats, rate: Floats, coefficients: Floats) -> float:
    share, accuracy, _ = _parts(design, rate, coefficients)
    return float(np.sum(y * np.log(accuracy) + (1 - y) * np.log((1 - rate) * (1 - share))))


def _maximize(design: Floats, y: Floats, rate: Floats) -> Floats | None:
    """Fisher scoring with step halving, shape (2,); None when the maximum is at infinity."""
    coefficients = np.array([0.0, -1.0])
    best = _likelihood(design, y, rate, coefficients)
    for _ in range(_STEPS):
        share, accuracy, ratio = _parts(design, rate, coefficients)
        score = design.T @ ((y - accuracy) * ratio)
        weights = (1 - rate) * share * (1 - share) * ratio
        try:
            information = (design * weights[:, None]).T @ design
            step = np.asarray(np.linalg.solve(information, score), dtype=np.float64)
        except np.linalg.LinAlgError:
            return None
        for _ in range(30):
            value = _likelihood(design, y, rate, coefficients + step)
            if value >= best:
                break
            step = step / 2
        else:
            return coefficients
        coefficients, best = coefficients + step, value
        if np.abs(coefficients).max() > _STEEPEST:
            return None
        if np.abs(step).max() < _CONVERGED:
            return coefficients
    return None


def _sandwich(
    design: Floats, y: Floats, rate: Floats, coefficients: Floats, codes: Codes, count: int
) -> Floats | None:
    """Clustered covariance of the coefficients, shape (2, 2); None below two clusters."""
    if count < 2:
        return None
    share, accuracy, ratio = _parts(design, rate, coefficients)
    weights = (1 - rate) * share * (1 - share) * ratio
    information = (design * weights[:, None]).T @ design
    bread = np.asarray(np.linalg.inv(information), dtype=np.float64)
    scores = design * ((y - accuracy) * ratio)[:, None]
    sums = np.column_stack([np.bincount(codes, weights=scores[:, k]) for k in range(2)])
    return count / (count - 1) * bread @ (sums.T @ sums) @ bread


def _threshold(
    coefficients: Floats, covariance: Floats | None, level: float, x: Floats, count: int
) -> tuple[Estimate | None, tuple[str, ...]]:
    center, scale = float(x.mean()), float(x.std())
    a, b = float(coefficients[0]), float(coefficients[1])
    if b >= 0:
        return None, ("accuracy does not fall with difficulty",)
    at = -a / b
    value = center + scale * at
    if not x.min() <= value <= x.max():
        return None, (f"the threshold, {value:.3g}, is outside the difficulties tested",)
    if covariance is None:
        reason = "an interval needs at least 2 clusters, got 1"
        return _estimate(value, None, None, None, level, x, count, (reason,)), (reason,)
    quantile = two_sided(level, count - 1)
    if abs(b) <= quantile * math.sqrt(covariance[1, 1]):
        return None, ("accuracy falls too little with difficulty to be told from flat",)
    error = math.sqrt(covariance[0, 0] + 2 * at * covariance[0, 1] + at**2 * covariance[1, 1])
    low, high = _fieller(a, b, quantile**2 * covariance)
    ends = center + scale * low, center + scale * high
    return _estimate(value, scale * error / abs(b), *ends, level, x, count, ()), ()


def _fieller(a: float, b: float, spread: Floats) -> tuple[float, float]:
    """Where (a + b x)^2 is what its variance, times the squared quantile, allows."""
    square = b**2 - float(spread[1, 1])
    cross = a * b - float(spread[0, 1])
    constant = a**2 - float(spread[0, 0])
    # The point estimate lies between the roots, so there are two.
    root = math.sqrt(max(0.0, cross**2 - square * constant))
    return (-cross - root) / square, (-cross + root) / square


def _estimate(
    value: float,
    error: float | None,
    low: float | None,
    high: float | None,
    level: float,
    x: Floats,
    count: int,
    warnings: tuple[str, ...],
) -> Estimate:
    interval = "no interval" if low is None else f"clustered Fieller interval, {count - 1} df"
    return Estimate(
        value=value,
        std_error=error,
        low=low,
        high=high,
        level=level,
        n=len(x),
        clusters=count,
        method=f"threshold of a logistic curve; {interval}",
        warnings=warnings,
    )
