"""Agreement of raters beyond chance: the kappas of Cohen and Fleiss, and Krippendorff's alpha.

Each is 1 - observed / expected disagreement. All intervals are made in one way: the coefficient is
linearized in its units, and the clustered Wilson interval of `clustered.estimate`, for a mean
disagreement with that standard error, is divided by the expected disagreement. So raters who never
differ still get an interval. At the end of least agreement the standard error is that of the ratio
there, as in Fieller (1954), Journal of the Royal Statistical Society B 16, 175-185: at the estimate
it is too small where the sample agrees too well. Source of the linearization: Fleiss, Cohen and
Everitt (1969), Psychological Bulletin 72, 323-327.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any, Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

from modelmetry.statistics.checks import Codes, Floats, fraction, numbers, partition
from modelmetry.statistics.clustered import estimate, linear, score_bounds
from modelmetry.statistics.estimate import Estimate

MOST_CATEGORIES = 200
"""More distinct ratings than these are no categories."""

FEW_UNUSUAL = 5
"""Below so many units that two raters would by chance both put outside a category that is much the
commonest, a warning says so."""

_COMMONEST = 0.6


def cohen_kappa(
    a: ArrayLike,
    b: ArrayLike,
    clusters: ArrayLike | None = None,
    *,
    weights: Literal["none", "linear", "quadratic"] = "none",
    level: float = 0.95,
) -> Estimate:
    """Agreement of two raters on the same units, beyond that of their own habits.

    Source: Cohen (1960), Educational and Psychological Measurement 20, 37-46; weighted, Cohen (1968),
    Psychological Bulletin 70, 213-220.

    Args:
        a: Rating of each unit by the first rater, shape (n,); any labels, with weights numbers.
        b: Rating of the same units in the same order by the second, shape (n,).
        clusters: Label of what was drawn independently, shape (n,); None for one for each unit.
        weights: How much a disagreement counts: all the same, or by its distance or square distance.
        level: Confidence level, in (0, 1).

    Raises:
        ValueError: No units, shapes that differ, a missing rating, unknown weights, or only one
            category in all.
    """
    powers = {"none": 0, "linear": 1, "quadratic": 2}
    if weights not in powers:
        raise ValueError(f"weights: {weights}; allowed: {', '.join(powers)}")
    both = [numbers("a", a), numbers("b", b)] if powers[weights] else [np.asarray(a), np.asarray(b)]
    n = both[0].size
    if both[0].ndim != 1 or both[1].shape != both[0].shape or not n:
        raise ValueError(
            f"b: shape {both[1].shape}; allowed: that of a, {both[0].shape}, not empty"
        )
    found, codes, _ = _categories("a and b", np.stack(both))
    costs = _costs(found, powers[weights])
    first, second = codes
    mine = np.bincount(first, minlength=len(found)) / n
    yours = np.bincount(second, minlength=len(found)) / n
    observed = costs[first, second]
    expected = float(mine @ costs @ yours)
    moved = (costs @ yours)[first] + (mine @ costs)[second] - 2 * expected
    moved *= observed.mean() / expected
    name = "Cohen's kappa" if weights == "none" else f"Cohen's kappa, {weights} weights"
    common = float((mine + yours).max()) / 2
    each = np.full(n, 1 / n)
    return _coefficient(name, observed, moved, expected, each, common, clusters, level)


def fleiss_kappa(
    ratings: ArrayLike, clusters: ArrayLike | None = None, *, level: float = 0.95
) -> Estimate:
    """Agreement of as many raters on every unit, beyond that of the categories' overall shares.

    The raters need not be the same ones for each unit. Source: Fleiss (1971), Measuring nominal scale
    agreement among many raters, Psychological Bulletin 76, 378-382.

    Args:
        ratings: Labels, shape (units, raters), at least two raters, none missing.
        clusters: Label of what was drawn independently, shape (units,); None for each unit.
        level: Confidence level, in (0, 1).

    Raises:
        ValueError: The shape is wrong, a rating is missing (see `krippendorff_alpha`), or only one
            category in all.
    """
    table = _table(ratings)
    units, raters = table.shape
    found, codes, _ = _categories("ratings", table)
    counts = _counts(codes, np.ones(table.shape, dtype=bool), len(found))
    shares = counts.sum(axis=0) / table.size
    observed = 1 - (counts * (counts - 1)).sum(axis=1) / (raters * (raters - 1))
    expected = float(1 - shares @ shares)
    moved = -2 * ((counts / raters - shares) @ shares) * observed.mean() / expected
    weights = np.full(units, 1 / units)
    common = float(shares.max())
    name = "Fleiss' kappa"
    return _coefficient(name, observed, moved, expected, weights, common, clusters, level)


def krippendorff_alpha(
    ratings: ArrayLike,
    clusters: ArrayLike | None = None,
    *,
    metric: Literal["nominal", "ordinal", "interval"] = "nominal",
    level: float = 0.95,
) -> Estimate:
    """Agreement of any number of raters, some of whom may have left units out.

    Source: Krippendorff (2004), Content analysis, 2nd edition, chapter 11; Hayes and Krippendorff
    (2007), Communication Methods and Measures 1, 77-89.

    Args:
        ratings: Shape (units, raters); NaN, or "" among texts, where a rating is missing. Numbers for
            the ordinal and interval metrics.
        clusters: Label of what was drawn independently, shape (units,); None for each unit.
        metric: How much a disagreement counts: all the same, by the ratings between the two, or by
            the square of their difference.
        level: Confidence level, in (0, 1).

    Returns:
        The estimate; units with fewer than two ratings are left out and counted as `unscored`.

    Raises:
        ValueError: The shape is wrong, the metric unknown, no unit has two ratings, or there is only
            one category in all.
    """
    if metric not in ("nominal", "ordinal", "interval"):
        raise ValueError(f"metric: {metric}; allowed: nominal, ordinal, interval")
    table = _table(ratings)
    if metric != "nominal":
        if table.dtype.kind == "U" or np.isinf(table).any():
            raise ValueError(f"ratings: texts or infinite; allowed: numbers for {metric} metrics")
        table = table.astype(np.float64)
    known = table != "" if table.dtype.kind == "U" else ~np.isnan(table.astype(np.float64))
    enough = known.sum(axis=1) >= 2
    if not enough.any():
        raise ValueError("ratings: no unit has two; allowed: two or more for one unit at least")
    labels = None if clusters is None else np.asarray(clusters)
    if labels is not None:
        partition(labels, len(table))
        labels = labels[enough]
    found, codes, kept = _categories("ratings", table[enough], known[enough])
    counts = _counts(codes, kept, len(found))
    pairable = counts.sum(axis=1)
    total = counts.sum(axis=0)
    n = float(total.sum())
    costs = _metric_costs(metric, found, total)
    weights = pairable / n
    observed = ((counts @ costs) * counts).sum(axis=1) / (pairable * (pairable - 1))
    expected = float(total @ costs @ total) / (n * (n - 1))
    slopes = counts @ _slopes(metric, found, counts)
    moved = expected * (slopes.sum() - slopes / weights)
    name = f"Krippendorff's alpha, {metric}"
    common = float(total.max()) / n
    result = _coefficient(name, observed, moved, expected, weights, common, labels, level)
    return replace(result, unscored=int((~enough).sum()))


def _coefficient(
    name: str,
    observed: Floats,
    moved: Floats,
    expected: float,
    weights: Floats,
    common: float,
    clusters: ArrayLike | None,
    level: float,
) -> Estimate:
    """1 - mean of observed / expected.

    Args:
        name: What it is called.
        observed: Disagreement within each unit, shape (n,), in [0, 1].
        moved: How much each unit moves the expected disagreement, times the ratio, shape (n,).
        expected: Disagreement by chance, in (0, 1].
        weights: Weight of each unit, shape (n,); sums to 1.
        common: Share of the ratings in the commonest category.
        clusters: Label of what was drawn independently, shape (n,), or None.
        level: Confidence level.
    """
    codes, count = partition(clusters, len(observed))
    mean = min(1.0, float(weights @ observed))
    found = linear(mean, weights * (observed - mean - moved), weights, codes, count)
    # A unit nobody saw may disagree as much as the worst one seen, or fully where none does.
    worst = float(observed.max())
    bounds = (0.0, worst if worst > 0 else 1.0)
    ratio = estimate(found, name, level=fraction("level", level), bounds=bounds, unscored=0)
    if ratio.std_error is None or ratio.low is None or ratio.high is None:
        return replace(ratio, value=1 - mean / expected)
    # Fieller's step: the chance disagreement moves a larger ratio more.
    scale = ratio.high / mean if mean > 0 else 1.0
    larger = linear(mean, weights * (observed - mean - scale * moved), weights, codes, count)
    high = max(ratio.high, score_bounds(larger, level, bounds)[1])
    warnings = list(ratio.warnings)
    if common > _COMMONEST and (1 - common) ** 2 * count < FEW_UNUSUAL:
        warnings.append(
            f"{common:.0%} of the ratings are in one category: the agreement by chance is rough, and"
            " so is the interval"
        )
    value = 1 - mean / expected
    return replace(
        ratio,
        value=value,
        std_error=ratio.std_error / expected,
        # No agreement is below -1, though an interval of disagreement may reach further.
        low=min(value, max(-1.0, 1 - high / expected)),
        high=1 - ratio.low / expected,
        warnings=tuple(warnings),
    )


def _table(ratings: ArrayLike) -> NDArray[Any]:
    table = np.asarray(ratings)
    if table.ndim != 2 or not table.shape[0] or table.shape[1] < 2:
        raise ValueError(
            f"ratings: shape {table.shape}; allowed: (units, raters), 2 raters or more"
        )
    if table.dtype.kind not in "buifU":
        raise ValueError(f"ratings: {table.dtype}; allowed: numbers or texts")
    return table


def _categories(
    name: str, labels: NDArray[Any], known: NDArray[np.bool_] | None = None
) -> tuple[NDArray[Any], Codes, NDArray[np.bool_]]:
    """Distinct labels in order, the code of each label (0 where unknown), and which are known."""
    kept = np.ones(labels.shape, dtype=bool) if known is None else known
    if labels.dtype.kind == "f" and np.isnan(labels[kept]).any():
        raise ValueError(f"{name}: a rating is missing; allowed: labels")
    found, inverse = np.unique(labels[kept], return_inverse=True)
    if not 2 <= len(found) <= MOST_CATEGORIES:
        raise ValueError(
            f"{name}: {len(found)} distinct ratings; allowed: 2 to {MOST_CATEGORIES}, for agreement"
            " beyond chance"
        )
    codes = np.zeros(labels.shape, dtype=np.intp)
    codes[kept] = inverse.reshape(-1)
    return found, codes, kept


def _counts(codes: Codes, kept: NDArray[np.bool_], categories: int) -> Floats:
    """How often each unit was given each category, shape (units, categories)."""
    units = np.arange(len(codes))[:, np.newaxis] * categories
    flat = np.bincount((units + codes)[kept], minlength=len(codes) * categories)
    return flat.reshape(len(codes), categories).astype(np.float64)


def _costs(found: NDArray[Any], power: int) -> Floats:
    """Cost of each pair of categories in [0, 1]: any difference, or a power of its share of the range."""
    if not power:
        return 1 - np.eye(len(found))
    return (np.abs(np.subtract.outer(found, found)) / np.ptp(found)) ** power


def _metric_costs(metric: str, found: NDArray[Any], total: NDArray[Any]) -> NDArray[Any]:
    """Krippendorff's squared differences, over the largest of them; `total` may be complex."""
    if metric != "ordinal":
        return _costs(found, 2 if metric == "interval" else 0)
    # Ratings up to the middle of a category: differences of these are Krippendorff's sums between.
    middles = np.cumsum(total) - total / 2
    return (np.subtract.outer(middles, middles) / (middles[-1] - middles[0])) ** 2


def _slopes(metric: str, found: NDArray[Any], counts: Floats) -> Floats:
    """Derivative of observed / expected disagreement by the count of each category.

    By a step so small along the imaginary axis that it is exact: Squire and Trapp (1998), SIAM
    Review 40, 110-112.
    """
    per_unit = counts / (counts.sum(axis=1, keepdims=True) - 1)
    pairs = per_unit.T @ counts - np.diag(per_unit.sum(axis=0))
    slopes = np.empty(len(found))
    for category in range(len(found)):
        total = counts.sum(axis=0).astype(np.complex128)
        total[category] += 1e-20j
        costs = _metric_costs(metric, found, total)
        ratio = (total.sum() - 1) * (pairs * costs).sum() / (total @ costs @ total)
        slopes[category] = ratio.imag / 1e-20
    return slopes
