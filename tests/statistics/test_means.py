"""Clustered means, balanced accuracy and differences between independent sets."""

from __future__ import annotations

import math
import warnings

import numpy as np
import pytest
from benchmarks.calibrations import intervals
from hypothesis import example, given, settings
from hypothesis import strategies as st

from modelmetry.statistics import Estimate, grouped, means, missing
from modelmetry.statistics.distributions import two_sided

SCORES = st.sampled_from([0.0, 0.25, 0.5, 1.0])
SAMPLES = st.lists(st.tuples(SCORES, st.integers(0, 6), st.integers(0, 2)), min_size=1, max_size=40)


def slow_error(values: list[float], clusters: list[int]) -> float | None:
    """The clustered standard error of a mean, as its formula reads."""
    labels = sorted(set(clusters))
    if len(labels) < 2:
        return None
    center = sum(values) / len(values)
    total = 0.0
    for label in labels:
        inside = [v - center for v, c in zip(values, clusters, strict=True) if c == label]
        total += sum(inside) ** 2
    return math.sqrt(len(labels) / (len(labels) - 1) * total) / len(values)


def slow_sums(values: list[float], clusters: list[int]) -> dict[int, float]:
    """Each cluster's sum of deviations from the mean, over the number of observations."""
    n, center = len(values), sum(values) / len(values)
    return {
        label: sum(v - center for v, c in zip(values, clusters, strict=True) if c == label) / n
        for label in clusters
    }


def yes_or_no(values: list[float], clusters: list[int]) -> bool:
    """Whether each cluster's values are all 0 or all 1."""
    held = {c: {v for v, d in zip(values, clusters, strict=True) if d == c} for c in clusters}
    return all(kinds in ({0.0}, {1.0}) for kinds in held.values())


def slow_worth(values: list[float], clusters: list[int], error: float) -> float:
    """Independent observations worth as much, with the made-up parts of a cluster in the loop."""
    n, center = len(values), sum(values) / len(values)
    shares = {c: clusters.count(c) / n for c in clusters}
    plain = center * (1 - center) / error**2 if error > 1e-9 else math.inf
    rarer = [v if center <= 0.5 else 1 - v for v in values]
    held = [sum(v for v, c in zip(rarer, clusters, strict=True) if c == label) for label in shares]
    spread = sum(held) ** 2 / sum(h**2 for h in held) if sum(held) > 0 else 0
    size = sum(share**2 for share in shares.values())
    few = not yes_or_no(values, clusters) and spread < min(5, (1 / size - 1) / 2) - 1e-9
    if error > 1e-9 and not few:
        return plain
    total = 1 + 2 * 0.1 * size
    guarded = (center + 0.1 * size) / total
    squares = 0.1 * (size * guarded) ** 2 + 0.1 * (size * (1 - guarded)) ** 2
    for label in shares:
        inside = [v - guarded for v, c in zip(values, clusters, strict=True) if c == label]
        squares += (sum(inside) / n) ** 2
    return min(plain, guarded * (1 - guarded) / (squares / total))


def slow_wilson(p: float, n: float, quantile: float) -> tuple[float, float]:
    """Wilson's ends as the roots of (p - x)^2 = q^2 x (1 - x) / n."""
    a, b, c = 1 + quantile**2 / n, -(2 * p + quantile**2 / n), p * p
    low, high = sorted(np.roots([a, b, c]).real)
    return low, high


def ends(found: Estimate) -> tuple[float, float]:
    """The interval, which there must be."""
    assert found.low is not None
    assert found.high is not None
    return found.low, found.high


def difference_or_gap(found: Estimate) -> float:
    """Width of the interval, or infinity where there is none."""
    return math.inf if found.low is None or found.high is None else found.high - found.low


@given(SAMPLES)
@example([(0.0, 0, 0), (0.0, 1, 0), (0.0, 2, 0), (0.25, 3, 0)])  # one cluster holds all there is
@example([(float(c == 0), c, 0) for c in range(8) for _ in range(3)] + [(1.0, 1, 0)])
@example([(float(i < 2 + (c == 0)), c, 0) for c in range(9) for i in range(4)])  # one stands out
@settings(deadline=None, max_examples=50)
def test_mean_is_its_slow_twin(sample: list[tuple[float, int, int]]) -> None:
    """Value, error and interval are those of the formulas written as loops."""
    from scipy.stats import t

    values, clusters = [v for v, _, _ in sample], [c for _, c, _ in sample]
    found = means.mean(values, clusters)
    error = slow_error(values, clusters)
    assert found.value == pytest.approx(sum(values) / len(values))
    if error is None:
        assert (found.std_error, found.low, found.high) == (None, None, None)
        assert "2 clusters" in found.warnings[0]
        return
    assert found.std_error == pytest.approx(error, abs=1e-12)
    effective = 1 / sum((clusters.count(c) / len(clusters)) ** 2 for c in set(clusters))
    degrees = max(0.5, effective - 1)
    if error > 1e-9 and not yes_or_no(values, clusters):
        squares = [s**2 for s in slow_sums(values, clusters).values()]
        degrees = min(degrees, 3 * sum(squares) ** 2 / sum(s**2 for s in squares) - 1)
    quantile = float(t.ppf(0.975, degrees))
    expected = slow_wilson(found.value, slow_worth(values, clusters, error), quantile)
    assert ends(found) == pytest.approx(expected, abs=1e-6)


@given(SAMPLES, st.randoms(use_true_random=False))
@settings(deadline=None, max_examples=50)
def test_order_and_names_do_not_matter(sample: list[tuple[float, int, int]], random) -> None:
    """Reordered observations and renamed clusters give the same estimate."""
    shuffled = random.sample(sample, len(sample))
    for statistic in (means.mean, lambda v, c: means.balanced_accuracy(v, [0] * len(v), c)):
        before = statistic([v for v, _, _ in sample], [c for _, c, _ in sample])
        after = statistic([v for v, _, _ in shuffled], [f"unit {c}" for _, c, _ in shuffled])
        assert after.value == pytest.approx(before.value)
        assert after.std_error == pytest.approx(before.std_error, abs=1e-12)
        assert difference_or_gap(after) == pytest.approx(difference_or_gap(before), abs=1e-9)


@given(SAMPLES)
@settings(deadline=None, max_examples=50)
def test_copies_within_clusters_add_nothing(sample: list[tuple[float, int, int]]) -> None:
    """Asking each item twice does not make its cluster know more."""
    values, clusters = [v for v, _, _ in sample], [c for _, c, _ in sample]
    once, twice = (means.mean(values * k, clusters * k) for k in (1, 2))
    assert twice.std_error == pytest.approx(once.std_error, abs=1e-12)
    assert difference_or_gap(twice) == pytest.approx(difference_or_gap(once), abs=1e-9)


@given(SAMPLES)
@settings(deadline=None, max_examples=50)
def test_intervals_lie_within_bounds_and_have_a_width(sample: list[tuple[float, int, int]]) -> None:
    """Wherever there is an interval it lies in [0, 1], holds the value, and is not a point."""
    values, clusters, classes = (list(column) for column in zip(*sample, strict=True))
    for found in (
        means.mean(values, clusters),
        means.mean(values),
        means.balanced_accuracy(values, classes, clusters),
        *grouped.means_by_level(values, classes, clusters).values(),
    ):
        if found.low is not None and found.high is not None:
            assert 0 <= found.low <= found.value + 1e-12
            assert found.value - 1e-12 <= found.high <= 1
            assert found.high - found.low > 1e-3


def test_one_cluster_has_no_interval() -> None:
    """A single cluster says nothing about spread, and the estimate says so."""
    found = means.mean([1, 0, 1], ["a", "a", "a"], unscored=2)
    assert (found.std_error, found.low, found.high, found.unscored) == (None, None, None, 2)
    assert found.warnings == ("an interval needs at least 2 clusters, got 1",)
    assert found.method == "mean; no interval"


def test_all_right() -> None:
    """Eighty ones are not an interval from 1 to 1: their lower end is that of 80 observations."""
    found = means.mean(np.ones(80))
    assert found.std_error == 0.0
    assert ends(found) == (pytest.approx(0.953, abs=0.001), 1.0)


def test_one_answer_per_cluster_is_wilson() -> None:
    """With one yes/no answer per cluster the interval is Wilson's for n - 1 with Student's t."""
    from scipy.stats import t

    low, high = ends(means.mean([1] * 27 + [0] * 3))
    assert (low, high) == pytest.approx(slow_wilson(0.9, 29, float(t.ppf(0.975, 29))))


def test_unequal_clusters_count_for_less() -> None:
    """Where nothing differs, one big cluster among small ones is not a full set of clusters."""
    equal = means.mean(np.ones(20), np.repeat(np.arange(10), 2))
    unequal = means.mean(np.ones(20), np.repeat(np.arange(10), [11] + [1] * 9))
    assert ends(unequal)[0] < ends(equal)[0]


@pytest.mark.parametrize("seed", range(3))
def test_statsmodels_clusters(seed: int) -> None:
    """An intercept with CR1 errors in statsmodels has the same error and t interval."""
    import statsmodels.api as sm

    rng = np.random.default_rng(seed)
    values, clusters = rng.random(60), rng.integers(0, 12, 60)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        fitted = sm.OLS(values, np.ones(60)).fit(
            cov_type="cluster", cov_kwds={"groups": clusters}, use_t=True
        )
    found = means.mean(values, clusters, bounds=None)
    assert found.std_error == pytest.approx(fitted.bse[0])
    # statsmodels counts clusters where the interval counts what they are worth.
    effective = 1 / np.sum((np.bincount(clusters) / 60) ** 2)
    half = two_sided(0.95, effective - 1) * fitted.bse[0]
    assert ends(found) == pytest.approx((values.mean() - half, values.mean() + half))
    equal = np.arange(60) % 12
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        fitted = sm.OLS(values, np.ones(60)).fit(
            cov_type="cluster", cov_kwds={"groups": equal}, use_t=True
        )
    assert ends(means.mean(values, equal, bounds=None)) == pytest.approx(
        tuple(fitted.conf_int()[0])
    )


@pytest.mark.parametrize("seed", range(3))
def test_statsmodels_balanced(seed: int) -> None:
    """Class means in statsmodels, averaged, have the balanced value, and up to their correction its error."""
    import statsmodels.api as sm

    rng = np.random.default_rng(seed)
    n = 90
    classes, clusters = rng.choice(3, n, p=[0.6, 0.3, 0.1]), rng.integers(0, 15, n)
    values = rng.integers(0, 2, n)
    fitted = sm.OLS(values, np.eye(3)[classes]).fit(
        cov_type="cluster", cov_kwds={"groups": clusters, "use_correction": False}
    )
    contrast = np.full(3, 1 / 3)
    variance = contrast @ fitted.cov_params() @ contrast * 15 / 14
    found = means.balanced_accuracy(values, classes, clusters)
    assert found.value == pytest.approx(contrast @ fitted.params)
    assert found.std_error == pytest.approx(math.sqrt(variance))


def test_balanced_accuracy_of_a_constant_answer() -> None:
    """Who always says the common class is half right of two classes, however common it is."""
    found = means.balanced_accuracy([1] * 90 + [0] * 10, ["x"] * 90 + ["y"] * 10)
    assert found.value == 0.5
    assert found.method.startswith("balanced over 2 classes")


def test_difference_is_its_slow_twin() -> None:
    """The square-and-add rule on two Wilson intervals, and Welch's t on the same data."""
    from scipy.stats import ttest_ind

    rng = np.random.default_rng(1)
    a, b = rng.random(30), rng.random(50) * 0.8
    found, welch = means.difference_of_means(a, b), means.difference_of_means(a, b, bounds=None)
    # Each side's interval has the degrees of freedom of both, weighted by what each is wide.
    (l1, u1), (l2, u2) = ends(means.mean(a)), ends(means.mean(b))
    v1, v2 = (((u1 - l1) / two_sided(0.95, 29)) ** 2, ((u2 - l2) / two_sided(0.95, 49)) ** 2)
    quantile = two_sided(0.95, (v1 + v2) ** 2 / (v1**2 / 29 + v2**2 / 49))
    l1, u1 = slow_wilson(a.mean(), a.mean() * (1 - a.mean()) * 30 / a.var(ddof=1), quantile)
    l2, u2 = slow_wilson(b.mean(), b.mean() * (1 - b.mean()) * 50 / b.var(ddof=1), quantile)
    value = a.mean() - b.mean()
    low = value - math.sqrt((a.mean() - l1) ** 2 + (u2 - b.mean()) ** 2)
    high = value + math.sqrt((u1 - a.mean()) ** 2 + (b.mean() - l2) ** 2)
    assert found.value == pytest.approx(value)
    assert ends(found) == pytest.approx((low, high))
    interval = ttest_ind(a, b, equal_var=False).confidence_interval()
    assert ends(welch) == pytest.approx((interval.low, interval.high))


def test_newcombe_published() -> None:
    """Newcombe (1998) part II, method 10: 56/70 against 48/80 gives 0.0524 to 0.3339."""
    a, b = np.repeat([1, 0], [56, 14]), np.repeat([1, 0], [48, 32])
    low, high = ends(means.difference_of_means(a, b))
    # Student's t instead of the normal, and s with n - 1, widen the published interval a little.
    assert (low, high) == (pytest.approx(0.0524, abs=0.004), pytest.approx(0.3339, abs=0.004))
    assert low < 0.0524
    assert high > 0.3339


def test_difference_of_two_perfect_sets() -> None:
    """Two sets without a mistake differ by 0, give or take: the interval is no point."""
    low, high = ends(means.difference_of_means(np.ones(20), np.ones(30)))
    assert -0.3 < low < -0.05 < 0.05 < high < 0.3
    assert means.difference_of_means([1], [1, 1]).low is None


def test_no_spread_and_no_bounds() -> None:
    """Without bounds, equal values allow no interval, and the estimate says so."""
    for found in (
        means.mean([2, 2, 2], bounds=None),
        means.difference_of_means([2, 2], [3, 3], bounds=None),
    ):
        assert (found.std_error, found.low, found.high) == (0.0, None, None)
        assert found.warnings[-1].endswith("there is no interval")


def test_worst_and_best() -> None:
    """Missing values make two bounds, which meet when nothing is missing."""
    values, scored = [1, 0, 1, math.nan], [True, True, True, False]
    worst, best = missing.worst_and_best(values, scored)
    assert (worst.value, best.value, worst.unscored, best.unscored) == (0.5, 0.75, 1, 1)
    worst, best = missing.worst_and_best([1, 0, 1], [True] * 3)
    assert worst == best == means.mean([1, 0, 1])


def test_means_by_level() -> None:
    """Each level's estimate is that of its own items."""
    values, levels, clusters = [1, 0, 1, 1, 0], ["b", "a", "b", "a", "b"], [1, 1, 2, 2, 3]
    found = grouped.means_by_level(values, levels, clusters)
    assert found == {
        "a": means.mean([0, 1], [1, 2]),
        "b": means.mean([1, 1, 0], [1, 2, 3]),
    }


@pytest.mark.parametrize(
    ("values", "clusters", "match"),
    [
        ([], None, "no values"),
        ([0.5, math.nan], None, "value 1 is nan"),
        ([0.5, math.inf], None, "value 1 is inf"),
        ([[0.5]], None, "one dimension"),
        ([0.5, 1.5], None, r"0.5 to 1.5; allowed: 0.0 to 1.0"),
        ([0.5, 1], [1], r"shape \(1,\)"),
        ([0.5, 1], [1, math.nan], "label 1 is missing"),
    ],
)
def test_refused(values: list[float], clusters: list[float] | None, match: str) -> None:
    """What cannot be averaged is refused in one line that says where it is."""
    with pytest.raises(ValueError, match=match):
        means.mean(values, clusters)


def test_rough_intervals_say_so() -> None:
    """Few clusters, clusters worth few, and errors in few clusters warn; an ordinary run does not."""
    rng = np.random.default_rng(0)
    scores, twenty = (rng.random(480) < 0.6).astype(float), np.repeat(np.arange(20), 24)
    assert means.mean(scores, twenty).warnings == ()
    assert means.mean(scores, np.repeat(np.arange(5), 96)).warnings == ()
    (few,) = means.mean(scores, np.repeat(np.arange(3), 160)).warnings
    assert few == "only 3 clusters: the standard error is rough"
    (uneven,) = means.mean(scores, np.maximum(0, np.arange(480) - 400)).warnings
    assert uneven == "only 80 clusters, worth 1.4 of one size: the standard error is rough"
    (rare,) = means.mean(np.arange(480) < 20, twenty).warnings
    assert rare == "the rarer outcome lies in few clusters (about 1.0): others may hold more"
    mirrored = means.mean(np.arange(480) >= 20, twenty)
    assert mirrored.warnings == (rare,)
    either = means.difference_of_means(np.arange(480) < 20, scores, twenty, twenty)
    assert either.warnings == (f"a: {rare}",)
    assert means.mean(scores, np.repeat(np.arange(5), 96), bounds=None).warnings != ()


def test_one_big_cluster_costs_degrees_of_freedom() -> None:
    """A cluster with half of the items leaves fewer degrees of freedom than clusters less one."""
    scores = np.tile([1.0, 0.0], 40)
    equal = means.mean(scores, np.arange(80) % 20)
    unequal = means.mean(scores, np.maximum(0, np.arange(80) // 2 - 20))
    assert equal.method.endswith("t with 19 df")
    assert unequal.method.endswith("t with 2.478 df")


def test_calibration() -> None:
    """No interval of the quick calibration surely breaks its promise, and most are claimed."""
    found = list(intervals.cases(100, quick=True))
    assert [case for case in found if case.surely_breaks()] == []
    assert sum(case.claimed for case in found) > len(found) / 2


@pytest.mark.parametrize("count", [20, 50, 100])
@pytest.mark.parametrize("p", [0.5, 0.9, 0.99])
def test_coverage_of_the_clustered_interval(p: float, count: int) -> None:
    """Clusters of four with correlated scores: the 95 % interval covers in at least 92 %."""
    rng = np.random.default_rng([count, round(100 * p)])
    runs, shared = 500, 0.5
    clusters = np.repeat(np.arange(count), 4)
    own = rng.random((runs, count, 4)) < p
    common = np.broadcast_to(rng.random((runs, count, 1)) < p, own.shape)
    scores = np.where(rng.random((runs, count, 1)) < shared, common, own).reshape(runs, -1)
    covered = 0
    for row in scores:
        low, high = ends(means.mean(row, clusters))
        covered += low <= p <= high
    assert covered / runs >= 0.92


def test_few_large_clusters_warn() -> None:
    """Clusters worth few of one size, and less than half their number, warn; worth many, they do not."""
    scores = np.tile([1.0, 0.0], 300)
    few = np.repeat(np.arange(12), [11] * 8 + [128] * 4)
    (warning,) = means.mean(scores, few).warnings
    assert warning.startswith("only 12 clusters, worth 5.4 of one size")
    assert means.mean(scores, np.arange(600) % 12).warnings == ()
