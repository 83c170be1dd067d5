"""Two models on the same items."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest
from benchmarks.calibrations import comparisons
from hypothesis import given, settings
from hypothesis import strategies as st

from modelmetry.statistics import means, pairs
from modelmetry.statistics.equivalence import tost
from modelmetry.statistics.paired_proportions import tango

PAIRED = st.lists(
    st.tuples(st.integers(0, 2), st.integers(0, 2), st.integers(0, 7)), min_size=2, max_size=30
)


def rng() -> np.random.Generator:
    """A stream of its own for every use."""
    return np.random.default_rng(20)


@given(PAIRED)
@settings(deadline=None, max_examples=50)
def test_difference_is_a_clustered_mean(sample: list[tuple[int, int, int]]) -> None:
    """The paired difference has the value and error of a mean; without bounds the interval too."""
    a, b, clusters = (np.array(column) for column in zip(*sample, strict=True))
    found = pairs.difference(a / 2, b / 2, clusters)
    twin = means.mean((a - b) / 2, clusters, bounds=None)
    assert found.value == pytest.approx(twin.value)
    assert found.std_error == pytest.approx(twin.std_error, abs=1e-12)
    free = pairs.difference(a / 2, b / 2, clusters, bounds=None)
    assert (free.low, free.high) == (pytest.approx(twin.low), pytest.approx(twin.high))


@given(PAIRED)
@settings(deadline=None, max_examples=50)
def test_the_interval_holds_what_the_test_does_not_reject(
    sample: list[tuple[int, int, int]],
) -> None:
    """p is below 0.05 exactly where 0 is outside the 95 % interval."""
    a, b, clusters = (np.array(column) for column in zip(*sample, strict=True))
    found = pairs.compare(a / 2, b / 2, clusters, names=("a", "b"), rng=rng())
    low, high = found.difference.low, found.difference.high
    if low is not None and high is not None and min(abs(low), abs(high)) > 1e-6:
        assert (found.p < 0.05) == (not low < 0 < high)


def test_independent_items_have_the_interval_of_tango() -> None:
    """One right or wrong answer per cluster: the counts alone decide."""
    a, b = np.repeat([[1, 1], [1, 0], [0, 1], [0, 0]], [1, 1, 7, 12], axis=0).T
    found, expected = pairs.difference(a, b), tango(1, 1, 7, 12)
    assert (found.low, found.high) == (expected.low, expected.high)
    score = (1 - 7) / math.sqrt(1 + 7)
    p = pairs.compare(a, b, names=("a", "b"), rng=rng()).p
    assert p == pytest.approx(math.erfc(abs(score) / math.sqrt(2)))


def test_copies_of_an_item_are_worth_one() -> None:
    """60 clusters of twenty equal items tell as much as 59 independent ones."""
    a, b = np.repeat([[1, 0], [0, 1], [1, 1]], [1040, 60, 100], axis=0).T
    assert pairs.paired(a, b, np.arange(1200) // 20).worth == pytest.approx(59, rel=2e-3)


def test_scores_may_have_other_bounds() -> None:
    """A score out of five is the same difference on another scale."""
    stream = rng()
    a, b = stream.integers(0, 6, (2, 40))
    clusters = np.arange(40) // 2
    unit = pairs.difference(a / 5, b / 5, clusters)
    found = pairs.difference(a, b, clusters, bounds=(0, 5))
    assert (found.low, found.high) == (
        pytest.approx(5 * (unit.low or 0)),
        pytest.approx(5 * (unit.high or 0)),
    )


def test_one_item_that_differs_is_not_taken_for_the_end_of_doubt() -> None:
    """Seeing one of 100 items differ, in five clusters, does not narrow the interval to its cluster."""
    a, clusters = np.ones(100), np.repeat(np.arange(5), 20)
    never = pairs.difference(a, a, clusters)
    b = a.copy()
    b[0] = 0
    once = pairs.difference(a, b, clusters)
    assert (never.high or 0) > (once.high or 0) > (never.high or 0) / 4


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


def test_identical_models() -> None:
    """Two models with the same answers differ by 0 within what the clusters can show; p is 1."""
    scores = np.tile([0, 1], 50)
    found = pairs.compare(scores, scores, names=("a", "b"), rng=rng())
    most = tango(50, 0, 0, 50).high or 0
    assert (found.difference.low, found.difference.high) == (
        pytest.approx(-most),
        pytest.approx(most),
    )
    assert (found.p, found.p_exact) == (1.0, 1.0)
    assert found.detectable > most
    assert "all clusters differ by the same" in found.difference.warnings[0]


def test_opposite_models() -> None:
    """One always right, one always wrong: ten wins of ten, not certainty."""
    found = pairs.compare(np.ones(10), np.zeros(10), names=("a", "b"), rng=rng())
    assert found.p == pytest.approx(math.erfc(math.sqrt(10 / 2)))
    assert found.p_exact == pytest.approx(1 / 2**10)
    assert found.difference.high == pytest.approx(1)
    assert 0.4 < (found.difference.low or 0) < 0.7


def test_one_cluster() -> None:
    """One cluster gives a difference without an interval, and nothing is detectable."""
    found = pairs.compare([1, 1], [0, 1], ["x", "x"], names=("a", "b"), rng=rng())
    assert (found.difference.value, found.difference.low, found.p) == (0.5, None, 1.0)
    assert found.detectable == 1.0


def test_paired_t_of_scipy() -> None:
    """Without bounds and clusters the interval and the test are those of the paired t test."""
    from scipy.stats import ttest_rel

    stream = rng()
    a, b = stream.random(50), stream.random(50)
    expected = ttest_rel(a, b)
    found = pairs.paired(a, b, bounds=None)
    assert pairs.p_value(found) == pytest.approx(expected.pvalue)
    interval = expected.confidence_interval()
    assert found.bounds(0.95) == (pytest.approx(interval.low), pytest.approx(interval.high))
    assert pairs.compare(a, b, names=("a", "b"), rng=stream).p == pytest.approx(
        expected.pvalue, rel=0.1
    )


def test_detectable_is_found_with_its_power() -> None:
    """A true difference as large as said is significant in about 80 % of runs."""
    stream, n = np.random.default_rng(5), 60
    pilot = pairs.paired(stream.random(n), stream.random(n))
    spread = math.sqrt(1 / 6)
    design = (pilot.mean.std_error or 0) * math.sqrt(n) / spread
    effect = pairs.detectable(pilot) / design
    hits = 0
    for _ in range(600):
        deltas = stream.random(n) - stream.random(n)
        found = pairs.paired((deltas + effect + 2) / 4, np.full(n, 0.5))
        hits += pairs.p_value(found) < 0.05
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
    mild = pairs.adjusted(found, "bh")
    assert [c.correction for c in mild] == ["bh"] * 3
    assert all(m.p_adjusted <= h.p_adjusted for m, h in zip(mild, family, strict=True))
    with pytest.raises(ValueError, match="correction: 'no'"):
        pairs.adjusted(found, "no")


def test_claims_of_equivalence_are_a_family_of_their_own() -> None:
    """Two claims at 0.02 each are corrected among themselves, whatever the differences' p are."""
    stream = rng()
    found = []
    for _ in range(2):
        a, b = stream.random(40), stream.random(40)
        shown = replace(tost(a, b, margin=0.2), p=0.02)
        comparison = pairs.compare(a, b, names=("a", "b"), rng=stream)
        found.append(replace(comparison, equivalence=shown))
    assert [c.equivalence.p_adjusted for c in pairs.adjusted(found) if c.equivalence] == [0.04] * 2


@pytest.mark.parametrize(
    ("a", "b", "match"),
    [([1, 0], [1], "allowed: 2"), ([], [], "no values"), ([2], [0], "0.0 to 1.0")],
)
def test_refused(a: list[float], b: list[float], match: str) -> None:
    """Unpaired, empty or impossible scores are refused."""
    with pytest.raises(ValueError, match=match):
        pairs.difference(a, b)


def test_the_calibration_holds() -> None:
    """In simulations intervals cover, tests and corrections err no more than promised, ranks hold."""
    found = list(comparisons.cases(150, quick=True))
    assert {case.method.split(".")[0] for case in found} == {
        *("pairs", "paired_proportions", "paired_tests"),
        *("equivalence", "multiplicity", "ranks"),
    }
    assert [case for case in found if case.surely_breaks()] == []
    assert all(case.claimed for case in found)


def test_detectable_is_no_less_than_the_answers_that_must_differ() -> None:
    """Two models that hardly ever differ: an effect needs more answers to differ than were seen."""
    stream, n = np.random.default_rng(6), 100
    right = np.ones(n)
    pilot = pairs.paired(right, np.where(np.arange(n) < 1, 0.0, right))
    effect = pairs.detectable(pairs.paired(np.roll(pilot.deltas, 3) > 0, pilot.deltas > 0))
    hits = 0
    for _ in range(600):
        found = pairs.paired((stream.random(n) < effect).astype(float), np.zeros(n))
        hits += pairs.p_value(found) < 0.05
    assert hits / 600 >= 0.75


def test_clusters_of_many_items_detect_what_their_means_do() -> None:
    """Forty clusters of twenty items find an effect as often as said, whatever single items do."""
    stream, labels = np.random.default_rng(7), np.repeat(np.arange(40), 20)

    def drawn(effect: float) -> pairs.Paired:
        u = stream.random(800)
        a, b = u < 0.06 + effect / 2, u > 0.94 + effect / 2
        return pairs.paired(a.astype(float), b.astype(float), labels)

    effect = float(np.mean([pairs.detectable(drawn(0.0)) for _ in range(20)]))
    hits = sum(pairs.p_value(drawn(effect)) < 0.05 for _ in range(400))
    assert 0.74 <= hits / 400 <= 0.88


def test_a_family_of_claims_is_of_those_that_were_stated() -> None:
    """A comparison without a margin does not enter the correction of equivalence."""
    stream = rng()
    a, b = (stream.random((2, 60)) < 0.7).astype(float)
    one = pairs.compare(a, b, names=("a", "b"), rng=stream)
    claimed = replace(one, equivalence=tost(a, b, margin=0.3))
    family = pairs.adjusted([one, claimed, one])
    assert family[1].equivalence is not None
    assert family[1].equivalence.p_adjusted == family[1].equivalence.p
    assert family[0].equivalence is None
