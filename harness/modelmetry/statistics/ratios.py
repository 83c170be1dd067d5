"""Ratios of two totals over the same clusters, such as tokens per right answer."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import ArrayLike

from modelmetry.statistics.checks import Floats, fraction, numbers, partition, totals_within
from modelmetry.statistics.clustered import Linear, estimate, linear, roughness
from modelmetry.statistics.distributions import two_sided
from modelmetry.statistics.estimate import Estimate


def ratio_of_totals(
    numerator: ArrayLike,
    denominator: ArrayLike,
    clusters: ArrayLike | None = None,
    *,
    level: float = 0.95,
    bounds: tuple[float, float] | None = None,
    unscored: int = 0,
) -> Estimate:
    """Total of one number over the total of another, with a clustered interval.

    The standard error linearizes: an observation moves the ratio R by (y - R x) / sum of x, summed
    by cluster as for `means.mean`. The interval is Fieller's, of all R for which the total of
    y - R x is not told from 0 by its own clustered t test: it need not be symmetric, and there
    is none where the denominator's total is not told from 0. Within bounds, as for a share, it is
    that of `clustered.estimate`. Sources: Cochran (1977), Sampling techniques, section 6.3; Fieller
    (1954), Journal of the Royal Statistical Society B 16, 175-185.

    Args:
        numerator: One number per item, y; shape (n,).
        denominator: One number per item, x, >= 0; shape (n,).
        clusters: Label of the unit drawn independently, shape (n,); None for one unit per item.
        level: Confidence level, in (0, 1).
        bounds: Lowest and highest possible ratio of any one item's numbers, as (0, 1) where y counts
            some of what x counts; None for Fieller's interval.
        unscored: Observations that were left out, to be passed on.

    Raises:
        ValueError: No values, NaN, a negative or all-zero denominator, items outside the bounds, or
            shapes that differ.
    """
    y = numbers("numerator", numerator)
    x = numbers("denominator", denominator, len(y))
    fraction("level", level)
    if x.min() < 0 or not x.sum() > 0:
        raise ValueError(f"denominator: {x.min()} to {x.max()}; allowed: from 0, not all of them 0")
    codes, count = partition(clusters, len(y))
    total = x.sum()
    ratio = float(y.sum() / total)
    found = linear(ratio, (y - ratio * x) / total, x / total, codes, count)
    if bounds is not None:
        if (y < bounds[0] * x).any() or (y > bounds[1] * x).any():
            low, high = bounds
            raise ValueError(f"numerator: allowed: {low} to {high} times the denominator")
        return estimate(found, "ratio", level=level, bounds=bounds, unscored=unscored)
    sums = [totals_within(codes, column, count) for column in (y, x)]
    return _with_fieller(found, *sums, level=level, unscored=unscored)


def _with_fieller(found: Linear, y: Floats, x: Floats, *, level: float, unscored: int) -> Estimate:
    ends, method, warnings = None, "ratio; no interval", []
    if found.std_error is None:
        warnings.append(f"an interval needs at least 2 clusters, got {found.clusters}")
    else:
        warnings.extend(roughness(found, None))
        if found.std_error == 0:
            warnings.append("no cluster differs from another: there is no interval")
        elif (ends := _fieller(y, x, two_sided(level, found.degrees))) is None:
            warnings.append("the denominator is not told from 0: there is no interval")
        else:
            method = f"ratio; Fieller's interval, t with {found.degrees:.4g} df"
    return found.reported(ends, level=level, unscored=unscored, method=method, warnings=warnings)


def _fieller(y: Floats, x: Floats, quantile: float) -> tuple[float, float] | None:
    """Roots in R of (total of y - R x)^2 = t^2 variance of that total; None where it has no ends."""
    (yy, xy), (_, xx) = len(y) * np.cov(y, x)
    t2 = quantile**2
    a, b, c = x.sum() ** 2 - t2 * xx, x.sum() * y.sum() - t2 * xy, y.sum() ** 2 - t2 * yy
    if a <= 0:
        return None
    root = math.sqrt(max(0.0, b * b - a * c))
    return float((b - root) / a), float((b + root) / a)
