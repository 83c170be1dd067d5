"""Pooling by random effects, and meta-regression on one moderator."""

from __future__ import annotations

import math
import warnings

import numpy as np
import pytest
import statsmodels.api as sm
from benchmarks.calibrations import meta_analysis as calibration
from hypothesis import given
from hypothesis import strategies as st
from statsmodels.stats.meta_analysis import combine_effects

from modelmetry.statistics import meta_analysis

EFFECTS = st.floats(-1, 1).map(lambda x: round(x, 3))
ERRORS = st.floats(0.01, 1).map(lambda x: round(x, 3))
STUDIES = st.lists(st.tuples(EFFECTS, ERRORS), min_size=2, max_size=12)


def _drawn(seed: int, k: int, tau: float) -> tuple[np.ndarray, np.ndarray]:
    stream = np.random.default_rng(seed)
    errors = stream.uniform(0.05, 0.3, k)
    return stream.normal(0.2, np.hypot(tau, errors)), errors


@pytest.mark.parametrize(("seed", "k"), [(0, 3), (1, 8), (2, 30)])
def test_pooling_is_that_of_statsmodels(seed: int, k: int) -> None:
    """Mean, variance between studies, Hartung-Knapp error, Q and I^2 equal another package's."""
    values, errors = _drawn(seed, k, 0.4)
    found = meta_analysis.pool(values, errors)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        twin = combine_effects(values, errors**2, method_re="iterated", use_t=True)
    assert found.tau**2 == pytest.approx(twin.tau2, rel=1e-4, abs=1e-6)
    assert found.mean.value == pytest.approx(twin.mean_effect_re, rel=1e-5)
    assert found.mean.std_error == pytest.approx(twin.sd_eff_w_re_hksj, rel=1e-5)
    assert (found.q, found.i_squared) == pytest.approx((twin.q, twin.i2))


def test_the_interval_of_tau_inverts_q() -> None:
    """At the ends of its interval the weighted squares are quantiles of chi-square."""
    from scipy.stats import chi2

    values, errors = _drawn(3, 10, 0.4)
    found = meta_analysis.pool(values, errors)
    for end, quantile in ((found.tau_low, 0.975), (found.tau_high, 0.025)):
        weights = 1 / (errors**2 + end**2)
        mean = (weights * values).sum() / weights.sum()
        squares = (weights * (values - mean) ** 2).sum()
        assert squares == pytest.approx(chi2.ppf(quantile, 9), rel=1e-6)


@given(STUDIES)
def test_the_interval_has_width_and_holds_the_mean(studies: list[tuple[float, float]]) -> None:
    """Whatever the studies, the mean lies within them and inside an interval that is no point."""
    values, errors = np.array(studies).T
    found = meta_analysis.pool(values, errors)
    mean = found.mean
    assert values.min() - 1e-9 <= mean.value <= values.max() + 1e-9
    assert mean.low < mean.value < mean.high
    assert 0 <= found.i_squared < 1
    assert found.weights.sum() == pytest.approx(1)
    assert found.tau_high is None or found.tau_low <= found.tau_high


@given(STUDIES, st.floats(0.5, 3), st.floats(-2, 2))
def test_another_scale_changes_nothing_else(
    studies: list[tuple[float, float]], scale: float, shift: float
) -> None:
    """Values scaled and moved have the mean and interval scaled and moved."""
    values, errors = np.array(studies).T
    one = meta_analysis.pool(values, errors)
    two = meta_analysis.pool(scale * values + shift, scale * errors)
    for name in ("value", "low", "high"):
        expected = scale * getattr(one.mean, name) + shift
        assert getattr(two.mean, name) == pytest.approx(expected, abs=1e-6)
    assert two.tau == pytest.approx(scale * one.tau, abs=1e-6)


def test_prediction_reaches_beyond_the_mean() -> None:
    """One more study varies by tau on top of the mean's error."""
    found = meta_analysis.pool(*_drawn(3, 12, 0.4))
    low, high = found.prediction
    assert low < found.mean.low < found.mean.high < high


def test_one_study_stands_for_itself() -> None:
    """One study has its own normal interval, no heterogeneity, and a warning."""
    found = meta_analysis.pool([0.1], [0.05])
    assert (found.mean.low, found.mean.high) == pytest.approx((0.1 - 0.098, 0.1 + 0.098), abs=1e-4)
    assert found.prediction is found.tau_low is found.tau_high is None
    assert found.p == 1.0
    assert "says nothing of others" in found.mean.warnings[0]


def test_errors_of_zero_break_nothing() -> None:
    """One error of 0 counts as the smallest other; where all are 0 the spread alone counts."""
    mixed = meta_analysis.pool([0.1, 0.2, 0.4], [0.1, 0.0, 0.2])
    same = meta_analysis.pool([0.1, 0.2, 0.4], [0.1, 0.1, 0.2])
    assert (mixed.mean.low, mixed.mean.high) == (same.mean.low, same.mean.high)
    assert mixed.mean.warnings[0].startswith("1 of 3 errors are 0")
    spread = meta_analysis.pool([1.0, 2.0, 3.0], [0.0, 0.0, 0.0])
    assert spread.mean.std_error == pytest.approx(1 / math.sqrt(3))


@pytest.mark.parametrize("values", [[0.3], [0.3, 0.3, 0.3]])
def test_no_error_and_no_spread_is_no_interval(values: list[float]) -> None:
    """Where nothing tells how far to trust it there is no interval, and a sentence says why."""
    found = meta_analysis.pool(values, np.zeros(len(values)))
    assert found.mean.low is found.mean.high is found.mean.std_error is None
    assert found.mean.warnings[-1].startswith("there is no interval")


def test_equal_studies_keep_the_error_that_they_have() -> None:
    """Estimates that chance made alike are no more certain than their errors say."""
    found = meta_analysis.pool([0.2] * 9, [0.3] * 9)
    assert found.mean.std_error == pytest.approx(0.1)
    assert found.tau == 0.0
    assert found.tau_high is None


@pytest.mark.parametrize("groups", [None, "aabbccddeeff"])
def test_the_slope_is_that_of_weighted_least_squares(groups: str | None) -> None:
    """At the variance found, slope and error are those of another package's weighted fit."""
    values, errors = _drawn(4, 12, 0.3)
    x = np.random.default_rng(5).normal(size=12)
    labels = None if groups is None else list(groups)
    found = meta_analysis.regress(values + 0.5 * x, errors, x, labels)
    dummies = np.ones((12, 1)) if groups is None else np.kron(np.eye(6), np.ones((2, 1)))
    design = np.column_stack([dummies, x])
    fit = sm.WLS(values + 0.5 * x, design, weights=1 / (errors**2 + found.tau**2)).fit()
    assert found.slope.value == pytest.approx(fit.params[-1])
    assert found.intercepts == pytest.approx(fit.params[:-1])
    # Where the variance between studies is not 0, their squares are what is expected of them.
    scale = max(1.0, fit.scale)
    assert found.slope.std_error == pytest.approx(fit.bse[-1] * math.sqrt(scale / fit.scale))
    assert found.df == fit.df_resid
    if found.tau > 0:
        assert fit.scale == pytest.approx(1, rel=1e-6)


def test_groups_have_intercepts_of_their_own() -> None:
    """Groups that lie far apart at other moderators leave the slope within them as it is."""
    x = np.array([0.0, 1, 2, 10, 11, 12])
    values = np.array([0, 1, 2, -50, -49, -48]) / 10
    errors = np.full(6, 0.01)
    apart = meta_analysis.regress(values, errors, x, list("aaabbb"))
    assert apart.slope.value == pytest.approx(0.1)
    assert meta_analysis.regress(values, errors, x).slope.value < 0


def test_studies_on_a_line_keep_an_interval() -> None:
    """A perfect fit has the width that its errors give it; without errors it has no interval."""
    x = [0.0, 1.0, 2.0, 3.0]
    found = meta_analysis.regress(x, [0.1] * 4, x)
    assert found.slope.low < 1 < found.slope.high
    bare = meta_analysis.regress(x, [0.0] * 4, x)
    assert bare.slope.low is None
    assert bare.p == 1.0


def test_two_studies_have_a_slope_without_interval() -> None:
    """As many studies as coefficients leave nothing to judge the slope by."""
    found = meta_analysis.regress([0.1, 0.4], [0.1, 0.1], [1, 2])
    assert found.slope.value == pytest.approx(0.3)
    assert found.slope.low is None
    assert "2 studies for 2 coefficients" in found.slope.warnings[0]


@pytest.mark.parametrize(
    ("call", "match"),
    [
        (lambda: meta_analysis.pool([], []), "no values"),
        (lambda: meta_analysis.pool([0.1, 0.2], [0.1]), "allowed: 2"),
        (lambda: meta_analysis.pool([0.1, math.nan], [0.1, 0.1]), "nan"),
        (lambda: meta_analysis.pool([0.1, 0.2], [0.1, -0.1]), "allowed: from 0"),
        (lambda: meta_analysis.pool([0.1], [0.1], level=95), "between 0 and 1"),
        (lambda: meta_analysis.regress([1, 2, 3], [1, 1, 1], [4, 4, 4]), "does not vary"),
        (lambda: meta_analysis.regress([1, 2], [1, 1], [4, 5], ["a", "b"]), "does not vary"),
    ],
)
def test_refused(call, match: str) -> None:
    """Missing, impossible or useless numbers are refused in one line."""
    with pytest.raises(ValueError, match=match):
        call()


def test_the_calibration_holds() -> None:
    """In simulations the pooled mean, one more study, and the slope are covered as promised."""
    found = list(calibration.cases(300, seed=2, quick=True))
    assert {case.method for case in found} == {
        "balanced.difference",
        "meta_analysis.pool",
        "meta_analysis.pool, one more study",
        "meta_analysis.regress",
    }
    assert [case for case in found if case.surely_breaks()] == []
    assert all(case.claimed for case in found)
