"""Control charts: whether a nightly number is still what it was, judged by its own standard error.

Every chart reads standardized changes z, one a night, that are independent and standard normal
while nothing moves (`standardized`), and follows one of the `control_rules`.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from modelmetry.statistics.checks import Floats, numbers
from modelmetry.statistics.control_rules import CUSUM, Rule
from modelmetry.statistics.distributions import normal_scores
from modelmetry.statistics.estimate import Estimate
from modelmetry.statistics.run_lengths import average_run_length

FEW_NIGHTS = 40
"""A baseline of fewer nights tells the spread between nights too roughly, and a warning says so."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Baseline:
    """What a nightly number is while nothing moves.

    Attributes:
        center: Its mean.
        error: Standard error of the center; 0 where the center is known.
        between: Standard deviation of nights about the center beyond their own errors; 0 for none.
        nights: How many nights center and spread were estimated from; 0 where they are known.
        warnings: Reasons for care, one sentence each.
    """

    center: float
    error: float = 0.0
    between: float = 0.0
    nights: int = 0
    warnings: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        if not math.isfinite(self.center):
            raise ValueError(f"center: {self.center}; allowed: finite numbers")
        for name in ("error", "between"):
            if not 0 <= getattr(self, name) < math.inf:
                raise ValueError(f"{name}: {getattr(self, name)}; allowed: numbers from 0")


def baseline(values: ArrayLike, errors: ArrayLike) -> Baseline:
    """Center of the nights before the chart begins, and their spread beyond the within-night error.

    Limits from the within-night error alone raise false alarms where nights differ for reasons of
    their own (server, batch, form): Laney (2002), Quality Engineering 14, 531-537, who widens them by
    a factor. Here the extra variance is added, which needs no nights of equal size: it is the one
    at which the weighted squares of the deviations equal their degrees of freedom, or 0. Source:
    Paule and Mandel (1982), Journal of Research of the National Bureau of Standards 87, 377-385.

    Args:
        values: One number per night, shape (nights,), at least two.
        errors: Standard error of each within its night, shape (nights,), > 0.

    Raises:
        ValueError: Fewer than two nights, NaN, shapes that differ, or an error that is not above 0.
    """
    found, variances = _nights(values, errors)
    if len(found) < 2:
        raise ValueError("values: 1 night; allowed: 2 or more for a baseline")
    extra = _between(found, variances)
    weights = 1 / (variances + extra)
    center = float(weights @ found / weights.sum())
    warnings = []
    if len(found) < FEW_NIGHTS:
        warnings.append(
            f"only {len(found)} nights in the baseline: the spread between nights is rough, and a"
            " change is found late"
        )
    z = (found - center) * np.sqrt(weights)
    # Nights too much alike to square are no nights that resemble each other in turn.
    squares = float(z @ z)
    neighbors = float(z[1:] @ z[:-1]) / squares if squares > 1e-12 else 0.0
    if len(found) >= FEW_NIGHTS and neighbors > 2 / math.sqrt(len(found)):
        warnings.append(
            f"nights resemble the night before (autocorrelation {neighbors:.2f}): false alarms come"
            " sooner than stated"
        )
    return Baseline(
        center=center,
        error=float(1 / math.sqrt(weights.sum())),
        between=math.sqrt(extra),
        nights=len(found),
        warnings=tuple(warnings),
    )


def _between(values: Floats, variances: Floats) -> float:
    """Paule and Mandel's extra variance."""

    def excess(extra: float) -> float:
        weights = 1 / (variances + extra)
        center = weights @ values / weights.sum()
        return float(weights @ (values - center) ** 2) - (len(values) - 1)

    if excess(0.0) <= 0:
        return 0.0
    from scipy.optimize import brentq

    # At the sum of squares no deviation has a weighted square above its share.
    most = float(((values - values.mean()) ** 2).sum())
    return float(brentq(excess, 0.0, most, xtol=1e-14 * most, rtol=1e-12))  # pyright: ignore


def standardized(values: ArrayLike, errors: ArrayLike, reference: Baseline) -> Floats:
    """Each night's change from the center as known the night before, in standard errors.

    z = (value - center) / sqrt(own error^2 + between^2 + center's error^2), after which the night
    enters the center by its precision: while nothing moves these are independent standard
    normals however short the baseline, where a center fixed at its estimate would drift away from
    the truth for good. A known center (error 0) stays. Where the spread between nights was
    estimated, the tail of Student's t with nights - 1 degrees of freedom is exchanged for the
    normal one. Source: Hawkins (1987), Self-starting CUSUM charts for location and scale, The
    Statistician 36, 299-316; Quesenberry (1991), Journal of Quality Technology 23, 213-224.

    Args:
        values: One number per night, in order, shape (nights,).
        errors: Standard error of each within its night, shape (nights,), > 0.
        reference: What the number was; its nights are not among `values`.

    Returns:
        Standardized changes, shape (nights,).

    Raises:
        ValueError: No nights, NaN, shapes that differ, or an error that is not above 0.
    """
    found, variances = _nights(values, errors)
    center, uncertainty = reference.center, reference.error**2
    z = np.empty(len(found))
    for night, (value, variance) in enumerate(zip(found, variances, strict=True)):
        own = variance + reference.between**2
        z[night] = (value - center) / math.sqrt(own + uncertainty)
        gain = uncertainty / (own + uncertainty)
        center += gain * (value - center)
        uncertainty *= 1 - gain
    estimated = reference.between > 0 and reference.nights > 0
    return normal_scores(z, reference.nights - 1) if estimated else z


@dataclass(frozen=True, slots=True, kw_only=True)
class ControlChart:
    """The nights of a chart.

    Attributes:
        rule: The rule with its limit.
        changes: Standardized change of each night, shape (nights,).
        upper: Statistic against a rise, shape (nights,).
        lower: Statistic against a fall, shape (nights,).
        limit: Value that alarms when `upper` or `lower` passes it.
        alarms: Nights past the limit, from 0, in order. Only the first has the stated run length.
        run_length: Nights to the first false alarm on average, while nothing moves.
        warnings: Reasons for care, one sentence each.
    """

    rule: Rule
    changes: Floats
    upper: Floats
    lower: Floats
    limit: float
    alarms: tuple[int, ...]
    run_length: Estimate
    warnings: tuple[str, ...] = ()

    @property
    def first(self) -> int | None:
        """The first night past the limit, or None."""
        return self.alarms[0] if self.alarms else None


def control_chart(
    values: ArrayLike,
    errors: ArrayLike,
    *,
    reference: Baseline,
    rng: np.random.Generator,
    rule: Rule | None = None,
    runs: int = 10_000,
    run_length: Estimate | None = None,
) -> ControlChart:
    """Chart nightly values, best of paired differences, against a baseline.

    `run_lengths.limit_for` sets a rule's limit for a wanted run length.

    Args:
        values: One number per night, in order, shape (nights,).
        errors: Standard error of each within its night, shape (nights,), > 0.
        reference: What the number was before; see `baseline`.
        rng: Simulates the run length that is stated; no night depends on it.
        rule: `Shewhart`, `EWMA` or `CUSUM`; None for `CUSUM()`.
        runs: Charts to simulate.
        run_length: The rule's run length where it is known already; None to simulate it.

    Raises:
        ValueError: No nights, NaN, shapes that differ, or an error that is not above 0.
    """
    rule = rule or CUSUM()
    changes = standardized(values, errors, reference)
    sides = np.zeros((len(changes) + 1, 2))
    for night, z in enumerate(changes):
        sides[night + 1] = rule.step(sides[night], np.array([z, -z]))
    upper, lower = sides[1:].T
    return ControlChart(
        rule=rule,
        changes=changes,
        upper=upper,
        lower=lower,
        limit=rule.threshold,
        alarms=tuple(np.flatnonzero(np.maximum(upper, lower) > rule.threshold).tolist()),
        run_length=run_length or average_run_length(rule, rng=rng, runs=runs),
        warnings=reference.warnings,
    )


def _nights(values: ArrayLike, errors: ArrayLike) -> tuple[Floats, Floats]:
    found = numbers("values", values)
    spread = numbers("errors", errors, len(found))
    variances = spread**2
    if spread.min() <= 0 or not variances.all():
        night = int(np.argmin(spread))
        raise ValueError(
            f"errors: that of night {night} is {spread[night]}; allowed: above 0 (where all items"
            " of a night agree, the interval's half-width over its quantile)"
        )
    return found, variances
