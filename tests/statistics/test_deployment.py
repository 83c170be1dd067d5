"""Prediction of deployment from scores on suites."""

from __future__ import annotations

import math

import numpy as np
import pytest
from benchmarks.calibrations import predictions
from hypothesis import given, settings
from hypothesis import strategies as st

from modelmetry.statistics import deployment
from modelmetry.statistics.estimate import Estimate


def ends(found: Estimate) -> tuple[float, float]:
    """The interval, which there must be."""
    assert found.low is not None
    assert found.high is not None
    return found.low, found.high


def made(models: int, suites: int, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """Scores, and outcomes that hang on them."""
    rng = np.random.default_rng(seed)
    scores = rng.random((models, suites))
    return scores, scores @ np.arange(1, suites + 1) / suites + 0.1 * rng.standard_normal(models)


def slow_ridge(
    scores: np.ndarray, outcome: np.ndarray, row: np.ndarray, penalty: float
) -> tuple[float, float, float]:
    """A prediction, its reach and the effective parameters, by the normal equations."""
    models = len(outcome)
    center, scale = scores.mean(axis=0), scores.std(axis=0)
    table, new = (scores - center) / scale, (row - center) / scale
    inverse = np.linalg.inv(table.T @ table + models * penalty * np.eye(table.shape[1]))
    value = outcome.mean() + new @ inverse @ table.T @ (outcome - outcome.mean())
    used = 1 + np.trace(table @ inverse @ table.T)
    return float(value), float(1 / models + new @ inverse @ new), float(used)


def slow_choice(scores: np.ndarray, outcome: np.ndarray) -> float:
    """The penalty of least leave-one-out error, each model truly left out, scales kept."""
    best, least = math.nan, math.inf
    center, scale = scores.mean(axis=0), scores.std(axis=0)
    table = (scores - center) / scale
    models, suites = table.shape
    for penalty in np.geomspace(1e-3, 1e3, 25):
        total = 0.0
        for i in range(models):
            others = np.arange(models) != i
            # An intercept beside the suites, which alone is not shrunk.
            wide = np.column_stack([np.ones(models - 1), table[others]])
            shrink = models * penalty * np.diag([0.0] + [1.0] * suites)
            fitted = np.linalg.solve(wide.T @ wide + shrink, wide.T @ outcome[others])
            total += (outcome[i] - fitted[0] - table[i] @ fitted[1:]) ** 2
        if total < least:
            best, least = penalty, total
    return best


@pytest.mark.parametrize("seed", range(3))
def test_one_suite_is_statsmodels(seed: int) -> None:
    """Value and interval of one suite are those of least squares in statsmodels."""
    import statsmodels.api as sm

    scores, outcome = made(11, 1, seed)
    found = deployment.predict(scores, outcome, [0.4], level=0.9)
    fitted = sm.OLS(outcome, sm.add_constant(scores)).fit()
    frame = fitted.get_prediction([[1, 0.4]]).summary_frame(alpha=0.1)
    assert found.predicted[0].value == pytest.approx(frame["mean"][0])
    expected = (frame["obs_ci_lower"][0], frame["obs_ci_upper"][0])
    assert ends(found.predicted[0]) == pytest.approx(expected)
    press = fitted.get_influence().resid_press
    assert found.error == pytest.approx(math.sqrt((press**2).mean()))


@pytest.mark.parametrize("suites", [2, 4, 9])
def test_several_suites_are_their_slow_twin(suites: int) -> None:
    """Penalty, value and interval are those of models left out one by one, with matrices inverted."""
    from scipy.stats import t

    scores, outcome = made(9, suites, 1)
    new = np.full(suites, 0.5)
    found = deployment.predict(scores, outcome, new)
    penalty = slow_choice(scores, outcome)
    value, reach, used = slow_ridge(scores, outcome, new, penalty)
    misses, reaches = [], []
    for i in range(9):
        others = np.arange(9) != i
        inner = slow_choice(scores[others], outcome[others])
        guess, far, _ = slow_ridge(scores[others], outcome[others], scores[i], inner)
        misses.append(outcome[i] - guess)
        reaches.append(far)
    square = float(np.mean(np.square(misses)))
    spread = math.sqrt(square / (1 + np.median(reaches)) * (1 + reach))
    half = float(t.ppf(0.975, max(1, 9 - used))) * spread
    assert found.penalty == pytest.approx(penalty)
    assert found.error == pytest.approx(math.sqrt(square))
    assert found.predicted[0].value == pytest.approx(value)
    assert ends(found.predicted[0]) == pytest.approx((value - half, value + half))


def test_skill_compares_with_the_mean_of_the_others() -> None:
    """The baseline predicts each model by the mean of the others, model by model."""
    scores, outcome = made(12, 2)
    found = deployment.predict(scores, outcome, scores[0])
    slow = [outcome[i] - np.delete(outcome, i).mean() for i in range(12)]
    assert found.baseline == pytest.approx(math.sqrt(np.mean(np.square(slow))))
    assert found.skill == pytest.approx(1 - (found.error / found.baseline) ** 2)
    assert found.skill > 0.5
    assert found.warnings == ()


def test_suites_that_tell_nothing_are_said_to() -> None:
    """Where the suites do not predict, the skill is not positive and a warning says so."""
    rng = np.random.default_rng(3)
    found = deployment.predict(rng.random((12, 2)), rng.random(12), [0.5, 0.5])
    assert found.skill <= 0
    assert "no better than the mean" in found.warnings[0]


@given(st.integers(0, 50), st.integers(1, 3), st.floats(0.1, 100), st.floats(-50, 50))
@settings(deadline=None, max_examples=15)
def test_units_do_not_matter(seed: int, suites: int, scale: float, shift: float) -> None:
    """Other units of scores and outcome change the prediction by those units only."""
    scores, outcome = made(10, suites, seed)
    new = np.full((1, suites), 0.3)
    before = deployment.predict(scores, outcome, new).predicted[0]
    after = deployment.predict(scores * scale + shift, outcome * 5 - 2, new * scale + shift)
    assert after.predicted[0].value == pytest.approx(5 * before.value - 2, rel=1e-6, abs=1e-6)
    expected = (5 * end - 2 for end in ends(before))
    assert ends(after.predicted[0]) == pytest.approx(tuple(expected), rel=1e-6, abs=1e-6)


def test_new_models_are_predicted_one_by_one() -> None:
    """Many new models have the predictions that each has alone, in order."""
    scores, outcome = made(10, 3)
    new = np.random.default_rng(1).random((4, 3))
    found = deployment.predict(scores, outcome, new).predicted
    alone = tuple(deployment.predict(scores, outcome, row).predicted[0] for row in new)
    assert found == alone


def test_extrapolation_is_named() -> None:
    """A score outside those of the models, or a combination that none is near, is warned of."""
    rng = np.random.default_rng(0)
    common = rng.random(15)
    scores = np.column_stack([common, common + 0.02 * rng.standard_normal(15)])
    outcome = common + 0.1 * rng.standard_normal(15)
    middle, apart, beyond = deployment.predict(
        scores, outcome, [[0.5, 0.5], [0.2, 0.8], [0.5, 1.9]]
    ).predicted
    assert middle.warnings == ()
    assert "such a combination" in apart.warnings[0]
    assert "suite 1 lies outside" in beyond.warnings[0]


def test_errors_of_the_scores() -> None:
    """A new score less certain than the old ones widens the interval by slope times what it adds."""
    scores, outcome = made(12, 1)
    old, same, more = np.full((12, 1), 0.1), [0.1], [0.3]
    plain = deployment.predict(scores, outcome, [0.5])
    alike = deployment.predict(scores, outcome, [0.5], errors=old, new_errors=same)
    worse = deployment.predict(scores, outcome, [0.5], errors=old, new_errors=more)
    assert ends(alike.predicted[0]) == pytest.approx(ends(plain.predicted[0]))
    slope = np.polyfit(scores[:, 0], outcome, 1)[0]
    before, after = plain.predicted[0].std_error, worse.predicted[0].std_error
    assert before is not None
    assert after == pytest.approx(math.sqrt(before**2 + slope**2 * (0.09 - 0.01)))
    noisy = deployment.predict(scores, outcome, [0.5], errors=np.full((12, 1), 0.25))
    assert "is error of their scores" in noisy.warnings[0]


def test_a_model_that_stands_alone() -> None:
    """A suite that one model alone tells from the rest does not make the interval narrow."""
    rng = np.random.default_rng(2)
    scores = np.column_stack([rng.random(12), np.zeros(12)])
    scores[0, 1] = 1000.0
    outcome = scores[:, 0] + 0.1 * rng.standard_normal(12)
    low, high = ends(deployment.predict(scores, outcome, [0.5, 0.0]).predicted[0])
    alone_low, alone_high = ends(deployment.predict(scores[:, :1], outcome, [0.5]).predicted[0])
    assert 0.8 < (high - low) / (alone_high - alone_low) < 1.5


def test_one_suite_that_only_one_model_tells_apart() -> None:
    """That model, left out, is predicted by the mean of the others, and nothing is infinite."""
    scores, outcome = np.array([[0.1], [0.1], [0.1], [0.1], [0.9]]), np.array([1, 2, 3, 2, 5.0])
    found = deployment.predict(scores, outcome, [0.5])
    misses = [1 - 7 / 3, 2 - 2, 3 - 5 / 3, 2 - 2, 5 - 2]
    assert found.error == pytest.approx(math.sqrt(np.mean(np.square(misses))))
    assert np.isfinite(ends(found.predicted[0])).all()


def test_no_residual_no_interval() -> None:
    """Outcomes on a straight line leave nothing to read an interval from."""
    scores = np.arange(6.0)[:, None]
    found = deployment.predict(scores, 2 * scores[:, 0], [2.5]).predicted[0]
    assert found.value == pytest.approx(5)
    assert (found.std_error, found.low, found.high) == (None, None, None)
    assert found.warnings[-1].endswith("there is no interval")


def test_few_models_are_said_to_be_few() -> None:
    """Below ten models every prediction carries the warning; below four there is none."""
    found = deployment.predict(*made(9, 1), [0.5])
    assert "only 9 models" in found.warnings[0]
    assert found.predicted[0].warnings == found.warnings
    assert deployment.predict(*made(10, 1), [0.5]).warnings == ()


def test_rank_correlation_is_scipy() -> None:
    """The value is Spearman's as in scipy, ties included, and the interval its formula's."""
    from scipy.stats import spearmanr

    rng = np.random.default_rng(4)
    a = rng.integers(0, 6, 14).astype(float)
    b = a + 4 * rng.standard_normal(14)
    found = deployment.rank_correlation(a, b)
    r, _ = spearmanr(a, b)
    assert isinstance(r, float)
    half = 1.959964 * math.sqrt((1 + r * r / 2) / 11)
    assert found.value == pytest.approx(r)
    expected = (math.tanh(math.atanh(r) - half), math.tanh(math.atanh(r) + half))
    assert ends(found) == pytest.approx(expected)
    other = deployment.rank_correlation(a, -b)
    assert ends(other) == pytest.approx((-expected[1], -expected[0]))


def test_perfect_ranks_have_a_width() -> None:
    """The same order twice is a correlation of 1, whose interval is no point."""
    found = deployment.rank_correlation(np.arange(8), np.arange(8) ** 3)
    low, high = ends(found)
    assert (found.value, high) == (1.0, 1.0)
    assert 0.5 < low < 0.99
    assert any("too narrow" in warning for warning in found.warnings)


@pytest.mark.parametrize(
    ("change", "match"),
    [
        ({"scores": np.ones((3, 1)), "outcome": np.ones(3)}, "scores: 3 models; allowed: 4"),
        ({"scores": np.ones(5)}, r"scores: shape \(5,\)"),
        ({"scores": np.full((5, 1), math.nan)}, "scores: value 0 is nan"),
        ({"scores": np.ones((5, 1))}, "scores: suite 0 is 1.0 for all"),
        ({"outcome": np.ones(4)}, "outcome: 4 values"),
        ({"outcome": np.ones(5)}, "outcome: 1.0 for all"),
        ({"new": [0.1, 0.2]}, r"new: shape \(1, 2\); allowed: \(m, 1\)"),
        ({"new": [math.nan]}, "new: value 0 is nan"),
        ({"level": 1.0}, "level: 1.0"),
        ({"errors": np.ones((4, 1))}, r"errors: shape \(4, 1\); allowed: \(5, 1\)"),
        ({"errors": np.full((5, 1), -1.0), "new_errors": [0.1]}, "errors: -1.0; allowed: from 0"),
        ({"errors": np.full((5, 1), -1.0)}, "errors: -1.0; allowed: from 0"),
        ({"new_errors": [0.1]}, "new_errors: given without errors"),
    ],
)
def test_refused(change: dict, match: str) -> None:
    """What cannot be predicted from is refused in one line that says what is allowed."""
    scores, outcome = made(5, 1)
    given = {"scores": scores, "outcome": outcome, "new": [0.5], **change}
    with pytest.raises(ValueError, match=match):
        deployment.predict(**given)


@pytest.mark.parametrize(
    ("a", "b", "match"),
    [
        ([1, 2, 3], [1, 2, 3], "a: 3 models"),
        ([1, 2, 3, 4], [1, 2, 3], "b: 3 values"),
        ([1, 2, 3, 4], [1, 1, 1, 1], "b: all values are 1.0"),
        ([1, 2, 3, math.nan], [1, 2, 3, 4], "a: value 3 is nan"),
    ],
)
def test_ranks_refused(a: list[float], b: list[float], match: str) -> None:
    """What has no rank correlation is refused."""
    with pytest.raises(ValueError, match=match):
        deployment.rank_correlation(a, b)


def test_calibration() -> None:
    """Predictive intervals and rank correlations cover as often as they claim."""
    found = list(predictions.cases(runs=0, quick=True))
    assert [case for case in found if case.surely_breaks()] == []
    assert any(case.claimed for case in found)


def test_predictions_stay_within_bounds() -> None:
    """A rate beyond 1 is cut, with a warning; an interval wholly beyond is none."""
    scores = np.linspace(0.1, 0.5, 8)[:, None]
    outcome = np.linspace(0.3, 0.9, 8) + 0.01 * (-1.0) ** np.arange(8)
    free = deployment.predict(scores, outcome, [[0.3], [0.56], [0.9]])
    found = deployment.predict(scores, outcome, [[0.3], [0.56], [0.9]], bounds=(0.0, 1.0))
    assert found.predicted[0] == free.predicted[0]
    near, far = found.predicted[1:]
    assert near.high == 1
    assert free.predicted[1].low == near.low
    assert far.value == 1
    assert far.low is None
    assert far.high is None
    assert "outside the bounds" in far.warnings[-1]
    with pytest.raises(ValueError, match=r"outcome: 0\.31 to"):
        deployment.predict(scores, outcome, [[0.3]], bounds=(0.5, 1.0))
