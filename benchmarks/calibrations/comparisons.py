"""Comparisons held against simulated models of known accuracy on the same items."""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache

import numpy as np
from scipy.special import ndtr, ndtri

from modelmetry.statistics import (
    Estimate,
    equivalence,
    multiplicity,
    paired_proportions,
    paired_tests,
    pairs,
    ranks,
)

from . import Case, share

LOW, HIGH = 0.93, 0.97
"""Coverage that a 95 % interval must have."""

TYPE_I = 0.055
"""Most false alarms that a 5 % test may give."""

ITEM, CLUSTER, OWN = 0.3, 0.2, 0.1
"""Shares of the latent variance: the item, its cluster, and the model on the cluster."""

RARE = 10
"""With fewer discordant items expected than this, intervals that are never a point cover too much."""


def cases(runs: int, seed: int = 0, quick: bool = False) -> Iterator[Case]:
    """Every promise of the comparisons.

    Args:
        runs: Simulated data sets per case; several times as many where they are cheap.
        seed: Of the simulation.
        quick: Whether to give only a small subset.
    """
    rng = np.random.default_rng([seed, 4])
    for n in (100,) if quick else (20, 50, 200, 1000):
        for a, b in ((0.5, 0.5),) if quick else ((0.5, 0.5), (0.5, 0.7), (0.95, 0.95), (0.9, 0.97)):
            yield from _independent(rng, runs * 10, n, a, b)
    designs = ((20, 4),) if quick else ((5, 4), (20, 4), (20, 20), (60, 4), (200, 4), (200, 20))
    for clusters, size in designs:
        for a, b in ((0.5, 0.5),) if quick else ((0.5, 0.5), (0.5, 0.6), (0.95, 0.95), (0.9, 0.97)):
            yield from _clustered(rng, runs * 3, clusters, size, a, b)
    for count, clustered in ((60, True),) if quick else ((20, False), (200, False), (60, True)):
        yield from _omnibus(rng, runs * 3, count, clustered)
    for n, a, size in ((200, 0.7, 1),) if quick else (
        (200, 0.5, 1), (200, 0.95, 1), (1000, 0.7, 1), (60, 0.7, 4), (200, 0.7, 4),
    ):  # fmt: skip
        yield _equivalent(rng, runs * 3, n, size, a)
    yield from _families(rng, runs)
    for count, size, accuracies in ((40, 2, (0.5, 0.5, 0.5, 0.8)),) if quick else (
        (20, 4, (0.6,) * 5),
        (60, 4, (0.6,) * 5),
        (60, 4, (0.5, 0.5, 0.5, 0.7, 0.9)),
        (200, 1, (0.95,) * 10),
        (200, 1, (0.9, 0.9, 0.92, 0.92, 0.94, 0.94)),
        (200, 4, (0.5, 0.5, 0.6, 0.6, 0.7, 0.7, 0.8, 0.8)),
    ):  # fmt: skip
        yield _ranked(rng, runs * 2, count, size, accuracies)


def simulated(
    rng: np.random.Generator, clusters: int, size: int, accuracies: tuple[float, ...]
) -> np.ndarray:
    """Right and wrong answers of models that find the same items and clusters hard.

    Returns:
        Shape (models, clusters * size), 0 and 1; each model's expected mean is its accuracy.
    """
    k = len(accuracies)
    common = np.sqrt(CLUSTER) * rng.standard_normal((clusters, 1))
    common = common + np.sqrt(ITEM) * rng.standard_normal((clusters, size))
    own = np.sqrt(OWN) * rng.standard_normal((k, clusters, 1))
    rest = np.sqrt(1 - ITEM - CLUSTER - OWN) * rng.standard_normal((k, clusters, size))
    latent = (common + own + rest).reshape(k, -1)
    return (latent < ndtri(np.array(accuracies))[:, None]).astype(float)


def _tables(
    rng: np.random.Generator, runs: int, n: int, a: float, b: float
) -> list[tuple[int, int, int, int]]:
    """2x2 counts of independent pairs: both right, only a, only b, neither."""
    large = simulated(np.random.default_rng(0), 400_000, 1, (a, b))
    both = float((large[0] * large[1]).mean())
    return rng.multinomial(n, [both, a - both, b - both, 1 - a - b + both], size=runs).tolist()


def _independent(rng: np.random.Generator, runs: int, n: int, a: float, b: float) -> Iterator[Case]:
    tables = [tuple(row) for row in _tables(rng, runs, n, a, b)]
    rare = float(np.mean([row[1] + row[2] for row in tables])) < RARE
    truth = f"independent n={n} p={a}/{b}"
    for method in (paired_proportions.tango, paired_proportions.newcombe):

        @cache
        def covers(row: tuple[int, int, int, int], method=method) -> bool:
            found = method(*row)
            return _holds(found, a - b)

        found, error = share(sum(covers(row) for row in tables), runs)
        yield Case(
            part="coverage",
            method=f"paired_proportions.{method.__name__}",
            truth=truth,
            found=found,
            error=error,
            low=LOW,
            high=None if rare else HIGH,
            note=f"fewer than {RARE} discordant pairs expected" if rare else "",
        )
    if a != b:
        return

    @cache
    def p_values(row: tuple[int, int, int, int]) -> tuple[float, ...]:
        scores = np.repeat([[1, 1], [1, 0], [0, 1], [0, 0]], row, axis=0)
        score = pairs.p_value(pairs.paired(*scores.T))
        mid, exact = (paired_tests.mcnemar(row[1], row[2], mid=mid) for mid in (True, False))
        return score, mid, exact

    rejected = np.array([p_values(row) for row in tables]) <= 0.05
    names = ("pairs.compare p", "paired_tests.mcnemar mid-p", "paired_tests.mcnemar exact")
    for name, hits in zip(names, rejected.sum(axis=0).tolist(), strict=True):
        yield _type_i(name, truth, hits, runs)


def _holds(found: Estimate, truth: float) -> bool:
    return found.low is not None and found.high is not None and found.low <= truth <= found.high


def _type_i(method: str, truth: str, hits: int, runs: int, note: str = "") -> Case:
    found, error = share(hits, runs)
    return Case(
        part="type I error",
        method=method,
        truth=truth,
        found=found,
        error=error,
        high=TYPE_I,
        claimed=not note,
        note=note,
    )


def _clustered(
    rng: np.random.Generator, runs: int, clusters: int, size: int, a: float, b: float
) -> Iterator[Case]:
    truth = f"clusters={clusters} of {size} p={a}/{b}"
    labels = np.repeat(np.arange(clusters), size)
    covered, score, flipped, guarded, warned = 0, 0, 0, 0, ""
    for _ in range(runs):
        first, second = simulated(rng, clusters, size, (a, b))
        found = pairs.difference(first, second, labels)
        covered += _holds(found, a - b)
        guarded += _guarded(pairs.paired(first, second, labels))
        warned = next((w for w in found.warnings if w.startswith("only")), "")
        if a == b:
            score += pairs.p_value(pairs.paired(first, second, labels)) <= 0.05
            p, _ = paired_tests.sign_flip(first - second, labels, rng=rng, resamples=999)
            flipped += p <= 0.05
    found, error = share(covered, runs)
    wide = guarded > runs / 2
    note = "wide by design: allows for clusters lost as a whole and not seen" if wide else ""
    yield Case(
        part="coverage",
        method="pairs.difference",
        truth=truth,
        found=found,
        error=error,
        low=LOW,
        high=None if wide else HIGH,
        claimed=not warned,
        note=warned or note,
    )
    if a == b:
        yield _type_i("pairs.compare p", truth, score, runs)
        yield _type_i("paired_tests.sign_flip", truth, flipped, runs)


def _guarded(found: pairs.Paired) -> bool:
    """Whether the interval is wider than the spread of the clusters alone would make it."""
    error = found.mean.std_error
    if not error:
        return True
    return found.worth < 0.999 * (found.gain + found.loss - found.mean.value**2) / error**2


def _omnibus(rng: np.random.Generator, runs: int, count: int, clustered: bool) -> Iterator[Case]:
    size = 4 if clustered else 1
    labels = np.repeat(np.arange(count), size)
    for accuracy in (0.5, 0.95):
        hits = 0
        for _ in range(runs):
            values = simulated(rng, count, size, (accuracy,) * 4)
            hits += paired_tests.cochrans_q(values, labels, rng=rng, resamples=499).p <= 0.05
        truth = f"4 models, clusters={count} of {size}, p={accuracy}"
        yield _type_i("paired_tests.cochrans_q", truth, hits, runs)


def _equivalent(
    rng: np.random.Generator, runs: int, clusters: int, size: int, accuracy: float
) -> Case:
    """False claims of equivalence where the true difference is just the margin."""
    margin, hits = 0.1 if accuracy < 0.9 else 0.05, 0
    labels = np.repeat(np.arange(clusters), size)
    for _ in range(runs):
        a, b = simulated(rng, clusters, size, (accuracy, accuracy - margin))
        hits += equivalence.tost(a, b, labels, margin=margin).p <= 0.05
    truth = f"difference at the margin {margin}, clusters={clusters} of {size} p={accuracy}"
    return _type_i("equivalence.tost", truth, hits, runs)


def _families(rng: np.random.Generator, runs: int) -> Iterator[Case]:
    """Errors in families of 20 z tests of which some or all are true, alone or correlated."""
    for true, correlation in ((10, 0.0), (10, 0.5), (20, 0.0), (20, 0.5)):
        null = np.arange(20) < true
        z = np.sqrt(correlation) * rng.standard_normal((runs, 1)) + 3 * ~null
        z = z + np.sqrt(1 - correlation) * rng.standard_normal((runs, 20))
        p_values = 2 * ndtr(-np.abs(z))
        for name, correct in multiplicity.CORRECTIONS.items():
            rejected = np.array([correct(row) for row in p_values]) <= 0.05
            false = (rejected & null).sum(axis=1)
            wrong = false > 0 if name == "holm" else false / np.maximum(rejected.sum(axis=1), 1)
            yield Case(
                part="family-wise error" if name == "holm" else "false discovery rate",
                method=f"multiplicity.{correct.__name__}",
                truth=f"20 tests, {true} true, correlation {correlation:g}",
                found=float(wrong.mean()),
                error=max(float(wrong.std()), 1 / runs) / np.sqrt(runs),
                high=TYPE_I,
            )


def _ranked(
    rng: np.random.Generator, runs: int, clusters: int, size: int, accuracies: tuple[float, ...]
) -> Case:
    """How often every true rank, all places of a tie, lies in its set."""
    truth = np.array(accuracies)
    best = 1 + (truth[None, :] > truth[:, None]).sum(axis=1)
    worst = len(truth) - (truth[None, :] < truth[:, None]).sum(axis=1)
    labels = np.repeat(np.arange(clusters), size)
    hits = 0
    for _ in range(runs):
        values = simulated(rng, clusters, size, accuracies)
        found = ranks.rank_sets(values, labels, rng=rng, resamples=500)
        hits += bool((np.array(found.low) <= best).all() and (np.array(found.high) >= worst).all())
    found, error = share(hits, runs)
    return Case(
        part="coverage of all ranks",
        method="ranks.rank_sets",
        truth=f"clusters={clusters} of {size} p={accuracies}",
        found=found,
        error=error,
        low=0.945,
    )
