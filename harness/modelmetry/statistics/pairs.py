"""Two models on the same items: the paired difference, its tests, and what it could have shown."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import ArrayLike

from modelmetry.statistics.checks import Codes, Floats, fraction, numbers, partition, within
from modelmetry.statistics.clustered import FEW_CLUSTERS, Linear, linear
from modelmetry.statistics.distributions import coin_tail, t_p_value, t_quantile, two_sided
from modelmetry.statistics.estimate import Comparison, Estimate
from modelmetry.statistics.means import UNIT
from modelmetry.statistics.multiplicity import holm

EXHAUSTIVE = 14
"""Up to so many clusters that differ, every assignment of signs is tried: 2**14 of them."""


def compare(
    a: ArrayLike,
    b: ArrayLike,
    clusters: ArrayLike | None = None,
    *,
    names: tuple[str, str],
    rng: np.random.Generator,
    level: float = 0.95,
    unscored: int = 0,
) -> Comparison:
    """Compare two models on the same items, each test at its design's clusters.

    `p` is of the clustered t test. `p_exact` is McNemar's mid-p where every cluster is one item
    answered right or wrong, else of the clustered sign-flip test.

    Args:
        a: Score of the first model on each item, shape (n,), in [0, 1].
        b: Score of the second on the same items in the same order, shape (n,), in [0, 1].
        clusters: Label of the unit drawn independently, shape (n,); None for one unit per item.
        names: What the models are called.
        rng: Draws the signs where there are too many to try them all.
        level: Confidence level, in (0, 1).
        unscored: Items left out because one of the two could not be scored.

    Returns:
        The comparison as a family of one; see `adjusted`.

    Raises:
        ValueError: No values, NaN, scores outside [0, 1], or shapes that differ.
    """
    found, deltas, codes = _difference(a, b, clusters)
    estimate = _estimate(found, level, unscored)
    p = _p_value(found)
    p_exact, exact_method = _exact(numbers("a", a), numbers("b", b), deltas, codes, found, rng)
    return Comparison(
        a=names[0],
        b=names[1],
        difference=estimate,
        p=p,
        p_adjusted=p,
        family_size=1,
        detectable=detectable(estimate),
        p_exact=p_exact,
        exact_method=exact_method,
    )


def adjusted(comparisons: Sequence[Comparison]) -> list[Comparison]:
    """The same comparisons as one family: `p_adjusted` by Holm, and how many were made."""
    if not comparisons:
        return []
    corrected = holm([comparison.p for comparison in comparisons])
    return [
        replace(comparison, p_adjusted=float(p), family_size=len(comparisons))
        for comparison, p in zip(comparisons, corrected, strict=True)
    ]


def difference(
    a: ArrayLike,
    b: ArrayLike,
    clusters: ArrayLike | None = None,
    *,
    level: float = 0.95,
    unscored: int = 0,
) -> Estimate:
    """Mean of a - b over the same items, with a clustered t interval.

    The standard error is that of `means.mean` on the item differences; df = clusters - 1. Source:
    Miller (2024), Adding error bars to evals, arXiv 2411.00640. Where all differences
    are the same the interval allows for what the clusters cannot have shown: with probability u
    = 1 - ((1 - level) / 2)^(1/G) a cluster may differ by as much as scores can (Hanley and
    Lippman-Hand 1983, JAMA 249, 1743-1745, the rule of three).

    Args:
        a: Score of the first model on each item, shape (n,), in [0, 1].
        b: Score of the second on the same items in the same order, shape (n,), in [0, 1].
        clusters: Label of the unit drawn independently, shape (n,); None for one unit per item.
        level: Confidence level, in (0, 1).
        unscored: Items left out, to be passed on.

    Raises:
        ValueError: No values, NaN, scores outside [0, 1], or shapes that differ.
    """
    return _estimate(_difference(a, b, clusters)[0], level, unscored)


def _difference(
    a: ArrayLike, b: ArrayLike, clusters: ArrayLike | None
) -> tuple[Linear, Floats, Codes]:
    first = numbers("a", a)
    second = numbers("b", b, len(first))
    within("a", first, UNIT)
    within("b", second, UNIT)
    deltas = first - second
    n = len(deltas)
    codes, count = partition(clusters, n)
    value = deltas.mean()
    return linear(value, (deltas - value) / n, np.full(n, 1 / n), codes, count), deltas, codes


def _estimate(found: Linear, level: float, unscored: int) -> Estimate:
    fraction("level", level)
    low = high = None
    method, warnings = "paired difference; no interval", []
    if found.std_error is None:
        warnings.append(f"an interval needs at least 2 clusters, got {found.clusters}")
    elif found.std_error == 0:
        warnings.append("all clusters differ by the same: read the interval, not the error")
        most = 1 - ((1 - level) / 2) ** (1 / found.effective)
        low = found.value - most * (found.value + 1)
        high = found.value + most * (1 - found.value)
        method = "paired difference; rule-of-three interval"
    else:
        half = two_sided(level, found.df) * found.std_error
        low, high = max(-1.0, found.value - half), min(1.0, found.value + half)
        method = f"paired difference; clustered t interval, {found.df} df"
    if 2 <= found.clusters < FEW_CLUSTERS:
        warnings.append(f"only {found.clusters} clusters: the standard error is rough")
    return Estimate(
        value=found.value,
        std_error=found.std_error,
        low=low,
        high=high,
        level=level,
        n=found.n,
        clusters=found.clusters,
        unscored=unscored,
        method=method,
        warnings=tuple(warnings),
    )


def _p_value(found: Linear) -> float:
    """Two-sided p of the clustered t test; 1 where there is no test."""
    if found.std_error is None or found.value == 0:
        return 1.0
    if found.std_error == 0:
        # The t statistic is infinite; signs alone can say no more than this.
        return 2 * 0.5**found.clusters
    return t_p_value(found.value / found.std_error, found.df)


def detectable(estimate: Estimate, *, power: float = 0.8, level: float = 0.95) -> float:
    """The smallest true difference that a design like this would show with some power.

    (t_{(1 + level)/2} + t_{power}) * SE with clusters - 1 degrees of freedom, which tends to
    (1.960 + 0.842) * SE: Miller (2024), arXiv 2411.00640. Where the standard error is 0
    the interval's half-width stands for it. 1, the largest difference of scores, is also the answer
    where more would be needed, or where there is no interval.

    Args:
        estimate: A difference.
        power: Probability of finding it, in (0, 1).
        level: One minus the two-sided error rate of the test, in (0, 1).
    """
    if estimate.low is None or estimate.high is None or not estimate.clusters > 1:
        return 1.0
    df = estimate.clusters - 1
    error = estimate.std_error or 0.0
    if error == 0:
        error = (estimate.high - estimate.low) / 2 / two_sided(estimate.level, df)
    quantiles = two_sided(fraction("level", level), df) + t_quantile(fraction("power", power), df)
    return min(1.0, quantiles * error)


def _exact(
    a: Floats, b: Floats, deltas: Floats, codes: Codes, found: Linear, rng: np.random.Generator
) -> tuple[float, str]:
    if found.clusters == len(deltas) and np.isin(a, UNIT).all() and np.isin(b, UNIT).all():
        wins, losses = int((deltas > 0).sum()), int((deltas < 0).sum())
        return mcnemar(wins, losses), "McNemar mid-p"
    return sign_flip(deltas, codes, rng=rng)


def mcnemar(only_a: int, only_b: int, *, mid: bool = True) -> float:
    """Two-sided p of McNemar's test from the discordant pairs, each drawn independently.

    Exact: twice the smaller tail of a fair coin. The mid-p counts half of the observed outcome,
    which makes it less conservative and nearly never too small. Source: McNemar (1947),
    Psychometrika 12, 153-157; Fagerland, Lydersen and Laake (2013), BMC Medical Research Methodology
    13, 91.

    Args:
        only_a: Items that only the first model answered right, >= 0.
        only_b: Items that only the second answered right, >= 0.
        mid: Whether to give the mid-p.

    Raises:
        ValueError: A count is negative.
    """
    if only_a < 0 or only_b < 0:
        raise ValueError(f"discordant pairs: {only_a} and {only_b}; allowed: counts from 0")
    n, fewer = only_a + only_b, min(only_a, only_b)
    tail = coin_tail(fewer, n)
    if mid:
        tail = (tail + coin_tail(fewer - 1, n)) / 2
    return min(1.0, 2 * tail)


def sign_flip(
    deltas: ArrayLike,
    clusters: ArrayLike | None = None,
    *,
    rng: np.random.Generator,
    resamples: int = 10_000,
) -> tuple[float, str]:
    """Two-sided p of the sign-flip test: had the models been alike, each cluster could swap them.

    The statistic is the size of the sum. Exact where the clusters that differ all differ by the same
    (a fair coin), or are at most 14 (every assignment of signs); else by Monte Carlo with the
    observed assignment counted in, which never gives 0. Source: Fisher (1935), The design of
    experiments, chapter III; Phipson and Smyth (2010), Statistical Applications in Genetics and
    Molecular Biology 9, 39.

    Args:
        deltas: Difference of each item, shape (n,).
        clusters: Label of the unit drawn independently, shape (n,); None for one unit per item.
        rng: Draws the signs.
        resamples: Assignments to draw, >= 1.

    Returns:
        The p-value in (0, 1], and how it was found.

    Raises:
        ValueError: No values, NaN, shapes that differ, or no resamples.
    """
    found = numbers("deltas", deltas)
    codes, count = partition(clusters, len(found))
    if resamples < 1:
        raise ValueError(f"resamples: {resamples}; allowed: 1 or more")
    sums = np.bincount(codes, weights=found, minlength=count)
    sums = sums[np.abs(sums) > 1e-12 * max(1.0, float(np.abs(found).max()))]
    if not len(sums):
        return 1.0, "sign-flip, exact"
    sizes = np.abs(sums)
    if np.ptp(sizes) <= 1e-9 * sizes.max():
        fewer = min(int((sums > 0).sum()), int((sums < 0).sum()))
        return min(1.0, 2 * coin_tail(fewer, len(sums))), "sign-flip, exact"
    least = abs(sums.sum()) - 1e-9 * sizes.sum()
    if len(sums) <= EXHAUSTIVE:
        totals = np.zeros(1)
        for size in sizes:
            totals = np.concatenate([totals + size, totals - size])
        return float((np.abs(totals) >= least).mean()), "sign-flip, exact"
    # Clusters that differ by as much are interchangeable: count heads instead of throwing each.
    kinds, counts = np.unique(sizes, return_counts=True)
    extreme = 0
    for start in range(0, resamples, 1000):
        rows = min(1000, resamples - start)
        heads = rng.binomial(counts, 0.5, size=(rows, len(counts)))
        extreme += int((np.abs((2 * heads - counts) @ kinds) >= least).sum())
    return (1 + extreme) / (1 + resamples), f"sign-flip, {resamples:,} Monte Carlo draws"
