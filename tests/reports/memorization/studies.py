"""A memorization study made by hand, of which every number is known."""

from __future__ import annotations

import math

import numpy as np

from modelmetry.analyses.memorization.counterfactual import Counterfactual
from modelmetry.analyses.memorization.dependence import Dependence, Step
from modelmetry.analyses.memorization.exposure import Exposure
from modelmetry.analyses.memorization.halfway import Halfway
from modelmetry.analyses.memorization.predictions import (
    METRICS,
    MODELS,
    Coefficient,
    Gain,
    Predictions,
    Quality,
)
from modelmetry.analyses.memorization.probes import Probes
from modelmetry.analyses.memorization.rates import Rate, Share
from modelmetry.analyses.memorization.study import MemorizationStudy, TaskStudy
from modelmetry.statistics import Estimate
from modelmetry.statistics.calibration_error import Bin
from modelmetry.statistics.partitions import Candidate
from modelmetry.statistics.psychometric import Curve

COPIES = (1, 2, 4, 8, 16, 32, 64)
CATEGORIES = ("recitation", "reconstruction", "recollection")
FEATURES = ("log(1 + duplicates)", "code length", "rarest token")
_PLANTED = {"recitation": 0.8, "reconstruction": 0.6, "recollection": 0.15}
_TWINS = {"recitation": 0.3, "reconstruction": 0.5, "recollection": 0.0}


def estimate(value: float, half: float | None = 0.06, n: int = 100) -> Estimate:
    """A number with an interval that is `half` to either side; None for none."""
    return Estimate(
        value=value,
        std_error=None if half is None else half / 2,
        low=None if half is None else value - half,
        high=None if half is None else value + half,
        level=0.95,
        n=n,
        clusters=n,
    )


def share(value: float, half: float = 0.06, n: int = 100) -> Estimate:
    """As `estimate`, kept in [0, 1]."""
    found = estimate(value, half, n)
    return Estimate(
        **{
            **{name: getattr(found, name) for name in ("value", "std_error", "level", "n")},
            "clusters": n,
            "low": max(0.0, value - half),
            "high": min(1.0, value + half),
        }
    )


def probes(*, twins: bool = True, logprobs: bool = True, failed: int = 0) -> Probes:
    """Seventy planted sequences, ten for each number of copies, and as many twins."""
    planned = np.repeat(COPIES, 10)
    n = len(planned)
    cluster = np.arange(n)
    inserted = np.ones(n, dtype=bool)
    if twins:
        planned, cluster = np.tile(planned, 2), np.tile(cluster, 2)
        inserted = np.repeat([True, False], n)
    total = len(planned)
    extracted = (planned > 8).astype(float) * inserted
    extracted[:failed] = np.nan
    return Probes(
        task="memorization",
        wording="whole",
        k=32,
        threshold=5,
        problem=np.array([f"p{i}" for i in range(total)]),
        cluster=cluster,
        inserted=inserted,
        canary=np.zeros(total, dtype=bool),
        duplicates=np.where(inserted, planned, 0),
        planned=planned,
        template=np.full(total, "none"),
        category=np.where(planned > 5, "recitation", "recollection"),
        extracted=extracted,
        prefix=extracted,
        edits=1 - extracted,
        features={},
        continuation_logprob=np.full(total, -3.0 if logprobs else np.nan),
        other={},
    )


def rates(*, twins: bool = True) -> tuple[Rate, ...]:
    """Of all, by category, by duplicates and by wording."""

    def rate(by: str, level: str, inserted: bool, value: float) -> Rate:
        return Rate(
            by=by,
            level=level,
            inserted=inserted,
            extracted=share(value),
            prefix=share(min(1.0, value + 0.1)),
            edits=share(max(0.0, 0.9 - value)),
        )

    found = [rate("all", "all", True, 0.41)]
    found += [rate("all", "twins", False, 0.21)] if twins else []
    for name in CATEGORIES:
        found.append(rate("category", name, True, _PLANTED[name]))
        found += [rate("category", name, False, _TWINS[name])] if twins else []
    found += [rate("duplicates", str(d), True, _expected(d)) for d in COPIES]
    return (*found, rate("wording", "half", True, 0.325))


def _expected(copies: float) -> float:
    return 0.2 + 0.7 / (1 + (7 / copies) ** 2)


def counterfactual(p: float = 0.001, *, paired: bool = True) -> tuple[Counterfactual, ...]:
    """Of all, by category and by duplicates."""

    def one(by: str, level: str, planted: float, twins: float) -> Counterfactual:
        return Counterfactual(
            by=by,
            level=level,
            planted=share(planted),
            twins=share(twins),
            difference=estimate(planted - twins, 0.05),
            p=p,
            paired=paired,
        )

    return (
        one("all", "all", 0.41, 0.21),
        *(one("category", name, _PLANTED[name], _TWINS[name]) for name in CATEGORIES),
        *(one("duplicates", str(d), _expected(d), 0.2) for d in COPIES),
    )


def halfway() -> tuple[Halfway, ...]:
    """A threshold of seven copies for all; none for what repeats."""
    coefficients = (-2 * math.log2(7), -2.0, 0.0)
    curve = Curve(
        threshold=estimate(-math.log2(7), 0.4),
        slope=estimate(2.0, 0.5),
        lapse=None,
        coefficients=coefficients,
        lowest=-6.0,
        highest=0.0,
    )
    half = Estimate(value=7.0, std_error=None, low=5.3, high=9.2, level=0.95, n=70, clusters=70)
    points = tuple((d, share(_expected(d), 0.15, 10)) for d in COPIES)
    none = Halfway(
        kind="repeating",
        curve=None,
        duplicates=None,
        points=tuple((d, share(0.9, 0.1, 10)) for d in COPIES),
        warnings=("at all numbers of copies more than half are extracted",),
    )
    whole = Halfway(kind="all", curve=curve, duplicates=half, points=points)
    return (whole, none)


def exposure() -> tuple[Exposure, ...]:
    """Five canaries of each number of copies among 35 that never stood there."""
    most = math.log2(36)
    return tuple(
        Exposure(
            duplicates=d,
            canaries=5,
            references=35,
            ranks=(1, 2, 3, 5, 8),
            bits=estimate(min(most - 0.4, 1.2 + 0.6 * i), 0.4, 5),
            most=most,
            p=0.3 if i < 2 else 0.002,
        )
        for i, d in enumerate(COPIES)
    )


def predictions(*, p: float = 0.01, gain: float = 0.03) -> Predictions:
    """Three models, of which the taxonomic is better than the generic by `gain` in every metric."""
    base = {
        "ROC AUC": 0.88,
        "PR AUC": 0.81,
        "F1": 0.74,
        "log loss": 0.42,
        "calibration error": 0.07,
    }
    lower = {"log loss", "calibration error"}
    qualities, gains = [], []
    for metric in METRICS:
        sign = -1 if metric in lower else 1
        values = dict(zip(MODELS, (0.0, gain, gain / 2), strict=True))
        for model in MODELS:
            value = base[metric] + sign * values[model]
            qualities.append(Quality(model=model, metric=metric, value=share(value, 0.04)))
        for a, b in (("taxonomic", "generic"), ("optimal", "generic"), ("taxonomic", "optimal")):
            value = sign * (values[a] - values[b])
            gains.append(Gain(a=a, b=b, metric=metric, difference=estimate(value, 0.02), p=p))
    return Predictions(
        features=FEATURES,
        left_out={"perplexity of the prompt": "not known"},
        rows=140,
        positives=43,
        held_out=28,
        resamples=100,
        searched=112,
        qualities=tuple(qualities),
        gains=tuple(gains),
        coefficients=tuple(
            Coefficient(model=model, feature=name, value=estimate(1.4 - 0.9 * i, 0.5))
            for model in ("generic", *CATEGORIES)
            for i, name in enumerate(FEATURES)
        ),
        rule=Candidate(
            first=0,
            first_quantile=0.5,
            first_threshold=3.0,
            second=1,
            second_quantile=0.25,
            second_threshold=2.75,
            sizes=(60, 50, 30),
            positives=(40, 3, 0),
            f1=0.83,
        ),
        first="log(1 + duplicates)",
        first_threshold=3.0,
        second="code length",
        second_threshold=2.75,
        reliability={
            model: tuple(
                Bin(low=x - 0.1, high=x + 0.1, predicted=x, observed=share(x * 0.9, 0.1, 30))
                for x in (0.1, 0.3, 0.5, 0.7, 0.9)
            )
            for model in MODELS
        },
        warnings=("reconstruction: no sequence was extracted, so its model is a constant",),
    )


def dependence() -> tuple[Dependence, ...]:
    """Three features for all sequences and in each category; nothing is known in reconstruction."""
    found = []
    for category in ("all", *CATEGORIES):
        for i, feature in enumerate(FEATURES):
            steps = tuple(
                Step(
                    low=j,
                    high=j + 0.9,
                    middle=j + 0.5,
                    extracted=share((0.1 + 0.2 * j) / (i + 1), 0.1, 28),
                )
                for j in range(5)
            )
            found.append(
                Dependence(
                    category=category,
                    feature=feature,
                    steps=steps,
                    auc=None if category == "reconstruction" else share(0.9 - 0.3 * i, 0.04),
                    p=(0.001, 0.03, 0.6)[i],
                )
            )
    return tuple(found)


def task_study(
    *, twins: bool = True, logprobs: bool = True, failed: int = 0, p: float = 0.001
) -> TaskStudy:
    """All parts of one task."""
    return TaskStudy(
        task="memorization",
        probes=probes(twins=twins, logprobs=logprobs, failed=failed),
        rates=rates(twins=twins),
        shares=tuple(
            Share(category=name, share=share(value))
            for name, value in zip(CATEGORIES, (0.6, 0.3, 0.1), strict=True)
        ),
        counterfactual=counterfactual(p) if twins else (),
        halfway=halfway(),
        exposure=exposure() if logprobs else (),
        predictions=predictions(),
        dependence=dependence(),
        warnings=("the model counts other tokens than the corpus",),
    )


def memorization_study(*tasks: TaskStudy) -> MemorizationStudy:
    """A study of these tasks, or of one with everything."""
    return MemorizationStudy(model="test/reader", tasks=tasks or (task_study(),), threshold=5)
