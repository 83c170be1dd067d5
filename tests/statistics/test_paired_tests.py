"""Tests of models on the same items."""

from __future__ import annotations

import itertools
import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from modelmetry.statistics import paired_tests

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
@settings(deadline=None, max_examples=30)
def test_sign_flip_is_its_slow_twin(sample: list[tuple[int, int, int]]) -> None:
    """The exact test counts the same assignments of signs as a loop over all of them."""
    deltas, clusters = [(a - b) / 2 for a, b, _ in sample], [c for _, _, c in sample]
    p, method = paired_tests.sign_flip(deltas, clusters, rng=rng())
    assert p == pytest.approx(slow_sign_flip(deltas, clusters))
    assert method == "sign-flip, exact"


def test_sign_flip_monte_carlo_is_near_the_exact_p() -> None:
    """Fifteen clusters of three sizes are one too many; the draws come near, with their seed."""
    sums = [0.5] * 6 + [-0.5] * 2 + [1.0] * 3 + [-1.0] * 2 + [1.5, -1.5]
    exact, drawn = slow_sign_flip(sums, list(range(15))), paired_tests.sign_flip(sums, rng=rng())
    assert drawn[0] == pytest.approx(exact, abs=4 * math.sqrt(exact / 10_000))
    assert drawn[1] == "sign-flip, 10,000 Monte Carlo draws"
    assert drawn == paired_tests.sign_flip(sums, rng=rng())


def test_sign_flip_is_never_zero() -> None:
    """However far out the observed signs are, they are one of the assignments counted."""
    sums = np.linspace(0.5, 1, 60)
    assert paired_tests.sign_flip(sums, rng=rng(), resamples=99)[0] == 1 / 100


def test_sign_flip_of_equal_sizes_is_a_coin() -> None:
    """Forty clusters that differ by as much need no draws: 30 against 10 is a binomial tail."""
    expected = 2 * sum(math.comb(40, k) for k in range(11)) / 2**40
    p, method = paired_tests.sign_flip([1] * 30 + [-1] * 10 + [0] * 5, rng=rng())
    assert (p, method) == (pytest.approx(expected), "sign-flip, exact")


def test_sign_flip_keeps_its_level() -> None:
    """Of two alike models on clusters of two, p is below 0.05 in about 5 % of runs."""
    stream, clusters = np.random.default_rng(3), np.repeat(np.arange(40), 2)
    hits = 0
    for _ in range(400):
        deltas = np.repeat(stream.integers(-1, 2, 40), 2) + stream.integers(-1, 2, 80)
        hits += paired_tests.sign_flip(deltas, clusters, rng=stream, resamples=400)[0] <= 0.05
    assert 0.02 <= hits / 400 <= 0.08


@pytest.mark.parametrize(("wins", "losses"), [(0, 0), (1, 0), (5, 5), (10, 3), (121, 59), (0, 30)])
def test_mcnemar_statsmodels(wins: int, losses: int) -> None:
    """The exact p is that of statsmodels; the mid-p takes half of the observed outcome off."""
    from statsmodels.stats.contingency_tables import mcnemar

    expected = vars(mcnemar([[50, wins], [losses, 50]], exact=True))["pvalue"]
    exact, mid = paired_tests.mcnemar(wins, losses, mid=False), paired_tests.mcnemar(wins, losses)
    assert exact == pytest.approx(min(1, expected))
    n = wins + losses
    tail = sum(math.comb(n, k) for k in range(min(wins, losses) + 1)) / 2**n
    half = math.comb(n, min(wins, losses)) / 2**n / 2
    assert mid == pytest.approx(min(1, 2 * (tail - half)))


def test_mcnemar_published() -> None:
    """Fagerland, Lydersen and Laake (2013): 1 against 7 has exact p 0.070, mid-p 0.039."""
    assert (
        round(paired_tests.mcnemar(1, 7, mid=False), 3),
        round(paired_tests.mcnemar(1, 7), 3),
    ) == (
        0.07,
        0.039,
    )


def test_sign_flip_on_clusters_of_any_size_is_near_the_normal_limit() -> None:
    """Ten thousand different sums: the p of a normal total, in blocks of random bytes."""
    from scipy.special import ndtr

    sums = rng().normal(0.02, 1, 10_000)
    p, method = paired_tests.sign_flip(sums, rng=rng())
    expected = 2 * float(ndtr(-abs(sums.sum()) / np.sqrt((sums**2).sum())))
    assert p == pytest.approx(expected, abs=4 * math.sqrt(expected / 10_000))
    assert method == "sign-flip, 10,000 Monte Carlo draws"


def test_random_totals_are_those_of_random_signs() -> None:
    """Totals have the mean, spread and reach of sums with random signs, also past whole bytes."""
    sizes = np.arange(1.0, 12.0)
    totals = paired_tests._random_totals(sizes, rng(), 20_000)
    every = paired_tests._signed_totals(sizes)
    assert set(np.round(totals, 9)) <= set(np.round(every, 9))
    assert totals.mean() == pytest.approx(0, abs=4 * every.std() / math.sqrt(20_000))
    assert totals.std() == pytest.approx(every.std(), rel=0.03)


def slow_q(values: np.ndarray, clusters: np.ndarray) -> float:
    """Over all permutations of the models in each cluster, how many totals lie as far apart."""
    sums = np.array([[row[clusters == c].sum() for row in values] for c in np.unique(clusters)])

    def apart(rows: np.ndarray) -> float:
        totals = rows.sum(axis=0)
        return float(((totals - totals.mean()) ** 2).sum())

    every = [list(itertools.permutations(row)) for row in sums]
    spread = [apart(np.array(rows)) for rows in itertools.product(*every)]
    return sum(s >= apart(sums) - 1e-9 for s in spread) / len(spread)


def test_cochrans_q_statsmodels() -> None:
    """On single items the statistic and, on many, the chi-square p are those of statsmodels."""
    from statsmodels.stats.contingency_tables import cochrans_q

    values = (rng().random((4, 400)) < np.array([0.5, 0.55, 0.6, 0.6])[:, None]).astype(int)
    expected = cochrans_q(values.T)
    found = paired_tests.cochrans_q(values, rng=rng())
    assert (found.statistic, found.p) == (
        pytest.approx(expected.statistic),
        pytest.approx(expected.pvalue),
    )
    assert (found.df, found.models, found.n, found.clusters) == (3, 4, 400, 400)
    few = paired_tests.cochrans_q(values[:, :90], rng=rng())
    assert few.statistic == pytest.approx(cochrans_q(values[:, :90].T).statistic)
    assert few.p == pytest.approx(cochrans_q(values[:, :90].T).pvalue, abs=0.03)


def test_cochrans_q_is_its_slow_twin() -> None:
    """Four clusters of unequal size and three models: 6^4 permutations, drawn and enumerated."""
    values = (rng().random((3, 12)) < np.array([0.2, 0.5, 0.9])[:, None]).astype(float)
    clusters = np.array([0, 0, 0, 0, 0, 1, 1, 1, 2, 2, 3, 3])
    found, expected = paired_tests.cochrans_q(values, clusters, rng=rng()), slow_q(values, clusters)
    assert found.p == pytest.approx(expected, abs=4 * math.sqrt(expected / 10_000))
    assert found.method == "permutation, 10,000 Monte Carlo draws"


@given(PAIRED)
@settings(deadline=None, max_examples=30)
def test_cochrans_q_of_two_models_is_near_the_sign_flip(sample: list[tuple[int, int, int]]) -> None:
    """With two models a permutation is a swap."""
    a, b, clusters = (np.array(column) for column in zip(*sample, strict=True))
    q = paired_tests.cochrans_q([a, b], clusters, rng=rng(), resamples=2000)
    p, _ = paired_tests.sign_flip(a - b, clusters, rng=rng())
    assert q.p == pytest.approx(p, abs=5 * math.sqrt(p / 2000) + 1e-3)


def test_a_cluster_that_is_copied_whole_is_no_more_evidence() -> None:
    """Items repeated within their clusters leave Q as it was; as clusters of their own they do not."""
    values = (rng().random((3, 30)) < np.array([0.3, 0.5, 0.7])[:, None]).astype(float)
    once = paired_tests.cochrans_q(values, rng=rng())
    copied, labels = np.repeat(values, 5, axis=1), np.repeat(np.arange(30), 5)
    assert paired_tests.cochrans_q(copied, labels, rng=rng()).statistic == pytest.approx(
        once.statistic
    )
    assert paired_tests.cochrans_q(copied, rng=rng()).statistic > 4 * once.statistic


def test_models_that_never_differ() -> None:
    """Where no cluster tells models apart, Q is 0 and p is 1."""
    found = paired_tests.cochrans_q(np.ones((3, 5)), rng=rng())
    assert (found.statistic, found.p) == (0.0, 1.0)


def test_refused() -> None:
    """Negative counts, one model, missing scores and no resamples are refused."""
    with pytest.raises(ValueError, match="allowed"):
        paired_tests.mcnemar(-1, 3)
    with pytest.raises(ValueError, match="resamples"):
        paired_tests.sign_flip([1], rng=rng(), resamples=0)
    with pytest.raises(ValueError, match="one model"):
        paired_tests.cochrans_q([[1, 0]], rng=rng())
    with pytest.raises(ValueError, match="finite"):
        paired_tests.cochrans_q([[1, 0], [math.nan, 1]], rng=rng())
    with pytest.raises(ValueError, match="resamples"):
        paired_tests.cochrans_q([[1, 0], [0, 1]], rng=rng(), resamples=0)
    with pytest.raises(ValueError, match="clusters"):
        paired_tests.cochrans_q([[1, 0], [0, 1]], ["x"], rng=rng())
