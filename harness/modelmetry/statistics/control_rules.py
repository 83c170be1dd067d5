"""Rules of control charts: how a statistic goes from night to night, and where it alarms.

A rule reads standardized changes z, one a night. It carries a one-sided statistic, once for z against
a rise and once for -z against a fall, and alarms when either passes the threshold.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from modelmetry.statistics.checks import Floats


@dataclass(frozen=True, slots=True, kw_only=True)
class Shewhart:
    """Alarms on one night far out; quickest for large, sudden changes.

    Source: Shewhart (1931), Economic control of quality of manufactured product.

    Attributes:
        limit: Standardized change that alarms, > 0; 3 for one false alarm in 370 nights.
    """

    limit: float = 3.0

    def __post_init__(self) -> None:
        _positive("limit", self.limit)

    @property
    def threshold(self) -> float:
        """Value of the statistic past which the chart alarms."""
        return self.limit

    def step(self, side: Floats, z: Floats) -> Floats:
        """The statistic after one more night, whatever it was before."""
        return z


@dataclass(frozen=True, slots=True, kw_only=True)
class EWMA:
    """An exponentially weighted moving average; for small changes that stay.

    The limits are those of a long-running average, `limit` * sqrt(weight / (2 - weight)). Source:
    Roberts (1959), Technometrics 1, 239-250; Lucas and Saccucci (1990), Technometrics 32, 1-12.

    Attributes:
        limit: Standard deviations of the average that alarm, > 0.
        weight: Weight of tonight, in (0, 1].
    """

    limit: float = 2.7
    weight: float = 0.1

    def __post_init__(self) -> None:
        _positive("limit", self.limit)
        if not 0 < self.weight <= 1:
            raise ValueError(f"weight: {self.weight}; allowed: above 0, at most 1")

    @property
    def threshold(self) -> float:
        """Value of the statistic past which the chart alarms."""
        return self.limit * math.sqrt(self.weight / (2 - self.weight))

    def step(self, side: Floats, z: Floats) -> Floats:
        """The statistic after one more night."""
        return (1 - self.weight) * side + self.weight * z


@dataclass(frozen=True, slots=True, kw_only=True)
class CUSUM:
    """The tabular cumulative sum of what exceeds the slack; for a known size of change that stays.

    Source: Page (1954), Biometrika 41, 100-115; the tabular form as in Montgomery, Introduction to
    statistical quality control, chapter 9.

    Attributes:
        limit: Sum that alarms, h > 0; 4 or 5 is usual.
        slack: Half of the standardized change to be found soonest, k >= 0.
    """

    limit: float = 5.0
    slack: float = 0.5

    def __post_init__(self) -> None:
        _positive("limit", self.limit)
        if not 0 <= self.slack < math.inf:
            raise ValueError(f"slack: {self.slack}; allowed: numbers from 0")

    @property
    def threshold(self) -> float:
        """Value of the statistic past which the chart alarms."""
        return self.limit

    def step(self, side: Floats, z: Floats) -> Floats:
        """The statistic after one more night."""
        return np.maximum(0.0, side + z - self.slack)


Rule = Shewhart | EWMA | CUSUM


def _positive(name: str, value: float) -> None:
    if not 0 < value < math.inf:
        raise ValueError(f"{name}: {value}; allowed: numbers above 0")
