"""Two models on the same items."""

from __future__ import annotations

import itertools
import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from modelmetry.statistics import means, pairs

PAIRED = st.lists(
    st.tuples(st.integers(0, 2), st.integers(0, 2), st.integers(0, 7)), min_size=2, max_size=30
)


def rng() -> np.random.Generator:
    """A stream of its own for every use."""
    return np.random.default_rng(20)


def slow_sign_flip(deltas: list[float], clusters: list[int]) -> float:
    """All assignments of a sign to each cluster, one by one."""
    labels = sorted(set(clusters))
    sums = [sum(d for d, c in zip(deltas, clusters, strict=True) if c == label) for label in labels]
    observed, extreme, total = abs(sum(sums)), 0, 0
    for signs in itertools.product((1, -1), repeat=len(labels)):
        total += 1
        extreme += abs(sum(s * x for s, x in zip(signs, sums, strict=True))) >= observed - 1e-9
    return extreme / total


@given(PAIRED)
@settings(deadline=None, max_examples=50)
def test_difference_is_a_clustered_mean(sample: list[tuple[int, int, int]]) -> None:
    """The paired difference has the value, error and, where it varies, interval of a mean."""
    a, b, clusters = (np.array(column) for column in zip(*sample, strict=True))
    found = pairs.difference(a / 2, b / 2, clusters)
    twin = means.mean((a - b) / 2, clusters, bounds=None)
    assert found.value == pytest.approx(twin.value)
    assert found.std_error == pytest.approx(twin.std_error, abs=1e-12)
    if twin.low is not None and twin.high is not None:
        assert found.low == pytest.approx(max(-1, twin.low))
        assert found.high == pytest.approx(min(1, twin.high))


@given(PAIRED)
@settings(deadline=None, max_examples=50)
def test_swapping_models_turns_the_sign(sample: list[tuple[int, int, int]]) -> None:
    """b - a is a - b mirrored, with the same p-values; an interval is never a point."""
    a, b, clusters = (np.array(column) for column in zip(*sample, strict=True))
    found = pairs.compare(a / 2, b / 2, clusters, names=("a", "b"), rng=rng())
    mirror = pairs.compare(b / 2, a / 2, clusters, names=("b", "a"), rng=rng())
    assert mirror.difference.value == pytest.approx(-found.difference.value)
    assert mirror.p == pytest.approx(found.p)
    assert mirror.p_exact == pytest.approx(found.p_exact)
    assert mirror.detectable == pytest.approx(found.detectable)
    low, high = found.difference.low, found.difference.high
    if low is not None and high is not None:
        assert -1 - 1e-12 <= low <= high <= 1 + 1e-12
        assert high - low > 1e-3
        assert mirror.difference.low == pytest.approx(-high)


@given(PAIRED)
@settings(deadline=None, max_examples=30)
def test_sign_flip_is_its_slow_twin(sample: list[tuple[int, int, int]]) -> None:
    """The exact test counts the same assignments of signs as a loop over all of them."""
    deltas, clusters = [(a - b) / 2 for a, b, _ in sample], [c for _, _, c in sample]
    p, method = pairs.sign_flip(deltas, clusters, rng=rng())
    assert p == pytest.approx(slow_sign_flip(deltas, clusters))
    assert method == "sign-flip, exact"


def test_sign_flip_monte_carlo_is_near_the_exact_p() -> None:
    """Fifteen clusters of three sizes are one too many; the draws come near, with their seed."""
    sums = [0.5] * 6 + [-0.5] * 2 + [1.0] * 3 + [-1.0] * 2 + [1.5, -1.5]
    exact, drawn = slow_sign_flip(sums, list(range(15))), pairs.sign_flip(sums, rng=rng())
    assert drawn[0] == pytest.approx(exact, abs=4 * math.sqrt(exact / 10_000))
    assert drawn[1] == "sign-flip, 10,000 Monte Carlo draws"
    assert drawn == pairs.sign_flip(sums, rng=rng())


def test_sign_flip_is_never_zero() -> None:
    """However far out the observed signs are, they are one of the assignments counted."""
    sums = np.linspace(0.5, 1, 60)
    assert pairs.sign_flip(sums, rng=rng(), resamples=99)[0] == 1 / 100


def test_sign_flip_of_equal_sizes_is_a_coin() -> None:
    """Forty clusters that differ by as much need no draws: 30 against 10 is a binomial tail."""
    expected = 2 * sum(math.comb(40, k) for k in range(11)) / 2**40
    p, method = pairs.sign_flip([1] * 30 + [-1] * 10 + [0] * 5, rng=rng())
    assert (p, method) == (pytest.approx(expected), "sign-flip, exact")


def test_sign_flip_keeps_its_level() -> None:
    """Of two alike models on clusters of two, p is below 0.05 in about 5 % of runs."""
    stream, clusters = np.random.default_rng(3), np.repeat(np.arange(40), 2)
    hits = 0
    for _ in range(400):
        deltas = np.repeat(stream.integers(-1, 2, 40), 2) + stream.integers(-1, 2, 80)
        hits += pairs.sign_flip(deltas, clusters, rng=stream, resamples=400)[0] <= 0.05
    assert 0.02 <= hits / 400 <= 0.08


@pytest.mark.parametrize(("wins", "losses"), [(0, 0), (1, 0), (5, 5), (10, 3), (121, 59), (0, 30)])
def test_mcnemar_statsmodels(wins: int, losses: int) -> None:
    """The exact p is that of statsmodels; the mid-p takes half of the observed outcome off."""
    from statsmodels.stats.contingency_tables import mcnemar

    expected = mcnemar([[50, wins], [losses, 50]], exact=True).pvalue
    exact, mid = pairs.mcnemar(wins, losses, mid=False), pairs.mcnemar(wins, losses)
    assert exact == pytest.approx(min(1, expected))
    n = wins + losses
    tail = sum(math.comb(n, k) for k in range(min(wins, losses) + 1)) / 2**n
    half = math.comb(n, min(wins, losses)) / 2**n / 2
    assert mid == pytest.approx(min(1, 2 * (tail - half)))


def test_mcnemar_published() -> None:
    """Fagerland, Lydersen and Laake (2013): 1 against 7 has exact p 0.070, mid-p 0.039."""
    assert (round(pairs.mcnemar(1, 7, mid=False), 3), round(pairs.mcnemar(1, 7), 3)) == (
        0.07,
        0.039,
    )


def test_identical_models() -> None:
    """Two models with the same answers differ by 0 within what the clusters can show; p is 1."""
    scores = np.tile([0, 1], 50)
    found = pairs.compare(scores, scores, names=("a", "b"), rng=rng())
    most = 1 - 0.025 ** (1 / 100)
    assert (found.difference.low, found.difference.high) == (
        pytest.approx(-most),
        pytest.approx(most),
    )
    assert (found.p, found.p_exact) == (1.0, 1.0)
    assert found.detectable > most


def test_opposite_models() -> None:
    """One always right, one always wrong: the p of ten coins that all fell alike, not 0."""
    found = pairs.compare(np.ones(10), np.zeros(10), names=("a", "b"), rng=rng())
    assert found.p == pytest.approx(2 / 2**10)
    assert found.difference.high == pytest.approx(1)
    assert found.difference.low == pytest.approx(1 - 2 * (1 - 0.025 ** (1 / 10)))


def test_one_cluster() -> None:
    """One cluster gives a difference without an interval, and nothing is detectable."""
    found = pairs.compare([1, 1], [0, 1], ["x", "x"], names=("a", "b"), rng=rng())
    assert (found.difference.value, found.difference.low, found.p) == (0.5, None, 1.0)
    assert found.detectable == 1.0


def test_paired_t_of_scipy() -> None:
    """With one item per cluster the p-value is that of the paired t test."""
    from scipy.stats import ttest_rel

    stream = rng()
    a, b = stream.random(50), stream.random(50)
    found, expected = pairs.compare(a, b, names=("a", "b"), rng=stream), ttest_rel(a, b)
    assert found.p == pytest.approx(expected.pvalue)
    interval = expected.confidence_interval()
    assert found.difference.low == pytest.approx(interval.low)


def test_detectable_is_found_with_its_power() -> None:
    """A true difference as large as said is significant in about 80 % of runs."""
    stream, n = np.random.default_rng(5), 60
    pilot = pairs.difference(stream.random(n), stream.random(n))
    spread = math.sqrt(1 / 6)
    design = (pilot.std_error or 0) * math.sqrt(n) / spread
    effect = pairs.detectable(pilot) / design
    hits = 0
    for _ in range(600):
        deltas = stream.random(n) - stream.random(n)
        hits += (
            pairs._p_value(pairs._difference((deltas + effect + 2) / 4, np.full(n, 0.5), None)[0])
            < 0.05
        )
    assert 0.74 <= hits / 600 <= 0.86


def test_adjusted() -> None:
    """A family of comparisons carries its size and Holm's p-values."""
    stream = rng()
    found = [
        pairs.compare(stream.random(40), stream.random(40) * scale, names=("a", "b"), rng=stream)
        for scale in (0.5, 0.9, 1.0)
    ]
    family = pairs.adjusted(found)
    assert [c.family_size for c in family] == [3, 3, 3]
    assert family[0].p_adjusted == pytest.approx(3 * found[0].p)
    assert pairs.adjusted([]) == []


@pytest.mark.parametrize(
    ("a", "b", "match"),
    [([1, 0], [1], "allowed: 2"), ([], [], "no values"), ([2], [0], "0.0 to 1.0")],
)
def test_refused(a: list[float], b: list[float], match: str) -> None:
    """Unpaired, empty or impossible scores are refused."""
    with pytest.raises(ValueError, match=match):
        pairs.difference(a, b)
    with pytest.raises(ValueError, match="allowed"):
        pairs.mcnemar(-1, 3)
    with pytest.raises(ValueError, match="resamples"):
        pairs.sign_flip([1], rng=rng(), resamples=0)
