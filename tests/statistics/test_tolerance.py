"""Tolerance bounds against tables, slow twins and simulation."""

from __future__ import annotations

import math

import numpy as np
import pytest
from benchmarks.calibrations import planning as calibration
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from modelmetry.statistics import tolerance

SCORES = st.lists(st.integers(0, 20).map(lambda x: x / 20), min_size=2, max_size=40)
COUNTS = st.lists(st.tuples(st.integers(0, 5), st.integers(5, 9)), min_size=2, max_size=12)


@pytest.mark.parametrize(
    ("n", "content", "level", "k"),
    [(10, 0.95, 0.95, 2.911), (20, 0.95, 0.95, 2.396), (30, 0.95, 0.95, 2.220)],
)
def test_normal_factors_are_those_of_the_tables(
    n: int, content: float, level: float, k: float
) -> None:
    """The one-sided factors of Owen's tables come out to their last digit."""
    assert tolerance.normal_factor(n, content=content, level=level) == pytest.approx(k, abs=5e-4)


def test_the_handbook_s_approximation_is_near() -> None:
    """The NIST handbook's example, n = 43, 90 % at 99 %: 1.8752 by its formula, which is rough."""
    z, g, n = stats.norm.ppf(0.9), stats.norm.ppf(0.99), 43
    a, b = 1 - g**2 / (2 * (n - 1)), z**2 - g**2 / n
    rough = (z + math.sqrt(z**2 - a * b)) / a
    assert rough == pytest.approx(1.8752, abs=1e-4)
    exact = tolerance.normal_factor(n, content=0.9, level=0.99)
    assert exact == pytest.approx(rough, rel=1e-3)


def test_normal_factor_solves_its_equation() -> None:
    """The chance that mean - k s lies below the quantile, by numerical integration, is the level."""
    n, content, level = 7, 0.9, 0.8
    k = tolerance.normal_factor(n, content=content, level=level)
    z = stats.norm.ppf(content)
    s = np.linspace(1e-6, 6, 60_001)
    density = stats.chi.pdf(s * math.sqrt(n - 1), n - 1) * math.sqrt(n - 1)
    below = stats.norm.cdf((k * s - z) * math.sqrt(n))
    assert np.trapezoid(density * below, s) == pytest.approx(level, abs=1e-6)


def test_normal_bound_is_the_mean_less_k_deviations() -> None:
    """The bound of three known scores, by hand."""
    found = tolerance.normal([0.7, 0.8, 0.9], content=0.9)
    k = tolerance.normal_factor(3, content=0.9)
    assert found.low == pytest.approx(max(0.0, 0.8 - 0.1 * k))
    assert found.value == pytest.approx(0.8 - 0.1 * stats.norm.ppf(0.9))
    assert found.high is None
    assert "only 3 scores" in found.warnings[0]


@given(SCORES)
@settings(deadline=None, max_examples=40)
def test_a_normal_bound_moves_with_the_scores(scores: list[float]) -> None:
    """Twice the scores, plus one, have twice the bound, plus one."""
    found = tolerance.normal(scores, bounds=None)
    moved = tolerance.normal([1 + 2 * x for x in scores], bounds=None)
    assert moved.value == pytest.approx(1 + 2 * found.value)
    if found.low is None:
        assert moved.low is None
        assert found.warnings
    else:
        assert moved.low == pytest.approx(1 + 2 * found.low)


def test_a_score_too_low_for_a_normal_distribution_is_noticed() -> None:
    """One failed night among thirty even ones brings a warning."""
    scores = [0.9 + 0.001 * (i % 5) for i in range(29)]
    assert not tolerance.normal(scores).warnings
    assert "too low" in tolerance.normal([*scores, 0.2]).warnings[0]


def test_equal_scores_and_single_ones_have_no_normal_bound() -> None:
    """Where nothing differs there is no bound, and a reason."""
    for scores in ([0.5, 0.5, 0.5], [0.5]):
        found = tolerance.normal(scores)
        assert found.low is None
        assert found.warnings


@pytest.mark.parametrize(
    ("content", "level", "n"), [(0.95, 0.95, 59), (0.99, 0.95, 299), (0.9, 0.9, 22), (0.5, 0.5, 1)]
)
def test_fewest_is_wilks_number(content: float, level: float, n: int) -> None:
    """The lowest of 59 is a 95/95 bound, of 299 a 99/95 bound, and one fewer is not enough."""
    assert tolerance.fewest(content=content, level=level) == n
    assert content**n <= 1 - level + 1e-12
    assert n == 1 or content ** (n - 1) > 1 - level


def slow_rank(n: int, content: float, level: float) -> int:
    """The largest r such that a binomial count below the quantile is at least r with the level."""
    r = 0
    while stats.binom.sf(r, n, 1 - content) >= level - 1e-12:
        r += 1
    return r


@given(st.integers(1, 400), st.sampled_from([0.8, 0.9, 0.95]), st.sampled_from([0.8, 0.95]))
@settings(deadline=None, max_examples=60)
def test_the_rank_is_the_largest_valid_one(n: int, content: float, level: float) -> None:
    """The bound is the r-th lowest score by a loop over ranks, or there is none."""
    scores = np.random.default_rng(n).permutation(n) / n
    found = tolerance.ranked(scores, content=content, level=level)
    r = slow_rank(n, content, level)
    if r == 0:
        assert found.low is None
        assert str(tolerance.fewest(content=content, level=level)) in found.warnings[0]
    else:
        assert found.low == pytest.approx((r - 1) / n)


def slow_beta_binomial(right: list[int], asked: list[int], content: float, level: float) -> float:
    """The posterior quantile by rectangles over mean and intraclass correlation."""
    means, rhos = (np.arange(250) + 0.5) / 250, (np.arange(250) + 0.5) / 250
    mean, rho = (axis.ravel() for axis in np.meshgrid(means, rhos))
    a, b = mean * (1 / rho - 1), (1 - mean) * (1 / rho - 1)
    log = sum(stats.betabinom.logpmf(k, m, a, b) for k, m in zip(right, asked, strict=True))
    weights = np.exp(log - np.max(log))
    reached = stats.beta.ppf(1 - content, a, b)
    order = np.argsort(reached)
    mass = np.cumsum(weights[order]) / weights.sum()
    return float(reached[order][np.searchsorted(mass, 1 - level)])


@pytest.mark.parametrize("right", [[7, 9, 5, 8, 9, 6], [3, 9, 9, 2, 5, 9], [10, 10, 9, 10, 8, 10]])
def test_beta_binomial_is_the_posterior_quantile(right: list[int]) -> None:
    """The zoomed grid gives what a fixed fine grid gives."""
    asked = [10] * len(right)
    found = tolerance.beta_binomial(right, asked, content=0.9)
    assert found.low == pytest.approx(slow_beta_binomial(right, asked, 0.9, 0.95), abs=0.01)


@given(COUNTS, st.permutations(range(12)))
@settings(deadline=None, max_examples=25)
def test_beta_binomial_has_no_order_and_a_bound(
    counts: list[tuple[int, int]], order: list[int]
) -> None:
    """Shuffled clusters change nothing; the bound lies in [0, 1], below the median."""
    shuffled = [counts[i] for i in order if i < len(counts)]
    found = tolerance.beta_binomial(*zip(*counts, strict=True), content=0.9)
    again = tolerance.beta_binomial(*zip(*shuffled, strict=True), content=0.9)
    assert found.low == pytest.approx(again.low, abs=1e-9)
    assert found.low is not None
    assert 0 <= found.low <= found.value <= 1


def test_a_fresh_score_is_less_sure_than_the_rate() -> None:
    """Few fresh questions scatter; very many tell the true rate."""
    right, asked = [9, 8, 10, 7, 9, 9, 8, 10, 9, 6, 9, 8], [10] * 12
    rate, few, many = (
        tolerance.beta_binomial(right, asked, fresh=fresh).low for fresh in (None, 5, 2000)
    )
    assert rate is not None
    assert few is not None
    assert few <= rate
    assert many == pytest.approx(rate, abs=0.01)
    assert 5 * few == pytest.approx(round(5 * few))


def test_a_cluster_that_fails_outright_is_noticed() -> None:
    """Forty even clusters and one that fails as a whole are no beta distribution."""
    found = tolerance.beta_binomial([95] * 40 + [0], [100] * 41)
    assert "too low for a beta" in found.warnings[0]


def test_what_cannot_be_told_is_said() -> None:
    """One cluster has no bound; few clusters, or single questions, a warning."""
    assert tolerance.beta_binomial([3], [4]).low is None
    assert "only 3 clusters" in tolerance.beta_binomial([3, 4, 4], [4, 4, 4]).warnings[0]
    assert "one question" in tolerance.beta_binomial([1, 0] * 10, [1] * 20).warnings[0]


def test_all_right_is_no_certainty() -> None:
    """Clusters without an error still leave room below 1."""
    found = tolerance.beta_binomial([20] * 30, [20] * 30)
    assert found.low is not None
    assert found.low < 0.99


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda: tolerance.normal([]), "values: no values"),
        (lambda: tolerance.normal([0.5, math.nan]), "values: value 1 is nan"),
        (lambda: tolerance.normal([0.5, 1.5]), "allowed: 0.0 to 1.0"),
        (lambda: tolerance.ranked([0.5], content=1.0), "content: 1.0"),
        (lambda: tolerance.fewest(level=0.0), "level: 0.0"),
        (lambda: tolerance.normal_factor(1), "n: 1; allowed: whole numbers from 2"),
        (lambda: tolerance.beta_binomial([1, 2], [3]), "asked: 1 values; allowed: 2"),
        (lambda: tolerance.beta_binomial([1.5, 2], [3, 3]), "right: 1.5; allowed: integers"),
        (lambda: tolerance.beta_binomial([4, 2], [3, 3]), "allowed: 0 to `asked`"),
        (lambda: tolerance.beta_binomial([0, 0], [0, 3]), "asked: 0; allowed: from 1"),
        (lambda: tolerance.beta_binomial([1, 2], [3, 3], fresh=0), "fresh: 0"),
        (lambda: tolerance.beta_binomial([1, 2], [3, 3], level=2), "level: 2"),
    ],
)
def test_bad_input_is_one_line(call, words: str) -> None:
    """What is wrong and what is allowed."""
    with pytest.raises(ValueError, match=words) as error:
        call()
    assert "\n" not in str(error.value)


def test_what_is_promised_is_kept() -> None:
    """The quick cases of the calibration hold, power and content alike."""
    found = list(calibration.cases(400, seed=1, quick=True))
    assert {case.part for case in found} == {"power", "coverage"}
    assert any(case.claimed for case in found)
    assert [case for case in found if case.surely_breaks()] == []


def test_scores_that_pile_up_below_their_bound_are_not_called_normal() -> None:
    """Skewed scores near 1, for which the normal bound is too high, always carry a warning."""
    rng = np.random.default_rng(0)
    for n in (10, 50, 200, 1000):
        found = tolerance.normal(rng.beta(9, 1.2, size=n), content=0.95)
        assert any("cannot be normal" in warning for warning in found.warnings)
    clear = tolerance.normal(rng.normal(0.5, 0.05, size=50), content=0.95)
    assert clear.warnings == ()
