"""Means over strata of known weight in the population, such as the kinds of problem a generator draws."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import ArrayLike

from modelmetry.statistics.checks import Codes, Floats, fraction, numbers, partition, within
from modelmetry.statistics.clustered import Linear, estimate, linear
from modelmetry.statistics.estimate import Estimate
from modelmetry.statistics.means import UNIT

Weights = Mapping[str, float] | Mapping[int, float]
"""Stratum -> its weight in the population: any positive numbers, read as shares of their sum."""


def stratified_mean(
    values: ArrayLike,
    strata: ArrayLike,
    weights: Weights,
    clusters: ArrayLike | None = None,
    *,
    level: float = 0.95,
    bounds: tuple[float, float] | None = UNIT,
    unscored: int = 0,
) -> Estimate:
    """Population mean from strata drawn in fixed numbers: sum of weight * stratum mean.

    The variance is the sum of weight^2 * clustered variance of the stratum's mean, so that what
    strata differ by does not enter it; degrees of freedom by Satterthwaite (1946, Biometrics Bulletin
    2, 110-114) from the effective clusters less one of each stratum, with squared variances
    estimated without bias. Strata of one cluster show no variance of their own: two or
    more of them are collapsed into one, which takes their differences for variance and errs upward;
    where there is just one there is no interval. A warning says either. Source: Cochran (1977),
    Sampling techniques, sections 5.3 to 5.4 and 5A.12; the interval is that of `clustered.estimate`.

    Args:
        values: One number per item, shape (n,).
        strata: Label of each item's stratum, shape (n,).
        weights: Weight of each stratum in the population; of exactly the strata that occur.
        clusters: Label of the unit drawn independently within its stratum, shape (n,); None for one
            unit per item.
        level: Confidence level, in (0, 1).
        bounds: Lowest and highest possible value; None for a t interval.
        unscored: Observations that were left out, to be passed on.

    Raises:
        ValueError: No values, NaN, values outside the bounds, shapes that differ, weights that are
            not positive or not those of the strata, or a cluster in several strata.
    """
    drawn = _drawn(values, strata, weights, clusters, bounds)
    if len(drawn.clusters_within(drawn.strata)[1]) != drawn.clusters:
        raise ValueError("clusters: one lies in several strata; allowed: each in one stratum")
    alone = drawn.clusters_within(drawn.strata)[0] == 1
    groups, warnings = drawn.strata, []
    if alone.sum() > 1:
        groups = np.where(alone[groups], len(alone), groups)
        warnings.append(f"{alone.sum()} strata have one cluster each and are collapsed into one")
    if 2 in drawn.clusters_within(groups)[0]:
        warnings.append("a stratum has only two clusters, a rough spread: the interval is wide")
    found = drawn.linear(groups)
    if found is not None:
        found = replace(found, degrees=_satterthwaite(drawn, groups))
    what = f"stratified mean of {len(alone)} strata"
    return _estimate(drawn, found, what, level, bounds, unscored, warnings)


def post_stratified_mean(
    values: ArrayLike,
    strata: ArrayLike,
    weights: Weights,
    clusters: ArrayLike | None = None,
    *,
    level: float = 0.95,
    bounds: tuple[float, float] | None = UNIT,
    unscored: int = 0,
) -> Estimate:
    """Population mean where the number drawn from each stratum was left to chance.

    The value is that of `stratified_mean`; clusters may lie in several strata. The variance is
    conditional on the numbers drawn, as Holt and Smith (1979, Journal of the Royal Statistical
    Society A 142, 33-46) advise: for independent items the sum of weight^2 s^2 / n over strata, whose
    mean over samples holds the second term of Cochran (1977, Sampling techniques, section 5A.9),
    the sum of (1 - weight) s^2 / n^2, for sizes left to chance. A stratum with one cluster leaves
    no interval: merge it with another before looking at the values.

    Args:
        values: One number per item, shape (n,).
        strata: Label of each item's stratum, shape (n,).
        weights: Weight of each stratum in the population; of exactly the strata that occur.
        clusters: Label of the unit drawn independently, shape (n,); None for one unit per item.
        level: Confidence level, in (0, 1).
        bounds: Lowest and highest possible value; None for a t interval.
        unscored: Observations that were left out, to be passed on.

    Raises:
        ValueError: No values, NaN, values outside the bounds, shapes that differ, or weights that are
            not positive or not those of the strata: one that drew nothing must be merged too.
    """
    drawn = _drawn(values, strata, weights, clusters, bounds)
    what = f"post-stratified mean of {len(drawn.names)} strata"
    return _estimate(drawn, drawn.linear(drawn.strata), what, level, bounds, unscored, [])


@dataclass(frozen=True, slots=True, kw_only=True)
class _Drawn:
    """What was drawn from a population of strata.

    Attributes:
        values: One number per item.
        strata: Stratum of each item, from 0.
        names: What the strata are called, by that number.
        weights: Weight of each item, so that those of a stratum add up to its share.
        codes: Cluster of each item, from 0.
        clusters: How many clusters.
    """

    values: Floats
    strata: Codes
    names: list[object]
    weights: Floats
    codes: Codes
    clusters: int

    def clusters_within(self, groups: Codes) -> tuple[Codes, Codes]:
        """Clusters in each group of items, and the group of each pair of cluster and group."""
        pairs = np.unique(np.column_stack([groups, self.codes]), axis=0)
        return np.bincount(pairs[:, 0]), pairs[:, 0]

    def influence(self, groups: Codes) -> Floats:
        """Each item's deviation from its group's mean, weighted, and raised for that mean's fit."""
        size = np.bincount(groups, weights=self.weights)
        total = np.bincount(groups, weights=self.weights * self.values)
        within_group = self.clusters_within(groups)[0]
        with np.errstate(invalid="ignore", divide="ignore"):
            centers = total / size
            raised = np.sqrt(within_group / (within_group - 1))
        return self.weights * (self.values - centers[groups]) * raised[groups]

    def linear(self, groups: Codes) -> Linear | None:
        """The weighted mean; None where a group has one cluster, and so no variance."""
        if (self.clusters_within(groups)[0] == 1).any():
            return None
        # The factor of all clusters together, which `Linear` puts in, gives way to the groups'.
        lowered = np.sqrt((self.clusters - 1) / self.clusters)
        influence = lowered * self.influence(groups)
        value = float(self.weights @ self.values)
        return linear(value, influence, self.weights, self.codes, self.clusters)


def _drawn(
    values: ArrayLike,
    strata: ArrayLike,
    weights: Weights,
    clusters: ArrayLike | None,
    bounds: tuple[float, float] | None,
) -> _Drawn:
    found = numbers("values", values)
    within("values", found, bounds)
    kinds, _ = partition(strata, len(found), "strata")
    names = np.unique(np.asarray(strata)).tolist()
    given = dict(weights.items())
    if set(given) != set(names):
        odd = sorted(map(repr, set(given) ^ set(names)))
        raise ValueError(
            f"weights: {', '.join(odd)} differ; allowed: those of the strata drawn from"
        )
    shares = numbers("weights", [given[name] for name in names])
    if shares.min() <= 0:
        raise ValueError(f"weights: {shares.min()}; allowed: above 0")
    codes, count = partition(clusters, len(found))
    return _Drawn(
        values=found,
        strata=kinds,
        names=names,
        weights=(shares / shares.sum() / np.bincount(kinds))[kinds],
        codes=codes,
        clusters=count,
    )


def _satterthwaite(drawn: _Drawn, groups: Codes) -> float:
    """Degrees of freedom of a sum of the groups' variances, where each cluster lies in one group."""
    home = np.zeros(drawn.clusters, dtype=np.intp)
    home[drawn.codes] = groups
    sums = np.bincount(drawn.codes, weights=drawn.influence(groups))
    shares = np.bincount(drawn.codes, weights=drawn.weights)
    variances = np.bincount(home, weights=sums**2)
    size, squares = np.bincount(home, weights=shares), np.bincount(home, weights=shares**2)
    there = size > 0
    degrees = np.maximum(0.5, size[there] ** 2 / squares[there] - 1)
    total = float(variances.sum())
    if total == 0:
        return float(degrees.sum())
    # A squared variance is on average 1 + 2 / df times too large, below and above the line.
    found = total**2 / float((variances[there] ** 2 / (degrees + 2)).sum()) - 2
    return min(float(degrees.sum()), max(float(degrees.min()), found))


def _estimate(
    drawn: _Drawn,
    found: Linear | None,
    what: str,
    level: float,
    bounds: tuple[float, float] | None,
    unscored: int,
    warnings: list[str],
) -> Estimate:
    fraction("level", level)
    if found is not None:
        made = estimate(found, what, level=level, bounds=bounds, unscored=unscored)
        return replace(made, warnings=(*warnings, *made.warnings))
    counts = drawn.clusters_within(drawn.strata)[0]
    name = drawn.names[int(np.flatnonzero(counts == 1)[0])]
    return Estimate(
        value=float(drawn.weights @ drawn.values),
        std_error=None,
        low=None,
        high=None,
        level=level,
        n=len(drawn.values),
        clusters=drawn.clusters,
        unscored=unscored,
        method=f"{what}; no interval",
        warnings=(f"stratum {name!r} has one cluster: there is no interval",),
    )
