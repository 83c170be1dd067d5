"""Predictive models of what is extracted: which rows, which columns, which scores, and how sure."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from benchmarks.calibrations.probes import simulated

from modelmetry.analyses.memorization import ways as ways_module
from modelmetry.analyses.memorization.design import find_design
from modelmetry.analyses.memorization.predictions import (
    FEW,
    METRICS,
    MODELS,
    Predictions,
    find_predictions,
    why_none,
)
from modelmetry.analyses.memorization.probes import Probes
from modelmetry.analyses.memorization.ways import Ways, metrics
from modelmetry.statistics import calibration_error, classification, partitions, ridge_logistic


def rng(seed: int = 0) -> np.random.Generator:
    """A stream."""
    return np.random.default_rng(seed)


def found_in(probes: Probes, seed: int = 1, resamples: int = 20, **rest: Any) -> Predictions:
    """The predictions, which there must be."""
    found = find_predictions(probes, rng(seed), resamples=resamples, **rest)
    assert found is not None
    return found


def kept(probes: Probes, mask: np.ndarray) -> Probes:
    """Some of the probes."""
    names = (
        *("problem", "cluster", "inserted", "canary", "duplicates", "planned", "template"),
        *("category", "extracted", "prefix", "edits", "continuation_logprob"),
    )
    return replace(
        probes,
        features={name: values[mask] for name, values in probes.features.items()},
        **{name: getattr(probes, name)[mask] for name in names},
    )


def gain(found: Predictions, metric: str, a: str = "taxonomic", b: str = "generic") -> Any:
    """One of the gains."""
    (one,) = (g for g in found.gains if (g.a, g.b, g.metric) == (a, b, metric))
    return one


def test_every_metric_of_every_model_and_every_pair() -> None:
    """3 models x 5 metrics and 3 pairs x 5 metrics, each with an interval that holds its value."""
    found = found_in(simulated(400, rng()))
    assert [(q.model, q.metric) for q in found.qualities] == [
        (m, k) for m in MODELS for k in METRICS
    ]
    assert len(found.gains) == 15
    for estimate in [*(q.value for q in found.qualities), *(g.difference for g in found.gains)]:
        assert estimate.low is not None
        assert estimate.high is not None
        assert estimate.low <= estimate.value <= estimate.high
        assert estimate.n == 400
    values = {(q.model, q.metric): q.value.value for q in found.qualities}
    for each in found.gains:
        apart = values[each.a, each.metric] - values[each.b, each.metric]
        assert each.difference.value == pytest.approx(apart)
        assert 0 <= each.p <= 1
    assert (found.rows, found.held_out, found.resamples, found.searched) == (400, 80, 20, 320)
    assert found.features == ("duplicates", "entropy", "repeating", "incrementing")


def test_slopes_that_turn_by_category_are_found() -> None:
    """The models per category rank and predict better, by an interval above 0 and a small p-value."""
    found = found_in(simulated(3000, rng(2), turned=1.5), subsample=1000)
    for metric, sign in (("ROC AUC", 1), ("log loss", -1)):
        one = gain(found, metric)
        assert sign * one.difference.value > 0
        assert one.p < 0.05
        assert min(sign * one.difference.low, sign * one.difference.high) > 0
    slopes = {
        c.model: c.value.value for c in found.coefficients if c.feature == "entropy"
    }  # fmt: skip
    assert slopes["reconstruction"] < -1 < slopes["recollection"] < 0 < slopes["recitation"]


def test_one_law_for_all_is_not_taken_for_three() -> None:
    """Of one law no study of these finds the models per category to rank or predict better."""
    for seed in range(4):
        found = found_in(simulated(400, rng(seed), features=3), seed, subsample=100)
        for metric, sign in (("ROC AUC", 1), ("PR AUC", 1), ("log loss", -1)):
            one = gain(found, metric)
            assert one.p > 0.05 or sign * one.difference.value < 0


def test_scores_are_those_of_scikit_learn() -> None:
    """Every metric of the generic and the taxonomic models, by another's fits and another's scores."""
    linear, scores = (
        pytest.importorskip("sklearn.linear_model"),
        pytest.importorskip("sklearn.metrics"),
    )
    probes = simulated(600, rng(3))
    x, y = np.column_stack(list(probes.features.values())), probes.extracted
    train, test = np.arange(450), np.arange(450, 600)
    found = Ways(y, x, probes.category, np.arange(600), rng(), None).scored(train, test)

    def twin(balanced: bool, rows: np.ndarray, at: np.ndarray) -> np.ndarray:
        fitted = x[rows]
        center, scale = fitted.mean(axis=0), fitted.std(axis=0)
        scale[scale == 0] = 1
        model = linear.LogisticRegression(
            C=1.0, class_weight="balanced" if balanced else None, tol=1e-10, max_iter=10_000
        )
        model.fit((fitted - center) / scale, y[rows])
        return model.predict_proba((x[at] - center) / scale)[:, 1]

    predicted = {"generic": [twin(b, train, test) for b in (False, True)]}
    both = [np.empty(150), np.empty(150)]
    for name in np.unique(probes.category):
        mine = probes.category[test] == name
        rows = train[probes.category[train] == name]
        for part, balanced in zip(both, (False, True), strict=True):
            part[mine] = twin(balanced, rows, test[mine])
    predicted["taxonomic"] = both
    for k, name in enumerate(("generic", "taxonomic")):
        plain, balanced = predicted[name]
        assert found[5 * k : 5 * k + 4] == pytest.approx(
            [
                scores.roc_auc_score(y[test], plain),
                scores.average_precision_score(y[test], plain),
                scores.f1_score(y[test], balanced >= 0.5),
                scores.log_loss(y[test], plain),
            ],
            abs=1e-5,
        )
        error = calibration_error.debiased_calibration_error(y[test], plain)
        assert found[5 * k + 4] == pytest.approx(error.value, abs=1e-4)


def test_the_best_partition_is_that_of_the_full_search() -> None:
    """Its rule and its balanced predictions are those of `partitions.optimal`; thresholds are the feature's own."""
    probes = simulated(500, rng(4), features=5, turned=1.0)
    design = find_design(probes.features, probes.planted)
    assert design.names[4] == "log(1 + frequency_max)"
    x, y = design.columns, probes.extracted
    ways = Ways(y, x, probes.category, np.arange(500), rng(), None)
    train, test = np.arange(400), np.arange(400, 500)
    found = ways.scored(train, test)
    twin = partitions.optimal(y[train], x[train], balanced=True)
    assert ways.first.rule is not None
    assert ways.first.rule == twin.rule
    called = classification.at_threshold(y[test], twin.probabilities(x[test]))
    assert found[12] == pytest.approx(called.f1.value)
    plain = np.empty(100)
    names = ways.first.rule.parts(x)
    for part in partitions.PARTS:
        mine = names[test] == part
        rows = train[names[train] == part]
        plain[mine] = ridge_logistic.fit(y[rows], x[rows]).probabilities(x[test[mine]])
    assert ways.first.probabilities["optimal"] == pytest.approx(plain, abs=1e-5)
    whole = found_in(probes, subsample=None)
    assert whole.rule is not None
    for name, threshold, quantile in (
        (whole.first, whole.first_threshold, whole.rule.first_threshold),
        (whole.second, whole.second_threshold, whole.rule.second_threshold),
    ):
        assert threshold in probes.features[name]
        shown = np.log1p(threshold) if name == "frequency_max" else threshold
        assert shown == pytest.approx(quantile)


def test_the_search_is_in_the_refits_and_on_as_many_rows_as_stated(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """It runs once for the rows as they are and once in each resample, never on a row held out."""
    sizes, search = [], partitions.search

    def counted(y: Any, x: Any, *rest: Any, **options: Any) -> Any:
        sizes.append(len(y))
        assert options["balanced"]
        return search(y, x, *rest, **options)

    monkeypatch.setattr(ways_module.partitions, "search", counted)
    found = found_in(simulated(300, rng(5)), subsample=90, resamples=7)
    assert sizes == [90] * 8
    assert found.searched == 90
    assert "only 7 resamples: the interval is rough" in found.qualities[0].value.warnings


def test_rows_are_planted_sequences_that_were_scored() -> None:
    """Twins, canaries and failures change nothing; of repeats half or more is extracted."""
    probes = simulated(300, rng(6), twins=True)
    alone = found_in(kept(probes, probes.inserted), resamples=3)
    more = kept(probes, np.append(np.arange(600), [0, 1]))
    more.canary[-2], more.extracted[-1] = True, np.nan
    assert found_in(more, resamples=3) == alone
    shares = replace(probes, extracted=np.where(probes.extracted == 1, 0.5, 0.25))
    assert found_in(shares, resamples=3) == alone


def test_a_seed_repeats_it_and_another_does_not() -> None:
    """The stream parts the clusters and draws the resamples."""
    probes = simulated(300, rng(7))
    one, two, other = (found_in(probes, seed, resamples=4) for seed in (3, 3, 4))
    assert one == two
    assert one.qualities != other.qualities


def test_pairs_stay_together_and_the_held_out_part_has_either_outcome() -> None:
    """No cluster is on both sides, a fifth is held out, and of ten extracted two are."""
    probes = simulated(400, rng(8))
    rare = np.flatnonzero(probes.extracted == 1)[10:]
    probes.extracted[rare] = 0
    for seed in range(10):
        found = found_in(probes, seed, resamples=2, subsample=50)
        assert found.positives == 10
        assert (
            sum(point.observed.n for point in found.reliability["generic"]) == found.held_out == 80
        )
        hits = sum(p.observed.n * p.observed.value for p in found.reliability["generic"])
        assert hits == pytest.approx(2)
    paired = replace(simulated(200, rng(8)), cluster=np.arange(200) // 2)
    assert found_in(paired, resamples=5).qualities[0].value.clusters == 100


def test_coefficients_are_of_plain_models_of_all_rows() -> None:
    """Those of `ridge_logistic.fit`, with clusters; none for what is constant in a category."""
    probes = replace(simulated(600, rng(9)), cluster=np.arange(600) // 3)
    found = found_in(probes)
    x = np.column_stack(list(probes.features.values()))
    twin = ridge_logistic.fit(probes.extracted, x, clusters=probes.cluster)
    ours = [c.value for c in found.coefficients if c.model == "generic"]
    for mine, other in zip(ours, twin.coefficients, strict=True):
        assert mine.clusters == other.clusters == 200
        assert (mine.value, mine.low, mine.high) == pytest.approx(
            (other.value, other.low, other.high)
        )
    named = {c.model: [] for c in found.coefficients}
    for each in found.coefficients:
        named[each.model].append(each.feature)
    assert named["recollection"] == ["duplicates", "entropy"]
    assert named["reconstruction"] == ["duplicates", "entropy", "repeating", "incrementing"]
    assert all(not c.value.warnings for c in found.coefficients)


def test_holm_is_over_the_pairs_of_a_metric() -> None:
    """The smallest of three p-values is three times that of its difference alone."""
    found = found_in(simulated(1500, rng(10), turned=1.5), subsample=500)
    three = [g for g in found.gains if g.metric == "log loss"]
    least = min(three, key=lambda g: g.p)
    t = least.difference.value / (least.difference.std_error or math.inf)
    from scipy.stats import t as student

    assert least.p == pytest.approx(min(1.0, 3 * 2 * student.sf(abs(t), 19)))


@pytest.mark.parametrize("outcome", [0.0, 1.0])
def test_a_category_of_one_outcome_gets_a_constant_and_a_warning(outcome: float) -> None:
    """Never a crash, in no resample; it has no coefficients."""
    probes = simulated(300, rng(11))
    mine = probes.category == "recollection"
    probes.extracted[mine] = outcome
    found = found_in(probes)
    said = "all" if outcome else "none"
    assert (
        f"recollection: {said} of {mine.sum()} were extracted: its model is a constant"
        in found.warnings
    )
    assert {c.model for c in found.coefficients} == {"generic", "recitation", "reconstruction"}
    assert all(q.value.low is not None for q in found.qualities)
    assert not any("had no score" in why for q in found.qualities for why in q.value.warnings)


def test_a_category_of_few_extracted_is_said_to_be_rough() -> None:
    """Fewer than twenty of either outcome; resamples that hold none of them still have a score."""
    probes = simulated(400, rng(12))
    mine = np.flatnonzero(probes.category == "reconstruction")
    probes.extracted[mine] = 0
    probes.extracted[mine[:2]] = 1
    found = found_in(probes)
    assert f"reconstruction: 2 of {len(mine)} were extracted: its model is rough" in found.warnings
    assert not any("had no score" in why for q in found.qualities for why in q.value.warnings)


def test_one_category_is_the_generic_model() -> None:
    """Their difference is 0 without an interval, and a warning says why."""
    probes = simulated(300, rng(13))
    one = replace(probes, category=np.full(300, "recollection"))
    found = found_in(one)
    same = gain(found, "ROC AUC")
    assert (same.difference.value, same.difference.low, same.p) == (0.0, None, 1.0)
    assert (
        "all rows are of one category (recollection): its model is the generic one"
        in found.warnings
    )


def test_a_degenerate_partition_is_said() -> None:
    """Where features of two values make parts that are empty or of one outcome."""
    probes = simulated(300, rng(14))
    two = {
        "yes": (probes.extracted == 1) * 1.0,
        "other": (np.arange(300) % 2) * 1.0,
    }
    found = found_in(replace(probes, features=two))
    assert any(why.startswith("the best partition is degenerate: its ") for why in found.warnings)
    assert found.rule is not None


def test_one_feature_makes_no_partition() -> None:
    """Two models remain, and a warning."""
    probes = simulated(300, rng(15), features=1)
    found = found_in(probes)
    assert [q.model for q in found.qualities] == ["generic"] * 5 + ["taxonomic"] * 5
    assert (found.rule, found.first, found.second, found.searched) == (None, "", "", 0)
    assert math.isnan(found.first_threshold)
    assert len(found.gains) == 5
    assert "no partition: it needs two features" in found.warnings


@pytest.mark.parametrize(
    ("change", "why"),
    [
        (
            lambda p: replace(p, inserted=np.zeros(100, dtype=bool)),
            "no planted sequence was scored",
        ),
        (lambda p: replace(p, extracted=np.full(100, np.nan)), "no planted sequence was scored"),
        (
            lambda p: replace(p, extracted=np.zeros(100)),
            "0 of 100 planted sequences were extracted",
        ),
        (lambda p: replace(p, extracted=np.ones(100)), "100 of 100 planted sequences were"),
        (
            lambda p: replace(p, extracted=(np.arange(100) < FEW - 1) * 1.0),
            "9 of 100 planted sequences were extracted; they need 10 that were and 10 that were not",
        ),
        (lambda p: replace(p, cluster=np.arange(100) // 20), "fewer than 10 clusters"),
        (lambda p: replace(p, features={}), "no feature is known of all"),
        (lambda p: replace(p, features={"same": np.ones(100)}), "no feature is known of all"),
    ],
)
def test_where_there_are_no_models_a_sentence_says_why(change: Any, why: str) -> None:
    """None of the studies that cannot be has predictions, and each has a reason."""
    probes = change(simulated(100, rng(16)))
    assert why in why_none(probes)
    assert find_predictions(probes, rng()) is None


def test_ten_of_either_outcome_suffice() -> None:
    """At the least that is allowed there is a study, whatever the draw."""
    probes = simulated(60, rng(17))
    probes.extracted[:] = np.arange(60) < FEW
    assert why_none(probes) == ""
    for seed in range(5):
        assert found_in(probes, seed, resamples=5).positives == FEW


def test_metrics_are_those_of_each_function() -> None:
    """In the order of their names, and F1 alone of the balanced probabilities."""
    stream = rng(19)
    y = (stream.random(80) < 0.4) * 1.0
    plain, balanced = stream.random(80), stream.random(80)
    found = metrics(y, plain, balanced, np.arange(80))
    assert found[2] == pytest.approx(classification.at_threshold(y, balanced).f1.value)
    assert found[3] == pytest.approx(classification.log_loss(y, plain).value)
    assert found[4] == pytest.approx(calibration_error.debiased_calibration_error(y, plain).value)


def test_refused() -> None:
    """Too few resamples or rows to search, and rows of one outcome."""
    probes = simulated(100, rng(20))
    with pytest.raises(ValueError, match="subsample: 1; allowed"):
        find_predictions(probes, rng(), subsample=1)
    with pytest.raises(ValueError, match="resamples: 1; allowed"):
        find_predictions(probes, rng(), resamples=1)
    x = np.column_stack(list(probes.features.values()))
    ways = Ways(probes.extracted, x, probes.category, np.arange(100), rng(), None)
    with pytest.raises(ValueError, match="nothing was fitted yet"):
        _ = ways.first
    no = np.flatnonzero(probes.extracted == 0)
    with pytest.raises(ValueError, match="outcomes: all alike in the rows to score"):
        ways.scored(np.arange(100), no)
    with pytest.raises(ValueError, match="outcomes: all alike in the rows to fit to"):
        ways.scored(no, np.arange(100))
