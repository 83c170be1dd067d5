"""Tolerance bounds: a score that most deployments reach, said with confidence.

A one-sided lower tolerance bound for a content of 0.99 at level 0.95 is a number that, in 95 % of
such experiments, at least 99 % of the population reaches: clusters, editions, nights. It is the
lower confidence limit of the population's 1 % quantile, and that is how it is given: `value` is the
estimated quantile, `low` the bound, and there is no `high`. `normal` and `ranked` take one score
for each deployment; `beta_binomial` takes counts, and so can tell how the deployments differ from
how few questions each was asked.
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import ArrayLike

from modelmetry.statistics.checks import Floats, fraction, numbers, whole, within
from modelmetry.statistics.clustered import FEW_CLUSTERS
from modelmetry.statistics.estimate import Estimate
from modelmetry.statistics.means import UNIT

CONTENT = 0.99
"""Share of the population that shall reach the bound."""

# Grid of the beta-binomial posterior: means by spreads, and how often it is fitted to its mass.
_GRID = (48, 36)
_ZOOMS = 4

# Beyond so many nats below its peak a posterior holds nothing.
_NATS = 14.0

# The logit of the mean and the root of the intraclass correlation that the first grid spans.
_MEANS, _SPREADS = (-16.0, 16.0), (1e-3, 1 - 1e-3)

# A lowest cluster that is less probable than this under the fit does not belong to it.
_ODD = 0.01

# Standard deviations between the mean of normal scores and a bound that does not touch them.
_CLEAR = 3.0


def normal(
    values: ArrayLike,
    *,
    content: float = CONTENT,
    level: float = 0.95,
    bounds: tuple[float, float] | None = UNIT,
) -> Estimate:
    """Tolerance bound of normal scores: mean - k s, exact where they are normal.

    Scores that pile up below 1 are not, and the bound is then too high, the surer the more there
    are. A warning says where the upper bound is within three standard deviations of the mean, or
    the lowest score further below it than normal scores lie. Source: Owen (1968), Technometrics 10, 445-478; NIST/SEMATECH
    e-Handbook of Statistical Methods, section 7.2.6.3.

    Args:
        values: One score for each deployment, shape (n,).
        content: Share of deployments that shall reach the bound, in (0, 1).
        level: Confidence level, in (0, 1).
        bounds: Lowest and highest possible score, or None.

    Returns:
        The estimate: `value` mean - z s, `low` the bound.

    Raises:
        ValueError: No values, NaN, values outside the bounds, or a share outside (0, 1).
    """
    from scipy.special import ndtr, ndtri

    found = numbers("values", values)
    within("values", found, bounds)
    z = float(ndtri(fraction("content", content)))
    n = len(found)
    spread = float(found.std(ddof=1)) if n > 1 else 0.0
    if spread <= 1e-12 * max(1.0, abs(float(found.mean()))):
        why = "all scores are equal" if n > 1 else "a bound needs at least 2 scores, got 1"
        return _result(float(found.mean()), None, n, level, "normal tolerance; no bound", why)
    k = normal_factor(n, content=content, level=level)
    lowest = -math.inf if bounds is None else bounds[0]
    warnings = []
    if n < FEW_CLUSTERS:
        warnings.append(f"only {n} scores: whether they are normal cannot be seen")
    elif n * ndtr((found.min() - found.mean()) / spread) < _ODD:
        warnings.append("the lowest score is too low for a normal distribution")
    if bounds is not None and found.mean() + _CLEAR * spread > bounds[1]:
        warnings.append(
            "the scores lie close below their upper bound, where they cannot be normal: the bound is "
            "too high; use ranked"
        )
    return _result(
        max(lowest, float(found.mean()) - z * spread),
        max(lowest, float(found.mean()) - k * spread),
        n,
        level,
        f"normal tolerance bound, content {content:g}, k = {k:.4f}",
        *warnings,
    )


def normal_factor(n: int, *, content: float = CONTENT, level: float = 0.95) -> float:
    """The factor k of a one-sided normal tolerance bound, mean - k s, by the noncentral t.

    Args:
        n: Scores, >= 2.
        content: Share of the population, in (0, 1).
        level: Confidence level, in (0, 1).

    Raises:
        ValueError: A number is outside its range.
    """
    from scipy.special import ndtri
    from scipy.stats import nct

    root = math.sqrt(whole("n", n, 2))
    shift = float(ndtri(fraction("content", content))) * root
    return float(nct.ppf(fraction("level", level), n - 1, shift)) / root


def fewest(*, content: float = CONTENT, level: float = 0.95) -> int:
    """Scores from which the lowest is a tolerance bound: content^n <= 1 - level; 299 for 99/95.

    Source: Wilks (1941), Annals of Mathematical Statistics 12, 91-96.

    Args:
        content: Share of the population, in (0, 1).
        level: Confidence level, in (0, 1).
    """
    share, left = fraction("content", content), 1 - fraction("level", level)
    # Rounding must not ask for one more where content^n is 1 - level exactly, as 0.5^1 is 0.5.
    return max(1, math.ceil(math.log(left) / math.log(share) - 1e-9))


def ranked(values: ArrayLike, *, content: float = CONTENT, level: float = 0.95) -> Estimate:
    """Tolerance bound without assumptions: the r-th lowest score, r as large as can be.

    The number of scores below the population's quantile is binomial with probability 1 - content;
    r is the largest number such that at least r are below it with probability `level`. Ties and
    discrete scores make it conservative. Source: Wilks (1941), Annals of Mathematical Statistics 12,
    91-96; Hahn and Meeker (1991), Statistical intervals, chapter 5.

    Args:
        values: One score for each deployment, independently drawn, shape (n,).
        content: Share of deployments that shall reach the bound, in (0, 1).
        level: Confidence level, in (0, 1).

    Returns:
        The estimate: `value` the sample's quantile, `low` the bound; no bound, and a warning,
        where there are fewer than `fewest` scores.

    Raises:
        ValueError: No values, NaN, or a share outside (0, 1).
    """
    from scipy.special import bdtr

    found = np.sort(numbers("values", values))
    n, below = len(found), 1 - fraction("content", content)
    value = float(np.quantile(found, below))
    needed = fewest(content=content, level=level)
    if n < needed:
        why = f"a bound needs at least {needed} scores, got {n}"
        return _result(value, None, n, level, "order-statistic tolerance; no bound", why)
    # P(at least r below) = 1 - P(at most r - 1 below) falls with r.
    ranks = np.arange(n)
    r = max(1, int((bdtr(ranks, n, below) <= 1 - level + 1e-12).sum()))
    method = f"order-statistic tolerance bound, content {content:g}, lowest but {r - 1} of {n}"
    return _result(value, float(found[r - 1]), n, level, method)


def beta_binomial(
    right: ArrayLike,
    asked: ArrayLike,
    *,
    content: float = CONTENT,
    level: float = 0.95,
    fresh: int | None = None,
) -> Estimate:
    """Tolerance bound of clusters that were each asked some yes/no questions.

    Each cluster has a true rate of its own, drawn from a beta distribution; its answers are
    binomial. The bound is the lower credible limit of that distribution's quantile, with a uniform
    prior on its mean and on the intraclass correlation rho = 1 / (a + b + 1), summed over a grid.
    Over repeated experiments it keeps its level, and more than that where clusters hardly differ:
    in the calibration 95 % to 100 %, where a prior uniform on the root of rho falls to 92 %. What
    lies beyond the lowest cluster seen is the beta distribution's word; where the lowest does not
    fit it, a warning says so, and `ranked` assumes nothing. Source: Gelman, Carlin, Stern, Dunson,
    Vehtari and Rubin (2013), Bayesian data analysis, 3rd edition, section 5.3.

    Args:
        right: Right answers of each cluster, shape (n,), whole numbers from 0.
        asked: Answers of each cluster, shape (n,), whole numbers from 1, not below `right`.
        content: Share of clusters that shall reach the bound, in (0, 1).
        level: Confidence level, in (0, 1).
        fresh: For the observed score over so many fresh questions, >= 1; None for the true rate.

    Returns:
        The estimate: `value` the quantile's posterior median, `low` the bound.

    Raises:
        ValueError: Counts are not whole or do not fit, or a share is outside (0, 1).
    """
    hits = numbers("right", right)
    tries = numbers("asked", asked, len(hits))
    _check_counts(hits, tries)
    fraction("content", content)
    fraction("level", level)
    if fresh is not None:
        whole("fresh", fresh, 1)
    n = len(hits)
    if n < 2:
        why = f"a bound needs at least 2 clusters, got {n}"
        value = float(hits[0] / tries[0])
        return _result(value, None, n, level, "beta-binomial tolerance; no bound", why)
    kinds, counts = np.unique(np.stack([hits, tries], axis=1), axis=0, return_counts=True)
    a, b, weights = _posterior(kinds, counts)
    reached = _rate_quantile(a, b, content) if fresh is None else _score(a, b, content, fresh)
    order = np.argsort(reached, kind="stable")
    mass = np.cumsum(weights[order])
    low, value = (float(reached[order][np.searchsorted(mass, p)]) for p in (1 - level, 0.5))
    warnings = []
    if n < FEW_CLUSTERS:
        warnings.append(f"only {n} clusters: how they differ is mostly the prior's word")
    if tries.max() < 2:
        warnings.append("one question a cluster cannot tell how clusters differ")
    if _lowest_is_odd(kinds, counts, a[weights.argmax()], b[weights.argmax()]):
        warnings.append("the lowest cluster is too low for a beta distribution of rates")
    of = "true rate" if fresh is None else f"score over {fresh} questions"
    method = f"beta-binomial tolerance bound of the {of}, content {content:g}"
    return _result(value, low, n, level, method, *warnings)


def _check_counts(hits: Floats, tries: Floats) -> None:
    for name, values in (("right", hits), ("asked", tries)):
        if (values != np.rint(values)).any():
            raise ValueError(f"{name}: {values[values != np.rint(values)][0]}; allowed: integers")
    if tries.min() < 1:
        raise ValueError(f"asked: {tries.min():g}; allowed: from 1")
    if hits.min() < 0 or (hits > tries).any():
        raise ValueError("right: a count below 0 or above `asked`; allowed: 0 to `asked`")


def _posterior(kinds: Floats, counts: np.ndarray) -> tuple[Floats, Floats, Floats]:
    """Grid points (a, b) of the beta distribution and their posterior weights, each shape (g,)."""
    box = (_MEANS, _SPREADS)
    for _ in range(_ZOOMS):
        u, s, log = _on_grid(box, kinds, counts)
        kept = np.nonzero(log > log.max() - _NATS)
        before, box = box, (_around(u, kept[0], box[0]), _around(s, kept[1], box[1]))
        if box == before:
            break
    u, s, log = _on_grid(box, kinds, counts)
    weights = np.exp(log - log.max()).ravel()
    a, b = np.broadcast_arrays(*_shapes(u[:, None], s[None, :]))
    kept = weights > math.exp(-_NATS)
    weights = weights[kept] / weights[kept].sum()
    return a.ravel()[kept], b.ravel()[kept], weights


def _on_grid(
    box: tuple[tuple[float, float], tuple[float, float]], kinds: Floats, counts: np.ndarray
) -> tuple[Floats, Floats, Floats]:
    """Midpoints of the cells along each axis of a box, and the log posterior at all of them."""
    u, s = (
        low + (np.arange(size) + 0.5) * (high - low) / size
        for (low, high), size in zip(box, _GRID, strict=True)
    )
    return u, s, _log_posterior(u[:, None], s[None, :], kinds, counts)


def _around(axis: Floats, kept: np.ndarray, box: tuple[float, float]) -> tuple[float, float]:
    """The stretch of an axis that holds the kept places, with one step to spare."""
    step = axis[1] - axis[0]
    low, high = axis[kept.min()] - 1.5 * step, axis[kept.max()] + 1.5 * step
    return max(box[0], float(low)), min(box[1], float(high))


def _shapes(u: Floats, s: Floats) -> tuple[Floats, Floats]:
    """The beta distribution's a and b from the logit of its mean and the root of rho."""
    total = 1 / s**2 - 1
    return total / (1 + np.exp(-u)), total / (1 + np.exp(u))


def _log_posterior(u: Floats, s: Floats, kinds: Floats, counts: np.ndarray) -> Floats:
    from scipy.special import gammaln

    a, b = _shapes(u, s)
    # Uniform in the mean, whose density over its logit is mean (1 - mean), and in rho = s^2.
    log = np.log(s) - np.logaddexp(0, u) - np.logaddexp(0, -u)
    total = a + b
    none = gammaln(total) - gammaln(a) - gammaln(b)
    for (k, m), count in zip(kinds, counts, strict=True):
        log += count * (none + gammaln(k + a) + gammaln(m - k + b) - gammaln(total + m))
    return log


def _rate_quantile(a: Floats, b: Floats, content: float) -> Floats:
    """The rate that `content` of the clusters reach, at each grid point."""
    from scipy.special import betaincinv

    return betaincinv(a, b, 1 - content)


def _score(a: Floats, b: Floats, content: float, fresh: int) -> Floats:
    """The score that `content` of the clusters reach on fresh questions, at each grid point."""
    from scipy.special import gammaln

    log = gammaln(a + b) + gammaln(fresh + b) - gammaln(b) - gammaln(a + b + fresh)
    below, reached = log, np.zeros_like(a)
    for k in range(fresh):
        # `below` is log P(at most k right); k + 1 is still reached while that is small enough.
        reached += below <= math.log1p(-content)
        log = log + np.log((fresh - k) / (k + 1) * (k + a) / (fresh - k - 1 + b))
        below = np.logaddexp(below, log)
    return reached / fresh


def _lowest_is_odd(kinds: Floats, counts: np.ndarray, a: np.float64, b: np.float64) -> bool:
    from scipy.stats import betabinom

    least = float(betabinom.cdf(kinds[:, 0], kinds[:, 1], a, b).min())
    return least * int(counts.sum()) < _ODD


def _result(
    value: float, low: float | None, n: int, level: float, method: str, *warnings: str
) -> Estimate:
    return Estimate(
        value=value,
        std_error=None,
        low=low,
        high=None,
        level=fraction("level", level),
        n=n,
        clusters=n,
        method=method,
        warnings=warnings,
    )
