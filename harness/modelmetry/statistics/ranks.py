"""Ranks of models on the same items: the places left open, and groups of ties."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from modelmetry.statistics.checks import Codes, Floats, effective_number, fraction, partition, whole
from modelmetry.statistics.clustered import FEW_CLUSTERS
from modelmetry.statistics.distributions import normal_quantile_of_heads, normal_scores, t_quantile
from modelmetry.statistics.paired_tests import matrix
from modelmetry.statistics.resampling import resampled_means

# Differences held at a time: 8 MB of them, a few times over.
_BLOCK = 1_000_000

_ROUNDING = 1e-12


@dataclass(frozen=True, slots=True, kw_only=True)
class Ranks:
    """Where each of k models stands, in the order in which they were given.

    Attributes:
        values: Mean score of each.
        rank: 1 and the number of models with a higher mean.
        low: Best place left open: 1 and the number of models shown to be better.
        high: Worst place left open: k less the number of models shown to be worse.
        group: Tie group, from 1. The best model leads the first; a group holds those that follow
            its leader and were not shown to be worse, and the first that was leads the next.
        level: Confidence that all models' true ranks lie from `low` to `high` at once.
        n: Items.
        clusters: Independently drawn units among them.
        method: How the places were found.
        warnings: Reasons for care, one sentence each.
    """

    values: tuple[float, ...]
    rank: tuple[int, ...]
    low: tuple[int, ...]
    high: tuple[int, ...]
    group: tuple[int, ...]
    level: float
    n: int
    clusters: int
    method: str
    warnings: tuple[str, ...] = ()


def rank_sets(
    values: ArrayLike,
    clusters: ArrayLike | None = None,
    *,
    rng: np.random.Generator,
    level: float = 0.95,
    resamples: int = 10_000,
) -> Ranks:
    """Rank models, with sets of places that hold every true rank at once.

    One model is better than another where their paired difference says so after a step-down
    correction over all pairs and both directions; who is better and who is worse bounds a rank.
    The critical value is the `level` quantile of the largest studentized difference among those not
    yet decided, by the bootstrap over clusters; percentiles of bootstrapped ranks would be
    wrong where models tie, and overlap of intervals answers no question. Source: Mogstad, Romano,
    Shaikh and Wilhelm (2024), Inference for ranks with applications to mobility across
    neighbourhoods and academic achievement across countries, Review of Economic Studies 91,
    476-518; Romano and Wolf (2005), Econometrica 73, 1237-1282.

    For few clusters two steps are this package's own. A difference is measured by the normal quantile
    that Student's t gives it, with the effective number of clusters less one for degrees of freedom;
    and it counts for no more than the clusters in which the two models differ would if all of them
    fell the same way, as coins do. Where all clusters differ by the same, which no resample can show,
    it is held against the normal quantile for all k (k - 1) claims together.

    Args:
        values: Score of each of k models on each item, shape (k, n), k >= 2.
        clusters: Label of the unit drawn independently, shape (n,); None for one unit per item.
        rng: Draws the clusters.
        level: Confidence that all ranks are covered, in (0, 1).
        resamples: Bootstrap draws, >= 1.

    Raises:
        ValueError: Fewer than two models, no items, NaN, shapes that differ, no resamples, or a
            level out of range.
    """
    scores = matrix(values)
    fraction("level", level)
    whole("resamples", resamples, 1)
    k, n = scores.shape
    codes, count = partition(clusters, n)
    means = scores.mean(axis=1)
    better = np.zeros((k, k), dtype=bool)
    method, warnings = "no differences tested", []
    if count < 2:
        warnings.append(f"rank intervals need at least 2 clusters, got {count}: all are open")
    else:
        distances = _distances(scores, means, codes, count)
        drawn = resampled_means(scores, codes, rng=rng, resamples=resamples)
        better = _stepped_down(distances, drawn - means, level)
        method = f"step-down bootstrap over {count:,} clusters, {resamples:,} resamples"
        effective = effective_number(codes)
        # Sums of weights round: ten equal clusters are ten.
        if effective < FEW_CLUSTERS - 1e-9:
            uneven = f", worth {effective:.1f} of one size" if count >= FEW_CLUSTERS else ""
            warnings.append(f"only {count} clusters{uneven}: rank intervals are rough")
    return Ranks(
        values=tuple(means.tolist()),
        rank=tuple((1 + (means[None, :] > means[:, None] + _ROUNDING).sum(axis=1)).tolist()),
        low=tuple((1 + better.sum(axis=0)).tolist()),
        high=tuple((k - better.sum(axis=1)).tolist()),
        group=_groups(means, better),
        level=level,
        n=n,
        clusters=count,
        method=method,
        warnings=tuple(warnings),
    )


def _distances(scores: Floats, means: Floats, codes: Codes, count: int) -> Floats:
    """How far each model is ahead of each other, as normal quantiles, shape (k, k)."""
    n = scores.shape[1]
    totals = np.stack([np.bincount(codes, weights=row, minlength=count) for row in scores], axis=1)
    sizes = np.bincount(codes, minlength=count)
    influence = (totals - sizes[:, None] * means) / n
    errors = _errors(influence.T @ influence * count / (count - 1))
    ahead = means[:, None] - means[None, :]
    differing = np.stack(
        [(np.abs(totals - column[:, None]) > _ROUNDING).sum(axis=0) for column in totals.T]
    )
    with np.errstate(divide="ignore", invalid="ignore"):
        statistics = np.where(np.abs(ahead) > _ROUNDING, ahead / errors, 0.0)
    distances = normal_scores(statistics, max(0.5, effective_number(codes) - 1))
    return np.sign(distances) * np.minimum(np.abs(distances), normal_quantile_of_heads(differing))


def _errors(covariance: Floats) -> Floats:
    """Standard errors of all differences of means, shape (k, k); rounding errors are 0."""
    variances = np.diag(covariance)
    squares = variances[:, None] + variances[None, :] - 2 * covariance
    scale = variances[:, None] + variances[None, :]
    return np.sqrt(np.where(squares > _ROUNDING * scale, squares, 0.0))


def _stepped_down(distances: Floats, drawn: Floats, level: float) -> np.ndarray:
    """Which model (row) is shown to be better than which (column), shape (k, k), bool.

    Args:
        distances: How far each is ahead of each other, shape (k, k).
        drawn: Bootstrapped means less the means themselves, shape (resamples, k).
        level: One minus the probability of any wrong claim.
    """
    k = len(distances)
    errors = _errors(np.atleast_2d(np.cov(drawn.T, bias=True)))
    open_ = ~np.eye(k, dtype=bool) & (errors > 0)
    better = (errors == 0) & (distances > -t_quantile((1 - level) / (k * (k - 1)), math.inf))
    while open_.any():
        critical = np.quantile(_largest(drawn, errors, open_), level, method="higher")
        found = open_ & (distances > critical)
        if not found.any():
            break
        better |= found
        open_ &= ~found
    return better


def _largest(drawn: Floats, errors: Floats, open_: np.ndarray) -> Floats:
    """Largest studentized difference of each resample over the open claims, shape (resamples,)."""
    first, second = np.nonzero(open_)
    largest = np.empty(len(drawn))
    step = max(1, _BLOCK // len(first))
    for start in range(0, len(drawn), step):
        part = drawn[start : start + step]
        ratios = (part[:, first] - part[:, second]) / errors[first, second]
        largest[start : start + step] = ratios.max(axis=1)
    return largest


def _groups(means: Floats, better: np.ndarray) -> tuple[int, ...]:
    groups = np.zeros(len(means), dtype=int)
    group, leader = 0, -1
    for model in np.argsort(-means, kind="stable"):
        if leader < 0 or better[leader, model]:
            group, leader = group + 1, model
        groups[model] = group
    return tuple(groups.tolist())
