"""Planning and tolerance: power against the planner's promise, and content reached against the level."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from modelmetry.statistics import Estimate, means, pairs, planning, tolerance
from modelmetry.statistics.planning import Variances

from . import Case, share

Floats = NDArray[np.float64]

_BINARY = (
    *((0.5, 0.03, 0.3, 0.8), (0.5, 0.1, 0.3, 0.8), (0.7, 0.03, 0.5, 0.8), (0.7, 0.05, 0.3, 0.9)),
    *((0.7, 0.2, 0.0, 0.8), (0.9, 0.05, 0.3, 0.8), (0.9, 0.05, 0.7, 0.8), (0.9, 0.02, 0.5, 0.9)),
    *((0.95, 0.03, 0.5, 0.8), (0.95, 0.05, 0.3, 0.5), (0.99, 0.01, 0.3, 0.8), (0.5, 0.2, 0.5, 0.9)),
    *((0.9, 0.2, 0.0, 0.8), (0.95, 0.1, 0.3, 0.8)),
)
"""(accuracy halfway, effect, correlation, promised power) of single right-or-wrong answers."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Two:
    """Two models whose logits share problems, wordings and their interaction.

    Attributes:
        ability: Logit of the two at a middling problem.
        apart: Logits that the first is better by.
        shared: Standard deviation over problems that both models feel alike, in logits.
        own: The same that each feels alone.
        wording: Of each model's own wording-by-problem interaction.
    """

    ability: float
    apart: float
    shared: float
    own: float
    wording: float

    def rates(self, n: int, wordings: int, rng: np.random.Generator) -> Floats:
        """Probabilities of a right answer, shape (2, n, wordings)."""
        eta = self.ability + self.shared * rng.standard_normal((1, n, 1))
        eta = eta + self.own * rng.standard_normal((2, n, 1))
        eta = eta + self.wording * rng.standard_normal((2, n, wordings))
        return 1 / (1 + np.exp(-eta - self.apart * np.array([0.5, -0.5])[:, None, None]))

    def truth(self, rng: np.random.Generator) -> tuple[float, Variances]:
        """The difference and its variances, from very many problems in two wordings."""
        rates = self.rates(400_000, 2, rng)
        deltas = rates[0] - rates[1]
        wording = float((deltas[:, 0] - deltas[:, 1]).var() / 2)
        return float(deltas.mean()), Variances(
            between=max(0.0, float(deltas.mean(axis=1).var()) - wording / 2),
            wording=wording,
            noise=float(2 * (rates * (1 - rates)).mean()),
        )


_NESTED = (
    (_Two(ability=1.0, apart=0.3, shared=1.0, own=0.7, wording=0.7), 3, 1, 0.8),
    (_Two(ability=1.0, apart=0.3, shared=1.0, own=0.7, wording=0.7), 3, 4, 0.8),
    (_Two(ability=0.0, apart=0.8, shared=1.5, own=1.0, wording=0.5), 2, 2, 0.8),
    (_Two(ability=3.0, apart=0.8, shared=1.5, own=0.5, wording=0.5), 2, 1, 0.8),
    (_Two(ability=3.0, apart=1.0, shared=1.0, own=1.0, wording=1.0), 4, 2, 0.9),
    (_Two(ability=2.0, apart=0.4, shared=3.0, own=1.0, wording=0.0), 1, 3, 0.8),
)
"""(models, wordings, repeats, promised power)."""

_ONE = ((0.5, 0.1), (0.7, 0.1), (0.9, 0.05), (0.6, 0.05), (0.95, 0.1), (0.7, -0.1))
"""(accuracy, accuracy less the known number)."""

_NORMAL = ((10, 0.9, 0.95), (30, 0.99, 0.95), (100, 0.99, 0.9))
_RANKED = ((59, 0.95, 0.95), (299, 0.99, 0.95), (1000, 0.99, 0.95))
_BETA = (
    *((0.8, 0.1, 30, 20), (0.95, 0.05, 100, 10), (0.7, 0.05, 30, 20), (0.9, 0.3, 50, 20)),
    *((0.5, 0.2, 20, 50), (0.95, 0.2, 60, 5), (0.9, 0.02, 30, 20), (0.9, 0.1, 8, 50)),
)
"""(mean, intraclass correlation, clusters, questions each)."""


def cases(runs: int, seed: int = 0, quick: bool = False) -> Iterator[Case]:
    """What is promised, and what simulation finds.

    Args:
        runs: Simulated experiments for each case.
        seed: Of the simulation.
        quick: A small subset.
    """
    rng = np.random.default_rng(seed)
    for binary in _BINARY[1:5:3] if quick else _BINARY:
        yield _binary(*binary, runs, rng)
    for one in _ONE[:1] if quick else _ONE:
        yield _one(*one, runs, rng)
    for nested in _NESTED[2:3] if quick else _NESTED:
        yield _nested(*nested, runs, rng)
    for n, content, level in _NORMAL[:1] if quick else _NORMAL:
        yield _tolerance("normal", n, content, level, runs, rng)
    for n, content, level in _RANKED[:1] if quick else _RANKED:
        yield _tolerance("ranked", n, content, level, runs, rng)
    for truth in _BETA[:1] if quick else _BETA:
        yield from _beta(*truth, min(runs, 50) if quick else runs // 2, rng)


def _promise(truth: str, hits: int, runs: int, power: float, against: float) -> Case:
    found, error = share(hits, runs)
    few = against < planning.FEW_AGAINST
    return Case(
        part="power",
        method="planning.clusters_needed",
        truth=truth,
        found=found,
        error=error,
        low=power - 0.03,
        high=power + 0.03,
        claimed=not few,
        note=f"about {against:.1f} problems would speak for the worse model" if few else "",
    )


def _binary(
    accuracy: float,
    effect: float,
    correlation: float,
    power: float,
    runs: int,
    rng: np.random.Generator,
) -> Case:
    """Single answers, as many as the planner says, tested as `compare` does."""
    parts = planning.binary(accuracy, correlation, effect)
    n = planning.clusters_needed(effect, parts, power=power) or 0
    square = parts.total + effect**2
    shares = [(square + effect) / 2, (square - effect) / 2, 1 - square]
    counts = rng.multinomial(n, np.maximum(0, shares), size=runs)
    hits = 0
    for row in counts:
        # Which model is right where both agree does not matter.
        a = np.repeat([1.0, 0.0, 0.0], row)
        b = np.repeat([0.0, 1.0, 0.0], row)
        hits += pairs.p_value(pairs.paired(a, b)) < 0.05
    truth = f"accuracy={accuracy} effect={effect} correlation={correlation} n={n}"
    return _promise(truth, hits, runs, power, planning.against(effect, parts, n))


def _one(accuracy: float, effect: float, runs: int, rng: np.random.Generator) -> Case:
    """One model against a known number: is it outside of the interval?"""
    n = planning.clusters_needed(
        effect, planning.Variances(between=accuracy * (1 - accuracy)), paired=False
    )
    assert n is not None
    counts, times = np.unique(rng.binomial(n, accuracy, size=runs), return_counts=True)
    hits = 0
    for k, many in zip(counts.tolist(), times.tolist(), strict=True):
        found = means.mean(np.arange(n) < k)
        assert found.low is not None
        assert found.high is not None
        hits += many * (not found.low <= accuracy - effect <= found.high)
    share_found, error = share(hits, runs)
    # A number away from 1/2 is found more often than promised, on purpose.
    away = (accuracy - 0.5) * effect < 0
    return Case(
        part="power",
        method="planning.clusters_needed, one model",
        truth=f"accuracy={accuracy} against {accuracy - effect:g} n={n}",
        found=share_found,
        error=error,
        low=0.77,
        high=None if away else 0.83,
    )


def _nested(
    models: _Two, wordings: int, repeats: int, power: float, runs: int, rng: np.random.Generator
) -> Case:
    """Problems in several wordings, repeated, clustered by problem."""
    effect, parts = models.truth(rng)
    n = planning.clusters_needed(effect, parts, wordings, repeats, power=power) or 0
    clusters = np.repeat(np.arange(n), wordings)
    hits = 0
    for _ in range(runs):
        rates = models.rates(n, wordings, rng)
        a, b = rng.binomial(repeats, rates).reshape(2, -1) / repeats
        hits += pairs.p_value(pairs.paired(a, b, clusters)) < 0.05
    truth = (
        f"effect={effect:.3f} variances={parts.between:.3f}, {parts.wording:.3f}, "
        f"{parts.noise:.3f} n={n} wordings={wordings} repeats={repeats}"
    )
    return _promise(truth, hits, runs, power, planning.against(effect, parts, n))


def _content(
    method: str, truth: str, bound: Callable[[], tuple[Estimate, bool]], runs: int, level: float,
    exact: bool,
) -> Case:  # fmt: skip
    """Share of runs in which the content is reached; warned of where most runs warn."""
    hits = warned = 0
    warning = ""
    for _ in range(runs):
        found, held = bound()
        hits += held
        warned += bool(found.warnings)
        warning = found.warnings[0] if found.warnings else warning
    found_share, error = share(hits, runs)
    return Case(
        part="coverage",
        method=method,
        truth=truth,
        found=found_share,
        error=error,
        low=level - 0.02,
        high=level + 0.02 if exact else None,
        claimed=warned < runs / 2,
        note=warning if warned >= runs / 2 else "",
    )


def _tolerance(
    kind: str, n: int, content: float, level: float, runs: int, rng: np.random.Generator
) -> Case:
    from scipy.special import ndtr

    def bound() -> tuple[Estimate, bool]:
        if kind == "normal":
            values = rng.standard_normal(n)
            found = tolerance.normal(values, content=content, level=level, bounds=None)
            return found, bool(ndtr(-(found.low or 0.0)) >= content)
        values = rng.random(n) ** 2
        found = tolerance.ranked(values, content=content, level=level)
        return found, math.sqrt(found.low or 0.0) <= 1 - content

    truth = f"n={n} content={content} level={level}"
    return _content(f"tolerance.{kind}", truth, bound, runs, level, kind == "normal")


def _beta(
    mean: float, rho: float, clusters: int, asked: int, runs: int, rng: np.random.Generator
) -> Iterator[Case]:
    from scipy.special import betaincinv
    from scipy.stats import betabinom

    a, b = mean * (1 / rho - 1), (1 - mean) * (1 / rho - 1)
    rate, fresh = float(betaincinv(a, b, 0.01)), 20
    # A score is a bound while less than 1 % of clusters fall below it.
    score = float(betabinom.ppf(0.01 + 1e-12, fresh, a, b)) / fresh
    truth = f"mean={mean} icc={rho} clusters={clusters} of {asked}"
    for of, best in ((None, rate), (fresh, score)):

        def bound(of: int | None = of, best: float = best) -> tuple[Estimate, bool]:
            right = rng.binomial(asked, rng.beta(a, b, clusters))
            found = tolerance.beta_binomial(right, np.full(clusters, asked), fresh=of)
            return found, (found.low or 0.0) <= best + 1e-12

        name = "the true rate" if of is None else f"a score over {of}"
        yield _content("tolerance.beta_binomial", f"{truth}, {name}", bound, runs, 0.95, False)
