"""An e-detector: a drift alarm whose false-alarm rate holds at every sample size and distribution.

A control chart trusts that nightly means are normal about a center. An e-detector reads the items of
every night, which need only be bounded and independent, and its run length is proved, not simulated;
it is slower to alarm for that.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from modelmetry.statistics.betting import BETS, finite_bounds, log_stakes
from modelmetry.statistics.checks import Floats, numbers, within


@dataclass(frozen=True, slots=True, kw_only=True)
class EDetector:
    """The nights of an e-detector.

    Attributes:
        upper: Logarithm of the evidence for a rise, shape (nights,).
        lower: Logarithm of the evidence for a fall, shape (nights,).
        limit: Logarithm of the evidence that alarms, in `upper` or `lower`: that of the run length.
        alarms: Nights at or past the limit, from 0, in order.
        run_length: Nights to the first false alarm are at least so many on average.
    """

    upper: Floats
    lower: Floats
    limit: float
    alarms: tuple[int, ...]
    run_length: float

    @property
    def first(self) -> int | None:
        """The first night at or past the limit, or None."""
        return self.alarms[0] if self.alarms else None


def e_detector(
    nights: Sequence[ArrayLike],
    *,
    run_length: float,
    null: tuple[float, float] = (0.0, 0.0),
    bounds: tuple[float, float] = (-1.0, 1.0),
) -> EDetector:
    """Alarm when the mean change has left a range, with a proved average run length.

    Against a rise above m, the upper end of the null, a night has as e-value the capital of a bet on
    its changes (`betting`), whose mean is at most 1 while the means of the changes average to m or
    less (by concavity they need not be equal, so frozen items of unequal difficulty are allowed). The
    evidence M = (M + 1) * e-value, of Shiryaev and Roberts, sums over all nights on which a change may
    have begun, and is averaged over the bets for a rise and those for a fall. While the null holds,
    its mean grows by at most one a night, so that the first night with evidence of `run_length` comes
    no sooner on average. Source: Shin, Ramdas and Rinaldo (2024), E-detectors: a nonparametric
    framework for sequential change detection, The New England Journal of Statistics in Data Science
    2, 229-260.

    Args:
        nights: For each night, in order, the change of every item (or the mean change of every
            independently drawn cluster), shape (items,). Where a night has luck of its own that its
            items share (server, batch), its mean alone, shape (1,): taken for independent the items
            alarm too soon, in a simulation after 27 nights where 100 were promised.
        run_length: Nights to a false alarm on average, at least, > 1.
        null: Range in which the mean change counts as none; within the bounds. Where the baseline is
            an estimate, not (0, 0) but what its error leaves open.
        bounds: Lowest and highest possible change.

    Raises:
        ValueError: No nights, a night without items or with NaN, changes outside the bounds, a null
            that is out of order or reaches a bound, or a run length that is not above 1.
    """
    if not 1 < run_length < math.inf:
        raise ValueError(f"run_length: {run_length}; allowed: numbers above 1")
    low, high = finite_bounds(bounds)
    if not low < null[0] <= null[1] < high:
        raise ValueError(f"null: {null[0]} to {null[1]}; allowed: a range inside {bounds}")
    if not len(nights):
        raise ValueError("nights: no values; allowed: one or more")
    # A stake on certain success grows by its own log odds ratio, which tells the bets on a rise.
    rising = log_stakes(np.ones(1))[0] > 0
    fall, rise = (log_stakes(np.array([(mean - low) / (high - low)]))[0] for mean in null)
    fair = np.where(rising, rise, fall)
    evidence = np.full(BETS, -np.inf)
    sides = np.empty((len(nights), 2))
    for night, changes in enumerate(nights):
        found = numbers(f"nights[{night}]", changes)
        within(f"nights[{night}]", found, bounds)
        gained = log_stakes((found - low) / (high - low))[-1] - len(found) * fair
        evidence = np.logaddexp(evidence, 0.0) + gained
        for side, bets in enumerate((rising, ~rising)):
            sides[night, side] = np.logaddexp.reduce(evidence[bets]) - math.log(BETS)
    limit = math.log(run_length)
    return EDetector(
        upper=sides[:, 0].copy(),
        lower=sides[:, 1].copy(),
        limit=limit,
        alarms=tuple(np.flatnonzero(sides.max(axis=1) >= limit).tolist()),
        run_length=float(run_length),
    )
