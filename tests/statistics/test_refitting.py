"""Intervals of procedures, that hold what refitting changes."""

from __future__ import annotations

import numpy as np
import pytest
from benchmarks.calibrations import memorization as calibration
from scipy.stats import t as student

from modelmetry.statistics import refitting, ridge_logistic


def rng(seed: int = 0) -> np.random.Generator:
    """A stream."""
    return np.random.default_rng(seed)


def test_of_means_the_spread_is_known() -> None:
    """A score that is the test mean less the training mean has the variance of both."""
    values = rng(1).normal(size=400)
    found = refitting.refitted(
        lambda train, test: values[test].mean() - values[train].mean(),
        400, held_out=0.25, rng=rng(), resamples=2000, bounds=None,
    )  # fmt: skip
    (score,) = found.scores
    train, test = values[found.train], values[found.test]
    assert (len(train), len(test)) == (300, 100)
    assert score.value == pytest.approx(test.mean() - train.mean())
    assert score.std_error == pytest.approx(np.sqrt(train.var() / 300 + test.var() / 99), rel=0.06)
    assert score.low == pytest.approx(score.value - 1.984 * (score.std_error or 0), abs=1e-3)


def test_it_is_a_slow_bootstrap_of_both_parts() -> None:
    """Clusters of either part drawn with replacement by hand give the same spread."""
    stream = rng(2)
    codes = np.repeat(np.arange(60), stream.integers(1, 5, 60))
    x = stream.normal(size=60)[codes] + stream.normal(size=len(codes))

    def score(train, test):
        return float(np.abs(x[test] - np.median(x[train])).mean())

    found = refitting.refitted(
        score, len(x), clusters=codes, rng=rng(), resamples=1500, bounds=None
    )
    parts = [np.unique(codes[rows]) for rows in (found.train, found.test)]
    slow = []
    for _ in range(1500):
        rows = [
            np.concatenate([np.flatnonzero(codes == k) for k in stream.choice(part, len(part))])
            for part in parts
        ]
        slow.append(score(*rows))
    assert found.draws.mean() == pytest.approx(np.mean(slow), rel=0.02)
    assert found.draws.std() == pytest.approx(np.std(slow), rel=0.08)


def test_clusters_are_whole_and_on_one_side() -> None:
    """No cluster is fitted to and scored, each resample has as many clusters as the part, all rows of each."""
    codes = np.array(list("aabbbcddddeeffgg"))
    seen = []

    def score(train, test):
        assert not set(codes[train]) & set(codes[test])
        for rows in (train, test):
            kinds, times = np.unique(rows, return_counts=True)
            for row, many in zip(kinds, times, strict=True):
                assert (times[np.isin(kinds, np.flatnonzero(codes == codes[row]))] == many).all()
                assert np.isin(np.flatnonzero(codes == codes[row]), kinds).all()
        seen.append(len(train))
        return 0.5

    found = refitting.refitted(score, 16, clusters=codes, held_out=0.4, rng=rng(), resamples=40)
    assert found.clusters == (4, 3)
    assert len(set(seen)) > 1
    assert "no resample differs from another" in found.scores[0].warnings[-1]


def test_a_split_can_be_given() -> None:
    """Rows that are marked are held out; a mark that parts a cluster is refused."""
    marks = np.arange(20) >= 15
    found = refitting.refitted(lambda _, test: test.mean() / 20, 20, held_out=marks, rng=rng())
    assert found.test.tolist() == [15, 16, 17, 18, 19]
    assert found.scores[0].value == pytest.approx(17 / 20)
    with pytest.raises(ValueError, match="held_out: parts a cluster"):
        refitting.refitted(lambda *_: 0, 20, clusters=np.arange(20) // 2, held_out=marks, rng=rng())
    for wrong in (np.zeros(20), np.ones(20), np.zeros(3), 0.0, 1.0):
        with pytest.raises(ValueError, match="held_out: "):
            refitting.refitted(lambda *_: 0.5, 20, held_out=wrong, rng=rng())


def test_procedures_are_paired() -> None:
    """What two scores share cancels in their difference: of one plus a constant nothing is left."""
    values = rng(3).random(100)
    found = refitting.refitted(
        lambda _, test: [values[test].mean(), values[test].mean() / 2, values[test].mean() - 0.1],
        100, rng=rng(),
    )  # fmt: skip
    half = found.difference(0, 1)
    assert half.value == pytest.approx(found.values[0] / 2)
    assert half.std_error == pytest.approx((found.scores[0].std_error or 0) / 2)
    same = found.difference(0, 2)
    assert same.value == pytest.approx(0.1)
    assert same.low is None
    assert found.p_value(0, 2) == 1.0
    assert found.p_value(0, 1) < 1e-6
    assert found.difference(1, 0).value == -half.value
    for wrong in (-1, 3):
        with pytest.raises(ValueError, match=f"a: {wrong}; allowed: 0 to 2"):
            found.difference(wrong, 0)


def test_refitting_widens() -> None:
    """An unstable procedure has a wider interval than its test items alone would give."""
    stream = rng(4)
    x = stream.normal(size=(250, 20))
    y = (stream.random(250) < 1 / (1 + np.exp(-x[:, 0]))).astype(float)

    def score(train, test):
        model = ridge_logistic.fit(y[train], x[train], penalty=0.01)
        return float(((model.probabilities(x[test]) > 0.5) == y[test]).mean())

    found = refitting.refitted(score, 250, held_out=0.8, rng=rng())
    whole = refitting.refitted(
        lambda _, test: score(found.train, test), 250,
        held_out=np.isin(np.arange(250), found.test), rng=rng(),
    )  # fmt: skip
    assert whole.values == pytest.approx(found.values)
    assert (found.scores[0].std_error or 0) > 1.2 * (whole.scores[0].std_error or 0)


def test_intervals_stay_within_bounds() -> None:
    """A score near 1 has an interval within [0, 1], and with a width."""
    right = rng(5).random(60) < 0.93
    found = refitting.refitted(lambda _, test: right[test].mean(), 60, held_out=0.5, rng=rng())
    (score,) = found.scores
    assert score.low is not None
    assert score.high is not None
    assert 0 < score.low < score.value <= score.high <= 1


def test_resamples_without_a_score_are_counted() -> None:
    """Errors and NaN leave resamples out, with the reason; too many leave no interval."""
    calls = iter(range(10_000))

    def sometimes(train, test):
        k = next(calls)
        if k % 10 == 3:
            raise ValueError("outcomes: all are 1")
        return float("nan") if k % 10 == 7 else float(test.mean() / 100)

    found = refitting.refitted(sometimes, 100, rng=rng(), resamples=100)
    assert found.scores[0].low is not None
    assert "20 of 100 resamples had no score (outcomes: all are 1)" in found.warnings
    rare = iter([0.5] * 3 + [float("nan")] * 1000)
    lost = refitting.refitted(lambda *_: next(rare), 100, rng=rng())
    assert lost.scores[0].low is None
    assert "too few resamples have a score: there is no interval" in lost.scores[0].warnings


def test_few_resamples_are_allowed_for() -> None:
    """With fewer resamples than clusters the interval is of Student's t with those less one."""
    values = rng(7).normal(size=500)
    found = refitting.refitted(
        lambda train, test: [values[test].mean(), values[train].mean()],
        500, rng=rng(), resamples=20, bounds=None,
    )  # fmt: skip
    for each in (found.scores[0], found.difference(0, 1)):
        assert each.method.endswith("t with 19 df")
        assert each.high == pytest.approx(each.value + 2.0930 * (each.std_error or 0), abs=1e-4)
        assert each.warnings == ()
    apart = found.difference(0, 1)
    t = apart.value / (apart.std_error or 1)
    assert found.p_value(0, 1) == pytest.approx(2 * student.sf(abs(t), 19))


def test_each_score_has_its_own_bounds() -> None:
    """A share, a loss that has no upper bound, and a score that has none: Wilson's, cut at 0, and plain t."""
    lost = rng(8).exponential(1.0, 60)

    def score(_, test):
        return [
            float((lost[test] < 1).mean()),
            float(lost[test].mean()) / 9,
            -float(lost[test].mean()),
        ]

    limits = [(0.0, 1.0), (0.0, np.inf), None]
    found = refitting.refitted(score, 60, rng=rng(), bounds=limits)
    one, two, three = found.scores
    assert one.low is not None
    assert one.high is not None
    assert 0 < one.low < one.value < one.high < 1
    assert two.high == pytest.approx(two.value - (three.low or 0) / 9 + three.value / 9)
    cut = refitting.refitted(
        lambda _, test: max(0.0, float(lost[test].mean()) - 1), 60, rng=rng(), bounds=(0.0, np.inf)
    )
    assert cut.scores[0].low == 0.0
    assert found.bounds == tuple(limits)
    plain = refitting.refitted(score, 60, rng=rng(), bounds=None)
    for a, b in ((0, 1), (1, 0)):
        mixed = found.difference(a, b)
        half = (mixed.high or 0) - mixed.value
        assert mixed.low == pytest.approx(mixed.value - half)
        assert plain.difference(a, b) == mixed
    for wrong in ([(0.0, 1.0)], [None] * 4):
        with pytest.raises(ValueError, match="allowed: 3, one for each score"):
            refitting.refitted(score, 60, rng=rng(), bounds=wrong)


def test_refused() -> None:
    """Scores that are no numbers or out of bounds, another number of them, and too few resamples."""
    for score, match in (
        (lambda *_: float("nan"), "fit_and_score: gave"),
        (lambda *_: 2.0, "fit_and_score: 2.0 to 2.0"),
        (lambda *_: [[0.5]], "fit_and_score: gave"),
    ):
        with pytest.raises(ValueError, match=match):
            refitting.refitted(score, 30, rng=rng())
    sizes = iter([1, 2])
    with pytest.raises(ValueError, match="allowed: 1 numbers, always"):
        refitting.refitted(lambda *_: [0.5] * next(sizes), 30, rng=rng())
    with pytest.raises(ValueError, match="resamples: 1; allowed"):
        refitting.refitted(lambda *_: 0.5, 30, rng=rng(), resamples=1)
    few = refitting.refitted(lambda _, test: test.mean() / 30, 30, rng=rng(), resamples=9)
    assert few.warnings == (
        "only 6 clusters in a part: the interval is rough",
        "only 9 resamples: the interval is rough",
    )
    one = refitting.refitted(lambda _, test: test.mean() / 3, 3, rng=rng())
    assert one.scores[0].low is None


def test_a_seed_repeats_it() -> None:
    """The same stream gives the same numbers."""
    values = rng(6).random(50)
    one, two = (
        refitting.refitted(lambda train, test: values[train].mean() * values[test].mean(), 50, rng=rng(9))
        for _ in range(2)
    )  # fmt: skip
    assert one.scores == two.scores


def test_calibration() -> None:
    """A small fixed part of the calibration of predictive models keeps its promises."""
    found = list(calibration.cases(25, seed=1, quick=True))
    assert len(found) >= 8
    assert [case for case in found if case.surely_breaks()] == []
