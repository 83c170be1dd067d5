"""Penalized logistic regression."""

from __future__ import annotations

import time
from typing import Any

import numpy as np
import pytest
import statsmodels.api as sm
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.optimize import minimize

from modelmetry.statistics import ridge_logistic


def drawn(seed: int, n: int = 300, features: int = 3):
    """Outcomes and features on very different scales."""
    stream = np.random.default_rng(seed)
    x = stream.normal(size=(n, features)) * 10.0 ** np.arange(features) + 5
    logits = (x[:, 0] - 5) - 0.5 * (x[:, 1] - 5) / 10 - 0.7
    return (stream.random(n) < 1 / (1 + np.exp(-logits))).astype(float), x


def slow(y, x, penalty: float, w, balanced: bool):
    """The least penalized loss by a general search: intercept and slopes."""
    center = np.average(x, axis=0, weights=w)
    z = (x - center) / np.sqrt(np.average((x - center) ** 2, axis=0, weights=w))
    if balanced:
        share = np.average(y, weights=w)
        w = w * np.where(y == 1, 0.5 / share, 0.5 / (1 - share))

    def loss(theta):
        logits = theta[0] + z @ theta[1:]
        signs = 2 * y - 1
        return w @ np.logaddexp(0, -signs * logits) + penalty / 2 * theta[1:] @ theta[1:]

    return minimize(loss, np.zeros(x.shape[1] + 1), method="BFGS", options={"gtol": 1e-7}).x


@given(st.integers(0, 500), st.floats(0.05, 50), st.booleans())
@settings(max_examples=15, deadline=None)
def test_it_is_the_least_penalized_loss(seed: int, penalty: float, balanced: bool) -> None:
    """A general optimizer of the written loss ends at the same model, with any weights."""
    y, x = drawn(seed, 60)
    w = np.random.default_rng(seed).uniform(0.5, 2, 60)
    y[:2] = 0, 1
    found = ridge_logistic.fit(y, x, penalty=penalty, balanced=balanced, weights=w)
    twin = slow(y, x, penalty, w, balanced)
    assert [found.intercept, *found.slopes] == pytest.approx(twin, abs=2e-4)


@pytest.mark.parametrize("balanced", [False, True])
def test_it_is_that_of_scikit_learn(balanced: bool) -> None:
    """`LogisticRegression` with C = 1 / penalty on standardized features, where it is installed."""
    linear = pytest.importorskip("sklearn.linear_model")
    y, x = drawn(1)
    z = (x - x.mean(axis=0)) / x.std(axis=0)
    weight = "balanced" if balanced else None
    twin = linear.LogisticRegression(C=0.4, class_weight=weight, tol=1e-10, max_iter=10_000)
    twin.fit(z, y)
    found = ridge_logistic.fit(y, x, penalty=2.5, balanced=balanced)
    assert [found.intercept, *found.slopes] == pytest.approx(
        [twin.intercept_[0], *twin.coef_[0]], abs=1e-6
    )
    assert found.probabilities(x) == pytest.approx(twin.predict_proba(z)[:, 1], abs=1e-6)


def test_without_a_penalty_to_speak_of_it_is_maximum_likelihood() -> None:
    """A tiny penalty gives the coefficients and clustered errors of statsmodels."""
    y, x = drawn(2)
    clusters = np.arange(300) // 5
    found = ridge_logistic.fit(y, x, penalty=1e-9, clusters=clusters)
    z = sm.add_constant((x - x.mean(axis=0)) / x.std(axis=0))
    twin = sm.Logit(y, z).fit(disp=False, cov_type="cluster", cov_kwds={"groups": clusters})
    assert found.slopes == pytest.approx(twin.params[1:], rel=1e-6)
    errors = np.array([e.std_error for e in found.coefficients])
    # statsmodels has (n-1) / (n-k) besides.
    assert errors * np.sqrt(299 / 296) == pytest.approx(twin.bse[1:], rel=1e-6)
    assert "t with 59 df" in found.coefficients[0].method


@given(st.integers(0, 300))
@settings(max_examples=10, deadline=None)
def test_whole_weights_are_repeats(seed: int) -> None:
    """Rows that weigh 0, 1 or 2 are rows left out, once, or twice."""
    y, x = drawn(seed, 80)
    y[:2] = 0, 1
    times = np.random.default_rng(seed).integers(0, 3, 80)
    times[:2] = 1
    for balanced in (False, True):
        one = ridge_logistic.fit(y, x, weights=times, balanced=balanced)
        two = ridge_logistic.fit(
            np.repeat(y, times), np.repeat(x, times, axis=0), balanced=balanced
        )
        assert one.probabilities(x) == pytest.approx(two.probabilities(x), abs=1e-7)


@given(st.integers(0, 300), st.floats(0.01, 100), st.floats(-1000, 1000))
@settings(max_examples=10, deadline=None)
def test_units_do_not_matter(seed: int, scale: float, shift: float) -> None:
    """Features in other units give the same predictions; swapped outcomes give one less them."""
    y, x = drawn(seed, 80)
    y[:2] = 0, 1
    found = ridge_logistic.fit(y, x)
    other = ridge_logistic.fit(y, x * scale + shift)
    assert other.probabilities(x * scale + shift) == pytest.approx(found.probabilities(x), abs=1e-6)
    swapped = ridge_logistic.fit(1 - y, x)
    assert swapped.probabilities(x) == pytest.approx(1 - found.probabilities(x), abs=1e-7)


def test_a_penalty_shrinks_and_spares_the_intercept() -> None:
    """Slopes fall toward 0 as it grows, and the mean prediction stays at the share."""
    y, x = drawn(3)
    sizes = []
    for penalty in (0.1, 10, 1000, 1e9):
        found = ridge_logistic.fit(y, x, penalty=penalty)
        sizes.append(float(found.slopes @ found.slopes))
        assert found.probabilities(x).mean() == pytest.approx(y.mean(), abs=1e-6)
    assert sizes == sorted(sizes, reverse=True)
    assert sizes[-1] < 1e-6
    half = ridge_logistic.fit(y, x, penalty=1e9, balanced=True)
    assert half.probabilities(x) == pytest.approx(0.5, abs=1e-4)


@pytest.mark.parametrize("outcome", [0, 1])
def test_one_outcome_gives_a_constant(outcome: int) -> None:
    """The same probability for all, near the outcome, no interval, and a warning."""
    y, x = drawn(4, 30)
    found = ridge_logistic.fit(y * 0 + outcome, x)
    rate = (30 * outcome + 0.5) / 31
    assert found.constant
    assert found.probabilities(x) == pytest.approx(rate)
    assert "the model is a constant" in found.warnings[-1]
    assert all(e.low is None and e.warnings for e in found.coefficients)


def test_rows_that_weigh_nothing_are_not_there() -> None:
    """Where all positives weigh 0 the model is a constant."""
    y, x = drawn(4, 30)
    found = ridge_logistic.fit(y, x, weights=1 - y)
    assert found.constant
    assert found.positives == 0


def test_constant_columns_have_no_slope() -> None:
    """They are named, and the others are as without them."""
    y, x = drawn(5)
    found = ridge_logistic.fit(y, np.column_stack([x[:, 0], np.full(300, 7.3), x[:, 1]]))
    bare = ridge_logistic.fit(y, x[:, :2])
    assert found.warnings == ("constant columns have no slope: 1",)
    assert found.slopes[1] == 0
    assert found.slopes[[0, 2]] == pytest.approx(bare.slopes)
    assert found.coefficients[1].low is None


def test_separation_is_said_and_finite() -> None:
    """Outcomes that a feature tells apart: finite slopes, and a warning."""
    x = np.arange(40.0)[:, None]
    found = ridge_logistic.fit(x[:, 0] >= 20, x)
    assert np.isfinite(found.slopes).all()
    assert "the penalty alone holds the slopes" in found.warnings[0]
    assert ridge_logistic.fit(x[:, 0] >= 20, x, penalty=1e-6).slopes > found.slopes


def test_it_reaches_the_end_from_afar() -> None:
    """Huge outliers, where plain Newton steps overshoot, end where the gradient is 0."""
    y, x = drawn(6, 200)
    x[:5] = 1e6
    for penalty in (1e-6, 1.0):
        found = ridge_logistic.fit(y, x, penalty=penalty)
        z = (x - found.center) / found.scale
        score = z.T @ (y - found.probabilities(x)) - penalty * found.slopes
        assert np.abs(score).max() < 1e-4
        assert found.warnings == ()


def test_a_search_from_elsewhere_ends_at_the_same_model() -> None:
    """`quick` of some rows, from the model of all, predicts as a fit of those rows does."""
    y, x = drawn(7)
    near = ridge_logistic.fit(y, x)
    for balanced in (False, True):
        found = ridge_logistic.quick(y[:90], x[:90], 1.0, balanced, near, 1e-12)
        twin = ridge_logistic.fit(y[:90], x[:90], balanced=balanced)
        assert found == pytest.approx(twin.logits(x[:90]), abs=1e-4)


@given(st.integers(0, 300), st.booleans())
@settings(max_examples=15, deadline=None)
def test_a_refit_is_the_fit(seed: int, balanced: bool) -> None:
    """`again` of rows with repeats, from the model of others, is `fit` of them; of one outcome too."""
    y, x = drawn(seed, 90)
    x[:, 2] = 4.0
    y[:2] = 0, 1
    near = ridge_logistic.fit(y, x, balanced=not balanced)
    times = np.random.default_rng(seed).integers(0, 3, 90)
    times[:2] = 1
    found = ridge_logistic.again(y, x, times.astype(float), 2.0, balanced, near)
    twin = ridge_logistic.fit(y, x, penalty=2.0, balanced=balanced, weights=times)
    assert found.logits(x) == pytest.approx(twin.logits(x), abs=1e-3)
    assert found.slopes[2] == 0
    one = ridge_logistic.again(y * 0, x, times.astype(float), 2.0, balanced, near)
    assert one.constant
    assert one.probabilities(x) == pytest.approx(0.5 / (times.sum() + 1))


def test_speed() -> None:
    """100,000 rows of ten features take well under a second."""
    stream = np.random.default_rng(0)
    x = stream.normal(size=(100_000, 10))
    y = stream.random(100_000) < 1 / (1 + np.exp(2 - x[:, 0]))
    started = time.process_time()
    ridge_logistic.fit(y, x)
    assert time.process_time() - started < 2


@pytest.mark.parametrize(
    ("changed", "match"),
    [
        ({"outcomes": [1, 0, 0.5, 0]}, r"outcomes: value 2 is 0.5; allowed: 0 and 1"),
        ({"design": [[1.0], [2.0]]}, "design: 2 rows; allowed: 4"),
        ({"penalty": 0}, "penalty: 0; allowed: above 0"),
        ({"weights": [0, 0, 0, 0]}, "weights: below 0, or all 0"),
        ({"weights": [1, 1, -1, 1]}, "weights: below 0, or all 0"),
    ],
)
def test_refused(changed: dict[str, Any], match: str) -> None:
    """Shares, designs of other rows, no penalty, and weights that cannot be are refused."""
    valid = {"outcomes": [1, 0, 1, 0], "design": [[1.0], [2.0], [1.5], [0.0]]}
    with pytest.raises(ValueError, match=match):
        ridge_logistic.fit(**{**valid, **changed})


def test_other_columns_are_refused() -> None:
    """A design with another number of features cannot be predicted from."""
    y, x = drawn(8, 30)
    with pytest.raises(ValueError, match="design: 2 columns; allowed: 3"):
        ridge_logistic.fit(y, x).logits(x[:, :2])
