"""Bootstrap over clusters, and the wild cluster bootstrap."""

from __future__ import annotations

import itertools
import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from modelmetry.statistics import means, resampling, wild_bootstrap

SAMPLES = st.lists(
    st.tuples(st.sampled_from([0.0, 0.5, 1.0]), st.integers(0, 6)), min_size=1, max_size=30
)


@pytest.mark.parametrize("copies", [1, 40])
def test_resampled_means_are_those_of_every_possible_resample(copies: int) -> None:
    """Three clusters have 27 resamples: their means come about as often as they should."""
    values, clusters = np.array([1.0, 0, 0, 1, 1, 0.5]), np.array([0, 0, 0, 1, 1, 2])
    rng = np.random.default_rng(1)
    if copies == 1:
        totals = {g: (values[clusters == g].sum(), (clusters == g).sum()) for g in range(3)}
        every = [
            sum(totals[g][0] for g in drawn) / sum(totals[g][1] for g in drawn)
            for drawn in itertools.product(range(3), repeat=3)
        ]
        found = resampling.resampled_means(values, clusters, rng=rng, resamples=20_000)
        for value in set(every):
            share = np.isclose(every, value).mean()
            assert np.isclose(found, value).mean() == pytest.approx(share, abs=0.015)
    else:
        # Many clusters of few kinds are counted instead of drawn: mean and spread are the same.
        many = np.tile(values, copies)
        labels = np.concatenate([clusters + 3 * copy for copy in range(copies)])
        found = resampling.resampled_means(many, labels, rng=rng, resamples=20_000)
        drawn = rng.integers(0, 3 * copies, size=(20_000, 3 * copies))
        sums, sizes = np.array([1.0, 2, 0.5]), np.array([3, 2, 1])
        slow = sums[drawn % 3].sum(axis=1) / sizes[drawn % 3].sum(axis=1)
        assert found.mean() == pytest.approx(slow.mean(), abs=4e-3)
        assert found.std() == pytest.approx(slow.std(), rel=0.03)


@given(SAMPLES)
@settings(deadline=None, max_examples=40)
def test_rows_are_resampled_together(sample: list[tuple[float, int]]) -> None:
    """A row and its complement add up to 1 in every resample, and no mean leaves the values."""
    values, clusters = np.array([v for v, _ in sample]), [c for _, c in sample]
    rng = np.random.default_rng(0)
    both = np.stack([values, 1 - values])
    found = resampling.resampled_means(both, clusters, rng=rng, resamples=50)
    assert found.shape == (50, 2)
    assert np.allclose(found.sum(axis=1), 1)
    assert found.min() >= -1e-12
    assert found.max() <= 1 + 1e-12


def test_the_standard_error_is_that_of_resampling() -> None:
    """The spread of resampled means is the clustered standard error, up to its G / (G - 1)."""
    rng = np.random.default_rng(2)
    values, clusters = rng.random(400), rng.integers(0, 60, 400)
    found = resampling.resampled_means(values, clusters, rng=rng, resamples=20_000)
    expected = means.mean(values, clusters).std_error
    assert found.std() * math.sqrt(60 / 59) == pytest.approx(expected, rel=0.03)


def test_bootstrap_t_is_its_slow_twin() -> None:
    """Quantiles of (mean - center) / error over the same resamples, worked out one by one."""
    rng = np.random.default_rng(3)
    values, clusters = rng.random(90), np.sort(rng.integers(0, 25, 90))
    found = resampling.bootstrap_mean(
        values, clusters, rng=np.random.default_rng(4), resamples=400, bounds=None
    )
    labels = np.unique(clusters)
    count = len(labels)
    drawn = np.random.default_rng(4).integers(0, count, size=(400, count), dtype=np.uint32)
    distances = []
    for row in drawn:
        parts = [values[clusters == labels[g]] for g in row]
        again = np.concatenate(parts)
        estimate = means.mean(again, np.repeat(np.arange(count), [len(p) for p in parts]))
        distances.append((again.mean() - values.mean()) / (estimate.std_error or math.nan))
    least, most = np.quantile(distances, [(1 - 0.95) / 2, (1 + 0.95) / 2], method="inverted_cdf")
    error = found.std_error or math.nan
    assert found.low == pytest.approx(values.mean() - most * error)
    assert found.high == pytest.approx(values.mean() - least * error)


def test_scipy_has_the_same_difference() -> None:
    """Over many equal-sized clusters scipy's BCa of the difference of cluster means is close."""
    from scipy.stats import bootstrap

    rng = np.random.default_rng(5)
    a, b = rng.random((60, 3)), rng.random((80, 3)) * 0.8
    clusters = [np.repeat(np.arange(len(side)), 3) for side in (a, b)]
    found = resampling.bootstrap_difference(a.ravel(), b.ravel(), *clusters, rng=rng)
    theirs = bootstrap(
        (a.mean(axis=1), b.mean(axis=1)),
        lambda x, y, axis: x.mean(axis=axis) - y.mean(axis=axis),
        rng=rng,
        n_resamples=5000,
    ).confidence_interval
    assert found.value == pytest.approx(a.mean() - b.mean())
    assert (found.low, found.high) == pytest.approx((theirs.low, theirs.high), abs=0.008)
    assert (found.n, found.clusters) == (420, 140)


def slow_wild_p(values: np.ndarray, clusters: np.ndarray, candidate: float) -> float:
    """The restricted wild p-value of a candidate mean, observation by observation."""
    weights = [sign * math.sqrt(k / 2) for sign in (-1, 1) for k in (1, 2, 3)]
    labels = np.unique(clusters)

    def statistic(sample: np.ndarray) -> float:
        off = sample - sample.mean()
        squares = sum(off[clusters == label].sum() ** 2 for label in labels)
        return abs(sample.mean() - candidate) / math.sqrt(squares)

    observed, extreme = statistic(values) * (1 - 1e-9), 0
    for turned in itertools.product(weights, repeat=len(labels)):
        v = np.array(turned)[np.searchsorted(labels, clusters)]
        extreme += statistic(candidate + v * (values - candidate)) >= observed
    return extreme / len(weights) ** len(labels)


def test_wild_is_its_slow_twin() -> None:
    """Just inside the interval's ends a candidate is kept, and just outside it is rejected."""
    rng = np.random.default_rng(6)
    values, clusters = rng.random(14), np.array([0, 0, 0, 0, 0, 1, 1, 1, 2, 2, 2, 3, 3, 3])
    found = wild_bootstrap.wild_mean(values, clusters, rng=rng, level=0.9, bounds=None)
    assert found.low is not None
    assert found.high is not None
    for end, outwards in ((found.low, -1), (found.high, 1)):
        assert slow_wild_p(values, clusters, end - outwards * 1e-6) > 0.1
        assert slow_wild_p(values, clusters, end + outwards * 1e-6) <= 0.1


def test_wild_draws_where_it_cannot_try_all() -> None:
    """With ten clusters of one size the wild interval is close to Student's t, as is Wilson's."""
    rng = np.random.default_rng(7)
    values, clusters = rng.random(200), np.arange(200) % 10
    found = wild_bootstrap.wild_mean(values, clusters, rng=rng, bounds=None)
    plain = means.mean(values, clusters, bounds=None)
    assert (found.low, found.high) == pytest.approx((plain.low, plain.high), abs=0.006)
    bounded = wild_bootstrap.wild_mean(values, clusters, rng=rng)
    assert (bounded.low, bounded.high) == pytest.approx((found.low, found.high), abs=0.002)


def test_where_resampling_says_nothing() -> None:
    """One cluster, no spread, and clusters with a rare outcome: no interval or a warning."""
    rng = np.random.default_rng(0)
    for method in (resampling.bootstrap_mean, wild_bootstrap.wild_mean):
        assert method([1, 0], [1, 1], rng=rng).low is None
        assert method([1, 0], [1, 1], rng=rng).warnings == (
            "an interval needs at least 2 clusters, got 1",
        )
        assert method([1, 1, 1], rng=rng).warnings[0].startswith("no cluster differs")
        assert method(np.arange(60) < 4, np.repeat(np.arange(12), 5), rng=rng).warnings
    rare = np.arange(60) < 1
    assert resampling.bootstrap_mean(rare, rng=rng, bounds=None).low is None
    assert resampling.bootstrap_mean(rare, rng=rng).high == 1
    two = wild_bootstrap.wild_mean([1, 0.5], rng=rng, bounds=None)
    assert two.warnings[-1].startswith("no candidate mean can be excluded")
    both = resampling.bootstrap_difference([1, 1], [0, 1], [1, 1], [1, 2], rng=rng)
    assert (both.low, both.warnings[0][:2]) == (None, "a:")


def test_refused() -> None:
    """No resamples, no values and values out of bounds are refused."""
    rng = np.random.default_rng(0)
    for method in (
        resampling.bootstrap_mean,
        wild_bootstrap.wild_mean,
        resampling.resampled_means,
    ):
        with pytest.raises(ValueError, match="resamples: 0"):
            method([1, 0], rng=rng, resamples=0)
        with pytest.raises(ValueError, match="no values"):
            method([], rng=rng)
    with pytest.raises(ValueError, match=r"values: 0\.0 to 2\.0"):
        resampling.bootstrap_mean([0, 2], rng=rng)
    with pytest.raises(ValueError, match=r"clusters: shape \(1,\)"):
        resampling.resampled_means([[0, 2], [1, 1]], [1], rng=rng)
    with pytest.raises(ValueError, match="resamples: 0"):
        resampling.bootstrap_difference([0, 1], [1, 0], rng=rng, resamples=0)
