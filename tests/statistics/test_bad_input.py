"""What every statistic does with input that it cannot use: one line that names it, or a warning."""

from __future__ import annotations

import dataclasses
import importlib
import inspect
import math
import pkgutil
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pytest

from modelmetry import statistics
from modelmetry.statistics import (
    agreement,
    balanced,
    betting,
    budget,
    calibration_error,
    charts,
    classification,
    components,
    conditional_logit,
    correlation,
    deployment,
    differential_functioning,
    drift,
    e_detectors,
    equivalence,
    gauge,
    generalizability,
    grouped,
    item_response,
    marginal_effects,
    means,
    meta_analysis,
    misclassification,
    missing,
    multiplicity,
    ordering,
    paired_proportions,
    paired_tests,
    pairs,
    partitions,
    planning,
    prediction_powered,
    proportions,
    psychometric,
    ranking,
    ranks,
    ratios,
    refitting,
    resampling,
    ridge_logistic,
    run_lengths,
    saturation,
    sequential,
    staircase,
    stratified,
    tolerance,
    two_way,
    wild_bootstrap,
)
from modelmetry.statistics.estimate import Estimate

NAN, INF = math.nan, math.inf
N = 24


def rng() -> np.random.Generator:
    """The same stream for every call."""
    return np.random.default_rng(7)


# Ranges of numbers, by what lies outside them.
FRACTION = (0, 1, -1, 2, NAN, INF)
POSITIVE = (0, -1, NAN)
FROM_ZERO = (-1, NAN)
WHOLE = (-1, NAN, 1.5, INF)
FINITE = (NAN, INF)

A = (rng().random(N) < 0.6) * 1.0
B = (rng().random(2 * N)[N:] < 0.5) * 1.0
X = rng().normal(size=N)
ERRORS = 0.5 + rng().random(N)
CLUSTERS = np.arange(N) // 3
KINDS = np.arange(N) % 3
MODELS = np.stack([A, B, np.roll(A, 5)])
ROOM = Estimate(value=0.6, std_error=0.05, low=0.5, high=0.7, level=0.95, n=96, clusters=24)
GOOD = Estimate(value=0.9, std_error=0.03, low=0.82, high=0.95, level=0.95, n=100, clusters=100)
CHANGES = drift.Changes(model_fresh=ROOM, model_anchors=ROOM, check_fresh=ROOM, check_anchors=ROOM)
CROSSED = {"model": np.arange(N) % 4, "item": np.arange(N) // 4}
PARTED = components.variance_components(X, CROSSED)
PARTS = planning.Variances(between=0.1, wording=0.02, noise=0.03)
DESIGN = planning.Design(clusters=50)
NIGHTS = charts.Baseline(center=0.0)


@dataclass(frozen=True, kw_only=True)
class Call:
    """A function with arguments that it takes.

    Attributes:
        function: What is called.
        arrays: Numbers, one for each unit.
        labels: Labels, one for each unit.
        numbers: Single numbers: one that is allowed, and those that are not.
        others: Arguments that are left alone.
        rows: Whether arrays may have two dimensions.
        missing: Whether NaN stands for a value that is missing.
        texts: Whether arrays may hold anything that can be told apart.
    """

    function: Callable[..., Any]
    arrays: Mapping[str, Any] = field(default_factory=dict)
    labels: Mapping[str, Any] = field(default_factory=dict)
    numbers: Mapping[str, tuple[Any, tuple[Any, ...]]] = field(default_factory=dict)
    others: Mapping[str, Any] = field(default_factory=dict)
    rows: bool = False
    missing: bool = False
    texts: bool = False

    def __call__(self, **changed: Any) -> Any:
        """The result, some of the arguments being others."""
        valid = {name: value for name, (value, _) in self.numbers.items()}
        given = {**self.arrays, **self.labels, **valid, **self.others, **changed}
        if "rng" in given:
            given["rng"] = rng()
        return self.function(**given)


LEVEL = {"level": (0.95, FRACTION)}
DRAWN = {"rng": None}
RESAMPLES = {"resamples": (99, (0, *WHOLE))}


def deployed(scores: Any, outcome: Any, new: Any, **rest: Any) -> Any:
    """`deployment.predict` from one suite."""
    return deployment.predict(
        np.asarray(scores)[..., None], outcome, np.asarray(new)[..., None], **rest
    )


def beside(values: Any) -> np.ndarray:
    """Values and others beside them, shape (n, 2)."""
    return np.stack([values, np.resize(B, np.shape(values))], axis=-1)


def answered(scores: Any) -> Any:
    """`Staircase.update` and what it then estimates."""
    found = staircase.Staircase([1.0, 2.0, 3.0], rng=rng())
    found.update(np.arange(np.size(scores)) % 3, scores)
    return found.estimate()


def climbed(levels: Any, guess: Any, level: float, k: int) -> Any:
    """A `Staircase` from its beginning."""
    found = staircase.Staircase(levels, guess=guess, rng=rng())
    return found.next_batch(k), found.estimate(level)


def read_off(level: float, n: Any) -> Any:
    """`MeanSequence` and what it estimates."""
    found = sequential.MeanSequence(level=level)
    found.add(A)
    return found.estimate(n=n)


def counted(**shares: float) -> Any:
    """`corrected_rate` of shares of 50 items."""
    level = shares.pop("level")
    found = {
        name: Estimate(value=p, std_error=0.05, low=0, high=1, level=0.95, n=50, clusters=50)
        for name, p in shares.items()
    }
    return misclassification.corrected_rate(**found, level=level)  # pyright: ignore


def combined_and_corrected(**given: Any) -> Any:
    """`corrected_combination` of a count and shares of 50 items."""
    level, total = given.pop("level"), given.pop("total")
    found = {
        name: Estimate(
            value=p, std_error=0.05, low=p - 0.1, high=p + 0.1, level=0.95, n=50, clusters=50
        )
        for name, p in given.items()
    }
    return misclassification.corrected_combination(**found, total=total, level=level)  # pyright: ignore


def celled(values: Any, cells: Any, first: Any, second: Any, level: float, null: float) -> Any:
    """What `two_way.cell_means` gives of the first cell, and of the cells together."""
    found = two_way.cell_means(values, cells, first, second)
    size = len(found.means)
    apart = np.where(np.arange(size) == 0, 1.0, -1.0 / max(size - 1, 1)) if size > 1 else [1.0]
    test = two_way.joint_test(found, [apart])
    return (
        found.rate(0, level=level),
        found.combine(apart, level=level),
        found.p_value(apart, null=null),
        found.covariance([apart]),
        test,
    )


def matched(outcomes: Any, design: Any, sets: Any, clusters: Any, second: Any, level: float) -> Any:
    """`conditional_logit.fit` with two columns."""
    return conditional_logit.fit(
        outcomes, beside(design), sets, clusters=clusters, second=second, level=level
    )


def averaged(outcomes: Any, design: Any, **rest: Any) -> Any:
    """`marginal_effects.logistic` on a column, with the average effect of it."""
    fit = marginal_effects.logistic(outcomes, design=beside(design), **rest)
    return fit, marginal_effects.average_marginal_effect(fit, 0)


def effect(column: int) -> Any:
    """An average marginal effect of a fit that works."""
    fit = marginal_effects.logistic(A, A * 0 + 1, beside(X), first=CLUSTERS)
    return marginal_effects.average_marginal_effect(fit, column)


def scored(
    values: Any, group: Any, part: Any, first: Any, second: Any, scores: Any, **rest: Any
) -> Any:
    """`correlation.with_scores` of six groups."""
    given = np.asarray(scores)
    return correlation.with_scores(
        values,
        group,
        part,
        first,
        second,
        combination=[1, -1],
        scores=given[..., :6] if given.ndim else given,
        **rest,
    )


def penalized(outcomes: Any, design: Any, **rest: Any) -> Any:
    """`ridge_logistic.fit` with two columns, and what it predicts."""
    found = ridge_logistic.fit(outcomes, beside(design), **rest)
    return found, found.probabilities(beside(design))


def partitioned(outcomes: Any, design: Any, **rest: Any) -> Any:
    """`partitions.optimal` of two features, and what it predicts."""
    found = partitions.optimal(outcomes, beside(design), **rest)
    return found, found.probabilities(beside(design))


def categorized(outcomes: Any, design: Any, categories: Any, **rest: Any) -> Any:
    """`partitions.by_category` with two columns, and what it predicts."""
    found = partitions.by_category(outcomes, beside(design), categories, **rest)
    return found, found.probabilities(beside(design), categories)


def refitted(held_out: Any, clusters: Any, **rest: Any) -> Any:
    """`refitting.refitted` of a mean."""
    return refitting.refitted(
        lambda _, test: A[test].mean(), N, clusters=clusters, held_out=held_out, **rest
    )


PAIRS = {"arrays": {"a": A, "b": B}, "labels": {"clusters": CLUSTERS}}
VALUES = {"arrays": {"values": A}, "labels": {"clusters": CLUSTERS}}
TWO_SETS = {"arrays": {"a": A, "b": B}, "labels": {"clusters_a": CLUSTERS, "clusters_b": CLUSTERS}}
COUNTS = {
    **{name: (value, WHOLE) for name, value in (("both", 9), ("only_a", 3), ("only_b", 2))},
    "neither": (8, WHOLE),
    **LEVEL,
}
SHARE = {"k": (3, WHOLE), "n": (9, (0, *WHOLE)), **LEVEL}
STRATA = {
    "arrays": {"values": A},
    "labels": {"strata": KINDS, "clusters": np.arange(N) % 12},
    "numbers": LEVEL,
    "others": {"weights": {0: 1.0, 1: 2.0, 2: 1.0}},
}
FOUND = {
    "effect": (0.1, FINITE),
    "power": (0.8, (*FRACTION, 0.01)),
    "level": (0.95, FRACTION),
}
CONTENT = {"content": (0.9, FRACTION), **LEVEL}

CALLS = {
    "cohen_kappa": Call(
        function=agreement.cohen_kappa, **PAIRS, numbers=LEVEL, others={"weights": "linear"}
    ),
    "cohen_kappa of labels": Call(
        function=agreement.cohen_kappa, **PAIRS, numbers=LEVEL, texts=True
    ),
    "fleiss_kappa": Call(
        function=lambda ratings, **rest: agreement.fleiss_kappa(beside(ratings), **rest),
        arrays={"ratings": A},
        labels={"clusters": CLUSTERS},
        numbers=LEVEL,
        texts=True,
    ),
    "krippendorff_alpha": Call(
        function=lambda ratings, **rest: agreement.krippendorff_alpha(beside(ratings), **rest),
        arrays={"ratings": X.round()},
        labels={"clusters": CLUSTERS},
        numbers=LEVEL,
        others={"metric": "interval"},
        missing=True,
    ),
    "log_e_values": Call(
        function=betting.log_e_values,
        arrays={"values": A},
        numbers={"mean": (0.5, FRACTION)},
        rows=True,
    ),
    "p_values": Call(
        function=betting.p_values,
        arrays={"values": A},
        numbers={"mean": (0.5, FRACTION)},
        others={"alternative": "less"},
        rows=True,
    ),
    "budget": Call(function=budget.budget, numbers=LEVEL, others={"components": PARTED}),
    "welch_satterthwaite": Call(
        function=budget.welch_satterthwaite,
        arrays={"std_uncertainties": ERRORS},
        others={"df": ERRORS},
    ),
    "baseline": Call(function=charts.baseline, arrays={"values": X, "errors": ERRORS}),
    "standardized": Call(
        function=charts.standardized,
        arrays={"values": X, "errors": ERRORS},
        others={"reference": NIGHTS},
    ),
    "control_chart": Call(
        function=charts.control_chart,
        arrays={"values": X, "errors": ERRORS},
        numbers={"runs": (9, (0, 1, *WHOLE))},
        others={"reference": NIGHTS, **DRAWN},
    ),
    "variance_components": Call(
        function=lambda values, part, operator, weights: components.variance_components(
            values, {"part": part, "operator": operator}, weights=weights
        ),
        arrays={"values": X, "weights": ERRORS},
        labels={"part": KINDS, "operator": CLUSTERS},
    ),
    "predict": Call(
        function=deployed,
        arrays={"scores": X, "outcome": X**2},
        numbers={"new": (0.5, FINITE), **LEVEL},
    ),
    "rank_correlation": Call(
        function=deployment.rank_correlation, arrays={"a": X, "b": X**2}, numbers=LEVEL
    ),
    "attribute": Call(
        function=drift.attribute,
        numbers={"margin": (0.1, POSITIVE), "alpha": (0.05, (*FRACTION, 0.5))},
        others={"changes": CHANGES},
    ),
    "e_detector": Call(
        function=lambda nights, **rest: e_detectors.e_detector([A, nights], **rest),
        arrays={"nights": A},
        numbers={"run_length": (99, (0, 1, -1, NAN, INF))},
    ),
    "tost": Call(
        function=equivalence.tost,
        **PAIRS,
        numbers={"margin": (0.2, (*POSITIVE, 1, 2)), "alpha": (0.05, (*FRACTION, 0.5))},
    ),
    "tost without bounds": Call(
        function=equivalence.tost,
        **PAIRS,
        numbers={"margin": (0.2, (*POSITIVE, INF))},
        others={"bounds": None},
    ),
    "verdict": Call(
        function=equivalence.verdict,
        numbers={
            "p_equivalent": (0.01, (-1, 2, NAN)),
            "p_different": (0.01, (-1, 2, NAN)),
            "alpha": (0.05, FRACTION),
        },
    ),
    "crossed": Call(
        function=gauge.crossed,
        arrays={"values": X},
        labels={"parts": np.arange(N) % 4, "operators": np.arange(N) // 4 % 3},
        numbers={"pool": (0.25, FRACTION), **LEVEL},
    ),
    "resolution": Call(function=gauge.resolution, numbers=LEVEL, others={"components": PARTED}),
    "coefficients": Call(
        function=lambda items, **rest: generalizability.coefficients(
            PARTED, {"item": items}, **rest
        ),
        numbers={"items": (9, POSITIVE), **LEVEL},
    ),
    "d_study": Call(
        function=generalizability.d_study,
        numbers={
            "generalizability": (0.5, FRACTION),
            "dependability": (0.5, FRACTION),
            "difference_error": (0.1, POSITIVE),
        },
        others={"components": PARTED, "candidates": {"item": [5, 10]}},
    ),
    "means_by_level": Call(
        function=grouped.means_by_level,
        arrays={"values": A},
        labels={"levels": KINDS, "clusters": CLUSTERS},
        numbers=LEVEL,
    ),
    "two_parameter": Call(
        function=lambda scores, level: item_response.two_parameter(beside(scores), level=level),
        arrays={"scores": A},
        numbers=LEVEL,
        missing=True,
    ),
    "mean": Call(function=means.mean, **VALUES, numbers=LEVEL),
    "mean without bounds": Call(
        function=means.mean, **VALUES, numbers=LEVEL, others={"bounds": None}
    ),
    "balanced_accuracy": Call(
        function=means.balanced_accuracy,
        arrays={"values": A},
        labels={"classes": KINDS, "clusters": CLUSTERS},
        numbers=LEVEL,
    ),
    "difference_of_means": Call(function=means.difference_of_means, **TWO_SETS, numbers=LEVEL),
    "difference of balanced accuracies": Call(
        function=balanced.difference,
        arrays={"a": A, "b": B},
        labels={
            "classes_a": KINDS,
            "classes_b": KINDS,
            "clusters_a": CLUSTERS,
            "clusters_b": CLUSTERS,
        },
        numbers=LEVEL,
    ),
    "pool": Call(
        function=meta_analysis.pool, arrays={"values": X, "errors": ERRORS}, numbers=LEVEL
    ),
    "regress": Call(
        function=meta_analysis.regress,
        arrays={"values": X, "errors": ERRORS, "moderator": np.arange(N) / 7},
        labels={"groups": KINDS},
        numbers=LEVEL,
    ),
    "corrected_combination": Call(
        function=combined_and_corrected,
        numbers={
            "found": (0.3, FINITE),
            "total": (0.0, FINITE),
            "sensitivity": (0.8, (-1, 2, NAN)),
            "specificity": (0.9, (-1, 2, NAN)),
            **LEVEL,
        },
    ),
    "cell_means": Call(
        function=celled,
        arrays={"values": A},
        labels={"cells": KINDS, "first": np.arange(N) // 3 % 4, "second": np.arange(N) // 12},
        numbers={"null": (0.0, FINITE), **LEVEL},
    ),
    "fit of matched sets": Call(
        function=matched,
        arrays={"outcomes": A, "design": X},
        labels={"sets": CLUSTERS, "clusters": CLUSTERS // 2, "second": CLUSTERS % 2},
        numbers=LEVEL,
    ),
    "logistic": Call(
        function=averaged,
        arrays={"outcomes": A, "design": X, "trials": A * 0 + 2},
        labels={"first": CLUSTERS, "second": KINDS},
        numbers=LEVEL,
    ),
    "average_marginal_effect": Call(function=effect, numbers={"column": (0, (-1, 2))}),
    "mantel_haenszel": Call(
        function=differential_functioning.mantel_haenszel,
        arrays={"outcomes": A, "focal": np.arange(N) % 2, "trials": A * 0 + 2},
        labels={"strata": KINDS, "clusters": CLUSTERS},
        numbers=LEVEL,
    ),
    "logistic_dif": Call(
        function=differential_functioning.logistic_dif,
        arrays={
            "outcomes": A,
            "focal": np.arange(N) % 2,
            "propensity": X,
            "trials": A * 0 + 2,
        },
        labels={"first": CLUSTERS, "second": KINDS},
        numbers=LEVEL,
    ),
    "with_scores": Call(
        function=scored,
        arrays={"values": A, "scores": X},
        labels={
            "group": np.arange(N) % 6,
            "part": np.arange(N) // 6 % 2,
            "first": np.arange(N) // 12,
            "second": np.arange(N) // 3 % 4,
        },
        numbers={**LEVEL, **RESAMPLES},
        others=DRAWN,
    ),
    "corrected_rate": Call(
        function=counted,
        numbers={
            "positive": (0.3, (-1, 2, NAN)),
            "sensitivity": (0.9, (-1, 2, NAN)),
            "specificity": (0.9, (-1, 2, NAN)),
            **LEVEL,
        },
    ),
    "worst_and_best": Call(
        function=missing.worst_and_best,
        arrays={"values": A},
        labels={"scored": np.arange(N) != 3, "clusters": CLUSTERS},
        numbers=LEVEL,
    ),
    "holm": Call(function=multiplicity.holm, arrays={"p_values": ERRORS / 2}),
    "benjamini_hochberg": Call(
        function=multiplicity.benjamini_hochberg, arrays={"p_values": ERRORS / 2}
    ),
    "benjamini_yekutieli": Call(
        function=multiplicity.benjamini_yekutieli, arrays={"p_values": ERRORS / 2}
    ),
    "tango": Call(function=paired_proportions.tango, numbers=COUNTS),
    "newcombe": Call(function=paired_proportions.newcombe, numbers=COUNTS),
    "mcnemar": Call(
        function=paired_tests.mcnemar, numbers={"only_a": (3, WHOLE), "only_b": (5, WHOLE)}
    ),
    "sign_flip": Call(
        function=paired_tests.sign_flip,
        arrays={"deltas": X},
        labels={"clusters": CLUSTERS},
        numbers=RESAMPLES,
        others=DRAWN,
    ),
    "cochrans_q": Call(
        function=lambda values, **rest: paired_tests.cochrans_q(beside(values).T, **rest),
        arrays={"values": A},
        labels={"clusters": CLUSTERS},
        numbers=RESAMPLES,
        others=DRAWN,
    ),
    "difference": Call(function=pairs.difference, **PAIRS, numbers=LEVEL),
    "difference without bounds": Call(
        function=pairs.difference, **PAIRS, numbers=LEVEL, others={"bounds": None}
    ),
    "compare": Call(
        function=pairs.compare, **PAIRS, numbers=LEVEL, others={"names": ("a", "b"), **DRAWN}
    ),
    "detectable of a comparison": Call(
        function=pairs.detectable,
        numbers={"power": (0.8, (*FRACTION, 0.01)), **LEVEL},
        others={"found": pairs.paired(A, B, CLUSTERS)},
    ),
    "binary": Call(
        function=planning.binary,
        numbers={
            "accuracy": (0.7, FRACTION),
            "correlation": (0.3, (1, -2, NAN)),
            "effect": (0.1, (-0.1, 2, NAN)),
        },
    ),
    "Variances": Call(
        function=planning.Variances,
        numbers=dict.fromkeys(("between", "wording", "noise"), (0.1, (-1, NAN, INF))),
    ),
    "Design": Call(
        function=planning.Design,
        numbers=dict.fromkeys(("clusters", "wordings", "repeats"), (9, (0, *WHOLE))),
    ),
    "variances": Call(
        function=planning.variances,
        arrays={"values": A},
        labels={"clusters": CLUSTERS, "wordings": KINDS},
        numbers={"noise": (0.1, FROM_ZERO), "repeats": (2, POSITIVE)},
    ),
    "repeat_variance": Call(
        function=planning.repeat_variance, arrays={"values": A}, labels={"items": CLUSTERS}
    ),
    "power": Call(
        function=planning.power,
        numbers={"effect": FOUND["effect"], **LEVEL},
        others={"parts": PARTS, "design": DESIGN},
    ),
    "detectable": Call(
        function=planning.detectable,
        numbers={"power": FOUND["power"], **LEVEL},
        others={"parts": PARTS, "design": DESIGN},
    ),
    "clusters_needed": Call(
        function=planning.clusters_needed,
        numbers={**FOUND, "effect": (0.1, (0, NAN, INF)), "repeats": (2, (0, *WHOLE))},
        others={"parts": PARTS},
    ),
    "designs": Call(
        function=planning.designs,
        numbers={**FOUND, "effect": (0.1, (0, NAN, INF))},
        others={"parts": PARTS},
    ),
    "variance_error": Call(function=planning.variance_error, arrays={"values": X}),
    "prediction_powered_mean": Call(
        function=prediction_powered.prediction_powered_mean,
        arrays={"truth": A, "judged": B, "unlabeled": A[::-1]},
        labels={"clusters": CLUSTERS, "unlabeled_clusters": CLUSTERS},
        numbers={"tuning": (None, (-1, 2, NAN)), **LEVEL},
    ),
    "wilson": Call(function=proportions.wilson, numbers=SHARE),
    "jeffreys": Call(function=proportions.jeffreys, numbers=SHARE),
    "exact": Call(function=proportions.exact, numbers=SHARE),
    "fit": Call(
        function=psychometric.fit,
        arrays={"difficulty": X, "values": (X < 0.3) * 1.0},
        labels={"clusters": CLUSTERS},
        numbers={"guess": (0.1, (-1, 1, NAN)), **LEVEL},
    ),
    "rank_sets": Call(
        function=lambda values, **rest: ranks.rank_sets(beside(values).T, **rest),
        arrays={"values": A},
        labels={"clusters": CLUSTERS},
        numbers={**LEVEL, **RESAMPLES},
        others=DRAWN,
    ),
    "ratio_of_totals": Call(
        function=ratios.ratio_of_totals,
        arrays={"numerator": X, "denominator": ERRORS},
        labels={"clusters": CLUSTERS},
        numbers=LEVEL,
    ),
    "resampled_means": Call(
        function=resampling.resampled_means,
        **VALUES,
        numbers=RESAMPLES,
        others=DRAWN,
        rows=True,
    ),
    "bootstrap_mean": Call(
        function=resampling.bootstrap_mean, **VALUES, numbers={**LEVEL, **RESAMPLES}, others=DRAWN
    ),
    "bootstrap_difference": Call(
        function=resampling.bootstrap_difference,
        **TWO_SETS,
        numbers={**LEVEL, **RESAMPLES},
        others=DRAWN,
    ),
    "average_run_length": Call(
        function=run_lengths.average_run_length,
        numbers={"shift": (3.0, FINITE), "runs": (99, (0, 1, *WHOLE)), **LEVEL},
        others={"rule": charts.CUSUM(), **DRAWN},
    ),
    "limit_for": Call(
        function=run_lengths.limit_for,
        numbers={"run_length": (12, (0, -1, NAN, INF)), "runs": (99, (0, 1, *WHOLE))},
        others={"rule": charts.CUSUM(), **DRAWN},
    ),
    "saturation": Call(
        function=saturation.saturation,
        numbers={"chance": (0.2, (-1, 1, 2, NAN)), "ceiling": (1.0, (0, 2, NAN))},
        others={"found": ROOM},
    ),
    "smallest_gain": Call(
        function=saturation.smallest_gain,
        numbers={"n": (99, POSITIVE), "power": (0.8, FRACTION), "alpha": (0.05, FRACTION)},
    ),
    "MeanSequence": Call(function=read_off, numbers={"n": (99, (3, NAN)), **LEVEL}),
    "mean_sequence": Call(
        function=sequential.mean_sequence, arrays={"values": A}, numbers=LEVEL, rows=True
    ),
    "paired_sequence": Call(
        function=sequential.paired_sequence, arrays={"a": A, "b": B}, numbers=LEVEL
    ),
    "normal_mixture": Call(
        function=sequential.normal_mixture,
        arrays={"values": A},
        numbers={"tightest": (9, (0, *WHOLE)), "first": (9, (0, 1, *WHOLE)), **LEVEL},
    ),
    "Staircase": Call(
        function=climbed,
        arrays={"levels": X},
        numbers={"guess": (0.1, (-1, 1, NAN)), "k": (2, (0, *WHOLE)), **LEVEL},
    ),
    "Staircase.update": Call(function=answered, arrays={"scores": A}),
    "stratified_mean": Call(function=stratified.stratified_mean, **STRATA),
    "gains": Call(
        function=lambda published, others: ordering.gains(published, beside(others)),
        arrays={"published": X, "others": ERRORS},
    ),
    "order_test": Call(
        function=ordering.order_test,
        arrays={"gained": X, "controls": ERRORS},
        numbers={"power": (0.8, FRACTION), **LEVEL},
    ),
    "post_stratified_mean": Call(function=stratified.post_stratified_mean, **STRATA),
    "normal": Call(function=tolerance.normal, arrays={"values": ERRORS / 2}, numbers=CONTENT),
    "normal_factor": Call(
        function=tolerance.normal_factor, numbers={"n": (9, (0, 1, *WHOLE)), **CONTENT}
    ),
    "fewest": Call(function=tolerance.fewest, numbers=CONTENT),
    "ranked": Call(function=tolerance.ranked, arrays={"values": X}, numbers=CONTENT),
    "beta_binomial": Call(
        function=tolerance.beta_binomial,
        arrays={"right": A * 3, "asked": A * 0 + 4},
        numbers={"fresh": (3, (0, *WHOLE)), **CONTENT},
    ),
    "fit of features": Call(
        function=penalized,
        arrays={"outcomes": A, "design": X, "weights": A * 0 + 2},
        labels={"clusters": CLUSTERS},
        numbers={"penalty": (1.0, (0, -1, NAN, INF)), **LEVEL},
    ),
    "by_category": Call(
        function=categorized,
        arrays={"outcomes": A, "design": X},
        labels={"categories": KINDS, "clusters": CLUSTERS},
        numbers={"penalty": (1.0, (0, -1, NAN, INF)), **LEVEL},
    ),
    "optimal": Call(
        function=partitioned,
        arrays={"outcomes": A, "design": X},
        labels={"clusters": CLUSTERS},
        numbers={
            "penalty": (1.0, (0, -1, NAN, INF)),
            "threshold": (0.5, FRACTION),
            "subsample": (20, (0, 1, *WHOLE)),
            **LEVEL,
        },
        others=DRAWN,
    ),
    "roc_auc": Call(
        function=ranking.roc_auc,
        arrays={"outcomes": A, "scores": X},
        labels={"clusters": CLUSTERS},
        numbers=LEVEL,
    ),
    "auc_difference": Call(
        function=ranking.auc_difference,
        arrays={"outcomes": A, "a": X, "b": ERRORS},
        labels={"clusters": CLUSTERS},
        numbers=LEVEL,
    ),
    "pr_auc": Call(
        function=ranking.pr_auc,
        arrays={"outcomes": A, "scores": X},
        labels={"clusters": CLUSTERS},
        numbers={**LEVEL, **RESAMPLES},
        others=DRAWN,
    ),
    "at_threshold": Call(
        function=classification.at_threshold,
        arrays={"outcomes": A, "scores": X},
        labels={"clusters": CLUSTERS},
        numbers={"threshold": (0.5, FINITE), **LEVEL},
    ),
    "log_loss": Call(
        function=classification.log_loss,
        arrays={"outcomes": A, "probabilities": ERRORS / 2},
        labels={"clusters": CLUSTERS},
        numbers=LEVEL,
    ),
    **{
        name: Call(
            function=getattr(calibration_error, name),
            arrays={"outcomes": A, "probabilities": ERRORS / 2},
            labels={"clusters": CLUSTERS},
            numbers={"bins": (4, (0, *WHOLE)), **LEVEL},
        )
        for name in (
            "expected_calibration_error",
            "debiased_calibration_error",
            "reliability",
            "brier",
        )
    },
    "refitted": Call(
        function=refitted,
        arrays={"held_out": np.arange(N) >= 15},
        labels={"clusters": CLUSTERS},
        numbers={**LEVEL, "resamples": (60, (0, 1, *WHOLE))},
        others=DRAWN,
    ),
    "refitted of a share": Call(
        function=lambda **rest: refitting.refitted(lambda _, test: A[test].mean(), **rest),
        numbers={"n": (N, (0, *WHOLE)), "held_out": (0.5, FRACTION)},
        others=DRAWN,
    ),
    "wild_mean": Call(
        function=wild_bootstrap.wild_mean,
        **VALUES,
        numbers={**LEVEL, **RESAMPLES},
        others=DRAWN,
    ),
}


def told(call: Call, name: str, **changed: Any) -> None:
    """The call fails, and the line names the argument and what is allowed."""
    with pytest.raises(ValueError) as caught:
        call(**changed)
    line = str(caught.value)
    assert "\n" not in line
    assert "allowed" in line
    assert name.removesuffix("s") in line


def holds(found: Any) -> None:
    """Nothing in a result is NaN, no interval is a point, and no interval is absent silently."""
    for part in parts_of(found):
        assert part is None or not np.isnan(part).any()
    for estimate in estimates_of(found):
        assert estimate.std_error is None or 0 <= estimate.std_error < INF
        if (estimate.low is None and estimate.high is None) or not estimate.std_error:
            assert estimate.low is not None or estimate.warnings
        if estimate.low is not None and estimate.high is not None:
            assert -INF < estimate.low < estimate.high < INF


def members(found: Any) -> list[Any]:
    """What a result is made of."""
    if dataclasses.is_dataclass(found):
        return [getattr(found, each.name) for each in dataclasses.fields(found)]
    if isinstance(found, Mapping):
        return list(found.values())
    return list(found) if isinstance(found, tuple | list) else []


def parts_of(found: Any) -> Iterator[Any]:
    """All numbers of a result."""
    if isinstance(found, float | int | np.ndarray | np.number):
        yield np.asarray(found, dtype=float)
    for member in members(found):
        yield from parts_of(member)


def estimates_of(found: Any) -> Iterator[Estimate]:
    """All estimates of a result."""
    if isinstance(found, Estimate):
        yield found
    for member in members(found):
        yield from estimates_of(member)


def tried(call: Call, **changed: Any) -> None:
    """The call gives a result that holds, or fails with a line that says what is allowed."""
    line, found = "allowed", None
    try:
        found = call(**changed)
    except ValueError as error:
        line = str(error)
    assert "\n" not in line
    assert "allowed" in line
    holds(found)


def taking_arrays() -> Iterator[str]:
    """Names of the functions of the package that take arrays as they come."""
    for module in pkgutil.iter_modules(statistics.__path__, "modelmetry.statistics."):
        if module.name.endswith(".checks"):
            continue
        for name, found in vars(importlib.import_module(module.name)).items():
            here = inspect.isfunction(found) and found.__module__ == module.name
            if here and not name.startswith("_") and "ArrayLike" in str(inspect.signature(found)):
                yield name


def test_the_table_holds_every_function_that_takes_arrays() -> None:
    """Whatever is added to the package is fed bad input here; parts of others are, through them."""
    parts = {
        "accuracy",  # of psychometric.fit and Staircase
        "guess_rates",
        "cluster_sums",  # of the bootstraps
        "matrix",  # of cochrans_q and rank_sets
        "joint_test",  # of cell_means
        "observations",  # of the sequences
        "yes_or_no",  # of the models that predict
        "search",  # of optimal
        "paired",  # of difference, compare and tost
        "read",  # of variance_components
    }
    named = {key.split()[0] for key in CALLS}
    assert set(taking_arrays()) - named == parts


CASES = pytest.mark.parametrize("call", CALLS.values(), ids=list(CALLS))


@CASES
def test_the_table_holds_calls_that_work(call: Call) -> None:
    """Every call of the table gives a result, so that what fails below fails by what was changed."""
    holds(call())


@CASES
def test_arrays_that_are_no_finite_numbers_are_named(call: Call) -> None:
    """Empty, NaN, infinite, of texts, of no dimension or too many: the array is named."""
    for name, values in call.arrays.items():
        given = np.asarray(values, dtype=float)
        bad: list[Any] = [[]] if call.texts else [[], np.where(np.arange(N) == 4, INF, given)]
        if not call.missing:
            bad.append(np.where(np.arange(N) == 4, NAN, given))
        if not call.rows:
            bad.append(np.tile(given, (2, 2)))
        for other in bad:
            told(call, name, **{name: other})
        tried(call, **{name: 0.5})
        tried(call, **{name: ["a"] * N})


@CASES
def test_arrays_of_different_lengths_are_refused(call: Call) -> None:
    """One value too few in one of several arrays is told."""
    aligned = {**call.arrays, **call.labels}
    for name, values in aligned.items():
        tried(call, **{name: np.asarray(values)[:-1]})


@CASES
def test_labels_are_one_for_each_unit(call: Call) -> None:
    """Labels of a wrong shape, of NaN or None, are told by their name."""
    for name, labels in call.labels.items():
        given = np.asarray(labels)
        for wrong in (given[:-1], given[:, None], [], np.tile(given, 2)):
            told(call, name, **{name: wrong})
        if given.dtype.kind != "b":
            told(call, name, **{name: np.where(np.arange(N) == 4, NAN, given)})
            told(call, name, **{name: [None, *given[1:].astype(str)]})
            tried(call, **{name: [*given[1:].astype(str).astype(object), 3]})


@CASES
def test_what_does_not_vary_has_no_silent_interval(call: Call) -> None:
    """Constant values, one cluster, one level, and both: an error, or a result with a warning."""
    flat = {name: np.full(N, np.asarray(v).flat[0]) for name, v in call.arrays.items()}
    one = {name: np.zeros(N, dtype=int) for name in call.labels if name != "scored"}
    for changed in (
        flat,
        one,
        {**flat, **one},
        *({name: v} for name, v in {**flat, **one}.items()),
    ):
        tried(call, **changed)


@CASES
def test_few_units_have_no_silent_interval(call: Call) -> None:
    """From one unit, two or three: an error, or a result with a warning."""
    aligned = {**call.arrays, **call.labels}
    for n in (1, 2, 3):
        tried(call, **{name: np.asarray(values)[:n] for name, values in aligned.items()})


@CASES
def test_extremes_are_no_nan(call: Call) -> None:
    """Zeros, ones, tiny and huge numbers, booleans and integers: an error, or a result that holds."""
    for name, values in call.arrays.items():
        given = np.asarray(values, dtype=float)
        for other in (given > 0, (given > 0).astype(int), given * 1e-30, given * 1e12, given * 0):
            tried(call, **{name: other})


@CASES
def test_numbers_out_of_range_are_named(call: Call) -> None:
    """A level of 0, a negative margin, half a count: the line names the argument."""
    for name, (_, bad) in call.numbers.items():
        for value in bad:
            told(call, name, **{name: value})
