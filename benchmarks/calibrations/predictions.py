"""Prediction of deployment: what predictive intervals and rank correlations cover."""

from __future__ import annotations

import math
from collections.abc import Iterator

import numpy as np

from modelmetry.statistics.deployment import FEW_MODELS, predict, rank_correlation

from . import Case, share

LOW, HIGH = 0.93, 0.97

# How the outcome hangs on the suites: on all alike, on the first, on a difference, on none.
SLOPES = {
    "all": lambda s: np.ones(s),
    "first": lambda s: np.eye(s)[0],
    "difference": lambda s: np.eye(s)[0] - np.eye(s)[-1],
    "none": lambda s: np.zeros(s),
}


def cases(runs: int, seed: int = 0, quick: bool = False) -> Iterator[Case]:
    """Coverage of predictive intervals for one new model, and of the rank correlation.

    Args:
        runs: Simulated runs for each case; ignored when quick.
        seed: Root of the random streams.
        quick: Only a small fixed subset.
    """
    runs = 200 if quick else runs
    streams = iter(np.random.default_rng(seed).spawn(100))
    for models in (12,) if quick else (5, 8, 12, 30):
        yield _prediction(models, 1, "all", runs, next(streams))
    sizes = ((12, 4),) if quick else ((8, 4), (12, 2), (12, 4), (12, 8), (20, 4), (30, 8))
    for models, suites in sizes:
        for kind in ("all",) if quick else SLOPES:
            yield _prediction(models, suites, kind, runs, next(streams))
    yield _prediction(12, 1, "all", runs, next(streams), blurred=True)
    for models in (12,) if quick else (6, 10, 15, 30):
        for rho in (0.5,) if quick else (0.0, 0.5, 0.8, 0.95, 0.99):
            yield _ranks(models, rho, runs, next(streams))


def _prediction(
    models: int,
    suites: int,
    kind: str,
    runs: int,
    rng: np.random.Generator,
    blurred: bool = False,
) -> Case:
    """Suites that correlate 0.7 and explain 80 % of the outcome, or nothing of it."""
    hits = 0
    slopes = SLOPES[kind](suites)
    signal = math.sqrt(0.7 * slopes.sum() ** 2 + 0.3 * (slopes @ slopes)) or 1.0
    for _ in range(runs):
        common = rng.standard_normal((models + 1, 1))
        own = rng.standard_normal((models + 1, suites))
        scores = math.sqrt(0.7) * common + math.sqrt(0.3) * own
        outcome = scores @ slopes / signal + 0.5 * rng.standard_normal(models + 1)
        doubt = np.full((models + 1, suites), 0.2)
        doubt[-1] = 0.5
        if blurred:
            scores = scores + doubt * rng.standard_normal(scores.shape)
        found = predict(
            scores[:-1],
            outcome[:-1],
            scores[-1],
            errors=doubt[:-1] if blurred else None,
            new_errors=doubt[-1] if blurred else None,
        ).predicted[0]
        assert found.low is not None
        assert found.high is not None
        hits += found.low <= outcome[-1] <= found.high
    few = models < FEW_MODELS
    truth = f"models={models} suites={suites} outcome hangs on {kind}"
    return _case(
        "predict",
        truth + (", new score less certain" if blurred else ""),
        hits,
        runs,
        claimed=not few,
        note="warns that the models are too few" if few else "",
    )


def _ranks(models: int, rho: float, runs: int, rng: np.random.Generator) -> Case:
    """Bivariate normal, whose rank correlation is 6/pi arcsin(rho / 2)."""
    true, hits = 6 / math.pi * math.asin(rho / 2), 0
    for _ in range(runs):
        a = rng.standard_normal(models)
        b = rho * a + math.sqrt(1 - rho**2) * rng.standard_normal(models)
        found = rank_correlation(a, b)
        assert found.low is not None
        assert found.high is not None
        hits += found.low <= true <= found.high
    note = "warns that the models are too few" if models < FEW_MODELS else ""
    if rho > 0.95:
        note = "warns that the correlation is near 1"
    return _case("rank_correlation", f"models={models} rho={rho}", hits, runs, not note, note)


def _case(method: str, truth: str, hits: int, runs: int, claimed: bool, note: str) -> Case:
    found, error = share(hits, runs)
    return Case(
        part="coverage",
        method=f"deployment.{method}",
        truth=truth,
        found=found,
        error=error,
        low=LOW,
        high=HIGH,
        claimed=claimed,
        note=note,
    )
