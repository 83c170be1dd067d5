"""Resampling of whole clusters: bootstrap means, differences and their intervals."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import ArrayLike

from modelmetry.statistics.checks import (
    Floats,
    fraction,
    numbers,
    partition,
    totals_within,
    whole,
    within,
)
from modelmetry.statistics.clustered import Linear, linear, roughness
from modelmetry.statistics.estimate import Estimate
from modelmetry.statistics.means import UNIT

_BLOCK = 1_000_000
"""Counts held at a time: 8 MB of them, a few times over."""

_FEW_KINDS = 16
"""Clusters per kind of cluster from which counting kinds beats drawing clusters."""


def resampled_means(
    values: ArrayLike,
    clusters: ArrayLike | None = None,
    *,
    rng: np.random.Generator,
    resamples: int = 10_000,
) -> Floats:
    """Means after redrawing whole clusters with replacement, as many as there are.

    Each resample's mean is its total over its number of observations, so clusters may be of any
    size; several rows of values are resampled together, which keeps what they share. Source: Davison
    and Hinkley (1997), Bootstrap methods and their application, section 3.8; Field and Welsh (2007),
    Bootstrapping clustered data, Journal of the Royal Statistical Society B 69, 369-390.

    Args:
        values: One number per item, shape (n,), or one such row for each of k models, shape (k, n).
        clusters: Label of the unit drawn independently, shape (n,); None for one unit per item.
        rng: Draws the clusters.
        resamples: How many times to draw, >= 1.

    Returns:
        Shape (resamples,), or (resamples, k) for k rows of values.

    Raises:
        ValueError: No values, NaN, shapes that differ, or no resamples.
    """
    if np.ndim(values) == 2:
        rows = np.stack([numbers(f"values[{i}]", row) for i, row in enumerate(np.asarray(values))])
    else:
        rows = numbers("values", values)[None, :]
    codes, count = partition(clusters, rows.shape[1])
    columns = [*rows, np.ones(rows.shape[1])]
    sums = [totals_within(codes, column, count) for column in columns]
    totals = resampled_totals(np.column_stack(sums), rng=rng, resamples=resamples)
    means = totals[:, :-1] / totals[:, -1:]
    return means if np.ndim(values) == 2 else means[:, 0]


def resampled_totals(rows: Floats, *, rng: np.random.Generator, resamples: int) -> Floats:
    """Column totals of as many rows as there are, drawn with replacement, many times over.

    Equal rows are interchangeable: where few differ, how often each kind is drawn is multinomial,
    which costs nothing per row.

    Args:
        rows: One row per cluster, shape (clusters, columns).
        rng: Draws the rows.
        resamples: How many times to draw, >= 1.

    Returns:
        Shape (resamples, columns).

    Raises:
        ValueError: No resamples.
    """
    whole("resamples", resamples, 1)
    count = len(rows)
    kinds, repeats = np.unique(rows, axis=0, return_counts=True)
    few = len(kinds) * _FEW_KINDS <= count
    if not few:
        kinds = rows
    totals = np.empty((resamples, rows.shape[1]))
    step = max(1, _BLOCK // len(kinds))
    for start in range(0, resamples, step):
        many = min(step, resamples - start)
        if few:
            counts = rng.multinomial(count, repeats / count, size=many)
        else:
            drawn = rng.integers(0, count, size=(many, count), dtype=np.uint32)
            drawn += (np.arange(many, dtype=np.uint32) * count)[:, None]
            counts = np.bincount(drawn.ravel(), minlength=many * count).reshape(many, count)
        totals[start : start + many] = counts @ kinds
    return totals


def bootstrap_mean(
    values: ArrayLike,
    clusters: ArrayLike | None = None,
    *,
    rng: np.random.Generator,
    resamples: int = 10_000,
    level: float = 0.95,
    bounds: tuple[float, float] | None = UNIT,
    unscored: int = 0,
) -> Estimate:
    """Mean with a bootstrap-t interval over whole clusters.

    Each resample's distance from the mean is measured in its own clustered standard error, and the
    interval reads those distances backwards, which follows the skewness that percentiles and BCa
    miss: in simulations of 10 to 200 clusters it covers in 91 % or more where those fall to 71 %
    and 78 %. With outcomes in few clusters it is wide, since many resamples hold none. Source: Efron
    (1979), Annals of Statistics 7, 1-26; DiCiccio and Efron (1996), Bootstrap confidence
    intervals, Statistical Science 11, 189-228.

    Args:
        values: One number per item, shape (n,).
        clusters: Label of the unit drawn independently, shape (n,); None for one unit per item.
        rng: Draws the clusters.
        resamples: How many times to draw, >= 1.
        level: Confidence level, in (0, 1).
        bounds: Lowest and highest possible value, at which the interval is cut; None for none.
        unscored: Observations that were left out, to be passed on.

    Returns:
        The estimate; without an interval below two clusters, where no cluster differs from another,
        or where so many resamples have no spread that an end lies nowhere.

    Raises:
        ValueError: No values, NaN, values outside the bounds, shapes that differ, or no resamples.
    """
    side = cluster_sums("values", values, clusters, "clusters", bounds)
    whole("resamples", resamples, 1)
    found = bare_mean(side, level, unscored, _reasons(side, bounds))
    if not found.std_error:
        return found
    means, errors = side.resampled(rng, resamples)
    return _with_interval(found, _studentized(means - found.value, errors), resamples, bounds)


def bootstrap_difference(
    a: ArrayLike,
    b: ArrayLike,
    clusters_a: ArrayLike | None = None,
    clusters_b: ArrayLike | None = None,
    *,
    rng: np.random.Generator,
    resamples: int = 10_000,
    level: float = 0.95,
    bounds: tuple[float, float] | None = UNIT,
    unscored: int = 0,
) -> Estimate:
    """Difference a - b between two sets that share no cluster, with a bootstrap-t interval.

    The clusters of each side are redrawn on their own; else as `bootstrap_mean`. For scores
    `means.difference_of_means` is narrower and needs no drawing.

    Args:
        a: One number per item, shape (n_a,).
        b: One number per item, shape (n_b,).
        clusters_a: Labels for `a`, shape (n_a,), or None.
        clusters_b: Labels for `b`, shape (n_b,), or None.
        rng: Draws the clusters.
        resamples: How many times to draw, >= 1.
        level: Confidence level, in (0, 1).
        bounds: Lowest and highest possible value of an item, or None.
        unscored: Observations that were left out, to be passed on.

    Returns:
        The estimate; `n` and `clusters` count both sides.

    Raises:
        ValueError: No values, NaN, values outside the bounds, shapes that differ, or no resamples.
    """
    left = cluster_sums("a", a, clusters_a, "clusters_a", bounds)
    right = cluster_sums("b", b, clusters_b, "clusters_b", bounds)
    whole("resamples", resamples, 1)
    alone = [bare_mean(side, level, unscored, _reasons(side, bounds)) for side in (left, right)]
    errors = [side.std_error for side in alone if side.std_error is not None]
    found = replace(
        alone[0],
        value=alone[0].value - alone[1].value,
        std_error=math.hypot(*errors) if len(errors) == 2 else None,
        n=alone[0].n + alone[1].n,
        clusters=alone[0].clusters + alone[1].clusters,
        method="difference of means; no interval",
        warnings=tuple(
            f"{name}: {why}"
            for name, side in zip("ab", alone, strict=True)
            for why in side.warnings
        ),
    )
    if not found.std_error:
        return found
    means_a, errors_a = left.resampled(rng, resamples)
    means_b, errors_b = right.resampled(rng, resamples)
    distances = _studentized(means_a - means_b - found.value, np.hypot(errors_a, errors_b))
    span = None if bounds is None else (bounds[0] - bounds[1], bounds[1] - bounds[0])
    return _with_interval(found, distances, resamples, span)


@dataclass(frozen=True, slots=True, kw_only=True)
class ClusterSums:
    """A mean and the sums of its clusters, from which it is resampled.

    Attributes:
        found: The mean as a linear statistic.
        sums: Sum of each cluster's values.
        sizes: Observations in each cluster.
    """

    found: Linear
    sums: Floats
    sizes: Floats

    def resampled(self, rng: np.random.Generator, resamples: int) -> tuple[Floats, Floats]:
        """Means and standard errors of resamples, each of shape (resamples,)."""
        # Distances from the mean: their squares do not cancel as those of the values would.
        y, m = self.sums - self.found.value * self.sizes, self.sizes
        rows = np.column_stack([y, m, y * y, y * m, m * m])
        total, size, yy, ym, mm = resampled_totals(rows, rng=rng, resamples=resamples).T
        shift = total / size
        squares = np.maximum(0.0, yy - 2 * shift * ym + shift**2 * mm)
        count = self.found.clusters
        errors = np.sqrt(squares * count / (count - 1)) / size
        return self.found.value + shift, np.where(errors > 1e-9 * np.abs(y).max(), errors, 0.0)


def cluster_sums(
    name: str,
    values: ArrayLike,
    clusters: ArrayLike | None,
    labels: str,
    bounds: tuple[float, float] | None,
) -> ClusterSums:
    """The sums of checked values by cluster; `labels` is what the clusters are called."""
    found = numbers(name, values)
    within(name, found, bounds)
    n = len(found)
    codes, count = partition(clusters, n, labels)
    return ClusterSums(
        found=linear(found.mean(), (found - found.mean()) / n, np.full(n, 1 / n), codes, count),
        sums=totals_within(codes, found, count),
        sizes=totals_within(codes, np.ones(n), count),
    )


def _reasons(side: ClusterSums, bounds: tuple[float, float] | None) -> list[str]:
    """Why the interval may not hold: few clusters to redraw, or few that hold the rarer outcome."""
    return roughness(side.found, None) or roughness(side.found, bounds)


def _studentized(deviations: Floats, errors: Floats) -> Floats:
    """Deviations in standard errors; infinite where there is no error."""
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.where(deviations == 0, 0.0, deviations / errors)


def _with_interval(
    found: Estimate, distances: Floats, resamples: int, bounds: tuple[float, float] | None
) -> Estimate:
    """The estimate with the interval that resampled distances, in standard errors, make."""
    tails = [(1 - found.level) / 2, (1 + found.level) / 2]
    least, most = np.quantile(distances, tails, method="inverted_cdf")
    error = found.std_error or 0.0
    low, high = found.value - float(most) * error, found.value - float(least) * error
    if bounds is not None:
        low, high = max(bounds[0], low), min(bounds[1], high)
    elif not (math.isfinite(low) and math.isfinite(high)):
        why = "too many resamples have no spread: there is no interval"
        return replace(found, warnings=(*found.warnings, why))
    what = found.method.removesuffix("; no interval")
    method = f"{what}; bootstrap-t interval, {resamples:,} resamples of clusters"
    return replace(found, low=low, high=high, method=method)


def bare_mean(side: ClusterSums, level: float, unscored: int, warnings: list[str]) -> Estimate:
    """The mean without an interval; `warnings` are for the one it is to get, where it can."""
    found = side.found
    if found.std_error is None:
        warnings = [f"an interval needs at least 2 clusters, got {found.clusters}"]
    elif found.std_error == 0:
        warnings = ["no cluster differs from another: there is no interval"]
    return found.reported(
        None,
        level=fraction("level", level),
        unscored=unscored,
        method="mean; no interval",
        warnings=warnings,
    )
