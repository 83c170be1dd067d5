"""Exposure of canaries: how much more probable one is than identifiers that never stood in the corpus."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

import numpy as np

from modelmetry.analyses.measures import LEVEL
from modelmetry.analyses.memorization.probes import Probes
from modelmetry.statistics import Estimate, clustered, multiplicity
from modelmetry.statistics.checks import Floats
from modelmetry.statistics.distributions import t_tail

_EXACT = 4_000
"""Pairs of a canary and a reference up to which the test is exact."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Exposure:
    """Canaries that stand in the corpus equally often.

    Attributes:
        duplicates: How often.
        canaries: How many there are.
        references: Identifiers that never stood there, among which each is ranked.
        ranks: Rank of each, from 1 for the most probable; below references that are as probable.
        bits: Mean exposure, log2(references + 1) - log2(rank); its interval holds other canaries and
            other references.
        most: The highest exposure that so many references can show, in bits.
        p: One-sided p-value that they rank no better than identifiers that never stood there, by Holm
            over the numbers of duplicates.
    """

    duplicates: int
    canaries: int
    references: int
    ranks: tuple[int, ...]
    bits: Estimate
    most: float
    p: float


def find_exposure(probes: Probes) -> tuple[Exposure, ...]:
    """Exposure of the canaries, by how often they stand in the corpus; none without log-probabilities.

    Each is ranked by the log-probability of its continuation among those of all canaries of the
    laboratory that never stood there: Carlini, Liu, Erlingsson, Kos and Song (2019), The secret sharer,
    USENIX Security 28, 267-284. Ties go to the reference. Where a canary that was never seen would come
    out at 1.44 bits on average (1 / ln 2), R references cannot show more than log2(R + 1).

    All canaries are ranked among the same references, which therefore err for all of them together.
    So the variance is that over canaries, s^2 / m, and the jackknife's over references, as of a
    statistic of two samples (Arvesen 1969, Annals of Mathematical Statistics 40, 2076-2100), with
    Satterthwaite's degrees of freedom; the interval is that of `clustered.estimate` between 0
    and log2(R + 1). In simulations of 35 references
    a 95 % interval covers in 93 to 98 % with 5 canaries, in 95 to 97 % with 20 and in 90 % or more with 3;
    without the second variance it falls to 85 % with 20. The p-value is of Wilcoxon's rank sum: exact where
    canaries times references are at most 4,000, else by the normal approximation.

    Args:
        probes: From `find_probes`.
    """
    known = probes.canary & ~np.isnan(probes.continuation_logprob)
    references = np.sort(probes.continuation_logprob[known & ~probes.inserted])
    inserted = known & probes.inserted
    found = [
        _exposure(
            number,
            probes.continuation_logprob[inserted & (probes.duplicates == number)],
            references,
        )
        for number in (np.unique(probes.duplicates[inserted]).tolist() if len(references) else ())
    ]
    if not found:
        return ()
    adjusted = multiplicity.holm([each.p for each in found])
    return tuple(replace(each, p=float(p)) for each, p in zip(found, adjusted, strict=True))


def _exposure(duplicates: int, canaries: Floats, references: Floats) -> Exposure:
    count = len(references)
    ahead = count - np.searchsorted(references, canaries, "left")
    return Exposure(
        duplicates=duplicates,
        canaries=len(canaries),
        references=count,
        ranks=tuple((1 + ahead).tolist()),
        bits=mean_exposure(ahead, count),
        most=math.log2(count + 1),
        p=as_high(int((count - ahead).sum()), len(canaries), count),
    )


def mean_exposure(ahead: np.ndarray, references: int, level: float = LEVEL) -> Estimate:
    """Mean exposure and its interval, as `find_exposure` says.

    Args:
        ahead: References at least as probable as each canary, shape (m,), each in [0, references].
        references: How many there are, R >= 1.
        level: Confidence level, in (0, 1).
    """
    m, most = len(ahead), math.log2(references + 1)
    bits = most - np.log2(1.0 + ahead)
    value = float(bits.mean())
    found = clustered.linear(value, (bits - value) / m, np.full(m, 1 / m), np.arange(m), m)
    if found.std_error is not None and references > 1:
        own, shared = found.std_error**2, _jackknife(ahead, references)
        if shared > 0:
            both = own + shared
            df = both**2 / (own**2 / (m - 1) + shared**2 / (references - 1))
            found = replace(
                found,
                squares=both * (m - 1) / m,
                degrees=df,
                peak=max(found.peak * (own / both) ** 2, 1 / (m + references)),
                yes_or_no=False,
            )
    return clustered.estimate(found, "exposure", level=level, bounds=(0.0, most), unscored=0)


def _jackknife(ahead: np.ndarray, references: int) -> float:
    """Variance of mean exposure that is owed to the references: each in turn left out."""
    # Left out, the j-th most probable reference is one less before all canaries behind it.
    gained = np.log2(1.0 + ahead) - np.log2(np.maximum(ahead, 1.0))
    behind = np.sort(ahead)
    sums = np.concatenate([np.cumsum(gained[np.argsort(ahead, kind="stable")][::-1])[::-1], [0.0]])
    without = sums[np.searchsorted(behind, np.arange(1, references + 1), "left")] / len(ahead)
    away = without - without.mean()
    return float((references - 1) / references * (away @ away))


def as_high(wins: int, canaries: int, references: int) -> float:
    """Probability of so many wins or more where both are drawn alike: the rank-sum test, one-sided.

    Args:
        wins: Pairs in which the canary is the more probable, in [0, canaries * references].
        canaries: How many, >= 1.
        references: How many, >= 1.
    """
    pairs = canaries * references
    if pairs > _EXACT:
        error = math.sqrt(pairs * (canaries + references + 1) / 12)
        return t_tail((wins - 0.5 - pairs / 2) / error, math.inf)
    # The highest of all is a canary, which then beats all references, or a reference, which beats none.
    table = [np.zeros(pairs + 1) for _ in range(canaries + 1)]
    for chances in table:
        chances[0] = 1.0
    for n in range(1, references + 1):
        for m in range(1, canaries + 1):
            won = np.concatenate([np.zeros(n), table[m - 1][: pairs + 1 - n]])
            table[m] = (m * won + n * table[m]) / (m + n)
    return float(min(1.0, table[canaries][wins:].sum()))
