"""The calibration of models that predict a yes or no: their scores, their slopes, and refitting."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import numpy as np
from scipy.special import expit, ndtr
from scipy.stats import norm
from threadpoolctl import threadpool_limits

from modelmetry.analyses.memorization.predictions import (
    METRICS,
    MODELS,
    Gain,
    Predictions,
    find_predictions,
)
from modelmetry.analyses.memorization.ways import Ways
from modelmetry.statistics import (
    Estimate,
    calibration_error,
    classification,
    partitions,
    ranking,
    refitting,
    ridge_logistic,
)

from . import Case, share
from .probes import simulated

LOW, HIGH = 0.93, 0.97
"""Coverage that a 95 % interval must have; of ends that allow for the worst, the lower one alone."""

LARGE = 100_000
"""Rows from which truths without a formula are worked out."""


Study = tuple[np.ndarray, np.ndarray, np.ndarray]
"""Outcomes, and two scores of them."""


def cases(runs: int, seed: int = 0, quick: bool = False) -> Iterator[Case]:
    """Coverage of 95 % intervals and error rates of 5 % tests where the truth is known.

    Args:
        runs: Simulated studies for each case.
        seed: Of the random streams.
        quick: Only the small fixed subset that the tests run.
    """
    rng = np.random.default_rng(seed)
    # Threads that wait for each other cost more than these small products.
    with threadpool_limits(limits=1, user_api="blas"):
        yield from _areas(runs, rng, quick)
        yield from _calibrated(runs, rng, quick)
        yield from _slopes(runs, rng, quick)
        yield from _refitted(max(20, runs // 5), rng, quick)
        if not quick:
            yield from _predicted(max(20, runs // 10), rng)


def _covered(
    method: str,
    truth: str,
    draw: Callable[[], tuple[Estimate, float]],
    runs: int,
    high: float | None = HIGH,
) -> Case:
    """Coverage over the runs with an interval; not claimed where most warn."""
    hits = warned = done = 0
    why = ""
    for _ in range(runs):
        found, value = draw()
        if found.warnings:
            warned, why = warned + 1, found.warnings[-1]
        if found.low is not None and found.high is not None:
            done += 1
            hits += found.low <= value <= found.high
    coverage, error = share(hits, max(1, done))
    return Case(
        part="coverage", method=method, truth=truth, found=coverage, error=error, low=LOW, high=high,
        claimed=warned <= runs / 2, note=f"{warned / runs:.0%} warn: {why}" if warned else "",
    )  # fmt: skip


def _average_precision(shift: float, rate: float) -> float:
    """Average precision of normal scores whose means differ by so much."""
    at = np.linspace(-8, 8 + shift, 20_001)
    recall, alarms = norm.sf(at - shift), norm.sf(at)
    precision = rate * recall / (rate * recall + (1 - rate) * alarms)
    return float(-np.trapezoid(precision, recall))


def _areas(runs: int, rng: np.random.Generator, quick: bool) -> Iterator[Case]:
    """Normal scores: alone, or in clusters of five whose scores and outcomes go together."""
    designs = [(200, 1, 0.3, 1.0)]
    if not quick:
        designs = [(n, k, rate, shift) for n, k, rate in (
            (60, 1, 0.3), (200, 1, 0.1), (200, 1, 0.5), (1000, 1, 0.02), (1000, 1, 0.1), (400, 5, 0.3),
        ) for shift in (0.0, 1.0, 2.0, 3.0)]  # fmt: skip
    for n, size, rate, shift in designs:
        truth = f"n={n} in clusters of {size} rate={rate} shift={shift}"
        area, precision = float(ndtr(shift / np.sqrt(2))), _average_precision(shift, rate)
        codes = np.arange(n) // size

        def study(n=n, size=size, rate=rate, shift=shift) -> Study:
            while True:
                groups = n // size
                like = np.repeat(rng.normal(size=groups), size)
                hidden = np.sqrt(0.5) * like + np.sqrt(0.5) * rng.normal(size=n)
                y = (hidden < norm.ppf(rate)) * 1.0 if size > 1 else (rng.random(n) < rate) * 1.0
                if 1 < y.sum() < n - 1:
                    break
            common = np.repeat(rng.normal(size=groups), size)
            noise = np.sqrt(0.4) * common + np.sqrt(0.6) * rng.normal(size=n)
            x = shift * y + noise
            return y, x, 0.6 * noise + 0.8 * rng.normal(size=n) + shift * y

        yield _covered(
            "ranking.roc_auc", truth,
            lambda codes=codes, area=area, study=study: (
                ranking.roc_auc(*study()[:2], codes), area), runs, None,
        )  # fmt: skip
        yield _covered(
            "ranking.auc_difference", truth,
            lambda codes=codes, study=study: (
                ranking.auc_difference(*study(), codes).difference, 0.0), runs, None,
        )  # fmt: skip
        yield _covered(
            "ranking.pr_auc", truth,
            lambda codes=codes, precision=precision, study=study: (
                ranking.pr_auc(*study()[:2], codes, rng=rng, resamples=150), precision),
            runs // 2, None,
        )  # fmt: skip
        if shift:
            cut = shift / 2
            hit, false = rate * norm.sf(cut - shift), (1 - rate) * norm.sf(cut)
            f1 = float(2 * hit / (rate + hit + false))
            yield _covered(
                "classification.at_threshold: F1", truth,
                lambda codes=codes, f1=f1, cut=cut, study=study: (
                    classification.at_threshold(*study()[:2], cut, codes).f1, f1), runs, None,
            )  # fmt: skip


def _calibrated(runs: int, rng: np.random.Generator, quick: bool) -> Iterator[Case]:
    """Models whose logits are too large by a factor."""
    for n, size in ((300, 1),) if quick else ((100, 1), (1000, 1), (5000, 1), (1000, 5)):
        for factor in (1.0,) if quick else (1.0, 1.3, 2.0):
            logits = -1 + 1.5 * norm.ppf((np.arange(LARGE) + 0.5) / LARGE)
            y, p = expit(logits), expit(factor * logits)
            true = {}
            for kind in ("width", "mass"):
                at = calibration_error.binned(p, 10, kind)
                away = np.bincount(at, y - p) / LARGE
                true[kind] = (
                    float(np.abs(away).sum()),
                    float(np.sqrt((away**2 / np.bincount(at) * LARGE).sum())),
                )
            codes = np.arange(n) // size

            def study(n=n, size=size, factor=factor) -> tuple[np.ndarray, np.ndarray]:
                logits = np.repeat(rng.normal(-1, 1.5, n // size), size)
                # Items of a cluster have one logit and go together: two thirds share one draw.
                luck = np.repeat(rng.random(n // size), size)
                luck = np.where(rng.random(n) < 2 / 3 * (size > 1), luck, rng.random(n))
                return (luck < expit(logits)) * 1.0, expit(factor * logits)

            truth = f"n={n} in clusters of {size} logits times {factor}"
            for kind in ("width", "mass"):
                for k, function in enumerate(
                    (
                        calibration_error.expected_calibration_error,
                        calibration_error.debiased_calibration_error,
                    )
                ):
                    yield _covered(
                        f"calibration_error.{function.__name__}, {kind}", truth,
                        lambda function=function, kind=kind, k=k, codes=codes, study=study, true=true: (
                            function(*study(), codes, kind=kind), true[kind][k]), runs, None,
                    )  # fmt: skip


def _rows(
    rng: np.random.Generator, n: int, size: int, effect: float
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Outcomes, four features and clusters; slopes turn with the last feature's sign."""
    codes = np.arange(n) // size
    x = rng.normal(size=(n, 4))
    if size > 1:
        x = np.sqrt(0.5) * x + np.sqrt(0.5) * rng.normal(size=(n // size, 4))[codes]
    luck = 0.8 * rng.normal(size=n // size)[codes] if size > 1 else 0.0
    logits = x[:, 0] * np.where(x[:, 3] > 0, 1 + effect, 1 - effect) + 0.5 * x[:, 1] - 0.5 + luck
    return (rng.random(n) < expit(logits)) * 1.0, x, codes


def _slopes(runs: int, rng: np.random.Generator, quick: bool) -> Iterator[Case]:
    """Slopes of a model, against those of the same model on many rows."""
    designs = [(300, 1, False)]
    if not quick:
        designs = [(n, k, b) for n, k in ((100, 1), (300, 1), (1000, 5)) for b in (False, True)]
    for n, size, balanced in designs:
        y, x, _ = _rows(rng, LARGE, size, 0.0)
        # As heavy a penalty for a row as in the studies.
        large = ridge_logistic.fit(y, x, penalty=LARGE / n, balanced=balanced)
        for k in (0, 2):

            def draw(n=n, size=size, balanced=balanced, k=k, large=large) -> tuple[Estimate, float]:
                y, x, codes = _rows(rng, n, size, 0.0)
                found = ridge_logistic.fit(y, x, balanced=balanced, clusters=codes)
                # Slopes are per standard deviation of each data's own.
                return found.coefficients[k], float(
                    large.slopes[k] * found.scale[k] / large.scale[k]
                )

            truth = f"n={n} in clusters of {size}, balanced {balanced}, slope {large.slopes[k]:.2f}"
            yield _covered("ridge_logistic.fit: slopes", truth, draw, runs, None)


def _scores(y: np.ndarray, x: np.ndarray) -> refitting.FitAndScore:
    """Area and squared distance, of one model for all and of one for either sign of a feature."""

    def found(train: np.ndarray, test: np.ndarray) -> list[float]:
        if y[test].min() == y[test].max():
            raise ValueError("outcomes: all alike in the rows to score")
        signs = (x[:, 3] > 0).astype(int)
        generic = ridge_logistic.fit(y[train], x[train]).probabilities(x[test])
        parted = partitions.by_category(y[train], x[train], signs[train])
        parts = parted.probabilities(x[test], signs[test])
        areas = [
            float(ranking.placements(y[test], each)[y[test] == 1].mean())
            for each in (generic, parts)
        ]
        return [*areas, float(((y[test] - generic) ** 2).mean())]

    return found


def _refitted(runs: int, rng: np.random.Generator, quick: bool) -> Iterator[Case]:
    """Held-out scores against the mean score of the procedure on training sets of the same size."""
    designs = [(300, 1, 0.3)]
    if not quick:
        designs = [(100, 1, 0.0), (300, 1, 0.0), (300, 1, 0.5), (1000, 1, 0.3), (1000, 5, 0.3)]
    for n, size, effect in designs:
        test = _rows(rng, LARGE // 5, size, effect)
        scores = []
        for _ in range(30 if quick else 300):
            train = _rows(rng, n * 4 // 5, size, effect)
            y, x = (np.concatenate([a, b]) for a, b in zip(train[:2], test[:2], strict=True))
            rows = np.arange(len(y))
            scores.append(_scores(y, x)(rows[: n * 4 // 5], rows[n * 4 // 5 :]))
        true = np.mean(scores, axis=0)
        found = []
        for _ in range(runs):
            y, x, codes = _rows(rng, n, size, effect)
            found.append(
                refitting.refitted(_scores(y, x), n, clusters=codes, rng=rng, resamples=40)
            )
        truth = f"n={n} in clusters of {size} slopes turn by {effect}"
        for k, name in enumerate(("area, one model", "area, two models", "Brier, one model")):
            drawn = iter(found)
            yield _covered(
                f"refitting.refitted: {name}", truth,
                lambda drawn=drawn, k=k, true=true: (_plain(next(drawn).scores[k]), float(true[k])),
                runs, None,
            )  # fmt: skip
        drawn = iter(found)
        yield _covered(
            "refitting.refitted: difference of areas", truth,
            lambda drawn=drawn, true=true: (
                _plain(next(drawn).difference(0, 1)), float(true[0] - true[1])), runs, None,
        )  # fmt: skip


def _predicted(runs: int, rng: np.random.Generator) -> Iterator[Case]:
    """Whole studies: generic, taxonomic and best-partition models of probes of one law, or of three.

    Truths are the mean scores of procedures fitted to many other sets of probes of that size. Of one law
    the categories have nothing to gain: there the taxonomic models must not be called better.
    """
    for n, turned in ((400, 0.0), (1500, 0.0), (1500, 1.5)):
        true = _true_scores(n, turned, rng, 150)
        truth = f"n={n} three features, slopes turn by {turned}"
        studies = []
        for _ in range(runs):
            probes = simulated(n, rng, features=3, turned=turned)
            found = find_predictions(probes, rng, resamples=20, subsample=1000)
            assert found is not None
            studies.append(found)
        for metric in METRICS:
            for model in MODELS:
                drawn = iter([_quality(each, model, metric) for each in studies])
                yield _covered(
                    f"find_predictions: {metric}, {model}", truth,
                    lambda drawn=drawn, value=true[model, metric]: (next(drawn), value), runs, None,
                )  # fmt: skip
            gains = [_gain(each, metric) for each in studies]
            drawn = iter([each.difference for each in gains])
            gained = true["taxonomic", metric] - true["generic", metric]
            yield _covered(
                f"find_predictions: {metric}, taxonomic less generic", f"{truth}: {gained:+.3f}",
                lambda drawn=drawn, gained=gained: (next(drawn), gained), runs, None,
            )  # fmt: skip
            sign = -1 if metric in ("log loss", "calibration error") else 1
            better = sum(g.p < 0.05 and sign * g.difference.value > 0 for g in gains)
            rate, error = share(better, runs)
            sought = turned > 0 and metric in ("ROC AUC", "log loss")
            if sought or not turned:
                yield Case(
                    part="power" if sought else "type I error",
                    method=f"find_predictions: {metric}, taxonomic called better", truth=truth,
                    found=rate, error=error, low=0.8 if sought else None, high=None if sought else 0.055,
                )  # fmt: skip


def _quality(found: Predictions, model: str, metric: str) -> Estimate:
    return next(q.value for q in found.qualities if (q.model, q.metric) == (model, metric))


def _gain(found: Predictions, metric: str) -> Gain:
    key = ("taxonomic", "generic", metric)
    return next(g for g in found.gains if (g.a, g.b, g.metric) == key)


def _true_scores(
    n: int, turned: float, rng: np.random.Generator, runs: int
) -> dict[tuple[str, str], float]:
    """Mean scores of procedures fitted to four fifths of n probes, each on as many others again."""
    fitted, held = n * 4 // 5, 4 * n
    found = []
    for _ in range(runs):
        probes = simulated(fitted + held, rng, features=3, turned=turned)
        x, y = np.column_stack(list(probes.features.values())), probes.extracted
        ways = Ways(y, x, probes.category, np.arange(len(y)), rng, None)
        found.append(ways.scored(np.arange(fitted), np.arange(fitted, len(y))))
    keys = [(model, metric) for model in MODELS for metric in METRICS]
    return dict(zip(keys, np.mean(found, axis=0).tolist(), strict=True))


def _plain(found: Estimate) -> Estimate:
    """The same without the remark that there were few resamples, which the calibration chose."""
    said = tuple(each for each in found.warnings if "resamples: the" not in each)
    return Estimate(
        value=found.value, std_error=found.std_error, low=found.low, high=found.high,
        level=found.level, n=found.n, clusters=found.clusters, warnings=said,
    )  # fmt: skip
