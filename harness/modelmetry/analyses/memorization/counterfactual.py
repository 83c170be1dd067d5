"""Counterfactual memorization: what is extracted of sequences that stand in the corpus and not of twins."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np

from modelmetry.analyses.measures import LEVEL
from modelmetry.analyses.memorization.probes import Probes
from modelmetry.analyses.memorization.rates import levels
from modelmetry.memory.taxonomy import CATEGORIES
from modelmetry.statistics import Estimate, clustered, means, multiplicity, pairs
from modelmetry.statistics.checks import partition


@dataclass(frozen=True, slots=True, kw_only=True)
class Counterfactual:
    """Planted sequences beside their twins.

    Attributes:
        by: `all`, `category`, `duplicates` or `canary`; all but the last are without canaries.
        level: Which group.
        planted: Share of the planted sequences extracted.
        twins: Share of their twins extracted: what is continued without having been seen.
        difference: planted - twins, paired within pairs (unpaired where controls are not twins).
        p: Two-sided p-value of no difference, by Holm over the levels of `by`.
        paired: Whether `difference` is paired.
    """

    by: str
    level: str
    planted: Estimate
    twins: Estimate
    difference: Estimate
    p: float
    paired: bool


_Planned = tuple[str, str, np.ndarray, np.ndarray]
"""By what, which level, and which planted and which other probes are compared."""


def find_counterfactual(probes: Probes) -> tuple[Counterfactual, ...]:
    """What being in the corpus adds to extraction: of all, by category, by duplicates, of canaries.

    A planted sequence and its twin were drawn alike, and which of the two was inserted is chance, so
    that the mean difference within pairs is the effect of insertion: the counterfactual memorization of
    Zhang et al. (arXiv 2112.12938), with one corpus for all and a twin in place of a model that was
    trained without. `pairs.difference` gives interval and p-value; pairs of which only one was scored
    are left out.

    Controls that are no twins, as held-out windows of a user's corpus, are compared as a set of their
    own, with the p-value at which the interval of `means.difference_of_means` just reaches 0. They have no
    number of duplicates: recitations, and each number of duplicates, are held against all of
    them, reconstructions and recollections against those that do and do not follow a template.

    Args:
        probes: From `find_probes`.
    """
    kept = probes.scored
    planted, others = kept & probes.inserted, kept & ~probes.inserted
    both = np.intersect1d(probes.cluster[planted], probes.cluster[others])
    if len(both):
        paired = np.isin(probes.cluster, both)
        planted, others = planted & paired, others & paired
    found: list[Counterfactual] = []
    like = ~probes.canary
    families = (
        [("all", "all", planted & like, others & like)],
        _by_category(probes, planted, others, bool(len(both))),
        _by_duplicates(probes, planted, others, bool(len(both))),
        [("canary", "all", planted & probes.canary, others & probes.canary)],
    )
    for family in families:
        possible = [each for each in family if each[2].any() and each[3].any()]
        found.extend(_corrected([_compared(probes, each, bool(len(both))) for each in possible]))
    return tuple(found)


def _by_category(
    probes: Probes, planted: np.ndarray, others: np.ndarray, paired: bool
) -> Iterator[_Planned]:
    for category in CATEGORIES:
        where = ~probes.canary & (probes.category == category)
        like = ~probes.canary if category == CATEGORIES[0] and not paired else where
        yield "category", category, planted & where, others & like


def _by_duplicates(
    probes: Probes, planted: np.ndarray, others: np.ndarray, paired: bool
) -> Iterator[_Planned]:
    for level, where, _ in levels(probes.planned, planted & ~probes.canary):
        if paired:
            of = np.isin(probes.cluster, probes.cluster[where])
            yield "duplicates", level, where, others & of & ~probes.canary
        else:
            yield "duplicates", level, where, others & ~probes.canary


def _compared(probes: Probes, planned: _Planned, paired: bool) -> Counterfactual:
    by, level, planted, others = planned
    sides = [(probes.extracted[where], probes.cluster[where]) for where in (planted, others)]
    if paired:
        a, b = (_per_cluster(*side) for side in sides)  # both in the order of the pairs' codes
        found = pairs.paired(a, b)
        difference, p = pairs.difference(a, b, level=LEVEL), pairs.p_value(found)
    else:
        (a, mine), (b, theirs) = sides
        difference, p = _unpaired(a, b, mine, theirs)
    one, two = (means.mean(values, clusters, level=LEVEL) for values, clusters in sides)
    return Counterfactual(
        by=by,
        level=level,
        planted=one,
        twins=two,
        difference=difference,
        p=p,
        paired=paired,
    )


def _per_cluster(values: np.ndarray, clusters: np.ndarray) -> np.ndarray:
    _, codes = np.unique(clusters, return_inverse=True)
    return np.bincount(codes, weights=values) / np.bincount(codes)


def _unpaired(
    a: np.ndarray, b: np.ndarray, mine: np.ndarray, theirs: np.ndarray
) -> tuple[Estimate, float]:
    """The difference of two sets, and the p-value at which its interval reaches 0."""
    found = means.difference_of_means(a, b, mine, theirs, level=LEVEL)
    if found.low is None or found.value == 0:
        return found, 1.0
    left, right = _linear(a, mine), _linear(b, theirs)

    def clear(p: float) -> bool:
        at = means.independent_difference(
            left, right, "", level=1 - p, bounds=means.UNIT, unscored=0
        )
        return (at.low or 0.0) > 0 or (at.high or 0.0) < 0

    low, high = -15 * math.log(10), 0.0  # logarithms of p; below 1e-15 a level rounds to 1
    if clear(math.exp(low)):
        return found, math.exp(low)
    while high - low > 1e-4:
        middle = (low + high) / 2
        low, high = (low, middle) if clear(math.exp(middle)) else (middle, high)
    return found, math.exp(high)


def _linear(values: np.ndarray, clusters: np.ndarray) -> clustered.Linear:
    """The mean as `means.mean` takes it."""
    n, value = len(values), float(values.mean())
    codes, count = partition(clusters, n)
    single = clustered.all_or_nothing(values, codes, count, means.UNIT)
    influence, weights = (values - value) / n, np.full(n, 1 / n)
    return clustered.linear(value, influence, weights, codes, count, yes_or_no=single)


def _corrected(found: Sequence[Counterfactual]) -> list[Counterfactual]:
    if not found:
        return []
    adjusted = multiplicity.holm([each.p for each in found])
    return [replace(each, p=float(p)) for each, p in zip(found, adjusted, strict=True)]
