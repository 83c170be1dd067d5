"""Stopping at will: what confidence sequences cover when one looks after every item."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import numpy as np

from modelmetry.statistics.betting import p_values
from modelmetry.statistics.sequential import (
    MeanSequence,
    mean_sequence,
    normal_mixture,
    paired_sequence,
)

from . import Case, share

Draw = Callable[[np.random.Generator, int], np.ndarray]

STRATA = ((0.0, 1.0), (0.02, 0.5, 0.98), (0.1, 0.2, 0.3, 0.9))
"""Means of strata that are drawn from in turn."""

LONGEST = 2000
NORMAL = 1.959964


def cases(runs: int, seed: int = 0, quick: bool = False) -> Iterator[Case]:
    """Coverage at all times at once, and at times that the data chose.

    Args:
        runs: Simulated runs for each case; ignored when quick.
        seed: Root of the random streams.
        quick: Only a small fixed subset.
    """
    runs, length = (50, 300) if quick else (runs, LONGEST)
    streams = iter(np.random.default_rng(seed).spawn(100))
    for p in (0.5, 0.99) if quick else (0.01, 0.1, 0.5, 0.9, 0.99):
        name = f"yes/no units, p={p}, every n up to {length}"
        yield _always("mean_sequence", name, _coins(p), p, runs, length, next(streams))
        yield _fixed_interval(p, runs, length, next(streams))
    for a, b in () if quick else ((9, 1), (0.5, 0.5), (40, 10), (0.2, 1.8)):
        name = f"beta({a}, {b}) units, every n up to {length}"
        yield _always("mean_sequence", name, _betas(a, b), a / (a + b), runs, length, next(streams))
    for means in STRATA[1:2] if quick else STRATA:
        yield _rows(means, runs, length, next(streams))
        yield _false_rows(means, runs, length, next(streams))
    for gap in (0.1,) if quick else (0.0, 0.1):
        yield _pairs(gap, runs, length, next(streams))
    for p, width in ((0.9, 0.2),) if quick else ((0.9, 0.05), (0.5, 0.1), (0.99, 0.02)):
        yield _until_narrow(p, width, runs, next(streams))
    yield _false_decision(runs, length, next(streams))
    name = f"yes/no units, p=0.5, every n up to {length}"
    yield _always("normal_mixture", name, _coins(0.5), 0.5, runs, length, next(streams))
    if not quick:
        name = f"yes/no units, p=0.9, n from 100 to {length}, asymptotic"
        yield _always(
            "normal_mixture(bounds=None)", name, _coins(0.9), 0.9, runs, length, next(streams)
        )


def _coins(p: float) -> Draw:
    return lambda rng, n: (rng.random(n) < p).astype(float)


def _betas(a: float, b: float) -> Draw:
    return lambda rng, n: rng.beta(a, b, n)


SEQUENCES = {
    "mean_sequence": mean_sequence,
    "normal_mixture": normal_mixture,
    "normal_mixture(bounds=None)": lambda values: normal_mixture(values, bounds=None),
}


def _always(
    method: str,
    truth: str,
    draw: Draw,
    mean: float,
    runs: int,
    length: int,
    rng: np.random.Generator,
) -> Case:
    hits = 0
    for _ in range(runs):
        low, high = SEQUENCES[method](draw(rng, length))
        hits += bool(((low <= mean) & (mean <= high)).all())
    return _covered(f"sequential.{method}", truth, hits, runs)


def _covered(method: str, truth: str, hits: int, runs: int) -> Case:
    found, error = share(hits, runs)
    return Case(
        part="coverage",
        method=method,
        truth=truth,
        found=found,
        error=error,
        low=0.95,
        note="at all times at once, so that more at any one time is by design",
    )


def _fixed_interval(p: float, runs: int, length: int, rng: np.random.Generator) -> Case:
    """What the interval for one fixed n does when it is looked at as often."""
    hits = np.cumsum(rng.random((runs, length)) < p, axis=1)
    count = np.arange(1, length + 1)
    low, high = _wilson(hits / count, count)
    found, error = share(int(((low <= p) & (p <= high)).all(axis=1).sum()), runs)
    return Case(
        part="coverage",
        method="proportions.wilson",
        truth=f"yes/no units, p={p}, every n up to {length}",
        found=found,
        error=error,
        low=0.95,
        claimed=False,
        note="an interval for one fixed n; looking at every n is what it does not allow",
    )


def _wilson(p: np.ndarray, n: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Wilson's interval, as `proportions.wilson_bounds` has it for one."""
    shrink = NORMAL**2 / n
    center = (p + shrink / 2) / (1 + shrink)
    half = NORMAL * np.sqrt(p * (1 - p) / n + shrink / (4 * n)) / (1 + shrink)
    return center - half, center + half


def _rows(means: tuple[float, ...], runs: int, length: int, rng: np.random.Generator) -> Case:
    """Rows of one unit from each stratum, looked at after every row."""
    hits, truth, rows = 0, float(np.mean(means)), length // len(means)
    for _ in range(runs):
        low, high = mean_sequence((rng.random((rows, len(means))) < means).astype(float))
        hits += bool(((low <= truth) & (truth <= high)).all())
    name = f"rows of yes/no units from strata of {', '.join(map(str, means))}, every row"
    return _covered("sequential.mean_sequence", name, hits, runs)


def _false_rows(means: tuple[float, ...], runs: int, length: int, rng: np.random.Generator) -> Case:
    """A true mean over strata, doubted after every row until it is rejected."""
    rejected, truth, rows = 0, float(np.mean(means)), length // len(means)
    for _ in range(runs):
        values = (rng.random((rows, len(means))) < means).astype(float)
        rejected += p_values(values, truth)[-1] <= 0.05
    found, error = share(rejected, runs)
    return Case(
        part="type I error",
        method="betting.p_values",
        truth=f"rows of strata of {', '.join(map(str, means))}, every row",
        found=found,
        error=error,
        high=0.055,
    )


def _pairs(gap: float, runs: int, length: int, rng: np.random.Generator) -> Case:
    hits = 0
    for _ in range(runs):
        shared = rng.random(length)
        flipped = rng.random(length) < 0.1
        a = np.where(flipped, rng.random(length) < 0.7, shared < 0.7)
        b = np.where(flipped, rng.random(length) < 0.7 - gap, shared < 0.7 - gap)
        low, high = paired_sequence(a, b)
        hits += bool(((low <= gap) & (gap <= high)).all())
    truth = f"paired yes/no units, difference={gap}, every n up to {length}"
    return _covered("sequential.paired_sequence", truth, hits, runs)


def _until_narrow(p: float, width: float, runs: int, rng: np.random.Generator) -> Case:
    """Draw 50 at a time until the interval is narrow enough; 20,000 units at most."""
    hits = used = 0
    for _ in range(runs):
        sequence = MeanSequence()
        found = None
        low, high = 0.0, 1.0
        while found is None or (high - low >= width and found.clusters < 20_000):
            sequence.add(rng.random(50) < p)
            found = sequence.estimate()
            low, high = found.low or 0.0, found.high or 1.0
        hits += low <= p <= high
        used += found.clusters
    truth = f"yes/no units, p={p}, until the width is below {width} ({used / runs:.0f} units)"
    return _covered("sequential.MeanSequence", truth, hits, runs)


def _false_decision(runs: int, length: int, rng: np.random.Generator) -> Case:
    """Two equal models, compared after every item until one seems better."""
    decided = 0
    for _ in range(runs):
        differences = (rng.random(length) < 0.8) * 1.0 - (rng.random(length) < 0.8)
        p = p_values(differences, 0.0, alternative="greater", bounds=(-1.0, 1.0))
        decided += p[-1] <= 0.05
    found, error = share(decided, runs)
    return Case(
        part="type I error",
        method="betting.p_values",
        truth=f"two equal models of 0.8, every n up to {length}",
        found=found,
        error=error,
        high=0.055,
    )
