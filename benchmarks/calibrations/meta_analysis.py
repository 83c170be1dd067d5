"""Coverage of pooled means, of one more study, of slopes, and of differences of balanced accuracies.

Studies are normal about true values that differ by a known standard deviation, with errors that are
known, equal or up to sixfold apart. The intervals of a pooled mean, of one more study and of a slope
are never narrower than the studies' errors allow: with few or homogeneous ones they cover more than
95 %, and have no upper limit here. Balanced accuracies are of quads, one yes and three no, whose
variant is shared by both sides or not.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from modelmetry.statistics import balanced, meta_analysis

from . import Case, share

LOW, HIGH = 0.93, 0.97

TRUTH, SLOPE = 0.2, 0.1

AHEAD = 6
"""Studies from which the interval for one more is claimed, and clusters of balanced accuracies."""


def cases(runs: int, seed: int = 0, quick: bool = False) -> Iterator[Case]:
    """Every promise of pooling.

    Args:
        runs: Simulated sets of studies per case.
        seed: Of the simulation.
        quick: Whether to give only a small subset.
    """
    rng = np.random.default_rng([seed, 9])
    grid = [(12, 0.3, True)] if quick else [
        (k, tau, equal) for k in (3, 6, 12, 29) for tau in (0.0, 0.1, 0.3) for equal in (True, False)
    ]  # fmt: skip
    for k, tau, equal in grid:
        yield from _pooled(rng, runs, k, tau, equal)
        if k > 3:
            yield _slope(rng, runs, k, tau, equal)
    designs = [(20, 0.0, 1.0, True)] if quick else [
        (clusters, down, spread, shared)
        for clusters in (5, 10, 40)
        for down, spread in ((0.0, 1.0), (-1.2, 1.0), (-1.2, 0.0), (0.0, 3.0))
        for shared in (True, False)
    ]  # fmt: skip
    for clusters, down, spread, shared in designs:
        yield _gap(rng, 3 * runs, clusters, down, spread, shared)


def _errors(rng: np.random.Generator, k: int, equal: bool) -> np.ndarray:
    return np.full(k, 0.15) if equal else rng.uniform(0.05, 0.3, k)


def _pooled(rng: np.random.Generator, runs: int, k: int, tau: float, equal: bool) -> Iterator[Case]:
    hits = ahead = 0
    for _ in range(runs):
        errors = _errors(rng, k, equal)
        found = meta_analysis.pool(rng.normal(TRUTH, np.hypot(tau, errors)), errors)
        hits += _holds((found.mean.low, found.mean.high), TRUTH)
        ahead += _holds(found.prediction or (None, None), rng.normal(TRUTH, tau))
    truth = f"k={k} tau={tau} {'equal' if equal else 'unequal'} errors"
    rate, error = share(hits, runs)
    yield Case(
        part="coverage", method="meta_analysis.pool", truth=truth, found=rate, error=error, low=LOW
    )
    rate, error = share(ahead, runs)
    yield Case(
        part="coverage",
        method="meta_analysis.pool, one more study",
        truth=truth,
        found=rate,
        error=error,
        low=LOW,
        claimed=k >= AHEAD,
        note="" if k >= AHEAD else "few studies",
    )


def _slope(rng: np.random.Generator, runs: int, k: int, tau: float, equal: bool) -> Case:
    x = np.log2(np.resize([3, 5, 15, 23, 5, 15], k))
    hits = 0
    for _ in range(runs):
        errors = _errors(rng, k, equal)
        values = SLOPE * x + rng.normal(0.0, np.hypot(tau, errors))
        slope = meta_analysis.regress(values, errors, x).slope
        hits += _holds((slope.low, slope.high), SLOPE)
    rate, error = share(hits, runs)
    return Case(
        part="coverage",
        method="meta_analysis.regress",
        truth=f"k={k} tau={tau} {'equal' if equal else 'unequal'} errors",
        found=rate,
        error=error,
        low=LOW,
    )


def _gap(
    rng: np.random.Generator, runs: int, clusters: int, down: float, spread: float, shared: bool
) -> Case:
    many = rng.standard_normal(400_000)
    truth = float(np.mean(_logistic(1 + spread * many) - _logistic(1 + down + spread * many)))
    labels, classes = np.repeat(np.arange(clusters), 4), np.tile([1, 0, 0, 0], clusters)
    hits = warned = 0
    for _ in range(runs):
        effects = spread * rng.standard_normal((2, clusters))
        here, there = effects[0], effects[0 if shared else 1]
        sides = [
            rng.random(len(labels)) < _logistic(1 + shift + effect[labels])
            for shift, effect in ((0.0, here), (down, there))
        ]
        others = labels if shared else labels + clusters
        found = balanced.difference(*sides, classes, classes, labels, others)
        assert found is not None
        hits += _holds((found.low, found.high), truth)
        warned += bool(found.warnings)
    rate, error = share(hits, runs)
    few = clusters < AHEAD
    return Case(
        part="coverage",
        method="balanced.difference",
        truth=f"clusters={clusters} {'shared' if shared else 'apart'} shift={down} spread={spread}",
        found=rate,
        error=error,
        low=LOW,
        # With few clusters few differences are possible, and an interval that is no point covers more.
        high=None if clusters < 20 or spread > 1 else HIGH,
        claimed=not few,
        note=f"warns in {warned / runs:.0%} of runs" if warned else "",
    )


def _logistic(eta: np.ndarray) -> np.ndarray:
    return 1 / (1 + np.exp(-eta))


def _holds(ends: tuple[float | None, float | None], value: float) -> bool:
    return ends[0] is not None and ends[1] is not None and ends[0] <= value <= ends[1]
