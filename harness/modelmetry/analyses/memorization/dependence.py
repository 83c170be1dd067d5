"""How extraction depends on each feature, by category: curves over quantiles, and how well it ranks."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from threadpoolctl import threadpool_limits

from modelmetry.analyses.memorization.probes import Probes
from modelmetry.statistics import Estimate, means, ranking
from modelmetry.statistics.multiplicity import holm

STEPS = 8
"""Steps by quantiles; a feature of no more values than this has a step for each."""

LEAST = 10
"""Probes that a step by quantiles holds at least, ties apart."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """Probes between two quantiles of a feature.

    Attributes:
        low: Least value among them.
        high: Greatest value among them.
        middle: Median among them.
        extracted: Share extracted.
    """

    low: float
    high: float
    middle: float
    extracted: Estimate


@dataclass(frozen=True, slots=True, kw_only=True)
class Dependence:
    """One feature in one category.

    Attributes:
        category: `all`, or one of the taxonomy's.
        feature: Its name.
        steps: By quantiles of the feature in this category; each value of its own where it has few.
        auc: Probability that an extracted probe has the higher value, ties counting half; None where all
            probes are extracted or none is.
        p: Two-sided p-value of 0.5, corrected over the features of the category (Holm); 1 where there is
            no test.
    """

    category: str
    feature: str
    steps: tuple[Step, ...]
    auc: Estimate | None
    p: float


def find_dependence(probes: Probes) -> tuple[Dependence, ...]:
    """How extraction of planted sequences goes with each feature, in all and in each category.

    Rates have the clustered interval of `means.mean`, and the area under the ROC curve DeLong's error
    (`ranking.roc_auc`). It is of each feature by itself: features that go together rank alike, and
    `predictions` tells what each adds. Left out are canaries, probes that were not scored, of a feature those
    of which it is not known, and a feature that is the same for all that are left.

    Args:
        probes: The probes of one task.
    """
    rows = probes.planted & probes.scored
    category = probes.category.astype(str)
    levels = np.unique(category[rows]).tolist()
    found: list[Dependence] = []
    # Threads that wait for each other cost more than these small products, most on a busy machine.
    with threadpool_limits(limits=1, user_api="blas"):
        for name in ("all", *levels):
            mine = rows if name == "all" else rows & (category == name)
            found.extend(_of_category(probes, name, mine))
    return tuple(found)


def _of_category(probes: Probes, name: str, mine: np.ndarray) -> list[Dependence]:
    """Every feature's dependence over some probes."""
    kept, areas = [], []
    for feature, values in probes.features.items():
        known = mine & np.isfinite(values)
        x = np.asarray(values[known], dtype=np.float64)
        if not len(x) or x.min() == x.max():
            continue
        extracted, codes = probes.extracted[known], probes.cluster[known]
        kept.append((feature, _steps(x, extracted, codes)))
        areas.append(_area(x, extracted >= 0.5, codes))
    if not kept:
        return []
    corrected = holm([p for _, p in areas]).tolist()
    return [
        Dependence(category=name, feature=feature, steps=steps, auc=auc, p=p)
        for (feature, steps), (auc, _), p in zip(kept, areas, corrected, strict=True)
    ]


def _steps(x: np.ndarray, extracted: np.ndarray, codes: np.ndarray) -> tuple[Step, ...]:
    """Rates between quantiles, equal values together."""
    values = np.unique(x)
    if len(values) > STEPS:
        steps = max(2, min(STEPS, len(x) // LEAST))
        ends = np.quantile(x, np.arange(1, steps) / steps, method="inverted_cdf")
        at = np.searchsorted(np.unique(ends), x, side="left")
    else:
        at = np.searchsorted(values, x)
    found = []
    for k in np.unique(at).tolist():
        mine = at == k
        found.append(
            Step(
                low=float(x[mine].min()),
                high=float(x[mine].max()),
                middle=float(np.median(x[mine])),
                extracted=means.mean(extracted[mine], codes[mine]),
            )
        )
    return tuple(found)


def _area(x: np.ndarray, extracted: np.ndarray, codes: np.ndarray) -> tuple[Estimate | None, float]:
    """How well a feature ranks, and the p-value of not at all."""
    if extracted.all() or not extracted.any():
        return None, 1.0
    # What is the same for all ranks at 0.5.
    found = ranking.auc_difference(extracted, x, np.zeros(len(x)), codes)
    if found.difference.std_error == 0 and found.a.value in (0.0, 1.0):
        return found.a, _by_chance(extracted, codes)
    return found.a, found.p


def _by_chance(extracted: np.ndarray, codes: np.ndarray) -> float:
    """Probability that clusters in random order are ranked without an error, one way or the other.

    Each cluster has a value or two of its own; those with both outcomes count among the rarer.
    """
    count = len(np.unique(codes))
    rarer = min(len(np.unique(codes[extracted])), len(np.unique(codes[~extracted])))
    ways = math.lgamma(count + 1) - math.lgamma(rarer + 1) - math.lgamma(count - rarer + 1)
    return min(1.0, 2 * math.exp(-ways))
