"""Differences of balanced accuracies, on clusters that both sides share or not."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from modelmetry.statistics import balanced, means, pairs

QUAD = np.array([1, 0, 0, 0])


def _quads(seed: int, variants: int, shift: float = 0.0) -> tuple[np.ndarray, ...]:
    """Scores of both sides, classes and variants of quads whose variants are alike on both sides."""
    stream = np.random.default_rng(seed)
    effect = stream.normal(size=(variants, 1))
    sides = [
        stream.random((variants, 4)) < 1 / (1 + np.exp(-(1 + down + effect)))
        for down in (0.0, shift)
    ]
    classes, labels = np.tile(QUAD, variants), np.repeat(np.arange(variants), 4)
    return sides[0].astype(float).ravel(), sides[1].astype(float).ravel(), classes, labels


def test_the_value_is_the_difference_of_two_balanced_accuracies() -> None:
    """Over the same classes it is what `means.balanced_accuracy` gives for each side."""
    a, b, classes, labels = _quads(0, 12, -1.0)
    found = balanced.difference(a, b, classes, classes, labels, labels)
    sides = [means.balanced_accuracy(side, classes).value for side in (a, b)]
    assert found.value == pytest.approx(sides[0] - sides[1])
    assert (found.n, found.clusters) == (96, 12)


def test_whole_quads_are_paired_differences_of_variants() -> None:
    """Where every variant has every class on both sides it is the paired difference of variants."""
    a, b, classes, labels = _quads(1, 15, -1.0)
    found = balanced.difference(a, b, classes, classes, labels, labels)
    each = [
        [means.balanced_accuracy(side[labels == v], classes[labels == v]).value for v in range(15)]
        for side in (a, b)
    ]
    twin = pairs.difference(*each, np.arange(15))
    assert found.value == pytest.approx(twin.value)
    assert found.std_error == pytest.approx(twin.std_error)
    assert (found.low, found.high) == pytest.approx((twin.low, twin.high))


def test_the_spread_of_clusters_of_any_shape_is_that_of_a_loop() -> None:
    """With missing items the error is that of clusters' summed deviations, corrected by class."""
    a, b, classes, labels = _quads(2, 10, -1.0)
    kept = np.random.default_rng(3).random((2, 40)) < 0.8
    sides = [(a[kept[0]], 1.0, kept[0]), (b[kept[1]], -1.0, kept[1])]
    moved: dict[int, float] = {}
    for values, sign, mask in sides:
        for k in (0, 1):
            here = classes[mask] == k
            units = labels[mask][here]
            m = len(set(units.tolist()))
            for value, unit in zip(values[here], units, strict=True):
                part = sign * (value - values[here].mean()) / (2 * here.sum())
                moved[unit] = moved.get(unit, 0.0) + part * math.sqrt(m / (m - 1))
    found = balanced.difference(
        a[kept[0]], b[kept[1]], classes[kept[0]], classes[kept[1]], labels[kept[0]], labels[kept[1]]
    )
    assert found.std_error == pytest.approx(math.sqrt(sum(part**2 for part in moved.values())))


def test_what_variants_share_cancels() -> None:
    """The same answers on shared variants have a narrower interval than on variants of their own."""
    a, b, classes, labels = _quads(4, 40)
    shared = balanced.difference(a, b, classes, classes, labels, labels)
    apart = balanced.difference(a, b, classes, classes, labels, labels + 100)
    assert shared.value == pytest.approx(apart.value)
    assert shared.high - shared.low < 0.95 * (apart.high - apart.low)
    assert "shared clusters" in shared.method
    assert "Newcombe" in apart.method
    assert apart.clusters == 80


@pytest.mark.parametrize("always", [0, 1])
@pytest.mark.parametrize("clustered", [True, False])
def test_one_constant_answer_has_no_difference(always: int, clustered: bool) -> None:
    """A constant answer has a difference of 0, also of unlike marginals, and an interval about it."""
    one, two = np.tile(QUAD, 8), np.tile([1, 1, 0, 0, 0], 8)
    labels = (np.repeat(np.arange(8), 4), np.repeat(np.arange(8), 5)) if clustered else (None, None)
    found = balanced.difference(one == always, two == always, one, two, *labels)
    assert found.value == 0.0
    assert found.low < 0 < found.high


@given(st.integers(0, 10_000), st.integers(2, 8), st.booleans())
def test_sides_may_change_places(seed: int, variants: int, shared: bool) -> None:
    """The other way around it is the same with the other sign, and the interval is never a point."""
    a, b, classes, labels = _quads(seed, variants, -1.0)
    others = labels if shared else labels + variants
    one = balanced.difference(a, b, classes, classes, labels, others)
    two = balanced.difference(b, a, classes, classes, others, labels)
    assert one.value == pytest.approx(-two.value)
    assert (one.low, one.high) == pytest.approx((-two.high, -two.low), abs=1e-6)
    assert -1 <= one.low < one.high <= 1
    assert one.low <= one.value <= one.high


@given(st.integers(0, 10_000))
def test_order_and_names_do_not_matter(seed: int) -> None:
    """Items in another order, and clusters and classes by other names, change nothing."""
    a, b, classes, labels = _quads(seed, 6, -1.0)
    order = np.random.default_rng(seed).permutation(24)
    one = balanced.difference(a, b, classes, classes, labels, labels)
    names = np.array(["no", "yes"])[classes]
    units = np.array([f"variant {label}" for label in labels])
    two = balanced.difference(a[order], b, names[order], names, units[order], units)
    assert (one.value, one.std_error) == pytest.approx((two.value, two.std_error))
    assert (one.low, one.high) == pytest.approx((two.low, two.high))


def test_wider_bounds_scale() -> None:
    """Values in [-1, 1] have twice the difference and interval of the same in [0, 1]."""
    a, b, classes, labels = _quads(7, 10, -1.0)
    one = balanced.difference(a, b, classes, classes, labels, labels)
    two = balanced.difference(
        2 * a - 1, 2 * b - 1, classes, classes, labels, labels, bounds=(-1.0, 1.0)
    )
    for name in ("value", "std_error", "low", "high"):
        assert getattr(two, name) == pytest.approx(2 * getattr(one, name))


def test_classes_of_one_side_are_left_out() -> None:
    """Only classes that both sides have in two clusters count, and the method says how many do not."""
    found = balanced.difference([1, 1, 0, 1], [0, 1, 1], [0, 0, 1, 2], [0, 0, 1])
    assert found.value == 0.5
    assert found.n == 4
    assert "over 1 class that both sides have (2 left out)" in found.method


def test_too_little_is_no_interval() -> None:
    """With a cluster a class there is a value without an interval; with no common class nothing."""
    found = balanced.difference([1, 0], [0, 0], [0, 1], [0, 1])
    assert found.value == 0.5
    assert found.low is found.high is None
    assert "at least 2 clusters" in found.warnings[0]
    assert balanced.difference([1, 0], [0, 0], [0, 0], [1, 1]) is None


@pytest.mark.parametrize(
    ("a", "classes", "match"),
    [([], [], "no values"), ([2, 0], [0, 1], "0.0 to 1.0"), ([1, 0], [0], "shape")],
)
def test_refused(a: list[float], classes: list[int], match: str) -> None:
    """No, impossible or unlabeled values are refused."""
    with pytest.raises(ValueError, match=match):
        balanced.difference(a, [1, 0], classes, [0, 1])
