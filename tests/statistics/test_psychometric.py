"""Accuracy along difficulty."""

from __future__ import annotations

import math
import time
from collections.abc import Callable

import numpy as np
import pytest
from benchmarks.calibrations import difficulty as calibration
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


def log_likelihood(
    x: np.ndarray, y: np.ndarray, guess: float, a: float, b: float, lapse: float
) -> float:
    """The Bernoulli log-likelihood of a curve, item by item; out of bounds nothing is likely."""
    if not 0 <= lapse <= 0.2:
        return -1e9
    total = 0.0
    for difficulty, score in zip(x, y, strict=True):
        p = guess + (1 - guess) * (1 - lapse) / (1 + math.exp(-(a + b * difficulty)))
        total += score * math.log(p) + (1 - score) * math.log(1 - p)
    return total


def draw_lapsing(
    seed: int, lapse: float, guess: float = 0.0, per: int = 60
) -> tuple[np.ndarray, ...]:
    """Answers of a respondent that is halfway at 4.4, of which some known ones are lost."""
    rng = np.random.default_rng(seed)
    x, y = draw(rng, 4.4, -1.5, 0.0, per)
    y *= rng.random(len(y)) >= lapse
    return x, np.maximum(y, rng.random(len(y)) < guess)


@pytest.mark.parametrize(("guess", "lapse"), [(0.0, 0.0), (0.0, 0.08), (0.25, 0.1)])
def test_fit_is_the_maximum(guess: float, lapse: float) -> None:
    """No curve nearby is more likely, and scipy's minimizer finds the same one."""
    from scipy.optimize import minimize

    x, y = draw_lapsing(1, lapse, guess)
    found = psychometric.fit(x, y, guess=guess).coefficients
    assert found is not None
    starts = ([6.0, -1.4, rate] for rate in (0.01, 0.1))
    best = min(
        (
            minimize(lambda c: -log_likelihood(x, y, guess, *c), c, method="Nelder-Mead")
            for c in starts
        ),
        key=lambda result: result.fun,
    )
    assert found == pytest.approx(tuple(best.x), abs=5e-3)
    assert log_likelihood(x, y, guess, *found) >= -best.fun - 1e-6


def test_statsmodels() -> None:
    """Where no lapse is found, coefficients and clustered errors are those of statsmodels' logit."""
    import statsmodels.api as sm

    x, y = draw(np.random.default_rng(5), 4.4, -1.1, 0.0, 25)
    clusters = np.arange(len(x)) // 2
    found = psychometric.fit(x, y, clusters)
    fitted = sm.Logit(y, sm.add_constant(x)).fit(
        disp=False, cov_type="cluster", cov_kwds={"groups": clusters, "use_correction": False}
    )
    a, b = fitted.params
    assert found.coefficients == pytest.approx((a, b, 0.0), abs=1e-5)
    assert found.threshold is not None
    assert found.slope is not None
    gradient = np.array([-1 / b, a / b**2])
    variance = gradient @ fitted.cov_params() @ gradient * 100 / 99
    assert found.threshold.std_error == pytest.approx(math.sqrt(variance), rel=1e-4)
    error = math.sqrt(fitted.cov_params()[1, 1] * 100 / 99)
    assert found.slope.std_error == pytest.approx(error, rel=1e-4)


def test_ends_are_where_the_profile_loses_what_chance_allows() -> None:
    """At each end twice the loss of log-likelihood, by scipy, is the squared t quantile."""
    from scipy.optimize import minimize
    from scipy.stats import t

    x, y = draw_lapsing(3, 0.08)
    found = psychometric.fit(x, y)
    assert found.coefficients is not None
    top = log_likelihood(x, y, 0.0, *found.coefficients)
    allowed = t.ppf(0.975, len(x) - 1) ** 2

    def loss(curve: Callable[[np.ndarray], list[float]], start: list[float]) -> float:
        best = minimize(
            lambda c: -log_likelihood(x, y, 0.0, *curve(c)), start, method="Nelder-Mead"
        )
        return 2 * (top + best.fun)

    ends = [
        end
        for each in (found.threshold, found.slope, found.lapse)
        for end in ((each.low, each.high) if each else ())
    ]
    assert len(ends) == 6
    for k, end in enumerate(ends):
        at = end if end is not None else math.nan
        lost = (
            loss(lambda c, at=at: [-at * c[0], c[0], c[1]], [-1.5, 0.08])
            if k < 2
            else loss(lambda c, at=at: [c[0] * at, -at, c[1]], [4.4, 0.08])
            if k < 4
            else loss(lambda c, at=at: [c[0], c[1], at], [6.6, -1.5])
        )
        assert lost == pytest.approx(allowed, rel=0.02)


def test_errors_are_those_of_a_numerical_sandwich() -> None:
    """Second differences of the likelihood and clustered scores give the same standard errors."""
    x, y = draw_lapsing(3, 0.08, per=50)
    clusters = np.arange(len(x)) // 4
    found = psychometric.fit(x, y, clusters)
    assert found.coefficients is not None
    top, h = np.array(found.coefficients), np.array([1e-3, 2e-4, 1e-4])

    def each(theta: np.ndarray) -> np.ndarray:
        p = (1 - theta[2]) / (1 + np.exp(-(theta[0] + theta[1] * x)))
        return y * np.log(p) + (1 - y) * np.log(1 - p)

    steps = np.diag(h)
    scores = np.stack([(each(top + s) - each(top - s)) / (2 * s.max()) for s in steps])
    p = (1 - top[2]) / (1 + np.exp(-(top[0] + top[1] * x)))
    # The expected information: a score's variance is its square over the squared residual, times p q.
    scaled = scores / (y - p) * np.sqrt(p * (1 - p))
    bread = np.linalg.inv(scaled @ scaled.T)
    sums = np.stack([np.bincount(clusters, weights=row) for row in scores])
    covariance = bread @ sums @ sums.T @ bread * 100 / 99
    a, b, _ = top
    for each_one, gradient in (
        (found.threshold, [-1 / b, a / b**2, 0]),
        (found.slope, [0, -1, 0]),
        (found.lapse, [0, 0, 1]),
    ):
        assert each_one is not None
        expected = math.sqrt(np.array(gradient) @ covariance @ np.array(gradient))
        assert each_one.std_error == pytest.approx(expected, rel=1e-3)


def test_lapses_do_not_move_the_threshold() -> None:
    """With one known answer in ten lost, thresholds lie about the truth, and the rate is found."""
    fits = [psychometric.fit(*draw_lapsing(seed, 0.1)) for seed in range(12)]
    thresholds = [fit.threshold.value for fit in fits if fit.threshold]
    assert np.mean(thresholds) == pytest.approx(4.4, abs=0.1)
    assert np.mean([fit.lapse.value for fit in fits if fit.lapse]) == pytest.approx(0.1, abs=0.02)


def test_without_easy_items_no_lapse_is_told() -> None:
    """Where the easiest items are at the threshold, the lapse rate is taken as 0 and says why."""
    rng = np.random.default_rng(1)
    x, y = draw(rng, 1.2, -1.0, 0.0, 40, top=4)
    found = psychometric.fit(x, y)
    assert found.lapse is not None
    assert (found.lapse.value, found.lapse.low, found.lapse.high) == (0.0, 0.0, 0.2)
    assert "no item is easy enough" in found.lapse.warnings[0]
    assert found.coefficients is not None
    assert found.coefficients[2] == 0


def test_a_step_has_a_threshold_and_no_slope() -> None:
    """Right up to 2 and wrong from 3 on is a threshold between, too steep for a slope."""
    found = psychometric.fit([1.0, 2, 3, 4] * 10, [1.0, 1, 0, 0] * 10)
    assert found.threshold is not None
    assert found.threshold.low is not None
    assert found.threshold.high is not None
    assert found.threshold.low < 2.5 < found.threshold.high
    assert found.threshold.value == pytest.approx(2.5, abs=0.3)
    assert found.slope is None
    assert any("step" in warning for warning in found.warnings)


def test_an_end_beyond_what_was_tested_is_open() -> None:
    """Where the interval leaves the tested levels it has no end there, and a warning says which."""
    x, y = draw(np.random.default_rng(1), 1.3, -1.0, 0.0, 15, top=5)
    found = psychometric.fit(x, y).threshold
    assert found is not None
    assert found.low is None
    assert found.high is not None
    assert found.warnings == ("the threshold may be below the easiest difficulty tested, 1",)


def test_many_scores_are_fitted_quickly() -> None:
    """200,000 scores at as many difficulties take a few seconds at most, and find the truth."""
    rng = np.random.default_rng(2)
    x = rng.uniform(1, 8, 200_000)
    y = (rng.random(len(x)) < 0.95 / (1 + np.exp(1.5 * (x - 4.4)))).astype(float)
    start = time.perf_counter()
    found = psychometric.fit(x, y)
    assert time.perf_counter() - start < 6
    assert found.threshold is not None
    assert found.threshold.value == pytest.approx(4.4, abs=0.05)


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
    assert joined.threshold.value == pytest.approx(apart.threshold.value, rel=1e-4)
    assert joined.threshold.std_error == pytest.approx(apart.threshold.std_error, rel=1e-4)


def test_calibration() -> None:
    """The quick cases of the calibration do not break their promises beyond chance."""
    found = list(calibration.cases(1, quick=True))
    assert [case for case in found if case.surely_breaks()] == []
    assert sum(case.claimed for case in found) >= 5


@pytest.mark.parametrize(
    ("x", "y", "guess", "match"),
    [
        ([3] * 10, [0, 1] * 5, 0.0, "all items have difficulty 3"),
        ([1, 2] * 10, [1] * 20, 0.0, "saturated"),
        ([1, 2] * 10, [0] * 20, 0.1, "floor"),
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
    """The curve is halfway between guessing and its ceiling at 4, and falls to the guess rate."""
    unknown = {"threshold": None, "slope": None, "lapse": None, "lowest": 1.0, "highest": 8.0}
    curve = Curve(**unknown, coefficients=(4.0, -1.0, 0.0))
    assert curve.at([4.0, 1e9, -1e9], 0.2) == pytest.approx([0.6, 0.2, 1.0])
    curve = Curve(**unknown, coefficients=(4.0, -1.0, 0.1))
    assert curve.at([4.0, 1e9, -1e9], 0.2) == pytest.approx([0.56, 0.2, 0.92])
    assert Curve(**unknown, coefficients=None).at([4.0]) is None


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


def test_clusters_of_unequal_size_widen_the_interval() -> None:
    """One cluster of most items counts as few: fewer degrees of freedom, and a warning."""
    stream, x = np.random.default_rng(2), np.tile(np.arange(10.0), 40)
    y = (stream.random(400) < 1 / (1 + np.exp(x - 5))).astype(float)
    uneven = psychometric.fit(x, y, np.where(stream.random(400) < 0.3, 0, np.arange(400) % 20))
    even = psychometric.fit(x, y, np.arange(400) % 20)
    assert uneven.threshold is not None
    assert even.threshold is not None
    assert "of one size" in uneven.threshold.warnings[-1] + uneven.threshold.warnings[0]
    assert "19 df" in even.threshold.method
