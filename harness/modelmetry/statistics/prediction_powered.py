"""Prediction-powered inference: a mean of human labels, sharpened by a judge's many verdicts."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from numpy.typing import ArrayLike

from modelmetry.statistics.checks import Codes, Floats, fraction, numbers, partition, within
from modelmetry.statistics.clustered import Linear, all_or_nothing, estimate, linear
from modelmetry.statistics.distributions import two_sided
from modelmetry.statistics.estimate import Estimate
from modelmetry.statistics.means import UNIT

FEW_SURPRISES = 5
"""Below so many labeled clusters off the judge's line the interval is rough, and a warning says so."""


def prediction_powered_mean(
    truth: ArrayLike,
    judged: ArrayLike,
    unlabeled: ArrayLike,
    clusters: ArrayLike | None = None,
    unlabeled_clusters: ArrayLike | None = None,
    *,
    tuning: float | None = None,
    level: float = 0.95,
    bounds: tuple[float, float] | None = UNIT,
) -> Estimate:
    """Mean of the truth over all items, of which only a random few are labeled.

    mean(truth) + tuning * (mean(unlabeled) - mean(judged)): the judge's own mean, corrected by what
    the labeled items show of its errors; nothing is asked of the judge. With `tuning` 1 it is
    prediction-powered inference: Angelopoulos et al. (2023), Science 382, 669-674. None takes the
    tuning of least variance, Cov(truth, judged) / (Var(judged) + Var(unlabeled)) of the means, kept in
    [0, 1], with which a bad judge costs nothing: Angelopoulos, Duchi and Zrnic (2023), PPI++, arXiv
    2311.01453. Both variances are from all of the judge's scores about one center, whose spread the
    few labeled ones tell too roughly. The interval is that of `clustered.estimate`, with labeled
    clusters - 1 degrees of freedom, and one less where the tuning was estimated too; within bounds it
    reaches at least as far as the t interval.

    Args:
        truth: The right score of each labeled item, shape (n,).
        judged: The judge's score of the same items in the same order, shape (n,).
        unlabeled: The judge's score of the other items, shape (m,).
        clusters: Label of the unit drawn independently for each labeled item, shape (n,), or None.
        unlabeled_clusters: The same for the others, shape (m,), or None; none of the labeled ones.
        tuning: Weight of the judge, in [0, 1]; 0 for the labels alone, None for the best.
        level: Confidence level, in (0, 1).
        bounds: Lowest and highest possible score; None for any.

    Returns:
        The estimate; `n` and `clusters` count the labeled items.

    Raises:
        ValueError: No values, NaN, scores outside the bounds, shapes that differ, or a tuning
            outside [0, 1].
    """
    fraction("level", level)
    right = numbers("truth", truth)
    seen = numbers("judged", judged, len(right))
    others = numbers("unlabeled", unlabeled)
    for name, scores in (("truth", right), ("judged", seen), ("unlabeled", others)):
        within(name, scores, bounds)
    if tuning is not None and not 0 <= tuning <= 1:
        raise ValueError(f"tuning: {tuning}; allowed: 0 to 1, or None for the best")
    codes, count = partition(clusters, len(right))
    other_codes, other_count = partition(unlabeled_clusters, len(others), "unlabeled_clusters")
    spent = int(tuning is None)
    if tuning is None:
        tuning = _best(right, seen, others, codes, other_codes)
    rest = right - tuning * seen
    n = len(right)
    single = all_or_nothing(right, codes, count, bounds)
    moved, weights = (rest - rest.mean()) / n, np.full(n, 1 / n)
    found = linear(rest.mean(), moved, weights, codes, count, yes_or_no=single)
    value = found.value + tuning * float(others.mean())
    what = f"prediction-powered mean, tuning {tuning:.3g}"
    if min(count - spent, other_count) < 2:
        few = replace(found, clusters=1, value=_cut(value, bounds))
        needed = f"an interval needs at least {2 + spent} labeled clusters and 2 others"
        got = f"got {count} and {other_count}"
        plain = estimate(few, what, level=level, bounds=bounds, unscored=0)
        return replace(plain, clusters=count, warnings=(f"{needed}, {got}",))
    spread = _squares(tuning * (others - others.mean()) / len(others), other_codes)
    spread *= other_count / (other_count - 1)
    whole = _with(replace(found, value=_cut(value, bounds)), spread, spent)
    powered = estimate(whole, what, level=level, bounds=bounds, unscored=0)
    low, high = powered.low, powered.high
    if bounds is not None and low is not None and high is not None:
        # What the judge leaves open may be skewed either way, not only as a score near a bound is.
        half = two_sided(level, whole.degrees) * (whole.std_error or 0.0)
        low = max(bounds[0], min(low, whole.value - half))
        high = min(bounds[1], max(high, whole.value + half))
    warnings = list(powered.warnings)
    if not (bounds is None or bounds[0] <= value <= bounds[1]):
        warnings.append(f"the correction gives {value:.3g}, which is cut to the bounds")
    surprises = _surprises(rest, codes, count)
    if surprises < FEW_SURPRISES:
        warnings.append(
            f"labels left the judge's line in only {surprises} clusters: the standard error is rough"
        )
    return replace(powered, low=low, high=high, warnings=tuple(warnings))


def _with(found: Linear, variance: float, spent: int) -> Linear:
    """The labels' part with the judge's variance added, and fewer degrees of freedom."""
    larger = found.df / (found.df - spent)
    squares = found.squares * larger + variance * found.df / found.clusters
    return replace(
        found,
        squares=squares,
        degrees=max(0.5, found.degrees - spent),
    )


def _best(right: Floats, seen: Floats, others: Floats, codes: Codes, other_codes: Codes) -> float:
    """The tuning of least variance, within [0, 1]; 0 where the judge always says the same."""
    center = float(np.concatenate([seen, others]).mean())
    truth = np.bincount(codes, weights=right - right.mean())
    judge = np.bincount(codes, weights=seen - seen.mean())
    groups = len(judge)
    covariance = float(truth @ judge) / len(right) ** 2 * groups / max(1, groups - 1)
    # The judge's variance of one observation's worth, from all it said, spread over either mean.
    labeled, unlabeled = _squares(seen - center, codes), _squares(others - center, other_codes)
    spread = (labeled + unlabeled) / (len(seen) + len(others))
    variance = spread * (1 / len(seen) + 1 / len(others))
    return min(1.0, max(0.0, covariance / variance)) if variance > 0 else 0.0


def _squares(values: Floats, codes: Codes) -> float:
    """Sum over clusters of their squared sums."""
    sums = np.bincount(codes, weights=values)
    return float(sums @ sums)


def _surprises(rest: Floats, codes: Codes, count: int) -> int:
    """Labeled clusters whose mean of what the judge leaves open is not the usual one."""
    means = np.bincount(codes, weights=rest, minlength=count) / np.bincount(codes)
    _, times = np.unique(np.round(means, 9), return_counts=True)
    return count - int(times.max())


def _cut(value: float, bounds: tuple[float, float] | None) -> float:
    return value if bounds is None else min(bounds[1], max(bounds[0], value))
