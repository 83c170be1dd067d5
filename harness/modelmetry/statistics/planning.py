"""Planning: how many problems, wordings and repeats tell a difference from nothing.

The variance of one problem's mean score, or of its difference between two models, has three parts:

    variance = between + wording / W + noise / (W K)

with W wordings of each problem and K repeats of each wording, and n independent problems (clusters)
share it: SE^2 = variance / n. Source: Miller (2024), Adding error bars to evals, arXiv 2411.00640,
sections 3 and 5; the parts are those of a two-way analysis of variance, Searle, Casella and
McCulloch (1992), Variance components, chapter 4.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass
from itertools import product

import numpy as np
from numpy.typing import ArrayLike

from modelmetry.statistics.checks import fraction, numbers, partition, whole
from modelmetry.statistics.distributions import two_sided

MOST = 10**9
"""Clusters beyond which a search gives up."""

FEW_AGAINST = 2
"""Below this many clusters that speak for the worse model, the promised power is rough."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Design:
    """How many of what.

    Attributes:
        clusters: Independent problems, n.
        wordings: Wordings of each, W.
        repeats: Repeats of each wording, K.
    """

    clusters: int
    wordings: int = 1
    repeats: int = 1

    def __post_init__(self) -> None:
        """Check that all are whole and none is below 1."""
        for name in ("clusters", "wordings", "repeats"):
            whole(name, getattr(self, name), 1)

    @property
    def per_cluster(self) -> int:
        """Answers that each cluster takes."""
        return self.wordings * self.repeats

    @property
    def answers(self) -> int:
        """Answers of one model."""
        return self.clusters * self.per_cluster


@dataclass(frozen=True, slots=True, kw_only=True)
class Variances:
    """Parts of the variance of one answer: of a score, or of its difference between two models.

    Attributes:
        between: Of the clusters' means over all wordings; only more clusters help against it.
        wording: Of a cluster's wordings around its mean, what all clusters share taken out.
        noise: Of the repeats of one wording: decoding.
    """

    between: float
    wording: float = 0.0
    noise: float = 0.0

    def __post_init__(self) -> None:
        """Check that all are finite and none is negative."""
        for name in ("between", "wording", "noise"):
            if not 0 <= (value := getattr(self, name)) < math.inf:
                raise ValueError(f"{name}: {value}; allowed: numbers from 0")

    @property
    def total(self) -> float:
        """Variance of a single answer."""
        return self.between + self.wording + self.noise

    def of_mean(self, design: Design) -> float:
        """Variance of a cluster's mean over its wordings and repeats."""
        return self.between + self.wording / design.wordings + self.noise / design.per_cluster

    def paired(self, correlation: float) -> Variances:
        """Of the difference between two models that each vary like this.

        Args:
            correlation: Of the two models' scores on an item, decoding noise aside, in [-1, 1).
        """
        if not -1 <= correlation < 1:
            raise ValueError(f"correlation: {correlation}; allowed: from -1 to below 1")
        apart = 2 * (1 - correlation)
        return Variances(
            between=apart * self.between, wording=apart * self.wording, noise=2 * self.noise
        )


def binary(accuracy: float, correlation: float, effect: float = 0.0) -> Variances:
    """Variances of the difference of two right-or-wrong scores, from what is only stated.

    With p and q the two accuracies, `effect` apart and `accuracy` halfway between, the variance is
    p (1-p) + q (1-q) - 2 correlation sqrt(p (1-p) q (1-q)). All of it counts as between clusters,
    which promises nothing of more wordings or repeats.

    Args:
        accuracy: Mean of the two accuracies, in (0, 1).
        correlation: Of the two scores on an item, in [-1, 1).
        effect: Difference of the accuracies, >= 0.

    Raises:
        ValueError: A number is outside its range, or no two models can be like that.
    """
    fraction("accuracy", accuracy)
    if not -1 <= correlation < 1:
        raise ValueError(f"correlation: {correlation}; allowed: from -1 to below 1")
    p, q = accuracy + effect / 2, accuracy - effect / 2
    if not (effect >= 0 and p <= 1 and q >= 0):
        most = 2 * min(accuracy, 1 - accuracy)
        raise ValueError(f"effect: {effect}; allowed: 0 to {most:g} at an accuracy of {accuracy:g}")
    scale = math.sqrt(p * (1 - p) * q * (1 - q))
    both = p * q + correlation * scale
    lowest, highest = max(0.0, p + q - 1), min(p, q)
    if not lowest - 1e-12 <= both <= highest + 1e-12:
        ends = [(end - p * q) / scale for end in (lowest, highest)]
        raise ValueError(
            f"correlation: {correlation}; allowed: {ends[0]:.3f} to {ends[1]:.3f} "
            f"for accuracies of {q:g} and {p:g}"
        )
    return Variances(between=p * (1 - p) + q * (1 - q) - 2 * correlation * scale)


def variances(
    values: ArrayLike,
    clusters: ArrayLike | None,
    wordings: ArrayLike,
    *,
    noise: float = 0.0,
    repeats: float = 1.0,
) -> Variances:
    """Variances from a pilot, by the moments of a two-way analysis of variance.

    Items of one cluster and wording are averaged first. What a wording adds to every cluster
    alike is taken out, as a test over clusters never sees it. A part that comes out negative is 0.
    In a balanced pilot those of `components.variance_components`, which in others takes seconds.

    Args:
        values: Mean of each item's repeats, or its difference between two models; shape (n,).
        clusters: Label of the unit drawn independently, shape (n,); None for one unit per item.
        wordings: Label of the wording, shape (n,).
        noise: Variance of the repeats of one item, such as `repeat_variance`, >= 0.
        repeats: Repeats that each value is the mean of, > 0.

    Raises:
        ValueError: No values, NaN, shapes that differ, or fewer than two clusters.
    """
    found = numbers("values", values)
    unit, n = partition(clusters, len(found))
    text, kinds = partition(wordings, len(found), "wordings")
    if n < 2:
        raise ValueError(f"clusters: {n}; allowed: two or more")
    if not 0 <= noise < math.inf or not 0 < repeats < math.inf:
        raise ValueError(f"noise, repeats: {noise}, {repeats}; allowed: from 0, and above 0")
    _, first, cell = np.unique(unit * kinds + text, return_index=True, return_inverse=True)
    items = np.bincount(cell)
    value = np.bincount(cell, weights=found) / items
    unit, text = unit[first], text[first]
    shared = np.bincount(text, weights=value) / np.bincount(text)
    value = value - shared[text]
    sizes = np.bincount(unit)
    mean = np.bincount(unit, weights=value) / sizes
    # Of an answer to each item of a cell; what a cell's value holds of it is over the repeats.
    noise = noise * float((1 / items).mean())
    held = noise / repeats
    free = len(value) - n - (kinds - 1)
    within = float(((value - mean[unit]) ** 2).sum() / free) if free > 0 else held
    wording = max(0.0, within - held)
    between = float(mean.var(ddof=1)) - (wording + held) * float((1 / sizes).mean())
    return Variances(between=max(0.0, between), wording=wording, noise=noise)


def repeat_variance(values: ArrayLike, items: ArrayLike) -> float | None:
    """Variance of the repeats of an item, pooled over items; None where no item has two.

    Args:
        values: Score of each answer, shape (n,).
        items: Label of the item, shape (n,).

    Raises:
        ValueError: No values, NaN, or shapes that differ.
    """
    found = numbers("values", values)
    codes, count = partition(items, len(found), "items")
    if len(found) == count:
        return None
    mean = np.bincount(codes, weights=found) / np.bincount(codes)
    return float(((found - mean[codes]) ** 2).sum() / (len(found) - count))


def power(
    effect: float, parts: Variances, design: Design, *, level: float = 0.95, paired: bool = True
) -> float:
    """Probability that a two-sided test over clusters finds a difference.

    Of two models on the same items, by `pairs.compare`: its statistic is about normal, with the mean
    sqrt(n / variance) effect sqrt(total / s) and the variance 1 - effect^2 (3 + s) / (4 s^2), where s =
    total + effect^2 is the mean square of one answer's difference; Miettinen (1968), Biometrics 24,
    339-352, for single right-or-wrong answers, and here for means of several, which are as skewed
    for their spread. Of one model, by whether the score interval of `means.mean` holds the known
    number: for a right-or-wrong answer the variance there is total + effect sqrt(1 - 4 total) -
    effect^2 where the number lies toward 1/2, which is taken, as it leaves less power than away from it.

    Args:
        effect: True difference.
        parts: Its variances; one is above 0.
        design: Below 2 clusters there is no test, and no power.
        level: One minus the two-sided error rate of the test, in (0, 1).
        paired: Whether two models are compared, or one with a known number.

    Raises:
        ValueError: Nothing varies, the effect is not finite, or the level is outside (0, 1).
    """
    from scipy.special import ndtr

    fraction("level", level)
    variance = parts.of_mean(design)
    if not (variance > 0 and math.isfinite(effect)):
        raise ValueError(f"effect {effect} of {parts}; allowed: finite, one variance above 0")
    if design.clusters < 2:
        return 0.0
    df = design.clusters - 1
    shift, limit = abs(effect) * math.sqrt(design.clusters / variance), two_sided(level, df)
    if paired:
        # No fewer answers can differ than the effect itself needs.
        square = min(1.0, max(parts.total + effect**2, abs(effect)))
        shift *= math.sqrt(parts.total / square)
        spread = math.sqrt(max(0.01, 1 - effect**2 * (3 + square) / (4 * square**2)))
        return float(ndtr((shift - limit) / spread) + ndtr((-shift - limit) / spread))
    there = parts.total + abs(effect) * math.sqrt(max(0.0, 1 - 4 * parts.total)) - effect**2
    limit *= math.sqrt(max(0.0, there) / parts.total)
    return float(ndtr(shift - limit) + ndtr(-shift - limit))


_power = power  # which is also the name of an argument


def detectable(
    parts: Variances,
    design: Design,
    *,
    power: float = 0.8,
    level: float = 0.95,
    paired: bool = True,
) -> float | None:
    """The smallest difference that a design finds with some power; None where it finds not even 1.

    Args:
        parts: Its variances.
        design: How many of what.
        power: Probability of finding it, in (1 - level, 1).
        level: One minus the two-sided error rate of the test, in (0, 1).
        paired: Whether two models are compared, or one with a known number.

    Raises:
        ValueError: A number is outside its range.
    """
    from scipy.optimize import root_scalar

    _check_power(power, level)

    def lacks(effect: float) -> float:
        return _power(effect, parts, design, level=level, paired=paired) - power

    return float(root_scalar(lacks, bracket=(0.0, 1.0)).root) if lacks(1.0) > 0 else None


def clusters_needed(
    effect: float,
    parts: Variances,
    wordings: int = 1,
    repeats: int = 1,
    *,
    power: float = 0.8,
    level: float = 0.95,
    paired: bool = True,
) -> int | None:
    """The fewest clusters that find a difference with some power; None above `MOST`.

    Args:
        effect: True difference, not 0.
        parts: Its variances.
        wordings: Of each cluster, >= 1.
        repeats: Of each wording, >= 1.
        power: Probability of finding it, in (1 - level, 1).
        level: One minus the two-sided error rate of the test, in (0, 1).
        paired: Whether two models are compared, or one with a known number.

    Raises:
        ValueError: A number is outside its range.
    """
    _check_power(power, level)
    if not 0 < abs(effect) < math.inf:
        raise ValueError(f"effect: {effect}; allowed: numbers other than 0")

    def enough(clusters: int) -> bool:
        design = Design(clusters=clusters, wordings=wordings, repeats=repeats)
        return _power(effect, parts, design, level=level, paired=paired) >= power

    high = 2
    while not enough(high):
        high *= 2
        if high > MOST:
            return None
    low = high // 2
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (low, middle) if enough(middle) else (middle, high)
    return high


def designs(
    effect: float,
    parts: Variances,
    *,
    wordings: Iterable[int] = (1,),
    repeats: Iterable[int] = (1,),
    power: float = 0.8,
    level: float = 0.95,
    paired: bool = True,
    cluster_cost: float = 0.0,
    answer_cost: float = 1.0,
) -> list[Design]:
    """The design of fewest clusters at every number of wordings and repeats, cheapest first.

    Where a cluster costs no more than its answers, more of them are cheaper than repeats.

    Args:
        effect: True difference to be found, not 0.
        parts: Its variances.
        wordings: Numbers of wordings to try, each >= 1.
        repeats: Numbers of repeats to try, each >= 1.
        power: Probability of finding it, in (1 - level, 1).
        level: One minus the two-sided error rate of the test, in (0, 1).
        paired: Whether two models are compared, or one with a known number.
        cluster_cost: Of making one cluster, >= 0.
        answer_cost: Of one answer, >= 0.

    Raises:
        ValueError: A number is outside its range.
    """
    found = []
    for w, k in product(wordings, repeats):
        n = clusters_needed(effect, parts, w, k, power=power, level=level, paired=paired)
        if n is not None:
            found.append(Design(clusters=n, wordings=w, repeats=k))
    return sorted(found, key=lambda d: d.clusters * cluster_cost + d.answers * answer_cost)


def variance_error(values: ArrayLike) -> float:
    """Standard error of the sample variance, as a share of it: sqrt((m4 / m2^2 - 1) / n).

    Source: Cramer (1946), Mathematical methods of statistics, chapter 27.

    Args:
        values: One number for each independent unit, shape (n,), not all equal.

    Raises:
        ValueError: No values, NaN, or all are equal.
    """
    found = numbers("values", values)
    squares = (found - found.mean()) ** 2
    if not squares.sum() > 0:
        raise ValueError("values: all are equal; allowed: values that differ")
    return math.sqrt(max(0.0, float((squares**2).mean() / squares.mean() ** 2) - 1) / len(found))


def against(effect: float, parts: Variances, clusters: int) -> float:
    """About how many clusters would speak for the worse model, were each one answer.

    With E d^2 the mean squared difference of right-or-wrong scores, n (E d^2 - effect) / 2. Below
    `FEW_AGAINST` the differences are so skewed that `power` is rough.

    Args:
        effect: True difference.
        parts: Its variances.
        clusters: Independent units.
    """
    return max(0.0, clusters * (parts.total + effect**2 - abs(effect)) / 2)


def _check_power(power: float, level: float) -> None:
    if not 1 - fraction("level", level) < fraction("power", power):
        raise ValueError(f"power: {power}; allowed: above {1 - level:g}, the test's error rate")
