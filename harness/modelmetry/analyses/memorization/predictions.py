"""Which sequences are extracted, predicted: one model for all, one per category, and the best partition.

After Prashanth et al. (arXiv 2406.17746), with intervals that include refitting, which theirs lack.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from threadpoolctl import threadpool_limits

from modelmetry.analyses.memorization.design import Design, find_design
from modelmetry.analyses.memorization.probes import Probes
from modelmetry.analyses.memorization.ways import METRICS, MODELS, Ways
from modelmetry.statistics import Estimate, calibration_error, refitting, ridge_logistic
from modelmetry.statistics.calibration_error import Bin
from modelmetry.statistics.checks import whole
from modelmetry.statistics.means import UNIT
from modelmetry.statistics.multiplicity import holm
from modelmetry.statistics.partitions import PARTS, Candidate

__all__ = [
    "METRICS", "MODELS", "Coefficient", "Gain", "Predictions", "Quality", "find_predictions",
    "why_none",
]  # fmt: skip


@dataclass(frozen=True, slots=True, kw_only=True)
class Quality:
    """One metric of one model on held-out pairs.

    Attributes:
        model: One of `MODELS`.
        metric: One of `METRICS`.
        value: With an interval that holds other training pairs and other held-out pairs.
    """

    model: str
    metric: str
    value: Estimate


@dataclass(frozen=True, slots=True, kw_only=True)
class Gain:
    """One model against another, refitted to and scored on the same resamples.

    Attributes:
        a: The one.
        b: The other.
        metric: One of `METRICS`.
        difference: a - b; lower is better for log loss and calibration error.
        p: Two-sided p-value of no difference, corrected over the pairs of models (Holm).
    """

    a: str
    b: str
    metric: str
    difference: Estimate
    p: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Coefficient:
    """What a standard deviation more of a feature does to the log odds of extraction.

    Attributes:
        model: `generic`, or the category whose model it is in.
        feature: The feature's name.
        value: In logits per standard deviation, with an interval.
    """

    model: str
    feature: str
    value: Estimate


@dataclass(frozen=True, slots=True, kw_only=True)
class Predictions:
    """The predictive models of one task.

    Attributes:
        features: Names of the columns, in the design's order: the feature's, or `log(1 + name)`.
        left_out: Name -> why it is left out.
        rows: Rows fitted to and held out together.
        positives: Those of them that were extracted.
        held_out: Those of them that were held out.
        resamples: How often everything was fitted anew.
        searched: Training rows that the rule was searched for on; 0 where none was sought.
        qualities: Each metric of each model.
        gains: Taxonomic and optimal against generic, and taxonomic against optimal.
        coefficients: Of the generic model and of each category's, fitted to all rows; none of a feature
            that is constant there, or of a model that is.
        rule: The best partition found on the training rows; None where none was sought. Its thresholds are
            of the columns, as `features` names them.
        first: Name of the feature that the rule asks first, or empty.
        first_threshold: From where on, on the feature's own scale; NaN where there is no rule.
        second: Name of the one that it asks next, or empty.
        second_threshold: Likewise.
        reliability: Model -> bins of equal mass, predicted against found shares on the held-out rows.
        warnings: Reasons for care, one sentence each; a category without positives among them.
    """

    features: tuple[str, ...]
    left_out: dict[str, str]
    rows: int
    positives: int
    held_out: int
    resamples: int
    searched: int
    qualities: tuple[Quality, ...]
    gains: tuple[Gain, ...]
    coefficients: tuple[Coefficient, ...]
    rule: Candidate | None
    first: str
    first_threshold: float
    second: str
    second_threshold: float
    reliability: dict[str, tuple[Bin, ...]]
    warnings: tuple[str, ...] = ()


FEW = 10
"""Extracted probes, or others, below which there are no models."""

FEW_POSITIVE = 20
"""Of either outcome in a category, below which its model is rough."""

SEARCHED = 3000
"""Training rows on which the rule is searched for, unless stated otherwise."""

RESAMPLES = 30
"""Refits, unless stated otherwise: the time they take is that of as many searches."""

HELD_OUT = 5
"""One cluster in so many is held out."""

_PAIRS = (("taxonomic", "generic"), ("optimal", "generic"), ("taxonomic", "optimal"))

_BOUNDS = {"log loss": (0.0, math.inf), "calibration error": (0.0, math.inf)}
"""Of metrics that are no shares: intervals are of Student's t, cut at 0."""


def why_none(probes: Probes) -> str:
    """Why there can be no predictive models of these probes; empty where there can.

    Args:
        probes: The probes of one task.
    """
    rows = probes.planted & probes.scored
    n, positives = int(rows.sum()), int((probes.extracted[rows] >= 0.5).sum())
    least = min(positives, n - positives)
    if not n:
        return "no predictive models: no planted sequence was scored"
    if least < FEW:
        return (
            f"no predictive models: {positives:,} of {n:,} planted sequences were extracted; "
            f"they need {FEW} that were and {FEW} that were not"
        )
    if min(_clusters_of(probes.cluster[rows], probes.extracted[rows] >= 0.5)) < FEW:
        return f"no predictive models: fewer than {FEW} clusters of sequences have either outcome"
    if not find_design(probes.features, rows).names:
        return "no predictive models: no feature is known of all planted sequences and differs among them"
    return ""


def find_predictions(
    probes: Probes,
    rng: np.random.Generator,
    *,
    resamples: int | None = None,
    subsample: int | None = SEARCHED,
) -> Predictions | None:
    """Fit the three ways of predicting what is extracted, and score them on clusters held out.

    Rows are the planted probes that were scored, without canaries; extracted is what came back in half of
    its repeats or more. All three are logistic regressions with the source's penalty (C = 1), on the columns of
    `design.find_design`. Each is fitted twice:

    - *plain*: its probabilities are those of the sample. ROC AUC, PR AUC, log loss, the calibration error,
      reliability bins and coefficients are of these. Rankings need them too, as categories differ in their rates.
    - *balanced* within its rows, as the source does: F1 is that of calling these from 1/2 on, and the best
      partition is the one whose balanced models have the best F1 on the rows searched. Each category is
      balanced by itself, so that one with a low rate is called too often: F1 can fall where nothing else does.

    The calibration error is `calibration_error.debiased_calibration_error`: the root mean square over 10
    bins of equal mass, chance's part taken off. The source's, of absolute values, is larger by chance, and by more for
    models that spread their predictions.

    A fifth of the clusters is held out, balanced over categories and outcomes. Each resample draws the
    clusters of either part again, fits everything anew, the search for a partition included, and scores all
    models on the same rows (`refitting.refitted`). So intervals and p-values hold what other training data would
    change; the source's tests take its fitted models for given.

    Args:
        probes: The probes of one task.
        rng: Draws the held-out clusters, the resamples and the rows of the search.
        resamples: How many, >= 2, for whose number Student's t allows; None for `RESAMPLES`.
        subsample: Training rows on which the rule is searched for, >= 2, drawn anew in each resample; None
            for all.

    Returns:
        The models; None where there can be none, for the reason that `why_none` gives.

    Raises:
        ValueError: A number of resamples or rows below 2.
    """
    for name, number in (("resamples", resamples), ("subsample", subsample)):
        if number is not None:
            whole(name, number, 2)
    # Threads that wait for each other cost more than these small products, most on a busy machine.
    with threadpool_limits(limits=1, user_api="blas"):
        return None if why_none(probes) else _found(probes, rng, resamples or RESAMPLES, subsample)


def _found(
    probes: Probes, rng: np.random.Generator, resamples: int, subsample: int | None
) -> Predictions:
    """`find_predictions` where there can be models."""
    rows = probes.planted & probes.scored
    design = find_design(probes.features, rows)
    x, y = design.columns, (probes.extracted[rows] >= 0.5).astype(np.float64)
    category = probes.category[rows].astype(str)
    codes = np.unique(probes.cluster[rows], return_inverse=True)[1].reshape(-1)
    ways = Ways(y, x, category, codes, rng, subsample)
    found = refitting.refitted(
        ways.scored,
        len(y),
        clusters=codes,
        held_out=_held_out(codes, category, y, rng),
        rng=rng,
        resamples=resamples,
        bounds=[_BOUNDS.get(metric, UNIT) for _ in ways.names for metric in METRICS],
    )
    return _told(ways, design, found)


def _told(ways: Ways, design: Design, found: refitting.Refitted) -> Predictions:
    """What was found, by name."""
    names, rule, held = ways.names, ways.first.rule, found.test
    first, second = (rule.first, rule.second) if rule else (0, 0)
    return Predictions(
        features=design.names,
        left_out=design.left_out,
        rows=len(ways.y),
        positives=int(ways.y.sum()),
        held_out=len(held),
        resamples=len(found.draws),
        searched=ways.first.searched,
        qualities=tuple(
            Quality(model=model, metric=metric, value=value)
            for (model, metric), value in zip(_each(names), found.scores, strict=True)
        ),
        gains=tuple(_gains(found, names)),
        coefficients=tuple(_coefficients(ways, design)),
        rule=rule,
        first=design.features[first] if rule else "",
        first_threshold=_threshold(design, first, rule.first_threshold) if rule else math.nan,
        second=design.features[second] if rule else "",
        second_threshold=_threshold(design, second, rule.second_threshold) if rule else math.nan,
        reliability={
            name: calibration_error.reliability(
                ways.y[held], ways.first.probabilities[name], ways.codes[held], kind="mass"
            )
            for name in names
        },
        warnings=tuple(_warnings(ways, rule)),
    )


def _clusters_of(cluster: np.ndarray, extracted: np.ndarray) -> tuple[int, int]:
    """Clusters that hold an extracted probe, and that hold another."""
    return len(np.unique(cluster[extracted])), len(np.unique(cluster[~extracted]))


def _held_out(
    codes: np.ndarray, category: np.ndarray, y: np.ndarray, rng: np.random.Generator
) -> np.ndarray:
    """Which rows are held out: one cluster in five, of either outcome and of each category alike."""
    _, row = np.unique(codes, return_index=True)
    share = np.bincount(codes, weights=y) / np.bincount(codes)
    # Clusters with an outcome follow each other, so that ten of them put two in the part held out.
    outcome = (share > 0) * 1 + (share == 1)
    kind = np.unique(category[row], return_inverse=True)[1].reshape(-1)
    order = np.lexsort((rng.random(len(row)), kind, outcome))
    held = np.zeros(len(row), dtype=bool)
    held[order[int(rng.integers(HELD_OUT)) :: HELD_OUT]] = True
    return held[codes]


def _each(names: Sequence[str]) -> list[tuple[str, str]]:
    """Models and metrics in the order of the scores."""
    return [(name, metric) for name in names for metric in METRICS]


def _gains(found: refitting.Refitted, names: Sequence[str]) -> Iterator[Gain]:
    """Differences between models, by metric; p-values by Holm over those of a metric."""
    place = {key: k for k, key in enumerate(_each(names))}
    pairs = [pair for pair in _PAIRS if set(pair) <= set(names)]
    for metric in METRICS:
        at = [(place[a, metric], place[b, metric]) for a, b in pairs]
        p_values = holm([found.p_value(*each) for each in at])
        for (a, b), each, p in zip(pairs, at, p_values.tolist(), strict=True):
            yield Gain(a=a, b=b, metric=metric, difference=found.difference(*each), p=p)


def _coefficients(ways: Ways, design: Design) -> Iterator[Coefficient]:
    """Of the generic model and each category's, on all rows; of features that vary there."""
    parts = [("generic", np.ones(len(ways.y), dtype=bool))]
    parts += [(name, ways.category == name) for name in ways.categories]
    for model, mine in parts:
        y, x = ways.y[mine], ways.x[mine]
        varies = np.flatnonzero(np.ptp(x, axis=0) > 0)
        if y.min() == y.max() or not len(varies):
            continue
        fitted = ridge_logistic.fit(y, x[:, varies], clusters=ways.codes[mine])
        for k, value in zip(varies.tolist(), fitted.coefficients, strict=True):
            yield Coefficient(model=model, feature=design.names[k], value=value)


def _threshold(design: Design, column: int, threshold: float) -> float:
    """A threshold of a column, which is one of its values, on the feature's own scale."""
    nearest = int(np.abs(design.columns[:, column] - threshold).argmin())
    return float(design.values[nearest, column])


def _warnings(ways: Ways, rule: Candidate | None) -> Iterator[str]:
    """Reasons for care."""
    for name in ways.categories:
        mine = ways.y[ways.category == name]
        n, positives = len(mine), int(mine.sum())
        if positives in (0, n):
            said = "all" if positives else "none"
            yield f"{name}: {said} of {n:,} were extracted: its model is a constant"
        elif min(positives, n - positives) < FEW_POSITIVE:
            yield f"{name}: {positives:,} of {n:,} were extracted: its model is rough"
    if len(ways.categories) < 2:
        yield f"all rows are of one category ({ways.categories[0]}): its model is the generic one"
    if rule is None:
        yield "no partition: it needs two features"
        return
    for part, size, positives in zip(PARTS, rule.sizes, rule.positives, strict=True):
        if positives in (0, size):
            said = f"{'all' if positives else 'none'} of {size:,} were extracted there"
            yield (
                f"the best partition is degenerate: its {part} part is "
                + ("empty" if not size else f"a constant, as {said}")
            )
    if rule.f1 == 0:
        yield "the best partition is degenerate: no rule calls a probe rightly"
