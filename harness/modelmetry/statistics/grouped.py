"""Means within the levels of a factor."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike

from modelmetry.statistics.checks import numbers, partition
from modelmetry.statistics.estimate import Estimate
from modelmetry.statistics.means import UNIT, mean


def means_by_level(
    values: ArrayLike,
    levels: ArrayLike,
    clusters: ArrayLike | None = None,
    *,
    level: float = 0.95,
    bounds: tuple[float, float] | None = UNIT,
) -> dict[object, Estimate]:
    """The clustered mean of the items at each level of a factor; see `means.mean`.

    A cluster that holds several levels counts once in each. The levels' intervals are not corrected
    for how many there are.

    Args:
        values: One number per item, shape (n,).
        levels: Level of each item, shape (n,).
        clusters: Label of the unit drawn independently, shape (n,); None for one unit per item.
        level: Confidence level, in (0, 1).
        bounds: Lowest and highest possible value; None for t intervals.

    Returns:
        Level -> estimate, in ascending order of the levels.

    Raises:
        ValueError: No values, NaN, values outside the bounds, or shapes that differ.
    """
    found = numbers("values", values)
    codes, count = partition(levels, len(found), "levels")
    units, _ = partition(clusters, len(found))
    names = np.unique(np.asarray(levels)).tolist()
    return {
        names[code]: mean(found[codes == code], units[codes == code], level=level, bounds=bounds)
        for code in range(count)
    }
