"""Tests of models on the same items that rest on counting, not on a standard error."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from modelmetry.statistics.checks import Floats, numbers, partition, two_dimensional, whole
from modelmetry.statistics.distributions import chi_square_tail, coin_tail

EXHAUSTIVE = 14
"""Up to so many clusters that differ, every assignment of signs is tried: 2**14 of them."""

FEW_TO_PERMUTE = 100
"""Up to so many clusters that differ, Cochran's Q is permuted; beyond, chi-square is as good."""

# Random numbers held at a time: 8 MB of them.
_BLOCK = 1_000_000

# Sums of rounding errors are no difference.
_ROUNDING = 1e-12


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
        ValueError: A count is negative or not whole.
    """
    first, second = whole("only_a", only_a, 0), whole("only_b", only_b, 0)
    n, fewer = first + second, min(first, second)
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
    whole("resamples", resamples, 1)
    sums = np.bincount(codes, weights=found, minlength=count)
    sums = sums[np.abs(sums) > _ROUNDING * max(1.0, float(np.abs(found).max()))]
    if not len(sums):
        return 1.0, "sign-flip, exact"
    sizes = np.abs(sums)
    if np.ptp(sizes) <= 1e-9 * sizes.max():
        fewer = min(int((sums > 0).sum()), int((sums < 0).sum()))
        return min(1.0, 2 * coin_tail(fewer, len(sums))), "sign-flip, exact"
    least = abs(sums.sum()) - 1e-9 * sizes.sum()
    if len(sums) <= EXHAUSTIVE:
        return float((np.abs(_signed_totals(sizes)) >= least).mean()), "sign-flip, exact"
    extreme = int((np.abs(_random_totals(sizes, rng, resamples)) >= least).sum())
    return (1 + extreme) / (1 + resamples), f"sign-flip, {resamples:,} Monte Carlo draws"


def _signed_totals(sizes: Floats) -> Floats:
    """The total under every assignment of signs, shape (2**len(sizes),)."""
    totals = np.zeros(1)
    for size in sizes:
        totals = np.concatenate([totals + size, totals - size])
    return totals


def _random_totals(sizes: Floats, rng: np.random.Generator, resamples: int) -> Floats:
    """Totals under random signs, shape (resamples,).

    The signs of eight clusters are one random byte, whose total is looked up.
    """
    octets = np.pad(sizes, (0, -len(sizes) % 8)).reshape(-1, 8)
    signs = 1.0 - 2.0 * np.unpackbits(np.arange(256, dtype=np.uint8)[:, None], axis=1)
    table = (octets @ signs.T).ravel()
    first = np.arange(0, len(table), 256, dtype=np.int32)
    totals = np.empty(resamples)
    step = max(1, _BLOCK // len(octets))
    for start in range(0, resamples, step):
        rows = min(step, resamples - start)
        drawn = np.frombuffer(rng.bytes(rows * len(octets)), dtype=np.uint8)
        totals[start : start + rows] = table[drawn.reshape(rows, -1) + first].sum(axis=1)
    return totals


@dataclass(frozen=True, slots=True, kw_only=True)
class Omnibus:
    """One test of whether several models on the same items differ at all.

    Attributes:
        statistic: Cochran's Q; 0 where no cluster tells two models apart.
        df: Models less one.
        p: p-value, in (0, 1].
        models: Models compared.
        n: Items.
        clusters: Independently drawn units among them.
        method: How p was found.
    """

    statistic: float
    df: int
    p: float
    models: int
    n: int
    clusters: int
    method: str


def cochrans_q(
    values: ArrayLike,
    clusters: ArrayLike | None = None,
    *,
    rng: np.random.Generator,
    resamples: int = 10_000,
) -> Omnibus:
    """Cochran's Q: had all models been alike, each cluster could permute them.

    Q = (k-1) * sum over models of (total - mean total)^2 / sum over clusters and models of
    (cluster total - the cluster's mean)^2, which is Cochran's where every cluster is one item
    answered right or wrong; whole clusters stay together, so their items may depend on each
    other. Up to 100 clusters in which models differ, p is of the permutation test, by Monte Carlo
    with the observed totals counted in; beyond, of chi-square with k - 1 degrees of freedom, its
    limit. Source: Cochran (1950), The comparison of percentages in matched samples, Biometrika 37,
    256-266; Phipson and Smyth (2010), Statistical Applications in Genetics and Molecular Biology 9,
    39.

    Args:
        values: Score of each of k models on each item, shape (k, n), k >= 2.
        clusters: Label of the unit drawn independently, shape (n,); None for one unit per item.
        rng: Draws the permutations.
        resamples: Permutations to draw, >= 1.

    Raises:
        ValueError: Fewer than two models, no items, NaN, shapes that differ, or no resamples.
    """
    scores = matrix(values)
    whole("resamples", resamples, 1)
    k, n = scores.shape
    codes, count = partition(clusters, n)
    sums = np.stack([np.bincount(codes, weights=row, minlength=count) for row in scores], axis=1)
    sums = sums - sums.mean(axis=1, keepdims=True)
    sums = sums[np.abs(sums).max(axis=1) > _ROUNDING * max(1.0, float(np.abs(scores).max()))]
    statistic, p, method = 0.0, 1.0, "no cluster tells two models apart"
    if len(sums):
        squares = float((sums**2).sum())
        statistic = (k - 1) * float((sums.sum(axis=0) ** 2).sum()) / squares
        if len(sums) > FEW_TO_PERMUTE:
            p, method = chi_square_tail(statistic, k - 1), f"chi-square, {k - 1} df"
        else:
            least = (1 - 1e-9) * statistic * squares / (k - 1)
            p = (1 + _permuted_as_far(sums, least, rng, resamples)) / (1 + resamples)
            method = f"permutation, {resamples:,} Monte Carlo draws"
    return Omnibus(statistic=statistic, df=k - 1, p=p, models=k, n=n, clusters=count, method=method)


def _permuted_as_far(sums: Floats, least: float, rng: np.random.Generator, resamples: int) -> int:
    """In how many random permutations within clusters the totals lie at least as far apart."""
    extreme = 0
    step = max(1, _BLOCK // sums.size)
    for start in range(0, resamples, step):
        rows = min(step, resamples - start)
        shuffled = rng.permuted(np.broadcast_to(sums, (rows, *sums.shape)), axis=2)
        extreme += int(((shuffled.sum(axis=1) ** 2).sum(axis=1) >= least).sum())
    return extreme


def matrix(values: ArrayLike) -> Floats:
    """Scores of several models on the same items, checked.

    Args:
        values: Shape (k, n), k >= 2.

    Raises:
        ValueError: Fewer than two models, no items, or NaN.
    """
    found = two_dimensional("values", values, "(models, items), 2 models or more")
    if len(found) < 2:
        raise ValueError("values: one model; allowed: 2 or more")
    return found
