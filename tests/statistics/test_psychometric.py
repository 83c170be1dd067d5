"""Accuracy along difficulty."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from modelmetry.statistics import psychometric
from modelmetry.statistics.psychometric import Curve


def draw(
    rng: np.random.Generator, at: float, slope: float, guess: float, per: int, top: int = 8
) -> tuple[np.ndarray, np.ndarray]:
    """Right and wrong answers at difficulties 1 to `top` from a known curve."""
    x = np.repeat(np.arange(1.0, top + 1), per)
    p = guess + (1 - guess) / (1 + np.exp(-slope * (x - at)))
    return x, (rng.random(len(x)) < p).astype(float)


def log_likelihood(x: np.ndarray, y: np.ndarray, guess: float, a: float, b: float) -> float:
    """The Bernoulli log-likelihood of a curve, item by item."""
    total = 0.0
    for difficulty, score in zip(x, y, strict=True):
        p = guess + (1 - guess) / (1 + math.exp(-(a + b * difficulty)))
        total += score * math.log(p) + (1 - score) * math.log(1 - p)
    return total


@pytest.mark.parametrize("guess", [0.0, 0.25])
def test_fit_is_the_maximum(guess: float) -> None:
    """No curve nearby is more likely, and scipy's minimizer finds the same one."""
    from scipy.optimize import minimize

    x, y = draw(np.random.default_rng(1), 4.4, -1.1, guess, 25)
    found = psychometric.fit(x, y, guess=guess)
    assert found.intercept is not None
    assert found.slope is not None
    best = minimize(lambda c: -log_likelihood(x, y, guess, *c), [4.0, -1.0], method="Nelder-Mead")
    assert (found.intercept, found.slope) == pytest.approx(tuple(best.x), abs=1e-3)
    assert log_likelihood(x, y, guess, found.intercept, found.slope) >= -best.fun - 1e-9


def test_statsmodels() -> None:
    """Without guessing, coefficients and clustered errors are those of a logit in statsmodels."""
    import statsmodels.api as sm

    x, y = draw(np.random.default_rng(2), 4.4, -1.1, 0.0, 25)
    clusters = np.arange(len(x)) // 2
    found = psychometric.fit(x, y, clusters)
    fitted = sm.Logit(y, sm.add_constant(x)).fit(
        disp=False, cov_type="cluster", cov_kwds={"groups": clusters, "use_correction": False}
    )
    assert (found.intercept, found.slope) == pytest.approx(tuple(fitted.params))
    assert found.threshold is not None
    a, b = fitted.params
    gradient = np.array([-1 / b, a / b**2])
    variance = gradient @ fitted.cov_params() @ gradient * 100 / 99
    assert found.threshold.std_error == pytest.approx(math.sqrt(variance))


def test_fieller_ends_are_where_the_curve_meets_halfway() -> None:
    """At both ends of the interval the logit is one t quantile of its own error from 0."""
    import statsmodels.api as sm
    from scipy.stats import t

    x, y = draw(np.random.default_rng(3), 4.4, -1.1, 0.0, 12)
    found = psychometric.fit(x, y).threshold
    assert found is not None
    fitted = sm.Logit(y, sm.add_constant(x)).fit(disp=False, cov_type="HC0")
    covariance = fitted.cov_params() * 96 / 95
    for end in (found.low, found.high):
        point = np.array([1.0, end or 0.0])
        ratio = abs(point @ fitted.params) / math.sqrt(point @ covariance @ point)
        assert ratio == pytest.approx(t.ppf(0.975, 95))


def test_scores_between_right_and_wrong() -> None:
    """A repeated item's mean counts like its repeats in one cluster."""
    rng = np.random.default_rng(4)
    x, y = draw(rng, 4.4, -1.1, 0.1, 30)
    _, again = draw(rng, 4.4, -1.1, 0.1, 30)
    joined = psychometric.fit(x, (y + again) / 2, guess=0.1)
    apart = psychometric.fit(
        np.tile(x, 2), np.concatenate([y, again]), np.tile(np.arange(len(x)), 2), guess=0.1
    )
    assert joined.threshold is not None
    assert apart.threshold is not None
    assert joined.threshold.value == pytest.approx(apart.threshold.value)
    assert joined.threshold.std_error == pytest.approx(apart.threshold.std_error)


def test_coverage() -> None:
    """The 95 % interval of the threshold holds the truth in about 95 % of runs."""
    rng, runs, covered, missed = np.random.default_rng(6), 400, 0, 0
    for _ in range(runs):
        x, y = draw(rng, 4.4, -1.1, 0.2, 15)
        found = psychometric.fit(x, y, guess=0.2).threshold
        if found is None or found.low is None or found.high is None:
            missed += 1
        else:
            covered += found.low <= 4.4 <= found.high
    assert missed < 0.05 * runs
    assert covered / (runs - missed) >= 0.92


@pytest.mark.parametrize(
    ("x", "y", "guess", "match"),
    [
        ([3] * 10, [0, 1] * 5, 0.0, "all items have difficulty 3"),
        ([1, 2] * 10, [1] * 20, 0.0, "saturated"),
        ([1, 2] * 10, [0] * 20, 0.1, "floor"),
        ([1, 2, 3, 4] * 10, [1, 1, 0, 0] * 10, 0.0, "step"),
        ([1, 2, 3, 4] * 10, [0, 0, 1, 1] * 10, 0.0, "step|does not fall"),
        ([1, 2] * 50, [0, 1, 1, 0, 0, 0, 1, 1, 0, 1] * 10, 0.0, "does not fall|from flat|outside"),
        ([1, 2, 3] * 4, [1, 1, 1, 0, 1, 0, 1, 0, 0, 1, 0, 1], 0.0, "from flat"),
    ],
)
def test_no_threshold(x: list[float], y: list[float], guess: float, match: str) -> None:
    """Where the data cannot say, there is no threshold but a reason."""
    found = psychometric.fit(x, y, guess=guess)
    assert found.threshold is None
    assert len(found.warnings) == 1
    assert any(part in found.warnings[0] for part in match.split("|"))


def test_one_cluster() -> None:
    """One cluster gives a threshold without an interval."""
    x, y = draw(np.random.default_rng(1), 4.4, -1.1, 0.0, 25)
    found = psychometric.fit(x, y, np.zeros(len(x))).threshold
    assert found is not None
    assert (found.std_error, found.low, found.high) == (None, None, None)
    assert found.warnings == ("an interval needs at least 2 clusters, got 1",)


def test_curve() -> None:
    """The curve is halfway between guessing and 1 at its threshold, and falls to the guess rate."""
    curve = Curve(threshold=None, intercept=4.0, slope=-1.0, lowest=1, highest=8)
    assert curve.at([4.0, 1e9, -1e9], 0.2) == pytest.approx([0.6, 0.2, 1.0])
    empty = Curve(threshold=None, intercept=None, slope=None, lowest=1, highest=8)
    assert empty.at([4.0]) is None


@given(
    st.lists(
        st.tuples(st.integers(0, 4), st.sampled_from([0.0, 0.5, 1.0])), min_size=1, max_size=60
    ),
    st.sampled_from([0.0, 0.1, 0.5]),
)
@settings(deadline=None, max_examples=50)
def test_any_data(sample: list[tuple[int, float]], guess: float) -> None:
    """Any scores give a threshold inside what was tested with its interval around it, or a reason."""
    x, y = np.array([d for d, _ in sample]), np.array([v for _, v in sample])
    found = psychometric.fit(x, y, guess=guess)
    if found.threshold is None:
        assert found.warnings
        return
    assert x.min() <= found.threshold.value <= x.max()
    if found.threshold.low is not None and found.threshold.high is not None:
        assert found.threshold.low < found.threshold.value < found.threshold.high
    shifted = psychometric.fit(x * 10 + 3, y[:], guess=guess).threshold
    assert shifted is not None
    assert shifted.value == pytest.approx(10 * found.threshold.value + 3)


@pytest.mark.parametrize(
    ("x", "y", "guess"),
    [([], [], 0.0), ([1, 2], [1], 0.0), ([1, 2], [1, 2], 0.0), ([1, 2], [1, 0], 1.0)],
)
def test_refused(x: list[float], y: list[float], guess: float) -> None:
    """What cannot be fitted is refused with what is allowed."""
    with pytest.raises(ValueError, match="allowed"):
        psychometric.fit(x, y, guess=guess)
