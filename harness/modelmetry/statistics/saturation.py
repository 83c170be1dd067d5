"""Room above a score: whether a better model could still be told apart, and whether chance can."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import Literal

from modelmetry.statistics.checks import fraction
from modelmetry.statistics.distributions import beta_quantile
from modelmetry.statistics.estimate import Estimate

NEARLY_ALL = 0.95
"""Share of the way from chance to the ceiling above which a score is saturated at any size."""

POWER = 0.8
"""Probability with which a detectable improvement is seen, at a two-sided level of 5 %."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Saturation:
    """The place of a score between chance and its ceiling.

    Attributes:
        flag: `saturated`, `floor`, or empty where the score can both rise and fall.
        headroom: Ceiling less score, with its interval; its warnings state the flag's reason.
        detectable: Smallest improvement on the same items that would be seen with 80 % power, by a
            model that is right wherever this one is; None where the score has no standard error.
        room: Headroom in standard errors of the score; None where that is 0 or absent.
    """

    flag: Literal["", "saturated", "floor"]
    headroom: Estimate
    detectable: float | None
    room: float | None

    @property
    def improvable(self) -> bool:
        """Whether a perfect model would be seen to be better; False where that cannot be said."""
        return self.detectable is not None and self.headroom.value > self.detectable


def saturation(found: Estimate, chance: float, *, ceiling: float = 1.0) -> Saturation:
    """Say whether a score is too near its ceiling, or too near chance, to tell models apart.

    A score is at the `floor` where its interval holds chance: no worse model could be told from it.
    It is `saturated` where its headroom is no larger than the smallest detectable improvement, so
    that not even a perfect model could be told to be better on these items, or where its interval
    lies in the last twentieth of the way from chance to the ceiling, so that hardly any differences
    are left to find with any number of items. What is both is at the floor.

    The detectable improvement is `smallest_gain` of the yes/no items that would give the score's
    standard error, or of the clusters where that is 0. Rule and twentieth are this package's own.

    Args:
        found: A mean score, in [0, 1].
        chance: Expected score of a uniform guess, in [0, 1).
        ceiling: Highest possible score, in (chance, 1].

    Raises:
        ValueError: Chance and ceiling are not in this order, or the score is outside [0, 1].
    """
    if not 0 <= chance < ceiling <= 1:
        raise ValueError(
            f"chance: {chance}, ceiling: {ceiling}; allowed: 0 <= chance < ceiling <= 1"
        )
    if not 0 <= found.value <= 1:
        raise ValueError(f"found: {found.value}; allowed: 0 to 1")
    detectable = None if found.std_error is None else smallest_gain(_worth(found))
    headroom = replace(
        found,
        value=ceiling - found.value,
        low=None if found.high is None else ceiling - found.high,
        high=None if found.low is None else ceiling - found.low,
        method=f"{ceiling:g} less the score: {found.method}",
    )
    flag, reason = _flag(found, chance, ceiling, detectable)
    return Saturation(
        flag=flag,
        headroom=replace(headroom, warnings=(reason,) if reason else ()),
        detectable=detectable,
        room=headroom.value / found.std_error if found.std_error else None,
    )


def smallest_gain(n: float, *, power: float = POWER, alpha: float = 0.05) -> float:
    """Smallest share of items that must turn from wrong to right, and none back, to be detected.

    By the exact two-sided paired test (McNemar's): where all of k items that changed became right
    its p-value is 2^(1 - k), so that 6 must at the 5 % level, and the share is that with which a
    binomial count reaches k with the power. Source: Clopper and Pearson (1934), Biometrika 26,
    404-413, for the binomial tail as a beta distribution.

    Args:
        n: Independent yes/no items, > 0.
        power: Probability of detection, in (0, 1).
        alpha: Level of the test, in (0, 1).

    Returns:
        In (0, 1]; 1 where no share is enough.

    Raises:
        ValueError: An argument is out of range.
    """
    if not n > 0:
        raise ValueError(f"n: {n}; allowed: above 0")
    fewest = math.ceil(1 - math.log2(fraction("alpha", alpha)))
    fraction("power", power)
    return beta_quantile(power, fewest, n - fewest + 1) if n >= fewest else 1.0


def _worth(found: Estimate) -> float:
    """Independent yes/no items that would give the score's standard error."""
    if not found.std_error:
        return found.clusters
    return max(1.0, found.value * (1 - found.value) / found.std_error**2)


def _flag(
    found: Estimate, chance: float, ceiling: float, detectable: float | None
) -> tuple[Literal["", "saturated", "floor"], str]:
    if found.low is not None and found.high is not None and found.low <= chance <= found.high:
        return "floor", "floor: the score is not told apart from chance"
    if found.low is not None and found.low > chance + NEARLY_ALL * (ceiling - chance):
        return "saturated", "saturated: the interval lies in the last twentieth above chance"
    if detectable is not None and ceiling - found.value <= detectable:
        return "saturated", "saturated: not even a perfect model could be told to be better"
    return "", ""
