"""The calibration of corrected judges and of agreement between raters."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import numpy as np

from modelmetry.statistics import means, proportions
from modelmetry.statistics.agreement import cohen_kappa, fleiss_kappa, krippendorff_alpha
from modelmetry.statistics.estimate import Estimate
from modelmetry.statistics.misclassification import corrected_rate
from modelmetry.statistics.prediction_powered import prediction_powered_mean

from . import Case, share

LOW, HIGH = 0.93, 0.97


def cases(runs: int, seed: int = 0, quick: bool = False) -> Iterator[Case]:
    """Coverage of 95 % intervals where the truth is known.

    Args:
        runs: Simulated data sets for each case.
        seed: Of the random streams.
        quick: Only the small fixed subset that the tests run.
    """
    rng = np.random.default_rng(seed)
    yield from _corrected(runs, rng, quick)
    yield from _powered(runs, rng, quick)
    yield from _agreement(runs, rng, quick)


def _case(
    method: str,
    truth: str,
    value: float,
    draw: Callable[[], Estimate],
    runs: int,
    high: float | None,
    note: str = "",
) -> Case:
    """Coverage, of all runs where most carry no warning, which else is the note."""
    hits = warned = done = 0
    warning = ""
    for _ in range(runs):
        try:
            found = draw()
        except ValueError as refused:
            warned, warning = warned + 1, f"refused: {refused}"
            continue
        done += 1
        if found.low is not None and found.high is not None:
            hits += found.low <= value <= found.high
        if found.warnings:
            warned, warning = warned + 1, found.warnings[-1]
    coverage, error = share(hits, max(1, done))
    claimed = warned <= runs / 2
    if warned:
        note = f"{note + '; ' if note else ''}{warned / runs:.0%} warn: {warning}"
    return Case(
        part="coverage",
        method=method,
        truth=truth,
        found=coverage,
        error=error,
        low=LOW,
        high=high,
        claimed=claimed,
        note=note,
    )


def _answers(
    rng: np.random.Generator, groups: int, size: int, p: float, icc: float
) -> tuple[np.ndarray, np.ndarray]:
    """Right or wrong of clustered items by a beta-binomial, and their clusters."""
    rates = np.full(groups, p)
    if icc > 0:
        total = (1 - icc) / icc
        rates = rng.beta(p * total, (1 - p) * total, groups)
    return rng.random(groups * size) < np.repeat(rates, size), np.repeat(np.arange(groups), size)


def _corrected(runs: int, rng: np.random.Generator, quick: bool) -> Iterator[Case]:
    # Rate, sensitivity, specificity, items, labeled positives and negatives, items a cluster.
    designs = [
        (0.3, 0.9, 0.9, 500, 100, 100, 1),
        (0.3, 0.9, 0.9, 500, 100, 100, 5),
        (0.05, 0.9, 0.95, 500, 50, 100, 1),
        (0.02, 0.9, 0.95, 1000, 50, 200, 1),
        (0.5, 0.7, 0.8, 200, 100, 100, 1),
        (0.95, 0.8, 0.95, 300, 100, 50, 1),
        (0.5, 0.9, 0.8, 200, 50, 50, 10),
        (0.3, 0.6, 0.6, 300, 50, 50, 1),
        (0.9, 0.95, 0.9, 300, 30, 30, 1),
        (0.3, 0.98, 0.98, 500, 30, 30, 1),
        (0.01, 0.99, 0.99, 1000, 100, 100, 1),
    ]
    for p, se, sp, n, positives, negatives, size in designs[:3] if quick else designs:

        def draw(
            p=p, se=se, sp=sp, n=n, positives=positives, negatives=negatives, size=size
        ) -> Estimate:
            truth, clusters = _answers(rng, n // size, size, p, 0.0 if size == 1 else 0.2)
            judged = np.where(truth, rng.random(n) < se, rng.random(n) > sp)
            return corrected_rate(
                means.mean(judged, clusters),
                proportions.wilson(int(rng.binomial(positives, se)), positives),
                proportions.wilson(int(rng.binomial(negatives, sp)), negatives),
            )

        nearly = min(positives * (1 - se), negatives * (1 - sp)) < 5 and se + sp > 1.8
        yield _case(
            "misclassification.corrected_rate",
            f"rate={p} Se={se} Sp={sp} n={n} labeled={positives}+{negatives} cluster={size}",
            p,
            draw,
            runs,
            None if nearly else HIGH,
            "fewer than 5 errors of a kind expected: one more is assumed, which is safe"
            if nearly
            else "",
        )


def _powered(runs: int, rng: np.random.Generator, quick: bool) -> Iterator[Case]:
    # Labeled clusters, other clusters, items a cluster, rate, sensitivity, specificity.
    designs = [
        (100, 1000, 1, 0.3, 0.9, 0.9),
        (30, 200, 4, 0.3, 0.9, 0.9),
        (30, 1000, 1, 0.5, 0.9, 0.9),
        (50, 1000, 1, 0.1, 0.9, 0.9),
        (100, 2000, 1, 0.05, 0.9, 0.95),
        (30, 1000, 1, 0.05, 0.9, 0.95),
        (100, 1000, 1, 0.9, 0.95, 0.8),
        (50, 200, 1, 0.3, 0.6, 0.6),
        (100, 100, 1, 0.3, 0.9, 0.9),
        (50, 1000, 1, 0.5, 0.99, 0.99),
        (20, 1000, 1, 0.4, 0.8, 0.8),
        (8, 1000, 1, 0.4, 0.8, 0.8),
    ]
    for few, many, size, p, se, sp in designs[:2] if quick else designs:

        def judged(truth: np.ndarray, se=se, sp=sp) -> np.ndarray:
            return np.where(truth, rng.random(len(truth)) < se, rng.random(len(truth)) > sp)

        def draw(few=few, many=many, size=size, p=p, judged=judged) -> Estimate:
            icc = 0.0 if size == 1 else 0.2
            truth, clusters = _answers(rng, few, size, p, icc)
            other, others = _answers(rng, many, size, p, icc)
            return prediction_powered_mean(truth, judged(truth), judged(other), clusters, others)

        yield _case(
            "prediction_powered.prediction_powered_mean",
            f"p={p} Se={se} Sp={sp} labeled={few} others={many} cluster={size}",
            p,
            draw,
            4 * runs,
            HIGH,
        )


COEFFICIENTS: dict[str, Callable[[np.ndarray], Estimate]] = {
    "cohen_kappa": lambda x: cohen_kappa(x[:, 0], x[:, 1]),
    "cohen_kappa, quadratic": lambda x: cohen_kappa(x[:, 0], x[:, 1], weights="quadratic"),
    "fleiss_kappa": fleiss_kappa,
    "krippendorff_alpha, nominal": krippendorff_alpha,
    "krippendorff_alpha, ordinal": lambda x: krippendorff_alpha(x, metric="ordinal"),
    "krippendorff_alpha, interval": lambda x: krippendorff_alpha(x, metric="interval"),
}


def _agreement(runs: int, rng: np.random.Generator, quick: bool) -> Iterator[Case]:
    shares = [(0.5, 0.5), (0.9, 0.1), (0.2, 0.2, 0.2, 0.2, 0.2)]
    designs = [(p, right, n) for p in shares for right in (0.7, 0.9) for n in (30, 100)]
    for p, right, n in designs[-1:] if quick else designs:
        many = _ratings(rng, 20_000 if quick else 200_000, p, right)
        for name, coefficient in COEFFICIENTS.items():
            if len(p) == 2 and name.endswith(("quadratic", "ordinal", "interval")):
                continue

            def draw(p=p, right=right, n=n, name=name, coefficient=coefficient) -> Estimate:
                ratings = _ratings(rng, n, p, right)
                if name.startswith("krippendorff"):
                    ratings[rng.random(ratings.shape) < 0.2] = np.nan
                return coefficient(ratings)

            truth = coefficient(many).value
            yield _case(
                f"agreement.{name}",
                f"{truth:.2f}: 3 raters right in {right:.0%}, shares {p}, n={n}",
                truth,
                draw,
                runs,
                HIGH,
            )


def _ratings(
    rng: np.random.Generator, units: int, shares: tuple[float, ...], right: float
) -> np.ndarray:
    """Three raters who give the truth, or else a neighbor of it."""
    truth = np.repeat(rng.choice(len(shares), size=(units, 1), p=shares), 3, axis=1)
    step = rng.choice([-1, 1], size=truth.shape)
    other = np.where((truth + step < 0) | (truth + step >= len(shares)), truth - step, truth + step)
    return np.where(rng.random(truth.shape) < right, truth, other).astype(float)
