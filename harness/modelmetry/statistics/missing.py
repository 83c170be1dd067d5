"""Bounds on a mean of which some values are missing because the instrument failed."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike

from modelmetry.statistics.checks import floats, numbers, partition, within
from modelmetry.statistics.estimate import Estimate
from modelmetry.statistics.means import UNIT, mean


def worst_and_best(
    values: ArrayLike,
    scored: ArrayLike,
    clusters: ArrayLike | None = None,
    *,
    level: float = 0.95,
    bounds: tuple[float, float] = UNIT,
) -> tuple[Estimate, Estimate]:
    """The mean with every missing value at its lowest, and with every one at its highest.

    What the mean would be had nothing failed lies between the two values whatever made the values
    missing; from the lower end of the first interval to the upper end of the second, the bounds
    and the sampling are both allowed for. Source: Manski (1990), Nonparametric bounds on treatment
    effects, American Economic Review 80, 319-323; Horowitz and Manski (2000), Journal of the
    American Statistical Association 95, 77-84.

    Args:
        values: One number per item, shape (n,); what stands where `scored` is false is not read.
        scored: Whether each could be scored, shape (n,), bool.
        clusters: Label of the unit drawn independently, shape (n,); None for one unit per item.
        level: Confidence level, in (0, 1).
        bounds: Lowest and highest possible value.

    Returns:
        The worst and the best case; `unscored` counts the missing values in both.

    Raises:
        ValueError: No values, NaN among the scored, values outside the bounds, or shapes that differ.
    """
    known = np.asarray(scored, dtype=bool)
    given = floats("values", values)
    if given.ndim != 1 or known.shape != given.shape:
        raise ValueError(f"scored: shape {known.shape}; allowed: that of values, {given.shape}")
    units, _ = partition(clusters, len(given))
    unscored = int((~known).sum())
    cases = []
    for bound in bounds:
        filled = numbers("values", np.where(known, given, bound))
        within("values", filled, bounds)
        cases.append(mean(filled, units, level=level, bounds=bounds, unscored=unscored))
    return cases[0], cases[1]
