"""Difficulty: the curve's threshold, slope and lapse rate, the staircase, and item response."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from modelmetry.statistics import item_response, psychometric, saturation
from modelmetry.statistics.estimate import Estimate
from modelmetry.statistics.logistic import accuracy
from modelmetry.statistics.staircase import Staircase

from . import Case, share

_LEVELS = np.arange(1.0, 9.0)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Truth:
    """A respondent: halfway at `threshold`, `slope` logits lost per level, and so on."""

    threshold: float = 4.5
    slope: float = 1.1
    lapse: float = 0.0
    guess: float = 0.0
    per_level: int = 25
    per_cluster: int = 1
    spread: float = 0.0

    def __str__(self) -> str:
        said = (
            f"threshold={self.threshold} slope={self.slope} lapse={self.lapse} guess={self.guess}"
        )
        said += f" n={self.per_level * len(_LEVELS)}"
        if self.per_cluster == 1:
            return said
        return f"{said} clusters of {self.per_cluster}, threshold sd {self.spread}"

    def answers(self, difficulty: np.ndarray, rng: np.random.Generator) -> np.ndarray:
        """Right and wrong answers, those of a cluster with one threshold."""
        count = -(-len(difficulty) // self.per_cluster)
        shifts = np.repeat(self.spread * rng.normal(size=count), self.per_cluster)
        logits = self.slope * (self.threshold + shifts[: len(difficulty)] - difficulty)
        p = accuracy(logits, np.full(len(logits), self.guess), self.lapse)
        return (rng.random(len(p)) < p).astype(float)


_TRUTHS = (
    _Truth(),
    _Truth(lapse=0.05),
    _Truth(lapse=0.1, guess=0.25, per_level=50),
    _Truth(lapse=0.05, guess=0.1, per_level=48, per_cluster=4),
    _Truth(lapse=0.05, guess=0.1, per_level=48, per_cluster=4, spread=0.8),
)


def cases(runs: int, seed: int = 0, quick: bool = False) -> Iterator[Case]:
    """The promises of `psychometric`, `staircase`, `item_response` and `saturation`.

    Args:
        runs: Simulated runs behind a case; the slower methods take a part of them.
        seed: Of the simulation.
        quick: A small subset of fixed size.
    """
    rng = np.random.default_rng((seed, 6))
    few = 30 if quick else max(30, runs // 2)
    for truth in _TRUTHS[1:2] if quick else _TRUTHS:
        yield from _curves(truth, few, rng)
    few = 20 if quick else max(20, runs // 4)
    for truth in _TRUTHS[1:2] if quick else _TRUTHS[:3]:
        yield from _staircases(truth, few, rng)
    few = 3 if quick else max(10, runs // 10)
    for models, items in ((12, 30),) if quick else ((10, 50), (12, 200), (40, 60)):
        yield from _abilities(models, items, few, rng)
    for n in (100,) if quick else (40, 100, 1000):
        yield _gain(n, 1000 if quick else 10 * runs, rng)


def _holds(found: Estimate, truth: float) -> bool:
    return (found.low is None or found.low <= truth) and (found.high is None or truth <= found.high)


def _covered(method: str, truth: str, hits: list[bool], **limits: object) -> Case:
    found, error = share(sum(hits), len(hits))
    bounds = {"low": 0.93, "high": 0.97, **limits}
    return Case(part="coverage", method=method, truth=truth, found=found, error=error, **bounds)


def _curves(truth: _Truth, runs: int, rng: np.random.Generator) -> Iterator[Case]:
    x = np.repeat(_LEVELS, truth.per_level)
    clusters = np.arange(len(x)) // truth.per_cluster
    hits: dict[str, list[bool]] = {"threshold": [], "slope": [], "lapse": []}
    off = []
    for _ in range(runs):
        fit = psychometric.fit(x, truth.answers(x, rng), clusters, guess=truth.guess)
        if fit.threshold is not None:
            off.append(fit.threshold.value - truth.threshold)
        # Over clusters that differ the mean curve is flatter than that of each.
        true = {"threshold": truth.threshold, "lapse": truth.lapse}
        true |= {"slope": truth.slope} if not truth.spread else {}
        for name, value in true.items():
            found = getattr(fit, name)
            if found is not None:
                hits[name].append(_holds(found, value))
    for name, found in hits.items():
        if found:
            # A rate near 0 can hardly be missed on one side; in clusters no interval is narrower
            # than with each item its own cluster.
            wide = truth.per_cluster > 1 or (name == "lapse" and truth.lapse <= 0.05)
            edge = {"high": None} if wide else {}
            yield _covered(f"psychometric.fit {name}", str(truth), found, **edge)
    error = float(np.std(off) / math.sqrt(len(off)))
    yield Case(
        part="recovery",
        method="psychometric.fit threshold, mean error",
        truth=str(truth),
        found=float(np.mean(off)),
        error=error,
        low=-0.1,
        high=0.1,
    )


def _staircases(truth: _Truth, runs: int, rng: np.random.Generator) -> Iterator[Case]:
    asked, batch = 96, 8
    hits, adaptive, fixed = [], [], []
    for _ in range(runs):
        stairs, even = (Staircase(_LEVELS, guess=truth.guess, rng=rng) for _ in range(2))
        while stairs.asked < asked:
            chosen = stairs.next_batch(batch)
            stairs.update(chosen, truth.answers(_LEVELS[chosen], rng))
        chosen = np.arange(asked) % len(_LEVELS)
        even.update(chosen, truth.answers(_LEVELS[chosen], rng))
        found = stairs.estimate()
        hits.append(_holds(found, truth.threshold))
        adaptive.append(found.std_error)
        fixed.append(even.estimate().std_error)
    said = f"{truth} asked={asked} by {batch}".replace(f" n={truth.per_level * 8}", "")
    yield _covered("Staircase.estimate", said, hits, high=None)
    ratio = np.array(adaptive) / np.array(fixed)
    yield Case(
        part="recovery",
        method="Staircase, standard error over that of even levels",
        truth=said,
        found=float(np.median(ratio)),
        error=float(ratio.std() / math.sqrt(runs)),
        high=0.95,
    )


def _mean(hits: np.ndarray | list[bool]) -> float:
    return float(np.mean(hits))


def _abilities(models: int, items: int, runs: int, rng: np.random.Generator) -> Iterator[Case]:
    shares: dict[str, list[float]] = {"ability": [], "difficulty": [], "discrimination": []}
    for _ in range(runs):
        ability = rng.normal(size=models)
        ability = (ability - ability.mean()) / ability.std()
        log, difficulty = rng.normal(0, 0.4, items), rng.normal(0, 1, items)
        logits = np.exp(log) * (ability[:, None] - difficulty)
        y = (rng.random(logits.shape) < 1 / (1 + np.exp(-logits))).astype(float)
        fit = item_response.two_parameter(y)
        pairs = zip(fit.abilities, ability, strict=True)
        shares["ability"].append(_mean([_holds(found, true) for found, true in pairs]))
        off = (fit.difficulty - difficulty[fit.items]) / fit.difficulty_error
        shares["difficulty"].append(_mean(np.abs(off) < 1.96))
        relative = fit.discrimination_error / fit.discrimination
        off = (np.log(fit.discrimination) - log[fit.items]) / relative
        shares["discrimination"].append(_mean(np.abs(off) < 1.96))
    for name, found in shares.items():
        yield Case(
            part="coverage",
            method=f"item_response.two_parameter {name}",
            truth=f"models={models} items={items}",
            found=float(np.mean(found)),
            error=float(np.std(found) / math.sqrt(runs)) + 0.5 / (runs * items),
            low=0.93,
            # Priors drawn as the truths are, and a common shift that is taken out in the end, make
            # few models' parameters more certain than their errors say.
            high=0.97 if models > 12 else None,
        )


def _gain(n: int, runs: int, rng: np.random.Generator) -> Case:
    """Power of the exact paired test for an improvement that is said to be detectable."""
    gain = saturation.smallest_gain(n)
    turned = rng.binomial(n, gain, runs)
    found, error = share(int((2.0 ** (1 - turned) <= 0.05).sum()), runs)
    return Case(
        part="power",
        method="saturation.smallest_gain",
        truth=f"n={n} gain={gain:.3f}, exact paired test",
        found=found,
        error=error,
        low=0.77,
        high=0.83,
    )
