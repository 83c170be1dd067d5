"""Differences of balanced accuracies between two sets of observations, which may share clusters."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from modelmetry.statistics.checks import (
    Codes,
    Floats,
    fraction,
    numbers,
    partition,
    totals_within,
    within,
)
from modelmetry.statistics.clustered import Linear, all_or_nothing, linear, roughness
from modelmetry.statistics.estimate import Estimate
from modelmetry.statistics.means import UNIT, independent_difference
from modelmetry.statistics.pairs import Paired


def difference(
    a: ArrayLike,
    b: ArrayLike,
    classes_a: ArrayLike,
    classes_b: ArrayLike,
    clusters_a: ArrayLike | None = None,
    clusters_b: ArrayLike | None = None,
    *,
    level: float = 0.95,
    bounds: tuple[float, float] = UNIT,
    unscored: int = 0,
) -> Estimate | None:
    """Balanced accuracy of `a` less that of `b`, with an interval that never has width 0.

    The mean, over the classes that both sides have, of the differences between the class means. So a
    respondent that always gives one answer has a difference of exactly 0, however the two sides'
    right answers are distributed. A class counts where it has two clusters or more on each side.

    An observation moves the difference by its deviation from the mean of its class on its side,
    over (classes * class size), as in `means.balanced_accuracy`, with the spread of a class of m
    clusters corrected by m/(m-1). Clusters of one label on both sides are one cluster, so that what
    they share cancels: the influences are summed over both sides, and the interval is the
    clustered Tango interval of `pairs.difference`. Where no cluster is shared it joins the two
    clustered Wilson intervals as `means.difference_of_means` does.

    Args:
        a: One number per item, shape (n_a,).
        b: One number per item, shape (n_b,).
        classes_a: Label of the right answer of each, shape (n_a,); every class counts the same.
        classes_b: The same for `b`, shape (n_b,).
        clusters_a: Label of the unit drawn independently, shape (n_a,); None for one unit per item.
        clusters_b: The same for `b`; equal labels are the same unit. None for units of its own.
        level: Confidence level, in (0, 1).
        bounds: Lowest and highest possible value of an item.
        unscored: Observations that were left out, to be passed on.

    Returns:
        The estimate, `clusters` counting a shared one once; None where the sides share no class. With
        fewer than two clusters to each class there is no interval.

    Raises:
        ValueError: No values, NaN, values outside the bounds, or shapes that differ.
    """
    fraction("level", level)
    sides = _sides((a, b), (classes_a, classes_b), (clusters_a, clusters_b), bounds)
    usable = sides.counts.min(axis=0) >= 2
    present = sides.counts.min(axis=0) >= 1
    if not present.any():
        return None
    thin = not usable.any()
    kept = sides.of(present if thin else usable)
    size = kept.counts.shape[1]
    what = f"difference of balanced accuracies over {size} class{'es' * (size > 1)}"
    if left_out := int((sides.counts.max(axis=0) >= 1).sum()) - size:
        what += f" that both sides have ({left_out} left out)"
    if thin:
        found = _joint(kept, bounds)
        why = "an interval needs at least 2 clusters of a class on each side, got 1"
        return _reported(found.mean, None, what, level, unscored, [why])
    if not np.intersect1d(kept.codes[kept.first], kept.codes[~kept.first]).size:
        left, right = (_one(kept, side, bounds) for side in (True, False))
        return independent_difference(
            left, right, what, level=level, bounds=bounds, unscored=unscored
        )
    found = _joint(kept, bounds)
    warnings = roughness(found.mean, None)
    if found.mean.std_error == 0:
        warnings.append("all clusters differ by the same: read the interval, not the error")
    what += f", shared clusters; clustered Tango score interval, t with {found.df:.4g} df"
    return _reported(found.mean, found.bounds(level), what, level, unscored, warnings)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Sides:
    """The observations of both sides, one after the other.

    Attributes:
        values: Shape (n,).
        first: Whether an observation is of the first side, shape (n,).
        classes: Class of each, from 0, shape (n,).
        codes: Cluster of each, shape (n,).
        counts: Clusters of each side in each class, shape (2, classes).
    """

    values: Floats
    first: np.ndarray
    classes: Codes
    codes: Codes
    counts: Codes

    def of(self, which: np.ndarray) -> _Sides:
        """The observations of the chosen classes, shape (classes,), coded anew."""
        kept = which[self.classes]
        return _Sides(
            values=self.values[kept],
            first=self.first[kept],
            classes=(np.cumsum(which) - 1)[self.classes[kept]],
            codes=self.codes[kept],
            counts=self.counts[:, which],
        )


def _sides(
    values: tuple[ArrayLike, ArrayLike],
    classes: tuple[ArrayLike, ArrayLike],
    clusters: tuple[ArrayLike | None, ArrayLike | None],
    bounds: tuple[float, float],
) -> _Sides:
    found = [numbers(name, part) for name, part in zip("ab", values, strict=True)]
    kinds, units = [], []
    for name, part, of, within_ in zip("ab", found, classes, clusters, strict=True):
        within(name, part, bounds)
        partition(of, len(part), f"classes_{name}")
        partition(within_, len(part), f"clusters_{name}")
        kinds.append(np.asarray(of))
        # Units without a name are no unit of the other side.
        own = [f"{name}{i}" for i in range(len(part))]
        units.append(np.asarray(own if within_ is None else within_))
    first = np.repeat([True, False], [len(part) for part in found])
    codes, count = partition(np.concatenate(units), len(first))
    kind, how_many = partition(np.concatenate(kinds), len(first), "classes")
    places = (np.where(first, 0, 1) * how_many + kind) * count + codes
    seen = np.unique(places) // count
    counts = np.bincount(seen, minlength=2 * how_many).reshape(2, how_many)
    joined = np.concatenate(found)
    return _Sides(values=joined, first=first, classes=kind, codes=codes, counts=counts)


def _moved(sides: _Sides) -> tuple[Floats, Floats, Floats]:
    """Mean of each class on each side, shape (2, classes); influence and weight of observations.

    Influences are on the side's own balanced accuracy; those of a class with m clusters are scaled
    by sqrt(m / (m-1)), without which a class of few would seem to vary less than it does.
    """
    size = sides.counts.shape[1]
    place = np.where(sides.first, 0, 1) * size + sides.classes
    n = np.bincount(place, minlength=2 * size)
    means = np.bincount(place, weights=sides.values, minlength=2 * size) / n
    m = sides.counts.reshape(-1)
    scale = np.sqrt(m / np.maximum(m - 1, 1))
    weights = 1 / (size * n[place])
    influence = (sides.values - means[place]) * weights * scale[place]
    return means.reshape(2, size), influence, weights


def _one(sides: _Sides, first: bool, bounds: tuple[float, float]) -> Linear:
    """The balanced accuracy of one side."""
    means, influence, weights = _moved(sides)
    here = sides.first == first
    codes, count = partition(sides.codes[here], int(here.sum()))
    whole = all_or_nothing(sides.values[here], codes, count, bounds)
    value = means[0 if first else 1].mean()
    moved = _uncorrected(influence[here], count)
    return linear(value, moved, weights[here], codes, count, yes_or_no=whole)


def _joint(sides: _Sides, bounds: tuple[float, float]) -> Paired:
    """The difference and what each cluster adds to it, over both sides."""
    means, influence, weights = _moved(sides)
    sign = np.where(sides.first, 1.0, -1.0)
    codes, count = partition(sides.codes, len(sign))
    value = float(np.mean(means[0] - means[1]))
    moved = _uncorrected(sign * influence, count)
    mean = linear(value, moved, weights / 2, codes, count, yes_or_no=False)
    parts = sign * (sides.values - bounds[0]) * weights
    return Paired(
        mean=mean,
        deltas=count * totals_within(codes, parts, count),
        codes=np.arange(count),
        span=bounds[1] - bounds[0],
        binary=False,
    )


def _uncorrected(influence: Floats, clusters: int) -> Floats:
    """Influences without the correction that the standard error of `Linear` will make again."""
    return influence * np.sqrt((clusters - 1) / clusters) if clusters > 1 else influence


def _reported(
    found: Linear,
    ends: tuple[float, float] | None,
    what: str,
    level: float,
    unscored: int,
    warnings: list[str],
) -> Estimate:
    method = what if ends is not None else f"{what}; no interval"
    return found.reported(ends, level=level, unscored=unscored, method=method, warnings=warnings)
