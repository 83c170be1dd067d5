"""Confidence sequences and the evidence behind them."""

from __future__ import annotations

import math

import numpy as np
import pytest
from benchmarks.calibrations import sequences
from hypothesis import given, settings
from hypothesis import strategies as st

from modelmetry.statistics import betting, proportions, sequential

UNITS = st.lists(st.sampled_from([0.0, 0.2, 0.5, 0.75, 1.0]), min_size=1, max_size=60)


def slow_capital(values: list[float], mean: float, signs: tuple[int, ...] = (-1, 1)) -> float:
    """The gambler's capital, bet by bet and observation by observation."""
    sizes = [0.001 * 12000 ** (i / 36) for i in range(37)]
    capital = total = 0.0
    for size in sizes:
        for sign in signs:
            share = size / (0.25 + size**2)
            odds = math.exp(sign * size)
            stake = share
            for x in values:
                stake *= (1 + (odds - 1) * x) / (1 + (odds - 1) * mean)
            capital += stake
            total += share
    return capital / total


def slow_interval(values: list[float], level: float) -> tuple[float, float]:
    """Ends by bisection on the capital, one time alone."""
    ends = []
    center = sum(values) / len(values)
    for outside in (0.0, 1.0):
        inside, out = center, outside
        if slow_capital(values, out) < 1 / (1 - level):
            ends.append(out)
            continue
        for _ in range(40):
            middle = (inside + out) / 2
            if slow_capital(values, middle) < 1 / (1 - level):
                inside = middle
            else:
                out = middle
        ends.append(out)
    return ends[0], ends[1]


@pytest.mark.parametrize("mean", [0.02, 0.4, 0.5, 0.9])
def test_evidence_is_its_slow_twin(mean: float) -> None:
    """Capital is the sum over bets of products over observations, for each alternative."""
    values = [0.0, 1.0, 0.3, 0.8, 1.0, 0.55]
    for alternative, signs in (("two-sided", (-1, 1)), ("greater", (1,)), ("less", (-1,))):
        found = betting.log_e_values(values, mean, alternative=alternative)
        slow = [slow_capital(values[: i + 1], mean, signs) for i in range(len(values))]
        assert np.exp(found) == pytest.approx(slow)


@pytest.mark.parametrize("level", [0.8, 0.95])
@pytest.mark.parametrize("seed", [0, 1])
def test_sequence_is_its_slow_twin(seed: int, level: float) -> None:
    """After each observation the interval is what bisection leaves, intersected over times."""
    values = np.round(np.random.default_rng(seed).beta(4, 2, 25), 2).tolist()
    low, high = sequential.mean_sequence(values, level=level)
    below, above = 0.0, 1.0
    for i in range(len(values)):
        one_low, one_high = slow_interval(values[: i + 1], level)
        below, above = max(below, one_low), min(above, one_high)
        assert (low[i], high[i]) == pytest.approx((below, above), abs=1e-6)


def test_evidence_of_coins_is_a_likelihood_ratio() -> None:
    """For heads and tails the capital mixes binomial likelihoods over that of the doubted mean."""
    from scipy.stats import binom

    coins, mean = np.repeat([1.0, 0.0], [17, 6]), 0.6
    sizes = np.geomspace(0.001, 12, 37)
    weights = np.tile(sizes / (0.25 + sizes**2), 2)
    odds = np.exp(np.concatenate([sizes, -sizes])) * mean / (1 - mean)
    mixed = weights / weights.sum() @ binom.pmf(17, 23, odds / (1 + odds))
    expected = math.log(mixed / binom.pmf(17, 23, mean))
    assert betting.log_e_values(coins, mean)[-1] == pytest.approx(expected)


@pytest.mark.parametrize("mean", [0.01, 0.3, 0.5, 0.95])
def test_evidence_is_fair(mean: float) -> None:
    """Under the mean it doubts, evidence from coins is 1 on average, and below it no more."""
    from itertools import product

    for alternative, nearer in (("two-sided", mean), ("greater", mean / 2), ("less", mean)):
        expected = nearer_expected = 0.0
        for coins in product((0.0, 1.0), repeat=5):
            capital = math.exp(betting.log_e_values(coins, mean, alternative=alternative)[-1])
            heads = sum(coins)
            expected += capital * mean**heads * (1 - mean) ** (5 - heads)
            nearer_expected += capital * nearer**heads * (1 - nearer) ** (5 - heads)
        assert expected == pytest.approx(1)
        assert nearer_expected < 1 + 1e-9


@given(UNITS, st.integers(1, 59))
@settings(deadline=None, max_examples=40)
def test_sequences_are_nested_and_do_not_see_calls(values: list[float], cut: int) -> None:
    """Ends never widen but where times contradict, lie in [0, 1], and calls do not matter."""
    low, high = sequential.mean_sequence(values)
    whole, parts = sequential.MeanSequence(), sequential.MeanSequence()
    whole.add(values)
    for part in (values[:cut], values[cut:]):
        if part:
            parts.add(part)
    found, again = whole.estimate(), parts.estimate()
    assert (found.low, found.high) == pytest.approx((low[-1], high[-1]))
    assert (again.low, again.high) == pytest.approx((low[-1], high[-1]))
    assert again.value == pytest.approx(np.mean(values))
    assert (low >= 0).all()
    assert (high <= 1).all()
    assert (low < high).all()
    if not found.warnings:
        assert (np.diff(low) >= 0).all()
        assert (np.diff(high) <= 0).all()


@given(UNITS)
@settings(deadline=None, max_examples=40)
def test_reflection_and_scale(values: list[float]) -> None:
    """1 - x has the mirrored interval, and other bounds only stretch it."""
    x = np.array(values)
    low, high = sequential.mean_sequence(x)
    turned_low, turned_high = sequential.mean_sequence(1 - x)
    assert turned_low == pytest.approx(1 - high, abs=1e-9)
    assert turned_high == pytest.approx(1 - low, abs=1e-9)
    wide_low, wide_high = sequential.mean_sequence(6 * x - 2, bounds=(-2, 4))
    assert wide_low == pytest.approx(6 * low - 2, abs=1e-7)
    assert wide_high == pytest.approx(6 * high - 2, abs=1e-7)


def test_the_interval_is_where_the_evidence_is_not() -> None:
    """A mean leaves the sequence when its evidence first reaches 1 / (1 - level)."""
    values = np.random.default_rng(5).random(600) < 0.8
    low, high = sequential.mean_sequence(values, level=0.9)
    for mean in (0.5, 0.7, 0.75, 0.88):
        gone = np.maximum.accumulate(betting.log_e_values(values, mean)) >= math.log(10)
        assert (gone == ((mean < low) | (mean > high))).all()
        p = betting.p_values(values, mean)
        assert ((p <= 0.1 + 1e-12) == gone).all()


def test_pairs_are_their_differences() -> None:
    """Exchanging the two models turns the interval around 0."""
    rng = np.random.default_rng(2)
    a, b = (rng.random(500) < 0.8) * 1.0, (rng.random(500) < 0.6) * 1.0
    low, high = sequential.paired_sequence(a, b)
    other_low, other_high = sequential.paired_sequence(b, a)
    assert other_low == pytest.approx(-high, abs=1e-9)
    assert other_high == pytest.approx(-low, abs=1e-9)
    assert low[-1] > 0
    p = betting.p_values(a - b, 0, alternative="greater", bounds=(-1, 1))
    assert p[-1] < 1e-4
    assert (np.diff(p) <= 0).all()
    assert betting.p_values(a - b, 0, alternative="less", bounds=(-1, 1))[-1] > 0.2


def test_the_price_of_looking_is_bounded() -> None:
    """Against Wilson's interval at the same n, yes/no data pay at most 1.9 times the width."""
    for p in (0.5, 0.9, 0.99):
        for n in (100, 1000, 10_000):
            hits = round(n * p)
            evenly = np.diff(np.floor(np.arange(n + 1) * hits / n))
            low, high = sequential.mean_sequence(evenly)
            fixed = proportions.wilson(hits, n)
            assert fixed.low is not None
            assert fixed.high is not None
            price = (high[-1] - low[-1]) / (fixed.high - fixed.low)
            assert 1 < price < 1.9


def test_little_variance_is_used() -> None:
    """Units that vary little have a much narrower interval than yes/no units of the same mean."""
    rng = np.random.default_rng(4)
    even, coins = rng.beta(80, 20, 1000), rng.random(1000) < 0.8
    narrow, wide = (sequential.mean_sequence(x) for x in (even, coins))
    assert (narrow[1] - narrow[0])[-1] < 0.25 * (wide[1] - wide[0])[-1]


def test_estimate_says_what_it_is() -> None:
    """The estimate counts units and observations, has no standard error, and names its kind."""
    sequence = sequential.MeanSequence()
    sequence.add(np.full(50, 1.0))
    found = sequence.estimate(n=200, unscored=3)
    assert (found.value, found.std_error, found.n, found.clusters) == (1.0, None, 200, 50)
    assert found.unscored == 3
    assert "anytime-valid" in found.method
    assert found.warnings == ()
    assert found.high == 1.0
    assert found.low is not None
    assert 0.85 < found.low < 0.95


def test_drift_is_noticed() -> None:
    """Where early and late units share no mean, the intersection starts anew and warns."""
    sequence = sequential.MeanSequence()
    sequence.add([1.0] * 300)
    sequence.add([0.0] * 10)
    assert "outside" in sequence.estimate().warnings[0]
    sequence.add([0.0] * 2000)
    found = sequence.estimate()
    assert "shared no mean" in found.warnings[0]
    assert found.low is not None
    assert found.high is not None
    assert found.low < found.high < 0.3


def test_normal_mixture_is_its_slow_twin() -> None:
    """Ends of both kinds are those of the published formula, at each time on its own."""
    from scipy.special import lambertw

    values = np.random.default_rng(1).random(300)
    rho = math.sqrt((-lambertw(-0.0025 / math.e, -1).real - 1) / 50)
    low, high = sequential.normal_mixture(values, tightest=50)
    rough_low, rough_high = sequential.normal_mixture(values, bounds=None, tightest=50, first=20)
    best = [0.0, 1.0, -math.inf, math.inf]
    for i in range(300):
        t, seen = i + 1, values[: i + 1]
        unit = math.sqrt(
            2 * (t * rho**2 + 1) / (t**2 * rho**2) * math.log(math.sqrt(t * rho**2 + 1) / 0.05)
        )
        rough = unit * seen.std() if t >= 20 else math.inf
        best[0] = max(best[0], seen.mean() - unit / 2)
        best[1] = min(best[1], seen.mean() + unit / 2)
        best[2], best[3] = max(best[2], seen.mean() - rough), min(best[3], seen.mean() + rough)
        assert [low[i], high[i], rough_low[i], rough_high[i]] == pytest.approx(best)


def test_normal_mixture_is_tightest_where_asked() -> None:
    """No other setting is narrower at the number of observations that was asked for."""
    evenly = np.tile([0.0, 1.0], 500)
    widths = {}
    for tightest in (300, 900, 1000, 1100, 3000):
        low, high = sequential.normal_mixture(evenly, tightest=tightest)
        widths[tightest] = high[-1] - low[-1]
    assert min(widths, key=lambda k: widths[k]) == 1000


def test_normal_mixture_without_spread_is_infinite() -> None:
    """Equal values without bounds tell no width, and none is made up."""
    low, high = sequential.normal_mixture(np.ones(500), bounds=None)
    assert np.isinf(low).all()
    assert np.isinf(high).all()


@pytest.mark.parametrize(
    ("call", "match"),
    [
        (lambda: sequential.mean_sequence([]), "values: no values"),
        (lambda: sequential.mean_sequence([0.5, math.nan]), "values: value 1 is nan"),
        (lambda: sequential.mean_sequence([0.5, 1.5]), r"values: 0.5 to 1.5; allowed"),
        (lambda: sequential.mean_sequence([0.5], level=1.0), "level: 1.0"),
        (lambda: sequential.MeanSequence(bounds=(1, 0)), "bounds: 1 to 0"),
        (lambda: sequential.MeanSequence(bounds=(0, math.inf)), "bounds: 0 to inf"),
        (lambda: sequential.MeanSequence().estimate(), "values: none added yet"),
        (lambda: sequential.paired_sequence([1], [1, 0]), "b: 2 values"),
        (lambda: sequential.paired_sequence([1], [-1]), "b: -1.0 to -1.0"),
        (lambda: betting.log_e_values([1], 1.0), "mean: 1.0"),
        (lambda: betting.p_values([1], 0.5, alternative="more"), "alternative: more"),
        (lambda: sequential.normal_mixture([0.5], tightest=0), "tightest: 0"),
        (lambda: sequential.normal_mixture([0.5], first=1), "first: 1"),
        (lambda: sequential.normal_mixture([2.0]), "values: 2.0 to 2.0"),
    ],
)
def test_refused(call, match: str) -> None:
    """What cannot be bet on is refused in one line that says what is allowed."""
    with pytest.raises(ValueError, match=match):
        call()


def test_fewer_observations_than_units_are_refused() -> None:
    """A unit holds at least one observation, and refused values are not taken in."""
    sequence = sequential.MeanSequence()
    sequence.add([0.5, 1.0])
    with pytest.raises(ValueError, match="n: 1; allowed: whole numbers from 2"):
        sequence.estimate(n=1)
    with pytest.raises(ValueError, match="values"):
        sequence.add([0.5, 2.0])
    assert sequence.estimate().clusters == 2


def test_calibration() -> None:
    """Looking at every item keeps the promise, where it is claimed."""
    found = list(sequences.cases(runs=0, quick=True))
    assert [case for case in found if case.surely_breaks()] == []
    assert {case.claimed for case in found} == {True, False}


def test_rows_of_strata_keep_the_level_at_every_look() -> None:
    """Rows from strata of means 0.1 and 0.9, looked at after each: the mean is ever outside in 5 %."""
    stream, hits, rejected, runs = np.random.default_rng(8), 0, 0, 200
    for _ in range(runs):
        rows = (stream.random((150, 2)) < (0.1, 0.9)).astype(float)
        low, high = sequential.mean_sequence(rows)
        hits += bool(((low <= 0.5) & (high >= 0.5)).all())
        rejected += betting.p_values(rows, 0.5)[-1] <= 0.05
    assert hits >= 0.95 * runs
    assert rejected <= 0.05 * runs


def test_the_evidence_of_a_row_is_that_of_its_units() -> None:
    """A row counts as its units do one by one, but is only looked at when it is whole."""
    rows = np.random.default_rng(9).random((40, 3))
    whole = betting.log_e_values(rows, 0.4)
    apart = betting.log_e_values(rows.ravel(), 0.4)
    np.testing.assert_allclose(whole, apart[2::3], atol=1e-9)
