"""Standard errors of linear statistics whose observations were drawn in clusters."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from modelmetry.statistics.checks import Codes, Floats
from modelmetry.statistics.distributions import two_sided
from modelmetry.statistics.estimate import Estimate
from modelmetry.statistics.proportions import wilson_bounds

FEW_CLUSTERS = 10
"""Below this many clusters a standard error is rough, and a warning says so."""

# Sums of rounding errors are no spread.
_ROUNDING = 1e-12


@dataclass(frozen=True, slots=True, kw_only=True)
class Linear:
    """A weighted sum of observations, with the spread of its clusters.

    Attributes:
        value: The statistic.
        std_error: CR1 standard error, or None below two clusters.
        clusters: Independently drawn units.
        effective: Clusters of equal weight that would carry as much: Kish's (sum w)^2 / sum w^2.
        n: Observations.
    """

    value: float
    std_error: float | None
    clusters: int
    effective: float
    n: int

    @property
    def df(self) -> int:
        """Degrees of freedom: clusters - 1."""
        return self.clusters - 1


def linear(value: float, influence: Floats, weights: Floats, codes: Codes, clusters: int) -> Linear:
    """A statistic with its cluster-robust standard error, by linearization.

    SE^2 = G/(G-1) * sum over clusters of (sum of influences)^2, the CR1 estimator. Source: Liang
    and Zeger (1986), Biometrika 73, 13-22; for means over questions, Miller (2024), Adding error
    bars to evals, arXiv 2411.00640.

    Args:
        value: The statistic.
        influence: How much each observation moved it, shape (n,); sums to 0.
        weights: Weight of each observation in it, shape (n,), >= 0.
        codes: Cluster of each observation, from 0, shape (n,).
        clusters: How many clusters, G.
    """
    sums = np.bincount(codes, weights=influence, minlength=clusters)
    shares = np.bincount(codes, weights=weights, minlength=clusters)
    std_error = None
    if clusters >= 2:
        std_error = math.sqrt(clusters / (clusters - 1) * float(sums @ sums))
        if std_error < _ROUNDING * max(1.0, abs(value)):
            std_error = 0.0
    effective = float(shares.sum() ** 2 / (shares @ shares))
    return Linear(
        value=float(value),
        std_error=std_error,
        clusters=clusters,
        effective=effective,
        n=len(influence),
    )


def estimate(
    found: Linear, what: str, *, level: float, bounds: tuple[float, float] | None, unscored: int
) -> Estimate:
    """A linear statistic with an interval that never has width 0.

    Within bounds the interval is Wilson's with the number of observations that would give the same
    standard error if they were independent, and Student's t with clusters - 1 degrees of freedom
    for the normal quantile. Where no cluster differs from another, that number is the effective
    number of clusters. Source: Kott and Carr (1997), Journal of Official Statistics 13, 1-14; Franco,
    Little, Louis and Slud (2019), Journal of Survey Statistics and Methodology 7, 334-364. Without
    bounds it is the t interval.

    Args:
        found: The statistic.
        what: Its name, for `method`.
        level: Confidence level, in (0, 1).
        bounds: Lowest and highest possible value, or None.
        unscored: Observations that were left out.
    """
    low = high = None
    method = f"{what}; no interval"
    warnings: list[str] = []
    if found.std_error is None:
        warnings.append(f"an interval needs at least 2 clusters, got {found.clusters}")
    else:
        if found.clusters < FEW_CLUSTERS:
            warnings.append(f"only {found.clusters} clusters: the standard error is rough")
        if found.std_error == 0:
            warnings.append("no cluster differs from another: read the interval, not the error")
        if bounds is not None:
            low, high = score_bounds(found, level, bounds)
            method = f"{what}; clustered Wilson interval, t with {found.df} df"
        elif found.std_error > 0:
            half = two_sided(level, found.df) * found.std_error
            low, high = found.value - half, found.value + half
            method = f"{what}; clustered t interval, {found.df} df"
    return Estimate(
        value=found.value,
        std_error=found.std_error,
        low=low,
        high=high,
        level=level,
        n=found.n,
        clusters=found.clusters,
        unscored=unscored,
        method=method,
        warnings=tuple(warnings),
    )


def score_bounds(found: Linear, level: float, bounds: tuple[float, float]) -> tuple[float, float]:
    """Ends of the clustered Wilson interval of `estimate`; at least two clusters."""
    lowest, highest = bounds
    span = highest - lowest
    p = min(1.0, max(0.0, (found.value - lowest) / span))
    error = (found.std_error or 0.0) / span
    n = p * (1 - p) / error**2 if error > 0 and 0 < p < 1 else found.effective
    low, high = wilson_bounds(p, n, two_sided(level, found.df))
    return lowest + span * low, lowest + span * high
