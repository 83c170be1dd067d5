"""Prediction-powered means."""

from __future__ import annotations

import math

import numpy as np
import pytest
from benchmarks.calibrations import judges as calibration
from hypothesis import given, settings
from hypothesis import strategies as st

from modelmetry.statistics import means
from modelmetry.statistics.distributions import two_sided
from modelmetry.statistics.prediction_powered import prediction_powered_mean

SCORES = st.sampled_from([0.0, 0.5, 1.0])
LABELED = st.lists(st.tuples(SCORES, SCORES), min_size=3, max_size=25)
OTHERS = st.lists(SCORES, min_size=2, max_size=25)


@given(LABELED, OTHERS, st.floats(0, 1))
@settings(deadline=None, max_examples=60)
def test_it_is_its_slow_twin(
    labeled: list[tuple[float, float]], others: list[float], tuning: float
) -> None:
    """Value and error at a given tuning are those of Angelopoulos et al., cut to the bounds."""
    truth, judged = np.array(labeled).T
    rest = truth - tuning * judged
    value = rest.mean() + tuning * np.mean(others)
    squares = rest.var(ddof=1) / len(rest) + tuning**2 * np.var(others, ddof=1) / len(others)
    found = prediction_powered_mean(truth, judged, others, tuning=tuning)
    assert found.value == pytest.approx(min(1, max(0, value)), abs=1e-12)
    assert found.std_error == pytest.approx(math.sqrt(squares), abs=1e-9)
    assert found.low is not None
    assert found.high is not None
    assert 0 <= found.low <= found.value <= found.high <= 1
    assert found.low < found.high


@given(LABELED, OTHERS)
@settings(deadline=None, max_examples=40)
def test_without_the_judge_it_is_the_mean_of_the_labels(
    labeled: list[tuple[float, float]], others: list[float]
) -> None:
    """With tuning 0 value and error are those of `means.mean`, and its interval lies inside."""
    truth, judged = np.array(labeled).T
    found = prediction_powered_mean(truth, judged, others, tuning=0)
    plain = means.mean(truth)
    assert found.value == pytest.approx(plain.value)
    assert found.std_error == pytest.approx(plain.std_error, abs=1e-9)
    half = (plain.std_error or 0.0) * two_sided(0.95, len(truth) - 1)
    assert found.low == pytest.approx(max(0, min(plain.low or 0, plain.value - half)), abs=1e-6)
    assert found.high == pytest.approx(min(1, max(plain.high or 1, plain.value + half)), abs=1e-6)


def test_the_tuning_is_the_best_one() -> None:
    """On much data no other tuning has a smaller error."""
    rng = np.random.default_rng(0)
    truth = rng.random(2000) < 0.4
    judged = np.where(rng.random(2000) < 0.8, truth, ~truth)
    others = rng.random(6000) < 0.44
    best = prediction_powered_mean(truth, judged, others)
    errors = [
        prediction_powered_mean(truth, judged, others, tuning=tuning).std_error or 1.0
        for tuning in np.linspace(0, 1, 41)
    ]
    assert (best.std_error or 1.0) <= min(errors) * 1.001
    assert min(errors) < 0.95 * errors[0]


def test_clusters_are_kept_together() -> None:
    """Copies of every item in one cluster change neither value nor interval."""
    rng = np.random.default_rng(1)
    truth, judged, others = rng.random(40) < 0.5, rng.random(40) < 0.5, rng.random(90) < 0.5
    alone = prediction_powered_mean(truth, judged, others)
    copied = prediction_powered_mean(
        np.repeat(truth, 3),
        np.repeat(judged, 3),
        np.repeat(others, 3),
        np.repeat(np.arange(40), 3),
        np.repeat(np.arange(90), 3),
    )
    assert copied.value == pytest.approx(alone.value, abs=2e-3)
    assert copied.low == pytest.approx(alone.low, abs=2e-3)
    assert copied.high == pytest.approx(alone.high, abs=2e-3)
    assert (copied.n, copied.clusters) == (120, 40)


def test_a_judge_that_always_says_the_same_is_not_heard() -> None:
    """Its tuning is 0, and the mean is that of the labels."""
    found = prediction_powered_mean([0, 1, 1, 0, 1], np.ones(5), np.ones(50))
    assert found.value == pytest.approx(0.6)
    assert "tuning 0;" in found.method


def test_scores_without_bounds() -> None:
    """Without bounds the interval is symmetric and may leave [0, 1]."""
    rng = np.random.default_rng(2)
    truth = rng.normal(3, 1, 50)
    judged = truth + rng.normal(1, 0.3, 50)
    others = rng.normal(4, 1, 500) + rng.normal(0, 0.3, 500)
    found = prediction_powered_mean(truth, judged, others, bounds=None)
    assert found.low is not None
    assert found.high is not None
    assert found.high - found.value == pytest.approx(found.value - found.low)
    assert abs(found.value - 3) < 0.3
    assert found.high - found.low < 0.4


def test_few_surprises_and_few_clusters_warn() -> None:
    """A judge that is never off the line, or labels from few clusters, make the error rough."""
    truth = [0.0, 1.0] * 20
    found = prediction_powered_mean(truth, truth, [0.0, 1.0] * 100, tuning=1)
    assert "0 clusters" in found.warnings[-1]
    assert found.low is not None
    assert found.low < 0.5
    none = prediction_powered_mean([1, 0], [1, 0], [1, 0, 1])
    assert (none.std_error, none.low, none.clusters) == (None, None, 2)
    assert "at least 3 labeled clusters" in none.warnings[0]
    single = prediction_powered_mean([1, 0, 1, 0], [1, 0, 1, 0], [1, 0], None, [5, 5])
    assert single.low is None


def test_a_cut_is_said() -> None:
    """A value past the bounds is cut to them, with a warning."""
    found = prediction_powered_mean([0, 0, 0, 0, 0.1], [1, 1, 1, 1, 1], [0, 0, 0.1], tuning=1)
    assert found.value == 0
    assert any("cut to the bounds" in warning for warning in found.warnings)


@pytest.mark.parametrize(
    ("arguments", "line"),
    [
        (([], [], [1]), "truth: no values"),
        (([1, 0], [1], [1]), "judged: 1 values; allowed: 2"),
        (([1, 0], [1, 2], [1]), "judged: 1.0 to 2.0; allowed: 0.0 to 1.0"),
        (([1, 0], [1, math.nan], [1]), "judged: value 1 is nan"),
        (([1, 0], [1, 0], []), "unlabeled: no values"),
        (([1, 0], [1, 0], [1], [1]), r"clusters: shape \(1,\)"),
        (([1, 0], [1, 0], [1], None, [1, 2]), r"unlabeled_clusters: shape \(2,\)"),
    ],
)
def test_bad_arrays(arguments: tuple, line: str) -> None:
    """Arrays that are empty, unequal, not numbers or out of bounds are refused by name."""
    with pytest.raises(ValueError, match=line):
        prediction_powered_mean(*arguments)


@pytest.mark.parametrize(("name", "value"), [("tuning", 1.5), ("level", 0)])
def test_bad_options(name: str, value: float) -> None:
    """A tuning or level out of range is refused."""
    with pytest.raises(ValueError, match=f"{name}: {value}"):
        prediction_powered_mean([1, 0], [1, 0], [1, 0], **{name: value})


def test_calibration_holds() -> None:
    """The quick cases of the judges' calibration hold, and some of them are claimed."""
    cases = list(calibration.cases(40, quick=True))
    assert [case for case in cases if case.surely_breaks()] == []
    assert sum(case.claimed for case in cases) > 8


def test_clusters_of_unequal_size_leave_degrees_of_freedom() -> None:
    """Three clusters, nearly all items in one: an interval, wide, and no NaN."""
    stream = np.random.default_rng(3)
    labels = np.repeat([0, 1, 2], [40, 1, 1])
    truth, judged = (stream.random((2, 42)) < 0.6).astype(float)
    for bounds in ((0.0, 1.0), None):
        found = prediction_powered_mean(
            truth, judged, stream.integers(2, size=90), labels, bounds=bounds
        )
        assert found.low is not None
        assert found.high is not None
        assert found.high - found.low > 0.5
