"""Coverage of the 95 % intervals of means, proportions, differences, ratios and strata.

Scores are 0 or 1, right with a chance that each cluster draws from a beta distribution, so that the
intra-cluster correlation (icc) is as stated; clusters are equal, or grow evenly from small to large.
Of a method that warns, the runs without a warning are counted, and where those are fewer than
half, the case is not claimed. Where fewer than five of the rarer outcome are expected no set of
outcomes has a probability near 95 %, and coverage above it is allowed. Where coverage is above its
limit the note has that of intervals a twentieth narrower: much less means that few outcomes are possible.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial

import numpy as np
from numpy.typing import NDArray

from modelmetry.statistics import (
    Estimate,
    means,
    proportions,
    ratios,
    resampling,
    stratified,
    wild_bootstrap,
)

from . import Case, share

Draw = Callable[[np.random.Generator], Estimate]

LOW, HIGH = 0.93, 0.97
FEW = 5
"""Expected outcomes below which coverage is a matter of steps."""

RESAMPLED = {(5, 100), (20, 100), (200, 1000)}
"""Clusters and observations at which the resampling methods are held; they take their time."""


def cases(runs: int, seed: int = 0, quick: bool = False) -> Iterator[Case]:
    """Each interval held against its level; `quick` for the fixed subset that the tests run."""
    yield from _proportions(quick)
    for number, (method, truth, value, high, draw, part) in enumerate(_grid(quick)):
        rng = np.random.default_rng([seed, number])
        yield _coverage(method, truth, value, high, draw, max(1, int(runs * part)), rng)


def _coverage(
    method: str,
    truth: str,
    value: float,
    high: float | None,
    draw: Draw,
    runs: int,
    rng: np.random.Generator,
) -> Case:
    found = [draw(rng) for _ in range(runs)]
    sound = [e for e in found if not e.warnings]
    claimed = 2 * len(sound) >= runs
    counted = sound if claimed else found
    hits = _hits(counted, value)
    warned = runs - len(sound)
    note = f"warns in {warned / runs:.0%} of runs" if warned else ""
    if high is not None and hits > high * len(counted):
        narrower = _hits(counted, value, 0.95) / len(counted)
        note = "; ".join(filter(None, [note, f"{narrower:.3f} if a twentieth narrower"]))
    return Case(
        part="coverage",
        method=method,
        truth=truth,
        found=share(hits, len(counted))[0],
        error=share(hits, len(counted))[1],
        low=LOW,
        high=high,
        claimed=claimed,
        note=note,
    )


def _hits(found: list[Estimate], value: float, width: float = 1.0) -> int:
    """How many intervals hold the true value, if drawn in to a share of their width."""
    return sum(
        e.low is not None
        and e.high is not None
        and e.value + width * (e.low - e.value) <= value <= e.value + width * (e.high - e.value)
        for e in found
    )


def _proportions(quick: bool) -> Iterator[Case]:
    """Summed over all outcomes, so without Monte Carlo error."""
    from scipy.stats import binom

    for n in (20,) if quick else (20, 100, 1000):
        for method in (proportions.wilson, proportions.jeffreys, proportions.exact):
            every = [method(k, n) for k in range(n + 1)]
            ends = np.array([[e.low, e.high] for e in every])
            sound = np.array([not e.warnings for e in every])
            for p in (0.5,) if quick else (0.01, 0.1, 0.5, 0.9, 0.99):
                holds = (ends[:, 0] <= p) & (p <= ends[:, 1])
                chances = binom.pmf(np.arange(n + 1), n, p)
                warned = float(chances[~sound].sum())
                claimed = warned <= 0.5
                counted = sound if claimed else np.ones(n + 1, dtype=bool)
                steps = method is proportions.exact or n * min(p, 1 - p) < FEW
                note = "exact" if method is proportions.exact else "steps" if steps else ""
                yield Case(
                    part="coverage",
                    method=f"proportions.{method.__name__}",
                    truth=f"p={p} n={n}",
                    found=float(chances[holds & counted].sum() / chances[counted].sum()),
                    error=0.0,
                    low=LOW,
                    high=None if steps else HIGH,
                    claimed=claimed,
                    note=f"warns in {warned:.0%} of runs" if warned >= 0.005 else note,
                )


def sizes(n: int, clusters: int, equal: bool) -> NDArray[np.intp]:
    """Observations in each cluster, n in all, at least one in each."""
    if equal or n == clusters:
        return np.full(clusters, n // clusters)
    grown = np.arange(1, clusters + 1)
    found = 1 + np.floor(grown / grown.sum() * (n - clusters)).astype(int)
    found[-1] += n - found.sum()
    return found


def scores(
    rng: np.random.Generator, p: float, icc: float, size: NDArray[np.intp]
) -> tuple[NDArray[np.float64], NDArray[np.intp]]:
    """Scores and clusters, right ones first in each cluster."""
    chance = np.full(len(size), p)
    if icc:
        total = 1 / icc - 1
        chance = rng.beta(p * total, (1 - p) * total, len(size))
    right = rng.binomial(size, chance)
    clusters = np.repeat(np.arange(len(size)), size)
    place = np.arange(size.sum()) - np.repeat(np.cumsum(size) - size, size)
    return (place < right[clusters]).astype(float), clusters


def _settings(quick: bool) -> Iterator[tuple[int, int, bool, float]]:
    """Clusters, observations, whether clusters are equal, and the correlation within them."""
    if quick:
        yield from ((5, 100, False, 0.5), (20, 1000, True, 0.0), (20, 100, False, 0.1))
        return
    for clusters in (5, 20, 200):
        for n in (20, 100, 1000):
            if n == clusters:
                yield clusters, n, True, 0.0
            elif n > clusters:
                for icc in (0.0, 0.1, 0.5):
                    for equal in (True, False):
                        yield clusters, n, equal, icc


Row = tuple[str, str, float, float | None, Draw, float]
"""Method, truth in words, true value, highest allowed, what draws an estimate, share of the runs."""


def _grid(quick: bool) -> Iterator[Row]:
    for clusters, n, equal, icc in _settings(quick):
        for p in (0.5,) if quick else (0.01, 0.1, 0.5, 0.9, 0.99):
            text = f"p={p} n={n} clusters={clusters}{'' if equal else ' unequal'} icc={icc}"
            high = HIGH if n * min(p, 1 - p) >= FEW else None
            size = sizes(n, clusters, equal)
            yield "means.mean", text, p, high, partial(_mean, p=p, icc=icc, size=size), 1.0
            if p not in (0.1, 0.5) or (clusters, n) not in RESAMPLED:
                continue
            wild = partial(_wild, p=p, icc=icc, size=size)
            boot = partial(_bootstrap, p=p, icc=icc, size=size)
            if clusters == 5:
                yield "wild_bootstrap.wild_mean", text, p, high, wild, 0.5
            yield "resampling.bootstrap_mean", text, p, high, boot, 0.5
    yield from _two_sets(quick)
    yield from _classes_and_strata(quick)
    yield from _quotients(quick)


def _mean(rng: np.random.Generator, p: float, icc: float, size: NDArray[np.intp]) -> Estimate:
    return means.mean(*scores(rng, p, icc, size))


def _wild(rng: np.random.Generator, p: float, icc: float, size: NDArray[np.intp]) -> Estimate:
    return wild_bootstrap.wild_mean(*scores(rng, p, icc, size), rng=rng, resamples=999)


def _bootstrap(rng: np.random.Generator, p: float, icc: float, size: NDArray[np.intp]) -> Estimate:
    return resampling.bootstrap_mean(*scores(rng, p, icc, size), rng=rng, resamples=999)


def _two_sets(quick: bool) -> Iterator[Row]:
    for clusters, n in ((20, 100),) if quick else ((5, 100), (20, 100), (20, 1000), (200, 1000)):
        for a, b in ((0.9, 0.5),) if quick else ((0.5, 0.5), (0.9, 0.5), (0.9, 0.9), (0.99, 0.9)):
            for icc in (0.1,) if quick else (0.0, 0.1, 0.5):
                size = sizes(n, clusters, False)
                text = f"p={a} and {b} n={n} clusters={clusters} unequal, each; icc={icc}"
                high = HIGH if n * (1 - max(a, b)) >= FEW else None
                chances = (a, b)
                draw = partial(_difference, chances=chances, icc=icc, size=size)
                yield "means.difference_of_means", text, a - b, high, draw, 1.0
                draw = partial(_resampled_difference, chances=chances, icc=icc, size=size)
                if (clusters, n) == (20, 100):
                    yield "resampling.bootstrap_difference", text, a - b, high, draw, 0.5


def _pair(
    rng: np.random.Generator, chances: tuple[float, float], icc: float, size: NDArray[np.intp]
) -> list[NDArray[np.float64] | NDArray[np.intp]]:
    (a, codes_a), (b, codes_b) = (scores(rng, p, icc, size) for p in chances)
    return [a, b, codes_a, codes_b]


def _difference(
    rng: np.random.Generator, chances: tuple[float, float], icc: float, size: NDArray[np.intp]
) -> Estimate:
    return means.difference_of_means(*_pair(rng, chances, icc, size))


def _resampled_difference(
    rng: np.random.Generator, chances: tuple[float, float], icc: float, size: NDArray[np.intp]
) -> Estimate:
    found = _pair(rng, chances, icc, size)
    return resampling.bootstrap_difference(*found, rng=rng, resamples=999)


WEIGHTS = {0: 0.1, 1: 0.2, 2: 0.3, 3: 0.4}
CHANCES = (0.2, 0.5, 0.8, 0.95)


def _classes_and_strata(quick: bool) -> Iterator[Row]:
    truth = sum(WEIGHTS[stratum] * p for stratum, p in enumerate(CHANCES))
    for per in (20,) if quick else (2, 5, 20, 100):
        for each in (2,) if quick else (1, 2, 5):
            for icc in (0.5,) if quick else (0.0, 0.5):
                if each == 1 and icc:
                    continue
                text = f"4 strata, {per} clusters of {each} in each, icc={icc}"
                draw = partial(_stratified, per=per, each=each, icc=icc)
                yield "stratified.stratified_mean", text, truth, HIGH, draw, 1.0
                text = f"4 strata by chance, {4 * per} clusters of {each}, icc={icc}"
                draw = partial(_post_stratified, clusters=4 * per, each=each, icc=icc)
                if per > 5:
                    yield "stratified.post_stratified_mean", text, truth, HIGH, draw, 1.0
                draw = partial(_balanced, clusters=4 * per, each=each, icc=icc)
                balanced = float(np.mean(CHANCES))
                if per > 5:
                    text = text.replace("strata", "classes")
                    yield "means.balanced_accuracy", text, balanced, HIGH, draw, 1.0


def _by_stratum(
    rng: np.random.Generator, strata: NDArray[np.intp], each: int, icc: float
) -> list[NDArray[np.float64] | NDArray[np.intp]]:
    """Scores, strata and clusters of clusters that lie each in one stratum."""
    chance = np.array(CHANCES)[strata]
    if icc:
        total = 1 / icc - 1
        chance = rng.beta(chance * total, (1 - chance) * total)
    codes = np.repeat(np.arange(len(strata)), each)
    return [(rng.random(len(codes)) < chance[codes]).astype(float), strata[codes], codes]


def _stratified(rng: np.random.Generator, per: int, each: int, icc: float) -> Estimate:
    values, strata, codes = _by_stratum(rng, np.repeat(np.arange(4), per), each, icc)
    return stratified.stratified_mean(values, strata, WEIGHTS, codes)


def _post_stratified(rng: np.random.Generator, clusters: int, each: int, icc: float) -> Estimate:
    home = rng.choice(4, size=clusters, p=list(WEIGHTS.values()))
    home[:8] = np.arange(8) % 4  # two clusters at least in each: merging is for the caller
    values, strata, codes = _by_stratum(rng, home, each, icc)
    return stratified.post_stratified_mean(values, strata, WEIGHTS, codes)


def _balanced(rng: np.random.Generator, clusters: int, each: int, icc: float) -> Estimate:
    home = rng.choice(4, size=clusters, p=list(WEIGHTS.values()))
    home[:8] = np.arange(8) % 4
    return means.balanced_accuracy(*_by_stratum(rng, home, each, icc))


def _quotients(quick: bool) -> Iterator[Row]:
    for clusters in (20,) if quick else (5, 10, 20, 50, 200):
        for p in (0.5,) if quick else (0.2, 0.5, 0.8):
            text = f"tokens per right answer, p={p}, clusters={clusters} of 5"
            draw = partial(_tokens, p=p, clusters=clusters)
            yield "ratios.ratio_of_totals", text, np.exp(0.5 * 0.25) / p, HIGH, draw, 1.0
            text = f"share of wrong answers, p={p}, clusters={clusters} of 5"
            draw = partial(_shares, p=p, clusters=clusters)
            yield "ratios.ratio_of_totals within bounds", text, 0.3, HIGH, draw, 1.0


def _tokens(rng: np.random.Generator, p: float, clusters: int) -> Estimate:
    right, codes = scores(rng, p, 0.1, np.full(clusters, 5))
    while not right.any():  # the ratio is refused, and there is no estimate
        right, codes = scores(rng, p, 0.1, np.full(clusters, 5))
    tokens = np.exp(
        rng.normal(0, np.sqrt(0.05), clusters)[codes] + rng.normal(0, np.sqrt(0.2), len(codes))
    )
    return ratios.ratio_of_totals(tokens, right, codes)


def _shares(rng: np.random.Generator, p: float, clusters: int) -> Estimate:
    wrong, codes = scores(rng, 1 - p, 0.1, np.full(clusters, 5))
    wrong[0] = 1.0 if not wrong.any() else wrong[0]
    divisible = wrong * (rng.random(len(codes)) < 0.3)
    return ratios.ratio_of_totals(divisible, wrong, codes, bounds=(0.0, 1.0))
