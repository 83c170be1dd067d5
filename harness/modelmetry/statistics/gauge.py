"""Gauge R&R: the spread of a measurement beside that of what is measured, and what it resolves."""

from __future__ import annotations

import math
from collections.abc import Collection, Mapping
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import ArrayLike

from modelmetry.statistics.checks import Floats, fraction
from modelmetry.statistics.components import Components, variance_components
from modelmetry.statistics.designs import RESIDUAL
from modelmetry.statistics.distributions import chi_square_quantile, f_tail, t_quantile, two_sided
from modelmetry.statistics.generalizability import (
    coefficients,
    satterthwaite,
    signal_interval,
    weights,
)

POWER = 0.8
"""Chance of seeing the smallest detectable difference."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Spread:
    """One source of spread in a gauge study.

    Attributes:
        name: `repeatability`, `reproducibility`, `interaction`, `measurement`, `part` or `total`.
        variance: In the square of the scores' unit, >= 0.
        std_dev: Its root.
        low: Lower end of the interval of `std_dev`, or None.
        high: Upper end, or None.
        contribution: Percent of the total variance.
        study: Percent of the total standard deviation; these do not add up to 100.
    """

    name: str
    variance: float
    std_dev: float
    low: float | None
    high: float | None
    contribution: float
    study: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Gauge:
    """What a measurement can tell apart.

    Attributes:
        spreads: Repeatability (the same again), reproducibility (other levels of the factors),
            interaction (factors that rank the parts differently), measurement (the three
            together, R&R), part, and total.
        sizes: Levels of each factor, and repeats, that one measurement averages over.
        grr: Measurement spread in percent of the total standard deviation, %GRR; None where there
            is no spread at all.
        grr_low: Lower end of its interval, or None.
        grr_high: Upper end, or None.
        categories: Number of distinct categories, 1.41 part / measurement rounded down, at least
            1; None where the measurement has no spread.
        categories_low: The same at the lower end of the interval, or None.
        categories_high: The same at the upper end, or None.
        detectable: Smallest difference between two parts measured on the same levels that is
            seen with 80 % power in a two-sided test at 1 - level, in the unit of the scores; None
            where no interaction or residual was seen.
        interaction_p: p-value of no interaction of parts and operators, where it was tested.
        pooled: Whether the interaction was then counted as repeatability.
        level: Confidence level.
        warnings: Reasons for care, one sentence each.
    """

    spreads: tuple[Spread, ...]
    sizes: Mapping[str, float]
    grr: float | None
    grr_low: float | None
    grr_high: float | None
    categories: int | None
    categories_low: int | None
    categories_high: int | None
    detectable: float | None
    interaction_p: float | None = None
    pooled: bool = False
    level: float = 0.95
    warnings: tuple[str, ...] = ()

    def __getitem__(self, name: str) -> Spread:
        """The spread of a name."""
        for spread in self.spreads:
            if spread.name == name:
                return spread
        raise KeyError(name)


def resolution(
    components: Components,
    sizes: Mapping[str, float] | None = None,
    *,
    part: str = "model",
    fixed: Collection[str] = (),
    level: float = 0.95,
) -> Gauge:
    """Gauge R&R of the mean score over a design: which parts it can tell apart.

    Repeatability is the residual; reproducibility is what other items, wordings, editions or
    judges change for all parts alike; interaction is what they change for single parts. Each is
    that of one measurement, a mean over the sizes. Source: AIAG (2010), Measurement Systems
    Analysis, 4th edition, chapter III; Burdick, Borror and Montgomery (2005), Design and Analysis
    of Gauge R&R Studies. Intervals take a sum of variances as chi-square, and the ratio behind
    %GRR and the categories as F, with Satterthwaite's degrees of freedom.

    Args:
        components: Of the scores of several parts.
        sizes: Levels of each factor and repeats that one measurement averages over; None for those
            of the data, {} for the single score.
        part: The factor whose levels are to be told apart.
        fixed: Factors that stay as they are in every measurement.
        level: Confidence level, in (0, 1).

    Raises:
        ValueError: A name that the components do not know, a size that is not positive, or a wrong
            level.
    """
    summary = coefficients(components, sizes, part=part, fixed=fixed, level=level)
    share = weights(components, summary.sizes, part, fixed)
    residual = np.array([other.name == RESIDUAL for other in components.components])
    sums = {
        "repeatability": np.where(residual, share.absolute, 0.0),
        "reproducibility": share.absolute - share.relative,
        "interaction": np.where(residual, 0.0, share.relative),
        "measurement": share.absolute,
        "part": share.universe,
        "total": share.universe + share.absolute,
    }
    total = float(sums["total"] @ components.variances)
    spreads = tuple(
        _spread(name, components, weight, total, level) for name, weight in sums.items()
    )
    low, high = signal_interval(components, share, share.absolute, level)
    noise = summary.absolute_error
    missing = [] if noise else ["the measurement has no spread: it resolves whatever differs"]
    return Gauge(
        spreads=spreads,
        sizes=summary.sizes,
        grr=_percent(noise, total) if total else None,
        grr_low=None if high is None else 100 / math.sqrt(1 + high),
        grr_high=None if low is None else 100 / math.sqrt(1 + low),
        categories=_categories(summary.object_variance / noise if noise else None),
        categories_low=_categories(low),
        categories_high=_categories(high),
        detectable=_detectable(components, share.relative, level),
        level=level,
        warnings=(*summary.warnings, *missing),
    )


def crossed(
    values: ArrayLike,
    parts: ArrayLike,
    operators: ArrayLike,
    *,
    pool: float | None = 0.25,
    level: float = 0.95,
) -> Gauge:
    """Gauge R&R of parts that operators measure several times each, by analysis of variance.

    The interaction is counted as repeatability where its F test does not reject; this needs
    every operator to measure every part as often. Source: AIAG (2010), Measurement Systems
    Analysis, 4th edition, chapter III, section B, and appendix A.

    Args:
        values: Measurements, shape (n,).
        parts: Part of each, shape (n,).
        operators: Operator of each, shape (n,).
        pool: Largest p-value at which the interaction is kept, in (0, 1); None to keep it always.
        level: Confidence level, in (0, 1).

    Raises:
        ValueError: Fewer than two values, NaN, shapes that differ, or a number out of range.
    """
    if pool is not None:
        fraction("pool", pool)
    factors = {"part": parts, "operator": operators}
    found = variance_components(values, factors)
    p = None if pool is None else _interaction_p(found)
    pooled = pool is not None and p is not None and p > pool
    if pooled:
        found = variance_components(values, factors, ["part", "operator"])
    gauge = resolution(found, {}, part="part", level=level)
    untested = pool is not None and p is None
    why = "the interaction is not tested: that needs a balanced design with repeats"
    return replace(
        gauge,
        interaction_p=p,
        pooled=pooled,
        warnings=(*gauge.warnings, why) if untested else gauge.warnings,
    )


def _interaction_p(components: Components) -> float | None:
    """F test of no interaction, from mean squares put together from their components."""
    names = [component.name for component in components.components]
    if components.method != "ANOVA" or names != ["part", "operator", "part:operator", RESIDUAL]:
        return None
    part, operator, both, residual = components.components
    if residual.unbiased <= 0:
        # Repeats that agree to the last digit: any interaction is surely there, and none is not.
        return 0.0 if both.unbiased > 0 else 1.0
    square = residual.unbiased + components.sizes["repeat"] * both.unbiased
    df = (part.levels - 1) * (operator.levels - 1)
    return f_tail(square / residual.unbiased, df, components.n - both.levels)


def _spread(
    name: str, components: Components, weight: Floats, total: float, level: float
) -> Spread:
    variance = float(weight @ components.variances)
    low = high = None
    if variance > 0:
        df = satterthwaite(variance, weight, components)
        low = math.sqrt(df * variance / chi_square_quantile((1 + level) / 2, df))
        high = math.sqrt(df * variance / chi_square_quantile((1 - level) / 2, df))
    return Spread(
        name=name,
        variance=variance,
        std_dev=math.sqrt(variance),
        low=low,
        high=high,
        contribution=100 * variance / total if total else 0.0,
        study=_percent(variance, total),
    )


def _percent(variance: float, total: float) -> float:
    return 100 * math.sqrt(variance / total) if total else 0.0


def _categories(ratio: float | None) -> int | None:
    """AIAG's number of distinct categories from part to measurement variance."""
    return None if ratio is None else max(1, math.floor(math.sqrt(2 * ratio)))


def _detectable(components: Components, relative: Floats, level: float) -> float | None:
    variance = float(relative @ components.variances)
    if variance <= 0:
        return None
    df = satterthwaite(variance, relative, components)
    return (two_sided(level, df) + t_quantile(POWER, df)) * math.sqrt(2 * variance)
