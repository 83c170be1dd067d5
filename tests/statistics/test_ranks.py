"""Ranks, the places left open, and ties."""

from __future__ import annotations

import math
from statistics import NormalDist

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from modelmetry.statistics.distributions import normal_scores
from modelmetry.statistics.ranks import Ranks, _largest, _stepped_down, rank_sets
from modelmetry.statistics.resampling import resampled_means


def rng() -> np.random.Generator:
    """A stream of its own for every use."""
    return np.random.default_rng(30)


def answers(accuracies: list[float], n: int) -> np.ndarray:
    """Right and wrong answers to n items, shape (models, n)."""
    return (rng().random((len(accuracies), n)) < np.array(accuracies)[:, None]).astype(float)


def slow_twin(values: np.ndarray, clusters: np.ndarray, resamples: int) -> set[tuple[int, int]]:
    """Pairs (better, worse), one ordered pair and one resample after another."""
    k, n = values.shape
    labels = np.unique(clusters)
    drawn = resampled_means(values, clusters, rng=rng(), resamples=resamples)
    ordered = [(i, j) for i in range(k) for j in range(k) if i != j]
    far, spread = {}, {}
    for i, j in ordered:
        delta = values[i] - values[j]
        sums = np.array([(delta - delta.mean())[clusters == c].sum() for c in labels]) / n
        error = np.sqrt(len(labels) / (len(labels) - 1) * (sums**2).sum())
        far[i, j] = float(normal_scores(np.array([delta.mean() / error]), len(labels) - 1)[0])
        heads = sum(abs(delta[clusters == c].sum()) > 1e-9 for c in labels)
        coins = max(0.0, -NormalDist().inv_cdf(0.5**heads)) if heads else 0.0
        far[i, j] = max(-coins, min(coins, far[i, j]))
        spread[i, j] = (drawn[:, i] - drawn[:, j]).std()
    better: set[tuple[int, int]] = set()
    while True:
        open_ = [pair for pair in ordered if pair not in better]
        largest = [
            max(
                (m[i] - m[j] - (values[i].mean() - values[j].mean())) / spread[i, j]
                for i, j in open_
            )
            for m in drawn
        ]
        critical = np.quantile(largest, 0.95, method="higher")
        found = {pair for pair in open_ if far[pair] > critical}
        if not found:
            return better
        better |= found


@pytest.mark.parametrize("seed", range(6))
def test_slow_twin(seed: int) -> None:
    """On items that are hard for all alike a loop over pairs and resamples tells the same apart."""
    stream, abilities = np.random.default_rng(seed), np.array([0.0, 0.3, 0.7, 1.5])
    hard = 2 * stream.standard_normal(80)
    values = (abilities[:, None] + 0.5 * stream.standard_normal((4, 80)) > hard).astype(float)
    clusters = np.repeat(np.arange(40), 2)
    found = rank_sets(values, clusters, rng=rng(), resamples=200)
    better = slow_twin(values, clusters, 200)
    assert better
    assert found.low == tuple(1 + sum(pair[1] == i for pair in better) for i in range(4))
    assert found.high == tuple(4 - sum(pair[0] == i for pair in better) for i in range(4))


def test_claims_made_leave_fewer_to_correct_for() -> None:
    """A step down with less left open can only claim more, and does where a claim was close."""
    drawn = rng().standard_normal((4000, 4))
    errors = np.full((4, 4), math.sqrt(2))
    first = float(np.quantile(_largest(drawn, errors, ~np.eye(4, dtype=bool)), 0.95))
    distances = np.zeros((4, 4))
    distances[0, 1:] = distances[1, 2:] = 9.0
    distances[2, 3] = first - 0.05
    assert _stepped_down(distances, drawn, 0.95)[2, 3]
    distances[0, 1:] = distances[1, 2:] = 0.0
    assert not _stepped_down(distances, drawn, 0.95)[2, 3]


@given(
    st.integers(2, 5).flatmap(
        lambda k: st.lists(st.lists(st.integers(0, 1), min_size=k, max_size=k), min_size=2)
    )
)
@settings(deadline=None, max_examples=40)
def test_a_rank_lies_among_its_places(rows: list[list[int]]) -> None:
    """Best, own and worst place are in order, and groups follow the means."""
    values = np.array(rows, dtype=float).T
    found = rank_sets(values, rng=rng(), resamples=50)
    k = len(values)
    for low, rank, high in zip(found.low, found.rank, found.high, strict=True):
        assert 1 <= low <= rank <= high <= k
    order = np.argsort(-values.mean(axis=1), kind="stable")
    groups = np.array(found.group)[order]
    assert groups[0] == 1
    assert set(np.diff(groups)) <= {0, 1}


@given(st.permutations(range(4)))
@settings(deadline=None, max_examples=20)
def test_the_order_of_the_models_does_not_matter(order: list[int]) -> None:
    """Shuffled models keep their places."""
    values = answers([0.3, 0.5, 0.52, 0.9], 80)
    found = rank_sets(values, rng=rng(), resamples=200)
    shuffled = rank_sets(values[order], rng=rng(), resamples=200)
    assert shuffled.low == tuple(found.low[i] for i in order)
    assert shuffled.high == tuple(found.high[i] for i in order)
    assert shuffled.group == tuple(found.group[i] for i in order)


def test_clear_differences_are_ranks() -> None:
    """Far apart, every place is certain and every model its own group."""
    found = rank_sets(answers([0.1, 0.9, 0.5], 400), rng=rng(), resamples=500)
    assert found.rank == found.low == found.high == (3, 1, 2)
    assert found.group == (3, 1, 2)


def test_models_that_answer_the_same_are_tied() -> None:
    """Copies share rank, places and group, however many items there are."""
    row = answers([0.5], 500)[0]
    found = rank_sets(np.stack([row, row, np.zeros(500)]), rng=rng(), resamples=200)
    assert (found.rank, found.low, found.high) == ((1, 1, 3), (1, 1, 3), (2, 2, 3))
    assert found.group == (1, 1, 2)


def test_a_cluster_counts_once() -> None:
    """A hundred copies of five items are five clusters, which tell nothing apart."""
    values = np.repeat(answers([0.2, 0.8], 5), 100, axis=1)
    apart = rank_sets(values, rng=rng(), resamples=200)
    together = rank_sets(values, np.repeat(np.arange(5), 100), rng=rng(), resamples=200)
    assert apart.high == (2, 1)
    assert together.high == (2, 2)
    assert "only 5 clusters" in together.warnings[0]


def test_few_clusters_that_all_fall_one_way_are_no_proof() -> None:
    """Four wins and no loss happen to equal models once in eight: no difference is claimed."""
    values = np.zeros((2, 100))
    values[0, :4] = 1
    assert rank_sets(values, rng=rng(), resamples=300).low == (1, 1)
    values[0, :9] = 1
    assert rank_sets(values, rng=rng(), resamples=300).low == (1, 2)


def test_one_cluster_leaves_everything_open() -> None:
    """Without a second cluster every place is possible, and a warning says so."""
    found: Ranks = rank_sets([[1, 1], [0, 0]], ["x", "x"], rng=rng())
    assert (found.low, found.high, found.group) == ((1, 1), (2, 2), (1, 1))
    assert "at least 2 clusters" in found.warnings[0]


@pytest.mark.parametrize("values", [[[1, 0]], [1, 0], [[], []], [[1, float("nan")], [0, 1]]])
def test_refused(values: list[list[float]]) -> None:
    """One model, no items and missing scores are refused, and so are impossible levels."""
    with pytest.raises(ValueError, match="allowed"):
        rank_sets(values, rng=rng())
    with pytest.raises(ValueError, match="level"):
        rank_sets([[1, 0], [0, 1]], rng=rng(), level=0.0)


def test_clusters_of_unequal_size_count_for_fewer() -> None:
    """One cluster of most items makes a design of few clusters, and a warning says so."""
    labels = np.repeat(np.arange(20), [200] + [2] * 19)
    scores = answers([0.6, 0.6], len(labels))
    found = rank_sets(scores, labels, rng=rng(), resamples=200)
    assert "worth 1.4 of one size" in found.warnings[0]
    apart = np.stack([0.5 + 0.03 * rng().normal(size=20)[labels], np.full(len(labels), 0.4)])
    assert rank_sets(apart, labels, rng=rng()).high == (2, 2)
    assert rank_sets(apart, np.arange(len(labels)) % 20, rng=rng()).high == (1, 2)
    even = rank_sets(scores, np.arange(len(labels)) % 20, rng=rng(), resamples=200)
    assert not even.warnings


def test_a_model_better_on_every_item_is_told() -> None:
    """All right beside all wrong has no spread to resample, and is told apart all the same."""
    found = rank_sets([[1] * 30, [0] * 30, [0] * 30], rng=rng())
    assert (found.low, found.high) == ((1, 2, 2), (1, 3, 3))
    few = rank_sets([[1] * 4, [0] * 4], rng=rng())
    assert (few.low, few.high) == ((1, 1), (2, 2))


def test_rounding_errors_are_no_rank() -> None:
    """The same scores in another order share a rank."""
    scores = np.array([0.1, 0.2, 0.3, 0.7] * 5)
    found = rank_sets([scores, np.sort(scores)], rng=rng(), resamples=50)
    assert found.rank == (1, 1)
